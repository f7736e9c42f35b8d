"""What the unit tests share: a made-up Spotify and its answers, and a look into the bucket."""

import base64
import csv
import importlib.util
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from soundlake.quota import SAFE
from soundlake.store.budget import Budget, BudgetTable
from soundlake.store.captures import CaptureKey
from soundlake.store.chart_files import ChartFiles
from soundlake.store.lake import Lake
from soundlake.store.objects import Bucket, pack
from soundlake.store.staging import staging_key
from soundlake.times import format_time

from tests.unit.kworb_pages import FakeKworb

REPO = Path(__file__).resolve().parents[2]
REGION = "eu-north-1"
BUCKET = "soundlake-test-data"
PREFIX = "/soundlake/test"
ACCOUNT = "main"
ACCOUNTS_TABLE = "soundlake-test-accounts"
BUDGET_TABLE = "soundlake-test-budget"
OWNER = "somebody"
ANALYSES_PER_DAY = 50
DAILY_REQUESTS = 500
API = "https://api.spotify.test/v1"
ACCOUNTS = "https://accounts.spotify.test"
RECCOBEATS = "https://api.reccobeats.test/v1"
KWORB = "https://kworb.test/spotify"
MUSICBRAINZ = "https://musicbrainz.test/ws/2"

CLIENT_ID = "made-up-client-id"
CLIENT_SECRET = "made-up-client-secret"
REFRESH_TOKEN = "made-up-refresh-token"
ROTATED_TOKEN = "made-up-rotated-refresh-token"
APP_TOKEN = "made-up-app-access-token"
USER_TOKEN = "made-up-user-access-token"
CODE = "made-up-authorization-code"
SECRETS = (CLIENT_SECRET, REFRESH_TOKEN, ROTATED_TOKEN, APP_TOKEN, USER_TOKEN, CODE)

NOW = datetime(2026, 11, 21, 9, 18, tzinfo=UTC)
CONSENTED_AT = datetime(2026, 9, 1, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 9, 18, tzinfo=UTC)
TODAY = "2026-11-21"
MONTH = "2026-11"

CHART_COLUMNS = ("chart", "country", "country_name", "cadence", "playlist_id", "enabled")

Row = dict[str, Any]


# Ids and answers, all made up.


def track_id(number: int) -> str:
    return f"track{number:017d}"


def playlist_id(name: str) -> str:
    """22 letters and digits that start with a readable name."""
    return f"playlist{name}".ljust(22, "0")


NORWAY = playlist_id("Norway")


def artist(number: int = 1, **changes: Any) -> Row:
    ident = f"artist{number:016d}"
    return {
        "id": ident,
        "name": f"Artist {number}",
        "type": "artist",
        "uri": f"spotify:artist:{ident}",
    } | changes


def album(number: int = 1, **changes: Any) -> Row:
    ident = f"album{number:017d}"
    return {
        "id": ident,
        "name": f"Album {number}",
        "type": "album",
        "uri": f"spotify:album:{ident}",
        "album_type": "album",
        "artists": [artist(number)],
        "release_date": "2026-10",
        "release_date_precision": "month",
        "total_tracks": 12,
        "images": [
            {"url": f"https://images.test/{number}/640", "height": 640, "width": 640},
            {"url": f"https://images.test/{number}/any", "height": None, "width": None},
        ],
    } | changes


def full_artist(number: int = 1, **changes: Any) -> Row:
    """An artist as an answer about it has it."""
    return (
        artist(
            number,
            followers={"href": None, "total": 5_000_000_000 + number},
            genres=["rock"],
            images=[{"url": f"https://images.test/artist/{number}", "height": 160, "width": None}],
            popularity=60 + number,
        )
        | changes
    )


def full_album(number: int = 1, **changes: Any) -> Row:
    """An album as an answer about it has it; its tracks are left out."""
    return (
        album(
            number,
            external_ids={"upc": f"{number:012d}"},
            genres=["pop", "joik"],
            label=f"Label {number}",
            popularity=40 + number,
        )
        | changes
    )


def track_ids(numbers: Iterable[int]) -> list[str]:
    return [track_id(number) for number in numbers]


def album_ids(numbers: Iterable[int]) -> list[str]:
    return [str(album(number)["id"]) for number in numbers]


def artist_ids(numbers: Iterable[int]) -> list[str]:
    return [str(artist(number)["id"]) for number in numbers]


def track(number: int = 1, **changes: Any) -> Row:
    ident = track_id(number)
    return {
        "id": ident,
        "name": f"Track {number}",
        "type": "track",
        "uri": f"spotify:track:{ident}",
        "is_local": False,
        "duration_ms": 180_000 + number,
        "explicit": number % 2 == 0,
        "popularity": 50,
        "disc_number": 1,
        "track_number": number,
        "artists": [artist(number)],
        "album": album(number),
        "external_ids": {"isrc": f"NOABC26{number:05d}"},
    } | changes


def without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def episode() -> Row:
    return {
        "id": "episode000000000000001",
        "name": "Episode 1",
        "type": "episode",
        "uri": "spotify:episode:episode000000000000001",
        "duration_ms": 1_800_000,
        "explicit": False,
        "show": {"id": "show000000000000000001", "name": "Show 1", "publisher": "Publisher 1"},
    }


def local_file() -> Row:
    return track(
        1,
        id=None,
        uri="spotify:local:Artist:Album:Title:180",
        is_local=True,
        artists=[artist(1, id=None, uri=None)],
        album=album(1, id=None, uri=None),
    )


NEW_SHAPE = "items/item"
OLD_SHAPE = "tracks/track"


def entry(item: Any, shape: str = NEW_SHAPE, **changes: Any) -> Row:
    """One place of a playlist."""
    return {
        "added_at": "2026-11-20T12:00:00Z",
        "is_local": isinstance(item, dict) and bool(item.get("is_local")),
        shape.split("/")[1]: item,
    } | changes


def page(
    items: Iterable[Any],
    following: str | None = None,
    shape: str = NEW_SHAPE,
    **stated: int | None,
) -> Row:
    """A further page of a playlist's entries, with the `total` and `offset` that it states."""
    return {"items": [entry(item, shape) for item in items], "next": following} | stated


def playlist(
    items: Iterable[Any],
    ident: str = NORWAY,
    shape: str = NEW_SHAPE,
    following: str | None = None,
    **stated: int | None,
) -> Row:
    """A playlist with its first page; without a further one, its `total` is what it shows."""
    items = list(items)
    if following is None and "total" not in stated:
        stated["total"] = len(items)
    return {
        "id": ident,
        "name": "A chart",
        "snapshot_id": "snapshot-1",
        shape.split("/", maxsplit=1)[0]: page(items, following, shape, **stated),
    }


def played(number: int, at: datetime | str, **changes: Any) -> Row:
    """One row of recently played."""
    text = at if isinstance(at, str) else at.isoformat(timespec="milliseconds")
    return {
        "track": track(number),
        "played_at": text.replace("+00:00", "Z"),
        "context": {"type": "album", "uri": "spotify:album:album00000000000000001"},
    } | changes


def recently_played(rows: Sequence[Any]) -> Row:
    """One page of recently played."""
    return {"items": list(rows), "next": None, "cursors": None, "limit": 50, "href": f"{API}/me"}


def features_of(ident: str, **changes: Any) -> Row:
    """Audio features that differ from track to track."""
    number = int(ident[-4:])
    return {
        "id": ident,
        "type": "audio_features",
        "danceability": 0.5 + number / 10_000,
        "energy": 0.25,
        "key": number % 12,
        "loudness": -6.5,
        "mode": number % 2,
        "speechiness": 0.125,
        "acousticness": 0.0625,
        "instrumentalness": 0.0,
        "liveness": 0.5,
        "valence": 0.75,
        "tempo": 120.0,
        "duration_ms": 180_000 + number,
        "time_signature": 4,
    } | changes


def reccobeats_of(ident: str, **changes: Any) -> Row:
    """A track's features as ReccoBeats has them: other numbers than Spotify's, and fewer."""
    known = without(features_of(ident), "id", "type", "duration_ms", "time_signature")
    return (
        {
            "id": f"00000000-0000-4000-8000-{int(ident[-4:]):012d}",
            "href": f"https://open.spotify.com/track/{ident}",
            "isrc": f"NOABC26{int(ident[-4:]):05d}",
        }
        | known
        | {"tempo": 119.5}
        | changes
    )


def chart_row(chart: str = "daily-NO", /, **changes: str) -> dict[str, str]:
    """A row of a chart list."""
    cadence, country = chart.split("-")
    return {
        "chart": chart,
        "country": country,
        "country_name": f"Country {country}",
        "cadence": cadence,
        "playlist_id": playlist_id(f"{cadence[0]}{country}"),
        "enabled": "true",
    } | changes


def chart_list(*rows: Mapping[str, str], columns: Sequence[str] = CHART_COLUMNS) -> str:
    """A chart list as CSV."""
    out = StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


NORWAY_CHART = {
    "chart": "daily-NO",
    "country": "NO",
    "country_name": "Norway",
    "cadence": "daily",
    "playlist_id": NORWAY,
}


# Spotify.


@dataclass
class Reply:
    """One answer that the next request to a path gets instead of the usual one."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] | None = None
    error: Exception | None = None


class FakeSpotify:
    """Spotify as far as Soundlake asks it, at its own time `now`.

    `playlists` holds each playlist's pages by id; `features` the known features by track id,
    `tracks`, `albums` and `artists` the known ones by id (others are null), `analyses` by track id
    (others are not found); `plays` the rows of recently played, `user` whose they are. `asked`
    lists every request's method and path, `batches` the ids of each request for features,
    `several` those of others, `single` each id that was asked for alone. `found` are the tracks
    that a search finds, by query, `searched` the queries. `reccobeats`, `kworb` and `musicbrainz`
    are asked at the same time of day.
    """

    def __init__(self) -> None:
        self.now = NOW
        self.playlists: dict[str, list[Row]] = {}
        self.features: dict[str, Row] = {}
        self.tracks: dict[str, Row] = {}
        self.albums: dict[str, Row] = {}
        self.artists: dict[str, Row] = {}
        self.analyses: dict[str, Row] = {}
        self.found: dict[str, list[Row]] = {}
        self.searched: list[str] = []
        self.plays: list[Any] = []
        self.rotates_to: str | None = None
        self.user: Row = {"id": "solveig", "display_name": "Solveig"}
        self.asked: list[str] = []
        self.requests: list[requests.PreparedRequest] = []
        self.batches: list[list[str]] = []
        self.several: dict[str, list[list[str]]] = {"albums": [], "artists": []}
        self.single: dict[str, list[str]] = defaultdict(list)
        self.reccobeats = FakeReccoBeats(self.clock, self.pass_time)
        self.kworb = FakeKworb(self.clock)
        self.musicbrainz = FakeMusicBrainz(self.clock)
        self._next: dict[str, deque[Reply | None]] = defaultdict(deque)

    def clock(self) -> datetime:
        """The clock of the machine that asks: it agrees with Spotify's."""
        return self.now

    def pass_time(self, **by: float) -> None:
        self.now += timedelta(**by)

    def reply(
        self,
        path: str,
        status: int = 200,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        error: Exception | None = None,
        *,
        after: int = 0,
    ) -> None:
        """Answer the next request to a path so (`after` usual ones); called again, the next."""
        self._next[path].extend([None] * after)
        self._next[path].append(Reply(status, body, headers, error))

    def api_requests(self) -> list[str]:
        """What was asked of the API, tokens aside."""
        return [asked for asked in self.asked if asked != "POST /api/token"]

    def __call__(self, request: requests.PreparedRequest) -> Any:
        url = urlsplit(str(request.url))
        self.asked.append(f"{request.method} {url.path}")
        self.requests.append(request)
        headers = {"Date": format_datetime(self.now, usegmt=True)}
        reply = self._next[url.path].popleft() if self._next[url.path] else None
        if reply is not None:
            if reply.error is not None:
                return reply.error
            headers |= dict(reply.headers or {})
            return reply.status, headers, _body(reply.body)
        status, body = self._usual(request, url.path, parse_qs(url.query))
        return status, headers, _body(body)

    def _usual(  # noqa: C901, PLR0911 - one for each of its addresses
        self, request: requests.PreparedRequest, path: str, query: dict[str, list[str]]
    ) -> tuple[int, Any]:
        if path == "/api/token":
            return self._token(request)
        bearer = str(request.headers.get("Authorization")).removeprefix("Bearer ")
        parts = path.removeprefix("/v1/").split("/")
        match parts:
            case ["me", "player", "recently-played"] if bearer == USER_TOKEN:
                return 200, recently_played(self.plays)
            case ["me"] if bearer == USER_TOKEN:
                return 200, self.user
            case ["audio-features"] if bearer == APP_TOKEN:
                ids = query["ids"][0].split(",")
                self.batches.append(ids)
                return 200, {"audio_features": [self.features.get(ident) for ident in ids]}
            case ["tracks" | "albums" | "artists" as kind] if bearer == APP_TOKEN:
                return 200, self._several(kind, query["ids"][0].split(","))
            case ["tracks" | "albums" | "artists" as kind, ident] if bearer == APP_TOKEN:
                self.single[kind].append(ident)
                if ident in self.known(kind):
                    return 200, self.known(kind)[ident]
            case ["search"] if bearer == APP_TOKEN:
                self.searched.append(query["q"][0])
                found = self.found.get(query["q"][0], [])
                return 200, {"tracks": {"items": found[: int(query["limit"][0])]}}
            case ["audio-analysis", ident] if bearer == APP_TOKEN and ident in self.analyses:
                return 200, self.analyses[ident]
            case ["playlists", ident, *_] if bearer == APP_TOKEN and ident in self.playlists:
                offset = int(query.get("page", ["1"])[0]) - 1
                return 200, self.playlists[ident][offset]
        if bearer not in {APP_TOKEN, USER_TOKEN}:
            return _error(401, "Invalid access token")
        return _error(404, "Resource not found")

    def _several(self, kind: str, ids: list[str]) -> Row:
        self.several.setdefault(kind, []).append(ids)
        return {kind: [self.known(kind).get(ident) for ident in ids]}

    def known(self, kind: str) -> dict[str, Row]:
        return {"tracks": self.tracks, "albums": self.albums, "artists": self.artists}[kind]

    def _token(self, request: requests.PreparedRequest) -> tuple[int, Any]:
        form = parse_qs(str(request.body))
        given = str(request.headers.get("Authorization", "")).removeprefix("Basic ")
        secret = base64.b64decode(given).decode() == f"{CLIENT_ID}:{CLIENT_SECRET}"
        public = not given and form.get("client_id") == [CLIENT_ID]
        if not (secret or public):
            return 400, {"error": "invalid_client", "error_description": "Invalid client"}
        token: Row = {"token_type": "Bearer", "expires_in": 3600}
        if form["grant_type"] == ["client_credentials"]:
            return 200, token | {"access_token": APP_TOKEN}
        if form["grant_type"] == ["authorization_code"]:
            if form["code"] != [CODE]:
                return 400, {"error": "invalid_grant", "error_description": "Invalid code"}
            return 200, token | {"access_token": USER_TOKEN, "refresh_token": REFRESH_TOKEN}
        if form["refresh_token"][0] not in {REFRESH_TOKEN, ROTATED_TOKEN}:
            return 400, {"error": "invalid_grant", "error_description": "Refresh token revoked"}
        token["access_token"] = USER_TOKEN
        if self.rotates_to:
            token["refresh_token"] = self.rotates_to
        return 200, token


class FakeReccoBeats:
    """ReccoBeats as far as Soundlake asks it: `known` holds its features by track id.

    What it does not know it leaves out. `batches` lists the ids of each request, `slept` how long
    its client slept before one.
    """

    def __init__(self, clock: Callable[[], datetime], pass_time: Callable[..., None]) -> None:
        self.known: dict[str, Row] = {}
        self.batches: list[list[str]] = []
        self.slept: list[float] = []
        self._clock = clock
        self._pass_time = pass_time
        self._next: deque[Reply] = deque()

    def sleep(self, seconds: float) -> None:
        """Sleeping takes no time but by this clock."""
        self.slept.append(seconds)
        self._pass_time(seconds=seconds)

    def reply(
        self, status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer the next request so; called again, the one after it."""
        self._next.append(Reply(status, body, headers))

    def __call__(self, request: requests.PreparedRequest) -> Any:
        ids = parse_qs(urlsplit(str(request.url)).query)["ids"][0].split(",")
        self.batches.append(ids)
        headers = {"Date": format_datetime(self._clock(), usegmt=True)}
        if self._next:
            reply = self._next.popleft()
            return reply.status, headers | dict(reply.headers or {}), _body(reply.body)
        # In another order than asked, as nothing says that it keeps to one.
        content = [self.known[ident] for ident in reversed(ids) if ident in self.known]
        return 200, headers, _body({"content": content})


class FakeMusicBrainz:
    """MusicBrainz as far as Soundlake asks it.

    `isrcs` holds whom the recordings of an ISRC credit, by name; `artists` who has a name, each
    with the votes for genres. `asked` lists what each request was for: an ISRC, a name or an id;
    `agents` who asked.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.isrcs: dict[str, list[str]] = {}
        self.artists: dict[str, list[dict[str, int]]] = {}
        self.asked: list[str] = []
        self.agents: list[str] = []
        self.requests: list[str] = []
        self.slept: list[float] = []
        self._clock = clock
        self._next: deque[Reply | None] = deque()

    def reply(
        self,
        status: int = 200,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        after: int = 0,
    ) -> None:
        """Answer the next request so (`after` usual ones); called again, the one after it."""
        self._next.extend([None] * after)
        self._next.append(Reply(status, body, headers))

    def knows(self, name: str, *isrcs: str, **votes: int) -> None:
        """Know one more artist of a name, by these ISRCs, with these genres."""
        self.artists.setdefault(name, []).append(votes)
        for isrc in isrcs:
            self.isrcs.setdefault(isrc, []).append(name)

    def __call__(self, request: requests.PreparedRequest) -> Any:
        url = urlsplit(str(request.url))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.requests.append(str(request.url))
        self.agents.append(str(request.headers["User-Agent"]))
        match url.path.removeprefix("/ws/2/").split("/"):
            case ["isrc", isrc]:
                asked, found = isrc, self._isrc(isrc)
            case ["artist", ident]:
                asked, found = ident, self._artist(ident)
            case _:
                asked, found = query["query"], self._hits(query["query"])
        self.asked.append(asked)
        headers = {"Date": format_datetime(self._clock(), usegmt=True)}
        reply = self._next.popleft() if self._next else None
        if reply is not None:
            return reply.status, headers | dict(reply.headers or {}), _body(reply.body)
        missing = {"error": "Not Found", "help": "For usage, please see the documentation."}
        return (200, headers, _body(found)) if found else (404, headers, _body(missing))

    def _ids(self) -> dict[str, tuple[str, dict[str, int]]]:
        return {
            mbid(name, number): (name, votes)
            for name, several in self.artists.items()
            for number, votes in enumerate(several)
        }

    def _isrc(self, isrc: str) -> Row | None:
        if isrc not in self.isrcs:
            return None
        return musicbrainz_isrc(isrc, *self.isrcs[isrc])

    def _artist(self, ident: str) -> Row | None:
        if ident not in self._ids():
            return None
        name, votes = self._ids()[ident]
        return musicbrainz_artist(name, ident, **votes)

    def _hits(self, query: str) -> Row:
        name = query.removeprefix('artist:"').removesuffix('"').replace("\\", "")
        found = [one for one, (known, _) in self._ids().items() if known.lower() == name.lower()]
        hits = [
            {"id": one, "name": self._ids()[one][0], "sort-name": name, "score": 100 - place}
            for place, one in enumerate(found)
        ]
        return {"created": "now", "count": len(hits), "offset": 0, "artists": hits}


def mbid(name: str, number: int = 0) -> str:
    """MusicBrainz' id of an artist, in a form that a person can read."""
    return f"mbid-{name.replace(' ', '-').lower()}-{number}"


def musicbrainz_isrc(isrc: str, *names: str) -> Row:
    """What an ISRC's recording credits, as MusicBrainz tells it."""
    credited = [
        {"name": name, "joinphrase": "", "artist": {"id": mbid(name), "name": name}}
        for name in names
    ]
    recording = {"id": f"recording-{isrc}", "title": "A recording", "artist-credit": credited}
    return {"isrc": isrc, "recordings": [recording]}


def musicbrainz_artist(name: str, ident: str | None = None, **votes: int) -> Row:
    """An artist with the votes for each genre, as MusicBrainz tells it."""
    genres = [
        {"id": f"genre-{genre}", "name": genre, "count": count, "disambiguation": ""}
        for genre, count in sorted(votes.items())
    ]
    return {"id": ident or mbid(name), "name": name, "sort-name": name, "genres": genres}


def _error(status: int, message: str) -> tuple[int, Row]:
    return status, {"error": {"status": status, "message": message}}


def _body(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def next_page(number: int, ident: str = NORWAY) -> str:
    """The address of a playlist's further page."""
    return f"{API}/playlists/{ident}/items?page={number}"


# AWS.


class FakeContext:
    """What Lambda tells a handler about its invocation."""

    function_name = "soundlake-test"
    function_version = "$LATEST"
    invoked_function_arn = f"arn:aws:lambda:{REGION}:123456789012:function:soundlake-test"
    memory_limit_in_mb = 256
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Hurried(FakeContext):
    """An invocation whose time passes with every look at the clock; at the first 100 s are left."""

    def __init__(self, step_ms: int) -> None:
        self._step_ms = step_ms
        self._left_ms = 100_000 + step_ms

    def get_remaining_time_in_millis(self) -> int:
        self._left_ms -= self._step_ms
        return self._left_ms


class Killed(BaseException):
    """The process ended here; nothing can catch it."""


class Zones:
    """A look into the data bucket, past the package where that matters."""

    def __init__(self, s3: Any) -> None:
        self.s3 = s3
        self.bucket = Bucket(BUCKET, s3)
        self.lake = Lake(self.bucket)

    def keys(self, prefix: str = "") -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for each in listed.get("Contents", ())]

    def body(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body, Metadata=dict(metadata or {}))

    def damage(self, key: str) -> bytes:
        """Cut an object's bytes short, as a failed copy would; its metadata stays."""
        stored = self.s3.get_object(Bucket=BUCKET, Key=key)
        cut: bytes = stored["Body"].read()[:-9]
        self.put(key, cut, stored["Metadata"])
        return cut

    def change_metadata(self, key: str, **changes: str) -> None:
        stored = self.s3.get_object(Bucket=BUCKET, Key=key)
        self.put(key, stored["Body"].read(), stored["Metadata"] | changes)

    def contents(self, prefix: str = "") -> dict[str, bytes]:
        return {key: self.body(key) for key in self.keys(prefix)}

    def versions(self, prefix: str = "") -> list[tuple[str, str]]:
        """Every version of every object: what was ever written."""
        listed = self.s3.list_object_versions(Bucket=BUCKET, Prefix=prefix)
        return [(each["Key"], each["VersionId"]) for each in listed.get("Versions", ())]

    def rows(self, table: str, month: str = MONTH, name: str | None = None) -> list[Row]:
        key = f"lake/{table}/month={month}/{name or table}.parquet"
        rows: list[Row] = self.lake.read(table, [key]).to_pylist()
        return rows


def keep_raw(zones: Zones, key: str, answer: Any, at: datetime = NOW) -> str:
    """Put an answer where the raw zone has it."""
    metadata = {"at": format_time(at), "request": "/v1/made-up"}
    zones.put(key, pack(json.dumps(answer).encode()), metadata)
    return key


def keep_chart(
    zones: Zones, items: Iterable[Any], chart: Mapping[str, str] = NORWAY_CHART, day: str = TODAY
) -> str:
    """Put a chart's answer where Extract keeps it; its key."""
    key = f"raw/charts/spotify/{chart['chart']}/{day}/001/page-01.json.gz"
    at = datetime.fromisoformat(f"{day}T07:00:00+00:00")
    return keep_raw(zones, key, playlist(items, chart["playlist_id"]), at)


def keep_file(
    zones: Zones, body: bytes, chart: str = "daily-NO", day: str = TODAY, at: datetime = NOW
) -> str:
    """Put a chart file where Import keeps it; its key."""
    files = ChartFiles(zones.bucket)
    return files.keep(chart, date.fromisoformat(day), body, at=at, name="chart.csv").text


def transform_file(key: str, *neighbours: str, chart: Mapping[str, str] | None = None) -> Row:
    """Transform a kept chart file; the result."""
    _, _, _, name, day, _ = key.split("/")
    cadence, country = name.split("-")
    named = {"chart": name, "cadence": cadence, "country": country, "country_name": "Norway"}
    event = {
        "chart": dict(chart or named),
        "date": day,
        "file_key": key,
        "neighbour_keys": list(neighbours),
    }
    return invoke("transform", event)


def load_file(key: str) -> Row:
    """Load a chart file that Transform has staged; the result."""
    _, _, _, name, day, file = key.split("/")
    return invoke("load", {"chart": name, "date": day, "file": file.removesuffix(".csv.gz")})


def stage(
    zones: Zones, items: Iterable[Any], chart: Mapping[str, str] = NORWAY_CHART, day: str = TODAY
) -> str:
    """Stage a chart's day by Transform; its staging key."""
    raw_keys = [keep_chart(zones, items, chart, day)]
    invoke("transform", {"chart": chart, "date": day, "raw_keys": raw_keys, "earlier_keys": []})
    return staging_key(chart["chart"], date.fromisoformat(day))


def keep_page(zones: Zones, name: str, at: datetime, rows: Sequence[Any]) -> Row:
    """Put a captured page where Capture keeps it; the event that Derive gets then."""
    key = CaptureKey(ACCOUNT, at, name).text
    keep_raw(zones, key, recently_played(rows), at + timedelta(seconds=2))
    capture = {
        "status": "captured",
        "account": ACCOUNT,
        "captured_at": format_time(at),
        "raw_key": key,
        "requests": {"me/player/recently-played": 1},
    }
    return {"execution": name, "capture": capture}


@cache
def load_app(verb: str) -> ModuleType:
    """A function's module; each is called app, so each is loaded under a name of its own."""
    path = REPO / "functions" / verb / "app.py"
    spec = importlib.util.spec_from_file_location(f"unit_app_{verb}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def invoke(verb: str, event: Any, context: FakeContext | None = None) -> Row:
    """Invoke a function as Lambda does; its result survives JSON."""
    result: Row = load_app(verb).handler(event, context or FakeContext())
    return dict(json.loads(json.dumps(result)))


# A day of the daily machine, function by function.


def outcome(name: str, status: str = "loaded", day: str = TODAY, **more: Any) -> Row:
    """What a chart's branch of the machine ended with."""
    return {"chart": name, "date": day, "status": status} | more


def load(
    zones: Zones,
    items: Iterable[Any],
    chart: Mapping[str, str] = NORWAY_CHART,
    day: str = TODAY,
) -> Row:
    """Stage and load a chart's day; its outcome as the machine has it."""
    stage(zones, items, chart, day)
    loaded = invoke("load", {"chart": chart["chart"], "date": day})
    assert loaded["status"] == "loaded"
    return outcome(chart["chart"], day=day, rows=loaded["rows"], holes=0)


def spend_quota(calls: int, of: int | None = None, at: datetime = NOW) -> None:
    """Nobody but captures may ask now: so many requests were made, 22 hours ago, of a quota that
    is known; without `of` it is spent."""
    table, mine, learned = BudgetTable(BUDGET_TABLE), Budget(CLIENT_ID, OWNER), timedelta(hours=50)
    until, then = at - timedelta(hours=40), at - learned
    taught = -(-(of or calls) * 100 // SAFE)  # of which a little less is asked for
    table.block(mine, until, "QUOTA_EXCEEDED", now=then, uncounted=taught)
    table.count(OWNER, at - timedelta(hours=22), {"albums": calls})


def enrich(day: str = TODAY, requests: Mapping[str, int] | None = None) -> Row:
    return invoke("enrich", {"date": day, "requests": dict(requests or {})})


def publish(*charts: Row, day: str = TODAY, withdrawals: Sequence[Row] = ()) -> Row:
    event = {"date": day, "charts": list(charts), "withdrawals": list(withdrawals)}
    return invoke("publish", event)


def kept_answers(zones: Zones, kind: str = "audio-features") -> list[str]:
    """The keys of the kept answers of one kind; beside some lies what was asked."""
    return [key for key in zones.keys(f"raw/{kind}/") if key.endswith(".json.gz")]


def play_tracks(zones: Zones, at: datetime, *tracks: Row) -> Row:
    """Capture a page of plays, a minute apart from this time on, and derive it; the result."""
    rows = [
        played(0, at + timedelta(minutes=place), track=each) for place, each in enumerate(tracks)
    ]
    end = at + timedelta(hours=1)
    name = f"run-{end:%Y%m%d%H%M%S}"
    derived = invoke("derive", keep_page(zones, name, end, rows[::-1]))
    assert derived["status"] == "captured"
    return derived


def section(start: float = 0.0, **changes: Any) -> Row:
    """A section of an audio analysis."""
    return {
        "start": start,
        "duration": 20.0,
        "confidence": 1.0,
        "loudness": -7.5,
        "tempo": 120.0,
        "tempo_confidence": 0.5,
        "key": 9,
        "mode": 0,
        "time_signature": 4,
    } | changes


def segment(start: float = 0.0, **changes: Any) -> Row:
    """A segment of an audio analysis."""
    return {
        "start": start,
        "duration": 0.25,
        "confidence": 0.5,
        "loudness_start": -20.0,
        "loudness_max": -6.5,
        "loudness_max_time": 0.0625,
        "loudness_end": 0.0,
        "pitches": [number / 11 for number in range(12)],
        "timbre": [40.5, -12.25, *range(10)],
    } | changes


def analysis(duration: float = 60.0) -> Row:
    """An audio analysis of two sections and two segments."""
    return {
        "track": {"duration": duration},
        "sections": [section(0.0), section(duration / 2, loudness=-6.5)],
        "segments": [segment(0.0), segment(0.25)],
    }
