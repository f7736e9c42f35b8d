"""The accounts service of accounts.spotify.com: consent, the token endpoint, and its tokens.

``/authorize`` agrees at once, for whichever listener the request names. Grants:
``client_credentials`` (an app-only token), ``authorization_code`` (a consent's code, once, within
ten minutes) and ``refresh_token``. Errors are RFC 6749's, in the words seen from Spotify: 400
invalid_client, invalid_grant, invalid_request, unsupported_grant_type.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from local.spotify.errors import ApiError, ConsentError, ControlError, TokenError
from local.spotify.settings import Settings
from local.spotify.world import Listener

SCOPE = "user-read-recently-played user-read-private user-read-email"
CODE_SECONDS = 600.0
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # a SHA-256 in base64url, without padding


@dataclass(frozen=True)
class Bearer:
    """Whose access token it is, None for an app's own, and what it may see."""

    listener: Listener | None
    scope: str

    def need(self, scope: str) -> Listener:
        """The listener, whose consent must have included this scope.

        Raises:
            ApiError: 401 for an app's own token, 403 without the scope.
        """
        if self.listener is None:
            raise ApiError(401, "Valid user authentication required")
        if scope not in self.scope.split():
            raise ApiError(403, "Insufficient client scope")
        return self.listener


@dataclass(frozen=True)
class _Grant:
    bearer: Bearer
    expires: float


@dataclass(frozen=True)
class _Code:
    """A consent that was given, until its tokens are fetched."""

    bearer: Bearer
    redirect_uri: str
    challenge: str | None
    expires: float


class Tokens:
    """Access and refresh tokens. Access tokens are random and live in this process alone."""

    def __init__(
        self, settings: Settings, listeners: Sequence[Listener], monotonic: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._listeners = {one.id: one for one in listeners}
        self._refresh = {one.refresh_token: Bearer(one, SCOPE) for one in listeners}
        self._replaces: dict[str, str] = {}  # a rotated refresh token, and the one before
        self._codes: dict[str, _Code] = {}
        self._access: dict[str, _Grant] = {}

    def authorize(self, query: Mapping[str, str]) -> str:
        """Where ``GET /authorize`` sends the browser: back, with a code, or with an error.

        The listener agrees at once. ``listener`` (an id; the first by default) and ``deny`` in the
        query are the local service's own.

        Raises:
            ConsentError: where Spotify shows a page instead, because the address it would send
                the browser to cannot be trusted.
        """
        if query.get("client_id") != self._settings.client_id:
            raise ConsentError("INVALID_CLIENT: Invalid client")
        redirect = query.get("redirect_uri", "")
        if not _loopback(redirect):
            raise ConsentError("INVALID_CLIENT: Insecure redirect URI")
        listener_id = query.get("listener", next(iter(self._listeners)))
        listener = self._listeners.get(listener_id)
        if listener is None:
            raise ConsentError(f"There is no listener {listener_id!r}.")
        answer = self._consent(query, listener, redirect)
        if "state" in query:
            answer["state"] = query["state"]
        return f"{redirect}{'&' if urlsplit(redirect).query else '?'}{urlencode(answer)}"

    def _consent(
        self, query: Mapping[str, str], listener: Listener, redirect: str
    ) -> dict[str, str]:
        if query.get("response_type") != "code":
            return {"error": "unsupported_response_type"}
        scopes = query.get("scope", "").split()
        if not set(scopes) <= set(SCOPE.split()):
            return {"error": "invalid_scope"}
        challenge = query.get("code_challenge")
        if challenge is not None:
            s256 = query.get("code_challenge_method") == "S256"
            if not s256 or not _CHALLENGE.fullmatch(challenge):
                return {"error": "invalid_request"}
        if query.get("deny"):
            return {"error": "access_denied"}
        code = "local-code-" + secrets.token_urlsafe(48)
        bearer = Bearer(listener, " ".join(scopes))
        with self._lock:
            expires = self._monotonic() + CODE_SECONDS
            self._codes[code] = _Code(bearer, redirect, challenge, expires)
        return {"code": code}

    def answer(self, form: Mapping[str, str], authorization: str | None) -> dict[str, Any]:
        """The body of a successful ``POST /api/token``.

        Raises:
            TokenError: for any other.
        """
        grant = form.get("grant_type")
        self._check_client(form, authorization)
        if grant == "client_credentials":
            return self._issue(Bearer(None, ""))
        if grant == "authorization_code":
            return self._exchanged(form)
        if grant == "refresh_token":
            return self._refreshed(form.get("refresh_token"))
        raise TokenError(
            "unsupported_grant_type",
            "grant_type parameter is missing"
            if not grant
            else "grant_type must be client_credentials, authorization_code or refresh_token",
        )

    def bearer_of(self, authorization: str | None) -> Bearer:
        """Whose token an Authorization header carries, and what it may see.

        Raises:
            ApiError: 401, if the token is missing, unknown or expired.
        """
        if not authorization:
            raise ApiError(401, "No token provided")
        kind, _, token = authorization.partition(" ")
        with self._lock:
            grant = self._access.get(token) if kind.lower() == "bearer" else None
            now = self._monotonic()
        if grant is None:
            raise ApiError(401, "Invalid access token")
        if now >= grant.expires:
            raise ApiError(401, "The access token expired")
        return grant.bearer

    def refresh_token(self, listener_id: str) -> str | None:
        """The newest refresh token; None after `revoke`."""
        with self._lock:
            found = [t for t, one in self._refresh.items() if _is(one, listener_id)]
        return found[-1] if found else None

    def revoke(self, listener_id: str) -> None:
        """End a listener's consent: neither their refresh nor their access tokens work any more.

        Raises:
            ControlError: if there is no such listener.
        """
        if listener_id not in self._listeners:
            raise ControlError(f"There is no listener {listener_id!r}.")
        with self._lock:
            self._refresh = {
                token: one for token, one in self._refresh.items() if not _is(one, listener_id)
            }
            self._access = {
                token: grant
                for token, grant in self._access.items()
                if not _is(grant.bearer, listener_id)
            }

    def restore(self) -> None:
        """Consent of everybody anew: the first refresh tokens work again, and only they."""
        with self._lock:
            self._refresh = {
                one.refresh_token: Bearer(one, SCOPE) for one in self._listeners.values()
            }
            self._replaces.clear()

    def _check_client(self, form: Mapping[str, str], authorization: str | None) -> None:
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        kind, _, encoded = (authorization or "").partition(" ")
        if kind.lower() == "basic":
            try:
                decoded = base64.b64decode(encoded, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                decoded = ""
            client, _, secret = decoded.partition(":")
        elif client == self._settings.client_id and not secret and self._is_public(form):
            return
        wanted = f"{self._settings.client_id}:{self._settings.client_secret}"
        if not hmac.compare_digest(f"{client}:{secret}".encode(), wanted.encode()):
            raise TokenError("invalid_client", "Invalid client")

    def _is_public(self, form: Mapping[str, str]) -> bool:
        """Whether a grant may be asked for without the secret: of a consent that used PKCE."""
        grant = form.get("grant_type")
        return grant == "refresh_token" or (
            grant == "authorization_code" and bool(form.get("code_verifier"))
        )

    def _exchanged(self, form: Mapping[str, str]) -> dict[str, Any]:
        for name in ("code", "redirect_uri"):
            if not form.get(name):
                raise TokenError("invalid_request", f"{name} must be supplied")
        with self._lock:
            code = self._codes.pop(form["code"], None)
            now = self._monotonic()
        if code is None:
            raise TokenError("invalid_grant", "Invalid authorization code")
        if now >= code.expires:
            raise TokenError("invalid_grant", "Authorization code expired")
        if form["redirect_uri"] != code.redirect_uri:
            raise TokenError("invalid_grant", "Invalid redirect URI")
        if not _proves(form.get("code_verifier"), code.challenge):
            raise TokenError("invalid_grant", "code_verifier was incorrect")
        return {**self._issue(code.bearer), "refresh_token": self._consented(code.bearer)}

    def _consented(self, bearer: Bearer) -> str:
        """The refresh token of a new consent: the same in every run, where nothing rotates."""
        assert bearer.listener is not None  # noqa: S101 - for mypy: a code is always a listener's
        token = bearer.listener.refresh_token
        if self._settings.rotate_refresh_tokens:
            token = _new_refresh_token()
        with self._lock:
            self._refresh.pop(token, None)  # it becomes the newest
            self._refresh[token] = bearer
        return token

    def _refreshed(self, token: str | None) -> dict[str, Any]:
        """A new access token; the refresh token before ends with the first use of its successor."""
        if not token:
            raise TokenError("invalid_request", "refresh_token must be supplied")
        with self._lock:
            bearer = self._refresh.get(token)
            if bearer is None:
                raise TokenError("invalid_grant", "Invalid refresh token")
            self._refresh.pop(self._replaces.pop(token, ""), None)
            fresh = None
            if self._settings.rotate_refresh_tokens:
                fresh = _new_refresh_token()
                self._refresh[fresh] = bearer
                self._replaces[fresh] = token
        body = self._issue(bearer)
        return body if fresh is None else {**body, "refresh_token": fresh}

    def _issue(self, bearer: Bearer) -> dict[str, Any]:
        token = "local-access-" + secrets.token_urlsafe(48)
        lifetime = self._settings.token_lifetime_s
        with self._lock:
            now = self._monotonic()
            # Expired tokens are kept a while, so that they are told apart from unknown ones.
            self._access = {t: g for t, g in self._access.items() if g.expires > now - lifetime}
            self._access[token] = _Grant(bearer, now + lifetime)
        body: dict[str, Any] = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": lifetime,
        }
        return body if bearer.listener is None else {**body, "scope": bearer.scope}


def _is(bearer: Bearer, listener_id: str) -> bool:
    return bearer.listener is not None and bearer.listener.id == listener_id


def _new_refresh_token() -> str:
    return "local-refresh-" + secrets.token_urlsafe(24)


def _loopback(address: str) -> bool:
    """Whether Spotify would take an address that is no https: a loopback's, by number."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    whole = parts.scheme == "http" and not parts.fragment and port is not None
    return whole and parts.hostname in {"127.0.0.1", "::1"} and parts.username is None


def _proves(verifier: str | None, challenge: str | None) -> bool:
    """Whether a verifier is that of the challenge; without a challenge, there is none to give."""
    if verifier is None or challenge is None:
        return verifier == challenge
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return hmac.compare_digest(made.encode(), challenge.encode())
