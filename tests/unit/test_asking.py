"""Asking: one client a process, until Spotify refuses its credentials; waits are everybody's."""

import json
from datetime import timedelta
from typing import Any

import pytest
from soundlake import asking
from soundlake.quota import Learned
from soundlake.spotify.errors import (
    CredentialsError,
    NotFoundError,
    RateLimitedError,
    ReservedError,
)
from soundlake.store.budget import Budget, BudgetTable

from tests.unit.conftest import forget_values
from tests.unit.helpers import (
    BUDGET_TABLE,
    CLIENT_ID,
    NORWAY,
    NOW,
    OWNER,
    PREFIX,
    FakeSpotify,
    playlist,
)

APP = f"{PREFIX}/spotify/app"


def write(ssm: Any, client_id: str) -> None:
    value = json.dumps({"client_id": client_id, "client_secret": "secret"})
    ssm.put_parameter(Name=APP, Value=value, Type="SecureString", Overwrite=True)


def test_a_warm_process_uses_its_token_again_and_counts_anew(spotify: FakeSpotify) -> None:
    spotify.playlists[NORWAY] = [playlist([])]
    asking.spotify().playlist(NORWAY)

    client = asking.spotify()
    before = dict(client.requests)
    client.playlist(NORWAY)

    assert before == {}
    assert client.requests == {"playlists/{id}": 1}
    assert spotify.asked.count("POST /api/token") == 1


def test_refused_credentials_are_read_afresh(spotify: FakeSpotify, ssm: Any) -> None:
    write(ssm, "wrong")
    before = asking.spotify()
    with pytest.raises(CredentialsError):
        before.app_token()
    write(ssm, "right")

    after = asking.spotify()

    assert after is not before
    assert not after.refused
    assert asking.spotify() is after


def test_a_refused_refresh_token_makes_a_new_client(spotify: FakeSpotify) -> None:
    before = asking.spotify()
    spotify.reply("/api/token", 400, {"error": "invalid_grant"})
    with pytest.raises(CredentialsError):
        before.user_token("ended")

    assert asking.spotify() is not before


def test_credentials_that_were_not_refused_are_held_on_to(spotify: FakeSpotify, ssm: Any) -> None:
    before = asking.spotify()
    with pytest.raises(NotFoundError):
        before.playlist("unknown")
    write(ssm, "written meanwhile")

    assert asking.spotify() is before


def test_a_long_wait_holds_other_processes_too(spotify: FakeSpotify) -> None:
    spotify.reply(f"/v1/playlists/{NORWAY}", 429, {}, {"Retry-After": "3600"})
    with pytest.raises(RateLimitedError):
        asking.spotify().playlist(NORWAY)
    asked = list(spotify.asked)
    forget_values()  # another process
    spotify.pass_time(seconds=600)

    with pytest.raises(RateLimitedError) as refused:
        asking.spotify().playlist(NORWAY)

    assert refused.value.retry_after == 3000
    assert spotify.asked == asked


def test_a_spent_quota_holds_the_owners_other_apps(spotify: FakeSpotify, ssm: Any) -> None:
    quota = {"error": {"status": 429, "reason": "QUOTA_EXCEEDED"}}
    spotify.reply(f"/v1/playlists/{NORWAY}", 429, quota, {"Retry-After": "3600"})
    with pytest.raises(RateLimitedError):
        asking.spotify().playlist(NORWAY)
    forget_values()
    write(ssm, "another app")

    with pytest.raises(RateLimitedError):
        asking.spotify().app_token()

    other = Budget("another app", "somebody else")
    assert asking.budgets().blocked_until(other, NOW) is None


def test_a_short_wait_is_nobody_elses(spotify: FakeSpotify) -> None:
    spotify.reply(f"/v1/playlists/{NORWAY}", 429, {}, {"Retry-After": "300"})
    with pytest.raises(RateLimitedError):
        asking.spotify().playlist(NORWAY)

    assert asking.budgets().blocked_until(Budget(CLIENT_ID, OWNER), NOW) is None


def test_an_invocation_reads_the_budget_once_and_a_warm_one_not_at_all(
    spotify: FakeSpotify, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    read = tables.batch_get_item
    monkeypatch.setattr(tables, "batch_get_item", lambda **given: reads.append(1) or read(**given))

    asking.spotify()
    asking.spotify()
    spotify.pass_time(seconds=31)
    asking.spotify()

    assert len(reads) == 2


def test_an_invocations_requests_are_one_update_of_the_hours_counts(
    spotify: FakeSpotify, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates: list[int] = []
    update = tables.update_item
    monkeypatch.setattr(tables, "update_item", lambda **given: updates.append(1) or update(**given))
    spotify.playlists[NORWAY] = [playlist([])]
    client = asking.spotify()
    for _ in range(3):
        client.playlist(NORWAY)

    found = asking.counted(client, {"playlists/{id}": 4})
    asking.counted(None, {"playlists/{id}": 4})

    assert found["requests"] == {"api/token": 1, "playlists/{id}": 7}
    assert found["counts"] == {"requests": 4}
    assert len(updates) == 1
    hour = NOW.replace(minute=0)
    assert asking.budgets().known(Budget(CLIENT_ID, OWNER), NOW).calls == {
        hour: {"api/token": 1, "playlists/{id}": 3}
    }


#### THE QUOTA #####################################################################################

HOURS = timedelta(hours=1)


def learned(calls: int, ago: timedelta = 30 * HOURS) -> None:
    """A quota that was learned some time ago, of which nothing is spent any more."""
    table, then = BudgetTable(BUDGET_TABLE), NOW - ago
    mine = Budget(CLIENT_ID, OWNER)
    table.block(mine, then + HOURS, "QUOTA_EXCEEDED", now=then, uncounted=calls)


def made(calls: dict[str, int], ago: timedelta = HOURS) -> None:
    BudgetTable(BUDGET_TABLE).count(OWNER, NOW - ago, calls)


def test_a_refusal_teaches_what_was_counted_and_this_invocations_own(
    spotify: FakeSpotify,
) -> None:
    made({"playlists/{id}": 40})
    spotify.playlists[NORWAY] = [playlist([])]
    client = asking.spotify()
    client.playlist(NORWAY)
    quota = {"error": {"status": 429, "reason": "QUOTA_EXCEEDED"}}
    spotify.reply(f"/v1/playlists/{NORWAY}", 429, quota, {"Retry-After": "3600"})
    with pytest.raises(RateLimitedError):
        client.playlist(NORWAY)
    forget_values()

    known = asking.budgets().known(Budget(CLIENT_ID, OWNER), NOW)
    assert known.learned == Learned(43, NOW)  # a token, two pages, and those before


def test_what_captures_need_is_left_to_them(spotify: FakeSpotify) -> None:
    learned(100)
    made({"me/player/recently-played": 70, "api/token": 10, "albums": 19})
    spotify.playlists[NORWAY] = [playlist([])]

    client = asking.spotify(beside_captures=True)
    client.app_token()
    with pytest.raises(ReservedError, match="captures need 80 and others made 19") as held:
        client.playlist(NORWAY)

    assert held.value.retry_after > 300
    assert spotify.asked == ["POST /api/token"]
    asking.spotify().playlist(NORWAY)  # captures' own are not held
    assert len(spotify.asked) == 2


def test_with_nothing_left_not_even_a_token_is_asked_for(spotify: FakeSpotify) -> None:
    learned(100)
    made({"albums": 100})

    with pytest.raises(ReservedError):
        asking.spotify(beside_captures=True).app_token()

    assert spotify.asked == []


def test_where_no_quota_was_ever_met_none_is_kept_to(spotify: FakeSpotify) -> None:
    made({"me/player/recently-played": 5000, "albums": 9000})
    spotify.playlists[NORWAY] = [playlist([])]

    asking.spotify(beside_captures=True).playlist(NORWAY)

    assert len(spotify.asked) == 2


def test_a_warm_process_knows_what_it_has_asked_itself(spotify: FakeSpotify) -> None:
    """What was read of the table is half a minute old, and nobody else's reading is waited for."""
    learned(3)
    spotify.playlists[NORWAY] = [playlist([])]
    for _ in range(2):
        client = asking.spotify(beside_captures=True)
        client.playlist(NORWAY)
        asking.counted(client)

    with pytest.raises(ReservedError):
        asking.spotify(beside_captures=True).playlist(NORWAY)


def test_a_long_wait_comes_before_the_reserve(spotify: FakeSpotify) -> None:
    learned(100, ago=timedelta(0))
    made({"albums": 100})

    with pytest.raises(RateLimitedError, match="Spotify's rate limit: wait 3600 s"):
        asking.spotify(beside_captures=True).app_token()
