"""The token endpoint of accounts.spotify.com and the tokens it has given out.

Grants: ``client_credentials`` (an app-only token) and ``refresh_token`` (a listener's token).
Errors are RFC 6749's, in the words seen from Spotify: 400 invalid_client, invalid_grant,
invalid_request, unsupported_grant_type.
"""

import base64
import binascii
import hmac
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.spotify.errors import ApiError, ControlError, TokenError
from local.spotify.settings import Settings
from local.spotify.world import Listener

SCOPE = "user-read-recently-played user-read-private user-read-email"


@dataclass(frozen=True)
class _Grant:
    listener: Listener | None  # None for an app-only token
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
        self._refresh = {one.refresh_token: one for one in listeners}
        self._access: dict[str, _Grant] = {}

    def answer(self, form: Mapping[str, str], authorization: str | None) -> dict[str, Any]:
        """The body of a successful ``POST /api/token``.

        Raises:
            TokenError: for any other.
        """
        self._check_client(form, authorization)
        grant = form.get("grant_type")
        if grant == "client_credentials":
            return self._issue(None)
        if grant == "refresh_token":
            return self._refreshed(form.get("refresh_token"))
        raise TokenError(
            "unsupported_grant_type",
            "grant_type parameter is missing"
            if not grant
            else "grant_type must be client_credentials or refresh_token",
        )

    def listener_of(self, authorization: str | None) -> Listener | None:
        """Whose token an Authorization header carries; None for an app-only token.

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
        return grant.listener

    def refresh_token(self, listener_id: str) -> str | None:
        """The refresh token that works now; None after `revoke`."""
        with self._lock:
            return next((t for t, one in self._refresh.items() if one.id == listener_id), None)

    def revoke(self, listener_id: str) -> None:
        """End a listener's consent: neither their refresh nor their access tokens work any more.

        Raises:
            ControlError: if there is no such listener.
        """
        if listener_id not in self._listeners:
            raise ControlError(f"There is no listener {listener_id!r}.")
        with self._lock:
            self._refresh = {t: one for t, one in self._refresh.items() if one.id != listener_id}
            self._access = {
                token: grant
                for token, grant in self._access.items()
                if grant.listener is None or grant.listener.id != listener_id
            }

    def restore(self) -> None:
        """Consent of everybody anew: the first refresh tokens work again, and only they."""
        with self._lock:
            self._refresh = {one.refresh_token: one for one in self._listeners.values()}

    def _check_client(self, form: Mapping[str, str], authorization: str | None) -> None:
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        kind, _, encoded = (authorization or "").partition(" ")
        if kind.lower() == "basic":
            try:
                decoded = base64.b64decode(encoded, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                decoded = ""
            client, _, secret = decoded.partition(":")
        wanted = f"{self._settings.client_id}:{self._settings.client_secret}"
        if not hmac.compare_digest(f"{client}:{secret}".encode(), wanted.encode()):
            raise TokenError("invalid_client", "Invalid client")

    def _refreshed(self, token: str | None) -> dict[str, Any]:
        if not token:
            raise TokenError("invalid_request", "refresh_token must be supplied")
        with self._lock:
            listener = self._refresh.get(token)
            if listener is None:
                raise TokenError("invalid_grant", "Invalid refresh token")
            fresh = None
            if self._settings.rotate_refresh_tokens:
                fresh = "local-refresh-" + secrets.token_urlsafe(24)
                del self._refresh[token]
                self._refresh[fresh] = listener
        body = self._issue(listener)
        return body if fresh is None else {**body, "refresh_token": fresh}

    def _issue(self, listener: Listener | None) -> dict[str, Any]:
        token = "local-access-" + secrets.token_urlsafe(48)
        lifetime = self._settings.token_lifetime_s
        with self._lock:
            now = self._monotonic()
            # Expired tokens are kept a while, so that they are told apart from unknown ones.
            self._access = {t: g for t, g in self._access.items() if g.expires > now - lifetime}
            self._access[token] = _Grant(listener, now + lifetime)
        body: dict[str, Any] = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": lifetime,
        }
        return body if listener is None else {**body, "scope": SCOPE}
