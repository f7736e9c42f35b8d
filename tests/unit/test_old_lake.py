"""A lake that an earlier version wrote: read, gone on with, and every row still there."""

from datetime import timedelta

import pytest
from soundlake.store.lake import decode
from soundlake.store.schemas import SCHEMAS

from tests import old_lake
from tests.unit.helpers import (
    ACCOUNT,
    BUCKET,
    NOW,
    FakeSpotify,
    Row,
    Zones,
    enrich,
    features_of,
    invoke,
    keep_page,
    load,
    played,
    publish,
    track,
    track_id,
)


@pytest.fixture
def old(zones: Zones) -> Zones:
    for key, body in old_lake.objects(ACCOUNT).items():
        zones.put(key, body)
    return zones


def of(zones: Zones, table: str) -> list[Row]:
    """A table's old rows, as they are read now."""
    return zones.lake.read(table, [old_lake.key(table, ACCOUNT)]).to_pylist()


def as_they_were(table: str, rows: list[Row]) -> list[Row]:
    names = old_lake.schema(table).names
    return [{name: row[name] for name in names} for row in rows]


def sorted_rows(rows: list[Row]) -> list[str]:
    return sorted(map(str, rows))


@pytest.mark.parametrize("table", old_lake.TABLES)
def test_a_tables_columns_are_the_old_ones_and_new_ones_after_them(table: str) -> None:
    columns = list(old_lake.schema(table))
    assert list(SCHEMAS[table])[: len(columns)] == columns


@pytest.mark.parametrize("table", old_lake.TABLES)
def test_an_old_object_is_read_with_nulls_for_what_it_does_not_have(table: str) -> None:
    key = old_lake.key(table, ACCOUNT)
    found = decode(old_lake.objects(ACCOUNT)[key], SCHEMAS[table], key)

    assert found.schema == SCHEMAS[table]
    rows, written = found.to_pylist(), old_lake.rows(table, ACCOUNT)
    assert rows
    assert [{name: row[name] for name in written[0]} for row in rows] != []
    for row, was in zip(rows, written, strict=True):
        new = row.keys() - was.keys()
        assert {name: row[name] for name in new} == dict.fromkeys(new)
        plain = {name: value for name, value in was.items() if name != "segments"}
        assert {name: row[name] for name in plain} == plain


def test_old_tables_have_new_columns_at_all() -> None:
    """Else the tests here would say nothing."""
    grown = {each for each in old_lake.TABLES if len(SCHEMAS[each]) > len(old_lake.schema(each))}
    assert {"observations", "plays", "captures", "tracks"} <= grown


def test_a_capture_goes_on_with_an_old_lake(old: Zones) -> None:
    """A month later a page tells of a play beside the old ones, and all are derived anew."""
    new = played(9, old_lake.played_at(9).isoformat() + ".000Z")
    event = keep_page(old, "run-1", NOW, [new])

    result = invoke("derive", event)

    assert (result["status"], result["new"]) == ("captured", 1)
    plays = of(old, "plays")
    assert len(plays) == 3
    was = old_lake.rows("plays", ACCOUNT)
    assert [(row["played_at"], row["uri"]) for row in plays[:2]] == [
        (row["played_at"], row["uri"]) for row in was
    ]
    # What was not kept then stays unknown until the page is derived again.
    assert [row["kind"] for row in plays] == [None, None, "track"]
    seen = sorted_rows(as_they_were("observations", of(old, "observations")))
    assert {str(row) for row in old_lake.rows("observations", ACCOUNT)} <= set(seen)


def test_an_old_page_that_is_derived_again_only_fills_in_what_is_new(old: Zones) -> None:
    before = as_they_were("observations", of(old, "observations"))
    at = old_lake.CAPTURED_AT.replace(tzinfo=NOW.tzinfo)
    event = keep_page(old, old_lake.CAPTURE, at, list(old_lake.plays_page(ACCOUNT)))
    assert event["capture"]["raw_key"] == old_lake.page_key(ACCOUNT)

    old.s3.delete_object(Bucket=BUCKET, Key=old_lake.key("captures", ACCOUNT))

    invoke("derive", event)

    assert as_they_were("observations", of(old, "observations")) == before
    assert [row["kind"] for row in of(old, "plays")] == ["track", "track"]
    assert [row["played_at"] for row in of(old, "plays")] == [
        row["played_at"] for row in old_lake.rows("plays", ACCOUNT)
    ]
    assert len(of(old, "captures")) == 1


def test_a_day_goes_on_with_an_old_lake(old: Zones, spotify: FakeSpotify) -> None:
    """Charts are loaded, what they name is looked up, and all is published beside the old rows."""
    day = (old_lake.CAPTURED_AT + timedelta(days=1)).date().isoformat()
    spotify.features[track_id(1)] = features_of(track_id(1))

    loaded = load(old, [track(1)], day=day)
    assert enrich(day)["status"] == "enriched"
    assert publish(loaded, day=day)["status"] == "published"

    for table in ("chart_entries", "tracks", "albums", "artists", "track_sections"):
        was = as_they_were(table, old_lake.rows(table, ACCOUNT))
        now = as_they_were(table, of(old, table))
        assert [row for row in was if row in now] == was, table
    assert len(of(old, "audio_features")) == 2 + 1
