"""The first kilobytes of a file, and whose rows they show."""

import csv
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from typing import Any

from soundlake.importing.errors import EXPECTED, HistoryError

HEAD = 65_536  # bytes of a file that tell what it is

VERSION = 1  # of Soundlake's own export
# The keys under which services put the list of rows, where a file is not just that list.
_LIST = re.compile(r'"(?:scrobbles|listens|list|track|payload)"\s*:\s*\[')
_UTF_16 = b"\xff\xfe", b"\xfe\xff"
_HALVES = re.compile(rb"(?:[\t\n\r -~]\0){4}|(?:\0[\t\n\r -~]){4}")  # the same without a mark
_NO_TEXT = re.compile(rb"[\0-\x08\x0e-\x1f]")
_SHOWN = 1024  # bytes in which a file that is no text shows it
_ROWS = 200  # of a head that are looked at
_DATE = re.compile(r"\d{1,2} [A-Za-z]{3} \d{4},? \d{2}:\d{2}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CLOCK = re.compile(r"\d{2}:\d{2}(:\d{2})?")
# A line of a file that Maloja kept scrobbles in, before it had a database: time, artists, title,
# and maybe album and duration.
_SCROBBLE = re.compile(r"\d{9,10}(?:\t[^\t]+){2}(?:\t[^\t]*){0,2}")
_PLAYED = {"spotify_track_uri", "master_metadata_track_name", "spotify_episode_uri", "episode_name"}


@dataclass(frozen=True, slots=True)
class Head:
    """What a file's head shows: whose rows (an observation's source), and which people they name.

    `reason` goes on after the file's name, and says why there is no kind; `version` is that of a
    manifest of Soundlake's own export.
    """

    kind: str | None
    people: frozenset[str] = frozenset()
    reason: str | None = None
    version: Any = None


def read_head(start: bytes, *, whole: bool, name: str) -> Head:
    """Whose rows a file has, by its first bytes; `whole` says that they are all of it.

    Raises HistoryError where it is no text in UTF-8; `name` is the file, as messages show it.
    """
    text = decode(start, whole=whole, name=name).lstrip()
    if not text:
        return Head(None, reason="is empty")
    if text[0] in "[{":
        rows = list(_rows(text))
        people = frozenset(
            person
            for row in rows
            if isinstance(person := row.get("username"), str) and person and "ts" in row
        )
        kind = next((kind for row in rows if (kind := kind_of_row(row))), None)
        empty = whole and re.fullmatch(r"\[\s*\]\s*", text) is not None
        reason = "is an empty list: there is no play in it" if empty else None
        version = next(
            (row.get("version") for row in rows if row.get("soundlake") == "export"), None
        )
        return Head(kind, people, reason, version)
    return Head(_kind_of_csv(text))


def decode(start: bytes, *, whole: bool, name: str) -> str:
    """The text of a file's beginning. Raises HistoryError where it is not in UTF-8."""
    if start.startswith(_UTF_16) or _HALVES.match(start):
        raise HistoryError(
            f"{name} is in UTF-16; expected is UTF-8, as it was downloaded. "
            "Take the original file, or save it as UTF-8."
        )
    if b"\0" in start[:64]:
        raise HistoryError(f"{name} is no text. {EXPECTED}")
    try:
        return start.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        if not whole and error.start > len(start) - 4:  # a character that the head cuts in two
            return start[: error.start].removeprefix(b"\xef\xbb\xbf").decode()
        if _NO_TEXT.search(start[:_SHOWN]):
            raise HistoryError(f"{name} is no text. {EXPECTED}") from error
        raise HistoryError(
            f"{name} is not in UTF-8 (byte {error.start + 1:,}); expected is the file as it was "
            "downloaded. Take the original file, or save it as UTF-8."
        ) from error


def kind_of_row(row: dict[str, Any]) -> str | None:
    """Whose row this is, an observation's source; None where nobody's that is known."""
    track = row.get("track")
    signs = {
        "spotify_extended": "ts" in row and ("ms_played" in row or bool(row.keys() & _PLAYED)),
        "spotify_account": "endTime" in row and "msPlayed" in row,
        "soundlake": {"source", "time", "time_meaning", "time_precision"} <= row.keys(),
        "listenbrainz": "track_metadata" in row,
        "koito": isinstance(track, dict) and "listened_at" in row,
        "maloja": isinstance(track, dict) and "time" in row and "title" in track,
        "lastfm": _of_lastfm(row),
    }
    return next((kind for kind, shown in signs.items() if shown), None)


def _of_lastfm(row: dict[str, Any]) -> bool:
    artist = row.get("artist")
    of_page = isinstance(artist, dict) and "name" in row and ("date" in row or "@attr" in row)
    return of_page or ({"track", "artist", "date"} <= row.keys() and isinstance(artist, str))


def _rows(text: str) -> Iterator[dict[str, Any]]:
    """The objects that a head of JSON shows whole: of its list, or of its lines."""
    found = _LIST.search(text)
    if text[0] == "[":
        yield from _objects(text, 1)
    else:
        yield from _objects(text, 0)
    if found:
        yield from _objects(text, found.end())


def _objects(text: str, at: int) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    for _ in range(_ROWS):
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        if isinstance(value, dict):
            yield value


def by_lines(start: bytes) -> bool:
    """Whether a file of objects has one in each line, and is not one object itself."""
    text = start.removeprefix(b"\xef\xbb\xbf").decode(errors="replace").lstrip()
    first = next(_objects(text, 0), None)
    return first is not None and kind_of_row(first) is not None


def lastfm_header(fields: list[str]) -> bool:
    """Whether the fields of a line are the header of a table of Last.fm scrobbles."""
    names = {field.strip().lower().partition("#")[0] for field in fields}
    return {"artist", "track"} <= names and bool(names & {"uts", "utc_time", "date"})


def delimiter_of(line: str) -> str:
    """What divides the fields of a line: the commonest of comma, semicolon and tab."""
    return max(",;\t", key=line.count)


def lastfm_fields(fields: list[str]) -> list[str] | None:
    """The names of the fields of a line without a header, where they are Last.fm scrobbles."""
    if len(fields) == 4 and _DATE.fullmatch(fields[3].strip()):
        return ["artist", "album", "track", "date"]
    if len(fields) == 4 and _DAY.fullmatch(fields[0]) and _CLOCK.fullmatch(fields[1]):
        return ["day", "clock", "artist", "track"]
    return None


def _kind_of_csv(text: str) -> str | None:
    first = text.partition("\n")[0]
    if _SCROBBLE.fullmatch(first.rstrip("\r")):
        return "maloja"
    fields: list[list[str]] = []
    with suppress(csv.Error):  # what a head cuts
        reader = csv.reader(StringIO(text, newline=None), delimiter=delimiter_of(first))
        fields.extend(islice(reader, 20))
    found = fields and (lastfm_header(fields[0]) or any(map(lastfm_fields, fields)))
    return "lastfm" if found else None
