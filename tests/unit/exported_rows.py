"""Made-up listening histories, as Spotify's Extended streaming history has them."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

ADDRESS = "192.0.2.77"  # in every row; nothing that is kept may have it

Row = dict[str, Any]


def heard(number: int, ended: datetime, ms_played: int = 180_000, **more: Any) -> Row:
    """A row: the track of a number, that ended at a time (UTC)."""
    return {
        "ts": ended.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "platform": "android",
        "ms_played": ms_played,
        "conn_country": "NO",
        "ip_addr": ADDRESS,
        "master_metadata_track_name": f"Track {number}",
        "master_metadata_album_artist_name": f"Artist {number % 7}",
        "master_metadata_album_album_name": f"Album {number % 5}",
        "spotify_track_uri": f"spotify:track:{number:022d}",
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "shuffle": False,
        "skipped": False,
        "offline": False,
        "offline_timestamp": None,
        "incognito_mode": False,
    } | more


def evening(first: datetime, tracks: Iterable[int]) -> list[Row]:
    """Rows one after the other, each four minutes after the one before."""
    return [heard(each, first + timedelta(minutes=4 * at)) for at, each in enumerate(tracks)]


def file_of(rows: Iterable[Row]) -> bytes:
    return json.dumps(list(rows), indent=1).encode()


def zip_of(files: Mapping[str, bytes]) -> bytes:
    """A package; the same files give the same bytes."""
    body = BytesIO()
    with ZipFile(body, "w", ZIP_DEFLATED) as package:
        for name, content in files.items():
            path = f"Spotify Extended Streaming History/{name}"
            package.writestr(ZipInfo(path, (2025, 4, 1, 0, 0, 0)), content)
    return body.getvalue()
