"""Which rows of a table differ from those that were derived, whatever their order."""

from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.auditing import comparing
from soundlake.auditing.comparing import KEYS, counted, differences, plain
from soundlake.store.schemas import SCHEMAS

SCHEMA = SCHEMAS["chart_entries"]
ROW = st.tuples(st.integers(1, 3), st.sampled_from(["a", "b"]))


def table(*rows: tuple[int, str]) -> pa.Table:
    made = [
        {"chart": "daily-NO", "chart_date": date(2026, 11, 21), "position": at, "track_id": track}
        for at, track in rows
    ]
    return pa.Table.from_pylist(made, SCHEMA)


def told(derived: pa.Table, there: pa.Table) -> list[tuple[str, Any, list[str]]]:
    return [
        (each.what, each.key["position"], each.columns)
        for each in differences("chart_entries", derived, there)
    ]


def test_the_order_of_rows_is_nothing() -> None:
    assert told(table((1, "a"), (2, "b")), table((2, "b"), (1, "a"))) == []


def test_a_row_that_is_not_there_is_missing_and_one_that_nothing_says_is_extra() -> None:
    derived = table((1, "a"), (2, "b"))
    assert told(derived, table((1, "a"))) == [("missing", 2, [])]
    assert told(table((1, "a")), derived) == [("extra", 2, [])]


def test_a_report_has_the_row_that_is_missing_or_extra() -> None:
    (missing,) = differences("chart_entries", table((1, "a")), table())
    (extra,) = differences("chart_entries", table(), table((1, "a")))
    row, other = missing.told(), extra.told()
    assert (row["derived"]["track_id"], row["there"]) == ("a", None)
    assert (other["there"]["track_id"], other["derived"]) == ("a", None)


def test_what_a_row_lists_is_told_as_json_has_it() -> None:
    """Fractions that differ in the last digits are the same there, too."""
    span = {"from_time": datetime(2026, 11, 21), "share": 0.1 + 0.2}  # noqa: DTZ001 - as tables
    assert plain([span, [0.3]]) == [
        {"from_time": "2026-11-21T00:00:00.000Z", "share": 0.3},
        [0.3],
    ]


def test_a_value_that_changed_names_its_column_and_both_rows() -> None:
    (found,) = differences("chart_entries", table((1, "a")), table((1, "b")))
    assert (found.what, found.columns) == ("changed", ["track_id"])
    assert found.there is not None
    assert found.derived is not None
    assert (found.there["track_id"], found.derived["track_id"]) == ("b", "a")
    assert found.key == {"chart": "daily-NO", "chart_date": "2026-11-21", "position": 1}


def test_a_row_that_is_there_twice_is_once_too_often() -> None:
    assert told(table((1, "a")), table((1, "a"), (1, "a"))) == [("extra", 1, [])]
    twice, thrice = ([(1, "a")] * number for number in (2, 3))
    assert told(table(*twice), table(*thrice)) == [("extra", 1, [])]
    assert told(table(*thrice), table((2, "b"), *twice)) == [("missing", 1, []), ("extra", 2, [])]


def test_of_a_million_rows_those_alone_are_looked_at_that_lie_between_equal_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []
    only = comparing._only
    monkeypatch.setattr(
        comparing, "_only", lambda *both: looked.extend(map(len, both)) or only(*both)
    )
    rows = [(number, "a") for number in range(1, 101)]
    there = [*rows[:40], (41, "b"), *rows[42:]]
    assert told(table(*rows), table(*there)) == [("changed", 41, ["track_id"]), ("missing", 42, [])]
    assert looked == [2, 1]


@given(st.lists(ROW, max_size=6), st.lists(ROW, max_size=6))
def test_nothing_differs_just_where_both_have_the_same_rows_as_often(a: Any, b: Any) -> None:
    found = differences("chart_entries", table(*a), table(*b))
    assert bool(found) == (sorted(a) != sorted(b))
    counts = counted(found)
    assert len(b) - len(a) == counts.get("extra", 0) - counts.get("missing", 0)


def test_the_last_digits_of_a_fraction_are_nothing_and_others_are() -> None:
    schema = SCHEMAS["audio_features"]

    def features(value: float) -> pa.Table:
        return pa.Table.from_pylist([{"track_id": "t", "energy": value}], schema)

    assert differences("audio_features", features(0.1 + 0.2), features(0.3)) == []
    (found,) = differences("audio_features", features(0.3), features(0.30001))
    assert found.columns == ["energy"]


def test_times_and_lists_are_compared_and_told_as_json_has_them() -> None:
    schema = SCHEMAS["plays"]
    at = datetime(2026, 11, 21, 9)  # noqa: DTZ001 - as tables keep times
    rows = [
        pa.Table.from_pylist([{"played_at": at, "uri": "u", "evidence": keys}], schema)
        for keys in (["a", "b"], ["a"])
    ]
    (found,) = differences("plays", *rows)
    assert found.told()["key"]["played_at"] == "2026-11-21T09:00:00.000Z"
    assert found.columns == ["evidence"]


def test_only_the_columns_that_were_derived_count() -> None:
    derived = table((1, "a")).select(["chart", "chart_date", "position"])
    assert differences("chart_entries", derived, table((1, "b"))) == []


@pytest.mark.parametrize("name", KEYS)
def test_a_key_has_columns_of_its_table(name: str) -> None:
    assert set(KEYS[name]) <= set(SCHEMAS[name].names)


def test_every_table_is_audited_or_known_not_to_be() -> None:
    by_the_order_of_runs = {"tracks", "track_names", "albums", "artists", "data_quality"}
    assert set(SCHEMAS) - set(KEYS) == by_the_order_of_runs
