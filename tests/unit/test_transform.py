"""Transform: one answer into typed rows and what they breach; the same answer, the same bytes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from soundlake.store.objects import pack
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
    album,
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
FIRST = "raw/charts/spotify/one/page-01.json.gz"
SECOND = "raw/charts/spotify/one/page-02.json.gz"
EARLIER = "raw/charts/spotify/daily-NO/2026-11-20/001/page-01.json.gz"
WEEKLY = NORWAY_CHART | {"chart": "weekly-NO", "cadence": "weekly"}
FIFTY = [track(number) for number in range(1, 51)]


def transform(
    *raw_keys: str, chart: dict[str, str] = NORWAY_CHART, earlier: tuple[str, ...] = ()
) -> Row:
    event = {
        "chart": chart,
        "date": TODAY,
        "raw_keys": list(raw_keys),
        "earlier_keys": list(earlier),
    }
    result = invoke("transform", event)
    assert len(json.dumps(result)) < 400, "what a state machine carries stays small"
    return result


def staged(zones: Zones, key: str = STAGED) -> Row:
    return dict(Staging(zones.bucket).read(key))


def breaches(zones: Zones) -> list[tuple[str, str]]:
    return [(each["expectation"], each["about"]) for each in staged(zones)["breaches"]]


def keep_earlier(zones: Zones, items: list[Any], **changes: Any) -> str:
    at = datetime(2026, 11, 20, 7, tzinfo=UTC)
    return keep_raw(zones, EARLIER, playlist(items, **changes), at)


# What is staged.


@pytest.mark.parametrize("shape", [NEW_SHAPE, OLD_SHAPE])
def test_an_answer_is_staged_in_both_shapes(shape: str, zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1), track(2)], shape=shape))

    result = transform(FIRST)

    numbers = {"rows": 2, "holes": 0, "breaches": 1}
    assert result == {"shown_date": None, "status": "transformed", **numbers, "counts": numbers}
    day = staged(zones)
    names = ("chart", "country", "country_name", "cadence", "date", "observed_at", "raw_key")
    assert {name: day[name] for name in names} == {
        "chart": "daily-NO",
        "country": "NO",
        "country_name": "Norway",
        "cadence": "daily",
        "date": TODAY,
        "observed_at": "2026-11-21T09:18:00.000Z",
        "raw_key": FIRST,
    }
    assert [entry["track_id"] for entry in day["entries"]] == [track_id(1), track_id(2)]
    assert {entry["raw_key"] for entry in day["entries"]} == {FIRST}
    assert {entry["observed_at"] for entry in day["entries"]} == {"2026-11-21T09:18:00.000Z"}
    assert set(day) == {*names, "entries", "holes", "breaches"}
    assert day["holes"] == []


def test_a_breach_is_staged_as_a_row_of_data_quality(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1), track(2)]))
    transform(FIRST)

    assert staged(zones)["breaches"] == [
        {
            "chart": "daily-NO",
            "country": "NO",
            "chart_date": TODAY,
            "expectation": "fifty_places",
            "severity": "warning",
            "about": "chart",
            "observed": "2 places",
            "expected": "50 places",
            "evidence": "daily-NO of 2026-11-21 has 2 places and not 50.",
            "consequence": "published",
            "observed_at": "2026-11-21T09:18:00.000Z",
            "raw_key": FIRST,
        }
    ]


def test_fifty_tracks_breach_nothing(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist(FIFTY))

    assert transform(FIRST)["breaches"] == 0
    assert staged(zones)["breaches"] == []


def test_pages_become_one_day(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1)], total=2, offset=0))
    keep_raw(zones, SECOND, page([track(2)], total=2, offset=1))

    assert transform(FIRST, SECOND)["rows"] == 2
    assert [entry["position"] for entry in staged(zones)["entries"]] == [1, 2]


def test_two_hundred_entries_in_pages_are_one_day(zones: Zones) -> None:
    tracks = [track(number) for number in range(1, 201)]
    keep_raw(zones, FIRST, playlist(tracks[:100], total=200, offset=0))
    keep_raw(zones, SECOND, page(tracks[100:], total=200, offset=100))

    assert transform(FIRST, SECOND)["rows"] == 200
    assert breaches(zones) == [("fifty_places", "chart")]


def test_what_is_no_track_is_a_hole_and_the_others_stay(zones: Zones) -> None:
    items = [track(1), None, episode(), local_file(), without(track(5), "album"), track(6)]
    keep_raw(zones, FIRST, playlist(items))

    result = transform(FIRST)

    assert (result["rows"], result["holes"], result["breaches"]) == (2, 4, 4)
    day = staged(zones)
    assert day["holes"] == [2, 3, 4, 5]
    assert [each["evidence"] for each in day["breaches"][1:]] == [
        "daily-NO of 2026-11-21 shows no track at position 3 but: episode.",
        "daily-NO of 2026-11-21 shows no track at position 4 but: local file.",
        "daily-NO of 2026-11-21 shows no track at position 5 but: an unreadable track: album: "
        "field required.",
    ]
    assert [entry["position"] for entry in day["entries"]] == [1, 6]


def test_fifty_holes_are_all_staged_while_the_result_counts_them(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1), *[episode()] * 50]))

    assert transform(FIRST)["breaches"] == 51
    assert len(staged(zones)["breaches"]) == 51


def test_an_unknown_popularity_stays_null(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([without(track(1), "popularity")]))
    transform(FIRST)

    assert staged(zones)["entries"][0]["popularity"] is None


def test_transforming_again_gives_the_same_bytes(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1), None, track(3)]))
    earlier = keep_earlier(zones, [track(1)])
    first = transform(FIRST, earlier=(earlier,))
    before = zones.body(STAGED)

    assert transform(FIRST, earlier=(earlier,)) == first
    assert zones.body(STAGED) == before


# What is refused.


@pytest.mark.parametrize("items", [[], [None, None], [episode(), local_file()]])
def test_an_answer_without_a_track_is_refused(items: list[Any], zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist(items))

    assert transform(FIRST) == {
        "shown_date": None,
        "status": "refused",
        "error": f"has_rows: daily-NO of 2026-11-21 shows no track in {len(items)} places.",
        "counts": {"refused": 1},
    }
    assert ("has_rows", "chart") in breaches(zones)
    assert {each["consequence"] for each in staged(zones)["breaches"]} == {"not loaded"}


@pytest.mark.parametrize(("total", "shown"), [(51, 50), (49, 50), (50, 1)])
def test_other_entries_than_the_playlist_states_are_refused(
    total: int, shown: int, zones: Zones
) -> None:
    keep_raw(zones, FIRST, playlist(FIFTY[:shown], total=total))

    entries = "entry" if shown == 1 else "entries"
    assert transform(FIRST)["error"] == (
        f"rows_match_total: daily-NO of 2026-11-21 has {shown} {entries} where its playlist "
        f"states {total}."
    )


def test_a_list_that_changed_between_its_pages_is_refused(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist(FIFTY[:25], total=50))
    keep_raw(zones, SECOND, page(FIFTY[25:], total=51))

    assert "states 50 and 51." in transform(FIRST, SECOND)["error"]


def test_pages_that_overlap_are_refused(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist(FIFTY[:26], total=51, offset=0))
    keep_raw(zones, SECOND, page(FIFTY[25:], total=51, offset=25))

    assert transform(FIRST, SECOND)["error"] == (
        "positions_unique: daily-NO of 2026-11-21 has 2 entries at position 26."
    )
    assert breaches(zones)[0] == ("positions_unique", "26")


def test_a_page_that_is_missing_is_refused(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist(FIFTY[:10], offset=0))
    keep_raw(zones, SECOND, page(FIFTY[20:], offset=20))

    assert transform(FIRST, SECOND)["error"] == (
        "rows_match_total: daily-NO of 2026-11-21 has 40 entries where its playlist states 10, "
        "and 1 more error."
    )
    assert ("positions_contiguous", "11 to 20") in breaches(zones)


@pytest.mark.parametrize("ident", ["", "short", f"{track_id(1)}0", "spotify:track:12345678", "é"])
def test_a_malformed_id_is_refused(ident: str, zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1, id=ident), track(2)]))

    assert transform(FIRST)["error"] == (
        "ids_well_formed: daily-NO of 2026-11-21 names at position 1 what is no Spotify id: "
        f"track {ident!a}."
    )


def test_many_errors_are_counted(zones: Zones) -> None:
    items = [track(number, id=f"{'x' * 9000}{number}") for number in range(50)]
    keep_raw(zones, FIRST, playlist(items, total=100))

    assert transform(FIRST)["error"].endswith("states 100, and 50 more errors.")
    assert len(staged(zones)["breaches"]) == 51


# What was there before.


def test_a_daily_chart_that_shows_its_earlier_answer_is_refused(zones: Zones) -> None:
    keep_earlier(zones, [track(1), None, track(3)])
    keep_raw(zones, FIRST, playlist([track(1, popularity=3), None, track(3)]))

    assert transform(FIRST, earlier=(EARLIER,)) == {
        "shown_date": None,
        "status": "refused",
        "error": (
            "not_yesterdays_answer: daily-NO of 2026-11-21 shows the very positions of "
            "2026-11-20: the chart was not renewed yet."
        ),
        "counts": {"refused": 1},
    }


def test_a_weekly_chart_that_shows_its_earlier_answer_is_unchanged(zones: Zones) -> None:
    keep_earlier(zones, [track(1), track(2)])
    keep_raw(zones, FIRST, playlist([track(1), track(2)]))

    assert transform(FIRST, chart=WEEKLY, earlier=(EARLIER,)) == {
        "shown_date": None,
        "status": "unchanged",
        "rows": 0,
        "counts": {"unchanged": 1},
    }
    assert zones.keys("staging/") == []


def test_an_error_counts_more_than_being_unchanged(zones: Zones) -> None:
    keep_earlier(zones, [track(1), track(2)])
    keep_raw(zones, FIRST, playlist([track(1), track(2)], total=3))

    assert transform(FIRST, chart=WEEKLY, earlier=(EARLIER,))["status"] == "refused"


@pytest.mark.parametrize("chart", [NORWAY_CHART, WEEKLY])
@pytest.mark.parametrize(
    "before",
    [[track(2), track(1)], [track(1)], [track(1), track(2), track(3)], [None, track(1), track(2)]],
    ids=["swapped", "fewer", "more", "moved"],
)
def test_another_table_than_before_is_transformed(
    before: list[Any], chart: dict[str, str], zones: Zones
) -> None:
    keep_earlier(zones, before)
    keep_raw(zones, FIRST, playlist([track(1), track(2)]))

    assert transform(FIRST, chart=chart, earlier=(EARLIER,))["status"] == "transformed"


def test_a_track_that_was_relinked_is_another_one(zones: Zones) -> None:
    keep_earlier(zones, [track(1)])
    relinked = track(2, linked_from={"id": track_id(1)})
    keep_raw(zones, FIRST, playlist([relinked]))

    assert transform(FIRST, earlier=(EARLIER,))["status"] == "transformed"
    assert staged(zones)["entries"][0]["track_id"] == track_id(2)


@pytest.mark.parametrize("chart", [NORWAY_CHART, WEEKLY])
def test_an_earlier_answer_that_cannot_be_read_is_none(chart: dict[str, str], zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1)]))
    assert transform(FIRST, chart=chart, earlier=(EARLIER,))["status"] == "transformed"  # missing

    keep_earlier(zones, [track(1)])
    zones.damage(EARLIER)
    assert transform(FIRST, chart=chart, earlier=(EARLIER,))["status"] == "transformed"

    keep_earlier(zones, [track(1)], ident=playlist_id("Sweden"))
    assert transform(FIRST, chart=chart, earlier=(EARLIER,))["status"] == "transformed"


# Odd text, times and numbers.


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("x" * 10_000, "x" * 10_000),
        ("\U0001f1f3\U0001f1f4 \u0645\u0631\u062d\u0628\u0627 \u202e\u0000 e\u0301 \ufdd0", None),
        ("\ud800", "\ufffd"),
        ("before \udfff after", "before \ufffd after"),
        ("\ud83d\ude00", "\U0001f600"),
    ],
    ids=["long", "every-kind", "half-a-pair", "the-other-half", "a-pair-in-escapes"],
)
def test_names_are_staged_and_loaded(name: str, kept: str | None, zones: Zones) -> None:
    items = [track(1, name=name, album=album(1, name=name))]
    keep_raw(zones, FIRST, playlist(items))

    assert transform(FIRST)["status"] == "transformed"
    load = {"chart": "daily-NO", "date": TODAY}
    assert invoke("load", load)["status"] == "loaded"
    (row,) = zones.rows("chart_entries", name="daily-NO")
    assert (row["track_name"], row["album_name"]) == (kept or name, kept or name)


@pytest.mark.parametrize(
    "added_at", ["", "1448-06-01", "1448/06/01 12:00", "\u0662\u0660\u0662\u0666-11-20T12:00:00Z"]
)
def test_a_time_that_cannot_be_read_is_set_to_null(added_at: str, zones: Zones) -> None:
    answer = playlist([track(1), track(2)])
    answer["items"]["items"][1]["added_at"] = added_at
    keep_raw(zones, FIRST, answer)

    assert transform(FIRST)["status"] == "transformed"
    day = staged(zones)
    assert [entry["added_at"] for entry in day["entries"]] == ["2026-11-20T12:00:00Z", None]
    (breach,) = (each for each in day["breaches"] if each["consequence"] == "set to null")
    assert (breach["expectation"], breach["about"]) == ("added_at_is_a_time", "2")


def test_a_number_that_is_none_makes_a_hole(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1, duration_ms=float("nan")), track(2)]))

    assert transform(FIRST)["holes"] == 1
    assert breaches(zones)[1:] == [("holes_declared", "1")]


# What fails.


def test_another_playlist_fails(zones: Zones) -> None:
    other = playlist_id("Sweden")
    keep_raw(zones, FIRST, playlist([track(1)], ident=other))

    assert transform(FIRST) == {
        "status": "failed",
        "error": f"the playlist: id: {other} instead of {NORWAY}",
    }


def test_an_endless_playlist_id_fails_with_a_short_sentence(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1)], ident="\U0001f600" * 9000))

    assert transform(FIRST)["error"].startswith("the playlist: id: \\U0001f600")


def test_a_missing_or_damaged_answer_is_named(zones: Zones) -> None:
    keep_raw(zones, FIRST, playlist([track(1)]))
    zones.damage(FIRST)

    assert transform(FIRST)["error"] == f"{FIRST} is not a whole gzip object."
    assert transform(SECOND)["error"] == f"{SECOND} is missing."
    assert zones.keys("staging/") == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "does not hold JSON."),
        (pack(b""), "does not hold JSON."),
        (pack(b'{"id": "'), "does not hold JSON."),
        (pack(b"[" * 100_000), "does not hold JSON."),
        (pack(b"\xff\xfe\xfd"), "does not hold JSON."),
    ],
    ids=["empty", "empty-inside", "truncated-inside", "too-deep", "no-text"],
)
def test_an_answer_of_no_json_is_named(body: bytes, sentence: str, zones: Zones) -> None:
    zones.put(FIRST, body, {"at": "2026-11-21T09:18:00Z"})

    assert transform(FIRST) == {"status": "failed", "error": f"{FIRST} {sentence}"}


def test_no_request_is_made_and_nothing_given_away(
    zones: Zones, spotify: FakeSpotify, tell_tales: Callable[[object], list[str]]
) -> None:
    result = transform(keep_chart(zones, [track(1)]))

    assert result["status"] == "transformed"
    assert spotify.asked == []
    assert tell_tales(result) == []
