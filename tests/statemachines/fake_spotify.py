"""A small made-up Spotify in this process, beside it a ReccoBeats, a kworb.net and a MusicBrainz.

They answer as prepared.

Everything in it is invented. It answers as https://developer.spotify.com/documentation/web-api
describes, for the requests that Soundlake makes, and counts them.
"""

import json
import re
from base64 import b64encode
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, unquote_plus, urlsplit

import responses
from requests import PreparedRequest

from tests.unit.kworb_pages import FakeKworb

API = "https://api.spotify.com/v1"
ACCOUNTS = "https://accounts.spotify.com"
RECCOBEATS_API = "https://api.reccobeats.com/v1"
KWORB_SITE = "https://kworb.net"
MUSICBRAINZ_API = "https://musicbrainz.org/ws/2"
CLIENT_ID = "made-up-client"
CLIENT_SECRET = "made-up-client-secret"
REFRESH_TOKEN = "made-up-refresh-token"
NOW = datetime(2025, 3, 5, 12, 30, tzinfo=UTC)
PLAYED = "me/player/recently-played"
FEATURES = "audio-features"
TRACKS = "tracks"
ALBUMS = "albums"
ARTISTS = "artists"
TOKEN = "api/token"
RECCOBEATS = "reccobeats/audio-features"
MUSICBRAINZ = "musicbrainz"

Reply = tuple[int, dict[str, str], str]


def spotify_id(kind: str, number: int) -> str:
    """An id of Spotify's form: 22 letters and digits."""
    return f"{kind}{number:0{22 - len(kind)}d}"


def track(number: int) -> dict[str, Any]:
    artist = {
        "id": spotify_id("artist", number % 3),
        "name": f"Artist {number % 3}",
        "uri": f"spotify:artist:{spotify_id('artist', number % 3)}",
    }
    album = spotify_id("album", number)
    return {
        "id": spotify_id("track", number),
        "name": f"Track {number}",
        "uri": f"spotify:track:{spotify_id('track', number)}",
        "type": "track",
        "duration_ms": 180_000 + number,
        "explicit": False,
        "popularity": 50,
        "disc_number": 1,
        "track_number": number,
        "artists": [artist],
        "album": {
            "id": album,
            "name": f"Album {number}",
            "uri": f"spotify:album:{album}",
            "album_type": "album",
            "artists": [artist],
            "release_date": "2024-05-17",
            "release_date_precision": "day",
            "total_tracks": 9,
            "images": [{"url": f"https://images.invalid/{number}", "height": 64, "width": 64}],
        },
        "external_ids": {"isrc": f"ZZZZZ00{number:05d}"},
    }


def play(number: int, at: datetime) -> dict[str, Any]:
    played_at = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"track": track(number), "played_at": played_at, "context": None}


def features(track_id: str) -> dict[str, Any]:
    shares = ("danceability", "energy", "speechiness", "acousticness", "liveness", "valence")
    return {
        "id": track_id,
        **dict.fromkeys((*shares, "instrumentalness"), 0.5),
        "key": 7,
        "loudness": -6.5,
        "mode": 1,
        "tempo": 120.0,
        "duration_ms": 180_000,
        "time_signature": 4,
    }


def reccobeats_features(track_id: str) -> dict[str, Any]:
    known = features(track_id)
    del known["id"], known["duration_ms"], known["time_signature"]
    address = f"https://open.spotify.com/track/{track_id}"
    return {"id": "00000000-0000-4000-8000-000000000000", "href": address} | known


def musicbrainz_isrc(isrc: str) -> dict[str, Any]:
    (artist,) = track(int(isrc[-5:]))["artists"]
    found = musicbrainz_artist(artist["name"])
    credited = {"name": found["name"], "joinphrase": "", "artist": found}
    return {"isrc": isrc, "recordings": [{"title": "A recording", "artist-credit": [credited]}]}


def musicbrainz_artist(name: str) -> dict[str, Any]:
    """An artist whose id is the name, as nothing here needs another one."""
    genres = [{"name": "joik", "count": 1}, {"name": "pop", "count": 2}]
    return {"id": name, "name": name, "genres": genres}


def analysis(track_id: str) -> dict[str, Any]:
    part = {"loudness": -7.0, "tempo": 120.0, "key": 7, "mode": 1, "time_signature": 4}
    sound = {"duration": 0.5, "loudness_max": -5.0, "pitches": [0.5] * 12, "timbre": [1.0] * 12}
    return {
        "track": {"duration": 180.0},
        "sections": [part | {"start": start} for start in (0.0, 90.0)],
        "segments": [sound | {"start": start} for start in (0.0, 0.5)],
    }


def looked_up(track_id: str) -> dict[str, Any]:
    return track(int(track_id.removeprefix("track")))


def album(ident: str) -> dict[str, Any]:
    return {"id": ident, "name": "Album", "label": "Label", "external_ids": {"upc": "1"}}


def artist(ident: str) -> dict[str, Any]:
    return {"id": ident, "name": "Artist", "followers": {"total": 1}}


# What is asked for with several ids: the name of the answers' list, and what makes one.
SEVERAL: dict[str, tuple[str, Callable[[str], Any]]] = {
    FEATURES: ("audio_features", features),
    TRACKS: (TRACKS, looked_up),
    ALBUMS: (ALBUMS, album),
    ARTISTS: (ARTISTS, artist),
}


def answer(status: int, body: Any, **headers: str) -> Reply:
    return status, headers, body if isinstance(body, str) else json.dumps(body)


def too_many(retry_after: int) -> Reply:
    error = {"error": {"status": 429, "message": "API rate limit exceeded"}}
    return answer(429, error, **{"Retry-After": str(retry_after)})


def unavailable() -> Reply:
    return answer(503, {"error": {"status": 503, "message": "Service unavailable"}})


def refused(message: str = "Forbidden") -> Reply:
    return answer(403, {"error": {"status": 403, "message": message}})


@dataclass
class FakeSpotify:
    """`next_answers(path, ...)` come first, each once; then what `playlists` and `plays` hold.

    ReccoBeats' path is `RECCOBEATS`; of features, it knows those of all tracks but number 2. All
    that is asked of `kworb` is listed with its host, and of MusicBrainz as `MUSICBRAINZ`, which
    knows every artist by ISRC. Spotify names each artist's `genres`. What is `down` cannot be
    reached: the first part of a path.
    """

    now: datetime = NOW
    client_secret: str = CLIENT_SECRET
    refresh_tokens: set[str] = field(default_factory=lambda: {REFRESH_TOKEN})
    rotate_to: str | None = None
    playlists: dict[str, list[Any]] = field(default_factory=dict)
    plays: list[dict[str, Any]] = field(default_factory=list)
    user: dict[str, str] = field(default_factory=lambda: {"id": "made-up-listener"})
    genres: list[str] = field(default_factory=lambda: ["made up"])
    requests: list[str] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    kworb: FakeKworb = field(init=False)
    _next: dict[str, deque[Reply]] = field(default_factory=lambda: defaultdict(deque))

    def __post_init__(self) -> None:
        self.kworb = FakeKworb(lambda: self.now)
        self.plays = [play(n, self.now - timedelta(minutes=4 * n)) for n in range(1, 6)]

    def next_answers(self, path: str, *replies: Reply) -> None:
        self._next[path] += replies

    def installed(self) -> responses.RequestsMock:
        """The mock that answers while it is entered; other hosts cannot be reached."""
        mock = responses.RequestsMock(assert_all_requests_are_fired=False)
        for base in (API, ACCOUNTS):
            for method in (responses.GET, responses.POST):
                mock.add_callback(method, re.compile(f"{re.escape(base)}/.*"), self._reply)
        mock.add_callback(
            responses.GET, re.compile(f"{re.escape(RECCOBEATS_API)}/.*"), self._reccobeats
        )
        mock.add_callback(
            responses.GET, re.compile(f"{re.escape(KWORB_SITE)}/.*"), self._kworb, content_type=None
        )
        mock.add_callback(
            responses.GET, re.compile(f"{re.escape(MUSICBRAINZ_API)}/.*"), self._musicbrainz
        )
        return mock

    def _waiting(self, path: str) -> deque[Reply]:
        """The answers that come first."""
        if path.partition("/")[0] in self.down:
            return deque([unavailable()])
        return self._next[path]

    def _kworb(self, request: PreparedRequest) -> Any:
        self.requests.append(f"kworb.net{urlsplit(str(request.url)).path}")
        return self.kworb(request)

    def _reccobeats(self, request: PreparedRequest) -> Reply:
        self.requests.append(RECCOBEATS)
        queue = self._waiting(RECCOBEATS)
        ids = parse_qs(urlsplit(str(request.url)).query)["ids"][0].split(",")
        known = [reccobeats_features(each) for each in ids if each != spotify_id("track", 2)]
        status, headers, body = queue.popleft() if queue else answer(200, {"content": known})
        return status, {"Date": format_datetime(self.now, usegmt=True)} | headers, body

    def _musicbrainz(self, request: PreparedRequest) -> Reply:
        self.requests.append(MUSICBRAINZ)
        queue = self._waiting(MUSICBRAINZ)
        path = unquote(urlsplit(str(request.url)).path)
        kind, asked = path.removeprefix("/ws/2/").split("/")
        known = musicbrainz_isrc(asked) if kind == "isrc" else musicbrainz_artist(asked)
        status, headers, body = queue.popleft() if queue else answer(200, known)
        return status, {"Date": format_datetime(self.now, usegmt=True)} | headers, body

    def _reply(self, request: PreparedRequest) -> Reply:
        url = urlsplit(str(request.url))
        path = url.path.removeprefix("/v1").strip("/")
        self.requests.append(path)
        queue = self._waiting(path)
        status, headers, body = queue.popleft() if queue else self._usual(path, request)
        return status, {"Date": format_datetime(self.now, usegmt=True)} | headers, body

    def _usual(  # noqa: PLR0911 - one for each of its addresses
        self, path: str, request: PreparedRequest
    ) -> Reply:
        url = urlsplit(str(request.url))
        if path == TOKEN:
            return self._token(request)
        if path == "me":
            return answer(200, self.user)
        if path == PLAYED:
            return answer(200, {"items": self.plays, "next": None, "limit": 50})
        if path in SEVERAL:
            ids = parse_qs(urlsplit(str(request.url)).query)["ids"][0].split(",")
            name, make = SEVERAL[path]
            named = {"genres": self.genres} if path == ARTISTS else {}
            return answer(200, {name: [make(each) | named for each in ids]})
        named = re.search(r"(?i)track (\d+)", unquote_plus(url.query)) if path == "search" else None
        if named:
            return answer(200, {TRACKS: {"items": [track(int(named[1]))]}})
        kind, _, playlist_id = path.partition("/")
        if kind == "audio-analysis":
            return answer(200, analysis(playlist_id))
        if kind != "playlists" or playlist_id not in self.playlists:
            return answer(404, {"error": {"status": 404, "message": "Resource not found"}})
        tracks = self.playlists[playlist_id]
        items = [{"added_at": "2025-03-05T00:00:00Z", "track": each} for each in tracks]
        page = {"items": items, "next": None, "total": len(items)}
        return answer(200, {"id": playlist_id, "name": "Top 50", "tracks": page})

    def _token(self, request: PreparedRequest) -> Reply:
        form = parse_qs(str(request.body))
        both = f"{CLIENT_ID}:{self.client_secret}".encode()
        expected = f"Basic {b64encode(both).decode()}"
        if request.headers["Authorization"] != expected:
            return answer(400, {"error": "invalid_client"})
        token: dict[str, Any] = {"access_token": "made-up-access-token", "expires_in": 3600}
        if form["grant_type"] == ["authorization_code"]:
            return answer(200, token | {"refresh_token": REFRESH_TOKEN})
        if form["grant_type"] == ["refresh_token"]:
            if form["refresh_token"][0] not in self.refresh_tokens:
                return answer(400, {"error": "invalid_grant"})
            if self.rotate_to:
                self.refresh_tokens = {self.rotate_to}
                token["refresh_token"] = self.rotate_to
        return answer(200, token)
