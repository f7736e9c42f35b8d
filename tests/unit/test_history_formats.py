"""Every row of an export is one entry, and says what its made-up listener heard."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from soundlake.importing import reading
from soundlake.importing.entries import ENTRIES
from soundlake.importing.formats import own
from soundlake.importing.packages import recognise
from soundlake.importing.reading import entries, keep
from soundlake.store.schemas import SCHEMAS

from tests.exports import expected, packages, spotify
from tests.exports.lives import PRIVATE, Play, life
from tests.unit.helpers import NOW

ROWS = 700
EXPECTED: dict[str, Callable[[Play], dict[str, Any]]] = {
    "spotify_extended": expected.extended,
    "spotify_account": expected.account,
    "listenbrainz": expected.listenbrainz,
    "lastfm": lambda play: expected.lastfm(play, "min"),
    "lastfm_header": expected.lastfm,
    "lastfm_pages": expected.lastfm,
    "lastfmstats": expected.lastfm,
    "lastfmstats_json": expected.lastfm,
    "maloja": expected.maloja,
    "maloja_api": expected.maloja,
    "maloja_lines": expected.maloja_lines,
    "koito": expected.koito,
}
CASES = [("spotify_extended", generation) for generation in spotify.GENERATIONS] + [
    (kind, "2025") for kind in packages.KINDS if kind != "spotify_extended"
]


def source(kind: str) -> str:
    return (
        "lastfm" if kind.startswith("lastfm") else kind.removesuffix("_api").removesuffix("_lines")
    )


def parquet(table: pa.Table) -> bytes:
    """A table's bytes, readable: not compressed, and no dictionaries."""
    sink = BytesIO()
    pq.write_table(table, sink, compression="none", use_dictionary=False)
    return sink.getvalue()


@pytest.mark.parametrize(("kind", "generation"), CASES)
def test_every_row_is_an_entry_and_says_what_was_heard(kind: str, generation: str) -> None:
    plays = list(life(ROWS, seed=7))
    files = {path: (body, found) for path, body, found in packages.files(kind, plays, generation)}
    bodies = [(path, body) for path, (body, _) in files.items()]
    zipped = packages.zipped([*bodies, *packages.others(kind).items()])

    package = recognise(zipped, "my_spotify_data.zip")

    assert package.kind == source(kind)
    assert {member.path for member in package.files} == files.keys()
    assert set(package.others) == packages.others(kind).keys()
    assert [member.number for member in package.files] == list(range(1, len(files) + 1))
    rows = 0
    for member in package.files:
        body, told = files[member.path]
        assert member.bytes == len(body)
        raw = keep(zipped, member)
        assert raw.num_rows == len(told)
        for secret in PRIVATE:
            assert secret.encode() not in parquet(raw), secret
        read = entries(raw, member.kind, member.name, now=NOW)
        assert read.schema == ENTRIES
        assert read["row"].to_pylist() == list(range(1, len(told) + 1))
        assert read["problem"].null_count == len(told)
        names = [name for name in ENTRIES.names if name not in ("row", "problem")]
        nothing = dict.fromkeys(names)
        wanted = [nothing | EXPECTED[kind](play) for play in told]
        assert read.select(names).to_pylist() == wanted
        rows += len(told)
    assert rows == sum(
        spotify.fits(play, generation)
        if kind == "spotify_extended"
        else kind == "spotify_account" or play.item.kind == "track"
        for play in plays
    )


@pytest.mark.parametrize(("kind", "generation"), CASES)
def test_a_single_file_is_known_by_its_content_under_any_name(kind: str, generation: str) -> None:
    path, body, told = next(packages.files(kind, life(40, seed=3), generation))
    for name in (path.rpartition("/")[2], "download (3)"):
        file = BytesIO(body)
        package = recognise(file, name)
        (member,) = package.files
        assert (package.kind, package.others) == (source(kind), ())
        called = f"{source(kind)}" if name == "download (3)" else name.lower()
        assert (member.number, member.place, member.path) == (1, None, "")
        assert member.name == package.name
        assert member.name.lower() in (called, source(kind) + Path(called).suffix)
        assert keep(file, member).num_rows == len(told)


def test_an_own_export_gives_the_observations_that_were_written() -> None:
    schema = SCHEMAS["observations"]
    observations = []
    for kind in ("spotify_extended", "listenbrainz"):
        for path, body, told in packages.files(kind, life(60, seed=5)):
            file = BytesIO(body)
            member = recognise(file, path).files[0]
            read = entries(keep(file, member), member.kind, member.name, now=NOW)
            rows = [
                {"account": "listener0001", "raw_keys": ["raw/a"], "raw_rows": [1], **row}
                for row in read.drop_columns(["row", "problem"]).to_pylist()
            ]
            assert len(rows) == len(told)
            observations.append(pa.Table.from_pylist(rows, schema=schema))
    written = pa.concat_tables(observations)
    name = own.file_name("2024-05")
    zipped = packages.zipped(
        [(own.MANIFEST, own.manifest()), (name, b"".join(own.write_rows(written)))]
    )

    package = recognise(zipped, "soundlake.zip")

    (member,) = package.files
    assert (package.kind, member.name, package.others) == ("soundlake", name, (own.MANIFEST,))
    read = entries(keep(zipped, member), member.kind, member.name, now=NOW)
    assert read["problem"].null_count == written.num_rows
    names = ENTRIES.names[2:]
    assert read.select(names).to_pylist() == written.select(names).to_pylist()
    body = b"".join(own.write_rows(written))
    assert b"listener0001" not in body
    assert b"null" not in body


def test_a_large_file_is_read_in_pieces_and_no_row_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "TOGETHER", 999)
    plays = list(life(6_000, seed=11))
    body = spotify.extended_file(plays)
    assert len(body) > 4 * 1_048_576
    file = BytesIO(body)
    raw = keep(file, recognise(file, "endsong_0.json").files[0])
    read = entries(raw, "spotify_extended", "endsong_0.json", now=NOW)
    assert raw.column(0).num_chunks > 4
    assert read["time"].to_pylist() == [expected.at(play.end, 1000) for play in plays]
    assert read["row"].to_pylist() == list(range(1, len(plays) + 1))
