"""Identifiers in Spotify's form, derived from names so that every run gives the same ones."""

import hashlib
import re

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ID = re.compile(r"[0-9A-Za-z]{22}")


def _digest(*parts: str) -> bytes:
    # Length-prefixed, so that ("a", "bc") and ("ab", "c") cannot meet.
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode()).digest()


def base62_id(*parts: str) -> str:
    """A 22-character base62 id (128 bits, as Spotify's are) that depends on `parts` alone."""
    number = int.from_bytes(_digest(*parts)[:16])
    out = ""
    for _ in range(22):
        number, digit = divmod(number, 62)
        out = _ALPHABET[digit] + out
    return out


def hex_id(length: int, *parts: str) -> str:
    """`length` (at most 64) lower-case hexadecimal digits that depend on `parts` alone."""
    return _digest(*parts).hex()[:length]


def number(below: int, *parts: str) -> int:
    """A whole number from 0 to `below` - 1 that depends on `parts` alone."""
    return int.from_bytes(_digest(*parts)[:8]) % below


def is_id(text: str) -> bool:
    """Whether `text` has the form of a Spotify id: 22 base62 characters."""
    return _ID.fullmatch(text) is not None
