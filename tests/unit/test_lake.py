"""The lake's tables: replaced whole on what was read, never half, never by a reader's guess."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.store import lake as lake_module
from soundlake.store.lake import (
    TRIES,
    Lake,
    Replaced,
    SchemaError,
    decode,
    encode_rows,
    month_of_key,
    object_key,
    to_parquet,
)
from soundlake.store.objects import Bucket, ConflictError, CorruptObjectError, StoredObject
from soundlake.store.schemas import SCHEMAS

from tests.unit.helpers import BUCKET, MONTH, Zones

Row = dict[str, Any]
KEY = "lake/artists/month=2026-11/artists.parquet"
ARTISTS = SCHEMAS["artists"]
ADDED = ARTISTS.names[ARTISTS.names.index("fetched_at") + 1 :]


def artist(ident: str, **changes: Any) -> Row:
    return (
        {"artist_id": ident, "uri": None, "name": f"Artist {ident}", "source": "spotify"}
        | {"fetched_at": "2026-11-21T09:18:00.123Z"}
        | changes
    )


def adding(*rows: Row) -> Callable[[list[Row]], list[Row]]:
    """A pure change that adds rows by id."""

    def change(before: list[Row]) -> list[Row]:
        merged = {row["artist_id"]: row for row in before}
        for row in rows:
            merged.setdefault(row["artist_id"], row)
        return [merged[ident] for ident in sorted(merged)]

    return change


def ids(zones: Zones) -> list[str]:
    return [row["artist_id"] for row in zones.rows("artists")]


class RecordingBucket(Bucket):
    """A bucket that notes each write's condition, and lets a rival write after the first reads."""

    def __init__(
        self, zones: Zones, rival: Callable[[], None] = lambda: None, rivals: int = 0
    ) -> None:
        super().__init__(BUCKET, zones.s3)
        self.conditions: list[str | None] = []
        self.reads = 0
        self._rival = rival
        self._rivals = rivals

    def get(self, key: str) -> StoredObject | None:
        stored = super().get(key)
        self.reads += 1
        if self.reads <= self._rivals:
            self._rival()
        return stored

    def put(self, key: str, body: bytes, *, etag: str | None = None, **options: Any) -> None:
        self.conditions.append(etag)
        super().put(key, body, etag=etag, **options)


def replace(lake: Lake, change: Callable[[list[Row]], list[Row]]) -> Replaced:
    return lake.replace("artists", MONTH, "artists", change)


# Replacing.


def test_the_first_write_and_the_next_stand_on_what_was_read(zones: Zones) -> None:
    bucket = RecordingBucket(zones)
    lake = Lake(bucket)

    first = replace(lake, adding(artist("a")))
    etag = zones.s3.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
    second = replace(lake, adding(artist("b")))

    assert bucket.conditions == [None, etag]
    assert first == Replaced(KEY, 1, written=True)
    assert second == Replaced(KEY, 2, written=True)
    assert ids(zones) == ["a", "b"]


def test_a_change_gets_the_rows_that_are_there(zones: Zones) -> None:
    replace(zones.lake, adding(artist("a")))
    seen: list[list[Row]] = []

    replace(zones.lake, lambda rows: (seen.append(rows), rows)[1])

    assert seen == [
        [
            {
                "artist_id": "a",
                "uri": None,
                "name": "Artist a",
                "source": "spotify",
                "fetched_at": datetime(2026, 11, 21, 9, 18, 0, 123000),  # noqa: DTZ001
                **dict.fromkeys(ADDED),
            }
        ]
    ]


def test_unchanged_rows_are_not_written(zones: Zones) -> None:
    replace(zones.lake, adding(artist("a")))
    before = zones.versions()

    again = replace(zones.lake, adding(artist("a")))

    assert again == Replaced(KEY, 1, written=False)
    assert zones.versions() == before


def test_no_rows_make_no_object(zones: Zones) -> None:
    done = replace(zones.lake, adding())

    assert done == Replaced(KEY, 0, written=False)
    assert zones.keys() == []


def test_rows_may_all_go(zones: Zones) -> None:
    replace(zones.lake, adding(artist("a")))

    done = replace(zones.lake, lambda _: [])

    assert done == Replaced(KEY, 0, written=True)
    assert zones.keys() == [KEY]
    assert ids(zones) == []


def test_a_rival_between_reading_and_writing_loses_nothing(zones: Zones) -> None:
    replace(zones.lake, adding(artist("a")))
    slept: list[float] = []
    bucket = RecordingBucket(zones, lambda: replace(zones.lake, adding(artist("rival"))), 1)
    given: list[list[str]] = []

    def change(before: list[Row]) -> list[Row]:
        given.append([row["artist_id"] for row in before])
        return adding(artist("b"))(before)

    done = replace(Lake(bucket, sleep=slept.append), change)

    assert given == [["a"], ["a", "rival"]]
    assert done == Replaced(KEY, 3, written=True)
    assert ids(zones) == ["a", "b", "rival"]
    assert len(slept) == 1


def test_a_rival_who_writes_first_of_all_loses_nothing(zones: Zones) -> None:
    bucket = RecordingBucket(zones, lambda: replace(zones.lake, adding(artist("rival"))), 1)

    replace(Lake(bucket, sleep=lambda _: None), adding(artist("b")))

    assert bucket.conditions[0] is None
    assert bucket.conditions[1] is not None
    assert ids(zones) == ["b", "rival"]


def test_an_object_that_is_known_not_to_be_there_is_not_asked_for(zones: Zones) -> None:
    bucket = RecordingBucket(zones)

    done = Lake(bucket).replace("artists", MONTH, "artists", adding(artist("a")), there=set())

    assert (done, bucket.reads) == (Replaced(KEY, 1, written=True), 0)
    assert ids(zones) == ["a"]


def test_an_object_that_came_after_it_was_looked_for_loses_nothing(zones: Zones) -> None:
    replace(zones.lake, adding(artist("rival")))
    lake = Lake(RecordingBucket(zones), sleep=lambda _: None)

    lake.replace("artists", MONTH, "artists", adding(artist("b")), there=set())

    assert ids(zones) == ["b", "rival"]


def test_an_object_that_is_known_to_be_there_is_read(zones: Zones) -> None:
    replace(zones.lake, adding(artist("a")))
    etag = zones.s3.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
    bucket = RecordingBucket(zones)

    Lake(bucket).replace("artists", MONTH, "artists", adding(artist("b")), there={KEY})

    assert bucket.conditions == [etag]
    assert ids(zones) == ["a", "b"]


def test_a_rival_who_removes_the_object_is_met_as_an_empty_table(zones: Zones) -> None:
    replace(zones.lake, adding(artist("a")))
    bucket = RecordingBucket(zones, lambda: zones.s3.delete_object(Bucket=BUCKET, Key=KEY), 1)

    replace(Lake(bucket, sleep=lambda _: None), adding(artist("b")))

    assert ids(zones) == ["b"]


def test_a_rival_who_did_the_same_work_leaves_nothing_to_write(zones: Zones) -> None:
    bucket = RecordingBucket(zones, lambda: replace(zones.lake, adding(artist("b"))), 1)

    done = replace(Lake(bucket, sleep=lambda _: None), adding(artist("b")))

    assert done == Replaced(KEY, 1, written=False)
    assert len(zones.versions(KEY)) == 1


def test_endless_rivals_are_given_up_with_a_sentence(zones: Zones) -> None:
    numbers = iter(range(100))
    bucket = RecordingBucket(
        zones, lambda: replace(zones.lake, adding(artist(f"rival {next(numbers)}"))), 100
    )
    slept: list[float] = []

    with pytest.raises(ConflictError) as refused:
        replace(Lake(bucket, sleep=slept.append), adding(artist("b")))

    assert str(refused.value) == f"{KEY} was written by others {TRIES} times in a row; run again."
    assert len(bucket.conditions) == len(slept) == TRIES
    assert "b" not in ids(zones)


def test_waits_between_tries_grow_and_stay_short(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_module.random, "uniform", lambda _, most: most)
    numbers = iter(range(100))
    bucket = RecordingBucket(
        zones, lambda: replace(zones.lake, adding(artist(f"rival {next(numbers)}"))), 100
    )
    slept: list[float] = []

    with pytest.raises(ConflictError):
        replace(Lake(bucket, sleep=slept.append), adding(artist("b")))

    assert slept == sorted(slept)
    assert slept[0] == pytest.approx(0.05)
    assert sum(slept) < 15


@pytest.mark.parametrize("body", [b"", b"PAR1", b"not parquet at all"])
def test_what_is_not_parquet_is_named_and_stays(body: bytes, zones: Zones) -> None:
    zones.put(KEY, body)

    with pytest.raises(CorruptObjectError) as refused:
        replace(zones.lake, adding(artist("a")))

    assert str(refused.value) == (
        f"{KEY} is not a whole Parquet file; restore its previous version or derive it again."
    )
    assert zones.body(KEY) == body
    assert len(zones.versions()) == 1


@pytest.mark.parametrize("part", ["start", "end"])
def test_a_cut_file_is_named_and_stays(part: str, zones: Zones) -> None:
    replace(zones.lake, adding(artist("a")))
    whole = zones.body(KEY)
    cut = whole[40:] if part == "start" else whole[:-40]
    zones.put(KEY, cut)

    with pytest.raises(CorruptObjectError, match="is not a whole Parquet file"):
        replace(zones.lake, adding(artist("b")))

    assert zones.body(KEY) == cut


def test_a_change_that_raises_writes_nothing(zones: Zones) -> None:
    def change(before: list[Row]) -> list[Row]:
        raise LookupError

    with pytest.raises(LookupError):
        replace(zones.lake, change)

    assert zones.keys() == []


# Schemas.


def parquet(**columns: pa.Array) -> bytes:
    out = BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_a_column_that_a_file_does_not_have_yet_is_null(zones: Zones) -> None:
    zones.put(KEY, parquet(artist_id=pa.array(["a"]), name=pa.array(["Artist a"])))

    replace(zones.lake, adding(artist("b", uri="spotify:artist:b")))

    first, second = zones.rows("artists")
    assert (first["artist_id"], first["uri"], first["fetched_at"]) == ("a", None, None)
    assert second["uri"] == "spotify:artist:b"


def test_columns_in_another_order_are_read_by_name() -> None:
    body = parquet(name=pa.array(["n"]), artist_id=pa.array(["a"]))

    table = decode(body, ARTISTS, KEY)

    assert table.schema == ARTISTS
    assert table.to_pylist()[0]["artist_id"] == "a"


def test_a_foreign_column_is_named_and_nothing_is_written(zones: Zones) -> None:
    zones.put(KEY, parquet(artist_id=pa.array(["a"]), fans=pa.array([1])))

    with pytest.raises(SchemaError) as refused:
        replace(zones.lake, adding(artist("b")))

    assert str(refused.value) == f"{KEY} has a column 'fans' that its table does not have."
    assert len(zones.versions()) == 1


def test_a_column_of_another_type_is_named_and_nothing_is_written(zones: Zones) -> None:
    zones.put(KEY, parquet(artist_id=pa.array([7], pa.int32())))

    with pytest.raises(SchemaError) as refused:
        replace(zones.lake, adding(artist("b")))

    assert str(refused.value) == f"{KEY}: column 'artist_id' is int32, not string."
    assert len(zones.versions()) == 1


def test_a_row_with_a_column_too_many_is_named(zones: Zones) -> None:
    with pytest.raises(SchemaError) as refused:
        replace(zones.lake, adding(artist("a", fans=1, genre="pop")))

    assert str(refused.value) == f"{KEY}: no column 'fans' in its table."
    assert zones.keys() == []


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("artists", "name", 7),
        ("chart_entries", "position", "first"),
        ("chart_entries", "position", 2**31),
        ("chart_entries", "streams", 2**63),
        ("chart_entries", "artist_ids", ["a", 7]),
        ("albums", "images", [{"url": 7}]),
        ("audio_features", "tempo", "fast"),
        ("plays", "explicit", "yes"),
    ],
)
def test_a_value_that_does_not_fit_is_named(table: str, column: str, value: Any) -> None:
    with pytest.raises(SchemaError) as refused:
        encode_rows([{column: value}], SCHEMAS[table], "lake/key")

    assert str(refused.value).startswith(f"lake/key: column {column!r}: ")


@pytest.mark.parametrize(("column", "value"), [("position", 1.5), ("artist_ids", "abc")])
def test_a_value_that_would_be_bent_to_fit_is_named(column: str, value: Any) -> None:
    with pytest.raises(SchemaError) as refused:
        encode_rows([{column: value}], SCHEMAS["chart_entries"], "lake/key")

    assert str(refused.value).startswith(f"lake/key: column {column!r}: ")


@pytest.mark.parametrize(
    ("column", "value"),
    [("added_at", ""), ("added_at", "2026-11-21T09:18:00"), ("chart_date", "21.11.2026")],
)
def test_a_time_that_cannot_be_read_is_named(column: str, value: str) -> None:
    with pytest.raises(SchemaError) as refused:
        encode_rows([{column: value}], SCHEMAS["chart_entries"], "lake/key")

    assert str(refused.value).startswith(f"lake/key: column {column!r}: ")


def test_iso_texts_become_times_and_dates() -> None:
    rows = [
        {"chart_date": "2026-11-21", "added_at": "2026-11-21T10:18:00.1239+01:00"},
        {"chart_date": date(2026, 11, 21), "added_at": datetime(2026, 11, 21, 9, 18)},  # noqa: DTZ001
    ]

    first, second = encode_rows(rows, SCHEMAS["chart_entries"], "k").to_pylist()

    assert first["chart_date"] == second["chart_date"] == date(2026, 11, 21)
    assert first["added_at"] == datetime(2026, 11, 21, 9, 18, 0, 123000)  # noqa: DTZ001
    assert second["added_at"] == datetime(2026, 11, 21, 9, 18)  # noqa: DTZ001


def test_a_text_in_a_text_column_stays_a_text() -> None:
    (row,) = encode_rows([{"name": "2026-11-21"}], ARTISTS, "k").to_pylist()

    assert row["name"] == "2026-11-21"


def test_an_unknown_table_is_named() -> None:
    with pytest.raises(SchemaError) as refused:
        object_key("genres", MONTH, "genres")

    assert str(refused.value) == "There is no table 'genres'."


# Bytes.

TEXTS = st.none() | st.text("aZ 0\n\0'\"\u00d8\U0001f3b5", max_size=8)
TIMES = st.none() | st.datetimes(datetime(2008, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
WHOLE = st.none() | st.integers(-(2**31), 2**31 - 1)
IMAGES = st.lists(
    st.fixed_dictionaries({"url": TEXTS, "height": WHOLE, "width": WHOLE}),
    max_size=2,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "artist_id": TEXTS,
            "uri": TEXTS,
            "name": TEXTS,
            "source": TEXTS,
            "fetched_at": TIMES,
            "genres": st.none() | st.lists(TEXTS, max_size=3),
            "popularity": WHOLE,
            "followers": st.none() | st.integers(-(2**63), 2**63 - 1),
            "images": st.none() | IMAGES,
            "detailed_at": TIMES,
            "detail_raw_key": TEXTS,
            "genres_source": TEXTS,
            "genres_asked": st.none() | st.lists(TEXTS, max_size=3),
            "genres_ask_again": st.none() | st.dates(),
        }
    ),
    max_size=8,
)


@given(ROWS)
def test_rows_read_back_and_give_the_same_bytes(rows: list[Row]) -> None:
    body = to_parquet(encode_rows(rows, ARTISTS, "k"))

    read = decode(body, ARTISTS, "k")

    assert read.to_pylist() == rows
    assert to_parquet(read) == body
    assert to_parquet(encode_rows(rows, ARTISTS, "k")) == body


@pytest.mark.parametrize("table", sorted(SCHEMAS))
def test_every_table_keeps_rows_of_nulls(table: str) -> None:
    schema = SCHEMAS[table]
    rows = [dict.fromkeys(schema.names)]

    read = decode(to_parquet(encode_rows(rows, schema, "k")), schema, "k")

    assert read.schema == schema
    assert read.to_pylist() == rows


def test_nested_values_read_back() -> None:
    images = [{"url": "u", "height": 640, "width": None}]
    rows = encode_rows(
        [{"album_id": "a", "images": images, "artist_ids": []}], SCHEMAS["albums"], "k"
    )

    (read,) = decode(to_parquet(rows), SCHEMAS["albums"], "k").to_pylist()

    assert (read["images"], read["artist_ids"]) == (images, [])


def test_files_are_compressed_with_what_every_reader_has() -> None:
    file = pq.ParquetFile(BytesIO(to_parquet(encode_rows([artist("a")], ARTISTS, "k"))))

    assert file.metadata.row_group(0).column(0).compression == "SNAPPY"


def test_bounds_are_of_numbers_times_and_the_first_text() -> None:
    columns = [ARTISTS.names.index(name) for name in ("artist_id", "name", "fetched_at")]
    group = pq.ParquetFile(BytesIO(to_parquet(encode_rows([artist("a")], ARTISTS, "k"))))
    chunks = [group.metadata.row_group(0).column(column) for column in columns]

    assert [chunk.is_stats_set for chunk in chunks] == [True, False, True]


# Reading.


def test_keys_months_and_rows_of_a_table(zones: Zones) -> None:
    for month, ident in (("2026-11", "b"), ("2025-12", "a")):
        zones.lake.replace("artists", month, "artists", adding(artist(ident)))
    zones.put("lake/artists/month=2026-11/note.txt", b"")
    zones.put("lake/artists_old/month=2020-01/x.parquet", b"")

    keys = zones.lake.keys("artists")

    assert keys == [
        "lake/artists/month=2025-12/artists.parquet",
        "lake/artists/month=2026-11/artists.parquet",
    ]
    assert zones.lake.keys("artists", "2026-11") == keys[1:]
    assert zones.lake.months("artists") == ["2025-12", "2026-11"]
    table = zones.lake.read("artists", reversed(keys))
    assert table.schema == ARTISTS
    assert table.column("artist_id").to_pylist() == ["b", "a"]


def test_some_columns_may_be_read_alone(zones: Zones) -> None:
    zones.put(KEY, parquet(artist_id=pa.array(["a"])))

    table = zones.lake.read("artists", [KEY], ["name", "artist_id"])

    assert table.to_pylist() == [{"name": None, "artist_id": "a"}]


@pytest.mark.parametrize("columns", [None, ["artist_id"]])
def test_no_objects_are_an_empty_table(columns: list[str] | None, zones: Zones) -> None:
    table = zones.lake.read("artists", [KEY], columns)

    assert table.num_rows == 0
    assert table.schema.names == (columns or ARTISTS.names)


def test_a_damaged_object_is_named_when_it_is_read(zones: Zones) -> None:
    zones.put(KEY, b"x")

    with pytest.raises(CorruptObjectError, match=f"^{KEY} is not a whole Parquet file"):
        zones.lake.read("artists", [KEY])


def test_times_have_no_zone_and_whole_milliseconds() -> None:
    at = datetime(2026, 11, 21, 9, 18, 0, 123456, tzinfo=UTC) + timedelta(0)

    (row,) = encode_rows([artist("a", fetched_at=at.isoformat())], ARTISTS, "k").to_pylist()

    assert row["fetched_at"] == datetime(2026, 11, 21, 9, 18, 0, 123000)  # noqa: DTZ001


def test_the_month_is_in_the_key() -> None:
    assert month_of_key(KEY) == MONTH
    assert month_of_key(object_key("chart_entries", "2025-01", "daily-NO")) == "2025-01"


def test_an_owners_objects_are_known_with_their_times_of_writing(zones: Zones) -> None:
    keys = [object_key("artists", month, "one") for month in ("2026-10", "2026-11")]
    for key in (*reversed(keys), object_key("artists", MONTH, "another-one"), KEY):
        zones.put(key, b"")
    zones.put("lake/albums/month=2026-11/one.parquet", b"")

    written = zones.lake.written("artists", "one")

    assert list(written) == keys
    assert written == {
        key: zones.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"] for key in keys
    }
    assert zones.lake.written("artists", "none") == {}


def test_paths_are_addresses_of_a_tables_objects(zones: Zones) -> None:
    replace(zones.lake, adding(artist("a")))
    zones.put("lake/artists/month=2026-11/note.txt", b"")
    zones.put("lake/albums/month=2026-11/albums.parquet", b"")

    assert zones.lake.paths("artists") == [f"s3://{BUCKET}/{KEY}"]
    assert zones.lake.paths("tracks") == []
