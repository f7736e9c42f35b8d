"""A user's token: kept, refreshed by one caller alone, and usable whatever is killed."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from soundlake import access
from soundlake.spotify.errors import InvalidGrantError, UnavailableError
from soundlake.spotify.models import Token
from soundlake.store import secrets
from soundlake.store.accounts import LEASE, AccountsTable
from soundlake.store.secrets import UserTokens
from soundlake.tokens import BusyError, UserAccess

from tests.unit.helpers import ACCOUNT, NOW, PREFIX, REFRESH_TOKEN, Killed

NAME = f"{PREFIX}/accounts/{ACCOUNT}/token"


class Rotating:
    """A Spotify that gives a new refresh token each time; the old one ends with its first use."""

    def __init__(self, *, rotates: bool = True) -> None:
        self.now = NOW
        self.valid = {REFRESH_TOKEN}
        self.used: list[str] = []
        self.access: list[str] = []
        self.before: Callable[[], None] = lambda: None
        self._replaces: dict[str, str] = {}
        self._rotates = rotates

    def machine_time(self) -> Any:
        return self.now

    def user_token(self, refresh: str) -> Token:
        self.before()
        self.used.append(refresh)
        if refresh not in self.valid:
            raise InvalidGrantError("no")
        self.valid.discard(self._replaces.pop(refresh, ""))
        new = None
        if self._rotates:
            new = f"rotated-{len(self.used)}"
            self.valid.add(new)
            self._replaces[new] = refresh
        self.access.append(f"access-{len(self.used)}")
        return Token(access_token=self.access[-1], expires_in=3600, refresh_token=new)


@pytest.fixture
def rotating(ssm: Any) -> Rotating:
    return Rotating()


@pytest.fixture
def table(ssm: Any) -> AccountsTable:
    return access.accounts_table()


def user(spotify: Any, by: str = "run-1") -> UserAccess:
    return UserAccess(spotify, access.accounts_table(), PREFIX, ACCOUNT, by)


def kept() -> UserTokens:
    return secrets.user_tokens(PREFIX, ACCOUNT)


#### KEPT AND REFRESHED ############################################################################


def test_a_token_is_used_until_a_minute_before_its_end(rotating: Rotating) -> None:
    first = user(rotating).token()
    rotating.now += timedelta(seconds=3539)
    again = user(rotating, "run-2").token()
    rotating.now += timedelta(seconds=1)
    other = user(rotating, "run-3").token()

    assert (first, again, other) == ("access-1", "access-1", "access-2")
    assert rotating.used == [REFRESH_TOKEN, "rotated-1"]


def test_what_rotated_is_kept_with_the_token_before(rotating: Rotating) -> None:
    user(rotating).token()

    assert kept() == UserTokens(
        "rotated-1", REFRESH_TOKEN, "access-1", NOW + timedelta(seconds=3600)
    )


def test_what_did_not_rotate_stays(ssm: Any) -> None:
    user(Rotating(rotates=False)).token()

    assert kept() == UserTokens(REFRESH_TOKEN, None, "access-1", NOW + timedelta(seconds=3600))


def test_a_new_refresh_token_that_worked_ends_the_one_before_it(rotating: Rotating) -> None:
    user(rotating).token()
    rotating.now += timedelta(hours=1)

    user(rotating).token()

    assert (kept().refresh_token, kept().previous) == ("rotated-2", "rotated-1")
    assert rotating.valid == {"rotated-1", "rotated-2"}


def test_a_refused_access_token_is_refreshed_before_its_end(rotating: Rotating) -> None:
    first = user(rotating).token()

    assert user(rotating).token(refused=first) == "access-2"
    assert user(rotating, "run-2").token(refused=first) == "access-2"
    assert len(rotating.used) == 2


def test_a_refused_new_refresh_token_is_replaced_by_the_one_before(rotating: Rotating) -> None:
    secrets.keep_user_tokens(PREFIX, ACCOUNT, UserTokens("never worked", REFRESH_TOKEN))

    assert user(rotating).token() == "access-2"
    assert rotating.used == ["never worked", REFRESH_TOKEN]
    assert (kept().refresh_token, kept().previous) == ("rotated-2", REFRESH_TOKEN)


@pytest.mark.parametrize("previous", [None, "ended too"])
def test_an_ended_consent_is_raised_and_nothing_is_lost(
    previous: str | None, rotating: Rotating, table: AccountsTable
) -> None:
    before = UserTokens("ended", previous)
    secrets.keep_user_tokens(PREFIX, ACCOUNT, before)

    with pytest.raises(InvalidGrantError):
        user(rotating).token()

    assert kept() == before
    assert table.lease(ACCOUNT, "run-2", NOW)


def test_a_failed_refresh_gives_the_lease_back(rotating: Rotating, table: AccountsTable) -> None:
    def broken() -> None:
        raise UnavailableError("Spotify is away.")

    rotating.before = broken
    with pytest.raises(UnavailableError):
        user(rotating).token()

    assert table.lease(ACCOUNT, "run-2", NOW)


#### ONE CALLER AT A TIME ##########################################################################


def test_without_the_lease_nobody_refreshes(rotating: Rotating, table: AccountsTable) -> None:
    assert table.lease(ACCOUNT, "run-2", NOW)

    with pytest.raises(BusyError) as busy:
        user(rotating).token()

    assert busy.value.retry_after == 2
    assert rotating.used == []
    rotating.now += LEASE + timedelta(seconds=1)
    assert user(rotating).token() == "access-1"


def test_a_token_that_is_good_needs_no_lease(rotating: Rotating, table: AccountsTable) -> None:
    user(rotating).token()
    assert table.lease(ACCOUNT, "run-2", NOW)

    assert user(rotating).token() == "access-1"


def test_after_getting_the_lease_it_looks_again(
    rotating: Rotating, table: AccountsTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = AccountsTable.lease

    def late(self: AccountsTable, *given: Any) -> bool:
        monkeypatch.setattr(AccountsTable, "lease", take)
        user(rotating, "run-2").token()  # another one is done just before we get it
        return take(self, *given)

    monkeypatch.setattr(AccountsTable, "lease", late)

    assert user(rotating).token() == "access-1"
    assert rotating.used == [REFRESH_TOKEN]


def test_two_callers_at_once_refresh_once(rotating: Rotating) -> None:
    refused: list[BusyError] = []

    def other() -> None:
        rotating.before = lambda: None
        with pytest.raises(BusyError) as busy:
            user(rotating, "run-2").token()
        refused.append(busy.value)

    rotating.before = other

    assert user(rotating).token() == "access-1"
    assert len(refused) == 1
    assert user(rotating, "run-2").token() == "access-1"
    assert rotating.used == [REFRESH_TOKEN]


def test_tokens_of_a_new_consent_are_not_overwritten(
    rotating: Rotating, table: AccountsTable
) -> None:
    new = UserTokens("of the new consent")

    def connect() -> None:
        assert table.seize(ACCOUNT, "connect", NOW)
        secrets.keep_user_tokens(PREFIX, ACCOUNT, new)

    rotating.before = connect
    with pytest.raises(BusyError):
        user(rotating).token()

    assert kept() == new


#### KILLED ########################################################################################


class Deadly:
    """Ends the process at its nth call of AWS or Spotify: before it is done, or right after."""

    def __init__(self, at: int, *, done: bool) -> None:
        self.calls: list[str] = []
        self._at, self._done = at, done
        self._dead = False

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*given: Any, **options: Any) -> Any:
            if self._dead:
                raise Killed
            self.calls.append(name)
            if len(self.calls) != self._at:
                return call(*given, **options)
            self._dead = True
            if self._done:
                call(*given, **options)
            raise Killed

        return dying


CALLS = [
    "get_parameter",  # is there a good token?
    "update_item",  # the lease
    "get_parameter",  # and now?
    "get_parameter",
    "user_token",
    "update_item",  # still ours?
    "put_parameter",
    "update_item",  # the lease, back
]


@pytest.fixture
def deadly(
    rotating: Rotating, tables: Any, ssm: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int, bool], Deadly]]:
    with monkeypatch.context() as patched:

        def arm(at: int, done: bool) -> Deadly:
            one = Deadly(at, done=done)
            for client, name in (
                (tables, "update_item"),
                (ssm, "get_parameter"),
                (ssm, "put_parameter"),
                (rotating, "user_token"),
            ):
                patched.setattr(client, name, one.around(name, getattr(client, name)))
            return one

        arm.disarm = patched.undo  # type: ignore[attr-defined]
        yield arm


def test_these_are_the_calls_of_a_refresh(deadly: Any, rotating: Rotating) -> None:
    armed = deadly(99, False)

    assert user(rotating).token() == "access-1"
    assert armed.calls == CALLS


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("at", range(1, len(CALLS) + 1))
@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_whatever_kills_it_the_account_stays_usable(
    rounds: int, at: int, done: bool, deadly: Any, rotating: Rotating
) -> None:
    for number in range(rounds):
        user(rotating, f"before-{number}").token()
        rotating.now += timedelta(hours=1)
    deadly(at, done)
    with pytest.raises(Killed):
        user(rotating).token()
    deadly.disarm()

    # The same execution may go on at once, another one when the lease has ended.
    same = rotating.now
    assert user(rotating).token() in rotating.access
    rotating.now = same + LEASE + timedelta(hours=1)
    for number in range(3):
        assert user(rotating, f"after-{number}").token() == rotating.access[-1]
        rotating.now += timedelta(hours=1)
    assert kept().refresh_token in rotating.valid


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("at", range(1, len(CALLS) + 1))
def test_another_caller_goes_on_when_the_lease_has_ended(
    at: int, done: bool, deadly: Any, rotating: Rotating
) -> None:
    deadly(at, done)
    with pytest.raises(Killed):
        user(rotating).token()
    deadly.disarm()

    rotating.now += LEASE + timedelta(seconds=1)

    assert user(rotating, "run-2").token() in rotating.access


def test_no_token_is_in_the_table(rotating: Rotating, tables: Any) -> None:
    user(rotating).token()

    text = json.dumps(tables.scan(TableName=access.accounts_table().name)["Items"])
    for token in (*rotating.access, *rotating.valid, *rotating.used):
        assert token not in text
