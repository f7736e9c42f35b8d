"""The alarms on the whole stack: their topic, their way to ALARM and back, and what runs tell.

The emulator makes no metrics of what functions log, so the numbers are put here; that runs say them
under these names is tested in tests/statemachines/test_metrics.py. Nor does it tell EventBridge of
runs, so a run's end is told here, as Step Functions would, to a copy of the deployed rule.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.target import resources
from tests.stack.conftest import FirstRun, Stack, history

STAGE = "soundlake-local"
# A number that brings each alarm to ALARM, and one that leaves it at OK, or brings it back.
NUMBERS: dict[str, tuple[float, float]] = {
    "consent-ending": (30, 31),
    "consent-ends-soon": (7, 31),
    "account-waiting": (1, 0),
    "no-capture": (0, 1),
    "gap": (1, 0),
    "stale-table": (4, 3),
    "daily-missed": (0, 1),
    "errors": (3, 2),
    "publish-slow": (459_001, 459_000),
    "dead-letters": (1, 0),
}
# Where nothing is scheduled, as here, nobody is told that it is missing.
SCHEDULED = {"no-capture", "daily-missed"}
LEAVES_S = 4  # after so many seconds a number that was put is older than what an alarm looks at


@dataclass(frozen=True)
class Monitoring:
    """CloudWatch, the alarms as they are deployed, and a queue that hears what they say."""

    cloudwatch: Any
    sqs: Any
    queue: str

    def alarm(self, name: str) -> dict[str, Any]:
        found = self.cloudwatch.describe_alarms(AlarmNames=[f"{STAGE}-{name}"])["MetricAlarms"]
        (alarm,) = found
        return dict(alarm)

    def states(self) -> dict[str, str]:
        return {name: self.alarm(name)["StateValue"] for name in NUMBERS}

    def put(self, alarm: dict[str, Any], value: float, *, leaves: bool = False) -> None:
        """What functions or AWS would say; with `leaves`, so long ago that it is soon forgotten."""
        at = datetime.now(UTC)
        if leaves:
            looked_at = alarm["Period"] * alarm["EvaluationPeriods"]
            at -= timedelta(seconds=looked_at - LEAVES_S + 1)
        counted = alarm["Statistic"] == "SampleCount"
        number = {
            "StatisticValues": dict.fromkeys(("SampleCount", "Sum", "Minimum", "Maximum"), value)
        }
        datum = {
            "MetricName": alarm["MetricName"],
            "Dimensions": alarm["Dimensions"],
            "Timestamp": at,
            **(number if counted else {"Value": value}),
        }
        self.cloudwatch.put_metric_data(Namespace=alarm["Namespace"], MetricData=[datum])

    def heard(self) -> list[str]:
        """What the topic has told since the last time."""
        found = []
        while received := self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        ).get("Messages"):
            for one in received:
                found.append(str(json.loads(one["Body"])["Message"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
        return found


def client(stack: Stack, service: str) -> Any:
    return stack.lake.target.session.client(service, endpoint_url=stack.lake.state.endpoint)  # type: ignore[call-overload]


@pytest.fixture
def monitoring(stack: Stack) -> Iterator[Monitoring]:
    sqs, sns = client(stack, "sqs"), client(stack, "sns")
    queue = sqs.create_queue(QueueName="what-alarms-say")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    topic = stack.lake.target.output("AlarmTopic")
    told = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn["QueueArn"],
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [told]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    heard = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    yield Monitoring(client(stack, "cloudwatch"), sqs, queue)
    sns.unsubscribe(SubscriptionArn=heard["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=queue)


def test_the_topic_is_the_stacks_and_nobody_else_is_subscribed(
    stack: Stack, monitoring: Monitoring
) -> None:
    sns, topic = client(stack, "sns"), stack.lake.target.output("AlarmTopic")

    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]

    assert topic.endswith(f":{STAGE}-alarms")
    assert [one["Protocol"] for one in listed] == ["sqs"]  # this test's own
    denied, alarms, rules = json.loads(attributes["Policy"])["Statement"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert rules["Principal"] == {"Service": "events.amazonaws.com"}
    assert "KmsMasterKeyId" not in attributes
    assert set(resources(stack.lake.target, "AWS::CloudWatch::Alarm").values()) == {
        f"{STAGE}-{name}" for name in NUMBERS
    }


def test_the_deployed_select_says_what_the_alarms_look_at(
    stack: Stack, monitoring: Monitoring
) -> None:
    now = "2026-11-21T09:07:00Z"
    event = {"input": {}, "start_time": now, "now": now, "round": 0}
    answer = stack.lake.target.functions.invoke(
        FunctionName=f"{STAGE}-select", Payload=json.dumps(event).encode()
    )
    assert json.loads(answer["Payload"].read())["status"] == "selected"

    found = stack.lake.target.logs.filter_log_events(logGroupName=f"/aws/lambda/{STAGE}-select")
    said = [json.loads(e["message"]) for e in found["events"] if '"_aws"' in e["message"]]
    assert said
    for name in ("consent-ending", "consent-ends-soon", "account-waiting"):
        alarm = monitoring.alarm(name)
        assert all(alarm["MetricName"] in one for one in said)
        assert alarm["Dimensions"] == [{"Name": "service", "Value": said[-1]["service"]}]
    # Where this fails, the emulator has learned to make metrics of logs: put none here any more.
    assert monitoring.cloudwatch.list_metrics(Namespace="Soundlake")["Metrics"] == []


def test_alarms_go_on_at_their_numbers_tell_the_topic_and_come_back(
    monitoring: Monitoring,
) -> None:
    alarms = {name: monitoring.alarm(name) for name in NUMBERS}
    assert {name for name, each in alarms.items() if not each["ActionsEnabled"]} == SCHEDULED
    monitoring.cloudwatch.enable_alarm_actions(AlarmNames=[f"{STAGE}-{name}" for name in SCHEDULED])
    monitoring.heard()  # nothing of before

    # The emulator counts what this stack's functions themselves took; a run may have been in error.
    for name, (on, _) in NUMBERS.items():
        monitoring.put(alarms[name], on, leaves=True)
    assert monitoring.states() == dict.fromkeys(NUMBERS, "ALARM")
    told = {one["AlarmName"]: one for one in map(json.loads, monitoring.heard())}
    assert set(told) == {f"{STAGE}-{name}" for name in NUMBERS}
    for name, alarm in alarms.items():
        one = told[f"{STAGE}-{name}"]
        assert one["NewStateValue"] == "ALARM"
        assert one["AlarmDescription"] == alarm["AlarmDescription"]

    time.sleep(LEAVES_S)
    for name, (_, off) in NUMBERS.items():
        monitoring.put(alarms[name], off)
    assert monitoring.states() == dict.fromkeys(NUMBERS, "OK")
    assert monitoring.heard() == []  # nobody is told that all is well


#### RUNS ##########################################################################################

SOURCE = "tests.states"  # nobody but AWS may say that it is aws.states


def _event(stack: Stack, machine: str, status: str, source: str = "aws.states") -> dict[str, Any]:
    """What Step Functions tells EventBridge of a run's end."""
    arn = stack.lake.target.output(f"{machine.title()}StateMachineArn")
    execution = f"{arn.replace(':stateMachine:', ':execution:')}:of-tonight"
    return {
        "id": "315c1398-40ff-a850-213b-158f73e60175",
        "account": arn.split(":")[4],
        "region": arn.split(":")[3],
        "source": source,
        "detail-type": "Step Functions Execution Status Change",
        "time": "2026-11-26T09:41:00Z",
        "resources": [execution],
        "detail": {
            "executionArn": execution,
            "stateMachineArn": arn,
            "name": "of-tonight",
            "status": status,
            "startDate": 1764150000000,
            "stopDate": 1764150060000,
            "input": json.dumps({"upload": {"key": "somebodys-history.zip"}}),
            "output": None,
            "cause": "somebody's account could not be captured",
        },
    }


@dataclass(frozen=True)
class Rule:
    """The deployed rule, and another one that is the same but for who may tell it."""

    events: Any
    pattern: dict[str, Any]

    def matches(self, event: dict[str, Any]) -> bool:
        found = self.events.test_event_pattern(
            EventPattern=json.dumps(self.pattern), Event=json.dumps(event)
        )
        return bool(found["Result"])

    def tell(self, event: dict[str, Any]) -> None:
        entry = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "Resources": event["resources"],
            "Time": datetime.fromisoformat(event["time"]),
        }
        assert self.events.put_events(Entries=[entry])["FailedEntryCount"] == 0


@pytest.fixture
def rule(stack: Stack) -> Iterator[Rule]:
    events = client(stack, "events")
    listed = resources(stack.lake.target, "AWS::Events::Rule")
    deployed = events.describe_rule(Name=listed["RunFailed"])
    assert deployed["State"] == "ENABLED"
    pattern = json.loads(deployed["EventPattern"])
    targets = events.list_targets_by_rule(Rule=listed["RunFailed"])["Targets"]
    copy = "what-rules-say"
    events.put_rule(Name=copy, EventPattern=json.dumps(pattern | {"source": [SOURCE]}))
    events.put_targets(Rule=copy, Targets=targets)
    yield Rule(events, pattern)
    events.remove_targets(Rule=copy, Ids=[each["Id"] for each in targets])
    events.delete_rule(Name=copy)


@pytest.mark.parametrize("machine", ["capture", "daily", "import", "audit"])
def test_a_run_that_ends_badly_is_told_by_name_and_what_it_was_about_is_not(
    stack: Stack, monitoring: Monitoring, rule: Rule, machine: str
) -> None:
    monitoring.heard()
    for status in ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"):
        bad = status in {"FAILED", "TIMED_OUT", "ABORTED"}
        assert rule.matches(_event(stack, machine, status)) is bad
        rule.tell(_event(stack, machine, status, SOURCE))

    told = monitoring.heard()

    assert len(told) == 3
    for status in ("FAILED", "TIMED_OUT", "ABORTED"):
        (one,) = [each for each in told if f"ended {status} at " in each]
        assert re.search(r" at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\.", one)  # the emulator's own
        assert f":stateMachine:{STAGE}-{machine}" in one
        assert "/executions/details/arn:aws:states:" in one
        assert f":execution:{STAGE}-{machine}:of-tonight" in one
        assert re.search(rf"If it is {machine}: .* docs/operations\.md#[\w-]*{machine}", one)
        assert "somebody" not in one
        assert "<" not in one  # every name was put in


def test_another_stages_run_is_none_of_this_topics(
    stack: Stack, monitoring: Monitoring, rule: Rule
) -> None:
    monitoring.heard()
    for source in ("aws.states", SOURCE):
        event = _event(stack, "daily", "FAILED", source)
        arn = event["detail"]["stateMachineArn"]
        event["detail"]["stateMachineArn"] = arn.replace(STAGE, "soundlake-dev")
        assert not rule.matches(event)
    rule.tell(event)

    assert monitoring.heard() == []


#### THE DASHBOARD, AND WHAT IS WRITTEN DOWN #######################################################


def test_the_dashboard_is_there(stack: Stack) -> None:
    found = client(stack, "cloudwatch").get_dashboard(DashboardName=STAGE)
    assert "DeriveNew" in found["DashboardBody"]


def test_neither_logs_nor_histories_say_who_listens_to_what(stack: Stack, first: FirstRun) -> None:
    """An account's own name is random; a track's, an artist's and a listener's tell of a person."""
    assert first.capture["status"] == "SUCCEEDED"
    target = stack.lake.target
    said = []
    arn = target.output("CaptureStateMachineArn")
    for one in target.states.list_executions(stateMachineArn=arn)["executions"]:
        said.append(json.dumps(history(target, one["executionArn"]), default=str))
    for verb in ("select", "capture", "derive"):
        pages = target.logs.get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=f"/aws/lambda/{STAGE}-{verb}"):
            said += [event["message"] for event in page["events"]]
    assert len(said) > 3

    plays = stack.ask("SELECT uri, track_name, album_name FROM plays")
    personal = {str(each) for row in plays for each in row.values() if each}
    for item in target.dynamodb.scan(TableName=target.output("AccountsTable"))["Items"]:
        personal |= {
            item[name]["S"] for name in ("spotify_id", "name") if "S" in item.get(name, {})
        }
    assert len(personal) > 3
    text = "\n".join(said)
    assert [each for each in sorted(personal) if f'"{each}"' in text or each in text.split()] == []
