"""What files of history are called wherever it is recorded: never by what may be a person's name.

A name that a service gives to every listener's file stays. Any other may have a user's in it.
"""

import re
from collections.abc import Iterable
from itertools import chain, count
from pathlib import PurePosixPath

DATA = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", "")  # how files of history end
# Names of Spotify's files: they stay where somebody put something before or after them.
_SPOTIFY = re.compile(
    r"(?:endsong|endvideo|Streaming_History(?:_(?:Audio|Video))?|StreamingHistory)"
    r"(?:_?(?:music|podcast|audiobook)(?![a-z]))?(?:_?\d{4}(?:-\d{4})?(?!\d))?(?:_?\d{1,3}(?!\d))?"
    r"(?: ?\(\d{1,2}\))?",
    re.IGNORECASE,
)
_KNOWN = re.compile(
    r"(?:observations-\d{4}-\d{2}|\d{1,2}|\d{4}_\d{1,2}|(?:lastfm|spotify)import"
    r"|my_spotify_data|MyData|Spotify Extended Streaming History|Spotify Account Data|Spotify data"
    r"|lastfm-export|recenttracks|lastfmstats|scrobbles|(?:maloja|koito)_export(?:[_-]?\d{1,4})*"
    r"|spotify_extended|spotify_account|listenbrainz|lastfm|maloja|koito|soundlake|upload)"
    r"(?: ?\(\d{1,2}\))?",
    re.IGNORECASE,
)
_MORE = re.compile(r" and \d{1,4} more")  # of several files that were packed together
_MONTH = re.compile(r"(?:.*[\\/])?(\d{4}[\\/]\d{1,2}\.jsonl)", re.DOTALL)  # of ListenBrainz
# What a file of Spotify's tells of its rows by its name alone.
_TOLD = re.compile(r"podcast|audiobook|video", re.IGNORECASE)
_NAMELESS = re.compile(r"(?:file|podcast|audiobook|video) \d+")


def files_called(paths: Iterable[str]) -> list[str]:
    """What the files of a package are called, in their order: each otherwise."""
    found: list[str] = []
    for number, path in enumerate(paths, 1):
        called = PurePosixPath(file_called(path, number))
        again = (called.with_stem(f"{called.stem} ({at})") for at in count(2))
        found.append(next(str(each) for each in chain([called], again) if str(each) not in found))
    return found


def file_called(path: str, number: int) -> str:
    """What the file of this path in a package is called, which is its `number`th."""
    if month := _MONTH.fullmatch(path):
        return month[1].replace("\\", "/")
    name = PurePosixPath(base(path))
    known = _known(name.stem)
    if known is not None:
        return known + _suffix(name)
    told = _TOLD.search(name.stem)
    return f"{told[0].lower() if told else 'file'} {number}{_suffix(name)}"


def package_called(path: str, kind: str) -> str:
    """What an upload of a `kind` of history is called, a zip or a file by itself."""
    name = PurePosixPath(base(path))
    known = _known(name.stem)
    return (kind if known in (None, "upload") else str(known)) + _suffix(name)


def upload_called(path: str) -> str:
    """What an upload is called of which nothing is known yet."""
    name = PurePosixPath(base(path))
    return (_known(name.stem) or "upload") + _suffix(name)


def is_nameless(stem: str) -> bool:
    """Whether a name was given here: then the number in it says nothing of the file."""
    return _NAMELESS.fullmatch(stem) is not None


def base(path: str) -> str:
    """The last part of a path."""
    return re.split(r"[\\/]", path)[-1]  # some tools write zips with Windows' separators


def _known(stem: str) -> str | None:
    """As much of a name as services give to everybody's files; None where there is nothing."""
    more = _MORE.search(stem)
    own = stem[: more.start()] if more else stem
    found = _KNOWN.fullmatch(own) or _SPOTIFY.search(own)
    return None if found is None else found[0] + (more[0] if more else "")


def _suffix(name: PurePosixPath) -> str:
    return name.suffix.lower() if name.suffix.lower() in (*DATA, ".zip") else ""
