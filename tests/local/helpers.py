"""What the tests of the local Spotify share: a client, a hand-held time, a small CSV."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from soundlake.sources.keyless import KeylessApi

from local.spotify.control import Control
from local.spotify.server import Running
from local.spotify.settings import CLIENT_ID, CLIENT_SECRET

REPO = Path(__file__).resolve().parents[2]
SHARED = REPO.parent / "shared"
CONTRACT = SHARED / "reference" / "spotify-openapi.yml"
REAL_CHARTS = SHARED / "data" / "charts-2025-02-18.csv"

UNKNOWN_ID = "0" * 22


@dataclass
class Seconds:
    """A monotonic clock that only moves when told to."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Api:
    """A client of a running service; keeps the tokens it asked for."""

    running: Running
    tokens: dict[str | None, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.running.url

    @property
    def control(self) -> Control:
        return self.running.control

    def post_token(self, auth: tuple[str, str] | None = None, **form: str) -> requests.Response:
        auth = auth or (CLIENT_ID, CLIENT_SECRET)
        return requests.post(f"{self.url}/api/token", data=form, auth=auth, timeout=5)

    def token(self, listener: str | None = None) -> str:
        """An access token: the app's own, or a listener's."""
        if listener not in self.tokens:
            if listener is None:
                answer = self.post_token(grant_type="client_credentials")
            else:
                refresh = self.control.tokens.refresh_token(listener)
                assert refresh is not None
                answer = self.post_token(grant_type="refresh_token", refresh_token=refresh)
            assert answer.status_code == 200, answer.text
            self.tokens[listener] = answer.json()["access_token"]
        return self.tokens[listener]

    def get(
        self, path: str, *, listener: str | None = None, bearer: str | None = None, **params: Any
    ) -> requests.Response:
        """GET /v1/`path` as the app, or as a listener, or with a token of the test's choice."""
        token = self.token(listener) if bearer is None else bearer
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.get(f"{self.url}/v1/{path}", params=params, headers=headers, timeout=5)

    def json(self, path: str, *, listener: str | None = None, **params: Any) -> Any:
        """The decoded body of a GET that must succeed."""
        answer = self.get(path, listener=listener, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def call(self, method: str, path: str, **rest: Any) -> requests.Response:
        """A control request."""
        return requests.request(method, f"{self.url}/_control/{path}", timeout=5, **rest)


FEATURES = (
    "danceability",
    "energy",
    "key",
    "loudness",
    "mode",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
    "time_signature",
)
COLUMNS = (
    "spotify_id",
    "name",
    "artists",
    "daily_rank",
    "daily_movement",
    "weekly_movement",
    "country",
    "snapshot_date",
    "popularity",
    "is_explicit",
    "duration_ms",
    "album_name",
    "album_release_date",
    *FEATURES,
)

_PLAIN = {
    "daily_movement": "0",
    "weekly_movement": "0",
    "snapshot_date": "2024-05-06",
    "popularity": "70",
    "is_explicit": "False",
    "duration_ms": "201234",
    "album_name": "An Album",
    "album_release_date": "2024-01-02",
    "danceability": "0.501",
    "energy": "0.7",
    "key": "8",
    "loudness": "-4.22",
    "mode": "1",
    "speechiness": "0.0322",
    "acousticness": "2.19e-05",
    "instrumentalness": "0.0",
    "liveness": "0.152",
    "valence": "0.317",
    "tempo": "146.921",
    "time_signature": "4",
}
_NO_FEATURES = dict.fromkeys(FEATURES, "")


def row(number: int, country: str, rank: int, **changes: str) -> dict[str, str]:
    """One row of a made-up CSV: track `number` at `rank` of a country."""
    own = {
        "spotify_id": f"{number:022d}",
        "name": f"Song {number}",
        "artists": f"Artist {number}",
        "daily_rank": str(rank),
        "country": country,
    }
    return {**_PLAIN, **own, **changes}


def small_rows() -> list[dict[str, str]]:
    """Three charts with every oddity the loader documents; NO lacks rank 2."""
    return [
        row(1, "NO", 1, artists="Anna, Bo, The Third", popularity="81", is_explicit="True"),
        row(2, "NO", 3, name="", album_name="", artists="", album_release_date=""),
        row(3, "NO", 4, time_signature="1", album_release_date="1986"),
        row(4, "NO", 5, album_release_date="1999-07", key="-1", mode="0"),
        row(5, "NO", 6, name="Ünïcode, ツ “quoted”", **_NO_FEATURES),
        # The same track again, with values of this row's own.
        row(1, "", 1, artists="Anna, Bo, The Third", popularity="79", is_explicit="True"),
        row(3, "", 2, time_signature="1", album_release_date="1987", name="Song 3 (again)"),
        row(1, "SE", 50, artists="Anna, Bo, The Third", popularity="80", is_explicit="True"),
    ]


def write_csv(path: Path, rows: Sequence[dict[str, str]], columns: Sequence[str] = COLUMNS) -> Path:
    """Write rows as a CSV file with these columns."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(columns), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


class OneClient:
    """Gives a source the same client whenever it asks; `for_whom` is what it has to ask with."""

    def __init__(self, client: KeylessApi, for_whom: tuple[Any, ...] | None = None) -> None:
        self._client = client
        self._for_whom = for_whom

    def spotify(self) -> Any:
        raise AssertionError("Spotify is not asked here")

    def keyless(self, *given: Any) -> KeylessApi:
        assert self._for_whom in (None, given)
        return self._client
