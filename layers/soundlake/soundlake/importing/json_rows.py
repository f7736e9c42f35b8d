"""Lists of JSON objects, read in pieces: a large file takes no more memory than a small one.

A piece ends where a row ends. Such a place is guessed from the text, and the decoder proves the
guess: what ends within a text or a nested list cannot be decoded.
"""

import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import suppress
from typing import Any, BinaryIO
from zipfile import BadZipFile

import msgspec

from soundlake.importing.errors import HistoryError, nameless
from soundlake.importing.heads import decode as decode_text

PIECE = 1_048_576  # bytes; what is made of it stays in the processor's cache
GUESSES = 4  # places that are tried before more is read
LONGEST = 16_777_216  # bytes in which a row must end: what has none is no JSON
TOGETHER = 8_192  # rows of a text that are made at once
BOM = b"\xef\xbb\xbf"

# What reading a file of a damaged zip raises.
DAMAGED = (BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error)

# What decoders raise for a text that is no JSON, or nested as no export is.
BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_BYTE = re.compile(r"\(byte (\d+)\)")
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?"
    rb"|u[dD][c-fC-F][0-9a-fA-F]{2}|.)",
    re.DOTALL,
)
_ANY = msgspec.json.Decoder()
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def pieces[T: Sized](
    stream: BinaryIO, name: str, decode: Callable[[bytes], T], piece: int = PIECE
) -> Iterator[T]:
    """What `decode` makes of each piece of a file that is one JSON array of objects.

    `decode` gets a whole array, gives as many rows as that has, and raises msgspec.DecodeError
    or UnicodeDecodeError where the text is none. Raises HistoryError where the file is none;
    `name` is what it is called.
    """
    shown = repr(name)
    start = read(stream, piece, shown)
    text = start.removeprefix(BOM).lstrip()
    if not text.startswith(b"["):
        decode_text(start[:4096], whole=len(start) <= 4096, name=shown)
        raise HistoryError(
            f"{shown} is no list of plays: expected is a JSON array of objects. Download it again."
        )
    before = len(start) - len(text)  # bytes of the file that come before `text`
    more = len(start) == piece
    rows = 0
    while more:
        guess = _guessed(text, decode)
        if guess is not None:
            end, made = guess
            rows += len(made)
            yield made
            text = b"[" + text[end + 1 :]
            before += end
        elif len(text) > LONGEST:
            break
        block = read(stream, piece, shown)
        more = len(block) == piece
        text += block
    try:
        made = whole(text, decode)
    except BROKEN as error:
        raise HistoryError(_broken(shown, text, before, rows, error)) from error
    yield made


def lines[T: Sized](
    stream: BinaryIO, name: str, decode: Callable[[bytes], T], piece: int = PIECE
) -> Iterator[T]:
    """What `decode` makes of each piece of a file that has an object in each line.

    `decode` gets whole lines as a JSON array. Raises HistoryError where a line is no JSON.
    """
    shown = repr(name)
    text = read(stream, piece, shown)
    more = len(text) == piece
    text = text.removeprefix(BOM)
    rows = 0
    while True:
        end = text.rfind(b"\n") + 1 if more else len(text)
        if end or not more:
            made = _of_lines(text[:end], decode, shown, rows)
            rows += len(made)
            yield made
        if not more:
            return
        block = read(stream, piece, shown)
        more = len(block) == piece
        text = text[end:] + block


def _of_lines[T](text: bytes, decode: Callable[[bytes], T], shown: str, rows: int) -> T:
    found = [line for line in text.splitlines() if line.strip()]
    try:
        return whole(b"[" + b",".join(found) + b"]", decode)
    except BROKEN as error:
        for number, line in enumerate(found, rows + 1):
            try:
                whole(line, loose)
            except UnicodeDecodeError as wrong:
                raise HistoryError(
                    f"{shown} is not in UTF-8, in row {number:,}. Take the file as it was "
                    "downloaded, or save it as UTF-8."
                ) from wrong
            except msgspec.DecodeError as wrong:
                raise HistoryError(
                    f"{shown} is no JSON in row {number:,} ({wrong}). Download it again."
                ) from wrong
        raise HistoryError(f"{shown} is no JSON: an object in each line is expected.") from error


def document(
    stream: BinaryIO, name: str, keys: Sequence[str], people: set[str]
) -> Iterator[list[Any]]:
    """The rows of a file that is one JSON text: of the list under one of `keys`, some at a time.

    Where that is a list of pages, which have such lists themselves, the rows are those of all. Whom
    the text says beside them that it is of is added to `people`.
    Raises HistoryError where the file is no JSON, or has no such list.
    """
    shown = repr(name)
    text = read(stream, None, shown).removeprefix(BOM)
    try:
        found = whole(text, lambda body: _rows_in(body, keys, people))
        if found is None:
            raise HistoryError(
                f"{shown} is no list of plays: expected is one under "
                f"{' or '.join(map(repr, keys))}. Export it again."
            )
        for start in range(0, max(len(found), 1), TOGETHER):
            some = b",".join(found[start : start + TOGETHER])
            yield whole(b"[" + some + b"]", loose)
    except BROKEN as error:
        raise HistoryError(_broken(shown, text, 0, None, error)) from error


def _rows_in(
    text: bytes | msgspec.Raw, keys: Sequence[str], people: set[str]
) -> list[msgspec.Raw] | None:
    """The texts of the rows in a text: no more of them is made than is looked at together."""
    opening = _opening(text)
    if opening == b"{":
        fields = _OBJECT.decode(text)
        people.update(_named(fields))
        inner = (fields[key] for key in keys if key in fields)
        found = (_rows_in(each, keys, people) for each in inner)
        return next((rows for rows in found if rows is not None), None)
    if opening != b"[":
        whole(bytes(text), loose)  # it may be no JSON at all
        return None
    return [row for each in _LIST.decode(text) for row in _page(each, keys, people)]


def _page(text: msgspec.Raw, keys: Sequence[str], people: set[str]) -> list[msgspec.Raw]:
    """The rows of a page of a list, or what is a row itself."""
    opening = _opening(text)
    if opening == b"{":
        fields = _OBJECT.decode(text)
        lists = [fields[key] for key in keys if key in fields and _opening(fields[key]) == b"["]
        if lists:
            people.update(_named(fields))
        return _LIST.decode(lists[0]) if lists else [text]
    return _LIST.decode(text) if opening == b"[" else [text]


def _named(fields: dict[str, msgspec.Raw]) -> Iterator[str]:
    """Whom an object with a list of rows says that they are of: itself, or in its `@attr`."""
    about = fields.get("@attr")
    inner = _OBJECT.decode(about) if about is not None and _opening(about) == b"{" else {}
    for text in (fields.get("username"), inner.get("user")):
        if text is not None and _opening(text) == b'"':
            yield str(_ANY.decode(text)).casefold()


def _opening(text: bytes | msgspec.Raw) -> bytes:
    return bytes(memoryview(text)[:64]).lstrip()[:1]


def read(stream: BinaryIO, size: int | None, shown: str) -> bytes:
    """As many bytes, or all there are. Raises HistoryError where a zip is damaged."""
    blocks: list[bytes] = []
    left = size
    try:
        while left is None or left > 0:
            block = stream.read(-1 if left is None else left)
            if not block:
                break
            blocks.append(block)
            left = None if left is None else left - len(block)
    except DAMAGED as error:
        raise HistoryError(unpacked(shown, error)) from error
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)


def unpacked(shown: str, error: Exception) -> str:
    """Why a file of a damaged zip cannot be read."""
    return f"{shown} cannot be unpacked ({nameless(error)}). The zip is damaged: download it again."


def whole[T](text: bytes, decode: Callable[[bytes], T]) -> T:
    """What `decode` makes of a text; half surrogates in it become U+FFFD."""
    try:
        return decode(text)
    except msgspec.DecodeError:
        if not _HALF.search(text):
            raise
        return decode(_ESCAPE.sub(_mended, text))


def loose(text: bytes) -> Any:
    """A JSON text as it stands; a number too large for a float stays its text."""
    try:
        return _ANY.decode(text)
    except msgspec.ValidationError:
        mended = _ESCAPE.sub(_mended, text)
        try:
            return json.loads(mended, parse_float=_float, parse_constant=_no_number)
        except json.JSONDecodeError as error:
            raise msgspec.DecodeError(f"{error.msg} (byte {error.pos})") from error


def encoded(value: Any) -> str:
    """The JSON text of a value."""
    return msgspec.json.encode(value).decode()


def _mended(escape: re.Match[bytes]) -> bytes:
    """An escape in a text; half of a surrogate pair without the other becomes U+FFFD."""
    return rb"\ufffd" if len(escape[0]) == len(rb"\ud83d") else escape[0]


def _float(text: str) -> float | str:
    return number if math.isfinite(number := float(text)) else text


def _no_number(text: str) -> Any:
    raise msgspec.DecodeError(f"{text} is no JSON")


def _guessed[T](text: bytes, decode: Callable[[bytes], T]) -> tuple[int, T] | None:
    """Where the last whole row in a text ends that can be told, and what is made up to there."""
    for end, _ in zip(_ends(text, len(text)), range(GUESSES), strict=False):
        try:
            return end, whole(text[:end] + b"]", decode)
        except BROKEN:
            continue
    return None


def _ends(text: bytes, limit: int) -> Iterator[int]:
    """The commas before what looks like an object, from the right."""
    while (brace := text.rfind(b"{", 0, limit)) > 0:
        at = max(0, brace - 256)
        gap = text[at:brace].rstrip()
        if gap.endswith(b","):
            yield at + len(gap) - 1
        limit = brace


def _broken(shown: str, text: bytes, before: int, rows: int | None, error: Exception) -> str:
    """Where a file is no JSON any more, and what to do; `rows` came before `text`."""
    if isinstance(error, RecursionError):
        return f"{shown} is nested deeper than any export is. Download it again."
    try:
        text.decode()
    except UnicodeDecodeError as found:
        return (
            f"{shown} is not in UTF-8 (byte {before + found.start + 1:,}). "
            "Take the file as it was downloaded, or save it as UTF-8."
        )
    place = _BYTE.search(str(error))
    good = min(len(text), int(place[1])) if place else len(text)
    where = "" if rows is None else f" in row {rows + _rows_before(text, good) + 1:,}"
    if "truncated" in str(error):
        return f"{shown} is cut off{where or ' before its end'}. Download it again."
    byte = f" at byte {before + good + 1:,}" if place else ""
    return (
        f"{shown} is no JSON{byte}{where}. Download it again, or take it as it was before it was "
        "edited."
    )


def _rows_before(text: bytes, place: int) -> int:
    """How many whole rows of an array stand before a place."""
    for end, _ in zip(_ends(text, place), range(64), strict=False):
        with suppress(*BROKEN):
            return len(whole(text[:end] + b"]", loose))
    return 0
