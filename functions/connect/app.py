"""Connect: a listener's consent becomes an account whose plays are captured."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field, ValidationError
from soundlake import access, asking
from soundlake.accounts import (
    ACCOUNT,
    WHAT_TO_DO,
    Account,
    AccountError,
    State,
    connected,
    connecting,
    consenting,
    reconnecting,
)
from soundlake.inputs import wrong
from soundlake.observability import function
from soundlake.settings import settings
from soundlake.spotify.client import Spotify
from soundlake.spotify.errors import NoPremiumError, NotRegisteredError
from soundlake.spotify.models import Token, User
from soundlake.store import secrets
from soundlake.store.accounts import AccountsTable, new_name
from soundlake.tokens import received

TRIES = 3  # against whoever changes the account meanwhile


class Consent(BaseModel):
    """What the listener's browser brought back, and what was asked with it.

    `state` is checked by whoever sent the listener to Spotify. `account` is the imported one that
    they are to get, or the one to make where this listener has none: that of data which was kept
    without it.
    """

    code: str = Field(min_length=1)
    redirect_uri: str = Field(min_length=1)
    state: str | None = None
    verifier: str | None = None
    account: str | None = Field(default=None, pattern=f"^{ACCOUNT.pattern}$")


@function("Connect")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """`{code, redirect_uri, state?, verifier?, account?}` to `{status: connected, account, name}`.

    Otherwise `{status: failed, error}`, or `rate_limited` or `unreachable` with `retry_after`.
    Killed in between, it leaves an account that says so, and the next consent takes it over.
    """
    spotify: Spotify | None = None
    try:
        given = Consent.model_validate(event)
        spotify = asking.spotify()
        token = spotify.exchange(given.code, given.redirect_uri, given.verifier)
        user = spotify.me(token.access_token)
        account = _connect(spotify, token, user, given, context.aws_request_id)
        result = {"status": "connected", "account": account.account, "name": account.name}
    except ValidationError as error:
        field, why = wrong(error, "event")
        result = {"status": "failed", "error": f"The consent's {field!r} is wrong: {why}."}
    except AccountError as error:
        result = {"status": "failed", "error": access.small(str(error))}
    except NotRegisteredError:
        result = {"status": "failed", "error": WHAT_TO_DO[State.NOT_ALLOWED]}
    except NoPremiumError:
        result = {"status": "failed", "error": WHAT_TO_DO[State.NEEDS_PREMIUM]}
    except access.FORESEEN as error:
        result = access.failure(error)
    return result | asking.counted(spotify)


def _connect(spotify: Spotify, token: Token, user: User, given: Consent, by: str) -> Account:
    """Make the listener's account, or take theirs; store its tokens; then let it be captured.

    In this order no account is captured without tokens, and no tokens are without an account.
    """
    if token.refresh_token is None:
        raise AccountError("Spotify gave no refresh token; agree again with ./soundlake connect.")
    table, prefix = access.accounts_table(), settings().parameter_prefix
    name, at = user.display_name or user.id, spotify.known_time()
    ident = given.account or new_name()
    for _ in range(TRIES):
        before = table.of_listener(user.id)
        imported = _imported(table, given.account)
        if imported is not None:
            theirs = before.account if before else table.claimed_by(user.id)
            if theirs not in {None, imported.account}:
                raise AccountError(
                    f"This listener has the account {theirs} already: import the history once "
                    f"more with --account {theirs}, and leave nothing of {given.account} with "
                    f"./soundlake disconnect {given.account} --delete-data."
                )
            opened = consenting(imported, user.id, name, at)
            ready = table.give(imported, opened)
        elif before is None:
            # Data that was kept under another name stays apart: a claim was the listener's first.
            ident = table.claimed_by(user.id) or ident
            opened = connecting(ident, user.id, name, at)
            ready = table.create(opened)
            if not ready and table.of_listener(user.id) is None and table.get(ident) is not None:
                raise AccountError(
                    f"The account {ident} is another listener's; connect without naming it."
                )
        else:
            ident = before.account
            opened = reconnecting(before, at)
            ready = table.replace(before, opened)
        # A capture that refreshes the old token now must not write it over the new one, and a
        # disconnect that deletes it now must not be undone.
        if ready and table.seize(ident, by, spotify.machine_time()):
            secrets.keep_user_tokens(prefix, ident, received(spotify, token, token.refresh_token))
            after = connected(ident, user.id, name, at, opened)
            if table.finish(opened, after, by):
                return after
    raise AccountError(
        f"The account {ident} was changed by somebody else at the same time; connect again."
    )


def _imported(table: AccountsTable, account: str | None) -> Account | None:
    """The account that is to be given to a listener, where it was made by an import alone."""
    found = table.get(account) if account else None
    return found if found is not None and found.state is State.IMPORTED else None
