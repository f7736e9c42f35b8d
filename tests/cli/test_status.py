"""The lake at a glance: requests and accounts, and the same for scripts."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws
from rich.console import Console
from soundlake.abilities import Ability, Finding
from soundlake.accounts import Account, State, connected
from soundlake.enriching.progress import Day
from soundlake.store.abilities import AbilitiesTable
from soundlake.store.budget import Budget, BudgetTable
from soundlake.store.queue import KEY, Queue, encode

from cli import access, accounts, queue, quota, services, status
from cli.errors import Trouble
from cli.lake import Size
from cli.target import Target

from .conftest import stack_of_tables

NOW = datetime(2026, 11, 21, 9, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINE = Budget("a-client-id", "somebody")
OTHER = "b12345678901"


class FakeStates:
    """Step Functions with one finished run of each machine."""

    def list_executions(self, stateMachineArn: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        ran = {"startDate": NOW, "stopDate": NOW + timedelta(seconds=9.5)}
        failed = stateMachineArn == "daily"
        return {"executions": [ran | {"status": "FAILED" if failed else "SUCCEEDED"}]}


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """A deployed stack with one account."""
    with mock_aws():
        stack = stack_of_tables(
            {
                "CaptureStateMachineArn": "capture",
                "DataBucket": "the-data",
                "DailyStateMachineArn": "daily",
                "ImportStateMachineArn": "import",
                "AuditStateMachineArn": "audit",
            }
        )
        stack.__dict__["states"] = FakeStates()
        where: Any = {"LocationConstraint": "eu-north-1"}
        stack.s3.create_bucket(Bucket="the-data", CreateBucketConfiguration=where)
        add(stack, "a12345678901")
        app = json.dumps({"client_id": MINE.client_id, "client_secret": "s"})
        stack.ssm.put_parameter(Name="/soundlake/test/spotify/app", Value=app, Type="SecureString")
        monkeypatch.setattr(status, "stack_state", lambda _: ("CREATE_COMPLETE", {}))
        monkeypatch.setattr(status, "sizes", lambda _: {"plays": Size(1234, 2, 2048)})
        day = {"account": "a12345678901", "day": "2026-11-20", "certainty": "observed", "plays": 7}
        monkeypatch.setattr(status.days, "latest", lambda _: [day])
        monkeypatch.setattr(status.machines, "now", lambda: NOW)
        yield stack


def add(stack: Target, name: str, **changes: Any) -> Account:
    account = replace(connected(name, f"spotify-{name}", "Somebody", NOW), **changes)
    assert accounts.table(stack).create(account)
    return account


def budget(stack: Target) -> BudgetTable:
    return BudgetTable("the-budget", stack.dynamodb)


def asked(stack: Target, captured: int | None = 1) -> list[str]:
    return list(quota.lines(quota.facts(stack, captured, NOW)))


def said(stack: Target, now: datetime = NOW) -> list[str]:
    return list(accounts.lines(accounts.summary(stack, now)))


#### REQUESTS ######################################################################################


def test_requests_of_the_last_day_are_told_by_what_they_are_for(target: Target) -> None:
    budget(target).count(
        MINE.owner,
        NOW - 20 * HOUR,
        {"me/player/recently-played": 1360, "api/token": 120, "me": 1, "playlists/{id}": 20},
    )
    budget(target).count(MINE.owner, NOW, {"albums": 10, "audio-analysis/{id}": 2})
    budget(target).count(MINE.owner, NOW - 30 * HOUR, {"albums": 999})

    assert asked(target, 5) == [
        "1,513 in the last 24 hours: captures 1,360, charts 20, enrichment 12, tokens 120, "
        "others 1.",
        "No limit was ever met.",
        "Captures need 360 pages and 120 tokens a day: 5 accounts, every 20 minutes.",
    ]


def test_where_nothing_was_asked_yet(target: Target) -> None:
    assert asked(target)[0] == "0 in the last 24 hours."
    assert asked(target)[2] == (
        "Captures need 72 pages and 24 tokens a day: 1 account, every 20 minutes."
    )
    assert len(asked(target, None)) == 2


def test_what_was_learned_and_until_when_nothing_may_be_asked(target: Target) -> None:
    table = budget(target)
    table.count(MINE.owner, NOW - HOUR, {"me/player/recently-played": 300, "albums": 599})
    table.block(MINE, NOW + 20 * HOUR, "QUOTA_EXCEEDED", now=NOW, uncounted=1)

    lines = asked(target)

    assert lines[1:4] == [
        "Spotify seems to allow 855 a day: it refused on 2026-11-21 after 900.",
        "Kept for captures 300, spent on all else 599; left for charts and enrichment: 0, so they "
        "wait.",
        "It rises not before 2026-12-21, and after 7 days on which all is used and nothing "
        "refused, by 5 %.",
    ]
    assert lines[5] == "Spotify may not be asked until 2026-11-22 05:18 UTC: its quota is spent."


@pytest.mark.parametrize(
    ("reason", "says"), [(None, "its rate limit was met"), ("ODD", "it says ODD")]
)
def test_a_wait_of_the_app_alone_is_told_too(reason: str | None, says: str, target: Target) -> None:
    budget(target).block(MINE, NOW + HOUR, reason, now=NOW)

    assert asked(target)[3] == f"Spotify may not be asked until 2026-11-21 10:18 UTC: {says}."
    assert asked(target)[1] == "No limit was ever met."
    assert len(list(quota.lines(quota.facts(target, 1, NOW + HOUR)))) == 3


def test_more_that_passed_than_was_learned_is_said(target: Target) -> None:
    then = NOW - 40 * HOUR
    budget(target).block(MINE, then + HOUR, "QUOTA_EXCEEDED", now=then, uncounted=100)
    budget(target).count(MINE.owner, NOW, {"albums": 150})

    assert asked(target)[1:3] == [
        "Spotify seems to allow 150 a day: as many have passed since it refused for the quota on "
        "2026-11-19.",
        "Kept for captures 0, spent on all else 150; left for charts and enrichment: 0, so they "
        "wait.",
    ]


def may_look_up_several(target: Target, allowed: bool = False) -> None:
    table = AbilitiesTable("the-budget", target.dynamodb)
    table.found(MINE.client_id, Finding(Ability.SEVERAL, allowed, NOW, "GET /v1/albums?ids="))


def test_what_is_assumed_is_said_with_what_is_drawn_and_planned(target: Target) -> None:
    may_look_up_several(target)
    budget(target).plan(MINE.owner, 96, NOW)
    budget(target).draw(MINE, 50, NOW, assumed=500)

    assert asked(target)[1:4] == [
        "Spotify seems to allow 500 a day: assumed (DailyRequests), as the app's access is no "
        "several.",
        "Kept for captures 96, spent on all else 0, 50 drawn and not counted yet; left for charts "
        "and enrichment: 354.",
        "It rises after 7 days on which all is used and nothing refused, by 5 %.",
    ]


def test_what_was_raised_is_said(target: Target) -> None:
    may_look_up_several(target)
    for days in range(13, 0, -1):
        now = NOW - days * timedelta(days=2)
        budget(target).count(MINE.owner, now, {"albums": 525})
        assert budget(target).draw(MINE, 50, now, assumed=500).granted == 0

    assert asked(target)[1:4] == [
        "Spotify seems to allow 525 a day: assumed (DailyRequests), as the app's access is no "
        "several, raised since.",
        "Kept for captures 0, spent on all else 0; left for charts and enrichment: 525.",
        "It rises after 1 day on which all is used and nothing refused, by 5 %.",
    ]


def test_with_extended_access_nothing_is_assumed(target: Target) -> None:
    may_look_up_several(target, allowed=True)

    assert asked(target)[1] == "No limit was ever met."


def test_without_an_app_it_says_how_to_store_one(target: Target) -> None:
    target.ssm.delete_parameter(Name="/soundlake/test/spotify/app")

    assert "./soundlake app" in asked(target)[-1]


#### ACCOUNTS ######################################################################################


def test_how_many_are_captured_is_one_line(target: Target) -> None:
    assert said(target) == ["1 of 1 captured."]
    add(target, OTHER, state=State.DISCONNECTED)
    assert said(target) == ["1 of 2 captured; 1 ended here."]


def test_whom_somebody_must_see_to_is_named_with_what_to_do(target: Target) -> None:
    waiting = add(target, OTHER, state=State.NEEDS_PREMIUM)
    add(target, "c12345678901", consented_at=NOW - timedelta(days=160))

    assert said(target) == [
        "2 of 3 captured.",
        f"{OTHER}: {waiting.what_to_do}",
        "c12345678901: Consent ends on 2026-12-14, in 23 days; renew it with ./soundlake connect.",
    ]


def test_without_accounts_it_says_how_to_connect_one(target: Target) -> None:
    accounts.table(target).delete("a12345678901")

    assert said(target) == ["None is connected yet; connect one with ./soundlake connect."]


#### THE QUEUE ####################################################################################


def ran(day: int, came: int, done: int, left: int, analyses: int = 0) -> Day:
    """A day's runs, as far as albums and analyses go."""
    counts = (
        {"albums": n, "audio_analysis": m} for n, m in ((came, 9), (done, 5), (left, analyses))
    )
    return Day(date(2026, 11, day), *counts)


def put(stack: Target, *days: Day) -> None:
    stack.s3.put_object(Bucket="the-data", Key=KEY, Body=encode(Queue(days=days)))


def of_queue(stack: Target) -> list[str]:
    return list(queue.lines(queue.facts(stack)))


def test_the_queues_length_and_the_day_it_will_be_empty_are_told(target: Target) -> None:
    put(target, ran(18, 1500, 100, 1400), ran(19, 20, 130, 1290), ran(20, 10, 100, 1200, 1750))

    assert of_queue(target) == [
        "2,950 wait to be looked up, as of the run of 2026-11-20:",
        "  1,200 albums: done about 2026-12-02 (110 a day finished, 10 came).",
        "  1,750 audio analyses: never at this rate (5 a day finished, 6 came).",
        "Rates are means since 2026-11-18: what runs finished, what was new.",
    ]
    found = status.facts(target, NOW)["queue"]
    assert found == json.loads(json.dumps(found))
    assert (found["left"], found["measured_since"]) == (2950, "2026-11-18")
    assert found["kinds"]["albums"] == {
        "left": 1200,
        "done_a_day": 110.0,
        "came_a_day": 10.0,
        "empty_on": "2026-12-02",
    }


def test_an_empty_queue_says_so(target: Target) -> None:
    put(target, ran(20, 10, 10, 0))

    assert of_queue(target) == ["Nothing waits to be looked up, as of the run of 2026-11-20."]


def test_a_damaged_queue_is_told_and_hides_nothing_else(target: Target) -> None:
    target.s3.put_object(Bucket="the-data", Key=KEY, Body=b"PAR1")

    text = printed(target)

    assert "Queue    queue/enrichment.parquet is not the enrichment queue: it is made anew" in text
    assert "Next: " in text


#### ALL OF IT #####################################################################################


def printed(stack: Target) -> str:
    console = Console(file=io.StringIO(), width=100, no_color=True)
    status.show(stack, NOW, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_everything_is_shown_at_a_glance(target: Target) -> None:
    lines = printed(target).splitlines()

    assert lines[0] == "Stack    soundlake-test in eu-north-1: CREATE_COMPLETE"
    assert "Accounts 1 of 1 captured." in lines
    assert "Requests 0 in the last 24 hours." in lines
    assert "         No limit was ever met." in lines
    assert "Queue    Nothing was looked up yet; the daily run does." in lines
    assert any(line.split() == ["plays", "1,234", "2"] for line in lines)
    assert "daily     2026-11-21 09:18:00       9.5   FAILED" in " ".join(lines)
    assert any(line.startswith("Days     a12345678901") for line in lines)
    assert lines[-1] == "Next: ./soundlake logs daily says why; then ./soundlake run daily."


def test_what_the_app_may_do_is_told_as_it_was_found(target: Target) -> None:
    table = AbilitiesTable("the-budget", target.dynamodb)
    assert told(target) == ["Unknown: nobody has looked yet; ./soundlake doctor does."]

    found = [Finding(each, each is not Ability.SEVERAL, NOW, "made up") for each in Ability]
    table.probed(MINE.client_id, found, NOW - timedelta(days=1))
    assert told(target) == ["A mixture: no several at once (probed on 2026-11-20)."]

    table.want_probe(MINE.client_id, NOW)
    assert told(target)[1:] == [
        "The next daily run probes again: an answer contradicted what was known."
    ]

    target.ssm.delete_parameter(Name="/soundlake/test/spotify/app")
    (line,) = [line for line in printed(target).splitlines() if line.startswith("Access")]
    assert "./soundlake app" in line


def told(stack: Target) -> list[str]:
    return list(access.lines(access.facts(stack, NOW)))


def test_on_this_machine_the_local_spotifys_mode_stands_beside_it(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = services.Running("made-up", None, "eu-north-1", 4566, 4580)
    monkeypatch.setattr(status.services, "running", lambda: state)
    monkeypatch.setattr(status.services, "access", lambda found: f"mode of {found.world}")
    local = replace(target, endpoint=state.endpoint)

    found = status._stack(local)
    console = Console(file=io.StringIO(), width=100, no_color=True)
    status._show_stack(found, console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[1:] == [
        "World    made-up",
        "AWS      http://127.0.0.1:4566",
        "Spotify  http://127.0.0.1:4580, in access mode mode of made-up",
    ]
    assert found["answers_as"] == "mode of made-up"
    assert "answers_as" not in status._stack(target)


def test_an_import_is_nothing_to_do_until_one_failed() -> None:
    well = [{"machine": machine, "result": "SUCCEEDED"} for machine in ("capture", "daily")]

    assert status._next(well).startswith("Next: ./soundlake query ")
    assert status._next(well[:1]) == "Next: ./soundlake run daily."
    assert status._next([*well, {"machine": "import", "result": "FAILED"}]) == (
        "Next: ./soundlake logs import says why; then ./soundlake import FILE."
    )
    assert status._next([*well, {"machine": "audit", "result": "FAILED"}]) == (
        "Next: ./soundlake logs audit says why; then ./soundlake audit."
    )


def test_without_a_stack_that_is_said_once(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "stack_state", lambda _: (None, {}))
    monkeypatch.setattr("cli.target.stack_state", lambda _: (None, {}))
    del target.__dict__["outputs"]
    text = io.StringIO()
    with pytest.raises(Trouble, match="There is no stack"):
        status.show(target, NOW, Console(file=text, width=200))
    assert text.getvalue() == f"Stack    {target.stack} in {target.region}: missing\n"


def test_scripts_are_told_the_same(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    status.show(target, NOW, Console(), as_json=True)

    found = json.loads(capsys.readouterr().out)
    assert found == status.facts(target, NOW)
    assert list(found) == [
        *("stack", "access", "runs", "accounts", "requests", "queue", "lake", "next")
    ]
    assert (found["access"]["mode"], found["access"]["refused"]) == ("unknown", [])
    assert found["accounts"]["captured"] == 1
    assert found["requests"]["captures_a_day"]["pages"] == 72
    assert found["requests"]["believed"] is None
    assert found["lake"]["tables"] == {"plays": {"rows": 1234, "objects": 2}}
    assert found["lake"]["days"][0]["certainty"] == "observed"
    assert found["runs"][1] == {
        "machine": "daily",
        "started": "2026-11-21T09:18:00.000Z",
        "seconds": 9.5,
        "result": "FAILED",
    }


def test_a_part_that_cannot_be_told_hides_no_other(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Target) -> None:
        raise Trouble("Athena is [away].")

    monkeypatch.setattr(status, "sizes", broken)
    target.dynamodb.put_item(TableName="the-accounts", Item={"account": {"S": "broken"}})
    del target.outputs["QuotaOwner"]

    text = printed(target)
    found = status.facts(target, NOW)

    assert "The tables cannot be counted now: Athena is [away]." in text
    assert "Requests The stack soundlake-test has no output QuotaOwner; deploy it again." in text
    assert "Next: " in text
    assert found["accounts"]["waiting"][-1]["account"] == "broken"
    assert found["lake"] == {"problem": "Athena is [away]."}
