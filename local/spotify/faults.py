"""Faults on demand: what a client must live with, made to happen.

A fault names a regular expression that is searched in the request's path with its query. Of the
faults that replace or delay an answer, the first active one that matches is used; those that
change the contents of an answer are all applied, in the order they were set. A fault that would
change contents but finds nothing to change has not fired.
"""

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Response

from local.spotify import ids
from local.spotify.clock import utc_now
from local.spotify.errors import ApiError, ControlError, TokenError

_STATUS_MESSAGES = {
    "401": "The access token expired",
    "403": "Forbidden",
    "404": "Resource not found",
    "429": "API rate limit exceeded",
    "500": "Internal server error",
    "502": "Bad gateway",
    "503": "Service unavailable",
}
# Refusals that Spotify tells by words alone, and a consent that it calls ended though it is not.
_REFUSALS = {
    "not_registered": "User not registered in the Developer Dashboard",
    "no_premium": (
        "Active premium subscription required for the owner of the app. When the subscription "
        "status changes, it can take a few hours to take effect."
    ),
}
_GRANTS = {
    "invalid_grant": "Refresh token revoked",
    "invalid_client": "Invalid client",
}
_BODIES = ("broken_json", "empty_body", "html", "error_inside")
_CONTENTS = ("null_tracks", "missing_fields", "episode", "local_file", "whole_seconds")
# Contents of ReccoBeats' and MusicBrainz' answers.
_OTHERS = ("renamed_fields", "other_hrefs", "other_artists")
_KWORB = ("other_chart", "earlier_day", "fewer_rows", "disallow")  # of its pages, robots.txt last
_CHANGE_CONTENTS = (*_CONTENTS, *_OTHERS, *_KWORB)
_ONE_A_SECOND = "one_a_second"
KINDS = (
    *_STATUS_MESSAGES,
    *_REFUSALS,
    *_GRANTS,
    _ONE_A_SECOND,
    "slow",
    "drop",
    *_BODIES,
    *_CHANGE_CONTENTS,
)

_HTML = "<!DOCTYPE html><html><head><title>Error</title></head><body>Upstream error</body></html>"

_ERROR = '{"error":{"status":500,"message":"Internal server error"}}'


@dataclass(frozen=True)
class Fault:
    """One fault, as set.

    Attributes:
        path: regular expression, searched in path and query.
        kind: one of `KINDS`.
        times: how often it fires; None for always.
        retry_after: seconds for the Retry-After header of an error status; None for no header.
            1 for kind 429 unless set.
        delay_ms: how long "slow" waits before the ordinary answer.
        count: how many entries of a playlist, rows of recently played, or items of ReccoBeats
            change; how many rows a page of kworb.net has left.
        fields: what the first track of the answer loses, or every item of ReccoBeats, a page of
            kworb.net and all of MusicBrainz' answer calls by another name.
        reason: the error body's "reason", e.g. QUOTA_EXCEEDED.
    """

    path: str
    kind: str
    times: int | None = None
    retry_after: int | None = None
    delay_ms: int = 1000
    count: int = 1
    fields: tuple[str, ...] = ()
    reason: str | None = None


@dataclass
class _Active:
    id: str
    fault: Fault
    fired: int = 0
    let_through_at: datetime | None = None

    def matches(self, path: str) -> bool:
        spent = self.fault.times is not None and self.fired >= self.fault.times
        return not spent and re.search(self.fault.path, path) is not None

    def replaces(self, path: str, now: datetime) -> bool:
        """Whether it decides the answer to a request that comes at `now`."""
        if self.fault.kind in _CHANGE_CONTENTS or not self.matches(path):
            return False
        if self.fault.kind == _ONE_A_SECOND:
            before = self.let_through_at
            if before is None or now - before >= timedelta(seconds=1):
                self.let_through_at = now
                return False
        return True


class Faults:
    """The faults that are set, and how often each has fired."""

    def __init__(
        self,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._lock = threading.Lock()
        self._active: list[_Active] = []
        self._made = 0
        self._sleep = sleep
        self._now = now

    def add(self, fault: Fault) -> str:
        """Set a fault; gives its id."""
        with self._lock:
            self._made += 1
            one = _Active(f"fault-{self._made}", fault)
            self._active.append(one)
        return one.id

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._active.clear()

    def listing(self) -> list[dict[str, Any]]:
        """Each fault's id, fields and ``fired``, in the order they were set."""
        with self._lock:
            return [{"id": one.id, **asdict(one.fault), "fired": one.fired} for one in self._active]

    def replacing(self, path: str) -> Fault | None:
        """The fault that decides this request's answer, counted as fired; None if none does."""
        with self._lock:
            for one in self._active:
                if one.replaces(path, self._now()):
                    one.fired += 1
                    return one.fault
        return None

    def told(self, path: str, kinds: Sequence[str]) -> list[Fault]:
        """The matching faults of these kinds, each counted as fired, for who makes such answers."""
        with self._lock:
            found = [o for o in self._active if o.fault.kind in kinds and o.matches(path)]
            for one in found:
                one.fired += 1
            return [one.fault for one in found]

    def before(self, fault: Fault, *, accounts: bool) -> None:
        """What a fault does before the ordinary answer is made.

        Raises:
            ApiError, TokenError: for the kinds that are a status.
        """
        if fault.kind == "slow":
            self._sleep(fault.delay_ms / 1000)
        if fault.kind in _REFUSALS:
            raise ApiError(403, _REFUSALS[fault.kind], reason=fault.reason)
        if fault.kind in _GRANTS:
            raise TokenError(fault.kind, _GRANTS[fault.kind])
        kind = "503" if fault.kind == _ONE_A_SECOND else fault.kind
        if kind in _STATUS_MESSAGES:
            status, message = int(kind), _STATUS_MESSAGES[kind]
            if accounts:
                raise TokenError(
                    "server_error", message, status=status, retry_after=fault.retry_after
                )
            raise ApiError(status, message, reason=fault.reason, retry_after=fault.retry_after)

    def change_contents(self, path: str, response: Response) -> None:
        """Apply every matching fault that changes contents to a successful JSON answer."""
        if response.status_code != 200 or not response.is_json:
            return
        with self._lock:
            kinds = (*_CONTENTS, *_OTHERS)
            active = [o for o in self._active if o.fault.kind in kinds]
            todo = [o for o in active if o.matches(path)]
            if not todo:
                return
            body = json.loads(response.get_data())
            for one in todo:
                one.fired += _change(one.fault, body)
            response.set_data(json.dumps(body, ensure_ascii=False))


def spoil(fault: Fault, response: Response) -> None:
    """Make the answer's body what the fault says: cut off, empty, a web page, or an error."""
    if fault.kind == "broken_json":
        data = response.get_data()
        response.set_data(data[: len(data) // 2])
    elif fault.kind == "empty_body":
        response.set_data(b"")
    elif fault.kind == "html":
        response.set_data(_HTML)
        response.content_type = "text/html; charset=utf-8"
    elif fault.kind == "error_inside":
        response.set_data(_ERROR)
        response.content_type = "application/json"


def _change(fault: Fault, body: Any) -> bool:
    """Apply one fault to a decoded body; whether anything changed."""
    if fault.kind in _OTHERS:
        return _change_others(fault, body)
    if fault.kind == "missing_fields":
        track = next(_tracks(body), None)
        if track is None:
            return False
        changed = [name for name in fault.fields if track.pop(name, _Missing) is not _Missing]
        return bool(changed)
    entries = [e for e in _entries(body) if _is_track(e[0][e[1]])][: fault.count]
    if fault.kind == "whole_seconds":
        entries = [e for e in entries if "." in e[0].get("played_at", "")]
    for entry, key in entries:
        if fault.kind == "null_tracks":
            entry[key] = None
        elif fault.kind == "whole_seconds":
            entry["played_at"] = entry["played_at"].partition(".")[0] + "Z"
        elif fault.kind == "episode":
            entry[key] = _episode(entry[key])
        else:
            if "added_at" in entry:
                entry["is_local"] = True
            entry[key] = _local_file(entry[key])
    return bool(entries)


def _change_others(fault: Fault, body: Any) -> bool:
    """Apply a fault to an answer of ReccoBeats or MusicBrainz."""
    if isinstance(body, dict) and "content" in body:
        return _change_items(fault, body)
    if fault.kind == "renamed_fields":
        return sum(_rename(one, fault.fields) for one in _objects(body)) > 0
    if fault.kind == "other_artists":
        named = [one for one in _objects(body) if "sort-name" in one]
        for one in named:
            one["id"], one["name"] = str(uuid.UUID(int=7)), "Somebody else"
        return bool(named)
    return False


def _rename(one: dict[str, Any], fields: Sequence[str]) -> bool:
    renamed = [name for name in fields if name in one]
    for name in renamed:
        one[f"new_{name}"] = one.pop(name)
    return bool(renamed)


def _objects(value: Any) -> list[dict[str, Any]]:
    """Every object in a body, in reading order."""
    if isinstance(value, list):
        return [one for each in value for one in _objects(each)]
    if not isinstance(value, dict):
        return []
    return [value, *(one for each in value.values() for one in _objects(each))]


def _change_items(fault: Fault, body: Any) -> bool:
    """Apply a fault to the items of ReccoBeats' answer."""
    items = body.get("content") if isinstance(body, dict) else None
    if not items:
        return False
    if fault.kind == "other_hrefs":
        for item in items[: fault.count]:
            other = ids.base62_id("another track", item["id"])
            item["href"] = f"https://open.spotify.com/track/{other}"
        return True
    return sum(_rename(item, fault.fields) for item in items) > 0


class _Missing:
    """Stands for a field that was not there."""


def _is_track(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "track" and not value.get("is_local")


def _tracks(value: Any) -> Iterator[dict[str, Any]]:
    """Tracks and audio features anywhere in a body, in reading order."""
    if isinstance(value, dict):
        if value.get("type") in ("track", "audio_features"):
            yield value
        for inner in value.values():
            yield from _tracks(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _tracks(inner)


def _entries(body: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """The entries of a playlist or of recently played, each with the field of its track."""
    page = body.get("tracks") or body.get("items") if isinstance(body, dict) else None
    if isinstance(page, dict):
        page = page.get("items")
    for entry in page if isinstance(page, list) else ():
        if isinstance(entry, dict) and ("added_at" in entry or "played_at" in entry):
            yield entry, "item" if "item" in entry else "track"


def _episode(track: dict[str, Any]) -> dict[str, Any]:
    name = f"An episode in the place of {track['name']}"
    episode_id, show_id = ids.base62_id("episode", track["id"]), ids.base62_id("show", track["id"])
    base = track["href"].rsplit("/", 2)[0]
    return {
        **_spoken("episode", base, episode_id, name),
        "audio_preview_url": None,
        "duration_ms": track["duration_ms"],
        "is_playable": True,
        "language": "en",
        "release_date": "2024-01-01",
        "release_date_precision": "day",
        "show": {
            **_spoken("show", base, show_id, "A made-up show"),
            "available_markets": [],
            "copyrights": [],
            "media_type": "audio",
            "publisher": "Soundlake's local Spotify",
            "total_episodes": 1,
        },
    }


def _spoken(kind: str, base: str, spotify_id: str, name: str) -> dict[str, Any]:
    """What episodes and shows have in common."""
    return {
        "description": "made up",
        "explicit": False,
        "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{spotify_id}"},
        "href": f"{base}/{kind}s/{spotify_id}",
        "html_description": "made up",
        "id": spotify_id,
        "images": [],
        "is_externally_hosted": False,
        "languages": ["en"],
        "name": name,
        "type": kind,
        "uri": f"spotify:{kind}:{spotify_id}",
    }


def _local_file(track: dict[str, Any]) -> dict[str, Any]:
    """The track as a listener's own file: names but no ids."""
    seconds = track["duration_ms"] // 1000
    return {
        "album": {
            "album_type": None,
            "artists": [],
            "available_markets": [],
            "external_urls": {},
            "href": None,
            "id": None,
            "images": [],
            "name": "A local album",
            "release_date": None,
            "release_date_precision": None,
            "type": "album",
            "uri": None,
        },
        "artists": [
            {
                "external_urls": {},
                "href": None,
                "id": None,
                "name": "A local artist",
                "type": "artist",
                "uri": None,
            }
        ],
        "available_markets": [],
        "disc_number": 0,
        "duration_ms": track["duration_ms"],
        "explicit": False,
        "external_ids": {},
        "external_urls": {},
        "href": None,
        "id": None,
        "is_local": True,
        "name": "A local file",
        "popularity": 0,
        "preview_url": None,
        "track_number": 0,
        "type": "track",
        "uri": f"spotify:local:A+local+artist:A+local+album:A+local+file:{seconds}",
    }


def parse_fault(body: object) -> Fault:
    """A fault from the JSON of a control request.

    Raises:
        ControlError: one sentence on what is wrong with it.
    """
    if not isinstance(body, dict):
        raise ControlError("A fault is a JSON object with at least path and kind.")
    known = set(Fault.__dataclass_fields__)
    for name in body:
        if name not in known:
            raise ControlError(f"A fault has no field {name!r}; it has {', '.join(sorted(known))}.")
    kind = body.get("kind")
    if kind not in KINDS:
        raise ControlError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}.")
    reason = body.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise ControlError(f"reason must be a text or null, not {reason!r}.")
    return Fault(
        path=_path(body),
        kind=kind,
        times=_optional(body, "times", None, 1, 10**6),
        retry_after=_optional(body, "retry_after", 1 if kind == "429" else None, 0, 10**6),
        delay_ms=_optional(body, "delay_ms", 1000, 0, 60_000) or 0,
        count=_optional(body, "count", 1, 1, 100) or 1,
        fields=_field_names(body, needed_by=kind),
        reason=reason,
    )


def _path(body: Mapping[str, Any]) -> str:
    path = body.get("path")
    if not isinstance(path, str) or not path:
        raise ControlError(f"path must be a regular expression, not {path!r}.")
    try:
        re.compile(path)
    except re.error as error:
        raise ControlError(f"path {path!r} is no regular expression: {error}.") from None
    return path


def _optional(
    body: Mapping[str, Any], name: str, default: int | None, least: int, most: int
) -> int | None:
    value = body.get(name, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ControlError(f"{name} must be a whole number from {least} to {most}, not {value!r}.")
    return value


def _field_names(body: Mapping[str, Any], *, needed_by: str) -> tuple[str, ...]:
    value = body.get("fields", [])
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ControlError(f"fields must be a list of field names, not {value!r}.")
    if needed_by in ("missing_fields", "renamed_fields") and not value:
        raise ControlError(f"{needed_by} needs fields, a list of at least one field name.")
    return tuple(value)
