"""What of an upload is not kept: who a person is, and where they were.

`REDACTED` are keys that are known for it. Of keys that no format knows, those go whose name says
so, and those whose value is an IP address.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

REDACTED = frozenset(
    {
        "ip_addr",
        "ip_addr_decrypted",
        "username",
        "user_agent_decrypted",
        "city",
        "region",
        "metro_code",
        "longitude",
        "latitude",
        "user_name",
        "user_id",
        "user",
    }
)
# Parts that say it anywhere in a name, those that are made of two words, however these are divided,
# and whole words that are too short for that.
_PARTS = (
    *("user", "mail", "latitude", "longitude", "city", "region", "metro", "address", "postal"),
    *("street", "birth", "gender", "surname", "nickname"),
)
_JOINED = (
    *("firstname", "lastname", "fullname", "realname", "displayname", "postcode", "hostname"),
    *("deviceid", "devicename", "accountid", "accountname"),
)
_WORDS = frozenset({"lat", "lon", "lng", "long", "geo", "gps", "zip", "phone"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_ENDS_OTHERWISE = ("skip", "clip", "ship", "trip", "chip", "tip", "drip", "flip")
# What is not made of these is no address: it spares most texts the rest.
_LIKE = re.compile(r"\s*\[?[0-9a-fA-F:.*xX]{2,}\]?(?:%\w+)?(?:[:/]\d+)?\s*")
_MASKED = re.compile(r"\d{1,3}(\.(\d{1,3}|[xX*]+)){3}(:\d+)?")


def redact(value: Any, known: Collection[str] = frozenset()) -> Any:
    """A JSON value without what is not kept, at any depth.

    In the place of a text that is an IP address stands null, but under a `known` key: titles may
    be anything.
    """
    if isinstance(value, dict):
        return {
            key: _of_known(inner, known) if key in known else redact(inner, known)
            for key, inner in value.items()
            if key not in REDACTED and (key in known or not (_tells(key) or is_address(inner)))
        }
    if isinstance(value, list):
        return [redact(inner, known) for inner in value if not is_address(inner)]
    return None if is_address(value) else value


def _of_known(value: Any, known: Collection[str]) -> Any:
    """What stands under a known key: texts as they are, objects without what is not kept."""
    if isinstance(value, list):
        return [_of_known(inner, known) for inner in value]
    return redact(value, known) if isinstance(value, dict) else value


@lru_cache(maxsize=4096)  # keys are few, and rows many
def _tells(key: str) -> bool:
    """Whether a key's name says that its value tells who or where a person is."""
    name = key.lower()
    letters = "".join(filter(str.isalpha, name))
    return (
        any(part in name for part in _PARTS)
        or any(part in letters for part in _JOINED)
        or is_address(key)
        or any(
            word in _WORDS
            or word.startswith("ip")
            or (word.endswith("ip") and not word.endswith(_ENDS_OTHERWISE))
            for word in map(str.lower, _WORD.findall(key))
        )
    )


def is_address(value: Any) -> bool:
    """Whether a value is the text of an IP address: of either version, masked, or with a port."""
    if not isinstance(value, str) or not _LIKE.fullmatch(value):
        return False
    text = value.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    if _MASKED.fullmatch(text):
        return True
    if ":" not in text and text.count(".") != 3:
        return False
    try:
        ip_network(text.partition("%")[0], strict=False)
    except ValueError:
        return False
    return True
