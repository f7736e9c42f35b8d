"""Asking: one client a process, until Spotify refuses its credentials; waits are everybody's."""

import json
from datetime import timedelta
from typing import Any

import pytest
from soundlake import asking
from soundlake.spotify.errors import CredentialsError, NotFoundError, RateLimitedError
from soundlake.store.budget import Budget

from tests.unit.conftest import forget_values
from tests.unit.helpers import CLIENT_ID, NORWAY, NOW, OWNER, PREFIX, FakeSpotify, playlist

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


def test_an_invocations_requests_are_one_update_of_the_days_counts(
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
    assert asking.budgets().counts(OWNER, NOW.date()) == {"api/token": 1, "playlists/{id}": 3}
    assert asking.budgets().counts(OWNER, NOW.date() - timedelta(days=1)) == {}
