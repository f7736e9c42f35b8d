"""The last runs and what failed in them; one run's log lines."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from rich.console import Console

from cli import __main__ as cli
from cli import logs, runs
from cli.errors import Misuse
from cli.target import MACHINES, Target

ARN = "arn:aws:states:eu-north-1:123456789012"
T0 = datetime(2026, 11, 21, 9, tzinfo=UTC)
Command = Callable[..., tuple[int, str, str]]


def arn(machine: str, name: str) -> str:
    return f"{ARN}:execution:{machine}:{name}"


class FakeStates:
    """Step Functions with four runs; the second daily one failed over two charts."""

    runs: tuple[tuple[str, str, int, str], ...] = (
        ("capture", "aaaa-1", 0, "SUCCEEDED"),
        ("daily", "bbbb-1", 10, "SUCCEEDED"),
        ("daily", "bbcc-2", 20, "FAILED"),
        ("capture", "dddd-2", 30, "RUNNING"),
    )
    trace = "Root=1-aa-bb;Sampled=1"

    def _of(self, name: str) -> dict[str, Any]:
        (machine, _, minute, status), *_ = [one for one in self.runs if one[1] == name]
        began = T0 + timedelta(minutes=minute)
        found = {"executionArn": arn(machine, name), "status": status, "startDate": began}
        if status != "RUNNING":
            found["stopDate"] = began + timedelta(seconds=12)
        if status == "FAILED":
            found |= {"error": "NotAllCharts", "cause": "Not all charts: daily-NO (503)"}
        return found | {"traceHeader": self.trace}

    def list_executions(self, stateMachineArn: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        machine = stateMachineArn.rpartition(":")[2]
        own = [name for kind, name, _, _ in self.runs if kind == machine]
        return {"executions": [self._of(name) for name in own[::-1]]}

    def get_paginator(self, _: str) -> "FakeStates":
        return self

    def paginate(self, stateMachineArn: str, **_: Any) -> list[dict[str, Any]]:  # noqa: N803
        return [self.list_executions(stateMachineArn)]

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return self._of(executionArn.rpartition(":")[2])

    def get_execution_history(self, executionArn: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        name = executionArn.rpartition(":")[2]
        steps: dict[str, list[tuple[str, Any]]] = {
            "bbcc-2": [
                ("RecordSuccess", {"chart": "daily-SE", "status": "loaded", "rows": 50}),
                (
                    "RecordFailure",
                    {"chart": "daily-NO", "status": "failed", "stage": "Extract", "error": "503"}
                    | {"requests": {"playlists/{id}": 3}},
                ),
            ],
            "eeee-1": [("Survey", {"survey": {"parts": [{}]}})],
            "aaaa-1": [
                (
                    "CaptureAccounts",
                    {
                        "accounts": [
                            {"account": "a1", "status": "captured", "new": 4, "late": 1},
                            {"account": "a2", "status": "failed", "error": "Derive: boom"},
                            {"account": "a3", "status": "waiting", "error": "Connect again."},
                        ]
                    },
                )
            ],
        }
        events = [
            {
                **{"id": number, "type": "PassStateExited", "timestamp": T0},
                "stateExitedEventDetails": {"name": state, "output": json.dumps(output)},
            }
            for number, (state, output) in enumerate(steps.get(name, ()), 1)
        ]
        return {"events": events[::-1]}


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Target:
    session = boto3.Session("testing", "testing", region_name="eu-north-1")
    stack = Target(session, "soundlake-test")
    stack.__dict__["outputs"] = {
        output: f"{ARN}:stateMachine:{name}" for name, output in MACHINES.items()
    }
    stack.__dict__["states"] = FakeStates()
    monkeypatch.setattr(cli, "choose", lambda *_: stack)
    return stack


def test_the_last_runs_of_all_machines_are_numbered_from_the_last(target: Target) -> None:
    found = runs.listed(target)

    assert [(one.number, one.machine, one.name) for one in found] == [
        (1, "capture", "dddd-2"),
        (2, "daily", "bbcc-2"),
        (3, "daily", "bbbb-1"),
        (4, "capture", "aaaa-1"),
    ]


@pytest.mark.parametrize(
    ("which", "name"),
    [
        ("1", "dddd-2"),
        ("4", "aaaa-1"),
        ("bbcc-2", "bbcc-2"),
        ("bbc", "bbcc-2"),
        (arn("daily", "bbbb-1"), "bbbb-1"),
        ("daily", "bbcc-2"),
    ],
)
def test_a_run_is_meant_by_number_id_or_machine(which: str, name: str, target: Target) -> None:
    assert runs.chosen(target, which).name == name


@pytest.mark.parametrize(
    ("which", "says"),
    [
        ("bb", "2 runs begin with 'bb'"),
        ("zz", "no run 'zz'; ./soundlake runs lists .* last one being 1, dddd-2"),
        ("9", "no run '9'"),
        ("import", "import has not run yet"),
    ],
)
def test_a_run_that_is_not_one_is_refused(which: str, says: str, target: Target) -> None:
    with pytest.raises(Misuse, match=says):
        runs.chosen(target, which)


def test_a_run_that_the_list_no_longer_has_is_found_by_its_id(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred captures are a day and a half; `why` names runs of up to 90 days."""
    known = runs.listed(target)
    monkeypatch.setattr(runs, "listed", lambda *_: known[:1])

    assert runs.chosen(target, "aaaa-1").name == "aaaa-1"
    assert runs.chosen(target, "aaa").name == "aaaa-1"


def test_a_run_of_the_audit_is_shown(target: Target, command: Command) -> None:
    target.__dict__["states"].runs = (("audit", "eeee-1", 0, "FAILED"),)
    code, out, _ = command("runs", "audit")
    assert code == 0
    assert "✗ audit failed: eeee-1" in out


@pytest.mark.parametrize(
    ("status", "why"),
    [("ABORTED", "somebody aborted it"), ("TIMED_OUT", "it took longer than the machine may")],
)
def test_an_end_without_a_cause_is_told(
    status: str, why: str, target: Target, command: Command
) -> None:
    target.__dict__["states"].runs = (("daily", "eeee-1", 0, status),)
    assert why in command("runs", "daily")[1]
    assert why in command("runs")[1]


def test_the_list_shortens_what_a_run_says_of_many_charts(
    target: Target, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_WHY", 20)
    assert "  2   Not all charts: d...\n" in command("runs")[1]
    assert "daily-NO (503)" in command("runs", "2")[1]


def test_where_nothing_ran_that_is_said(target: Target, command: Command) -> None:
    target.__dict__["states"].runs = ()

    with pytest.raises(Misuse, match="Nothing has run yet"):
        runs.chosen(target, "1")
    assert command("runs")[1] == "Nothing has run yet; ./soundlake run capture does.\n"


def test_the_list_says_why_a_run_failed(target: Target, command: Command) -> None:
    code, out, _ = command("runs")

    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert ["2", "daily", "2026-11-21", "09:20:00", "12.0", "FAILED", "bbcc-2"] in lines
    assert "  2   Not all charts: daily-NO (503)" in out
    assert "./soundlake runs 2" in out

    _, out, _ = command("runs", "--machine", "daily", "-n", "1", "--json")
    (one,) = json.loads(out)
    assert (one["number"], one["run"], one["status"]) == (2, "bbcc-2", "FAILED")
    assert one["why"].startswith("Not all charts")


def test_a_run_of_charts_names_each_that_failed(target: Target, command: Command) -> None:
    code, out, _ = command("runs", "2")

    assert code == 0
    assert "✗ daily failed: bbcc-2" in out
    assert "Why it failed: Not all charts" in out
    assert "Charts: 1 of 2 done with 50 rows." in out
    assert "✗ daily-NO       failed in Extract: 503" in out
    assert "daily-SE" not in out
    assert "Requests: playlists/{id} 3" in out
    assert "Lines: ./soundlake logs --run bbcc-2" in out

    found = json.loads(command("runs", "bbcc", "--json")[1])
    assert [one["status"] for one in found["charts"]] == ["loaded", "failed"]


def test_a_run_of_accounts_names_each(target: Target, command: Command) -> None:
    _, out, _ = command("runs", "4")

    assert "✓ a1: 4 new, 1 late" in out
    assert "✗ a2 failed: Derive: boom" in out
    assert "! a3 waiting: Connect again." in out


def test_a_link_to_the_console_is_given_in_aws_alone(target: Target) -> None:
    one = arn("daily", "bbcc-2")

    assert runs.console_link(target, one) == (
        "https://eu-north-1.console.aws.amazon.com/states/home?region=eu-north-1"
        f"#/v2/executions/details/{one}"
    )
    assert runs.console_link(replace(target, endpoint="http://127.0.0.1:1"), one) is None
    china = replace(target, session=boto3.Session("t", "t", region_name="cn-north-1"))
    assert "cn-north-1.console.amazonaws.cn/" in str(runs.console_link(china, one))


#### LINES #########################################################################################


def event(message: Any, second: int = 0) -> dict[str, Any]:
    at = int((T0 + timedelta(minutes=20, seconds=second)).timestamp() * 1000)
    text = message if isinstance(message, str) else json.dumps(message)
    return {"timestamp": at, "message": text, "eventId": f"{at}{text}"}


class FakeLogs:
    """CloudWatch Logs with some lines, and what was asked of them."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = events
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, name: str) -> Any:
        assert name == "filter_log_events"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        self.asked.append(asked)
        return [{"events": list(self.events)}]


OWN = {"message": "Extract failed", "chart": "daily-NO", "xray_trace_id": "1-aa-bb"}
OTHERS = {"message": "Extract extracted", "chart": "daily-SE", "xray_trace_id": "1-cc-dd"}


@pytest.fixture
def lines(target: Target, monkeypatch: pytest.MonkeyPatch) -> FakeLogs:
    found = FakeLogs(event(OWN), event(OTHERS, 1), event("2026 Task timed out", 2))
    target.__dict__["logs"] = found
    monkeypatch.setattr(logs, "chosen", lambda *_: {"ExtractFunction": "x"})
    monkeypatch.setattr(logs, "groups", lambda *_: [("ExtractFunction", "/x")])
    return found


def test_a_runs_lines_are_those_of_its_time_and_trace(lines: FakeLogs, command: Command) -> None:
    code, out, _ = command("logs", "--run", "2")

    assert code == 0
    assert "Extract failed" in out
    assert "daily-SE" not in out
    assert "Task timed out" in out  # who says it knows no trace
    (asked,) = lines.asked
    began = (T0 + timedelta(minutes=20)).timestamp() * 1000
    assert (asked["startTime"], asked["endTime"]) == (began, began + 17_000)


def test_where_no_line_has_the_trace_all_of_that_time_are_shown(
    target: Target, lines: FakeLogs, command: Command
) -> None:
    target.__dict__["states"].trace = "Root=1-ee-ff"

    assert "daily-SE" in command("logs", "--run", "2")[1]


def test_lines_about_a_word_and_as_json(lines: FakeLogs, command: Command) -> None:
    _, out, _ = command("logs", "--run", "2", "--about", "daily-NO", "--json")

    (one,) = map(json.loads, out.splitlines())
    assert one == {"function": "Extract", "at": "2026-11-21T09:20:00.000Z", "said": OWN}


def test_lines_of_another_day_have_their_date_and_no_line_about_a_word_is_said(
    lines: FakeLogs, command: Command
) -> None:
    assert "2026-11-21 09:20:00 Extract" in command("logs", "--run", "2")[1]
    code, _, err = command("logs", "--run", "2", "--about", "daily-XX")
    assert code == 1
    assert "No log line of that run has 'daily-XX'" in err


def test_a_run_without_lines_says_how_long_they_are_kept(
    target: Target, lines: FakeLogs, command: Command
) -> None:
    lines.events = ()

    code, _, err = command("logs", "--run", "2")
    assert code == 1
    assert "LogRetentionDays" in err
    assert command("logs", "--run", "2", "--follow")[0] == 2
    wanted = logs.Wanted(None, T0)
    assert logs.show(target, wanted, Console(quiet=True), follow=False) == 0
    assert "endTime" not in lines.asked[-1]
