"""Local time: the zone of where a play was heard, and what the clocks there showed."""

from datetime import UTC, datetime
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.local_times import local
from soundlake.zones import MOST_PEOPLE, ZoneError, countries, parse_zone, zone_of

ZONES = sorted({zone for each in countries().values() for zone in each})
SEVERAL = sorted(code for code, zones in countries().items() if len(zones) > 1)


def heard(
    times: list[str | None], places: list[str | None], zone: str | None = None
) -> list[tuple[str | None, str | None]]:
    """The zone and the local time of plays, as texts."""
    at = [datetime.fromisoformat(one) if one else None for one in times]
    zones, clocks = local(pa.array(at, pa.timestamp("ms")), pa.array(places, pa.string()), zone)
    assert zones.type == pa.string()
    assert clocks.type == pa.timestamp("ms")
    shown = [one and one.isoformat(" ") for one in clocks.to_pylist()]
    return list(zip(zones.to_pylist(), shown, strict=True))


@cache
def packaged(zone: str) -> ZoneInfo:
    """A zone of the package, whatever this machine's own database says of it."""
    with resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, zone)


#### WHICH ZONE ####################################################################################


def test_a_country_with_one_zone_has_that_whatever_the_accounts_own_is() -> None:
    assert zone_of("NO", "America/New_York") == "Europe/Oslo"


def test_of_several_zones_it_is_the_accounts_own_where_it_lies_there() -> None:
    assert zone_of("US", "America/Denver") == "America/Denver"


def test_of_several_zones_it_is_that_of_most_people_for_who_comes_from_elsewhere() -> None:
    assert zone_of("US", "Europe/Oslo") == "America/New_York"
    assert zone_of("US") == "America/New_York"


@pytest.mark.parametrize("country", [None, "", "ZZ", "EU"])
def test_without_a_country_it_is_the_accounts_own_or_unknown(country: str | None) -> None:
    assert zone_of(country, "Europe/Oslo") == "Europe/Oslo"
    assert zone_of(country) is None


def test_kosovo_has_a_zone_under_the_code_that_spotify_uses() -> None:
    assert zone_of("XK") == "Europe/Belgrade"


@pytest.mark.parametrize("country", SEVERAL)
def test_every_country_of_several_zones_says_which_has_most_people(country: str) -> None:
    assert MOST_PEOPLE[country] in countries()[country]


def test_no_country_of_one_zone_is_named_beside_those_of_several() -> None:
    assert sorted(MOST_PEOPLE) == SEVERAL


def test_every_zone_is_in_the_package() -> None:
    assert len(ZONES) > 400
    for zone in ZONES:
        local(pa.array([0], pa.timestamp("ms")), pa.array([None], pa.string()), zone)


#### WHAT THE CLOCKS SHOW ##########################################################################


@pytest.mark.parametrize(
    ("utc", "country", "shown"),
    [
        ("2026-01-31T23:30:00.123", "NO", "2026-02-01 00:30:00.123000"),
        ("2026-07-31T23:30:00", "NO", "2026-08-01 01:30:00"),
        ("2026-03-29T00:59:59.999", "NO", "2026-03-29 01:59:59.999000"),  # clocks go forward
        ("2026-03-29T01:00:00", "NO", "2026-03-29 03:00:00"),
        ("2026-10-25T00:59:59", "NO", "2026-10-25 02:59:59"),  # and back: 02:59:59 twice
        ("2026-10-25T01:59:59", "NO", "2026-10-25 02:59:59"),
        ("2026-01-01T00:00:00", "IN", "2026-01-01 05:30:00"),  # half an hour
        ("2026-01-01T00:00:00", "NP", "2026-01-01 05:45:00"),  # a quarter
        ("2010-08-01T00:00:00", "VE", "2010-07-31 19:30:00"),  # by law from 2007 to 2016
        ("2020-08-01T00:00:00", "VE", "2020-07-31 20:00:00"),
        ("2011-12-29T12:00:00", "WS", "2011-12-29 02:00:00"),  # Samoa had no 30 December
        ("2011-12-30T12:00:00", "WS", "2011-12-31 02:00:00"),
        ("2012-07-01T12:00:00", "RU", "2012-07-01 16:00:00"),  # summer time for three years
        ("2016-07-01T12:00:00", "RU", "2016-07-01 15:00:00"),
        ("2006-11-05T12:00:00", "US", "2006-11-05 07:00:00"),  # back a week earlier in 2006
        ("2007-11-03T12:00:00", "US", "2007-11-03 08:00:00"),
    ],
)
def test_known_moments(utc: str, country: str, shown: str) -> None:
    assert heard([utc], [country])[0][1] == shown


@pytest.mark.parametrize(
    ("utc", "zone", "shown"),
    [
        # Until 2011 Newfoundland changed its clocks a minute after midnight, between full hours.
        ("2010-03-14T03:30:59", "America/St_Johns", "2010-03-14 00:00:59"),
        ("2010-03-14T03:31:00", "America/St_Johns", "2010-03-14 01:01:00"),
        ("2026-04-04T14:59:59", "Australia/Lord_Howe", "2026-04-05 01:59:59"),  # by half an hour
        ("2026-04-04T15:00:00", "Australia/Lord_Howe", "2026-04-05 01:30:00"),
    ],
)
def test_moments_at_which_clocks_change_between_full_hours(utc: str, zone: str, shown: str) -> None:
    country = next(code for code, zones in countries().items() if zone in zones)

    assert heard([utc], [country], zone) == [(zone, shown)]


def test_a_play_on_a_journey_has_the_time_of_where_it_was_heard() -> None:
    at = "2026-06-01T20:00:00"

    assert heard([at, at, at, at], ["NO", "JP", "CA", None], "Europe/Oslo") == [
        ("Europe/Oslo", "2026-06-01 22:00:00"),
        ("Asia/Tokyo", "2026-06-02 05:00:00"),
        ("America/Toronto", "2026-06-01 16:00:00"),
        ("Europe/Oslo", "2026-06-01 22:00:00"),
    ]


def test_what_is_unknown_is_null_in_both() -> None:
    at = "2026-06-01T20:00:00"

    assert heard([at, None], [None, "NO"]) == [(None, None), (None, None)]


def test_no_plays_have_no_local_times() -> None:
    assert heard([], []) == []


def test_columns_in_chunks_are_read_too() -> None:
    times = pa.chunked_array([pa.array([0], pa.timestamp("ms")), pa.array([1], pa.timestamp("ms"))])
    zones, clocks = local(times, pa.chunked_array([["NO", "JP"]]), None)

    assert zones.to_pylist() == ["Europe/Oslo", "Asia/Tokyo"]
    assert clocks.cast(pa.int64()).to_pylist() == [3_600_000, 32_400_001]


MILLIS = st.integers(1_136_073_600_000, 2_000_000_000_000)


@given(st.lists(st.tuples(MILLIS, st.sampled_from([None, *countries()]))), st.sampled_from(ZONES))
def test_many_plays_are_shown_as_each_alone(plays: list[tuple[int, str | None]], zone: str) -> None:
    zones, clocks = local(
        pa.array([at for at, _ in plays], pa.timestamp("ms")),
        pa.array([country for _, country in plays], pa.string()),
        zone,
    )

    for (at, country), name, shown in zip(
        plays, zones.to_pylist(), clocks.cast(pa.int64()).to_pylist(), strict=True
    ):
        assert name == zone_of(country, zone)
        aware = datetime.fromtimestamp(at // 1000, UTC).astimezone(packaged(name))
        offset = aware.utcoffset()
        assert offset is not None
        assert shown == at + offset.total_seconds() * 1000


#### THE ACCOUNT'S OWN #############################################################################


@pytest.mark.parametrize("text", ["Europe/Oslo", "europe/oslo", " Europe/Oslo "])
def test_a_zone_is_read_in_whatever_case(text: str) -> None:
    assert parse_zone(text) == "Europe/Oslo"


def test_a_zone_of_two_words_is_read_with_a_space() -> None:
    assert parse_zone("America/New York") == "America/New_York"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("Europe/Olso", "Europe/Oslo"),
        ("US/Pacific", "America/Los_Angeles"),
    ],
)
def test_what_is_no_place_is_refused_with_what_was_meant(text: str, meant: str) -> None:
    with pytest.raises(ZoneError, match=f"'{text}' is not .* did you mean {meant}") as refused:
        parse_zone(text)

    assert refused.value.__cause__ is None


@pytest.mark.parametrize("text", ["", "+01:00", "../etc/passwd"])
def test_what_is_nothing_like_a_zone_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ZoneError, match="write it like Europe/Oslo or America/New_York"):
        parse_zone(text)
