"""Derive: captured pages into observations, plays and captures; killed anywhere, made whole."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from soundlake import access
from soundlake.deriving import captures
from soundlake.plays import failed_capture_row
from soundlake.store.objects import Bucket, pack
from soundlake.store.raw import Raw
from soundlake.times import format_time, parse_time

from tests.unit.helpers import (
    ACCOUNT,
    BUCKET,
    NOW,
    FakeSpotify,
    Killed,
    Row,
    Zones,
    invoke,
    keep_page,
    keep_raw,
    played,
    track_id,
    without,
)

START = "2026-11-21T09:18:00.000Z"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def derive(event: Row) -> Row:
    return invoke("derive", event)


def failed(name: str = "run-1", at: str = START, **changes: Any) -> Row:
    capture = {"status": "failed", "account": ACCOUNT, "captured_at": at, "error": "A sentence."}
    return {"execution": name, "capture": capture | changes}


def rows(zones: Zones, table: str, month: str = "2026-11") -> list[Row]:
    return zones.rows(table, month, ACCOUNT)


def tracks(zones: Zones, table: str, month: str = "2026-11") -> list[str]:
    return [row["track_name"] for row in rows(zones, table, month)]


def page(*numbers: int, end: datetime = NOW) -> list[Row]:
    """Newest first, each track a minute apart: track n was played n minutes after one base."""
    base = end - timedelta(hours=5)
    return [played(number, base + number * MINUTE) for number in sorted(numbers, reverse=True)]


def content(zones: Zones) -> dict[str, list[Row]]:
    return {
        key: [
            without(row, "raw_keys", "evidence")
            for row in zones.lake.read(key.split("/")[1], [key]).to_pylist()
        ]
        for key in zones.keys("lake/")
        if "/captures/" not in key
    }


def empty_lake(zones: Zones) -> None:
    for key in zones.keys("lake/"):
        zones.s3.delete_object(Bucket=BUCKET, Key=key)


# A page.


def test_a_page_becomes_observations_plays_and_an_attempt(zones: Zones) -> None:
    event = keep_page(zones, "run-1", NOW, page(1, 2, 3))

    result = derive(event)

    assert result == {
        "status": "captured",
        "account": ACCOUNT,
        "captured_at": START,
        "shown": None,
        "derived": 1,
        "page": 3,
        "new": 3,
        "late": 0,
        "known": 0,
        "invalid": 0,
        "problems": None,
        "requests": {"me/player/recently-played": 1},
        "counts": {"new": 3, "late": 0, "gaps": 0},
    }
    assert zones.keys("lake/") == [
        f"lake/{table}/month=2026-11/{ACCOUNT}.parquet"
        for table in ("captures", "observations", "plays")
    ]
    assert tracks(zones, "observations") == ["Track 1", "Track 2", "Track 3"]
    raw_key = event["capture"]["raw_key"]
    assert [row["raw_keys"] for row in rows(zones, "observations")] == [[raw_key]] * 3
    plays = rows(zones, "plays")
    assert [row["track_id"] for row in plays] == [track_id(number) for number in (1, 2, 3)]
    assert [row["evidence"] for row in plays] == [[raw_key]] * 3
    (attempt,) = rows(zones, "captures")
    assert (attempt["capture_id"], attempt["raw_key"]) == ("run-1", raw_key)
    assert attempt["captured_at"] == NOW.replace(tzinfo=None)
    assert attempt["observed_at"] == (NOW + timedelta(seconds=2)).replace(tzinfo=None)


def test_a_captured_play_is_shown_on_the_accounts_own_clocks(zones: Zones, tables: object) -> None:
    before = access.accounts_table().get(ACCOUNT)
    assert before is not None
    assert access.accounts_table().replace(before, replace(before, time_zone="Asia/Kolkata"))

    derive(keep_page(zones, "run-1", NOW, page(1)))

    (play,) = rows(zones, "plays")
    assert play["time_zone"] == "Asia/Kolkata"
    assert play["local_time"] == play["played_at"] + timedelta(hours=5, minutes=30)


def test_without_a_zone_of_its_own_a_captured_play_has_no_local_time(zones: Zones) -> None:
    derive(keep_page(zones, "run-1", NOW, page(1)))

    (play,) = rows(zones, "plays")
    assert (play["time_zone"], play["local_time"]) == (None, None)


def test_an_overlap_adds_nothing(zones: Zones) -> None:
    derive(keep_page(zones, "run-1", NOW, page(1, 2, 3)))

    result = derive(keep_page(zones, "run-2", NOW + 60 * MINUTE, page(2, 3, 4, 5)))

    assert {name: result[name] for name in ("page", "new", "late", "known")} == {
        "page": 4,
        "new": 2,
        "late": 0,
        "known": 2,
    }
    assert tracks(zones, "plays") == [f"Track {number}" for number in range(1, 6)]
    assert [row["new"] for row in rows(zones, "captures")] == [3, 2]


def test_deriving_again_leaves_every_object_as_it_was(zones: Zones) -> None:
    event = keep_page(zones, "run-1", NOW, page(1, 2, 3))
    first = derive(event)
    before = zones.contents("lake/"), zones.versions("lake/")

    again = derive(event)

    assert (zones.contents("lake/"), zones.versions("lake/")) == before
    assert again == first | {"derived": 0, "counts": {"new": 0, "late": 0, "gaps": 0}}


def test_a_gap_counts_once_with_the_page_that_ends_it(zones: Zones) -> None:
    derive(keep_page(zones, "run-1", NOW, page(1, 2)))
    assert derive(keep_page(zones, "run-2", NOW + 60 * MINUTE, page(4, 5)))["counts"]["gaps"] == 1
    assert len(rows(zones, "gaps")) == 1

    after = derive(keep_page(zones, "run-3", NOW + 80 * MINUTE, page(5, 6)))
    assert after["counts"]["gaps"] == 0
    assert len(rows(zones, "gaps")) == 1


def test_a_gap_that_its_page_closes_is_none_to_be_told_of(zones: Zones) -> None:
    derive(keep_page(zones, "run-1", NOW, page(1, 2)))
    failed = {"account": ACCOUNT, "captured_at": START, "status": "failed", "error": "It broke."}
    derive({"execution": "run-2", "capture": failed})

    closes = derive(keep_page(zones, "run-3", NOW + 60 * MINUTE, page(2, 3)))

    assert closes["counts"]["gaps"] == 0


def test_the_same_page_captured_twice_is_known(zones: Zones) -> None:
    derive(keep_page(zones, "run-1", NOW, page(1, 2)))

    result = derive(keep_page(zones, "run-2", NOW, page(1, 2)))

    assert (result["status"], result["new"], result["known"]) == ("captured", 0, 2)
    assert len(rows(zones, "plays")) == 2


def test_late_rows_are_counted_and_merged(zones: Zones) -> None:
    derive(keep_page(zones, "run-1", NOW, page(1, 4, 5)))

    result = derive(keep_page(zones, "run-2", NOW + 60 * MINUTE, page(2, 3, 5, 6)))

    assert (result["new"], result["late"], result["known"]) == (3, 2, 1)
    assert tracks(zones, "plays") == [f"Track {number}" for number in range(1, 7)]


def test_the_order_of_two_pages_does_not_matter(zones: Zones) -> None:
    pages = {
        "run-1": (NOW, page(1, 2, 3)),
        "run-2": (NOW + 60 * MINUTE, page(2, 3, 4)),
    }
    for name, (at, items) in pages.items():
        derive(keep_page(zones, name, at, items))
    forwards = content(zones)
    empty_lake(zones)
    for key in zones.keys("raw/"):
        zones.s3.delete_object(Bucket=BUCKET, Key=key)

    for name, (at, items) in reversed(pages.items()):
        derive(keep_page(zones, name, at, items))

    assert content(zones) == forwards
    assert len(rows(zones, "captures")) == 2


def test_a_row_that_cannot_be_read_is_counted_and_named(zones: Zones) -> None:
    items = [*page(1, 2), without(played(3, NOW), "played_at")]

    result = derive(keep_page(zones, "run-1", NOW, items))

    assert result["status"] == "captured"
    assert (result["page"], result["new"], result["invalid"]) == (3, 2, 1)
    assert result["problems"] == "row 3: played_at: field required"
    (attempt,) = rows(zones, "captures")
    assert attempt["error"] == result["problems"]


def test_an_empty_page_is_normal(zones: Zones) -> None:
    result = derive(keep_page(zones, "run-1", NOW, []))

    assert result["status"] == "empty"
    assert (result["page"], result["new"], result["derived"]) == (0, 0, 1)
    (attempt,) = rows(zones, "captures")
    assert (attempt["outcome"], attempt["oldest"], attempt["error"]) == ("empty", None, None)
    assert zones.keys("lake/") == [f"lake/captures/month=2026-11/{ACCOUNT}.parquet"]


def test_accounts_stay_apart(zones: Zones) -> None:
    derive(keep_page(zones, "run-1", NOW, page(1)))
    other = keep_page(zones, "run-2", NOW, page(2))
    key = other["capture"]["raw_key"]
    moved = key.replace("/main/", "/other/")
    zones.put(moved, zones.body(key), zones.s3.head_object(Bucket=BUCKET, Key=key)["Metadata"])
    other["capture"] |= {"account": "other", "raw_key": moved}

    result = derive(other)

    assert (result["account"], result["derived"], result["new"]) == ("other", 1, 1)
    assert tracks(zones, "plays") == ["Track 1"]
    assert [row["account"] for row in zones.rows("plays", "2026-11", "other")] == ["other"]


# Months.

MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)


def boundary(zones: Zones) -> Row:
    """A page captured ten minutes into November, whose plays lie on both sides of midnight."""
    items = [
        played(3, MIDNIGHT + 5 * MINUTE),
        played(2, MIDNIGHT),
        played(1, MIDNIGHT - timedelta(milliseconds=1)),
    ]
    return keep_page(zones, "run-1", MIDNIGHT + 10 * MINUTE, items)


def test_each_play_goes_to_its_own_month(zones: Zones) -> None:
    result = derive(boundary(zones))

    assert (result["page"], result["new"]) == (3, 3)
    for table in ("observations", "plays"):
        assert tracks(zones, table, "2026-10") == ["Track 1"]
        assert tracks(zones, table, "2026-11") == ["Track 2", "Track 3"]
    assert rows(zones, "captures", "2026-10") == []
    assert len(rows(zones, "captures")) == 1


def test_a_page_of_the_month_before_is_finished_after_midnight(zones: Zones) -> None:
    keep_page(zones, "run-1", MIDNIGHT - 10 * MINUTE, [played(1, MIDNIGHT - 20 * MINUTE)])

    result = derive(keep_page(zones, "run-2", MIDNIGHT + 10 * MINUTE, []))

    assert (result["status"], result["derived"]) == ("empty", 2)
    assert tracks(zones, "plays", "2026-10") == ["Track 1"]
    assert [row["capture_id"] for row in rows(zones, "captures", "2026-10")] == ["run-1"]
    assert [row["capture_id"] for row in rows(zones, "captures")] == ["run-2"]


def test_an_overlap_over_midnight_is_known(zones: Zones) -> None:
    derive(boundary(zones))

    items = [played(2, MIDNIGHT), played(1, MIDNIGHT - timedelta(milliseconds=1))]
    result = derive(keep_page(zones, "run-2", MIDNIGHT + 20 * MINUTE, items))

    assert (result["new"], result["known"], result["late"]) == (0, 2, 0)


# Killed.


def test_a_run_that_was_killed_after_its_capture_is_finished_by_the_next(zones: Zones) -> None:
    keep_page(zones, "run-1", NOW, page(1, 2))

    result = derive(keep_page(zones, "run-2", NOW + 60 * MINUTE, page(2, 3)))

    assert result["derived"] == 2
    assert (result["page"], result["new"], result["known"]) == (2, 1, 1)
    assert result["counts"] == {"new": 3, "late": 0, "gaps": 0}
    assert [(row["capture_id"], row["new"]) for row in rows(zones, "captures")] == [
        ("run-1", 2),
        ("run-2", 1),
    ]


def killed_at(write: int, event: Row, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Derive in a process that ends before its nth write; whether it came so far."""
    put, writes = Bucket.put, iter(range(1, 100))

    def dying(*args: Any, **options: Any) -> None:
        if next(writes) == write:
            raise Killed
        put(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "put", dying)
        try:
            derive(event)
        except Killed:
            return True
        return False


def two_pages(zones: Zones) -> Row:
    """The page over midnight, and one of two days before that nobody has derived yet."""
    before = MIDNIGHT - timedelta(days=2)
    keep_page(zones, "run-0", before, [played(0, before - 5 * MINUTE)])
    return boundary(zones)


def test_two_pages_and_a_month_between_them_are_nine_writes(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Observations, plays and days of two months, the gap, and last of all the attempts."""
    event = two_pages(zones)

    assert killed_at(8, event, monkeypatch)
    assert zones.keys("lake/captures/") == []
    empty_lake(zones)
    assert not killed_at(10, event, monkeypatch)


@pytest.mark.parametrize("write", range(1, 10))
def test_killed_before_any_write_the_same_run_again_makes_the_same_tables(
    write: int, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = two_pages(zones)
    undisturbed = derive(event), zones.contents("lake/")
    empty_lake(zones)

    assert killed_at(write, event, monkeypatch)
    half = zones.contents("lake/")
    again = derive(event)

    assert len(half) == write - 1
    assert zones.contents("lake/") == undisturbed[1]
    recorded = write == 9  # by then the earlier page's attempt is
    assert recorded or again == undisturbed[0]


@pytest.mark.parametrize("write", range(1, 10))
def test_killed_before_any_write_the_next_run_makes_the_same_tables(
    write: int, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    def following() -> Row:
        items = [played(4, MIDNIGHT + 15 * MINUTE), played(3, MIDNIGHT + 5 * MINUTE)]
        return keep_page(zones, "run-2", MIDNIGHT + 20 * MINUTE, items)

    first = two_pages(zones)
    derive(first)
    second = following()
    derive(second)
    undisturbed = zones.contents("lake/")
    empty_lake(zones)
    zones.s3.delete_object(Bucket=BUCKET, Key=second["capture"]["raw_key"])

    assert killed_at(write, first, monkeypatch)
    result = derive(following())

    assert zones.contents("lake/") == undisturbed
    assert result["derived"] == (2 if write == 9 else 3)


# What a look goes through.


def test_a_page_of_days_ago_that_was_left_is_found_by_a_days_first_look(zones: Zones) -> None:
    """As that of a run which was given an earlier time, and killed."""
    midnight = NOW.replace(hour=0, minute=7)
    derive(keep_page(zones, "run-1", midnight, page(1)))
    keep_page(zones, "run-0", midnight - 5 * DAY, page(9, end=midnight - 5 * DAY))
    keep_page(zones, "run-2", midnight - DAY, page(8, end=midnight - DAY))

    derive(keep_page(zones, "run-3", midnight + HOUR, page(1)))
    assert [name for name, _ in attempts(zones)] == ["run-2", "run-1", "run-3"]

    derive(keep_page(zones, "run-4", midnight + DAY, page(1)))
    assert [name for name, _ in attempts(zones)] == ["run-0", "run-2", "run-1", "run-3", "run-4"]


def test_all_that_was_left_for_a_season_is_found_by_any_look(zones: Zones) -> None:
    derive(keep_page(zones, "run-1", NOW - 70 * DAY, page(1, end=NOW - 70 * DAY)))
    derive(failed("run-2", format_time(NOW - HOUR)))  # so that this look is not the day's first
    days = range(60, 0, -10)
    for number in days:
        at = NOW - number * DAY
        keep_page(zones, f"run-late-{number}", at, page(number, end=at))

    result = derive(keep_page(zones, "run-3", NOW, page(5)))

    assert result["derived"] == 1 + len(days)


def test_a_look_lists_no_more_than_it_must(zones: Zones, monkeypatch: pytest.MonkeyPatch) -> None:
    derive(keep_page(zones, "run-1", NOW, page(1)))
    event = keep_page(zones, "run-2", NOW + HOUR, page(1, 2))
    listed: list[str] = []
    before = Bucket._listed

    def noted(bucket: Bucket, prefix: str, after: str = "") -> Any:
        listed.append(prefix)
        return before(bucket, prefix, after)

    monkeypatch.setattr(Bucket, "_listed", noted)
    derive(event)

    pages = "raw/recently-played/main/month=2026-11/"
    assert sorted(listed) == ["lake/captures/", "lake/imports/", pages]


# Attempts that brought no page.


@pytest.mark.parametrize("status", ["failed", "rate_limited"])
def test_a_failing_capture_is_recorded_and_fails_the_run(status: str, zones: Zones) -> None:
    result = derive(failed(status=status))

    assert result == {
        "status": "failed",
        "account": ACCOUNT,
        "captured_at": START,
        "derived": 0,
        "error": "A sentence.",
        "requests": {},
    }
    (attempt,) = rows(zones, "captures")
    assert (attempt["capture_id"], attempt["outcome"]) == ("run-1", status)
    assert (attempt["error"], attempt["raw_key"], attempt["page"]) == ("A sentence.", None, None)


def test_recording_a_failing_capture_again_adds_nothing(zones: Zones) -> None:
    derive(failed())
    before = zones.versions("lake/")

    derive(failed())

    assert zones.versions("lake/") == before


def test_an_attempt_on_its_own_damaged_page_is_recorded_once(zones: Zones) -> None:
    kept = keep_page(zones, "run-1", NOW, page(1))["capture"]["raw_key"]
    zones.damage(kept)
    event = failed("run-1", raw_key=kept)
    derive(event)
    before = zones.versions("lake/")

    derive(event)

    assert len(before) == 1
    assert zones.versions("lake/") == before


def test_attempts_are_in_the_order_of_their_times(zones: Zones) -> None:
    derive(keep_page(zones, "run-3", NOW + MINUTE, []))
    derive(failed("run-2"))
    derive(failed("run-1"))

    assert [row["capture_id"] for row in rows(zones, "captures")] == ["run-1", "run-2", "run-3"]


def test_a_failing_run_finishes_the_one_before_it(zones: Zones) -> None:
    keep_page(zones, "run-1", NOW - 60 * MINUTE, page(1, 2))

    result = derive(failed("run-2"))

    assert (result["status"], result["derived"]) == ("failed", 1)
    assert tracks(zones, "plays") == ["Track 1", "Track 2"]
    assert [row["outcome"] for row in rows(zones, "captures")] == ["captured", "failed"]


# What is damaged.


def attempts(zones: Zones) -> list[tuple[str, str]]:
    return [(row["capture_id"], row["outcome"]) for row in rows(zones, "captures")]


def test_its_own_damaged_page_is_named_and_the_others_are_derived(zones: Zones) -> None:
    keep_page(zones, "run-1", NOW - 60 * MINUTE, page(1))
    event = keep_page(zones, "run-2", NOW, page(2))
    key = event["capture"]["raw_key"]
    zones.damage(key)

    result = derive(event)

    assert (result["status"], result["counts"]) == ("failed", {"new": 1, "late": 0, "gaps": 0})
    assert result["error"].endswith(f"{key} is not a whole gzip object.")
    assert tracks(zones, "plays") == ["Track 1"]
    assert attempts(zones) == [("run-1", "captured"), ("run-2", "damaged")]
    damaged = rows(zones, "captures")[1]
    assert (damaged["raw_key"], damaged["error"]) == (key, result["error"])
    assert (damaged["page"], damaged["new"], damaged["invalid"]) == (None, 0, 0)


def test_its_own_page_that_is_gone_is_named_and_the_others_are_derived(zones: Zones) -> None:
    keep_page(zones, "run-1", NOW, page(1, 2))
    event = keep_page(zones, "run-2", NOW + 60 * MINUTE, page(3))
    key = event["capture"]["raw_key"]
    zones.s3.delete_object(Bucket=BUCKET, Key=key)

    result = derive(event)

    assert result == {
        "status": "failed",
        "error": f"{key} is gone; nothing could be derived of it.",
        "account": ACCOUNT,
        "captured_at": "2026-11-21T10:18:00.000Z",
        "derived": 1,
        "requests": {"me/player/recently-played": 1},
        "counts": {"new": 2, "late": 0, "gaps": 0},
    }
    assert tracks(zones, "plays") == ["Track 1", "Track 2"]


def test_an_earlier_damaged_page_does_not_disturb_a_later_one(zones: Zones) -> None:
    first = keep_page(zones, "run-1", NOW - 60 * MINUTE, page(1))
    zones.damage(first["capture"]["raw_key"])

    result = derive(keep_page(zones, "run-2", NOW, page(2)))

    assert (result["status"], result["new"]) == ("captured", 1)
    assert attempts(zones) == [("run-1", "damaged"), ("run-2", "captured")]


def test_deriving_a_damaged_page_again_leaves_every_object_as_it_was(zones: Zones) -> None:
    event = keep_page(zones, "run-1", NOW, page(1))
    zones.damage(event["capture"]["raw_key"])
    derive(event)
    before = zones.versions("lake/")

    again = derive(event)

    assert again["status"] == "failed"
    assert zones.versions("lake/") == before


def test_a_damaged_page_is_derived_once_its_object_is_restored(zones: Zones) -> None:
    event = keep_page(zones, "run-1", NOW, page(1))
    zones.damage(event["capture"]["raw_key"])
    derive(event)
    keep_page(zones, "run-1", NOW, page(1))

    derive(keep_page(zones, "run-2", NOW + MINUTE, []))

    assert tracks(zones, "plays") == ["Track 1"]
    assert attempts(zones) == [("run-1", "captured"), ("run-2", "empty")]


def test_a_damaged_pages_key_is_named_once(zones: Zones) -> None:
    event = keep_page(zones, "run-1", NOW, page(1))
    key = event["capture"]["raw_key"]
    zones.damage(key)

    assert derive(event)["error"].count(key) == 1


@pytest.mark.parametrize("answer", [[], {}, {"items": None}, "text"])
def test_an_answer_that_is_no_page_is_named(answer: Any, zones: Zones) -> None:
    event = keep_page(zones, "run-1", NOW, [])
    key = keep_raw(zones, event["capture"]["raw_key"], answer)

    result = derive(event)

    assert result["status"] == "failed"
    assert result["error"].startswith(f"{key}: recently played: ")
    assert attempts(zones) == [("run-1", "unreadable")]


def test_an_error_in_a_pages_place_is_told_in_spotifys_words(zones: Zones) -> None:
    event = keep_page(zones, "run-1", NOW, [])
    error = {"error": {"status": 502, "message": "Bad gateway."}}
    key = keep_raw(zones, event["capture"]["raw_key"], error)

    assert derive(event)["error"] == (
        f"{key}: recently played: Spotify answered an error in the place of a page: Bad gateway"
    )


@pytest.mark.parametrize("body", [b"", b"<html>Sorry</html>", b'{"items": ['])
def test_an_answer_that_is_no_json_is_recorded_once_and_not_read_again(
    body: bytes, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = keep_page(zones, "run-1", NOW, [])
    key = event["capture"]["raw_key"]
    zones.put(key, pack(body), {"at": format_time(NOW)})

    result = derive(event)

    assert (result["status"], result["error"]) == ("failed", f"{key} does not hold JSON.")
    assert attempts(zones) == [("run-1", "unreadable")]
    read: list[str] = []
    need = Raw.need
    monkeypatch.setattr(Raw, "need", lambda raw, key: [read.append(key), need(raw, key)][1])
    derive(keep_page(zones, "run-2", NOW + HOUR, page(1)))
    assert key not in read
    assert attempts(zones) == [("run-1", "unreadable"), ("run-2", "captured")]


def test_rows_that_cannot_be_read_are_counted_and_named(zones: Zones) -> None:
    derive(keep_page(zones, "run-1", NOW - 5 * DAY, [played(1, NOW - 5 * DAY - HOUR)]))
    at = NOW - 3 * DAY
    shown = [played(1, NOW - 5 * DAY - HOUR), played(2, at - HOUR, track=None)]

    result = derive(keep_page(zones, "run-2", at, shown))

    assert (result["status"], result["new"], result["invalid"]) == ("captured", 0, 1)
    assert result["problems"].startswith("row 2: track: ")
    (attempt,) = [row for row in rows(zones, "captures") if row["capture_id"] == "run-2"]
    assert attempt["invalid"] == 1


def test_what_many_rows_lack_is_told_in_short_and_kept_whole(zones: Zones) -> None:
    result = derive(keep_page(zones, "run-1", NOW, [None] * 49 + page(1)))

    (attempt,) = rows(zones, "captures")
    assert attempt["error"].count("row ") == 49
    assert len(result["problems"]) == access.ERROR


def test_a_day_with_rows_that_cannot_be_read_is_not_sure(zones: Zones) -> None:
    derive(keep_page(zones, "run-1", NOW - 5 * DAY, [played(1, NOW - 5 * DAY - HOUR)]))
    at = NOW - 3 * DAY
    shown = [played(2, at - HOUR, track=None), played(1, NOW - 5 * DAY - HOUR)]
    derive(keep_page(zones, "run-2", at, shown))

    derive(keep_page(zones, "run-3", NOW, shown[1:]))

    sure = {row["day"]: row["certainty"] for row in rows(zones, "account_days")}
    assert sure[at.date()] == "provisional"
    assert sure[at.date() - DAY] == "observed"


def test_a_stray_object_does_not_stop_the_pages(zones: Zones) -> None:
    keep_raw(zones, f"raw/recently-played/{ACCOUNT}/month=2026-11/copy.json.gz", {"items": []})

    assert derive(keep_page(zones, "run-1", NOW, page(1)))["new"] == 1


@pytest.mark.parametrize("table", ["observations", "plays", "captures"])
def test_a_damaged_table_is_named_and_stays(table: str, zones: Zones) -> None:
    derive(keep_page(zones, "run-1", NOW, page(1)))
    key = f"lake/{table}/month=2026-11/{ACCOUNT}.parquet"
    damaged = zones.damage(key)

    result = derive(keep_page(zones, "run-2", NOW + MINUTE, page(2)))

    assert result["status"] == "failed"
    assert result["error"].startswith(f"{key} is not a whole Parquet file;")
    assert zones.body(key) == damaged


# Together with Capture.


def capture(name: str, start: str) -> Row:
    event = {"account": ACCOUNT, "captured_at": start, "execution": name}
    return {"execution": name, "capture": invoke("capture", event)}


def test_what_capture_hands_over_is_derived(
    zones: Zones, spotify: FakeSpotify, tell_tales: Callable[[object], list[str]]
) -> None:
    spotify.plays = page(1, 2)

    result = derive(capture("run-1", START))

    assert (result["status"], result["new"]) == ("captured", 2)
    assert result["requests"] == {"api/token": 1, "me/player/recently-played": 1}
    assert tell_tales(result) == []


@pytest.mark.parametrize(
    ("path", "status", "outcome"),
    [
        ("/v1/me/player/recently-played", 429, "rate_limited"),
        ("/v1/me/player/recently-played", 403, "failed"),
        ("/api/token", 400, "failed"),
    ],
)
def test_what_capture_could_not_do_is_recorded(
    path: str, status: int, outcome: str, zones: Zones, spotify: FakeSpotify
) -> None:
    spotify.reply(path, status, {"error": "invalid_grant"})
    handed_over = capture("run-1", START)

    result = derive(handed_over)

    assert result["status"] == "failed"
    (attempt,) = rows(zones, "captures")
    assert attempt["outcome"] == outcome
    assert attempt["error"] == result["error"] == handed_over["capture"]["error"]


def test_many_runs_see_every_play_once(zones: Zones, spotify: FakeSpotify) -> None:
    heard: Sequence[Row] = page(*range(1, 41))
    for run in range(4):
        at = NOW + run * 30 * MINUTE
        spotify.plays = list(heard[max(0, 24 - 8 * run) : 40 - 8 * run])
        derive(capture(f"run-{run}", at.isoformat()))

    assert tracks(zones, "plays") == [f"Track {number}" for number in range(1, 41)]
    assert sum(row["new"] for row in rows(zones, "captures")) == 40


def test_a_backlog_of_months_is_made_up_for(zones: Zones) -> None:
    for months in range(4, 0, -1):
        at = NOW - timedelta(days=31 * months)
        keep_page(zones, f"run-{months}", at, page(months, end=at))

    result = derive(keep_page(zones, "run-0", NOW, page(9)))

    assert (result["status"], result["derived"]) == ("captured", 5)
    assert zones.keys("raw/recently-played/") == sorted(
        row["raw_key"]
        for key in zones.keys("lake/captures/")
        for row in zones.lake.read("captures", [key]).to_pylist()
    )


# Another run meanwhile.


@pytest.mark.parametrize("others", [1, 2, 9])
def test_attempts_that_others_record_meanwhile_are_part_of_the_gaps(
    others: int, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or of the next run's, where it never ends."""
    derive(keep_page(zones, "run-1", NOW - DAY, page(1, end=NOW - DAY)))
    keep, left = captures._keep_captures, [others]

    def meanwhile(lake: Any, account: str, rows: list[Row]) -> None:
        keep(lake, account, rows)
        if left[0]:
            left[0] -= 1
            event = failed(f"other-{left[0]}", format_time(NOW - left[0] * MINUTE))
            capture = event["capture"]
            row = failed_capture_row(
                ACCOUNT,
                capture_id=event["execution"],
                captured_at=parse_time(capture["captured_at"]),
                outcome="failed",
                error=capture["error"],
            )
            keep(lake, account, [row])

    monkeypatch.setattr(captures, "_keep_captures", meanwhile)
    assert derive(keep_page(zones, "run-2", NOW, page(2)))["status"] == "captured"
    assert len(attempts(zones)) == 2 + min(others, captures.TRIES)

    monkeypatch.undo()
    derive(keep_page(zones, "run-3", NOW + MINUTE, page(2)))
    (gap,) = rows(zones, "gaps")
    assert gap["reason"] == "failed"
    assert gap["closed_by"] is None
