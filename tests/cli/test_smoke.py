"""What is made of the machines' ends; the machines themselves run in tests/stack."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console
from soundlake.chart_files import check, name_of, read_chart_file

from cli import audit, imports, machines, smoke
from cli.errors import Misuse
from cli.follow import STAGES, Outcome
from cli.target import MACHINES, Target

TARGET = cast(Target, SimpleNamespace(local=True, states=None))
REFUSED = "The input's 'charts' is empty; name some, like NO, or leave it out."


class Ends:
    """How each machine ends, and what it was started with."""

    def __init__(self) -> None:
        self.given: dict[str, Mapping[str, Any]] = {}
        self.ends = {machine: Outcome(machine, "arn", status="SUCCEEDED") for machine in MACHINES}
        self.ends["daily"] = Outcome("daily", "arn", status="FAILED", cause=REFUSED)
        self.imported: dict[str, Any] = {"status": "loaded", "rows": 3, "error": None}
        self.audited = audit.Audit("arn", status="SUCCEEDED")

    def start(self, _target: Target, machine: str, given: Mapping[str, Any]) -> Outcome:
        self.given[machine] = given
        return self.ends[machine]

    def follow(self, _states: Any, outcome: Outcome, **_: Any) -> None:
        assert outcome.machine in STAGES  # no other can be followed

    def audit(self, _target: Target, given: Mapping[str, Any], _: Console) -> Iterator[audit.Audit]:
        self.given["audit"] = given
        yield self.audited

    def imports(self, _target: Target, ready: imports.Ready) -> dict[str, Any]:
        self.given["import"] = {"name": ready.path.name, "body": ready.body}
        return self.imported


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    found = Ends()
    monkeypatch.setattr(machines, "start", found.start)
    monkeypatch.setattr(smoke, "follow", found.follow)
    monkeypatch.setattr(audit, "run", found.audit)
    monkeypatch.setattr(imports, "run", found.imports)
    return found


def seen(charts: list[str] | None = None) -> dict[str, smoke.Seen]:
    return {one.machine: one for one in smoke.check(TARGET, "dev", charts)}


def test_every_machine_is_run_once_and_spotify_asked_for_no_chart(ends: Ends) -> None:
    assert list(seen()) == list(MACHINES) == list(ends.given)
    assert all(one.well for one in seen().values())
    assert ends.given["capture"] == {}
    assert ends.given["daily"] == {"charts": []}


def test_charts_are_read_where_some_are_named(ends: Ends) -> None:
    assert not seen(["NO"])["daily"].well
    ends.ends["daily"] = Outcome("daily", "arn", status="SUCCEEDED", charts=[{"status": "loaded"}])
    assert ends.given["daily"] == {"charts": ["NO"]}
    assert seen(["NO"])["daily"] == smoke.Seen("daily", True, "charts loaded: 1")


@pytest.mark.parametrize(
    "end",
    [
        Outcome("daily", "arn", status="SUCCEEDED"),
        Outcome("daily", "arn", status="FAILED", cause="Plan: AccessDenied"),
        Outcome("daily", "arn", status="TIMED_OUT", cause=REFUSED),
    ],
)
def test_a_daily_machine_that_does_not_refuse_what_it_is_to_is_wrong(
    ends: Ends, end: Outcome
) -> None:
    ends.ends["daily"] = end
    assert not seen()["daily"].well


@pytest.mark.parametrize(
    "result",
    [
        {"status": "loaded", "rows": 2, "error": None},
        {"status": "failed", "error": "It broke."},
    ],
)
def test_a_sample_that_is_not_all_there_is_wrong(ends: Ends, result: dict[str, Any]) -> None:
    ends.imported = result
    assert not seen()["import"].well


def test_a_machine_that_fails_says_why(ends: Ends, capsys: pytest.CaptureFixture[str]) -> None:
    ends.ends["capture"] = Outcome("capture", "arn", status="FAILED", error="NotCaptured")
    wrong = seen()["capture"]
    assert not wrong.well
    smoke.show(wrong, Console(width=200))
    assert capsys.readouterr().out == "✗ capture: NotCaptured.\n"


def test_an_audit_that_finds_something_is_wrong(ends: Ends) -> None:
    ends.audited.status = "FAILED"
    ends.audited.cause = "It differs."
    assert seen()["audit"] == smoke.Seen("audit", False, "It differs.")

    ends.audited.parts = [
        {"part": "plays of a 2026-11", "status": "differs"},
        {"part": "charts 2026-11", "status": "failed", "error": "It is gone."},
    ]

    assert seen()["audit"].what == (
        "plays of a 2026-11 differs; charts 2026-11 could not be derived: It is gone."
    )


def test_the_sample_is_a_chart_of_its_name(ends: Ends) -> None:
    seen()
    name, body = ends.given["import"]["name"], ends.given["import"]["body"]
    file = read_chart_file(body)
    check(file, name_of(name), machines.now().date())
    assert len(file.rows) == 3


def test_prod_gets_no_sample(ends: Ends) -> None:
    with pytest.raises(Misuse, match="dev"):
        list(smoke.check(TARGET, "prod", None))
    assert ends.given == {}
