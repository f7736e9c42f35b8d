"""Transform: one answer into typed rows, staged; the same answer gives the same bytes."""

from collections.abc import Callable
from typing import Any

import pytest
from soundlake.store.staging import Staging

from tests.unit.helpers import (
    NEW_SHAPE,
    NORWAY,
    NORWAY_CHART,
    OLD_SHAPE,
    TODAY,
    FakeSpotify,
    Row,
    Zones,
    episode,
    invoke,
    keep_chart,
    keep_raw,
    local_file,
    page,
    playlist,
    playlist_id,
    track,
    track_id,
    without,
)

STAGED = f"staging/daily/{TODAY}/daily-NO.json.gz"
FIRST = "raw/charts/one/page-01.json.gz"
SECOND = "raw/charts/one/page-02.json.gz"


def transform(*raw_keys: str) -> Row:
    return invoke("transform", {"chart": NORWAY_CHART, "date": TODAY, "raw_keys": list(raw_keys)})


def staged(zones: Zones) -> Row:
    return dict(Staging(zones.bucket).read(STAGED))


@pytest.mark.parametrize("shape", [NEW_SHAPE, OLD_SHAPE])
def test_an_answer_is_staged_in_both_shapes(shape: str, zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1), track(2)], shape=shape))

    result = transform(FIRST)

    assert result == {
        "status": "transformed",
        "staging_key": STAGED,
        "rows": 2,
        "holes": 0,
        "problems": [],
        "counts": {"rows": 2, "holes": 0},
    }
    day = staged(zones)
    assert {name: day[name] for name in ("chart", "country", "country_name", "date")} == {
        "chart": "daily-NO",
        "country": "NO",
        "country_name": "Norway",
        "date": TODAY,
    }
    assert [entry["track_id"] for entry in day["entries"]] == [track_id(1), track_id(2)]
    assert {entry["raw_key"] for entry in day["entries"]} == {FIRST}
    assert {entry["observed_at"] for entry in day["entries"]} == {"2026-11-21T09:18:00.000Z"}
    assert [len(day[table]) for table in ("tracks", "albums", "artists")] == [2, 2, 2]


def test_pages_become_one_day(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1)]))
    keep_raw(zones, SECOND, page([track(2)]))

    assert transform(FIRST, SECOND)["rows"] == 2
    assert [entry["position"] for entry in staged(zones)["entries"]] == [1, 2]


def test_what_is_no_track_is_a_hole_and_the_others_stay(zones: Zones) -> None:
    items = [track(1), None, episode(), local_file(), without(track(5), "album"), track(6)]
    keep_raw(zones, FIRST, playlist(items))

    result = transform(FIRST)

    assert (result["rows"], result["holes"]) == (2, 4)
    assert result["counts"] == {"rows": 2, "holes": 4}
    assert result["problems"] == [
        "position 3 holds no track but: episode",
        "position 4 holds no track but: local file",
        "position 5: album: field required",
    ]
    assert [entry["position"] for entry in staged(zones)["entries"]] == [1, 6]


@pytest.mark.parametrize(("count", "last"), [(5, "position 6 "), (6, "and 1 more"), (9, "and 4 ")])
def test_five_problems_are_named_and_the_rest_counted(count: int, last: str, zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1), *[episode()] * count]))

    problems = transform(FIRST)["problems"]

    assert len(problems) == min(count, 6)
    assert problems[-1].startswith(last)


def test_an_unknown_popularity_stays_null(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([without(track(1), "popularity")]))
    transform(FIRST)

    assert staged(zones)["entries"][0]["popularity"] is None


def test_transforming_again_gives_the_same_bytes(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1), None, track(3)]))
    first = transform(FIRST)
    before = zones.body(STAGED)

    assert transform(FIRST) == first
    assert zones.body(STAGED) == before


@pytest.mark.parametrize("items", [[], [None, None], [episode(), local_file()]])
def test_an_answer_without_a_track_fails_and_stages_nothing(items: list[Any], zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist(items))

    assert transform(FIRST) == {
        "status": "failed",
        "error": "daily-NO: the answer holds no track",
    }
    assert zones.keys("staging/") == []


def test_another_playlist_fails(zones: Zones) -> None:
    other = playlist_id("Sweden")
    keep_raw(zones, FIRST, playlist([track(1)], ident=other))

    assert transform(FIRST) == {
        "status": "failed",
        "error": f"the playlist: id: {other} instead of {NORWAY}",
    }


def test_a_missing_or_damaged_answer_is_named(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1)]))
    zones.damage(FIRST)

    assert transform(FIRST)["error"] == f"{FIRST} is not a whole gzip object."
    assert transform(SECOND)["error"] == f"{SECOND} is missing."
    assert zones.keys("staging/") == []


def test_no_request_is_made_and_nothing_given_away(
    zones: Zones, spotify: FakeSpotify, tell_tales: Callable[[object], list[str]]
) -> None:
    result = transform(keep_chart(zones, [track(1)]))

    assert result["status"] == "transformed"
    assert spotify.asked == []
    assert tell_tales(result) == []
