"""The client: what it asks, what it counts, and a sentence for everything that Spotify refuses."""

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from soundlake.quota import QUOTA_EXCEEDED
from soundlake.sources.web import LONG_WAIT_S, TRIES, Answer
from soundlake.spotify.client import Page, Spotify
from soundlake.spotify.credentials import AppCredentials
from soundlake.spotify.errors import (
    BadAnswerError,
    CredentialsError,
    InvalidClientError,
    InvalidGrantError,
    NoPremiumError,
    NotFoundError,
    NotRegisteredError,
    RateLimitedError,
    RefusedError,
    ReservedError,
    SpotifyError,
    UnavailableError,
)
from soundlake.spotify.models import ALBUMS_PER_REQUEST, ARTISTS_PER_REQUEST, User

from tests.unit.helpers import (
    ACCOUNTS,
    API,
    APP_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    CODE,
    NORWAY,
    NOW,
    REFRESH_TOKEN,
    ROTATED_TOKEN,
    USER_TOKEN,
    FakeSpotify,
    features_of,
    next_page,
    page,
    playlist,
    track,
    track_id,
)

PLAYLIST = f"/v1/playlists/{NORWAY}"
FEATURES = "/v1/audio-features"
PLAYS = "/v1/me/player/recently-played"
TOKEN = "/api/token"
CREDENTIALS = AppCredentials(CLIENT_ID, CLIENT_SECRET)


@pytest.fixture
def spotify(web: FakeSpotify) -> FakeSpotify:
    """The client needs no AWS."""
    return web


@pytest.fixture
def client(spotify: FakeSpotify) -> Spotify:
    return Spotify(CREDENTIALS, api_url=API, accounts_url=ACCOUNTS)


# What is asked.


def test_a_playlist_is_asked_with_the_apps_own_token(client: Spotify, spotify: FakeSpotify) -> None:
    spotify.playlists[NORWAY] = [playlist([track(1)])]

    answer = client.playlist(NORWAY)

    assert answer.json == playlist([track(1)])
    assert json.loads(answer.body) == answer.json
    assert answer.request == PLAYLIST
    assert spotify.asked == [f"POST {TOKEN}", f"GET {PLAYLIST}"]
    assert spotify.requests[0].body == "grant_type=client_credentials"
    assert spotify.requests[1].headers["Authorization"] == f"Bearer {APP_TOKEN}"
    assert spotify.requests[1].headers["User-Agent"] == "Soundlake/1"


def test_an_answer_is_kept_byte_for_byte(client: Spotify, spotify: FakeSpotify) -> None:
    body = b'{ "id" : "x",\n  "name":"\xc3\x98" }'
    spotify.reply(PLAYLIST, body=body)

    answer = client.playlist(NORWAY)

    assert answer.body == body
    assert answer.json == {"id": "x", "name": "\u00d8"}


def test_features_are_asked_in_one_request(client: Spotify, spotify: FakeSpotify) -> None:
    ids = [track_id(number) for number in range(100)]
    spotify.features = {ids[1]: features_of(ids[1])}

    answer = client.audio_features(ids)

    assert spotify.batches == [ids]
    assert answer.json["audio_features"][1]["id"] == ids[1]
    assert answer.request.startswith(f"{FEATURES}?ids={ids[0]}")


@pytest.mark.parametrize("count", [0, 101])
def test_features_of_none_or_too_many_are_not_asked(
    count: int, client: Spotify, spotify: FakeSpotify
) -> None:
    with pytest.raises(ValueError, match=rf"^1 to 100 ids a request, not {count}$"):
        client.audio_features([track_id(number) for number in range(count)])

    assert spotify.asked == []


ALBUMS = "/v1/albums"
ARTISTS = "/v1/artists"


@pytest.mark.parametrize(
    ("ask", "path", "most"),
    [(Spotify.albums, ALBUMS, ALBUMS_PER_REQUEST), (Spotify.artists, ARTISTS, ARTISTS_PER_REQUEST)],
)
def test_albums_and_artists_are_asked_in_one_request(
    ask: Callable[[Spotify, list[str]], Answer],
    path: str,
    most: int,
    client: Spotify,
    spotify: FakeSpotify,
) -> None:
    ids = [track_id(number) for number in range(most)]
    spotify.reply(path, body={"made": "up"})

    answer = ask(client, ids)

    assert answer.json == {"made": "up"}
    assert answer.at == NOW
    query = parse_qs(urlsplit(str(spotify.requests[-1].url)).query)
    assert query == {"ids": [",".join(ids)]}
    assert spotify.api_requests() == [f"GET {path}"]
    assert client.requests[path.removeprefix("/v1/")] == 1
    for count in (0, most + 1):
        with pytest.raises(ValueError, match=rf"^1 to {most} ids a request, not {count}$"):
            ask(client, [track_id(number) for number in range(count)])
    assert len(spotify.api_requests()) == 1


def test_the_limits_of_albums_and_artists_are_spotifys() -> None:
    assert (ALBUMS_PER_REQUEST, ARTISTS_PER_REQUEST) == (20, 50)


def test_an_analysis_is_asked_by_its_track(client: Spotify, spotify: FakeSpotify) -> None:
    spotify.reply(f"/v1/audio-analysis/{track_id(1)}", body={"sections": []})

    answer = client.audio_analysis(track_id(1))

    assert answer.json == {"sections": []}
    assert client.requests["audio-analysis/{id}"] == 1
    with pytest.raises(NotFoundError):
        client.audio_analysis(track_id(2))
    assert client.requests["audio-analysis/{id}"] == 2


def test_recently_played_asks_for_the_whole_page_without_a_cursor(
    client: Spotify, spotify: FakeSpotify
) -> None:
    client.recently_played(USER_TOKEN)

    (request,) = spotify.requests
    assert parse_qs(urlsplit(str(request.url)).query) == {"limit": ["50"]}
    assert request.headers["Authorization"] == f"Bearer {USER_TOKEN}"


def test_the_next_page_is_asked_at_its_own_address(client: Spotify, spotify: FakeSpotify) -> None:
    spotify.playlists[NORWAY] = [playlist([track(1)]), page([track(2)])]

    answer = client.page(next_page(2))

    assert answer.json == page([track(2)])
    assert answer.request == f"{PLAYLIST}/items?page=2"


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.test/v1/playlists/x",
        "https://api.spotify.test.elsewhere.test/v1/x",
        "https://api.spotify.test/v10/x",
        "http://api.spotify.test/v1/x",
        "file:///etc/hosts",
        "",
    ],
)
def test_a_next_page_outside_spotifys_api_is_not_asked(
    url: str, client: Spotify, spotify: FakeSpotify
) -> None:
    with pytest.raises(BadAnswerError) as refused:
        client.page(url)

    assert str(refused.value) == "the answer's next page lies outside Spotify's API"
    assert spotify.asked == []


def test_a_slash_at_the_end_of_an_address_does_not_matter(spotify: FakeSpotify) -> None:
    spotify.playlists[NORWAY] = [playlist([])]
    client = Spotify(CREDENTIALS, api_url=f"{API}/", accounts_url=f"{ACCOUNTS}/")

    client.playlist(NORWAY)

    assert spotify.asked == [f"POST {TOKEN}", f"GET {PLAYLIST}"]


# Tokens.


def test_a_token_is_used_until_it_nears_its_end(client: Spotify, spotify: FakeSpotify) -> None:
    spotify.playlists[NORWAY] = [playlist([])]

    client.playlist(NORWAY)
    spotify.pass_time(seconds=3600 - 60 - 1)
    client.playlist(NORWAY)
    asked_before = spotify.asked.count(f"POST {TOKEN}")
    spotify.pass_time(seconds=1)
    client.playlist(NORWAY)

    assert asked_before == 1
    assert spotify.asked.count(f"POST {TOKEN}") == 2


def test_a_token_that_lives_shorter_than_the_margin_is_used_once(
    client: Spotify, spotify: FakeSpotify
) -> None:
    spotify.playlists[NORWAY] = [playlist([])]
    spotify.reply(TOKEN, body={"access_token": APP_TOKEN, "expires_in": 30})

    client.playlist(NORWAY)
    client.playlist(NORWAY)

    assert spotify.asked.count(f"POST {TOKEN}") == 2


def test_a_users_token_comes_for_the_refresh_token(client: Spotify, spotify: FakeSpotify) -> None:
    token = client.user_token(REFRESH_TOKEN)

    assert (token.access_token, token.refresh_token) == (USER_TOKEN, None)
    assert parse_qs(str(spotify.requests[0].body)) == {
        "grant_type": ["refresh_token"],
        "refresh_token": [REFRESH_TOKEN],
    }


def test_a_rotated_refresh_token_is_handed_back(client: Spotify, spotify: FakeSpotify) -> None:
    spotify.rotates_to = ROTATED_TOKEN

    assert client.user_token(REFRESH_TOKEN).refresh_token == ROTATED_TOKEN


def test_a_users_token_does_not_take_the_place_of_the_apps(
    client: Spotify, spotify: FakeSpotify
) -> None:
    spotify.playlists[NORWAY] = [playlist([])]

    client.user_token(REFRESH_TOKEN)
    client.playlist(NORWAY)

    assert spotify.requests[-1].headers["Authorization"] == f"Bearer {APP_TOKEN}"


# Time.


def at_another_clock(by: timedelta) -> Spotify:
    return Spotify(
        CREDENTIALS, api_url=API, accounts_url=ACCOUNTS, clock=lambda: NOW + by, backoff_s=0
    )


@pytest.mark.parametrize("by", [timedelta(days=3), timedelta(hours=-7), timedelta(0)])
def test_an_answer_carries_spotifys_time_and_not_this_machines(
    by: timedelta, spotify: FakeSpotify
) -> None:
    spotify.playlists[NORWAY] = [playlist([])]
    client = at_another_clock(by)

    assert client.playlist(NORWAY).at == NOW
    assert client.now() == NOW


def test_an_answers_time_is_its_headers_however_long_it_takes_to_read(
    spotify: FakeSpotify,
) -> None:
    spotify.playlists[NORWAY] = [playlist([])]
    passed = itertools.count()
    client = Spotify(
        CREDENTIALS,
        api_url=API,
        accounts_url=ACCOUNTS,
        clock=lambda: NOW + timedelta(milliseconds=next(passed)),
    )

    assert client.playlist(NORWAY).at == NOW


def test_asking_for_the_time_costs_no_request_of_the_api(
    client: Spotify, spotify: FakeSpotify
) -> None:
    assert client.now() == NOW
    assert client.now() == NOW

    assert spotify.asked == [f"POST {TOKEN}"]


def test_spotifys_time_goes_on_between_answers(client: Spotify, spotify: FakeSpotify) -> None:
    client.now()

    spotify.pass_time(hours=1)

    assert client.now() == NOW + timedelta(hours=1)


def test_a_refusal_brings_the_time_too(spotify: FakeSpotify) -> None:
    client = at_another_clock(timedelta(days=3))

    with pytest.raises(NotFoundError):
        client.playlist(NORWAY)

    assert client.now() == NOW


def test_the_time_as_far_as_it_is_known_is_never_asked_for(spotify: FakeSpotify) -> None:
    client = at_another_clock(timedelta(days=3))

    assert client.known_time() == NOW + timedelta(days=3)
    assert spotify.asked == []
    client.app_token()
    assert client.known_time() == NOW
    assert spotify.asked == [f"POST {TOKEN}"]


# A long wait.


def blocked(client: Spotify, spotify: FakeSpotify, seconds: int) -> None:
    spotify.reply(PLAYLIST, 429, {}, {"Retry-After": str(seconds)})
    with pytest.raises(RateLimitedError):
        client.playlist(NORWAY)


def test_a_long_wait_is_kept_to_without_a_request(client: Spotify, spotify: FakeSpotify) -> None:
    blocked(client, spotify, 7200)
    asked, counted = list(spotify.asked), dict(client.requests)

    for ask in (
        lambda: client.playlist(NORWAY),
        lambda: client.page(next_page(2)),
        lambda: client.audio_features([track_id(1)]),
        lambda: client.recently_played(USER_TOKEN),
    ):
        with pytest.raises(RateLimitedError) as refused:
            ask()
        assert refused.value.retry_after == 7200

    assert (spotify.asked, client.requests) == (asked, counted)


def test_what_is_left_of_a_long_wait_is_told_in_whole_seconds(
    client: Spotify, spotify: FakeSpotify
) -> None:
    blocked(client, spotify, 301)

    for passed, left in ((100, 201), (200.5, 1)):
        spotify.pass_time(seconds=passed)
        with pytest.raises(RateLimitedError, match=rf"wait {left} s\.$"):
            client.playlist(NORWAY)

    assert spotify.api_requests() == [f"GET {PLAYLIST}"]


def test_no_token_is_asked_for_during_a_long_wait(client: Spotify, spotify: FakeSpotify) -> None:
    blocked(client, spotify, 86400)
    asked = list(spotify.asked)
    spotify.pass_time(hours=2)  # the token has ended

    with pytest.raises(RateLimitedError):
        client.playlist(NORWAY)

    assert client.now() == NOW + timedelta(hours=2)
    assert spotify.asked == asked


def test_after_a_long_wait_spotify_is_asked_again(client: Spotify, spotify: FakeSpotify) -> None:
    spotify.playlists[NORWAY] = [playlist([])]
    blocked(client, spotify, 301)

    spotify.pass_time(seconds=301)

    assert client.playlist(NORWAY).json == playlist([])
    client.playlist(NORWAY)
    assert spotify.api_requests() == [f"GET {PLAYLIST}"] * 3


@pytest.mark.parametrize("seconds", [1, 30, LONG_WAIT_S])
def test_a_wait_that_a_run_sits_out_is_not_remembered(
    seconds: int, client: Spotify, spotify: FakeSpotify
) -> None:
    spotify.playlists[NORWAY] = [playlist([])]
    blocked(client, spotify, seconds)

    assert client.playlist(NORWAY).json == playlist([])


# Refusals.


@pytest.mark.parametrize("path", [TOKEN, PLAYLIST])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("86400", 86400),
        ("0", 1),
        (None, 30),
        ("", 30),
        ("soon", 30),
        ("1.5", 30),
        ("-3", 30),
        ("9" * 15, 30),
        ("9" * 5_000, 30),
        ("Sat, 21 Nov 2026 09:19:00 GMT", 30),
    ],
)
def test_a_rate_limit_is_handed_back_with_its_seconds(
    path: str, header: str | None, seconds: int, client: Spotify, spotify: FakeSpotify
) -> None:
    headers = {"Retry-After": header} if header is not None else {}
    spotify.reply(path, 429, {"error": {"status": 429, "message": "Too many"}}, headers)

    with pytest.raises(RateLimitedError) as refused:
        client.playlist(NORWAY)

    assert refused.value.retry_after == seconds
    assert str(refused.value) == f"Spotify's rate limit: wait {seconds} s."
    assert spotify.asked.count(f"GET {PLAYLIST}") == (path == PLAYLIST)


def test_a_superscript_is_no_number_of_seconds(client: Spotify, spotify: FakeSpotify) -> None:
    spotify.reply(PLAYLIST, 429, {}, {"Retry-After": "\u00b2"})

    with pytest.raises(RateLimitedError) as refused:
        client.playlist(NORWAY)

    assert refused.value.retry_after == 30


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_request_is_told_with_spotifys_words(
    status: int, client: Spotify, spotify: FakeSpotify
) -> None:
    for _ in range(2):  # a 401 is believed when a new token is refused too
        spotify.reply(FEATURES, status, {"error": {"status": status, "message": "Not for you."}})

    with pytest.raises(RefusedError) as refused:
        client.audio_features([track_id(1)])

    assert str(refused.value) == (
        f"Spotify refused {FEATURES} with {status}: Not for you. "
        "See what the app may do at https://developer.spotify.com/dashboard."
    )


def test_a_token_that_spotify_no_longer_takes_is_replaced_once(
    client: Spotify, spotify: FakeSpotify
) -> None:
    client.app_token()
    spotify.reply(FEATURES, 401, {"error": {"status": 401, "message": "The access token expired"}})

    answer = client.audio_features([track_id(1)])

    assert len(answer.json["audio_features"]) == 1
    assert client.requests == {"api/token": 2, "audio-features": 2}


def test_a_missing_playlist_is_told(client: Spotify) -> None:
    with pytest.raises(NotFoundError) as refused:
        client.playlist(NORWAY)

    assert str(refused.value) == (
        f"Spotify answers 404 for {PLAYLIST}: it does not exist, or it is withheld from "
        "this app, as Spotify's own charts are from apps made after 2024-11-27."
    )


def test_a_404_brings_the_answer_that_there_is_nothing(
    client: Spotify, spotify: FakeSpotify
) -> None:
    path = f"/v1/audio-analysis/{track_id(1)}"
    body = b'{ "error": {"status": 404, "message": "analysis not found"} }'
    spotify.reply(path, 404, body)

    with pytest.raises(NotFoundError) as refused:
        client.audio_analysis(track_id(1))

    assert refused.value.answer == Answer(body, json.loads(body), NOW, path)


@pytest.mark.parametrize("body", [b"", b"<html></html>"])
def test_a_404_that_is_not_json_brings_no_answer(
    body: bytes, client: Spotify, spotify: FakeSpotify
) -> None:
    spotify.reply(PLAYLIST, 404, body)

    with pytest.raises(NotFoundError) as refused:
        client.playlist(NORWAY)

    assert refused.value.answer is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"status": 400, "message": "Bad id"}}, "Bad id"),
        ({"error": "invalid_request", "error_description": "x"}, "invalid_request"),
        ({"error": {}}, "no reason given"),
        ({}, "no reason given"),
        ([], "no reason given"),
        (b"<html>Bad gateway</html>", "no reason given"),
        (b"", "no reason given"),
        (b"[" * 200_000, "no reason given"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_any_other_status_is_told_with_spotifys_words(
    body: Any, words: str, client: Spotify, spotify: FakeSpotify
) -> None:
    spotify.reply(PLAYLIST, 400, body)

    with pytest.raises(SpotifyError) as refused:
        client.playlist(NORWAY)

    assert str(refused.value) == f"Spotify answered 400 for {PLAYLIST}: {words}."


def test_a_redirect_is_not_followed(client: Spotify, spotify: FakeSpotify) -> None:
    spotify.reply(PLAYLIST, 302, {}, {"Location": f"{API}/elsewhere"})

    with pytest.raises(SpotifyError) as refused:
        client.playlist(NORWAY)

    assert str(refused.value) == f"Spotify answered 302 for {PLAYLIST}: no reason given."
    assert spotify.asked[-1] == f"GET {PLAYLIST}"


UNDECODABLE = {
    "nothing": b"",
    "a page": b"<html></html>",
    "cut off": b'{"id": "x"',
    "no text": b"\xff\xfe\x00",
    "too deep": b"[" * 200_000,
    "too long a number": b'{"id": ' + b"9" * 5_000 + b"}",
}


@pytest.mark.parametrize("body", UNDECODABLE.values(), ids=UNDECODABLE)
def test_an_answer_that_is_not_json_is_told(
    body: bytes, client: Spotify, spotify: FakeSpotify
) -> None:
    spotify.reply(PLAYLIST, 200, body)

    with pytest.raises(BadAnswerError) as refused:
        client.playlist(NORWAY)

    assert str(refused.value) == f"{PLAYLIST}: the answer is not JSON"


def test_a_wrong_client_is_told(spotify: FakeSpotify) -> None:
    wrong = Spotify(AppCredentials(CLIENT_ID, "another secret"), api_url=API, accounts_url=ACCOUNTS)

    with pytest.raises(CredentialsError) as refused:
        wrong.playlist(NORWAY)

    assert str(refused.value) == (
        "Spotify does not know this client id and secret; "
        "write the right ones with ./soundlake app."
    )


def test_an_ended_consent_is_told(client: Spotify) -> None:
    with pytest.raises(CredentialsError) as refused:
        client.user_token("a token of long ago")

    assert str(refused.value) == (
        "Spotify no longer accepts this account's refresh token (consent ends after six "
        "months, or was withdrawn); agree again with ./soundlake connect."
    )


@pytest.mark.parametrize(
    ("body", "words"), [({"error": "unsupported"}, "unsupported"), (b"x", "no reason given")]
)
def test_any_other_refusal_of_a_token_is_told(
    body: Any, words: str, client: Spotify, spotify: FakeSpotify
) -> None:
    spotify.reply(TOKEN, 400, body)

    with pytest.raises(CredentialsError) as refused:
        client.app_token()

    assert str(refused.value) == f"Spotify refused to give a token: {words}."


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError("refused"),
        requests.ReadTimeout("slow"),
        requests.exceptions.ChunkedEncodingError("cut off"),
        requests.exceptions.SSLError("certificate"),
    ],
)
def test_a_broken_connection_is_told(
    error: Exception, client: Spotify, spotify: FakeSpotify
) -> None:
    client.app_token()
    for _ in range(TRIES):  # an answer that breaks off is asked for again here, not by urllib3
        spotify.reply(PLAYLIST, error=error)

    with pytest.raises(UnavailableError) as refused:
        client.playlist(NORWAY)

    assert str(refused.value) == (
        "Spotify could not be reached at api.spotify.test for playlists/{id} "
        f"({type(error).__name__})."
    )
    assert refused.value.retry_after == 60
    assert client.requests["playlists/{id}"] == TRIES


def test_an_answer_that_breaks_off_is_asked_for_again(
    client: Spotify, spotify: FakeSpotify
) -> None:
    client.app_token()
    spotify.reply(FEATURES, error=requests.exceptions.ChunkedEncodingError("cut off"))

    assert len(client.audio_features([track_id(1)]).json["audio_features"]) == 1
    assert client.requests["audio-features"] == 2


# Counting.


def test_requests_are_counted_by_endpoint(client: Spotify, spotify: FakeSpotify) -> None:
    spotify.playlists[NORWAY] = [playlist([]), page([])]

    client.playlist(NORWAY)
    client.page(next_page(2))
    client.audio_features([track_id(1)])
    client.audio_features([track_id(2)])
    client.recently_played(client.user_token(REFRESH_TOKEN).access_token)

    assert client.requests == {
        "api/token": 2,
        "playlists/{id}": 1,
        "playlists/{id}/items": 1,
        "audio-features": 2,
        "me/player/recently-played": 1,
    }


def test_a_refused_request_counts(client: Spotify, spotify: FakeSpotify) -> None:
    spotify.reply(PLAYLIST, 429, {})

    for _ in range(2):
        with pytest.raises(SpotifyError):
            client.playlist(NORWAY)

    assert client.requests["playlists/{id}"] == 2


# Secrets.


def test_credentials_do_not_show_their_secret() -> None:
    assert repr(CREDENTIALS) == f"AppCredentials(client_id='{CLIENT_ID}')"
    assert CLIENT_SECRET not in f"{CREDENTIALS} {[CREDENTIALS]}"


# Tries: against a server of this process, because urllib3 does the retrying.


CUT_OFF = -200


@dataclass
class Failing:
    """A server that answers with the planned statuses and then 200.

    None is a cut connection, and CUT_OFF a 200 whose body breaks off.
    """

    url: str
    statuses: list[int | None] = field(default_factory=list)
    asked: int = 0


@pytest.fixture
def failing() -> Iterator[Failing]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.asked += 1
            status = state.statuses.pop(0) if state.statuses else 200
            if status is None:
                self.close_connection = True
                return
            body = b'{"items": []}' if status == 200 else b'{"error": {"message": "Broken"}}'
            self.send_response_only(abs(status))
            self.send_header("Date", format_datetime(NOW, usegmt=True))
            self.send_header("Retry-After", "3600")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:5] if status == CUT_OFF else body)
            self.close_connection = status == CUT_OFF

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    class Server(ThreadingMixIn, TCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        state = Failing(f"http://127.0.0.1:{server.server_address[1]}/v1")
        thread = threading.Thread(target=server.serve_forever, args=(0.005,))
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture
def retrying(failing: Failing) -> Callable[[], Spotify]:
    def make() -> Spotify:
        return Spotify(CREDENTIALS, api_url=failing.url, accounts_url=ACCOUNTS, backoff_s=0)

    return make


ENDPOINT = "me/player/recently-played"


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize(
    "statuses",
    [
        [],
        [500],
        [502, 503],
        [504, 500],
        [None],
        [None, 500],
        [None, None],
        [CUT_OFF],
        [503, CUT_OFF],
        [CUT_OFF, None],
    ],
)
def test_a_passing_failure_is_tried_again_and_counted(
    statuses: list[int | None], failing: Failing, retrying: Callable[[], Spotify]
) -> None:
    failing.statuses = list(statuses)
    client = retrying()

    answer = client.recently_played(USER_TOKEN)

    assert answer.json == {"items": []}
    assert answer.at.replace(microsecond=0) == NOW
    assert failing.asked == len(statuses) + 1
    assert client.requests == {ENDPOINT: len(statuses) + 1}


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_lasting_server_error_is_asked_three_times_in_all(
    status: int, failing: Failing, retrying: Callable[[], Spotify]
) -> None:
    failing.statuses = [status] * 9
    client = retrying()

    with pytest.raises(SpotifyError) as refused:
        client.recently_played(USER_TOKEN)

    assert str(refused.value) == f"Spotify answered {status} for {PLAYS}: Broken."
    assert failing.asked == 3
    assert client.requests == {ENDPOINT: 3}


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize(
    "statuses",
    [
        [503, 503, CUT_OFF],
        [CUT_OFF, 503, CUT_OFF],
        [503, CUT_OFF, None],
        [CUT_OFF, CUT_OFF, 503],
        [None, CUT_OFF, CUT_OFF],
    ],
)
def test_whatever_fails_after_the_other_is_tried_three_times_in_all(
    statuses: list[int | None], failing: Failing, retrying: Callable[[], Spotify]
) -> None:
    failing.statuses = [*statuses, 503, 503]
    client = retrying()

    with pytest.raises(UnavailableError):
        client.recently_played(USER_TOKEN)

    assert failing.asked == 3
    assert client.requests == {ENDPOINT: 3}


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_lasting_break_is_tried_three_times_in_all(
    failing: Failing, retrying: Callable[[], Spotify]
) -> None:
    failing.statuses = [None] * 9
    client = retrying()

    with pytest.raises(SpotifyError, match=r"^Spotify could not be reached at 127\.0\.0\.1:"):
        client.recently_played(USER_TOKEN)

    assert failing.asked == 3
    assert client.requests == {ENDPOINT: 3}


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 501])
def test_a_decision_is_not_asked_again(
    status: int, failing: Failing, retrying: Callable[[], Spotify]
) -> None:
    failing.statuses = [status]
    client = retrying()

    with pytest.raises(SpotifyError):
        client.recently_played(USER_TOKEN)

    assert failing.asked == 1
    assert client.requests == {ENDPOINT: 1}


def test_an_unreadable_date_is_no_crash(client: Spotify, spotify: FakeSpotify) -> None:
    spotify.reply(TOKEN, 200, {"access_token": APP_TOKEN, "expires_in": 3600}, {"Date": "now"})

    client.app_token()

    assert client.now() == NOW


def test_times_are_aware(client: Spotify) -> None:
    assert client.now().tzinfo is UTC
    assert isinstance(client.now(), datetime)


# A long wait, which no run sits out.

LONG = {"Retry-After": "7200"}


def test_a_long_wait_is_kept_even_where_the_token_ends_meanwhile(
    client: Spotify, spotify: FakeSpotify
) -> None:
    spotify.playlists[NORWAY] = [playlist([])]
    spotify.reply(PLAYLIST, 429, {}, LONG)
    with pytest.raises(RateLimitedError):
        client.playlist(NORWAY)
    asked = list(spotify.asked)
    spotify.pass_time(seconds=3600)

    with pytest.raises(RateLimitedError) as refused:
        client.playlist(NORWAY)

    assert refused.value.retry_after == 3600
    assert spotify.asked == asked
    spotify.pass_time(seconds=3600)
    assert client.playlist(NORWAY).json == playlist([])


def test_a_long_wait_for_a_token_is_kept_too(client: Spotify, spotify: FakeSpotify) -> None:
    spotify.reply(TOKEN, 429, {}, LONG)
    with pytest.raises(RateLimitedError):
        client.now()

    with pytest.raises(RateLimitedError) as refused:
        client.playlist(NORWAY)

    assert refused.value.retry_after == 7200
    assert spotify.asked == [f"POST {TOKEN}"]


# Users and their consent.

REDIRECT = "http://127.0.0.1:4591/callback"


def test_a_code_is_exchanged_with_its_address(client: Spotify, web: FakeSpotify) -> None:
    token = client.exchange(CODE, REDIRECT)

    assert (token.access_token, token.refresh_token) == (USER_TOKEN, REFRESH_TOKEN)
    assert parse_qs(str(web.requests[0].body)) == {
        "grant_type": ["authorization_code"],
        "code": [CODE],
        "redirect_uri": [REDIRECT],
    }
    assert str(web.requests[0].headers["Authorization"]).startswith("Basic ")


def test_a_verifier_goes_with_the_code(client: Spotify, web: FakeSpotify) -> None:
    client.exchange(CODE, REDIRECT, "a verifier")

    assert parse_qs(str(web.requests[0].body))["code_verifier"] == ["a verifier"]


def test_without_a_secret_the_client_names_itself_alone(web: FakeSpotify) -> None:
    public = Spotify(AppCredentials(CLIENT_ID, ""), api_url=API, accounts_url=ACCOUNTS)

    public.exchange(CODE, REDIRECT, "a verifier")
    public.user_token(REFRESH_TOKEN)

    for request in web.requests:
        assert "Authorization" not in request.headers
        assert parse_qs(str(request.body))["client_id"] == [CLIENT_ID]


def test_a_code_that_is_not_taken_is_told(client: Spotify) -> None:
    with pytest.raises(InvalidGrantError) as refused:
        client.exchange("a code of long ago", REDIRECT)

    assert str(refused.value) == (
        "Spotify does not take this consent's code (it works once, within ten minutes); "
        "agree again with ./soundlake connect."
    )


def test_a_user_is_known_by_id_and_perhaps_by_name(client: Spotify, web: FakeSpotify) -> None:
    assert client.me(USER_TOKEN).display_name == "Solveig"

    web.user = {"id": "solveig"}
    assert client.me(USER_TOKEN) == User(id="solveig")

    web.user = {"display_name": "Nobody"}
    with pytest.raises(BadAnswerError, match="/v1/me: id: "):
        client.me(USER_TOKEN)


@pytest.mark.parametrize("status", [400, 401])
def test_an_unknown_client_is_told_apart(status: int, client: Spotify, web: FakeSpotify) -> None:
    web.reply("/api/token", status, {"error": "invalid_client"})

    with pytest.raises(InvalidClientError):
        client.user_token(REFRESH_TOKEN)

    assert client.refused


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("User not registered in the Developer Dashboard", NotRegisteredError),
        ("Check settings, the user may not be registered.", NotRegisteredError),
        ("Active premium subscription required for the owner of the app.", NoPremiumError),
        ("Forbidden", RefusedError),
    ],
)
@pytest.mark.parametrize("plain", [True, False])
def test_a_403_says_why_in_json_or_plain_text(
    body: str, kind: type[RefusedError], plain: bool, client: Spotify, web: FakeSpotify
) -> None:
    sent = body.encode() if plain else {"error": {"status": 403, "message": body}}
    web.reply("/v1/me", 403, sent)

    with pytest.raises(RefusedError) as refused:
        client.me(USER_TOKEN)

    assert type(refused.value) is kind
    assert str(refused.value).startswith(f"Spotify refused /v1/me with 403: {body.rstrip('.')}. ")


def test_a_page_of_html_is_no_reason(client: Spotify, web: FakeSpotify) -> None:
    web.reply("/v1/me", 403, b"<html>not registered, premium</html>")

    with pytest.raises(RefusedError) as refused:
        client.me(USER_TOKEN)

    assert type(refused.value) is RefusedError
    assert "no reason given" in str(refused.value)


# Long waits.


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": {"status": 429, "reason": "SLOW_DOWN"}}, "SLOW_DOWN"),
        ({"error": {"status": 429}}, None),
        ({"error": "slow down"}, None),
        ([], None),
        (b"slow down", None),
    ],
)
def test_a_long_wait_is_told_with_its_reason(
    body: Any, reason: str | None, web: FakeSpotify
) -> None:
    told: list[Any] = []
    client = Spotify(
        AppCredentials(CLIENT_ID, CLIENT_SECRET),
        api_url=API,
        accounts_url=ACCOUNTS,
        told=lambda until, why: told.append((until, why)),
    )
    for seconds in (LONG_WAIT_S, LONG_WAIT_S + 1):
        web.reply("/v1/me", 429, body, {"Retry-After": str(seconds)})
        with pytest.raises(RateLimitedError):
            client.me(USER_TOKEN)

    assert told == [(NOW + timedelta(seconds=LONG_WAIT_S + 1), reason)]


def test_a_spent_quota_is_told_however_short_its_wait(web: FakeSpotify) -> None:
    told: list[Any] = []
    client = Spotify(
        AppCredentials(CLIENT_ID, CLIENT_SECRET),
        api_url=API,
        accounts_url=ACCOUNTS,
        told=lambda until, why: told.append((until, why)),
    )
    body = {"error": {"status": 429, "reason": QUOTA_EXCEEDED}}
    web.reply("/v1/me", 429, body, {"Retry-After": "7"})

    with pytest.raises(RateLimitedError):
        client.me(USER_TOKEN)
    with pytest.raises(RateLimitedError) as held:
        client.me(USER_TOKEN)

    assert told == [(NOW + timedelta(seconds=7), QUOTA_EXCEEDED)]
    assert (held.value.retry_after, web.asked.count("GET /v1/me")) == (7, 1)


class Draws:
    """Pages of requests, until none is left; `until` is what others were told."""

    def __init__(self, *pages: Page) -> None:
        self.pages = list(pages)
        self.asked = 0
        self.until: datetime | None = None

    def __call__(self) -> Page:
        self.asked += 1
        if not self.pages:
            raise ReservedError("Captures need the rest.")
        return self.pages.pop(0)

    def blocked_until(self) -> datetime | None:
        return self.until


def drawing(web: FakeSpotify, draws: Draws, slept: list[float] | None = None) -> Spotify:
    """A client that has its token, and draws from now on."""

    def sleep(seconds: float) -> None:
        (slept if slept is not None else []).append(seconds)
        web.pass_time(seconds=seconds)

    client = Spotify(
        CREDENTIALS,
        api_url=API,
        accounts_url=ACCOUNTS,
        blocked_until=draws.blocked_until,
        sleep=sleep,
    )
    client.begin(draws)
    return client


def test_beyond_what_was_drawn_the_next_page_is_drawn_until_none_is_left(web: FakeSpotify) -> None:
    draws = Draws(Page(2), Page(1))
    client = drawing(web, draws)

    for _ in range(3):
        client.me(USER_TOKEN)
    with pytest.raises(ReservedError, match=r"^Captures need the rest\.$") as held:
        client.me(USER_TOKEN)

    assert held.value.retry_after > LONG_WAIT_S
    assert (web.asked, draws.asked) == (["GET /v1/me"] * 3, 3)


def test_nothing_is_drawn_before_something_is_asked(web: FakeSpotify) -> None:
    draws = Draws()
    drawing(web, draws)

    assert draws.asked == 0


def test_where_nothing_is_limited_it_draws_once(web: FakeSpotify) -> None:
    draws = Draws(Page(None))
    client = drawing(web, draws)
    for _ in range(5):
        client.me(USER_TOKEN)

    assert (draws.asked, len(web.asked)) == (1, 5)
    client.begin(None)  # a capture
    client.me(USER_TOKEN)
    assert draws.asked == 1


def test_what_is_counted_is_told_once(web: FakeSpotify) -> None:
    client = drawing(web, Draws(Page(None)))
    client.me(USER_TOKEN)
    client.settle()
    client.me(USER_TOKEN)
    client.app_token()

    assert client.unsettled() == {"me": 1, "api/token": 1}
    assert client.requests == {"me": 2, "api/token": 1}
    client.begin(None)
    assert (client.unsettled(), client.requests) == ({}, {})


def test_a_wait_that_others_were_told_is_seen_before_every_request(web: FakeSpotify) -> None:
    draws = Draws(Page(None))
    client = drawing(web, draws)
    client.me(USER_TOKEN)
    draws.until = NOW + timedelta(seconds=90)

    with pytest.raises(RateLimitedError) as refused:
        client.me(USER_TOKEN)

    assert (refused.value.retry_after, len(web.asked)) == (90, 1)
    web.pass_time(seconds=90)
    client.me(USER_TOKEN)
    assert len(web.asked) == 2
    assert client.machine_time() == web.now


def test_spaced_requests_begin_at_their_turn_and_follow_each_other(web: FakeSpotify) -> None:
    slept: list[float] = []
    second = timedelta(seconds=1)
    draws = Draws(Page(3, second, NOW + 1.5 * second), Page(2, second, NOW))
    client = drawing(web, draws, slept)

    client.me(USER_TOKEN)
    client.me(USER_TOKEN)
    web.pass_time(seconds=0.25)
    client.me(USER_TOKEN)
    web.pass_time(seconds=7)
    client.me(USER_TOKEN)
    web.pass_time(seconds=-3600)  # a clock that was put right
    client.me(USER_TOKEN)

    assert slept == [1.5, 1.0, 0.75, 1.0]


def test_a_wait_is_seen_after_sleeping_too(web: FakeSpotify) -> None:
    draws = Draws(Page(2, timedelta(seconds=2), NOW + timedelta(seconds=2)))
    client = drawing(web, draws)
    late = NOW + timedelta(seconds=60)
    draws.blocked_until = lambda: late if web.now > NOW else None  # type: ignore[method-assign]
    client._others_until = draws.blocked_until

    with pytest.raises(RateLimitedError):
        client.me(USER_TOKEN)

    assert web.asked == []


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize(
    ("statuses", "drawn", "asked"),
    [
        ([503, 503], 3, 3),
        ([503, 503], 2, 2),  # a third try was not drawn
        ([503], 1, 1),
        ([None, 503], 2, 2),
        ([None, None, None], 2, 2),
    ],
)
def test_tries_count_as_what_was_drawn_and_end_with_it(
    statuses: list[int | None],
    drawn: int,
    asked: int,
    failing: Failing,
    retrying: Callable[[], Spotify],
) -> None:
    failing.statuses = statuses
    client = retrying()
    client.begin(Draws(Page(drawn)))

    for _ in range(4):
        with suppress(ReservedError, UnavailableError):
            client.recently_played(USER_TOKEN)

    assert (failing.asked, client.requests.total()) == (asked, asked)
