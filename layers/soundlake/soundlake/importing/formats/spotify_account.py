"""Spotify's Account data: the last year or so, names without URIs.

`endTime` is when a stream ended, in UTC, to the minute. Music has `artistName` and `trackName`,
podcasts `podcastName` and `episodeName`, and audiobooks a book and a chapter, under keys that are
not well known: several are taken.
"""

from datetime import datetime
from typing import Any, BinaryIO

import pyarrow as pa

from soundlake.importing.formats import rows as of_rows
from soundlake.importing.formats.rows import Said, instant, text, whole

SOURCE = "spotify_account"

_BOOK = ("audiobookName", "audiobookTitle", "bookName", "bookTitle")
_CHAPTER = ("audiobookChapterName", "audiobookChapterTitle", "chapterName", "chapterTitle")
_AUTHOR = ("authorName", "audiobookAuthor", "author")
KNOWN = frozenset(
    {
        "endTime",
        "msPlayed",
        "artistName",
        "trackName",
        "podcastName",
        "episodeName",
        *_BOOK,
        *_CHAPTER,
        *_AUTHOR,
    }
)


def keep(stream: BinaryIO, name: str, people: set[str]) -> pa.Table:
    """The rows of a file, redacted. Raises HistoryError."""
    return of_rows.keep_array(stream, name, KNOWN, people)


rows = of_rows.rows


def entries(raw: pa.Table, name: str, *, now: datetime) -> pa.Table:
    """What the rows of a file that was kept say, in ENTRIES; `now` (aware) bounds times."""
    podcasts, books = "podcast" in name.lower(), "audiobook" in name.lower()
    kind = "episode" if podcasts else "chapter" if books else "track"

    def read(row: dict[str, Any]) -> Said:
        return _read(row, kind)

    return of_rows.entries(
        raw,
        read,
        field="endTime",
        expected="a time like 2026-11-21 09:18",
        played=("msPlayed", 1),
        nothing="trackName and all other names are null: what was played is not told",
        now=now,
    )


def _read(row: dict[str, Any], of_file: str) -> Said:
    """What a row says; `of_file` is the kind that its file has by its name."""
    said = row.get("endTime")
    read: Said = {
        "source": SOURCE,
        "said": said,
        "time": instant(said) if isinstance(said, str) and len(said) >= 16 else None,
        "time_meaning": "end",
        "time_precision": "min",
        "ms_played": whole(row.get("msPlayed")),
    }
    if row.get("msPlayed") is not None and read["ms_played"] is None:
        read["problem"] = (
            f"msPlayed is {str(row['msPlayed'])[:40]!r}, expected a whole number of milliseconds"
        )
    episode, chapter = text(row.get("episodeName")), _first(row, _CHAPTER)
    artist, title = text(row.get("artistName")), text(row.get("trackName"))
    if episode:
        return read | {
            "kind": "episode",
            "track_name": episode,
            "album_name": text(row.get("podcastName")),
        }
    book = _first(row, _BOOK)
    if chapter or book:
        author = _first(row, _AUTHOR) or artist
        return read | {
            "kind": "chapter",
            "track_name": chapter or title or book,
            "album_name": book,
            "artist_names": [author] if author else None,
        }
    if of_file != "track":  # podcasts once stood under the keys of music, the show as the artist
        return read | {"kind": of_file, "track_name": title, "album_name": artist}
    return read | {
        "kind": "track",
        "track_name": title,
        "artist_names": [artist] if artist else None,
    }


def _first(row: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((found for key in keys if (found := text(row.get(key)))), None)
