"""Packages: what an upload of listening history is, told by its content and not by its name.

An upload is a zip as a service hands it out, or one file of one. Of a zip its directory and the
head of each file are read, of a plain file its head: the reader may be one that fetches ranges.
"""

import re
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from io import SEEK_END
from pathlib import PurePosixPath
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from soundlake import chart_files
from soundlake.importing.called import (
    DATA,
    base,
    file_called,
    files_called,
    is_nameless,
    package_called,
)
from soundlake.importing.errors import EXPECTED, HistoryError, nameless
from soundlake.importing.heads import HEAD, VERSION, Head, read_head
from soundlake.texts import shortened

LARGEST = 1_000_000_000  # bytes of one file of history, uncompressed
LARGEST_TOTAL = 20_000_000_000  # bytes of all files of a zip, uncompressed
LARGEST_RATIO = 200  # uncompressed to compressed; histories have 10 to 40
RATIO_FROM = 1_000_000  # bytes from which on the ratio counts
MOST_FILES = 5_000

_ENCRYPTED = 0x1
_COMPRESSIONS = {0, 8, 12, 14}  # that Python reads: stored, deflate, bzip2, LZMA
_NUMBER = re.compile(r"(?<![\d-])(\d{1,3})(?: ?\(\d+\))?$")  # a year, or a span of them, is none
_EXTENDED_NAME = re.compile(r"(endsong|endvideo|Streaming_History_)", re.IGNORECASE)
_ACCOUNT_NAME = re.compile(r"StreamingHistory", re.IGNORECASE)
_MAGIC = (
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "a database"),
    (b"PK\x03\x04", "a zip"),
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of history in a package: `number` counts from 1 in the order of the files' own.

    `place` is its place in the zip's directory, None where the upload is the file. `name` is what
    it may be called wherever it is recorded; `path`, where it lies in the zip, may be personal, and
    is known where the package was looked at alone. `bytes` is its size, uncompressed; `kind` is
    whose rows it has, an observation's source.
    """

    number: int
    place: int | None
    name: str
    bytes: int
    kind: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """What an upload is: `kind` is an observation's source, of most of its files.

    `others` are the paths of what is in it beside the history. `name` is what it may be called
    wherever it is recorded.
    """

    kind: str
    files: tuple[Member, ...]
    others: tuple[str, ...]
    name: str = ""


# What a file of a zip is called in messages, by its path and its place in the directory.
Show = Callable[[str, int], str]


def recognise(file: BinaryIO, name: str, *, redacted: bool = False) -> Package:
    """What an upload is; `name` is what it is called, for messages.

    `file` is seekable; little of it is read. Raises HistoryError where it is no history, or is
    damaged, or not to be trusted; `redacted` messages have no names of files but well-known ones.
    """
    size = file.seek(0, SEEK_END)
    shown = repr(shortened(name))
    if not size:
        raise HistoryError(f"{shown} is empty. Download it again.")
    file.seek(0)
    start = file.read(HEAD)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zip(file, name, shown, _redacted if redacted else _in_full)
    return _plain(start, size, name, shown)


def open_member(file: BinaryIO, member: Member) -> BinaryIO:
    """A stream of one file of a package, from its beginning; `file` is the whole upload.

    Raises HistoryError where it cannot be opened.
    """
    if member.place is None:
        file.seek(0)
        return file
    try:
        archive = ZipFile(file)
        return archive.open(archive.infolist()[member.place])  # type: ignore[return-value]
    except (BadZipFile, NotImplementedError, IndexError, RuntimeError, ValueError) as error:
        raise HistoryError(_damaged(repr(member.name), error)) from error


def _plain(start: bytes, size: int, name: str, shown: str) -> Package:
    what = _what(start)
    if what:
        raise HistoryError(f"{shown} is {what}, and no listening history. {EXPECTED}")
    if chart_files.is_chart_file(start):
        raise HistoryError(
            f"{shown} is a chart, and no listening history: nothing of it is anybody's play. "
            f"{EXPECTED}"
        )
    if size > LARGEST:
        raise HistoryError(_too_large(shown, size))
    head = read_head(start, whole=size <= len(start), name=shown)
    if head.kind is None:
        reason = head.reason or "is no listening history that is known here"
        raise HistoryError(f"{shown} {reason}. {EXPECTED}")
    _one_person([(repr(base(name)), head)])
    called = package_called(name, head.kind)
    return Package(head.kind, (Member(1, None, called, size, head.kind),), (), called)


def _in_full(path: str, _place: int) -> str:
    return repr(shortened(path))


def _redacted(path: str, place: int) -> str:
    return repr(file_called(path, place + 1))


def _zip(file: BinaryIO, name: str, shown: str, show: Show) -> Package:
    try:
        archive = ZipFile(file)
    except (BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise HistoryError(
            f"{shown} is a zip that is cut off or damaged ({nameless(error)}). Download it again."
        ) from error
    with archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        place = {info.filename: at for at, info in enumerate(archive.infolist())}

        def say(info: ZipInfo, path: str = "") -> str:
            return show(path or info.filename, place[info.filename])

        _check_directory(infos, shown, say)
        infos = [info for info in infos if not _of_macos(info.filename)]
        for info in infos:
            _check(info, shown, say(info))
        heads = [(info, _head(archive, info, shown, say(info))) for info in infos]
    for _, head in heads:
        if head.version not in (None, VERSION):
            raise HistoryError(
                f"{shown} is an export of a later Soundlake: of version {head.version!s:.20}, and "
                f"this one reads {VERSION}. Update this one first."
            )
    found = [(info, head, kind) for info, head in heads if (kind := _kind(info, head))]
    if not found:
        raise HistoryError(f"{shown} is a zip without a file of listening history. {EXPECTED}")
    too_large = [info for info, _, _ in found if info.file_size > LARGEST]
    if too_large:
        largest = too_large[0]
        raise HistoryError(_too_large(say(largest, base(largest.filename)), largest.file_size))
    _one_person([(say(info, base(info.filename)), head) for info, head, _ in found])
    found.sort(key=lambda each: _order(each[0].filename))
    called = files_called(info.filename for info, _, _ in found)
    files = tuple(
        Member(number, place[info.filename], name_of_it, info.file_size, kind, info.filename)
        for number, ((info, _, kind), name_of_it) in enumerate(zip(found, called, strict=True), 1)
    )
    paths = {member.path for member in files}
    others = tuple(sorted(info.filename for info in infos if info.filename not in paths))
    counted = Counter(member.kind for member in files)
    kind = max(sorted(counted), key=lambda each: counted[each])
    return Package(kind, files, others, package_called(name, kind))


def _check_directory(infos: list[ZipInfo], shown: str, say: Callable[..., str]) -> None:
    """Raise HistoryError for a zip that is made to harm, whatever its files are."""
    if len(infos) > MOST_FILES:
        raise HistoryError(
            f"{shown} has {len(infos):,} files; at most {MOST_FILES:,} are read. "
            "Import the files of history in it by themselves."
        )
    for info in infos:
        path = info.orig_filename.replace("\\", "/")
        parts = path.split("/")
        if path.startswith("/") or ".." in parts or ":" in parts[0] or "\0" in path:
            raise HistoryError(
                f"{shown} has a file that would lie outside of it ({say(info, path)}): no "
                "service hands out such a zip. Download it again from where you asked for it."
            )
    times = Counter(info.filename for info in infos)
    twice = [info for info in infos if times[info.filename] > 1]
    if twice:
        raise HistoryError(
            f"{shown} has two files of one name ({say(twice[0])}): which one counts "
            "cannot be told. Download it again, or import the files by themselves."
        )
    total = sum(info.file_size for info in infos)
    if total > LARGEST_TOTAL:
        raise HistoryError(
            f"{shown} unpacks to {total:,} bytes; at most {LARGEST_TOTAL:,} are read. "
            "Import the files of history in it by themselves."
        )


def _check(info: ZipInfo, shown: str, name: str) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise HistoryError(
            f"{shown} is locked with a password ({name}). Unpack it and import the files."
        )
    if info.compress_type not in _COMPRESSIONS:
        raise HistoryError(
            f"{shown} is packed in a way that is not read here ({name}). "
            "Unpack it and import the files."
        )
    if info.file_size > RATIO_FROM and info.file_size > LARGEST_RATIO * max(info.compress_size, 1):
        raise HistoryError(
            f"{shown}: {name} unpacks to {info.file_size:,} bytes, over {LARGEST_RATIO} times its "
            "size, as no listening history does. If you trust it, unpack it and import the file."
        )


def _head(archive: ZipFile, info: ZipInfo, shown: str, name: str) -> Head:
    try:
        with archive.open(info) as stream:
            start = stream.read(HEAD)
    except (
        BadZipFile,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        zlib.error,
    ) as error:
        raise HistoryError(_damaged(f"{shown}: {name}", error)) from error
    if start.startswith(b"PK\x03\x04"):
        raise HistoryError(
            f"{shown} has a zip within it ({name}). Unpack it and import what is in it."
        )
    if PurePosixPath(info.filename).suffix.lower() not in DATA or _what(start):
        return Head(None)
    try:
        return read_head(start, whole=info.file_size <= len(start), name=name)
    except HistoryError:  # said when it is read, if it is called like a history
        return Head(None)


def _kind(info: ZipInfo, head: Head) -> str | None:
    """Whose rows a file in a zip has, if any.

    One that is called like a history counts as one: what is wrong with it is said when it is
    read, and is not passed over.
    """
    return head.kind or _named(info.filename)


def _named(path: str) -> str | None:
    name = base(path)
    if not name.lower().endswith(".json"):
        return None
    if _EXTENDED_NAME.match(name):
        return "spotify_extended"
    return "spotify_account" if _ACCOUNT_NAME.match(name) else None


def _of_macos(path: str) -> bool:
    parts = re.split(r"[\\/]", path)
    return "__MACOSX" in parts or parts[-1].startswith("._") or parts[-1] == ".DS_Store"


def _what(start: bytes) -> str | None:
    """What a file is that is surely none of text with rows."""
    for magic, what in _MAGIC:
        if start.startswith(magic):
            return what
    begin = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    if begin.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a page of HTML, as a browser saves it when a download needs a login"
    return "XML" if begin.startswith(b"<?xml") else None


def _one_person(heads: list[tuple[str, Head]]) -> None:
    """Raise HistoryError where files name different people; the people are not named."""
    first: tuple[str, str] | None = None
    for name, head in heads:
        for person in head.people:
            if first is None:
                first = name, person
            elif person != first[1]:
                raise HistoryError(of_two(first[0], name))


def of_two(one: str, other: str) -> str:
    """Why files (as messages show them) are refused that name two people."""
    if one == other:
        return f"{one} is the history of two people, and cannot be told apart."
    return (
        f"{one} and {other} are the history of two people. "
        "Import each one's files by themselves, with --account."
    )


def _order(path: str) -> tuple[int, list[tuple[int, int | str]]]:
    """By the number at the end of a file's name, those without last, then by path."""
    number = file_number(base(path))
    natural: list[tuple[int, int | str]] = [
        (0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", path) if part
    ]
    return (number if number is not None else 1_000_000, natural)


def file_number(name: str) -> int | None:
    """The number at the end of a file's name, as in `endsong_12.json`; None where it has none."""
    stem = PurePosixPath(name).stem
    found = None if is_nameless(stem) else _NUMBER.search(stem)
    return int(found[1]) if found else None


def _too_large(shown: str, size: int) -> str:
    return (
        f"{shown} has {size:,} bytes, uncompressed; at most {LARGEST:,} of one file are read. "
        "Import the package as the service gave it, whose files are smaller, or split the file."
    )


def _damaged(what: str, error: Exception) -> str:
    return f"{what} cannot be unpacked ({nameless(error)}). The zip is damaged: download it again."
