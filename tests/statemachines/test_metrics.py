"""What a whole run says as metrics: those that alarms look at, and no more than are free."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from soundlake import observability
from soundlake.abilities import Ability
from soundlake.observability import METRICS

from tests.statemachines.scenarios import HOURLY, at, raising
from tests.statemachines.world import DAY, World, playlist_id
from tests.template.translated import Stack

PROD = Stack({"Stage": "prod"})
OURS = {
    name: alarm
    for name, alarm in PROD.of_type("AWS::CloudWatch::Alarm").items()
    if alarm["Namespace"] == "Soundlake"
}
Combination = tuple[str, str, tuple[tuple[str, str], ...]]


class Said(list[dict[str, Any]]):
    """Lines in the embedded metric format, as CloudWatch reads them."""

    def combinations(self) -> dict[Combination, list[float]]:
        """The values of each namespace, name, and set of dimensions."""
        found: dict[Combination, list[float]] = {}
        for line in self:
            for directive in line["_aws"]["CloudWatchMetrics"]:
                for names in directive["Dimensions"]:
                    dimensions = tuple((name, line[name]) for name in sorted(names))
                    for metric in directive["Metrics"]:
                        key = (directive["Namespace"], metric["Name"], dimensions)
                        found.setdefault(key, []).extend(line[metric["Name"]])
        return found

    def values(self, name: str) -> list[float]:
        return self.combinations()["Soundlake", name, (("service", "soundlake-prod"),)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose functions are told what prod's are."""
    with World().opened() as world:
        variables = PROD.properties("SelectFunction")["Environment"]["Variables"]
        powertools = {
            name: value for name, value in variables.items() if name.startswith("POWERTOOLS_")
        }
        world.told(**powertools, REQUEST_SPACING_MS="0")
        monkeypatch.setattr(observability, "metrics", observability.made())
        yield world


def said(capsys: pytest.CaptureFixture[str]) -> Said:
    lines = capsys.readouterr().out.splitlines()
    return Said(json.loads(line) for line in lines if '"_aws"' in line)


def test_whole_runs_say_what_alarms_look_at_and_no_more_than_is_free(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.knows(Ability.SEVERAL)  # refused, as to an app in development mode: it has a quota
    runs = [world.run("capture", HOURLY), world.run("daily", at(DAY)), world.run("capture", HOURLY)]
    assert [run.status for run in runs] == ["SUCCEEDED"] * 3

    lines = said(capsys)
    found = lines.combinations()
    assert len(found) <= 10
    assert set(found) == {("Soundlake", name, (("service", "soundlake-prod"),)) for name in METRICS}
    assert len(OURS) == 6
    for alarm in OURS.values():
        dimensions = tuple((each["Name"], each["Value"]) for each in alarm["Dimensions"])
        assert (alarm["Namespace"], alarm["MetricName"], dimensions) in found
        # A period is of whole minutes, as these are kept: nothing said is finer.
        assert alarm["Period"] % 60 == 0
        assert "Unit" not in alarm
    for line in lines:
        for directive in line["_aws"]["CloudWatchMetrics"]:
            assert all(each.keys() == {"Name", "Unit"} for each in directive["Metrics"])

    assert lines.values("DeriveNew") == [5.0, 0.0]
    assert lines.values("DeriveGaps") == [0.0, 0.0]
    assert lines.values("PublishChartsDone") == [3.0]
    assert lines.values("PublishChartsFailed") == [0.0]
    assert lines.values("PublishStaleDays") == [0.0]
    assert lines.values("SelectAwaitingUser") == [0.0, 0.0]
    assert 0 < lines.values("EnrichBudgetLeft")[0] < 500


def test_a_capture_without_a_page_says_nothing_of_plays(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that the alarm on how often it is said goes on."""
    world.before("Capture", raising(RuntimeError("it broke")))
    assert world.run("capture", HOURLY).status == "FAILED"

    assert {name for _, name, _ in said(capsys).combinations()} == {
        "SelectAwaitingUser",
        "SelectConsentDaysLeft",
    }


def test_a_chart_that_fails_is_counted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    del world.spotify.playlists[playlist_id("daily-NO")]
    assert world.run("daily", at(DAY)).status == "FAILED"

    lines = said(capsys)
    assert lines.values("PublishChartsDone") == [2.0]
    assert lines.values("PublishChartsFailed") == [1.0]
