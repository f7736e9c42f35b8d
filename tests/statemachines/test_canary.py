"""The engine itself: moto as pinned, its inside where it is expected, and each change of it alive.

When a newer moto fails here, the other tests of this folder say nothing about the machines: put
`engine.py` right first.
"""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.statemachines.engine import INTERNALS, MOTO_VERSION, Engine, Execution, Handler
from tests.template.translated import ACCOUNT_ID, PARTITION, REGION, REPO

ARN = f"arn:{PARTITION}:lambda:{REGION}:{ACCOUNT_ID}:function:soundlake-dev-"


def test_moto_is_the_pinned_one() -> None:
    pinned = re.search(
        r"^moto==(\S+)", (REPO / "requirements" / "test.txt").read_text(encoding="utf-8"), re.M
    )
    assert pinned is not None
    assert pinned[1] == version("moto") == MOTO_VERSION


@pytest.mark.parametrize(("module", "name"), INTERNALS)
def test_motos_inside_is_where_it_was(module: str, name: str) -> None:
    found: Any = import_module(module)
    for part in name.split("."):
        assert hasattr(found, part), f"moto moved {module}.{name}: engine.py must follow"
        found = getattr(found, part)


def _give(event: dict[str, Any], _context: Any) -> Any:
    return event


def _break(_event: dict[str, Any], _context: Any) -> Any:
    raise KeyError("gone")


def _refuse(_event: dict[str, Any], _context: Any) -> Any:
    answered: Any = {
        "Error": {"Code": "ServiceException", "Message": "made up"},
        "ResponseMetadata": {"HTTPStatusCode": 500, "RequestId": "made-up"},
    }
    raise ClientError(answered, "Invoke")


def _late(_event: dict[str, Any], _context: Any) -> Any:
    raise TimeoutError


HANDLERS: dict[str, Handler] = {
    "Give": _give,
    "Break": _break,
    "Refuse": _refuse,
    "Late": _late,
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(HANDLERS)
    with engine.started():
        yield engine


def _run(engine: Engine, given: Any = None, **states: dict[str, Any]) -> Execution:
    """Run a machine of these states, in order."""
    names = list(states)
    for name, following in zip(names, [*names[1:], None], strict=True):
        if states[name]["Type"] not in {"Fail", "Succeed"}:
            states[name] |= {"Next": following} if following else {"End": True}
    machine = {"QueryLanguage": "JSONata", "StartAt": names[0], "States": states}
    name = f"canary-{len(engine._arns)}"
    engine.create(name, json.dumps(machine))
    return engine.run(name, given, "run")


def _task(verb: str, payload: Any = "{% $states.input %}", **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": f"{ARN}{verb.lower()}", "Payload": payload},
        **fields,
    }


def _pass(output: Any) -> dict[str, Any]:
    return {"Type": "Pass", "Output": output}


def test_a_handler_gets_the_payload_and_gives_the_result(engine: Engine) -> None:
    given = {"text": 'with "quotes", {braces} and \\', "none": None, "list": [1]}
    ran = _run(engine, given, Ask=_task("Give", Output="{% $states.result.Payload %}"))
    assert (ran.status, ran.output) == ("SUCCEEDED", given)
    assert [call.event for call in ran.invocations] == [given]


def test_an_exception_is_an_error_by_its_class(engine: Engine) -> None:
    ran = _run(engine, {}, Ask=_task("Break"))
    assert (ran.status, ran.error) == ("FAILED", "KeyError")
    assert '"errorMessage":"\'gone\'"' in str(ran.cause)


def test_lambdas_own_error_keeps_its_name(engine: Engine) -> None:
    ran = _run(engine, {}, Ask=_task("Refuse"))
    assert (ran.status, ran.error) == ("FAILED", "Lambda.ServiceException")


def test_a_timeout_is_an_error_by_its_name(engine: Engine) -> None:
    ran = _run(engine, {}, Ask=_task("Late"))
    assert (ran.status, ran.error) == ("FAILED", "States.Timeout")


def test_retries_do_not_sleep_and_are_written_down(engine: Engine) -> None:
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 30, "MaxAttempts": 3}
    ran = _run(engine, {}, Ask=_task("Break", Retry=[retry | {"BackoffRate": 2}]))
    assert ran.sleeps == [30, 60, 120]
    ran = _run(
        engine, {}, Ask=_task("Break", Retry=[retry | {"BackoffRate": 2, "JitterStrategy": "FULL"}])
    )
    assert ran.sleeps == [30, 60, 120]


def test_waits_do_not_wait_and_are_written_down(engine: Engine) -> None:
    ran = _run(engine, {"for": 900}, Rest={"Type": "Wait", "Seconds": "{% $states.input.for %}"})
    assert ran.waits == [("Rest", 900)]


def test_nothing_is_an_error_and_null_is_not(engine: Engine) -> None:
    ran = _run(engine, {"a": None}, Take=_pass("{% $states.input.a %}"))
    assert (ran.status, ran.output) == ("SUCCEEDED", None)
    ran = _run(engine, {"a": None}, Take=_pass("{% $states.input.b %}"))
    assert (ran.status, ran.error) == ("FAILED", "States.QueryEvaluationError")


def test_times_of_the_context_are_texts(engine: Engine) -> None:
    ran = _run(engine, {}, Take=_pass({"at": "{% $states.context.Execution.StartTime %}"}))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", ran.output["at"])


def test_variables_reach_later_states(engine: Engine) -> None:
    ran = _run(
        engine,
        {"a": 'x"y'},
        Keep=_pass(1) | {"Assign": {"kept": "{% $states.input %}"}},
        Take=_pass({"a": "{% $kept.a %}"}),
    )
    assert ran.output == {"a": 'x"y'}


def test_a_result_that_is_not_json_is_refused(engine: Engine) -> None:
    engine.handlers["Give"] = lambda _event, _context: {"a": {1, 2}}
    try:
        ran = _run(engine, {}, Ask=_task("Give"))
    finally:
        engine.handlers["Give"] = _give
    assert (ran.status, ran.error) == ("FAILED", "TypeError")


def test_the_history_tells_branches_and_catches(engine: Engine) -> None:
    inner = {
        "Ask": _task("Break", Next="Well")
        | {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Bad"}]},
        "Well": {"Type": "Pass", "End": True},
        "Bad": {"Type": "Pass", "Output": "{% $states.input.Error %}", "End": True},
    }
    each = {
        "Type": "Map",
        "Items": "{% $states.input %}",
        "MaxConcurrency": 2,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "Ask",
            "States": inner,
        },
    }
    ran = _run(engine, [1, 2], Each=each, Last={"Type": "Succeed"})
    assert (ran.status, ran.output) == ("SUCCEEDED", ["KeyError", "KeyError"])
    assert ran.path == ["Each", "Last"]
    assert ran.branches == [["Ask", "Bad"]] * 2
    assert {str(edge) for edge in ran.edges} == {
        "Each.Ask --Catch--> Each.Bad",
        "Each.Bad --End--> ",
        "Each ----> Last",
        "Last --End--> ",
    }
