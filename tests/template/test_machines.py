"""The machines and what starts them, as the template declares it."""

import json
from typing import Any

import pytest

from tests.statemachines.asl import MACHINES, SUBSTITUTION, definition, substituted, text
from tests.template.translated import DEFAULT, REPO, Stack, machines, source

SCHEDULES = {
    "audit": "AuditStateMachineWeekly",
    "capture": "CaptureStateMachineHourly",
    "daily": "DailyStateMachineDaily",
}
RULE = "ImportStateMachineUploaded"
TELLS = "RunFailed"  # starts nothing: tests/template/test_alarms.py


def test_every_file_is_a_machine() -> None:
    files = {path.name for path in (REPO / "statemachines").iterdir()}
    assert files == {f"{machine}.asl.json" for machine in MACHINES}
    assert set(machines()) == set(MACHINES)
    for machine in MACHINES:
        properties = source()["Resources"][f"{machine.title()}StateMachine"]["Properties"]
        assert properties["DefinitionUri"] == f"statemachines/{machine}.asl.json"


@pytest.mark.parametrize("machine", MACHINES)
def test_substitutions_are_those_of_the_file(machine: str) -> None:
    declared = set(machines()[machine]["DefinitionSubstitutions"])
    assert declared == set(SUBSTITUTION.findall(text(machine)))


@pytest.mark.parametrize("machine", MACHINES)
def test_substituted_definitions_are_whole(machine: str) -> None:
    whole = json.loads(substituted(machine))
    assert "${" not in json.dumps(whole)
    assert whole.keys() == definition(machine).keys()
    for name, value in machines()[machine]["DefinitionSubstitutions"].items():
        if name.endswith("FunctionArn"):
            verb = name.removesuffix("FunctionArn").lower()
            assert value.endswith(f":function:soundlake-dev-{verb}")


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_is_watched_without_its_data(machine: str) -> None:
    properties = machines()[machine]
    assert properties["StateMachineName"] == f"soundlake-dev-{machine}"
    assert properties["StateMachineType"] == "STANDARD"
    assert properties["TracingConfiguration"] == {"Enabled": True}
    logging = properties["LoggingConfiguration"]
    assert logging["Level"] == "ALL"
    assert logging["IncludeExecutionData"] is False
    (destination,) = logging["Destinations"]
    assert destination["CloudWatchLogsLogGroup"]["LogGroupArn"] == (
        "arn:aws:logs:eu-north-1:123456789012:log-group:"
        f"/aws/vendedlogs/states/soundlake-dev-{machine}:*"
    )


#### SCHEDULES #####################################################################################


def _schedule(machine: str, **parameters: Any) -> dict[str, Any]:
    return Stack(parameters).properties(SCHEDULES[machine])


def test_every_machine_has_one_schedule_or_one_rule() -> None:
    assert set(DEFAULT.of_type("AWS::Scheduler::Schedule")) == set(SCHEDULES.values())
    assert set(DEFAULT.of_type("AWS::Events::Rule")) == {RULE, TELLS}
    assert {*SCHEDULES, "import"} == set(MACHINES)


@pytest.mark.parametrize("machine", SCHEDULES)
def test_a_schedule_starts_its_machine(machine: str) -> None:
    target = _schedule(machine)["Target"]
    assert target["Arn"].endswith(f":stateMachine:soundlake-dev-{machine}")


@pytest.mark.parametrize("machine", SCHEDULES)
def test_a_schedule_has_no_name(machine: str) -> None:
    """A name is unique in the account: that of one stack would collide with another's."""
    assert "Name" not in _schedule(machine)


@pytest.mark.parametrize("machine", SCHEDULES)
def test_a_schedule_is_in_utc_and_on_time(machine: str) -> None:
    schedule = _schedule(machine)
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}


@pytest.mark.parametrize("machine", SCHEDULES)
def test_a_schedule_that_fails_is_tried_again_and_kept(machine: str) -> None:
    target = _schedule(machine)["Target"]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
    # Within the hour: later, the next run has done its work already.
    assert 60 <= target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 3600
    queue = DEFAULT.resolve({"Fn::GetAtt": ["ScheduleDeadLetters", "Arn"]})
    assert target["DeadLetterConfig"] == {"Arn": queue}


@pytest.mark.parametrize("machine", SCHEDULES)
def test_a_schedules_input_is_the_sample(machine: str) -> None:
    name = {"capture": "capture-schedule"}.get(machine, "schedule")
    sample = json.loads((REPO / "events" / f"{name}.json").read_text(encoding="utf-8"))
    assert json.loads(_schedule(machine)["Target"]["Input"]) == sample


@pytest.mark.parametrize(
    ("schedules", "capture", "daily"),
    [
        ("ENABLED", "ENABLED", "ENABLED"),
        ("CAPTURE", "ENABLED", "DISABLED"),
        ("DAILY", "DISABLED", "ENABLED"),
        ("DISABLED", "DISABLED", "DISABLED"),
    ],
)
def test_schedules_can_be_switched_off(schedules: str, capture: str, daily: str) -> None:
    assert _schedule("capture", Schedules=schedules)["State"] == capture
    audit = "DISABLED" if schedules == "DISABLED" else "ENABLED"
    assert _schedule("audit", Schedules=schedules)["State"] == audit
    assert _schedule("daily", Schedules=schedules)["State"] == daily


def test_times_are_parameters() -> None:
    changed = "cron(1 2 * * ? *)"
    assert _schedule("audit", AuditSchedule=changed)["ScheduleExpression"] == changed
    assert _schedule("capture", CaptureSchedule=changed)["ScheduleExpression"] == changed
    assert _schedule("daily", DailySchedule=changed)["ScheduleExpression"] == changed


def test_dead_letters_are_encrypted_and_wait_two_weeks() -> None:
    assert DEFAULT.of_type("AWS::SQS::Queue") == {
        "ScheduleDeadLetters": {
            "SqsManagedSseEnabled": True,
            "MessageRetentionPeriod": 14 * 24 * 3600,
        }
    }


#### UPLOADS #######################################################################################


def test_an_upload_starts_the_import_machine_unless_the_command_line_does() -> None:
    rule = DEFAULT.properties(RULE)
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [DEFAULT.properties("UploadsBucket")["BucketName"]]},
            "object": {"key": [{"anything-but": {"prefix": "command-line/"}}]},
        },
    }
    assert rule.get("State", "ENABLED") == "ENABLED"
    (target,) = rule["Targets"]
    assert target["Arn"].endswith(":stateMachine:soundlake-dev-import")
    # The whole event is the machine's input.
    assert {"Input", "InputPath", "InputTransformer"} & target.keys() == set()
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
    queue = DEFAULT.resolve({"Fn::GetAtt": ["ScheduleDeadLetters", "Arn"]})
    assert target["DeadLetterConfig"] == {"Arn": queue}


def test_the_stacks_rules_alone_may_write_to_the_dead_letters_from_outside() -> None:
    ((name, policy),) = DEFAULT.of_type("AWS::SQS::QueuePolicy").items()
    assert name == "ScheduleDeadLettersPolicy"
    assert policy["Queues"] == [DEFAULT.resolve({"Ref": "ScheduleDeadLetters"})]
    _, statement = policy["PolicyDocument"]["Statement"]  # the first wants TLS
    assert statement == {
        "Sid": "RulesOfThisStack",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": DEFAULT.resolve({"Fn::GetAtt": ["ScheduleDeadLetters", "Arn"]}),
        "Condition": {
            "ArnEquals": {
                "aws:SourceArn": [
                    DEFAULT.resolve({"Fn::GetAtt": [rule, "Arn"]}) for rule in (RULE, "RunFailed")
                ]
            }
        },
    }
