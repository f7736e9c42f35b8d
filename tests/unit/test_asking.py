"""Asking: one client a process, until Spotify refuses its credentials; waits are everybody's."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError
from soundlake import asking
from soundlake.abilities import Ability
from soundlake.quota import SAFE, Learned
from soundlake.spotify.client import Spotify
from soundlake.spotify.errors import (
    CredentialsError,
    MissingSecretError,
    NotFoundError,
    NotYourTurnError,
    RateLimitedError,
    ReservedError,
)
from soundlake.store.budget import Budget, BudgetTable, Known

from tests.unit.conftest import forget_values
from tests.unit.helpers import (
    BUDGET_TABLE,
    CLIENT_ID,
    DAILY_REQUESTS,
    NORWAY,
    NOW,
    OWNER,
    PREFIX,
    RECCOBEATS,
    FakeReccoBeats,
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


def reads_of(tables: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    reads: list[int] = []
    read = tables.batch_get_item
    monkeypatch.setattr(tables, "batch_get_item", lambda **given: reads.append(1) or read(**given))
    return reads


def test_waits_are_read_before_each_request_and_nothing_else_is(
    spotify: FakeSpotify, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spotify.playlists[NORWAY] = [playlist([])]
    reads = reads_of(tables, monkeypatch)

    client = asking.spotify()
    assert reads == []
    client.playlist(NORWAY)

    assert (len(reads), len(spotify.asked)) == (2, 2)


def test_a_wait_of_another_process_is_seen_in_the_middle_of_a_page(spotify: FakeSpotify) -> None:
    limit()
    spotify.playlists[NORWAY] = [playlist([])]
    client = asking.spotify(beside_captures=True)
    client.playlist(NORWAY)
    mine = Budget(CLIENT_ID, OWNER)
    BudgetTable(BUDGET_TABLE).block(mine, NOW + HOURS, "QUOTA_EXCEEDED", now=NOW)

    with pytest.raises(RateLimitedError, match="wait 3600 s"):
        client.playlist(NORWAY)

    assert len(spotify.asked) == 2


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


def limit(allowed: bool = False) -> None:
    """Whether the app may look several up at once: in development mode it may not."""
    asking.found(Ability.SEVERAL, allowed, "GET /v1/albums?ids=: 403")


def learned(calls: int, ago: timedelta = 30 * HOURS) -> None:
    """A quota that was learned some time ago, of which nothing is spent any more."""
    table, then = BudgetTable(BUDGET_TABLE), NOW - ago
    mine = Budget(CLIENT_ID, OWNER)
    taught = -(-calls * 100 // SAFE)  # of which a little less is asked for
    table.block(mine, then + HOURS, "QUOTA_EXCEEDED", now=then, uncounted=taught)


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
    with pytest.raises(ReservedError, match="captures need 81 and others made 19") as held:
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


#### DRAWS #########################################################################################


def updates_of(tables: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The holder's kind of every write from now on."""
    made: list[str] = []
    update = tables.update_item

    def noted(**given: Any) -> Any:
        made.append(given["Key"]["holder"]["S"].partition("#")[0])
        return update(**given)

    monkeypatch.setattr(tables, "update_item", noted)
    return made


def raising(error: Exception) -> Any:
    """What raises it, whatever it is called with."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


def known() -> Known:
    return BudgetTable(BUDGET_TABLE).known(Budget(CLIENT_ID, OWNER), NOW)


def test_in_development_mode_a_quota_is_assumed(spotify: FakeSpotify) -> None:
    limit()
    made({"albums": DAILY_REQUESTS})

    with pytest.raises(ReservedError, match="about 500 requests a day"):
        asking.spotify(beside_captures=True).app_token()

    asking.spotify().app_token()  # a capture's
    assert spotify.asked == ["POST /api/token"]


def test_what_is_left_of_a_quota_can_be_watched(spotify: FakeSpotify) -> None:
    limit()
    made({"albums": 120, "me/player/recently-played": 30})

    left = asking.InvocationClients().budget_left()

    assert left == DAILY_REQUESTS - 120 - 30
    assert spotify.asked == []


def test_without_a_quota_or_an_app_nothing_is_left_to_be_watched(
    spotify: FakeSpotify, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(allowed=True)
    assert asking.InvocationClients().budget_left() is None

    limit()
    monkeypatch.setattr(
        BudgetTable,
        "known",
        raising(ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "GetItem")),
    )
    assert asking.InvocationClients().budget_left() is None

    missing = MissingSecretError("There is none.")
    monkeypatch.setattr(asking.secrets, "app_credentials", raising(missing))
    assert asking.InvocationClients().budget_left() is None


def test_with_extended_access_none_is_and_no_more_is_written_than_a_count_a_page(
    spotify: FakeSpotify, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(allowed=True)
    made({"albums": 9000})
    spotify.playlists[NORWAY] = [playlist([])]
    updates = updates_of(tables, monkeypatch)

    client = asking.spotify(beside_captures=True)
    for _ in range(60):
        client.playlist(NORWAY)
    assert (updates, sum(each.total() for each in known().calls.values())) == (["calls"], 9050)
    asking.counted(client)

    assert updates == ["calls", "calls"]


def test_a_page_of_requests_is_drawn_counted_and_replaced_by_the_next(
    spotify: FakeSpotify, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit()
    spotify.playlists[NORWAY] = [playlist([])]
    updates = updates_of(tables, monkeypatch)
    client = asking.spotify(beside_captures=True, page=3)

    for _ in range(4):
        client.playlist(NORWAY)  # and a token first
    assert (known().drawn(NOW), updates) == (3, ["owner", "calls", "owner"])
    found = asking.counted(client)

    assert found["counts"] == {"requests": 5}
    assert updates == ["owner", "calls", "owner", "calls", "owner"]
    assert known().drawn(NOW) == 0
    assert sum(each.total() for each in known().calls.values()) == 5


def test_an_invocation_that_broke_off_is_settled_by_the_next(spotify: FakeSpotify) -> None:
    limit()
    asking.spotify(beside_captures=True).app_token()
    assert known().drawn(NOW) == asking.PAGE

    asking.spotify()

    assert known().drawn(NOW) == 0
    assert known().calls == {NOW.replace(minute=0): {"api/token": 1}}


THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")


def test_a_draw_that_could_not_be_dropped_is_by_the_next_invocation(
    spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit()
    client = asking.spotify(beside_captures=True)
    client.app_token()
    with monkeypatch.context() as busy:
        busy.setattr(BudgetTable, "drop", raising(THROTTLED))
        with pytest.raises(ClientError):
            asking.counted(client)
    assert known().drawn(NOW) == asking.PAGE

    asking.spotify()

    assert known().drawn(NOW) == 0
    assert known().calls == {NOW.replace(minute=0): {"api/token": 1}}


def test_a_count_that_did_not_go_is_made_by_the_next_invocation(
    spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = asking.spotify()
    client.app_token()
    with monkeypatch.context() as busy:
        busy.setattr(BudgetTable, "count", raising(THROTTLED))
        with pytest.raises(ClientError):
            asking.counted(client)

    asking.spotify()

    assert known().calls == {NOW.replace(minute=0): {"api/token": 1}}


def test_what_was_asked_with_refused_credentials_is_settled_too(spotify: FakeSpotify) -> None:
    limit()
    client = asking.spotify(beside_captures=True)
    spotify.reply("/api/token", 400, {"error": "invalid_grant"})
    with pytest.raises(CredentialsError):
        client.app_token()  # and its function was killed
    assert known().drawn(NOW) == asking.PAGE

    asking.spotify()

    assert known().drawn(NOW) == 0
    assert known().calls == {NOW.replace(minute=0): {"api/token": 1}}


def test_a_draw_is_dropped_where_no_quota_is_believed_any_more(spotify: FakeSpotify) -> None:
    limit()
    spotify.playlists[NORWAY] = [playlist([])]
    client = asking.spotify(beside_captures=True, page=2)
    client.playlist(NORWAY)
    assert known().drawn(NOW) == 2
    limit(allowed=True)

    client.playlist(NORWAY)
    asking.counted(client)

    assert known().drawn(NOW) == 0


def test_what_captures_will_need_is_kept_for_them_at_first(spotify: FakeSpotify) -> None:
    limit()
    BudgetTable(BUDGET_TABLE).plan(OWNER, DAILY_REQUESTS, NOW)

    with pytest.raises(ReservedError, match="captures need 500"):
        asking.spotify(beside_captures=True).app_token()


def test_who_cannot_draw_gives_up_what_it_drew_before(spotify: FakeSpotify) -> None:
    learned(4)
    spotify.playlists[NORWAY] = [playlist([])]
    client = asking.spotify(beside_captures=True, page=3)
    for _ in range(2):
        client.playlist(NORWAY)
    made({"albums": 2}, timedelta(0))

    with pytest.raises(ReservedError):
        client.playlist(NORWAY)

    assert known().drawn(NOW) == 0
    assert sum(each.total() for each in known().calls.values()) == 5


def test_a_refusal_teaches_what_was_not_counted_yet_once(spotify: FakeSpotify) -> None:
    limit()
    spotify.playlists[NORWAY] = [playlist([])]
    client = asking.spotify(beside_captures=True, page=3)
    for _ in range(3):
        client.playlist(NORWAY)
    quota = {"error": {"status": 429, "reason": "QUOTA_EXCEEDED"}}
    spotify.reply(f"/v1/playlists/{NORWAY}", 429, quota, {"Retry-After": "3600"})
    with pytest.raises(RateLimitedError):
        client.playlist(NORWAY)

    assert known().learned == Learned(5, NOW)


def refuse_a_capture(spotify: FakeSpotify) -> None:
    """Another process, which draws nothing, is told by its token that the quota is spent."""
    forget_values()
    quota = {"error": {"status": 429, "reason": "QUOTA_EXCEEDED"}}
    spotify.reply("/api/token", 429, quota, {"Retry-After": "3600"})
    with pytest.raises(RateLimitedError):
        asking.spotify().app_token()


@pytest.mark.parametrize(("limited", "taught"), [(False, 151), (True, 201)])
def test_a_refusal_teaches_what_others_sent_who_are_still_at_it(
    limited: bool, taught: int, spotify: FakeSpotify
) -> None:
    """151 were made by another, and one by who is refused: too few by less than a page where no
    quota was believed, else too many by less than one."""
    limit(allowed=not limited)
    spotify.playlists[NORWAY] = [playlist([])]
    client = asking.spotify(beside_captures=True)
    for _ in range(150):
        client.playlist(NORWAY)

    refuse_a_capture(spotify)

    assert known().learned == Learned(taught, NOW)


def spaced(monkeypatch: pytest.MonkeyPatch, spotify: FakeSpotify) -> list[float]:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        spotify.pass_time(seconds=seconds)

    monkeypatch.setenv("REQUEST_SPACING_MS", "1000")
    asking.settings.cache_clear()
    monkeypatch.setitem(Spotify.__init__.__kwdefaults__, "sleep", sleep)
    return slept


def test_enrichment_is_spaced_where_a_quota_is_believed_and_captures_never(
    spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = spaced(monkeypatch, spotify)
    spotify.playlists[NORWAY] = [playlist([])]
    for allowed, expected in ((True, []), (False, [1.0, 1.0])):
        limit(allowed)
        clients = asking.InvocationClients()
        for _ in range(3):
            clients.spotify().playlist(NORWAY)
        clients.counted({})
        capture = asking.spotify()
        capture.playlist(NORWAY)
        capture.playlist(NORWAY)
        chart = asking.spotify(beside_captures=True, page=4)
        chart.playlist(NORWAY)
        chart.playlist(NORWAY)
        asking.counted(chart)
        assert slept[: len(expected)] == expected, allowed
        assert len(slept) <= len(expected) + 1  # and one for the token


def test_whose_turn_is_far_away_is_told_so_and_does_not_sleep(
    spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = spaced(monkeypatch, spotify)
    limit()
    second = timedelta(seconds=1)
    mine = Budget(CLIENT_ID, OWNER)
    BudgetTable(BUDGET_TABLE).draw(mine, 50, NOW, assumed=500, spacing=second)

    with pytest.raises(RateLimitedError, match="wait 50 s"):
        asking.InvocationClients().spotify().app_token()

    assert (slept, spotify.asked) == ([], [])


def test_a_page_that_tries_used_up_is_followed_by_the_next(
    spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = spaced(monkeypatch, spotify)
    limit()
    spotify.playlists[NORWAY] = [playlist([])]
    for _ in range(2):
        cut_off = requests.exceptions.ChunkedEncodingError("cut off")
        spotify.reply(f"/v1/playlists/{NORWAY}", error=cut_off)
    client = asking.InvocationClients(9).spotify()
    for _ in range(6):  # and a token first: nine requests at six times
        client.playlist(NORWAY)

    client.playlist(NORWAY)

    assert (slept, len(spotify.asked)) == ([1.0] * 7, 10)


def test_turns_of_another_are_told_as_such_and_a_wait_is_not(
    spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaced(monkeypatch, spotify)
    limit()
    mine, table = Budget(CLIENT_ID, OWNER), BudgetTable(BUDGET_TABLE)
    table.draw(mine, 50, NOW, assumed=500, spacing=timedelta(seconds=1))
    with pytest.raises(NotYourTurnError):
        asking.InvocationClients().spotify().app_token()
    table.block(mine, NOW + HOURS, None, now=NOW)

    with pytest.raises(RateLimitedError) as waits:
        asking.InvocationClients().spotify().app_token()

    assert (type(waits.value), waits.value.retry_after) == (RateLimitedError, 3600)


#### OTHER SOURCES #################################################################################


def test_processes_take_turns_with_a_source(reccobeats: FakeReccoBeats) -> None:
    def ask(clients: asking.InvocationClients) -> None:
        clients.keyless("ReccoBeats", RECCOBEATS, 1.0).get("audio-features", {"ids": "a"})

    one = asking.InvocationClients()
    for _ in range(3):  # it takes one turn, then two
        ask(one)
    asking._keyless.cache_clear()  # another process
    asking.budgets.cache_clear()
    other = asking.InvocationClients()
    ask(other)

    assert reccobeats.slept == [1.0, 1.0, 1.0]


def test_a_double_of_a_source_has_nobody_to_spare(
    reccobeats: FakeReccoBeats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_SPACING", "0")
    forget_values()
    client = asking.keyless("ReccoBeats", RECCOBEATS, 1.0)
    for _ in range(3):
        client.get("audio-features", {"ids": "x"})

    assert reccobeats.slept == []
    assert client.requests == {"reccobeats/audio-features": 3}


def test_where_others_have_the_next_turns_it_is_told_when_and_does_not_sleep(
    reccobeats: FakeReccoBeats,
) -> None:
    theirs = Budget("reccobeats", "reccobeats")
    BudgetTable(BUDGET_TABLE).take_turns(theirs, 7, timedelta(seconds=1), NOW)

    with pytest.raises(RateLimitedError, match=r"^ReccoBeats's rate limit: wait 7 s\.$"):
        asking.keyless("ReccoBeats", RECCOBEATS, 1.0).get("audio-features", {"ids": "a"})

    assert (reccobeats.slept, reccobeats.batches) == ([], [])


def test_turns_that_are_not_needed_are_given_back(
    reccobeats: FakeReccoBeats, spotify: FakeSpotify
) -> None:
    clients = asking.InvocationClients()
    api = clients.keyless("ReccoBeats", RECCOBEATS, 1.0)
    for _ in range(4):  # one turn, two, and four of which it uses one
        api.get("audio-features", {"ids": "a"})

    clients.counted({})

    theirs = Budget("reccobeats", "reccobeats")
    found = BudgetTable(BUDGET_TABLE).take_turns(theirs, 1, timedelta(seconds=1), spotify.now)
    assert found.first - spotify.now == timedelta(seconds=1)


def test_what_was_asked_of_spotify_is_settled_though_no_turn_can_be_given_back(
    reccobeats: FakeReccoBeats,
    spotify: FakeSpotify,
    monkeypatch: pytest.MonkeyPatch,
    logs: StringIO,
) -> None:
    limit()
    clients = asking.InvocationClients()
    clients.spotify().app_token()
    for _ in range(4):
        clients.keyless("ReccoBeats", RECCOBEATS, 1.0).get("audio-features", {"ids": "a"})
    monkeypatch.setattr(BudgetTable, "give_back", raising(THROTTLED))

    found = clients.counted({})

    assert found["requests"] == {"api/token": 1, "reccobeats/audio-features": 4}
    assert known().drawn(spotify.now) == 0
    warning = json.loads(logs.getvalue())
    assert (warning["level"], "ThrottlingException" in warning["message"]) == ("WARNING", True)


def test_a_wait_of_a_source_is_seen_by_who_has_turns_left(
    reccobeats: FakeReccoBeats, spotify: FakeSpotify
) -> None:
    api = asking.keyless("ReccoBeats", RECCOBEATS, 1.0)
    for _ in range(4):
        api.get("audio-features", {"ids": "a"})
    theirs = Budget("reccobeats", "reccobeats")
    until = spotify.now + HOURS
    BudgetTable(BUDGET_TABLE).block(theirs, until, None, now=spotify.now)

    with pytest.raises(RateLimitedError, match="ReccoBeats's rate limit: wait 3599 s"):
        api.get("audio-features", {"ids": "a"})

    assert len(reccobeats.batches) == 4


def test_where_nothing_is_spaced_no_turns_are_taken_and_waits_are_seen_all_the_same(
    reccobeats: FakeReccoBeats, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_SPACING", "0")
    asking.settings.cache_clear()
    updates = updates_of(tables, monkeypatch)
    api = asking.keyless("ReccoBeats", RECCOBEATS, 1.0)
    for _ in range(3):
        api.get("audio-features", {"ids": "a"})
    assert (updates, reccobeats.slept) == ([], [])
    theirs = Budget("reccobeats", "reccobeats")
    BudgetTable(BUDGET_TABLE).block(theirs, NOW + HOURS, None, now=NOW)

    with pytest.raises(RateLimitedError, match="wait 3600 s"):
        api.get("audio-features", {"ids": "a"})

    assert len(reccobeats.batches) == 3
