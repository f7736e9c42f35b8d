"""The alarms on the whole stack: their topic, and their way to ALARM and back.

The emulator makes no metrics of what functions log, so the numbers are put here; that Select says
them under these names is tested in tests/unit. It brings no alarm back by itself within an hour.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cli.target import resources
from tests.stack.conftest import Stack

STAGE = "soundlake-local"


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

    def put(self, alarm: dict[str, Any], value: float) -> None:
        """What Select would say."""
        datum = {
            "MetricName": alarm["MetricName"],
            "Dimensions": alarm["Dimensions"],
            "Value": value,
            "Unit": "Count",
        }
        self.cloudwatch.put_metric_data(Namespace=alarm["Namespace"], MetricData=[datum])

    def heard(self) -> list[dict[str, Any]]:
        """What the topic has told since the last time."""
        found = []
        while received := self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        ).get("Messages"):
            for one in received:
                found.append(json.loads(json.loads(one["Body"])["Message"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
        return found


@pytest.fixture
def monitoring(stack: Stack) -> Iterator[Monitoring]:
    def client(service: str) -> Any:
        return stack.lake.target.session.client(service, endpoint_url=stack.lake.state.endpoint)  # type: ignore[call-overload]

    sqs, sns = client("sqs"), client("sns")
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
    yield Monitoring(client("cloudwatch"), sqs, queue)
    sns.unsubscribe(SubscriptionArn=heard["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=queue)


def test_the_topic_is_the_stacks_and_nobody_else_is_subscribed(
    stack: Stack, monitoring: Monitoring
) -> None:
    sns = stack.lake.target.session.client("sns", endpoint_url=stack.lake.state.endpoint)
    topic = stack.lake.target.output("AlarmTopic")

    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]

    assert topic.endswith(f":{STAGE}-alarms")
    assert [one["Protocol"] for one in listed] == ["sqs"]  # this test's own
    denied, allowed = json.loads(attributes["Policy"])["Statement"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert "KmsMasterKeyId" not in attributes
    assert set(resources(stack.lake.target, "AWS::CloudWatch::Alarm").values()) == {
        f"{STAGE}-{name}" for name in ("consent-ending", "consent-ends-soon", "account-waiting")
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


def test_alarms_go_on_at_their_numbers_tell_the_topic_and_can_be_set_back(
    monitoring: Monitoring,
) -> None:
    def states(*names: str) -> list[str]:
        return [monitoring.alarm(name)["StateValue"] for name in names]

    consents = ("consent-ending", "consent-ends-soon")
    ending, waiting = monitoring.alarm(consents[0]), monitoring.alarm("account-waiting")
    assert states(*consents, "account-waiting") == ["INSUFFICIENT_DATA"] * 3

    monitoring.put(ending, 31)
    monitoring.put(waiting, 0)
    assert states(*consents, "account-waiting") == ["OK"] * 3
    assert monitoring.heard() == []

    monitoring.put(ending, 30)
    assert states(*consents) == ["ALARM", "OK"]
    monitoring.put(ending, 7)
    monitoring.put(waiting, 1)
    assert states(*consents, "account-waiting") == ["ALARM"] * 3

    told = {one["AlarmName"]: one for one in monitoring.heard()}
    assert set(told) == {f"{STAGE}-{name}" for name in (*consents, "account-waiting")}
    for one in told.values():
        assert one["NewStateValue"] == "ALARM"
        assert "./soundlake accounts" in one["AlarmDescription"]

    for name in (*consents, "account-waiting"):
        monitoring.cloudwatch.set_alarm_state(
            AlarmName=f"{STAGE}-{name}", StateValue="OK", StateReason="the test is over"
        )
    assert states(*consents, "account-waiting") == ["OK"] * 3
    assert monitoring.heard() == []
