"""The ledger: every row of an import has one outcome, and the one that the observations tell."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from soundlake.importing.groups import every, groups, parts
from soundlake.importing.ledger import (
    SCHEMA,
    counted,
    finished,
    rows_of_others,
    rows_of_plays,
)
from soundlake.store.schemas import SCHEMAS
from soundlake.times import shift_month

START = datetime(2024, 3, 1, 20)  # noqa: DTZ001 - as tables keep times
MINE = "raw/imports/me/b/"
# Others say it first, wherever their names stand.
THEIRS = ("raw/imports/me/a/0001.parquet", "raw/imports/me/c/0001.parquet")
PAGE = "raw/recently-played/me/x.json.gz"
FILES = {f"{MINE}0001.parquet": "first.json", f"{MINE}0002.parquet": "second.json"}
EXTENDED, CAPTURED, LASTFM = "spotify_extended", "spotify_recently_played", "lastfm"

# An observation: its play, its source, and who gave it.
GIVER = st.tuples(
    st.sampled_from([*THEIRS, *FILES]),
    st.integers(1, 3),
)
OBSERVATION = st.tuples(
    st.integers(0, 2),
    st.sampled_from([EXTENDED, LASTFM]),
    st.lists(GIVER, min_size=1, max_size=3, unique=True),
)


def tables(told: list[tuple[int, str, list[tuple[str, int]]]]) -> tuple[pa.Table, pa.Table, Any]:
    observations = pa.Table.from_pylist(
        [
            {
                "source": source,
                "time": START + timedelta(minutes=play),
                "raw_keys": [key for key, _ in sorted(by)],
                "raw_rows": None if source == CAPTURED else [row for _, row in sorted(by)],
            }
            for play, source, by in told
        ],
        SCHEMAS["observations"],
    )
    plays = pa.Table.from_pylist(
        [
            {"played_at": START + timedelta(minutes=play), "uri": f"spotify:track:{play}"}
            for play in range(3)
        ],
        SCHEMAS["plays"],
    )
    return observations, plays, np.array([play for play, _, _ in told], np.int64)


def ledger(told: Any, own: Any = None) -> list[dict[str, Any]]:
    observations, plays, play_of = tables(told)
    rows = rows_of_plays(
        observations,
        plays,
        play_of,
        own=np.ones(len(told), bool) if own is None else own,
        raw_prefix=MINE,
        files=FILES,
    )
    table = finished(rows, "me", "b")
    assert table.schema.equals(SCHEMA)
    found: list[dict[str, Any]] = table.to_pylist()
    return found


@given(st.lists(OBSERVATION, max_size=6))
def test_a_row_is_what_the_evidence_of_its_play_says(told: Any) -> None:
    # One row stands in one place alone.
    seen: set[Any] = set()
    unique = []
    for play, source, by in told:
        fresh = [each for each in by if each not in seen]
        seen.update(fresh)
        if fresh:
            unique.append((play, source, fresh))

    rows = ledger(unique)

    of_play: dict[int, list[tuple[str, bool, str, int]]] = {}
    for play, source, by in unique:
        of_play.setdefault(play, []).extend(
            (source, key.startswith(MINE), key, row) for key, row in by
        )
    wanted = {}
    for play, evidence in of_play.items():
        for source, mine, key, row in evidence:
            if not mine:
                continue
            first = min(other[1:] for other in evidence if other[0] == source)
            if first[1:] != (key, row):
                wanted[key, row] = ("duplicate", play, first[1], first[2])
            elif len({other[0] for other in evidence}) > 1:
                wanted[key, row] = ("merged", play, None, None)
            else:
                wanted[key, row] = ("imported", play, None, None)
    assert {
        (row["raw_key"], row["row"]): (
            row["outcome"],
            int(row["uri"].rpartition(":")[2]),
            row["of_raw_key"],
            row["of_row"],
        )
        for row in rows
    } == wanted
    assert len(rows) == len(wanted)
    assert all(FILES[row["raw_key"]] == row["file"] for row in rows)
    assert all((row["account"], row["import_id"]) == ("me", "b") for row in rows)
    assert all(row["played_at"] == START + timedelta(minutes=int(row["uri"][-1])) for row in rows)


def test_what_a_page_knew_is_merged_and_has_no_row_there() -> None:
    mine = f"{MINE}0001.parquet"

    (row,) = ledger([(0, CAPTURED, [(PAGE, 0)]), (0, EXTENDED, [(mine, 1)])])

    assert (row["outcome"], row["of_raw_key"], row["of_row"]) == ("merged", None, None)


def test_what_is_merged_and_said_twice_is_a_duplicate_of_what_was_said_first() -> None:
    mine = f"{MINE}0001.parquet"

    first, second = ledger(
        [(0, CAPTURED, [(PAGE, 0)]), (0, EXTENDED, [(mine, 1)]), (0, EXTENDED, [(mine, 2)])]
    )

    assert (first["outcome"], second["outcome"]) == ("merged", "duplicate")
    assert (second["of_raw_key"], second["of_row"]) == (mine, 1)


def test_rows_of_months_beside_these_are_told_by_another_group() -> None:
    first, second = FILES

    (row,) = ledger(
        [(0, EXTENDED, [(first, 1)]), (0, EXTENDED, [(second, 1)])], own=np.array([False, True])
    )

    assert (row["outcome"], row["raw_key"], row["of_raw_key"]) == ("duplicate", second, first)


def test_what_is_no_play_and_what_was_not_asked_for_is_told_with_its_reason() -> None:
    entries = pa.table(
        {
            "row": pa.array([1, 2, 3, 4], pa.int32()),
            "problem": pa.array(["ts is missing.", None, None, "ms_played is -1."]),
        }
    )
    outside = np.array([True, True, False, False])

    rows = rows_of_others(entries, outside, "x.json", f"{MINE}0001.parquet", "It is outside.")

    assert [(row["row"], row["outcome"], row["reason"]) for row in rows.to_pylist()] == [
        (1, "invalid", "ts is missing."),
        (2, "outside", "It is outside."),
        (4, "invalid", "ms_played is -1."),
    ]
    assert counted(rows) == {"invalid": 2, "outside": 1}


SIZES = st.lists(st.integers(1, 200_000_000), max_size=30)


@given(SIZES)
def test_parts_hold_every_file_once_and_are_not_large(sizes: list[int]) -> None:
    made = parts(list(enumerate(sizes, 1)))

    assert [number for part in made for number in part] == list(range(1, len(sizes) + 1))
    for part in made:
        *others, _ = part
        assert sum(sizes[number - 1] for number in others) <= 80_000_000
    if len(sizes) > 1 and max(sizes) <= 1_000_000:
        assert len(made) <= 1 or len(made) % 2 == 0


MONTHS = st.integers(0, 40).map(lambda number: shift_month("2020-01", number))
ROWS = st.dictionaries(
    st.integers(1, 6), st.dictionaries(MONTHS, st.integers(1, 150_000), max_size=8), max_size=6
)


@given(ROWS)
def test_groups_hold_every_month_once_and_the_neighbours_too(rows: Any) -> None:
    made = groups(rows)

    months = Counter(month for group in made for month in group["months"])
    assert months == Counter({month for each in rows.values() for month in each})
    derived = Counter(month for group in made for month in group["plays"])
    assert set(derived) == {shift_month(month, by) for month in months for by in (-1, 0, 1)}
    assert set(derived.values()) <= {1}
    assert [group["number"] for group in made] == list(range(1, len(made) + 1))
    for group in made:
        assert group["files"] == [
            number for number, each in rows.items() if set(group["months"]) & each.keys()
        ]


def test_months_that_nobody_counted_are_divided_too() -> None:
    months = [shift_month("2020-01", number) for number in range(50)]

    made = every(months)

    assert [len(group["months"]) for group in made] == [8, 8, 8, 8, 8, 8, 2]
    assert made[0]["plays"][0] == "2019-12"
    assert made[0]["plays"][-1] == "2020-08"  # the month after it is the next group's own
