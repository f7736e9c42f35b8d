"""The alarms and their topic. What they look at is what Select says: tests/unit/test_select.py."""

from typing import Any

import pytest
from soundlake.accounts import WARN_DAYS

from tests.template.translated import DEFAULT, REPO, Stack, source

ALARMS = {"ConsentEnding", "ConsentEndsSoon", "AccountWaiting"}
TOPIC = "arn:aws:sns:eu-north-1:123456789012:soundlake-dev-alarms"
CLOUDWATCH = "arn:aws:cloudwatch:eu-north-1:123456789012:alarm:"
OPERATIONS = (REPO / "docs" / "operations.md").read_text(encoding="utf-8")


def alarm(name: str) -> dict[str, Any]:
    return DEFAULT.properties(name)


def test_every_alarm_is_known() -> None:
    assert set(DEFAULT.of_type("AWS::CloudWatch::Alarm")) == ALARMS
    assert DEFAULT.of_type("AWS::CloudWatch::CompositeAlarm") == {}


def test_consents_are_told_of_when_the_command_line_warns_too() -> None:
    for name, days in zip(("ConsentEnding", "ConsentEndsSoon"), WARN_DAYS, strict=True):
        assert alarm(name)["Statistic"] == "Minimum"
        assert alarm(name)["ComparisonOperator"] == "LessThanOrEqualToThreshold"
        assert alarm(name)["Threshold"] == days
        assert f"within {days} days" in alarm(name)["AlarmDescription"]


def test_one_account_that_waits_is_enough() -> None:
    waiting = alarm("AccountWaiting")
    assert waiting["Statistic"] == "Maximum"
    assert (waiting["ComparisonOperator"], waiting["Threshold"]) == ("GreaterThanThreshold", 0)


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_says_what_it_means_and_what_to_do(name: str) -> None:
    properties = alarm(name)
    assert properties["AlarmName"].startswith("soundlake-dev-")
    assert properties["AlarmActions"] == [TOPIC]
    assert "./soundlake accounts" in properties["AlarmDescription"]
    # Without data nothing is known: neither that all is well nor that it is not.
    assert properties["TreatMissingData"] == "missing"
    assert f"`{name}`" in OPERATIONS


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_in_every_period_there_is_a_round(name: str) -> None:
    """A run an hour looks once at least in it, whatever the interval."""
    minutes = source()["Parameters"]["CaptureInterval"]["AllowedValues"]
    assert alarm(name)["Period"] == 60 * max(minutes) == 3600
    assert alarm(name)["EvaluationPeriods"] == 1


def test_only_alarms_of_this_stage_may_publish() -> None:
    (policy,) = DEFAULT.of_type("AWS::SNS::TopicPolicy").values()
    assert policy["Topics"] == [TOPIC]
    _, statement = policy["PolicyDocument"]["Statement"]  # the first wants TLS
    assert {key: statement[key] for key in ("Effect", "Principal", "Action", "Resource")} == {
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": TOPIC,
    }
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": f"{CLOUDWATCH}soundlake-dev-*"},
    }
    for name in ALARMS:
        arn = f"{CLOUDWATCH}{alarm(name)['AlarmName']}"
        assert arn.startswith(statement["Condition"]["ArnLike"]["aws:SourceArn"].rstrip("*"))


def test_the_topic_has_no_key_that_cloudwatch_could_not_use() -> None:
    (topic,) = DEFAULT.of_type("AWS::SNS::Topic").values()
    assert topic == {"TopicName": "soundlake-dev-alarms"}


def test_nobody_is_subscribed_who_was_not_named() -> None:
    assert DEFAULT.of_type("AWS::SNS::Subscription") == {}
    given = Stack({"AlarmEmail": "somebody@example.org"})
    assert given.of_type("AWS::SNS::Subscription") == {
        "AlarmSubscription": {
            "TopicArn": TOPIC,
            "Protocol": "email",
            "Endpoint": "somebody@example.org",
        }
    }


def test_another_stage_has_alarms_of_its_own() -> None:
    prod = Stack({"Stage": "prod"})
    for name in ALARMS:
        assert prod.properties(name)["AlarmName"] != alarm(name)["AlarmName"]
        assert prod.properties(name)["Dimensions"] == [
            {"Name": "service", "Value": "soundlake-prod"}
        ]
