"""The sample events: what their machine gives each function, and what the functions accept."""

from typing import Any

import pytest

from tests.statemachines.asl import MACHINES, payload, tasks
from tests.statemachines.scenarios import CHART, SUMMER, story
from tests.statemachines.world import BY_HAND, PIPELINE, VERBS, World, event
from tests.template.translated import REPO
from tests.unit.exported_rows import file_of


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """What each function makes of its event, one after the other in one world."""
    world = World()
    with world.opened():
        world.upload(event("import")["input"]["detail"]["object"]["key"], CHART)
        world.upload(event("read")["upload"]["key"], file_of(SUMMER))
        return {verb: world.engine.call(verb, event(verb.lower())) for verb in PIPELINE}


def test_there_is_an_event_for_every_function_and_machine() -> None:
    assert set(PIPELINE) == set(VERBS) == set(tasks()) | BY_HAND
    named = {verb.lower() for verb in VERBS}
    named |= {"schedule", "capture-schedule", "daily-input", "upload", "audit-part"}
    assert {path.stem for path in (REPO / "events").glob("*.json")} == named


def test_the_readme_has_a_line_for_every_event() -> None:
    text = (REPO / "events" / "README.md").read_text(encoding="utf-8")
    for path in (REPO / "events").glob("*.json"):
        (line,) = [line for line in text.splitlines() if line.startswith(f"| `{path.name}` |")]
        verb = path.stem.title()
        if verb in VERBS:
            assert f"| {verb}Function |" in line


@pytest.mark.parametrize("verb", sorted(set(VERBS) - BY_HAND))
def test_an_event_has_the_keys_that_the_machine_gives(verb: str) -> None:
    assert set(event(verb.lower())) == set(payload(tasks()[verb]))


@pytest.mark.parametrize("verb", sorted(set(VERBS) - BY_HAND))
def test_an_event_has_the_shape_that_the_machine_gave(verb: str) -> None:
    """All the way down; a machine's input may hold less than it may."""
    others = {
        "Import": "file_imported",
        "Read": "history_imported_after_a_capture",
        "Probe": "day_of_an_app_nobody_knows",
        "Audit": "audited",
    }
    told = story(others.get(verb, "day_after_a_capture"))
    (given, *_) = [call.event for run in told.runs for call in run.invoked(verb)]
    sample = event(verb.lower())
    if verb in {"Select", "Plan", "Audit"}:
        given, sample = given | {"input": None}, sample | {"input": None}
    assert _shape(sample) == _shape(given)


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items() if "/" not in key}
    if isinstance(value, list):
        return [_shape(value[0])] if value else []
    return type(value).__name__


@pytest.mark.parametrize("verb", PIPELINE)
def test_an_event_is_accepted(verb: str, results: dict[str, Any]) -> None:
    assert results[verb]["status"] == PIPELINE[verb], results[verb]


def test_a_part_of_an_audit_is_accepted() -> None:
    sample = event("audit-part")
    (given, *_) = [call.event for call in story("audited").run.invoked("Audit")[1:]]
    assert _shape(sample) == _shape(given)
    world = World()
    with world.opened():
        world.engine.call("Capture", event("capture"))
        world.engine.call("Derive", event("derive"))
        result = world.engine.call("Audit", sample)
    assert (result["status"], result["objects"]) == ("same", 5)
    assert result["rows"] > 0


def test_each_event_is_what_the_one_before_leads_to(results: dict[str, Any]) -> None:
    assert event("derive")["capture"] == results["Capture"]
    (item,) = results["Plan"]["charts"]
    names = ("chart", "date", "again", "not_before")
    begun: dict[str, Any] = {"requests": {}, "passed": {}, "execution": "made-up-run"}
    assert event("extract") == {name: item[name] for name in names} | begun
    assert event("transform")["raw_keys"] == results["Extract"]["raw_keys"]
    assert event("transform")["earlier_keys"] == results["Extract"]["earlier_keys"]
    assert event("transform")["chart"] == event("extract")["chart"]
    assert event("load")["chart"] == event("extract")["chart"]["chart"]
    assert event("load")["date"] == event("enrich")["date"] == item["date"]
    (chart,) = event("publish")["charts"]
    names = ("chart", "date", "status", "shown_date")
    assert [{name: chart[name] for name in names}] == event("verify")["charts"]
    assert chart["shown_date"] == results["Transform"]["shown_date"]
    assert (chart["status"], chart["rows"]) == (results["Load"]["status"], results["Load"]["rows"])
    assert chart["breaches"] == results["Transform"]["breaches"]
    assert chart["requests"] == results["Extract"]["requests"]
    assert event("publish")["withdrawals"] == results["Verify"]["withdraw"]
    assert results["Load"]["written"]


def test_an_event_with_a_wrong_key_would_be_noticed() -> None:
    assert set(event("load") | {"another": 1}) != set(payload(tasks()["Load"]))


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_takes_what_starts_it(machine: str) -> None:
    scenario = {
        "capture": "captured_by_an_unreplaced_schedule",
        "daily": "day_by_an_unreplaced_schedule",
        "import": "file_imported_of_an_event",
        "audit": "audit_of_nothing",
    }[machine]
    assert story(scenario).run.status == "SUCCEEDED"
