"""What of an upload is not kept, by name and by value."""

from typing import Any

import pytest
from soundlake.importing.redaction import is_address, redact


@pytest.mark.parametrize(
    "value",
    [
        "203.0.113.9",
        " 203.0.113.9 ",
        "203.0.113.9:443",
        "203.0.113.xxx",
        "203.0.113.*",
        "203.0.113.0/24",
        "2001:db8::9",
        "2001:db8::/32",
        "[2001:db8::9]",
        "fe80::1%eth0",
        "::1",
        "[2001:db8::9]:443",
        "::ffff:203.0.113.9",
    ],
)
def test_an_address_is_known_in_every_form(value: str) -> None:
    assert is_address(value)
    assert redact({"anything": value, "list": [value, 1]}) == {"list": [1]}
    assert redact({"title": value}, {"title"}) == {"title": value}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        "1.0",
        "203",
        "10.0.19041",
        "12:34",
        "12:34:56",
        "a:b",
        "2024-05-01T18:42:07Z",
        4,
        None,
    ],
)
def test_what_is_no_address(value: Any) -> None:
    assert not is_address(value)
    assert redact({"anything": value}) == {"anything": value}


@pytest.mark.parametrize(
    "key",
    [
        "username",
        "ip_addr",
        "ip_addr_decrypted",
        "user_agent_decrypted",
        "city",
        "region",
        "metro_code",
        "longitude",
        "latitude",
        "user",
        "user_name",
        "user_id",
        "ip",
        "clientIp",
        "client_ip",
        "IPAddress",
        "ipv6",
        "peerip",
        "userAgent",
        "musicbrainz_username",
        "email",
        "homeCity",
        "region_code",
        "metro",
        "street_address",
        "geo",
        "lat",
        "lon",
        "lng",
        "gps_position",
        "birthdate",
        "birthDate",
        "date_of_birth",
        "gender",
        "first_name",
        "lastName",
        "display-name",
        "hostname",
        "device_id",
        "accountId",
        "street",
        "post_code",
        "phone",
        "postalCode",
    ],
)
def test_a_key_that_tells_of_a_person_is_left_out_at_any_depth(key: str) -> None:
    assert redact({"a": [{key: "x", "b": 1}], key: {"c": 2}}, {"a"}) == {"a": [{"b": 1}]}


@pytest.mark.parametrize(
    "key",
    [
        *("skip", "skipped", "clip", "description", "platform", "duration", "playlist", "alone"),
        *("device", "album_name", "account_type", "status_error"),
    ],
)
def test_a_key_that_only_looks_like_it_stays(key: str) -> None:
    assert redact({key: "x"}) == {key: "x"}
