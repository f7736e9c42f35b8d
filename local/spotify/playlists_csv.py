"""Playlist ids of charts, from CSV files with country_code, country_name and playlist_id."""

import csv
from dataclasses import dataclass
from pathlib import Path

from local.spotify import ids
from local.spotify.world import Cadence, WorldError

FILES: dict[Cadence, str] = {
    "daily": "top50_playlists.csv",
    "weekly": "top_songs_weekly_playlists.csv",
}
_COLUMNS = ("country_code", "country_name", "playlist_id")


@dataclass(frozen=True)
class PlaylistRow:
    """One row: the country's English name and its chart's playlist id."""

    country_name: str
    playlist_id: str


def read_playlists(directory: Path, cadence: Cadence) -> dict[str, PlaylistRow]:
    """The rows of one cadence by country code; empty if the directory has no such file.

    Raises:
        WorldError: if the file is malformed; names the file, the row (the header is row 1) and
            the field.
    """
    path = directory / FILES[cadence]
    if not path.is_file():
        return {}
    rows: dict[str, PlaylistRow] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            for column in _COLUMNS:
                if column not in (reader.fieldnames or ()):
                    raise WorldError(f"{path.name}, row 1, field {column}: the column is missing.")
            for number, row in enumerate(reader, start=2):
                where = f"{path.name}, row {number}, field"
                code, playlist_id = row["country_code"] or "", row["playlist_id"] or ""
                if not code or code in rows:
                    raise WorldError(f"{where} country_code: {code!r} is empty or listed twice.")
                if not ids.is_id(playlist_id):
                    raise WorldError(f"{where} playlist_id: {playlist_id!r} is no playlist id.")
                rows[code] = PlaylistRow(row["country_name"] or code, playlist_id)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WorldError(f"{path.name} cannot be read: {error}.") from error
    return rows
