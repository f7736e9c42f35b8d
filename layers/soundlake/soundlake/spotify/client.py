"""The client: asks Spotify, and says in a sentence what it refuses and why.

How it asks, counts and retries: `sources.web`.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import HTTPBasicAuth

from soundlake.quota import QUOTA_EXCEEDED
from soundlake.sources.web import (
    LONG_WAIT_S,
    NO_JSON,
    TRIES,
    Answer,
    Web,
    retry_after,
    utc_now,
)
from soundlake.spotify.credentials import AppCredentials
from soundlake.spotify.errors import (
    BadAnswerError,
    CredentialsError,
    ExpiredTokenError,
    InvalidClientError,
    InvalidGrantError,
    NoPremiumError,
    NotFoundError,
    NotRegisteredError,
    RateLimitedError,
    RefusedError,
    SpotifyError,
    UnavailableError,
)
from soundlake.spotify.models import (
    ALBUMS_PER_REQUEST,
    ARTISTS_PER_REQUEST,
    FEATURES_PER_REQUEST,
    FOUND_PER_SEARCH,
    TRACKS_PER_REQUEST,
    Token,
    User,
)
from soundlake.texts import shortened

PLAYS_PER_PAGE = 50  # the endpoint's limit, and about all that Spotify remembers
TOKEN_MARGIN_S = 60  # a token this near its end is not used for another request
_NO_REASON = "no reason given"


@dataclass(frozen=True, slots=True)
class Page:
    """How many more requests may be sent, None for as many as it takes.

    They are sent no closer together than `spacing`, the first not before `begin` (UTC).
    """

    calls: int | None
    spacing: timedelta = timedelta(0)
    begin: datetime | None = None


def _endpoint(url: str, base: str) -> str:
    """The endpoint's name for counting: its path below the base with ids replaced."""
    path = urlsplit(url).path.removeprefix(urlsplit(base).path).strip("/")
    parts = path.split("/")
    if len(parts) > 1 and parts[0] not in {"me", "api"}:
        parts[1] = "{id}"
    return "/".join(parts)


class Spotify:
    """One app's access to Spotify. `requests` counts what was sent, by endpoint.

    `refused` says that Spotify has refused the app's or a user's credentials. `told` is called
    with every long wait that Spotify asks for: until when (UTC, by `clock`), and Spotify's reason.
    `blocked_until` is asked before every request until when nobody may ask, as others were told.
    """

    def __init__(
        self,
        credentials: AppCredentials,
        *,
        api_url: str,
        accounts_url: str,
        clock: Callable[[], datetime] = utc_now,
        backoff_s: float = 0.5,
        told: Callable[[datetime, str | None], None] | None = None,
        blocked_until: Callable[[], datetime | None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._web = Web("Spotify", clock=clock, backoff_s=backoff_s)
        self.requests = self._web.requests
        self._credentials = credentials
        self._api_url = api_url.rstrip("/")
        self._accounts_url = accounts_url.rstrip("/")
        self._clock = clock
        self._told = told
        self._token: tuple[str, datetime] | None = None
        self._blocked_until: datetime | None = None
        self._others_until = blocked_until
        self._sleep = sleep
        self._draw: Callable[[], Page] | None = None
        self._page = Page(None)
        self._page_end = 0  # the number of requests with which the page is used up
        self._sent_at: datetime | None = None
        self._settled = Counter[str]()
        self.refused = False

    @property
    def client_id(self) -> str:
        """The app's id."""
        return self._credentials.client_id

    def now(self) -> datetime:
        """Spotify's present time (UTC), by the latest answer's Date header.

        Asks for an app token where nothing has been asked yet: that costs no request of the API.
        """
        if self._token is None:
            self.app_token()
        return self.known_time()

    def known_time(self) -> datetime:
        """Spotify's time (UTC) as far as it is known: this machine's until the first answer."""
        return self._web.known_time()

    def machine_time(self) -> datetime:
        """This machine's time (UTC), which the ends of tokens and waits are kept in."""
        return self._clock()

    def begin(self, draw: Callable[[], Page] | None) -> None:
        """Count anew, and ask `draw` for a page of requests whenever there is none; None for none.

        It is asked when the first request is about to be sent, and where a page is used up. It
        raises RateLimitedError where no more may be sent, ReservedError among them.
        """
        self.requests.clear()
        self._settled.clear()
        self._draw, self._page, self._page_end = draw, Page(None), 0

    def unsettled(self) -> Counter[str]:
        """What was sent since `begin` and has not been settled, by endpoint."""
        return self.requests - self._settled

    def settle(self) -> None:
        """What was sent so far is counted by the caller."""
        self._settled = Counter(self.requests)

    def app_token(self) -> str:
        """The app's own access token (client credentials), kept until it nears its end."""
        if self._token is not None and self._clock() < self._token[1]:
            return self._token[0]
        token = self._grant({"grant_type": "client_credentials"})
        life = timedelta(seconds=max(token.expires_in - TOKEN_MARGIN_S, 0))
        self._token = (token.access_token, self._clock() + life)
        return token.access_token

    def user_token(self, refresh_token: str) -> Token:
        """A user's access token; `refresh_token` in it, where present, replaces the old one.

        Raises InvalidGrantError when the consent has ended.
        """
        return self._grant({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def exchange(self, code: str, redirect_uri: str, verifier: str | None = None) -> Token:
        """The tokens of a consent that was just given, for its code, which works once.

        Raises InvalidGrantError when the code, the address or the verifier is not that of the
        consent.
        """
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return self._grant(form | ({"code_verifier": verifier} if verifier else {}))

    def me(self, access_token: str) -> User:
        """The user whose token it is."""
        return User.read(self._get(f"{self._api_url}/me", access_token).json, "/v1/me")

    def playlist(self, playlist_id: str) -> Answer:
        """A playlist with the first page of its entries."""
        return self._get_as_app(f"{self._api_url}/playlists/{playlist_id}")

    def check_page(self, url: str) -> None:
        """Refuse a `next` address outside Spotify's API: the token must not go there."""
        if not url.startswith(f"{self._api_url}/"):
            raise BadAnswerError("the answer's next page lies outside Spotify's API")

    def page(self, url: str) -> Answer:
        """The page at a `next` address. Raises BadAnswerError as `check_page` does."""
        self.check_page(url)
        return self._get_as_app(url)

    def album(self, album_id: str) -> Answer:
        """One album in full. Raises NotFoundError where Spotify knows none."""
        return self._get_as_app(f"{self._api_url}/albums/{album_id}")

    def audio_features(self, track_ids: Sequence[str]) -> Answer:
        """The audio features of 1 to 100 tracks, in the order asked."""
        return self._several("audio-features", track_ids, FEATURES_PER_REQUEST)

    def tracks(self, track_ids: Sequence[str]) -> Answer:
        """1 to 50 tracks in full, in the order asked."""
        return self._several("tracks", track_ids, TRACKS_PER_REQUEST)

    def albums(self, album_ids: Sequence[str]) -> Answer:
        """1 to 20 albums in full, in the order asked."""
        return self._several("albums", album_ids, ALBUMS_PER_REQUEST)

    def artists(self, artist_ids: Sequence[str]) -> Answer:
        """1 to 50 artists in full, in the order asked."""
        return self._several("artists", artist_ids, ARTISTS_PER_REQUEST)

    def track(self, track_id: str) -> Answer:
        """One track in full. Raises NotFoundError where Spotify knows none."""
        return self._get_as_app(f"{self._api_url}/tracks/{track_id}")

    def artist(self, artist_id: str) -> Answer:
        """One artist in full. Raises NotFoundError where Spotify knows none."""
        return self._get_as_app(f"{self._api_url}/artists/{artist_id}")

    def search_tracks(self, query: str) -> Answer:
        """The first ten tracks that a query finds, the likeliest first."""
        params = {"q": query, "type": "track", "limit": str(FOUND_PER_SEARCH)}
        return self._get_as_app(f"{self._api_url}/search", params)

    def audio_analysis(self, track_id: str) -> Answer:
        """The audio analysis of one track. Raises NotFoundError where Spotify has none."""
        return self._get_as_app(f"{self._api_url}/audio-analysis/{track_id}")

    def recently_played(self, access_token: str) -> Answer:
        """The whole page of a user's recently played tracks, newest first, without a cursor.

        What is no JSON is given all the same, its `json` None: whatever Spotify said is kept.
        """
        url = f"{self._api_url}/me/player/recently-played"
        return self._get(url, access_token, {"limit": str(PLAYS_PER_PAGE)}, whatever=True)

    def _several(self, endpoint: str, ids: Sequence[str], most: int) -> Answer:
        if not 1 <= len(ids) <= most:
            raise ValueError(f"1 to {most} ids a request, not {len(ids)}")
        return self._get_as_app(f"{self._api_url}/{endpoint}", {"ids": ",".join(ids)})

    def _grant(self, form: Mapping[str, str]) -> Token:
        url = f"{self._accounts_url}/api/token"
        app = self._credentials
        if app.client_secret:
            options: dict[str, Any] = {"auth": HTTPBasicAuth(app.client_id, app.client_secret)}
        else:
            form, options = {**form, "client_id": app.client_id}, {}
        response = self._send("POST", url, self._accounts_url, data=form, **options)
        if response.status_code == 400 or _message(response) == "invalid_client":
            self.refused = True
            raise _refusal(response, form["grant_type"])
        answer = self._answer(response, url)
        return Token.read(answer.json, "Spotify's token")

    def _get_as_app(self, url: str, params: Mapping[str, str] | None = None) -> Answer:
        """Ask with the app's token; with a new one, once, where Spotify no longer takes the old."""
        try:
            return self._get(url, self.app_token(), params)
        except ExpiredTokenError:
            self._token = None
            return self._get(url, self.app_token(), params)

    def _get(
        self,
        url: str,
        token: str,
        params: Mapping[str, str] | None = None,
        *,
        whatever: bool = False,
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        response = self._send("GET", url, self._api_url, params=params, headers=headers)
        return self._answer(response, url, whatever=whatever)

    def _keep_to_the_limits(self) -> None:
        """Send nothing while a long wait lasts, nor beyond what was drawn, nor too soon."""
        if self._blocked_until is not None:
            self._refuse_until(self._blocked_until)
            self._blocked_until = None
        self._turn_page()
        if self._page.spacing:
            self._wait_for_turn()
        if self._others_until is not None and (until := self._others_until()) is not None:
            self._refuse_until(until)

    def _refuse_until(self, until: datetime) -> None:
        left = (until - self._clock()).total_seconds()
        if left > 0:
            raise RateLimitedError(ceil(left))

    def _turn_page(self) -> None:
        """Draw anew where all that was drawn is sent."""
        sent = self.requests.total()
        if self._draw is None or sent < self._page_end:
            return
        self._page = self._draw()
        if self._page.calls is None:
            self._draw = None
        else:
            self._page_end = sent + self._page.calls

    def _tries(self) -> int:
        """How often a request may be tried: no oftener than what was drawn lasts."""
        if self._draw is None:
            return TRIES
        return min(TRIES, self._page_end - self.requests.total())

    def _wait_for_turn(self) -> None:
        now, spacing = self._clock(), self._page.spacing
        rest = timedelta(0)
        if self._sent_at is not None:
            rest = min(self._sent_at + spacing - now, spacing)
        if self._page.begin is not None:
            rest = max(rest, self._page.begin - now)
            self._page = replace(self._page, begin=None)
        if rest > timedelta(0):
            self._sleep(rest.total_seconds())
        self._sent_at = self._clock()

    def _send(self, method: str, url: str, base: str, **options: Any) -> requests.Response:
        self._keep_to_the_limits()
        name = _endpoint(url, base)
        response = self._web.send(method, url, name, tries=self._tries(), **options)
        if response.status_code == 429:
            wait, reason = retry_after(response), _reason(response)
            # However short the wait: a spent quota is everybody's, and teaches how large it is.
            if wait > LONG_WAIT_S or reason == QUOTA_EXCEEDED:
                self._blocked_until = self._clock() + timedelta(seconds=wait)
                if self._told is not None:
                    self._told(self._blocked_until, reason)
        return response

    def _answer(self, response: requests.Response, url: str, *, whatever: bool = False) -> Answer:
        path = urlsplit(url).path
        match response.status_code:
            case 200:
                pass
            case 429:
                raise RateLimitedError(retry_after(response))
            case 401 | 403 as status:
                refused = ExpiredTokenError if status == 401 else _forbidden(response)
                raise refused(
                    f"Spotify refused {path} with {status}: {_message(response)}. "
                    "See what the app may do at https://developer.spotify.com/dashboard."
                )
            case 404:
                raise NotFoundError(
                    f"Spotify answers 404 for {path}: it does not exist, or it is withheld from "
                    "this app, as Spotify's own charts are from apps made after 2024-11-27.",
                    self._web.decoded(response),
                )
            case status if status >= 500:
                raise UnavailableError(
                    f"Spotify answered {status} for {path}: {_message(response)}."
                )
            case status:
                raise SpotifyError(f"Spotify answered {status} for {path}: {_message(response)}.")
        answer = self._web.decoded(response)
        if answer is not None:
            return answer
        if whatever:
            return self._web.as_it_came(response, None)
        raise BadAnswerError(f"{path}: the answer is not JSON")


def _message(response: requests.Response) -> str:
    """Spotify's own words for an error, from either of its two error shapes, or as plain text."""
    try:
        body = response.json()
    except NO_JSON:
        text = shortened(" ".join(response.text.split()))
        plain = text and response.status_code == 403 and not text.startswith("<")
        return text.rstrip(".") if plain else _NO_REASON
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return str(error.get("message") or _NO_REASON).rstrip(".")
    return str(error or _NO_REASON).rstrip(".")


def _reason(response: requests.Response) -> str | None:
    """The reason in an error of the API, like QUOTA_EXCEEDED; None where it states none."""
    with suppress(*NO_JSON, AttributeError):
        error = response.json().get("error")
        reason = error.get("reason") if isinstance(error, dict) else None
        return reason if isinstance(reason, str) else None
    return None


def _forbidden(response: requests.Response) -> type[RefusedError]:
    """What a 403 is about: Spotify has no codes for it, only words."""
    words = _message(response).lower()
    if "registered" in words:
        return NotRegisteredError
    return NoPremiumError if "premium" in words else RefusedError


def _refusal(response: requests.Response, grant: str) -> CredentialsError:
    match _message(response):
        case "invalid_client":
            return InvalidClientError(
                "Spotify does not know this client id and secret; "
                "write the right ones with ./soundlake app."
            )
        case "invalid_grant" if grant == "authorization_code":
            return InvalidGrantError(
                "Spotify does not take this consent's code (it works once, within ten minutes); "
                "agree again with ./soundlake connect."
            )
        case "invalid_grant":
            return InvalidGrantError(
                "Spotify no longer accepts this account's refresh token (consent ends after six "
                "months, or was withdrawn); agree again with ./soundlake connect."
            )
        case other:
            return CredentialsError(f"Spotify refused to give a token: {other}.")
