"""spotipy, unmodified, against the local Spotify."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import requests
import spotipy
from requests.adapters import HTTPAdapter
from spotipy.cache_handler import MemoryCacheHandler
from spotipy.oauth2 import SpotifyClientCredentials, SpotifyOauthError

from local.spotify.settings import CLIENT_ID, CLIENT_SECRET
from tests.local.helpers import UNKNOWN_ID, Api

pytestmark = pytest.mark.filterwarnings("ignore:You're using:DeprecationWarning")


class Redirect(HTTPAdapter):
    """Sends what is meant for Spotify to another address."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **rest: Any) -> requests.Response:
        assert request.url is not None
        host = "/".join(request.url.split("/")[:3])
        request.url = request.url.replace(host, self._url, 1)
        return super().send(request, *args, **rest)


@pytest.fixture
def session(small: Api) -> Iterator[requests.Session]:
    with requests.Session() as session:
        for host in ("https://api.spotify.com", "https://accounts.spotify.com"):
            session.mount(host, Redirect(small.url))
        yield session


def _credentials(session: requests.Session, secret: str = CLIENT_SECRET) -> Any:
    return SpotifyClientCredentials(
        CLIENT_ID, secret, requests_session=session, cache_handler=MemoryCacheHandler()
    )


@pytest.fixture
def spotify(session: requests.Session) -> spotipy.Spotify:
    return spotipy.Spotify(auth_manager=_credentials(session), requests_session=session)


def _playlist(api: Api, country: str) -> str:
    return next(c.playlist_id for c in api.control.world.charts if c.country == country)


def test_playlist(spotify: spotipy.Spotify, small: Api) -> None:
    playlist = spotify.playlist(_playlist(small, "NO"))

    assert playlist["name"] == "Top 50 - Norway"
    entries = playlist["tracks"]["items"]
    assert len(entries) == 50
    assert [e["track"] and e["track"]["name"] for e in entries[:4]] == [
        "Song 1",
        None,
        "",
        "Song 3",
    ]


def test_playlist_items_and_next(spotify: spotipy.Spotify, small: Api) -> None:
    page = spotify.playlist_items(_playlist(small, "SE"), limit=30)
    assert [page["total"], len(page["items"])] == [50, 30]

    page = spotify.next(page)
    assert len(page["items"]) == 20
    assert page["items"][-1]["track"]["popularity"] == 80
    assert page["next"] is None
    assert spotify.previous(page)["offset"] == 0


def test_several_of_everything(spotify: spotipy.Spotify) -> None:
    one, four = f"{1:022d}", f"{4:022d}"
    tracks = spotify.tracks([one, four])["tracks"]
    assert [t["id"] for t in tracks] == [one, four]

    albums = spotify.albums([t["album"]["id"] for t in tracks])["albums"]
    assert albums[1]["release_date_precision"] == "month"

    artists = spotify.artists([a["id"] for a in tracks[0]["artists"]])["artists"]
    assert [a["name"] for a in artists] == ["Anna", "Bo", "The Third"]


def test_audio_features_and_analysis(spotify: spotipy.Spotify) -> None:
    one, featureless = f"{1:022d}", f"{5:022d}"

    features = spotify.audio_features([one, featureless])
    assert features[0]["acousticness"] == 2.19e-05
    assert features[1] is None

    sections = spotify.audio_analysis(one)["sections"]
    assert sum(s["duration"] for s in sections) == pytest.approx(201.234)


def test_recently_played_of_a_user(session: requests.Session, small: Api) -> None:
    listener = small.control.world.listeners[0].id
    spotify = spotipy.Spotify(auth=small.token(listener), requests_session=session)

    assert spotify.current_user()["id"] == listener
    page = spotify.current_user_recently_played(limit=50)
    assert len(page["items"]) == 50
    assert spotify.next(page)["items"] == []


def _refused(call: Callable[[], Any]) -> tuple[int, str]:
    """The status of what spotipy raises, and the last line of what it says."""
    with pytest.raises(spotipy.SpotifyException) as caught:
        call()
    return caught.value.http_status, caught.value.msg.splitlines()[-1].strip()


@pytest.mark.parametrize("mode", ["development_2025", "development"])
def test_what_a_development_app_is_refused(
    spotify: spotipy.Spotify, session: requests.Session, small: Api, mode: str
) -> None:
    small.control.set_access(mode=mode)
    one = f"{1:022d}"
    mine, others = small.control.world.listeners[0], small.control.world.listeners[1]
    user = spotipy.Spotify(auth=small.token(mine.id), requests_session=session)

    assert _refused(lambda: spotify.audio_features([one])) == (403, "None")
    assert _refused(lambda: spotify.audio_analysis(one)) == (403, "None")
    for ask in (user.playlist, user.playlist_items):
        assert _refused(partial(ask, _playlist(small, "NO"))) == (404, "Resource not found")

    albums = [spotify.track(one)["album"]["id"]]
    artists = [spotify.album(albums[0])["artists"][0]["id"]]
    assert spotify.artist(artists[0])["name"] == "Anna"
    several = (
        lambda: spotify.tracks([one]),
        lambda: spotify.albums(albums),
        lambda: spotify.artists(artists),
        lambda: user.playlist_items(others.playlist_id),
    )
    if mode == "development":
        assert [_refused(call) for call in several] == [(403, "Forbidden")] * 4
    else:
        assert all(call() for call in several)

    items = user.playlist_items(mine.playlist_id)["items"]
    assert len(items) == 5
    assert ("item" in items[0]) == (mode == "development")
    played = user.current_user_recently_played(limit=50)["items"]
    assert len(played) == 50
    assert ("popularity" in played[0]["track"]) == (mode == "development_2025")
    assert user.current_user()["id"] == mine.id


def test_errors_reach_spotipy(
    spotify: spotipy.Spotify, session: requests.Session, small: Api
) -> None:
    with pytest.raises(spotipy.SpotifyException) as caught:
        spotify.playlist(UNKNOWN_ID)
    assert caught.value.http_status == 404
    assert "Resource not found" in caught.value.msg

    small.control.fault(path="/v1/artists", kind="429", retry_after=7, times=1)
    with pytest.raises(spotipy.SpotifyException) as limited:
        spotify.artist(UNKNOWN_ID)
    assert limited.value.headers["Retry-After"] == "7"

    small.control.set_access(daily_quota=1)
    with pytest.raises(spotipy.SpotifyException) as spent:
        spotify.artist(UNKNOWN_ID)
    assert (spent.value.http_status, spent.value.reason) == (429, "QUOTA_EXCEEDED")
    assert int(spent.value.headers["Retry-After"]) > 80_000

    wrong = spotipy.Spotify(auth_manager=_credentials(session, "wrong"), requests_session=session)
    with pytest.raises(SpotifyOauthError, match="invalid_client"):
        wrong.artist(UNKNOWN_ID)
