"""A user's access token: used until shortly before its end, then refreshed by one caller alone.

Spotify may give a new refresh token with every refresh, and the old one ends when the new one is
first used. So a new one is stored before it is used, the old one beside it until the new one has
worked; whatever is killed in between leaves a refresh token that Spotify takes.
"""

from datetime import timedelta

from soundlake.spotify.client import TOKEN_MARGIN_S, Spotify
from soundlake.spotify.errors import InvalidGrantError
from soundlake.spotify.models import Token
from soundlake.store import secrets
from soundlake.store.accounts import AccountsTable
from soundlake.store.secrets import UserTokens


class BusyError(Exception):
    """Another caller refreshes the account's token; `retry_after` seconds later it is done."""

    retry_after = 2


class UserAccess:
    """One account's access to Spotify, for one caller (`by`: an execution's name)."""

    def __init__(
        self, spotify: Spotify, table: AccountsTable, prefix: str, account: str, by: str
    ) -> None:
        self._spotify = spotify
        self._table = table
        self._prefix = prefix
        self._account = account
        self._by = by

    def token(self, refused: str | None = None) -> str:
        """An access token; another one than `refused`, which Spotify no longer took.

        Raises BusyError, InvalidGrantError where consent has ended, and what a request may raise.
        """
        if (kept := self._usable(refused)) is not None:
            return kept
        if not self._table.lease(self._account, self._by, self._spotify.machine_time()):
            raise BusyError(f"Another run refreshes the token of the account {self._account} now.")
        try:
            # Whoever held the lease until now may have refreshed it.
            if (kept := self._usable(refused)) is not None:
                return kept
            return self._refreshed(secrets.user_tokens(self._prefix, self._account))
        finally:
            self._table.release(self._account, self._by)

    def _usable(self, refused: str | None) -> str | None:
        tokens = secrets.user_tokens(self._prefix, self._account)
        margin = timedelta(seconds=TOKEN_MARGIN_S)
        if tokens.access_token in {None, refused} or tokens.expires_at is None:
            return None
        fresh = self._spotify.machine_time() < tokens.expires_at - margin
        return tokens.access_token if fresh else None

    def _refreshed(self, before: UserTokens) -> str:
        """Refresh, by the token before where the newest is refused; the lease is held."""
        used = before.refresh_token
        try:
            token = self._spotify.user_token(used)
        except InvalidGrantError:
            if before.previous is None:
                raise
            used = before.previous
            token = self._spotify.user_token(used)
        if not self._table.renew(self._account, self._by, self._spotify.machine_time()):
            # The listener connected anew meanwhile: their new tokens must not be overwritten.
            raise BusyError(f"The account {self._account} was given another token just now.")
        secrets.keep_user_tokens(self._prefix, self._account, received(self._spotify, token, used))
        return token.access_token


def received(spotify: Spotify, token: Token, used: str) -> UserTokens:
    """The tokens to keep after Spotify gave `token` for the refresh token `used`."""
    rotated = token.refresh_token not in {None, used}
    return UserTokens(
        refresh_token=token.refresh_token or used,
        previous=used if rotated else None,
        access_token=token.access_token,
        expires_at=spotify.machine_time() + timedelta(seconds=token.expires_in),
    )
