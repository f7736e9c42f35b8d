"""The listeners' accounts: their states, what a user must do, and what Spotify's answers change.

Nothing here asks AWS or Spotify, and nothing reads a clock. Times are aware UTC datetimes.
"""

import calendar
import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from soundlake.texts import shortened
from soundlake.times import TimeError, format_time, parse_time
from soundlake.zones import parse_zone

CONSENT_MONTHS = 6  # Spotify ends every consent so long after it was given, whatever is done
WARN_DAYS = (30, 7)  # before that end
RETRY = timedelta(hours=6)  # what mends without the user, Spotify says, takes a few hours
_WHY = 100  # characters: what is to be done stands after it
ACCOUNT = re.compile(r"[a-z][a-z0-9]{11}")


class AccountError(ValueError):
    """An account's item cannot be read; the text names the account, the attribute, what to do."""


class State(StrEnum):
    """What an account's capture depends on."""

    ACTIVE = "active"
    CONNECTING = "connecting"
    NEEDS_CONSENT = "needs_consent"
    NOT_ALLOWED = "not_allowed"
    NEEDS_PREMIUM = "needs_premium"
    WRONG_APP = "wrong_app"
    DISCONNECTED = "disconnected"
    IMPORTED = "imported"


class Answer(StrEnum):
    """What Spotify answered to an attempt to capture, as far as it concerns the account."""

    PAGE = "page"
    INVALID_GRANT = "invalid_grant"
    NOT_REGISTERED = "not_registered"
    NO_PREMIUM = "no_premium"
    INVALID_CLIENT = "invalid_client"


WHAT_TO_DO: Mapping[State, str] = {
    State.ACTIVE: "Captured by every run; nothing is to be done.",
    State.CONNECTING: (
        "Its consent is being stored; if that lasts longer than a minute, it was cut off: its "
        "listener must agree again with ./soundlake connect."
    ),
    State.NEEDS_CONSENT: (
        "Spotify no longer takes this account's consent (it ends after six months, or was "
        "withdrawn), or its tokens stayed behind when it was restored: its listener must agree "
        "again with ./soundlake connect."
    ),
    State.NOT_ALLOWED: (
        "Spotify does not list this user for the app: add them under User Management at "
        "https://developer.spotify.com/dashboard; capture is tried again every six hours."
    ),
    State.NEEDS_PREMIUM: (
        "Spotify wants the app's owner to have Premium: subscribe again; capture is tried again "
        "every six hours."
    ),
    State.WRONG_APP: (
        "Spotify does not know the app's client id and secret: write the right ones with "
        "./soundlake app, and the next run captures again."
    ),
    State.DISCONNECTED: "Capture was ended here; ./soundlake connect begins it again.",
    State.IMPORTED: (
        "Its history was imported; ./soundlake connect captures what it hears from now on."
    ),
}

# What is tried again without the user having to tell us.
RETRIED = frozenset({State.NOT_ALLOWED, State.NEEDS_PREMIUM, State.WRONG_APP})
# What only a consent ends: nothing is captured, and no capture changes the state.
WITHOUT_CONSENT = frozenset(
    {State.CONNECTING, State.NEEDS_CONSENT, State.DISCONNECTED, State.IMPORTED}
)
# Nobody need do anything about these.
_SETTLED = frozenset({State.ACTIVE, State.DISCONNECTED, State.IMPORTED})
_REFUSED: Mapping[Answer, State] = {
    Answer.NOT_REGISTERED: State.NOT_ALLOWED,
    Answer.NO_PREMIUM: State.NEEDS_PREMIUM,
    Answer.INVALID_CLIENT: State.WRONG_APP,
}


@dataclass(frozen=True, slots=True)
class Account:
    """One listener's account; `name` is Spotify's display name, kept nowhere else.

    `spotify_id`, `name` and `consented_at` are what a consent tells: one whose history was
    imported alone has none of them. `time_zone` is its listener's own (`Europe/Oslo`), where they
    said so.

    `rejected_at` and `rejected_by` are the time and run of a first `invalid_grant`, which is not
    believed yet; `retry_at` is when a state of `RETRIED` is tried again.
    """

    account: str
    spotify_id: str | None
    name: str | None
    state: State
    since: datetime
    consented_at: datetime | None
    rejected_at: datetime | None = None
    rejected_by: str | None = None
    retry_at: datetime | None = None
    last_capture_at: datetime | None = None
    time_zone: str | None = None

    @property
    def what_to_do(self) -> str:
        """One sentence on what the account's state asks of its user."""
        return WHAT_TO_DO[self.state]


@dataclass(frozen=True, slots=True)
class Damaged:
    """An account whose item cannot be read; `error` is AccountError's sentence.

    `spotify_id` is whose it is, where that can still be read.
    """

    account: str
    error: str
    spotify_id: str | None = None


def connecting(account: str, spotify_id: str, name: str, at: datetime) -> Account:
    """A new account of a listener who consented at `at`, before its tokens are stored."""
    return Account(account, spotify_id, name, State.CONNECTING, at, at)


def imported(account: str, at: datetime) -> Account:
    """A new account made by an import at `at`: it has no consent, and nothing is captured."""
    return Account(account, None, None, State.IMPORTED, at, None)


def consenting(before: Account, spotify_id: str, name: str, at: datetime) -> Account:
    """An imported account whose listener consented at `at`, before its tokens are stored."""
    return replace(connecting(before.account, spotify_id, name, at), time_zone=before.time_zone)


def reconnecting(before: Account, at: datetime) -> Account:
    """An account whose new tokens are about to be stored: one that is captured still is."""
    return _moved(before, State.CONNECTING, at) if before.state in WITHOUT_CONSENT else before


def connected(
    account: str, spotify_id: str, name: str, at: datetime, before: Account | None = None
) -> Account:
    """An account whose listener consented at `at`.

    Of the one `before`, the last capture stays, and the time zone.
    """
    new = Account(account, spotify_id, name, State.ACTIVE, at, at)
    if before is None:
        return new
    return replace(new, last_capture_at=before.last_capture_at, time_zone=before.time_zone)


def disconnected(before: Account, at: datetime) -> Account:
    """An account that is not captured from `at` on; one that never was stays as it is."""
    if before.state is State.IMPORTED:
        return before
    quiet = replace(before, rejected_at=None, rejected_by=None, retry_at=None)
    return _moved(quiet, State.DISCONNECTED, at)


def restored(before: Account, at: datetime) -> Account:
    """An account as it comes back at `at` into a stack without its tokens, which stayed behind."""
    if before.state in WITHOUT_CONSENT - {State.CONNECTING}:
        return before
    quiet = replace(before, rejected_at=None, rejected_by=None, retry_at=None)
    return _moved(quiet, State.NEEDS_CONSENT, at)


def hopeful(before: Account) -> Account:
    """An account that is tried again by the next run: what stood in its way was mended."""
    return replace(before, retry_at=None) if before.state in RETRIED else before


def is_due(account: Account, at: datetime) -> bool:
    """Whether an account is to be captured at an instant."""
    if account.state in RETRIED:
        return account.retry_at is None or account.retry_at <= at
    return account.state is State.ACTIVE


def due(accounts: Iterable[Account], at: datetime) -> list[Account]:
    """The accounts to capture at an instant, by name of the account."""
    return sorted((one for one in accounts if is_due(one, at)), key=lambda one: one.account)


def answered(before: Account, answer: Answer, at: datetime, run: str) -> Account:
    """An account after Spotify's answer to the capture of `at` by the execution `run`.

    A first `invalid_grant` is only noted, because Spotify has answered so in passing; one of
    another run after it, with no success between, is believed. What a user ended stays ended.
    """
    if before.state in WITHOUT_CONSENT:
        return before
    if answer is Answer.PAGE:
        quiet = replace(before, rejected_at=None, rejected_by=None, retry_at=None)
        last = max(at, before.last_capture_at or at)
        return replace(_moved(quiet, State.ACTIVE, at), last_capture_at=last)
    if answer is Answer.INVALID_GRANT:
        if before.rejected_by is None:
            return replace(before, rejected_at=at, rejected_by=run)
        if before.rejected_by == run:
            return before
        return _moved(replace(before, retry_at=None), State.NEEDS_CONSENT, at)
    return _moved(replace(before, retry_at=at + RETRY), _REFUSED[answer], at)


def _moved(before: Account, state: State, at: datetime) -> Account:
    return before if before.state is state else replace(before, state=state, since=at)


def consent_ends(account: Account) -> datetime | None:
    """When Spotify ends the account's consent: six calendar months after it was given, if ever."""
    given = account.consented_at
    if given is None:
        return None
    months = given.year * 12 + given.month - 1 + CONSENT_MONTHS
    year, month = divmod(months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return given.replace(year=year, month=month + 1, day=min(given.day, last))


def consent_days_left(account: Account, at: datetime) -> int:
    """The whole days that are left of the account's consent; 0 once it has ended, or without."""
    end = consent_ends(account)
    return 0 if end is None else max((end - at).days, 0)


def least_consent_days_left(accounts: Iterable[Account], at: datetime) -> int | None:
    """The whole days until the first consent ends; None where there is no consent that lasts."""
    lasting = [one for one in accounts if one.state not in WITHOUT_CONSENT]
    return min((consent_days_left(one, at) for one in lasting), default=None)


def waits_for_user(account: Account) -> bool:
    """Whether an account is not captured until its user does something.

    Not where they ended it, or never began it.
    """
    return account.state not in _SETTLED


def consent_warning(account: Account, at: datetime) -> str | None:
    """A sentence where consent ends within 30 days, another within 7; None before, or ended."""
    if account.state in WITHOUT_CONSENT or account.consented_at is None:
        return None
    left, end = consent_days_left(account, at), f"{consent_ends(account):%Y-%m-%d}"
    soon, very_soon = WARN_DAYS
    if left > soon:
        return None
    if left > very_soon:
        return f"Consent ends on {end}, in {left} days; renew it with ./soundlake connect."
    return (
        f"Consent ends on {end}, in {left} day{'' if left == 1 else 's'}: without a new one "
        "(./soundlake connect), capture ends that day and what is played then is lost."
    )


#### ITEMS #########################################################################################

_TIMES = frozenset({"since", "consented_at", "rejected_at", "retry_at", "last_capture_at"})
NAMES = tuple(field.name for field in fields(Account))
_NEEDED = tuple(field.name for field in fields(Account) if field.default is MISSING)
_OF_CONSENT = frozenset({"spotify_id", "name", "consented_at"})


def to_item(account: Account) -> dict[str, str]:
    """An account as texts, times in ISO 8601 (UTC, ms); what is None is left out."""
    values = {name: getattr(account, name) for name in NAMES}
    return {
        name: format_time(value) if name in _TIMES else str(value)
        for name, value in values.items()
        if value is not None
    }


def from_item(item: Mapping[str, str]) -> Account:
    """Read an account back; other attributes are ignored. Raises AccountError."""
    name = item.get("account", "?")
    optional = _OF_CONSENT if item.get("state") == State.IMPORTED else frozenset[str]()
    missing = [each for each in _NEEDED if each not in item and each not in optional]
    if missing:
        raise _damaged(name, f"it has no text {missing[0]!r}")
    values: dict[str, Any] = dict.fromkeys(optional)
    for each in NAMES:
        if each not in item:
            continue
        try:
            values[each] = _value(each, item[each])
        except (TimeError, ValueError) as error:
            raise _damaged(name, f"its {each!r} is wrong: {error}".rstrip(".")) from error
    return Account(**values)


def read_items(items: Iterable[Mapping[str, str]]) -> tuple[list[Account], list[Damaged]]:
    """Read accounts back, each list by name of the account; a damaged one hides no other."""
    accounts: list[Account] = []
    damaged: list[Damaged] = []
    for item in sorted(items, key=lambda item: item["account"]):
        try:
            accounts.append(from_item(item))
        except AccountError as error:
            damaged.append(Damaged(item["account"], str(error), item.get("spotify_id")))
    return accounts, damaged


def _damaged(account: str, why: str) -> AccountError:
    return AccountError(
        f"The item of the account {account} cannot be read ({shortened(why, _WHY)}); "
        "correct or delete it in the table of accounts."
    )


def _value(name: str, text: str) -> Any:
    if name in _TIMES:
        return parse_time(text)
    if name == "time_zone":
        return parse_zone(text)
    return State(text) if name == "state" else text
