"""`./soundlake audit`: what it asks for, and how it tells what was found."""

import json
from typing import Any

import boto3
import pytest
from rich.console import Console
from rich.text import Text

from cli import audit, machines
from cli.audit import Audit, take
from cli.errors import Misuse
from cli.target import Target


def exited(name: str, output: Any) -> dict[str, Any]:
    details = {"name": name, "output": json.dumps(output)}
    return {"type": "PassStateExited", "stateExitedEventDetails": details}


SURVEY = {"survey": {"months": ["2026-11", "2026-10"], "parts": [{}, {}, {}], "left": "2026-10"}}
SAME = {"status": "same", "rows": 1234}
DIFFERS = {
    "status": "differs",
    "part": "plays of main in 2026-11",
    "tables": {"plays": {"missing": 2, "changed": 1}, "gaps": {"extra": 1}},
    "first": ["plays: 2026-11-02T10:00:00.000Z missing"],
    "report": "scratch/audit/run/2026-11/plays-main.jsonl",
}
WAITS = {"status": "waiting", "part": "activity of main in 2026-11", "error": "The daily run does."}
FAILED = {"status": "failed", "part": "import of main/[x] in 2026-11", "error": "It is damaged."}


def found(*outputs: dict[str, Any], status: str = "FAILED", cause: str = "") -> Audit:
    one = Audit("arn:run", status, cause=cause)
    names = {"same": "RecordSame", "differs": "RecordDifference", "waiting": "RecordWaiting"}
    take(one, [exited("Survey", SURVEY)])
    take(one, [exited(names.get(each["status"], "RecordFailure"), each) for each in outputs])
    return one


def lines(one: Audit) -> list[str]:
    return [Text.from_markup(line).plain for line in audit.lines(one, "bucket")]


def test_the_machine_is_asked_for_what_was_said() -> None:
    assert audit.given(None, everything=False) == {}
    assert audit.given("2026-11", everything=False) == {"month": "2026-11"}
    assert audit.given(None, everything=True) == {"all": True}
    on = audit.given(None, everything=True, before="2025-03")
    assert on == {"all": True, "before": "2025-03"}
    with pytest.raises(Misuse, match="give both"):
        audit.given(None, everything=False, before="2025-03")


def test_one_that_is_no_longer_followed_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class States:
        def describe_execution(self, **_: Any) -> Any:
            raise KeyboardInterrupt

    class Started:
        arn = "arn:audit:run-1"

    monkeypatch.setattr(machines, "start", lambda *_: Started())
    monkeypatch.setattr(audit, "History", lambda *_: None)
    target = Target(boto3.Session(), "soundlake-test")
    target.__dict__["states"] = States()
    with pytest.raises(machines.StillRunningError) as stopped:
        next(audit.run(target, {"all": True}, Console(quiet=True)))
    assert stopped.value.again == "see ./soundlake runs run-1"
    one = found(SAME, status="RUNNING")
    assert audit.again(one).endswith("go on with ./soundlake audit --all --before 2026-10")


@pytest.mark.parametrize("month", ["2026-13", "2026", "November", "2026-11-01"])
def test_a_month_that_is_none_is_refused(month: str) -> None:
    with pytest.raises(Misuse, match="write it like 2026-11"):
        audit.given(month, everything=False)


def test_one_month_and_every_month_contradict_each_other() -> None:
    with pytest.raises(Misuse, match="choose one"):
        audit.given("2026-11", everything=True)


def test_what_is_the_same_is_one_line() -> None:
    one = found(SAME, SAME, status="SUCCEEDED")
    assert lines(one) == ["✓ audit: 2,468 rows of 2026-11, 2026-10 are what the raw zone gives"]
    assert one.same
    assert (one.planned, one.left) == (3, "2026-10")


def test_what_differs_is_counted_and_its_report_named() -> None:
    assert lines(found(SAME, DIFFERS)) == [
        "✗ plays of main in 2026-11 differs: plays: 2 missing, 1 changed, gaps: 1 extra",
        "    plays: 2026-11-02T10:00:00.000Z missing",
        "    all of it: s3://bucket/scratch/audit/run/2026-11/plays-main.jsonl",
        "docs/operations.md#audit says what to do.",
    ]


def test_what_could_not_be_derived_or_waits_is_told() -> None:
    assert lines(found(WAITS, FAILED))[:2] == [
        "✗ import of main/[x] in 2026-11 could not be derived: It is damaged.",
        "! activity of main in 2026-11 waits: The daily run does.",
    ]


def test_months_that_wait_for_the_same_are_one_line() -> None:
    parts = [WAITS | {"part": f"activity of main in 2026-{month:02}"} for month in (4, 1, 3, 2)]
    other = {"status": "waiting", "part": "plays of main in 2026-04", "error": "A capture does."}
    assert lines(found(*parts, other))[:2] == [
        "! activity of main in 4 months from 2026-01 to 2026-04 waits: The daily run does.",
        "! plays of main in 2026-04 waits: A capture does.",
    ]


def test_a_run_that_never_came_so_far_says_why() -> None:
    one = Audit("arn:run", "FAILED", error="NotSurveyed", cause="'x' is not a month.")
    assert lines(one) == ["✗ audit failed: 'x' is not a month."]


def test_scripts_are_told_the_same() -> None:
    told = found(SAME, DIFFERS, WAITS, cause="A sentence.").told()
    assert told["differs"] == [DIFFERS]
    assert told["waiting"] == [WAITS]
    assert (told["rows"], told["parts"], told["error"]) == (1234, 3, "A sentence.")
    json.dumps(told)
