"""Uploads of listening history, in memory."""

import json
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
import pytest
from soundlake.importing.errors import HistoryError
from soundlake.importing.packages import Member, Package, recognise
from soundlake.importing.reading import entries, keep

from tests.unit.helpers import NOW

ROW = {
    "ts": "2024-05-01T18:42:07Z",
    "ms_played": 183_000,
    "master_metadata_track_name": "A title",
    "master_metadata_album_artist_name": "An artist",
    "spotify_track_uri": "spotify:track:0123456789012345678901",
}


def row(**fields: Any) -> dict[str, Any]:
    """A row of Extended streaming history."""
    return ROW | fields


def text(*rows: Any) -> bytes:
    return json.dumps(rows).encode()


def upload(files: dict[str, bytes]) -> BytesIO:
    memory = BytesIO()
    with ZipFile(memory, "w", ZIP_DEFLATED) as archive:
        for path, body in files.items():
            archive.writestr(path, body)
    return memory


def plain(body: bytes, name: str = "endsong_0.json") -> tuple[BytesIO, Package]:
    file = BytesIO(body)
    return file, recognise(file, name)


def member(name: str = "endsong_0.json", kind: str = "spotify_extended") -> Member:
    return Member(1, None, name, 1, kind)


def kept(body: bytes, name: str = "endsong_0.json", kind: str = "spotify_extended") -> pa.Table:
    return keep(BytesIO(body), member(name, kind))


def read(
    body: bytes, name: str = "endsong_0.json", kind: str = "spotify_extended"
) -> list[dict[str, Any]]:
    """The entries of a file, as rows."""
    rows: list[dict[str, Any]] = entries(kept(body, name, kind), kind, name, now=NOW).to_pylist()
    return rows


def refusal(body: bytes, name: str = "endsong_0.json") -> str:
    """Why an upload is not taken."""
    with pytest.raises(HistoryError) as caught:
        recognise(BytesIO(body), name)
    return str(caught.value)


def broken(body: bytes, name: str = "endsong_0.json", kind: str = "spotify_extended") -> str:
    """Why a file of a package cannot be read."""
    with pytest.raises(HistoryError) as caught:
        kept(body, name, kind)
    return str(caught.value)
