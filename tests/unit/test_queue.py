"""The queue of enrichment: a function of the lake, in order, in the fewest requests."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.enriching import queue
from soundlake.enriching.progress import KEPT, LOOKED_BACK, Day, outlook, recorded
from soundlake.enriching.queue import (
    ALBUMS,
    ANALYSES,
    ARTISTS,
    CHARTED,
    COLUMNS,
    FEATURES,
    KINDS,
    LOOKED_UP,
    PLAYS,
    SIGHTINGS,
    TRACKS,
)
from soundlake.store.lake import to_parquet
from soundlake.store.objects import CorruptObjectError
from soundlake.store.queue import Queue, decode, encode
from soundlake.store.schemas import SCHEMAS

TODAY = date(2026, 11, 21)
AT = datetime(2026, 11, 3, 23, 59, tzinfo=UTC).replace(tzinfo=None)  # as columns have it
PAGE = "raw/recently-played/main/month=2026-11/page.json.gz"
CHART = "raw/charts/spotify/daily-NO/2026-11-21/001/page-01.json.gz"
FILE = "raw/charts/files/daily-NO/2026-11-21/made-up.csv.gz"
FAMILY = (TRACKS, FEATURES, ANALYSES)  # what one track makes wanted


def rows_of(table: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows of a table in the columns that the queue looks at."""
    schema = SCHEMAS[table]
    fields = [schema.field(name) for name in COLUMNS[table]]
    return pa.Table.from_pylist(list(rows), pa.schema(fields))


def play(track: str | None, **more: Any) -> dict[str, Any]:
    return {
        "played_at": AT,
        "track_id": track,
        "evidence": [PAGE],
    } | more


def entry(track: str | None, **more: Any) -> dict[str, Any]:
    return {"chart_date": date(2026, 11, 20), "track_id": track, "raw_key": CHART} | more


def seen(table: str, month: str, *rows: dict[str, Any]) -> pa.Table:
    return queue.seen(table, f"{table}/{month}", rows_of(table, rows))


def counts(sightings: pa.Table) -> dict[tuple[str, str], int]:
    return {(row["kind"], row["id"]): row["count"] for row in sightings.to_pylist()}


def waiting(sightings: pa.Table, day: date = TODAY, **settled: Sequence[str]) -> list[queue.Wanted]:
    return queue.in_order(queue.waiting(sightings, KINDS, settled, day))


# What rows show.


def test_a_play_makes_its_track_its_features_album_artists_and_analysis_wanted() -> None:
    found = seen(PLAYS, "2026-11", play("t1", album_id="b1", artist_ids=["a1", "a2"]))

    assert counts(found) == {
        (TRACKS, "t1"): 1,
        (FEATURES, "t1"): 1,
        (ANALYSES, "t1"): 1,
        (ALBUMS, "b1"): 1,
        (ARTISTS, "a1"): 1,
        (ARTISTS, "a2"): 1,
    }
    assert set(found.column("part").to_pylist()) == {"plays/2026-11"}
    assert set(found.column("first").to_pylist()) == {date(2026, 11, 3)}


def test_what_has_no_id_makes_nothing_wanted() -> None:
    rows = [play(None, evidence=None), play(None, artist_ids=[None], evidence=[]), play(None)]

    assert seen(PLAYS, "2026-11", *rows).num_rows == 0
    assert seen(CHARTED, "2026-11", entry(None, raw_key=None)).num_rows == 0
    assert seen(LOOKED_UP, "2026-11").num_rows == 0


def test_ids_are_counted_and_the_first_day_stays() -> None:
    later = AT + timedelta(days=6)
    rows = [play("t1", played_at=later, artist_ids=["a1"]), play("t1", artist_ids=["a1"])]

    found = seen(PLAYS, "2026-11", *rows)

    assert counts(found) == {(kind, "t1"): 2 for kind in FAMILY} | {(ARTISTS, "a1"): 2}
    assert set(found.column("first").to_pylist()) == {date(2026, 11, 3)}


def test_what_was_looked_up_makes_its_album_and_artists_wanted_and_counts_nothing() -> None:
    looked_up = {"fetched_at": AT, "album_id": "b1", "artist_ids": ["a1"], "detail_raw_key": "raw/"}
    carried = {"fetched_at": AT, "album_id": "b2", "artist_ids": ["a2"], "detail_raw_key": None}

    found = seen(LOOKED_UP, "2026-11", looked_up, carried)

    assert counts(found) == {(ALBUMS, "b1"): 0, (ARTISTS, "a1"): 0}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (entry("t1"), False),
        (entry("t1", raw_key=FILE), True),
        (entry("t1", raw_key="raw/charts/kworb/daily-NO/2026-11-20/001.html.gz"), True),
        (entry("t1", raw_key=None), True),
        (play("t1"), False),
        (play("t1", evidence=[FILE, PAGE]), False),
        (play("t1", evidence=["raw/exports/made-up.json.gz"]), True),
        (play("t1", evidence=[]), True),
        (play("t1", evidence=None), True),
    ],
)
def test_a_track_is_looked_up_where_no_answer_carries_it(row: dict[str, Any], wanted: bool) -> None:
    table = PLAYS if "evidence" in row else CHARTED

    assert ((TRACKS, "t1") in waiting(seen(table, "2026-11", row))) is wanted


def test_one_answer_that_carries_a_track_is_enough_while_publish_looks_at_it() -> None:
    both = pa.concat_tables(
        [
            seen(CHARTED, "2026-11", entry("t1", raw_key=FILE), entry("t2", raw_key=FILE)),
            seen(PLAYS, "2026-10", play("t1"), play("t3")),
        ]
    )

    def tracks(day: date) -> list[str]:
        return [each for kind, each in waiting(both, day) if kind == TRACKS]

    assert tracks(TODAY) == ["t2"]
    # A day that is made again leaves what is newer to the next run.
    assert tracks(date(2026, 3, 1)) == ["t2"]
    # No run makes rows any more of what was played two months ago.
    assert tracks(date(2026, 12, 1)) == ["t1", "t3", "t2"]


# The order.


def test_what_is_played_most_comes_first_then_what_is_charted_most_then_by_kind_and_id() -> None:
    november = seen(
        PLAYS,
        "2026-11",
        *[play("t3", album_id="b3")] * 2,
        play("t1", album_id="b1", artist_ids=["a1"]),
    )
    october = seen(PLAYS, "2026-10", play("t2"))
    charts = seen(CHARTED, "2026-11", *[entry("t2", raw_key=FILE)] * 3, entry("t4", raw_key=FILE))

    found = waiting(pa.concat_tables([november, october, charts]), **{ANALYSES: ["t1", "t2", "t3"]})

    assert found == [
        (FEATURES, "t3"),
        (ALBUMS, "b3"),
        (FEATURES, "t2"),
        (FEATURES, "t1"),
        (ARTISTS, "a1"),
        (ALBUMS, "b1"),
        (TRACKS, "t4"),
        (FEATURES, "t4"),
        (ANALYSES, "t4"),
    ]


def test_only_kinds_that_may_be_asked_for_and_ids_that_are_not_settled_wait() -> None:
    sightings = seen(CHARTED, "2026-11", entry("t1", raw_key=FILE), entry("t2", raw_key=FILE))

    found = queue.waiting(sightings, [TRACKS, FEATURES], {TRACKS: ["t1"], ALBUMS: ["t2"]}, TODAY)

    assert queue.in_order(found) == [(TRACKS, "t2"), (FEATURES, "t1"), (FEATURES, "t2")]


# What changes.


def test_a_parts_sightings_are_replaced_and_a_part_that_is_gone_takes_its_own_along() -> None:
    before = pa.concat_tables(
        [seen(PLAYS, "2026-11", play("t1")), seen(PLAYS, "2026-10", play("t2"), play("t3"))]
    )

    after = queue.merged(
        before, {"plays/2026-11": seen(PLAYS, "2026-11", play("t4")), "plays/2026-10": None}
    )

    assert {each for _, each in counts(after)} == {"t4"}


def test_where_an_object_cannot_be_read_what_was_known_of_the_part_stays() -> None:
    before = seen(PLAYS, "2026-11", play("t1"), play("t2"), play("t2"))
    found = seen(PLAYS, "2026-11", play("t2"), play("t3"))

    after = counts(queue.beside(before, "plays/2026-11", found))

    assert after == {
        (kind, each): count for kind in FAMILY for each, count in (("t1", 1), ("t2", 2), ("t3", 1))
    }


def test_what_no_row_names_any_more_can_wait_too() -> None:
    found = queue.once_more(["t2", "t1"], TODAY)

    assert waiting(found) == [(FEATURES, "t1"), (FEATURES, "t2")]


# Rows.

IDS = st.sampled_from([f"id{number}" for number in range(6)])
SIGHTING = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "id": IDS,
        "part": st.sampled_from(["plays/2026-11", "plays/2026-08", "chart_entries/2026-11"]),
        "count": st.integers(0, 40),
        "first": st.dates(date(2026, 1, 1), date(2026, 11, 21)),
        "carried": st.booleans(),
    }
)
SEEN = st.lists(
    SIGHTING, max_size=25, unique_by=lambda row: (row["kind"], row["id"], row["part"])
).map(lambda rows: pa.Table.from_pylist(rows, SIGHTINGS))
KNOWN = st.dictionaries(st.sampled_from(KINDS), st.sets(IDS))


def as_set(sightings: pa.Table) -> set[tuple[Any, ...]]:
    return {tuple(row.values()) for row in sightings.to_pylist()}


@given(SEEN)
def test_rows_are_one_for_each_kind_and_id_and_give_back_what_they_were_made_of(
    sightings: pa.Table,
) -> None:
    open_ = queue.waiting(sightings, KINDS, {}, TODAY)
    rows = queue.as_rows(sightings, open_)

    assert as_set(queue.as_sightings(rows)) == as_set(sightings)
    pairs = queue.in_order(rows)
    assert pairs == sorted(set(pairs))
    plays, first = Counter[tuple[str, str]](), dict[tuple[str, str], date]()
    for row in sightings.to_pylist():
        pair = (row["kind"], row["id"])
        plays[pair] += row["count"] if row["part"].startswith("plays/") else 0
        first[pair] = min(row["first"], first.get(pair, row["first"]))
    for row in rows.to_pylist():
        pair = (row["kind"], row["id"])
        assert (row["plays"], row["first_seen"]) == (plays[pair], first[pair])
        assert row["waiting"] == (pair in set(queue.in_order(open_)))


@given(SEEN, KNOWN)
def test_what_is_known_is_left_out_and_all_else_stays(
    sightings: pa.Table, known: dict[str, set[str]]
) -> None:
    after = queue.unknown(sightings, known)

    assert as_set(after) == {
        tuple(row.values())
        for row in sightings.to_pylist()
        if row["id"] not in known.get(row["kind"], set())
    }


@given(st.permutations(["plays/2026-11", "plays/2026-08", "chart_entries/2026-11"]), SEEN)
def test_in_whatever_order_parts_are_looked_at_the_queue_is_the_same(
    order: list[str], sightings: pa.Table
) -> None:
    built = SIGHTINGS.empty_table()
    for part in order:
        here = [each == part for each in sightings["part"].to_pylist()]
        own = sightings.filter(pa.array(here, pa.bool_()))
        built = queue.merged(queue.merged(built, {part: own}), {part: own})

    one, other = (queue.waiting(each, KINDS, {}, TODAY) for each in (built, sightings))
    assert one.equals(other)
    assert queue.as_rows(built, one).equals(queue.as_rows(sightings, other))


# Batches.

WANTED = st.lists(st.tuples(st.sampled_from(KINDS), IDS), max_size=40, unique=True)
SIZES = st.fixed_dictionaries({kind: st.integers(1, 5) for kind in KINDS})
LANES = st.dictionaries(IDS, st.integers(0, 2))


@given(WANTED, SIZES, LANES)
def test_batches_ask_for_all_once_in_the_fewest_requests_and_the_first_ids_order(
    wanted: list[queue.Wanted], sizes: dict[str, int], lanes: dict[str, int]
) -> None:
    made = queue.in_batches(wanted, sizes, lanes)

    assert sorted((kind, each) for kind, ids in made for each in ids) == sorted(wanted)
    sharing = Counter((kind, lanes.get(each, 0) * (kind == FEATURES)) for kind, each in wanted)
    least = sum(-(-count // sizes[kind]) for (kind, _), count in sharing.items())
    assert len(made) == least
    places = [wanted.index((kind, ids[0])) for kind, ids in made]
    assert places == sorted(places)
    for kind, ids in made:
        assert [wanted.index((kind, each)) for each in ids] == sorted(
            wanted.index((kind, each)) for each in ids
        )


def test_a_batch_fills_up_with_what_comes_much_later() -> None:
    wanted = [(TRACKS, "t1"), (ALBUMS, "b1"), (TRACKS, "t2"), (ALBUMS, "b2"), (TRACKS, "t3")]

    assert queue.in_batches(wanted, {TRACKS: 2, ALBUMS: 20}, {}) == [
        (TRACKS, ("t1", "t2")),
        (ALBUMS, ("b1", "b2")),
        (TRACKS, ("t3",)),
    ]


# The object.


@given(SEEN)
def test_the_object_gives_back_the_queue_and_the_same_queue_the_same_bytes(
    sightings: pa.Table,
) -> None:
    rows = queue.as_rows(sightings, queue.waiting(sightings, KINDS, {}, TODAY))
    days = [Day(TODAY, {TRACKS: 3}, {TRACKS: 1}, {TRACKS: 2})]
    one = Queue(rows, {"plays/2026-11": "state"}, {TRACKS: {"2026-11": 7}}, days, [(TRACKS, "a")])

    body = encode(one)
    back = decode(body)

    assert back.rows.equals(rows)
    assert (back.parts, back.known, list(back.days)) == (one.parts, one.known, days)
    assert back.bad == [(TRACKS, "a")]
    assert encode(back) == body


def test_totals_of_an_older_queue_say_nothing_of_months() -> None:
    known = {TRACKS: 7, ALBUMS: 3}
    facts = json.dumps({"version": 2, "parts": {"plays/2026-11": "a"}, "known": known, "days": []})
    older = to_parquet(Queue().rows.replace_schema_metadata({b"soundlake": facts.encode()}))

    assert decode(older) == Queue(parts={"plays/2026-11": "a"}, days=[], bad=[])


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_what_is_no_queue_is_refused(cut: int) -> None:
    with pytest.raises(CorruptObjectError, match=r"queue/enrichment\.parquet is not the enrich"):
        decode(encode(Queue())[:cut])


def test_a_table_without_the_queues_facts_is_refused() -> None:
    with pytest.raises(CorruptObjectError):
        decode(to_parquet(Queue().rows))


# How fast it gets less.


def day(number: int, came: int, done: int, left: int) -> Day:
    return Day(TODAY + timedelta(days=number), {ALBUMS: came}, {ALBUMS: done}, {ALBUMS: left})


def test_runs_of_one_day_are_one_record_and_add_up() -> None:
    days = recorded(recorded([], day(0, 100, 40, 60)), day(0, 5, 20, 45))

    assert days == [day(0, 105, 60, 45)]


def test_a_day_that_is_made_again_is_recorded_with_the_last_one() -> None:
    days = recorded([day(0, 100, 40, 60), day(1, 0, 10, 50)], day(0, 0, 30, 20))

    assert days == [day(0, 100, 40, 60), day(1, 0, 40, 20)]


def test_the_record_ends() -> None:
    days: list[Day] = []
    for number in range(KEPT + 5):
        days = recorded(days, day(number, 1, 1, 0))

    assert [each.day for each in days] == [TODAY + timedelta(days=5 + n) for n in range(KEPT)]


def test_a_day_survives_json() -> None:
    assert Day.read(day(3, 1, 2, 4).as_json()) == day(3, 1, 2, 4)


def test_the_rate_is_what_was_finished_net_of_what_came_but_for_the_first_days_stock() -> None:
    found = outlook([day(0, 1000, 100, 900), day(1, 20, 120, 800), day(3, 0, 80, 720)], ALBUMS)

    assert found is not None
    assert (found.left, found.came, found.done, found.since) == (720, 5.0, 75.0, TODAY)
    # 720 at 70 a day are 10.3 days more.
    assert found.empty_on == TODAY + timedelta(days=3 + 11)


def test_only_the_last_days_on_record_make_the_rate() -> None:
    days = [day(number, 0, 1000, 10) for number in range(5)]
    days += [day(5 + number, 1, 2, 10) for number in range(LOOKED_BACK)]

    found = outlook(days, ALBUMS)

    assert found is not None
    assert (found.done, found.came, found.since) == (2.0, 1.0, TODAY + timedelta(days=5))
    assert found.empty_on == days[-1].day + timedelta(days=10)


@pytest.mark.parametrize(("came", "done"), [(30, 30), (31, 30), (0, 0)])
def test_what_does_not_get_less_is_never_empty(came: int, done: int) -> None:
    found = outlook([day(0, 100, 0, 100), day(1, came, done, 100)], ALBUMS)

    assert found is not None
    assert found.empty_on is None


def test_an_empty_queue_is_empty_and_what_is_not_asked_for_has_no_outlook() -> None:
    found = outlook([day(0, 10, 10, 0)], ALBUMS)

    assert found is not None
    assert (found.left, found.empty_on) == (0, TODAY)
    assert outlook([day(0, 10, 10, 0)], ARTISTS) is None
    assert outlook([], ALBUMS) is None
