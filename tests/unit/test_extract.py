"""Extract: each chart asked once a day, its answer kept as it came and never overwritten."""

import json
import time
from collections.abc import Callable
from datetime import date, timedelta
from gzip import decompress
from typing import Any

import pytest
import requests
from soundlake.store.objects import Bucket
from soundlake.times import format_time

from tests.unit.helpers import (
    BUCKET,
    MONTH,
    NORWAY,
    NORWAY_CHART,
    NOW,
    PREFIX,
    TODAY,
    FakeSpotify,
    Killed,
    Row,
    Zones,
    invoke,
    keep_chart,
    keep_raw,
    next_page,
    page,
    playlist,
    playlist_id,
    spend_quota,
    track,
)

PLAYLIST = f"/v1/playlists/{NORWAY}"
ITEMS = f"{PLAYLIST}/items"
DAY = f"raw/charts/spotify/daily-NO/{TODAY}/"
FIRST = f"{DAY}001/page-01.json.gz"
SECOND = f"{DAY}001/page-02.json.gz"
TOMORROW = {"Date": "Sun, 22 Nov 2026 00:00:00 GMT"}


def extract(date: str = TODAY, **given: Any) -> Row:
    event = {"chart": NORWAY_CHART, "date": date, "again": False, "not_before": None}
    return invoke("extract", event | {"requests": {}} | given)


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(seconds: float) -> None:
        raise AssertionError(f"slept {seconds} s")

    monkeypatch.setattr(time, "sleep", refuse)


@pytest.fixture
def one_page(spotify: FakeSpotify) -> FakeSpotify:
    spotify.playlists[NORWAY] = [playlist([track(1), None])]
    return spotify


@pytest.fixture
def three_pages(spotify: FakeSpotify) -> FakeSpotify:
    spotify.playlists[NORWAY] = [
        playlist([track(1)], following=next_page(2)),
        page([track(2)], following=next_page(3)),
        page([track(3)]),
    ]
    return spotify


def test_an_answer_is_kept_as_it_came_with_spotifys_time(
    one_page: FakeSpotify, zones: Zones
) -> None:
    result = extract()

    requests_made = {"api/token": 1, "playlists/{id}": 1}
    assert result == {
        "status": "extracted",
        "raw_keys": [FIRST],
        "earlier_keys": [],
        "requests": requests_made,
        "counts": {"requests": 2},
    }
    assert json.loads(decompress(zones.body(FIRST))) == playlist([track(1), None])
    metadata = zones.s3.head_object(Bucket=BUCKET, Key=FIRST)["Metadata"]
    assert metadata == {"at": "2026-11-21T09:18:00.000Z", "request": PLAYLIST}


def test_an_answer_that_is_there_is_used_again_without_a_request(
    one_page: FakeSpotify, zones: Zones
) -> None:
    extract()
    asked, versions = list(one_page.asked), zones.versions()

    again = extract()

    assert (again["status"], again["raw_keys"], again["requests"]) == ("extracted", [FIRST], {})
    assert one_page.asked == asked
    assert zones.versions() == versions


def test_a_kept_day_can_be_read_on_any_later_day_without_credentials(
    one_page: FakeSpotify, zones: Zones, ssm: Any
) -> None:
    extract()
    one_page.pass_time(days=400)
    ssm.delete_parameter(Name=f"{PREFIX}/spotify/app")

    assert extract()["raw_keys"] == [FIRST]


def test_every_page_is_asked_and_kept(three_pages: FakeSpotify, zones: Zones) -> None:
    result = extract()

    keys = [f"{DAY}001/page-0{number}.json.gz" for number in (1, 2, 3)]
    assert result["raw_keys"] == keys
    assert zones.keys("raw/") == keys
    assert [json.loads(decompress(zones.body(key))) for key in keys] == three_pages.playlists[
        NORWAY
    ]
    assert result["requests"] == {"api/token": 1, "playlists/{id}": 1, "playlists/{id}/items": 2}
    assert extract()["raw_keys"] == keys


def test_after_a_rate_limit_the_first_page_is_not_asked_again(three_pages: FakeSpotify) -> None:
    three_pages.reply(ITEMS, 429, {}, {"Retry-After": "9"})
    limited = extract()

    result = extract()

    assert (limited["status"], limited["retry_after"]) == ("rate_limited", 9)
    assert result["status"] == "extracted"
    assert len(result["raw_keys"]) == 3
    assert three_pages.api_requests() == [f"GET {PLAYLIST}", *[f"GET {ITEMS}"] * 3]


@pytest.mark.parametrize("write", [1, 2, 3])
def test_killed_before_any_write_the_next_try_goes_on(
    write: int, three_pages: FakeSpotify, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, writes = Bucket.put, iter(range(1, 100))

    def dying(*args: Any, **options: Any) -> None:
        if next(writes) == write:
            raise Killed
        put(*args, **options)

    monkeypatch.setattr(Bucket, "put", dying)
    with pytest.raises(Killed):
        extract()
    kept = zones.contents("raw/")

    result = extract()

    assert len(kept) == write - 1
    assert len(result["raw_keys"]) == 3
    assert zones.contents("raw/").items() >= kept.items()
    assert len(three_pages.api_requests()) == 3 + 1  # only the unkept answer is asked again


def test_a_page_that_another_process_kept_first_is_gone_on_from(
    three_pages: FakeSpotify, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both asked at once: what is kept is one answer, and not parts of two."""
    put, rivals = Bucket.put, iter([playlist([track(9)])])

    def late(self: Bucket, key: str, body: bytes, **options: Any) -> None:
        for rival in rivals:
            keep_raw(zones, key, rival)
        put(self, key, body, **options)

    monkeypatch.setattr(Bucket, "put", late)

    result = extract()

    assert (result["status"], result["raw_keys"]) == ("extracted", [FIRST])
    assert three_pages.api_requests() == [f"GET {PLAYLIST}"]
    assert json.loads(decompress(zones.body(FIRST))) == playlist([track(9)])


def test_a_next_page_outside_spotifys_api_is_refused(spotify: FakeSpotify) -> None:
    elsewhere = "https://elsewhere.test/v1/playlists/x"
    spotify.playlists[NORWAY] = [playlist([track(1)], following=elsewhere)]

    result = extract()

    assert result["status"] == "failed"
    assert result["error"] == "the answer's next page lies outside Spotify's API"
    assert spotify.api_requests() == [f"GET {PLAYLIST}"]


def test_a_next_page_outside_spotifys_api_does_not_spoil_the_day(spotify: FakeSpotify) -> None:
    elsewhere = "https://elsewhere.test/v1/playlists/x"
    spotify.playlists[NORWAY] = [playlist([track(1)], following=elsewhere)]
    extract()
    spotify.playlists[NORWAY] = [playlist([track(1)])]

    assert extract()["status"] == "extracted"


def test_pages_without_end_are_refused(spotify: FakeSpotify) -> None:
    spotify.playlists[NORWAY] = [
        playlist([track(1)], following=next_page(2)),
        page([track(2)], following=next_page(2)),
    ]

    result = extract()

    assert result["status"] == "failed"
    assert result["error"] == f"the playlist {NORWAY}: more than 10 pages"
    assert len(spotify.api_requests()) == 10


# What is damaged.


def test_a_damaged_answer_is_superseded_and_not_overwritten(
    one_page: FakeSpotify, zones: Zones
) -> None:
    extract()
    damaged = zones.damage(FIRST)
    versions = zones.versions(FIRST)

    result = extract()

    second_attempt = f"{DAY}002/page-01.json.gz"
    assert result["raw_keys"] == [second_attempt]
    assert zones.body(FIRST) == damaged
    assert zones.versions(FIRST) == versions
    again = extract()
    assert (again["raw_keys"], again["requests"]) == ([second_attempt], {})


def test_attempts_go_on_counting(one_page: FakeSpotify, zones: Zones) -> None:
    extract()
    zones.damage(FIRST)
    zones.damage(extract()["raw_keys"][0])

    assert extract()["raw_keys"] == [f"{DAY}003/page-01.json.gz"]


def test_one_damaged_page_supersedes_the_whole_attempt(
    three_pages: FakeSpotify, zones: Zones
) -> None:
    extract()
    zones.damage(SECOND)

    result = extract()

    assert result["raw_keys"] == [f"{DAY}002/page-0{number}.json.gz" for number in (1, 2, 3)]
    assert len(zones.keys("raw/")) == 6


def test_a_further_page_that_is_no_page_is_named_and_does_not_spoil_the_day(
    three_pages: FakeSpotify,
) -> None:
    three_pages.reply(ITEMS, body={"items": None})
    failed = extract()

    result = extract()

    assert failed["status"] == "failed"
    assert failed["error"].startswith("the playlist's page: items: ")
    assert result["status"] == "extracted"
    assert len(result["raw_keys"]) == 3


def test_a_damaged_past_answer_is_unavailable_and_nothing_takes_its_place(
    one_page: FakeSpotify, zones: Zones
) -> None:
    extract()
    zones.damage(FIRST)
    one_page.pass_time(days=1)

    result = extract()

    assert result["status"] == "unavailable"
    assert zones.keys("raw/") == [FIRST]


def test_another_playlist_is_refused_and_not_kept(spotify: FakeSpotify, zones: Zones) -> None:
    other = playlist_id("Sweden")
    spotify.playlists[NORWAY] = [playlist([track(1)], ident=other)]

    result = extract()

    assert result["status"] == "failed"
    assert result["error"] == f"the playlist: id: {other} instead of {NORWAY}"
    assert zones.keys() == []


@pytest.mark.parametrize("body", [b"{", b"<html></html>", b""])
def test_an_answer_that_is_not_json_is_not_kept(
    body: bytes, one_page: FakeSpotify, zones: Zones
) -> None:
    one_page.reply(PLAYLIST, 200, body)

    result = extract()

    assert result["error"] == f"{PLAYLIST}: the answer is not JSON"
    assert zones.keys() == []
    assert extract()["status"] == "extracted"


# The answer before.


def days_ago(days: int) -> str:
    return (date.fromisoformat(TODAY) - timedelta(days=days)).isoformat()


@pytest.mark.parametrize("kept", [False, True])
def test_the_latest_earlier_answer_is_named_with_its_latest_attempt(
    kept: bool, one_page: FakeSpotify, zones: Zones
) -> None:
    for ago in (2, 3, 13):
        keep_chart(zones, [track(ago)], day=days_ago(ago))
    folder = f"raw/charts/spotify/daily-NO/{days_ago(2)}"
    latest = [f"{folder}/010/page-0{number}.json.gz" for number in (1, 2)]
    for key in (f"{folder}/002/page-01.json.gz", *latest):
        keep_raw(zones, key, page([track(1)]))
    if kept:
        extract()

    assert extract()["earlier_keys"] == latest


@pytest.mark.parametrize(("ago", "found"), [(1, True), (14, True), (15, False), (-1, False)])
def test_an_earlier_answer_is_of_the_last_fourteen_days(
    ago: int, found: bool, one_page: FakeSpotify, zones: Zones
) -> None:
    key = keep_chart(zones, [track(1)], day=days_ago(ago))

    result = extract()

    assert result["earlier_keys"] == ([key] if found else [])
    assert result["raw_keys"] == [FIRST]


def test_an_earlier_answer_is_this_charts_own(one_page: FakeSpotify, zones: Zones) -> None:
    for chart in ("daily-NOR", "daily-N", "weekly-NO", "daily-SE"):
        keep_chart(zones, [track(1)], NORWAY_CHART | {"chart": chart}, days_ago(1))

    assert extract()["earlier_keys"] == []


def test_an_earlier_answer_is_named_for_a_past_day_too(one_page: FakeSpotify, zones: Zones) -> None:
    keys = [keep_chart(zones, [track(ago)], day=days_ago(ago)) for ago in (7, 6, 5)]

    result = extract(days_ago(6))

    assert (result["raw_keys"], result["earlier_keys"]) == ([keys[1]], [keys[0]])
    assert one_page.asked == []


# Asked again.


AGAIN = f"{DAY}002/page-01.json.gz"


def test_a_refused_answer_is_asked_for_again_while_its_day_lasts(
    one_page: FakeSpotify, zones: Zones
) -> None:
    extract()
    before = zones.body(FIRST)
    one_page.playlists[NORWAY] = [playlist([track(7)])]

    result = extract(again=True)

    assert (result["status"], result["raw_keys"]) == ("extracted", [AGAIN])
    assert result["earlier_keys"] == []
    assert json.loads(decompress(zones.body(AGAIN))) == playlist([track(7)])
    assert zones.body(FIRST) == before
    assert extract()["raw_keys"] == [AGAIN]


def test_a_refused_answer_of_a_past_day_stays_the_days_answer(
    one_page: FakeSpotify, zones: Zones
) -> None:
    extract()
    one_page.pass_time(days=1)
    asked = one_page.api_requests()

    result = extract(again=True, not_before=format_time(NOW + timedelta(days=9)))

    assert (result["status"], result["raw_keys"]) == ("extracted", [FIRST])
    assert one_page.api_requests() == asked
    assert zones.keys() == [FIRST]


def test_without_an_answer_there_is_none_to_ask_again_for(one_page: FakeSpotify) -> None:
    assert extract(again=True)["raw_keys"] == [FIRST]


def test_a_half_kept_answer_is_gone_on_with_and_not_begun_anew(
    three_pages: FakeSpotify, zones: Zones
) -> None:
    three_pages.reply(ITEMS, 429, {}, {"Retry-After": "9"})
    extract()
    assert zones.keys() == [FIRST]

    result = extract(again=True)

    assert result["raw_keys"] == [f"{DAY}001/page-0{number}.json.gz" for number in (1, 2, 3)]
    assert zones.keys() == result["raw_keys"]
    assert three_pages.api_requests() == [f"GET {PLAYLIST}", *[f"GET {ITEMS}"] * 3]


def test_an_answer_asked_for_again_survives_a_rate_limit(
    three_pages: FakeSpotify, zones: Zones
) -> None:
    extract()
    three_pages.reply(ITEMS, 429, {}, {"Retry-After": "9"}, after=1)
    limited = extract(again=True)
    asked = len(three_pages.api_requests())

    result = extract(again=True)

    assert limited["status"] == "rate_limited"
    assert result["raw_keys"] == [f"{DAY}002/page-0{number}.json.gz" for number in (1, 2, 3)]
    assert len(three_pages.api_requests()) == asked + 1
    assert len(zones.keys()) == 6


def test_a_damaged_answer_asked_for_again_is_superseded_once(
    one_page: FakeSpotify, zones: Zones
) -> None:
    extract()
    zones.damage(FIRST)

    assert extract(again=True)["raw_keys"] == [AGAIN]
    assert zones.keys() == [FIRST, AGAIN]


# Not before.


@pytest.mark.parametrize("again", [False, True])
def test_a_wait_of_an_earlier_run_is_kept_to_without_asking(
    again: bool, one_page: FakeSpotify, zones: Zones
) -> None:
    if again:
        extract()
    asked, kept = one_page.api_requests(), zones.keys()

    result = extract(again=again, not_before="2026-11-21T09:20:00.250Z")

    assert (result["status"], result["retry_after"]) == ("rate_limited", 121)
    assert result["not_before"] == "2026-11-21T09:20:01.000Z"
    assert result["error"] == "Spotify's rate limit: wait 121 s."
    assert one_page.api_requests() == asked
    assert zones.keys() == kept


@pytest.mark.parametrize("until", ["2026-11-21T09:18:00Z", "2026-11-20T00:00:00Z"])
def test_a_wait_that_is_over_is_none(until: str, one_page: FakeSpotify) -> None:
    assert extract(not_before=until)["status"] == "extracted"


def test_what_is_kept_waits_for_nobody(one_page: FakeSpotify) -> None:
    extract()

    result = extract(not_before="2026-11-22T00:00:00Z")

    assert (result["status"], result["raw_keys"]) == ("extracted", [FIRST])
    assert result["requests"] == {}


# The day.


@pytest.mark.parametrize("date", ["2026-11-20", "2026-11-22", "2025-11-21"])
def test_another_day_than_spotifys_is_unavailable_and_the_api_is_not_asked(
    date: str, one_page: FakeSpotify, zones: Zones
) -> None:
    result = extract(date)

    assert result == {
        "status": "unavailable",
        "error": f"Spotify shows only today's chart (2026-11-21, UTC) and no answer of {date} was "
        "kept, so that day is unavailable.",
        "requests": {"api/token": 1},
        "counts": {"requests": 1},
    }
    assert one_page.api_requests() == []
    assert zones.keys() == []


def test_an_answer_from_after_midnight_is_not_kept_under_the_day_before(
    one_page: FakeSpotify, zones: Zones
) -> None:
    one_page.reply(PLAYLIST, 200, playlist([track(1)]), TOMORROW)

    result = extract()

    assert result["status"] == "unavailable"
    assert "only today's chart (2026-11-22, UTC)" in result["error"]
    assert result["requests"]["playlists/{id}"] == 1
    assert zones.keys() == []


def test_a_page_from_after_midnight_is_not_kept_beside_the_days_first(
    three_pages: FakeSpotify, zones: Zones
) -> None:
    three_pages.reply(ITEMS, 200, page([track(2)]), TOMORROW)

    result = extract()

    assert result["status"] == "unavailable"
    assert zones.keys() == [FIRST]


def test_a_warm_process_knows_the_day_without_any_request(one_page: FakeSpotify) -> None:
    extract()
    asked = list(one_page.asked)

    result = extract("2026-11-20")

    assert result["status"] == "unavailable"
    assert result["requests"] == {}
    assert one_page.asked == asked


# Refusals.


@pytest.mark.parametrize(("header", "seconds"), [({"Retry-After": "77"}, 77), ({}, 30)])
@pytest.mark.parametrize("path", ["/api/token", PLAYLIST])
def test_a_rate_limit_is_returned_and_not_slept(
    path: str, header: dict[str, str], seconds: int, one_page: FakeSpotify, zones: Zones
) -> None:
    one_page.reply(path, 429, {}, header)

    result = extract()

    assert (result["status"], result["retry_after"]) == ("rate_limited", seconds)
    assert result["error"] == f"Spotify's rate limit: wait {seconds} s."
    assert result["not_before"] == format_time(NOW + timedelta(seconds=seconds))
    assert zones.keys() == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_that_passes_is_not_noticed(status: int, one_page: FakeSpotify) -> None:
    for _ in range(2):
        one_page.reply(PLAYLIST, status, {}, {"Retry-After": "3600"})

    assert extract()["status"] == "extracted"
    assert one_page.api_requests() == [f"GET {PLAYLIST}"] * 3


@pytest.mark.parametrize(
    ("status", "start"),
    [
        (401, f"Spotify refused {PLAYLIST} with 401: Words. "),
        (403, f"Spotify refused {PLAYLIST} with 403: Words. "),
        (404, f"Spotify answers 404 for {PLAYLIST}: "),
        (400, f"Spotify answered 400 for {PLAYLIST}: Words."),
    ],
)
def test_a_refusal_is_a_sentence(status: int, start: str, one_page: FakeSpotify) -> None:
    for _ in range(2):  # a 401 is believed when a new token is refused too
        one_page.reply(PLAYLIST, status, {"error": {"status": status, "message": "Words"}})

    result = extract()

    assert result["status"] == "failed"
    assert result["error"].startswith(start)


def test_a_lasting_server_error_is_a_sentence(one_page: FakeSpotify) -> None:
    for _ in range(3):
        one_page.reply(PLAYLIST, 503, {})

    result = extract()

    assert (result["status"], result["retry_after"]) == ("unreachable", 60)
    assert result["not_before"] == "2026-11-21T09:19:00.000Z"
    assert result["error"] == f"Spotify answered 503 for {PLAYLIST}: no reason given."


def test_a_broken_connection_is_a_sentence(one_page: FakeSpotify) -> None:
    one_page.reply(PLAYLIST, error=requests.ConnectionError("refused"))

    result = extract()

    assert (result["status"], result["not_before"]) == ("unreachable", "2026-11-21T09:19:00.000Z")
    assert result["error"].startswith("Spotify could not be reached at api.spotify.test for ")


def test_an_unreachable_token_service_is_a_wait_by_this_machines_clock(
    one_page: FakeSpotify, zones: Zones
) -> None:
    one_page.reply("/api/token", error=requests.ConnectionError("refused"))

    result = extract()

    assert (result["status"], result["retry_after"]) == ("unreachable", 60)
    assert result["not_before"] == "2026-11-21T09:19:00.000Z"
    assert result["error"].startswith(
        "Spotify could not be reached at accounts.spotify.test for api/token "
    )
    assert result["requests"] == {"api/token": 3}
    assert one_page.api_requests() == []
    assert zones.keys() == []
    assert extract()["status"] == "extracted"


def test_a_long_wait_holds_for_the_next_chart_of_this_process(one_page: FakeSpotify) -> None:
    one_page.reply(PLAYLIST, 429, {}, {"Retry-After": "7200"})
    extract()
    asked = list(one_page.asked)
    one_page.pass_time(minutes=30)

    result = extract(chart=NORWAY_CHART | {"chart": "daily-SE", "playlist_id": "x" * 22})

    assert (result["status"], result["retry_after"]) == ("rate_limited", 5400)
    assert result["not_before"] == format_time(NOW + timedelta(hours=2))
    assert result["requests"] == {}
    assert one_page.asked == asked


def test_requests_add_up_over_the_tries_that_a_rate_limit_makes(one_page: FakeSpotify) -> None:
    before = {"api/token": 1, "playlists/{id}": 2}

    limited = extract(requests=before, not_before="2026-11-21T09:18:01Z")
    result = extract(requests=limited["requests"])

    assert limited["requests"] == {"api/token": 2, "playlists/{id}": 2}
    assert result["requests"] == {"api/token": 2, "playlists/{id}": 3}
    assert result["counts"] == {"requests": 1}
    assert extract(requests=before)["requests"] == before  # from what is kept


def test_missing_credentials_are_a_sentence(one_page: FakeSpotify, ssm: Any) -> None:
    ssm.delete_parameter(Name=f"{PREFIX}/spotify/app")

    result = extract()

    assert result["status"] == "failed"
    assert result["error"] == (
        f"There is no SecureString {PREFIX}/spotify/app; write it with ./soundlake app."
    )
    assert result["requests"] == {}
    assert "not_before" not in result


def test_corrected_credentials_are_used_by_the_next_invocation(
    one_page: FakeSpotify, ssm: Any
) -> None:
    name = f"{PREFIX}/spotify/app"
    right = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    wrong = json.dumps({"client_id": "x", "client_secret": "y"})
    ssm.put_parameter(Name=name, Value=wrong, Type="SecureString", Overwrite=True)
    refused = extract()

    ssm.put_parameter(Name=name, Value=right, Type="SecureString", Overwrite=True)

    assert refused["error"].startswith("Spotify does not know this client id and secret;")
    assert extract()["status"] == "extracted"


def test_success_gives_nothing_away(
    one_page: FakeSpotify, tell_tales: Callable[[object], list[str]]
) -> None:
    result = extract()

    assert result["status"] == "extracted"
    assert tell_tales(result) == []


@pytest.mark.parametrize("path", ["/api/token", PLAYLIST])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 503])
def test_a_failure_gives_nothing_away(
    path: str,
    status: int,
    one_page: FakeSpotify,
    tell_tales: Callable[[object], list[str]],
) -> None:
    for _ in range(3):
        one_page.reply(path, status, {"error": "Words"})

    assert tell_tales(extract()) == []


def test_only_the_raw_zone_is_written(one_page: FakeSpotify, zones: Zones) -> None:
    extract()

    assert zones.keys() == [FIRST]
    assert MONTH in FIRST


# A day that is over while a new attempt is under way.


def extract_again(date: str = TODAY) -> Row:
    """What a run asks of a chart that an earlier run refused."""
    event = {"chart": NORWAY_CHART, "date": date, "again": True, "not_before": None, "requests": {}}
    return invoke("extract", event)


def test_a_half_kept_attempt_does_not_hide_the_whole_one_of_a_past_day(
    three_pages: FakeSpotify, zones: Zones
) -> None:
    first = extract_again()["raw_keys"]
    three_pages.reply(ITEMS, 429, {}, {"Retry-After": "9"})
    limited = extract_again()
    three_pages.pass_time(days=1)

    result = extract_again()

    assert limited["status"] == "rate_limited"
    assert f"{DAY}002/page-01.json.gz" in zones.keys("raw/")
    assert (result["status"], result["raw_keys"]) == ("extracted", first)


def test_a_damaged_attempt_does_not_hide_the_whole_one_of_a_past_day(
    one_page: FakeSpotify, zones: Zones
) -> None:
    first = extract_again()["raw_keys"]
    zones.damage(extract_again()["raw_keys"][0])
    one_page.pass_time(days=1)

    result = extract_again()

    assert (result["status"], result["raw_keys"]) == ("extracted", first)


def test_asked_again_at_midnight_the_kept_answer_stays_the_days(
    one_page: FakeSpotify, zones: Zones
) -> None:
    first = extract_again()["raw_keys"]
    one_page.reply(PLAYLIST, 200, playlist([track(2)]), TOMORROW)

    result = extract_again()

    assert (result["status"], result["raw_keys"]) == ("extracted", first)
    assert zones.keys("raw/") == first


#### WHAT IS LEFT TO CAPTURES ######################################################################


def test_where_captures_need_the_rest_a_chart_is_left_to_a_later_run(
    one_page: FakeSpotify, zones: Zones
) -> None:
    spend_quota(100)

    held = extract()

    assert (held["status"], held["retry_after"]) == ("rate_limited", 3600)
    assert held["not_before"] == format_time(NOW + timedelta(hours=1))
    assert "captures need 0 and others made 100" in held["error"]
    assert held["requests"] == {}
    assert one_page.asked == []
    assert zones.keys("raw/") == []


def test_a_chart_that_was_half_read_is_gone_on_with(three_pages: FakeSpotify) -> None:
    spend_quota(97, of=100)
    held = extract()
    three_pages.pass_time(hours=3)

    result = extract(not_before=held["not_before"])

    assert held["status"] == "rate_limited"
    assert held["requests"] == {"api/token": 1, "playlists/{id}": 1, "playlists/{id}/items": 1}
    assert result["status"] == "extracted"
    assert three_pages.api_requests() == [f"GET {PLAYLIST}", *[f"GET {ITEMS}"] * 2]


def test_a_day_that_is_kept_needs_no_room(one_page: FakeSpotify) -> None:
    extract()
    spend_quota(100)

    assert extract()["status"] == "extracted"
