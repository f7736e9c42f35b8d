"""Capture: one account's page of recently played tracks, kept as it came."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access, asking
from soundlake.accounts import Account, AccountError, Answer, State, answered, is_due
from soundlake.observability import function
from soundlake.plays import shown
from soundlake.settings import settings
from soundlake.spotify import client, errors
from soundlake.store.captures import CaptureKey
from soundlake.store.objects import NotJsonError
from soundlake.times import format_time, parse_time
from soundlake.tokens import BusyError, UserAccess

# What Spotify's refusals say about the account.
ANSWERS: dict[type[Exception], Answer] = {
    errors.InvalidGrantError: Answer.INVALID_GRANT,
    errors.NotRegisteredError: Answer.NOT_REGISTERED,
    errors.NoPremiumError: Answer.NO_PREMIUM,
    errors.InvalidClientError: Answer.INVALID_CLIENT,
}
NOT_BELIEVED = (
    "Spotify refused this account's consent, which it also does in passing; the next run will tell."
)


@function("Capture")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{account, captured_at, execution, requests}` to `{status: captured, raw_key, shown}`.

    `shown` is the same for pages that list the same plays, and null where the answer is no page.

    The key carries `captured_at` and the execution's name: tried again, it finds its own answer
    and asks nothing. An answer that is no page is kept too, for Derive to name. Otherwise
    `{status: rate_limited, unreachable or busy, retry_after}`; `{status: waiting, state}` where
    the account waits for its user, which is no failure; or `{status: failed, error}`, also where
    Spotify refuses the consent for the first time.
    `requests` adds up over the tries that a wait makes of one.
    """
    account, at, run = event["account"], parse_time(event["captured_at"]), event["execution"]
    key = CaptureKey(account, at, run).text
    result: dict[str, Any] = {"account": account, "captured_at": format_time(at)}
    spotify: client.Spotify | None = None
    try:
        found = _account(account)
        kept, plays = _kept(key)
        if not kept:
            if not is_due(found, at):
                return result | _waiting(found) | asking.counted(None, event.get("requests"))
            spotify = asking.spotify()
            page = _page(spotify, account, run)
            access.raw().write(key, page)
            plays = _shown(page.json)
        if plays is not None:
            _note(found, Answer.PAGE, at, run)
        result |= {"status": "captured", "raw_key": key, "shown": plays}
    except BusyError as error:
        result |= {"status": "busy", "retry_after": error.retry_after, "error": str(error)}
    except AccountError as error:
        result |= {"status": "failed", "error": access.small(str(error))}
    except tuple(ANSWERS) as error:
        after = _note(found, ANSWERS[type(error)], at, run)
        if after.state is State.ACTIVE:
            result |= {"status": "failed", "error": NOT_BELIEVED}
        else:
            result |= _waiting(after)
    except access.FORESEEN as error:
        result |= access.failure(error)
    return result | asking.counted(spotify, event.get("requests"))


def _account(account: str) -> Account:
    found = access.accounts_table().get(account)
    if found is None:
        raise AccountError(
            f"There is no account {account}; ./soundlake accounts lists those there are."
        )
    return found


def _kept(key: str) -> tuple[bool, str | None]:
    """Whether an answer was kept under a key, and what it shows."""
    try:
        answer = access.raw().read(key)
    except NotJsonError:
        return True, None
    return answer is not None, None if answer is None else _shown(answer.json)


def _shown(answer: Any) -> str | None:
    """What a page shows; it also says that this account is captured. Of no page, Derive tells."""
    try:
        return shown(answer)
    except errors.BadAnswerError:
        return None


def _page(spotify: client.Spotify, account: str, run: str) -> client.Answer:
    """The whole page; with a new token, once, where Spotify no longer takes the kept one."""
    user = UserAccess(spotify, access.accounts_table(), settings().parameter_prefix, account, run)
    token = user.token()
    try:
        return spotify.recently_played(token)
    except errors.ExpiredTokenError:
        return spotify.recently_played(user.token(refused=token))


def _note(before: Account, answer: Answer, at: datetime, run: str) -> Account:
    """What Spotify's answer makes of the account; what a user changed meanwhile stands."""
    table, after = access.accounts_table(), answered(before, answer, at, run)
    return after if table.replace(before, after) else table.get(before.account) or before


def _waiting(account: Account) -> dict[str, Any]:
    return {"status": "waiting", "state": account.state, "error": account.what_to_do}
