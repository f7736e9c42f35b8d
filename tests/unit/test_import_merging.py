"""Observations of imports: once each, in whatever order files come, and gone with their import."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from soundlake.importing.merging import SCHEMA, added, givers, observations_of, without
from soundlake.importing.reading import entries

START = datetime(2024, 3, 1, 20)  # noqa: DTZ001 - as tables keep times
A, B, C = (f"raw/imports/me/{name}/" for name in "abc")

# A row: the second that it ended, which track, how long it was played, on what, in which country.
Said = tuple[int, int | None, int, str | None, str | None]
SAID = st.tuples(
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(1, 2)),
    st.sampled_from([0, 30_000]),
    st.sampled_from([None, "android"]),
    st.sampled_from([None, "NO"]),
)
FILE = st.lists(SAID, max_size=6)


def observations(prefix: str, rows: Iterable[Said], number: int = 1) -> pa.Table:
    """A file's observations; its rows count from 1."""
    made = []
    for row, (second, track, ms_played, platform, country) in enumerate(rows, 1):
        made.append(
            {
                "account": "me",
                "source": "spotify_extended",
                "time": START + timedelta(seconds=second),
                "uri": f"spotify:track:{track}" if track else None,
                "track_name": "A track",
                "artist_names": ["Somebody", None] if platform else None,
                "ms_played": ms_played,
                "platform": platform,
                "country": country,
                "raw_keys": [f"{prefix}{number:04d}.parquet"],
                "raw_rows": [row],
            }
        )
    return pa.Table.from_pylist(made, SCHEMA)


def added_in_turn(tables: Sequence[pa.Table]) -> pa.Table:
    known = SCHEMA.empty_table()
    for table in tables:
        known = added(known, table)
    return known


def content(table: pa.Table) -> list[Any]:
    rows = [{**row, "raw_keys": None, "raw_rows": None} for row in table.to_pylist()]
    return sorted(map(repr, rows))


@given(FILE, FILE, FILE)
def test_the_order_of_imports_makes_no_difference(a: Any, b: Any, c: Any) -> None:
    tables = [observations(A, a), observations(B, b), observations(C, c)]

    first, *others = [added_in_turn(each) for each in permutations(tables)]

    assert all(other.equals(first) for other in others)
    assert added(SCHEMA.empty_table(), pa.concat_tables(tables)).equals(first)


@given(FILE, FILE)
def test_each_thing_that_is_said_is_there_once_with_all_who_say_it(a: Any, b: Any) -> None:
    tables = [observations(A, a), observations(B, b)]
    every = pa.concat_tables(tables)

    merged = added_in_turn(tables)

    assert content(merged) == sorted(set(content(every)))
    told = {
        (key, number): repr({**row, "raw_keys": None, "raw_rows": None})
        for row in merged.to_pylist()
        for key, number in zip(row["raw_keys"], row["raw_rows"], strict=True)
    }
    assert told == {
        (row["raw_keys"][0], row["raw_rows"][0]): repr({**row, "raw_keys": None, "raw_rows": None})
        for row in every.to_pylist()
    }
    assert all(row["raw_keys"] == sorted(row["raw_keys"]) for row in merged.to_pylist())


@given(FILE, FILE, FILE)
@example(  # what stood first stood there by a row that is gone
    a=[], b=[(0, 1, 0, None, None)], c=[(0, 1, 0, "android", None), (0, 1, 0, None, None)]
)
def test_what_is_taken_back_is_as_if_it_had_never_been(a: Any, b: Any, c: Any) -> None:
    tables = [observations(A, a), observations(B, b), observations(C, c)]

    left = without(added_in_turn(tables), B)

    assert left.equals(added_in_turn([tables[0], tables[2]]))


@given(FILE)
def test_adding_again_changes_nothing(a: Any) -> None:
    table = observations(A, a)
    known = added(SCHEMA.empty_table(), table)

    assert added(known, table).equals(known)
    assert added(without(known, A), table).equals(known)


def test_one_import_is_not_taken_for_another_whose_name_begins_alike() -> None:
    known = added_in_turn([observations(A, [(0, 1, 0, None, None)])])

    assert without(known, A[:-2]).num_rows == 0  # it is the prefix with its slash that tells
    assert without(known, f"{A[:-1]}b/").equals(known)


def test_captured_rows_stay_as_they_are() -> None:
    row = {
        "account": "me",
        "source": "spotify_recently_played",
        "time": START,
        "uri": "spotify:track:1",
        "raw_keys": ["raw/recently-played/me/x.json.gz"],
    }
    captured = pa.Table.from_pylist([row], SCHEMA)
    imported = observations(A, [(0, 1, 30_000, None, None), (0, 1, 30_000, None, None)])

    merged = added(captured, imported)

    assert merged.num_rows == 2
    assert captured.to_pylist()[0] in merged.to_pylist()
    assert without(merged, A).equals(captured)
    of, keys, rows = givers(merged)
    assert sorted(zip(of.to_pylist(), keys.to_pylist(), rows.to_pylist(), strict=True)) == sorted(
        (index, key, number)
        for index, each in enumerate(merged.to_pylist())
        for key, number in zip(each["raw_keys"], each["raw_rows"] or [0], strict=True)
    )


def test_a_months_order_is_that_of_time() -> None:
    merged = added_in_turn([observations(A, [(3, 1, 0, None, None), (0, 2, 0, None, None)])])

    times = merged.column("time").to_pylist()
    assert times == sorted(times)


@pytest.mark.parametrize("rows", [0, 1])
def test_entries_become_observations_with_their_row(rows: int) -> None:
    kept = pa.table({"row": pa.array(['{"endTime": "2024-03-01 20:00"}'] * rows, pa.string())})
    found = entries(
        kept, "spotify_account", "x.json", now=datetime.fromisoformat("2025-01-01T00:00:00Z")
    )

    made = observations_of(found, "me", f"{A}0001.parquet")

    assert made.schema.equals(SCHEMA)
    assert made.num_rows == 0  # it names nothing that was played
