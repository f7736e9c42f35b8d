"""The alarms, their topic, the rule for runs that end badly, the dashboard, and the budget.

That functions say what alarms on Soundlake's own metrics look at, in runs of the machines, is
tested in tests/statemachines/test_metrics.py.
"""

import json
import re
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from soundlake.accounts import WARN_DAYS
from soundlake.observability import METRICS

from tests.statemachines.asl import MACHINES
from tests.template.translated import DEFAULT, REPO, Stack, source

PROD = Stack({"Stage": "prod"})
ALARMS = PROD.of_type("AWS::CloudWatch::Alarm")
OURS = [name for name, alarm in ALARMS.items() if alarm["Namespace"] == "Soundlake"]
TOPIC = "arn:aws:sns:eu-north-1:123456789012:soundlake-prod-alarms"
CLOUDWATCH = "arn:aws:cloudwatch:eu-north-1:123456789012:alarm:"
STATES = "arn:aws:states:eu-north-1:123456789012:"
OPERATIONS = (REPO / "docs" / "operations.md").read_text(encoding="utf-8")
# What each one does when nobody says anything, and why: a table of docs/operations.md has the same.
MISSING = {
    "ConsentEnding": "missing",
    "ConsentEndsSoon": "missing",
    "AccountWaiting": "missing",
    "NoCapture": "breaching",
    "Gap": "notBreaching",
    "StaleTable": "ignore",
    "DailyMissed": "breaching",
    "Errors": "notBreaching",
    "PublishSlow": "ignore",
    "DeadLetters": "ignore",
}


def alarm(name: str) -> dict[str, Any]:
    return ALARMS[name]


def anchors(text: str) -> set[str]:
    """The places in a document that a link can lead to."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


#### HOW MANY ######################################################################################


def _metrics(properties: dict[str, Any]) -> int:
    """The metrics that an alarm counts for: with metric math, each input."""
    return max(sum("MetricStat" in each for each in properties.get("Metrics", [])), 1)


def test_alarms_count_for_no_more_metrics_than_are_free() -> None:
    assert set(ALARMS) == set(MISSING)
    assert sum(map(_metrics, ALARMS.values())) <= 10
    assert all(alarm["Period"] >= 60 for alarm in ALARMS.values())  # finer ones cost more
    assert PROD.of_type("AWS::CloudWatch::CompositeAlarm") == {}
    assert PROD.of_type("AWS::Logs::MetricFilter") == {}


def test_every_input_of_metric_math_would_count() -> None:
    stat = {"MetricStat": {}}
    assert _metrics({"Metrics": [stat, stat, {"Expression": "m1 + m2"}]}) == 2


def test_dev_has_neither_metrics_nor_alarms() -> None:
    dev = Stack({"Stage": "dev"})
    assert dev.of_type("AWS::CloudWatch::Alarm") == {}
    assert dev.of_type("AWS::CloudWatch::Dashboard") == {}
    for stage, disabled in (("dev", "true"), ("prod", "false"), ("local", "false")):
        for each in Stack({"Stage": stage}).of_type("AWS::Lambda::Function").values():
            assert each["Environment"]["Variables"]["POWERTOOLS_METRICS_DISABLED"] == disabled


#### WHAT THEY LOOK AT #############################################################################


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_it_means_and_what_to_do(name: str) -> None:
    properties = alarm(name)
    words = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
    assert properties["AlarmName"] == f"soundlake-prod-{words}"
    assert properties["AlarmActions"] == [TOPIC]
    assert properties["TreatMissingData"] == MISSING[name]
    *told, last = properties["AlarmDescription"].rstrip(".").split(". ")
    assert len(told) >= 2  # what it means, and what to do
    assert last == f"See docs/operations.md#{name.lower()}"
    assert name.lower() in anchors(OPERATIONS)
    assert len(properties["AlarmDescription"]) <= 1024


def test_every_alarm_has_a_section_and_no_section_is_of_another() -> None:
    section = OPERATIONS.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    told = re.findall(r"^### (\w+)$", section, flags=re.MULTILINE)
    assert told == [*ALARMS, "RunFailed", "Budget"]


@pytest.mark.parametrize("name", OURS)
def test_an_alarm_on_our_own_metrics_looks_at_one_that_there_is(name: str) -> None:
    assert alarm(name)["MetricName"] in METRICS
    assert alarm(name)["Dimensions"] == [{"Name": "service", "Value": "soundlake-prod"}]
    assert "Unit" not in alarm(name)


def test_an_alarm_on_awss_metrics_looks_at_this_stack() -> None:
    assert alarm("DailyMissed")["Dimensions"] == [
        {"Name": "StateMachineArn", "Value": f"{STATES}stateMachine:soundlake-prod-daily"}
    ]
    assert alarm("PublishSlow")["Dimensions"] == [
        {"Name": "FunctionName", "Value": "soundlake-prod-publish"}
    ]
    assert alarm("DeadLetters")["Dimensions"] == [
        {"Name": "QueueName", "Value": "ScheduleDeadLetters"}
    ]
    assert "Dimensions" not in alarm("Errors")  # of all functions: there is none of a stack's


def test_consents_are_told_of_when_the_command_line_warns_too() -> None:
    for name, days in zip(("ConsentEnding", "ConsentEndsSoon"), WARN_DAYS, strict=True):
        assert alarm(name)["Statistic"] == "Minimum"
        assert alarm(name)["ComparisonOperator"] == "LessThanOrEqualToThreshold"
        assert alarm(name)["Threshold"] == days
        assert f"within {days} days" in alarm(name)["AlarmDescription"]


@pytest.mark.parametrize("name", ["ConsentEnding", "ConsentEndsSoon", "AccountWaiting"])
def test_in_every_period_there_is_a_round(name: str) -> None:
    """A run an hour looks once at least in it, whatever the interval."""
    minutes = source()["Parameters"]["CaptureInterval"]["AllowedValues"]
    assert alarm(name)["Period"] == 60 * max(minutes) == 3600
    assert alarm(name)["EvaluationPeriods"] == 1


def test_nothing_captured_is_told_after_more_than_two_looks_and_before_a_list_is_full() -> None:
    minutes = source()["Parameters"]["CaptureInterval"]["AllowedValues"]
    seconds = alarm("NoCapture")["Period"] * alarm("NoCapture")["EvaluationPeriods"]
    assert 2 * 60 * max(minutes) <= seconds < 50 * 3 * 60  # fifty tracks of three minutes
    assert "two hours" in alarm("NoCapture")["AlarmDescription"]
    assert alarm("NoCapture")["Statistic"] == "SampleCount"


def test_a_day_without_a_daily_run_is_told_and_a_night_is_not() -> None:
    """By many short periods: with one of a day, CloudWatch waits for several that are missing."""
    hours = source()["Parameters"]["DailySchedule"]["Default"].split()[1].split(",")
    starts = sorted(int(each) for each in hours)
    longest = max(after - before for before, after in pairwise([*starts, starts[0] + 24]))
    assert alarm("DailyMissed")["Period"] == 3600
    assert longest < alarm("DailyMissed")["EvaluationPeriods"] == 24


@pytest.mark.parametrize(
    ("schedules", "capture", "daily"),
    [
        ("ENABLED", True, True),
        ("CAPTURE", True, False),
        ("DAILY", False, True),
        ("DISABLED", False, False),
    ],
)
def test_nobody_is_told_that_what_is_not_scheduled_is_missing(
    schedules: str, capture: bool, daily: bool
) -> None:
    stack = Stack({"Stage": "prod", "Schedules": schedules})
    assert stack.properties("NoCapture")["ActionsEnabled"] is capture
    assert stack.properties("DailyMissed")["ActionsEnabled"] is daily


def test_publish_is_slow_before_it_is_cut_off() -> None:
    timeout_ms = 1000 * PROD.properties("PublishFunction")["Timeout"]
    assert alarm("PublishSlow")["Threshold"] == pytest.approx(0.85 * timeout_ms)
    assert "85 %" in alarm("PublishSlow")["AlarmDescription"]


#### THE TOPIC #####################################################################################


def test_only_what_is_named_may_publish() -> None:
    (policy,) = PROD.of_type("AWS::SNS::TopicPolicy").values()
    assert policy["Topics"] == [TOPIC]
    _, alarms, rules = policy["PolicyDocument"]["Statement"]  # the first wants TLS
    for statement in (alarms, rules):
        assert statement["Effect"] == "Allow"
        assert statement["Action"] == "sns:Publish"
        assert statement["Resource"] == TOPIC
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": f"{CLOUDWATCH}soundlake-prod-*"},
    }
    for name in ALARMS:
        arn = f"{CLOUDWATCH}{alarm(name)['AlarmName']}"
        assert arn.startswith(alarms["Condition"]["ArnLike"]["aws:SourceArn"].rstrip("*"))
    assert rules["Principal"] == {"Service": "events.amazonaws.com"}
    # EventBridge gives SNS nothing that a condition could look at: with one, nobody is told.
    assert "Condition" not in rules


def test_the_topic_has_no_key_that_cloudwatch_could_not_use() -> None:
    (topic,) = DEFAULT.of_type("AWS::SNS::Topic").values()
    assert topic == {"TopicName": "soundlake-dev-alarms"}


def test_nobody_is_subscribed_who_was_not_named() -> None:
    assert PROD.of_type("AWS::SNS::Subscription") == {}
    given = Stack({"Stage": "prod", "AlarmEmail": "somebody@example.org"})
    assert given.of_type("AWS::SNS::Subscription") == {
        "AlarmSubscription": {
            "TopicArn": TOPIC,
            "Protocol": "email",
            "Endpoint": "somebody@example.org",
        }
    }


def test_another_stage_has_alarms_of_its_own() -> None:
    local = Stack({"Stage": "local"})
    for name in ALARMS:
        assert local.properties(name)["AlarmName"] != alarm(name)["AlarmName"]
    for name in OURS:
        assert local.properties(name)["Dimensions"] == [
            {"Name": "service", "Value": "soundlake-local"}
        ]


#### RUNS THAT END BADLY ###########################################################################


def test_every_machine_of_the_stage_is_watched_and_no_other_stages() -> None:
    rule = PROD.properties("RunFailed")
    pattern = rule["EventPattern"]
    assert rule.get("State", "ENABLED") == "ENABLED"
    assert pattern["source"] == ["aws.states"]
    assert pattern["detail-type"] == ["Step Functions Execution Status Change"]
    assert set(pattern["detail"]["status"]) == {"FAILED", "TIMED_OUT", "ABORTED"}
    ((kind, prefix),) = pattern["detail"]["stateMachineArn"][0].items()
    assert kind == "prefix"
    for machine in MACHINES:
        name = f"{machine.title()}StateMachine"
        assert PROD.resolve({"Ref": name}).startswith(prefix)
        assert not Stack({"Stage": "dev"}).resolve({"Ref": name}).startswith(prefix)


def test_what_is_told_of_a_run_names_it_and_nothing_that_it_was_about() -> None:
    (target,) = PROD.properties("RunFailed")["Targets"]
    assert target["Arn"] == TOPIC
    assert "RoleArn" not in target
    transformer = target["InputTransformer"]
    # Input, output and cause may name what somebody listens to.
    assert set(transformer["InputPathsMap"].values()) == {
        "$.region",
        "$.time",
        *(f"$.detail.{name}" for name in ("executionArn", "name", "stateMachineArn", "status")),
    }
    template = transformer["InputTemplate"]
    assert set(re.findall(r"<(\w+)>", template)) == set(transformer["InputPathsMap"])
    # Lines of text, each quoted, as EventBridge wants them.
    assert all(re.fullmatch(r'"[^"]+"', line) for line in template.splitlines())


def test_what_cannot_be_delivered_waits_in_the_queue() -> None:
    queue = PROD.resolve({"Fn::GetAtt": ["ScheduleDeadLetters", "Arn"]})
    schedules = PROD.of_type("AWS::Scheduler::Schedule").values()
    rules = PROD.of_type("AWS::Events::Rule")
    targets = [each["Target"] for each in schedules]
    targets += [target for rule in rules.values() for target in rule["Targets"]]
    assert [target["DeadLetterConfig"]["Arn"] for target in targets] == [queue] * len(targets)


def test_the_message_leads_to_a_section_for_each_machine() -> None:
    (target,) = PROD.properties("RunFailed")["Targets"]
    lines = target["InputTransformer"]["InputTemplate"].splitlines()
    told = [
        re.fullmatch(r'"If it is (\w+): .+: docs/operations\.md#([\w-]+)\."', each)
        for each in lines
    ]
    sections = {found[1]: found[2] for found in told if found}
    assert sections.keys() == set(MACHINES)
    assert len(set(sections.values())) == len(sections)
    assert set(sections.values()) <= anchors(OPERATIONS)
    assert (sections["import"], sections["audit"]) == ("imports", "audit")


#### THE DASHBOARD #################################################################################


def _widgets() -> list[dict[str, Any]]:
    (dashboard,) = PROD.of_type("AWS::CloudWatch::Dashboard").values()
    assert dashboard["DashboardName"] == "soundlake-prod"
    found: list[dict[str, Any]] = json.loads(dashboard["DashboardBody"])["widgets"]
    return found


def test_the_dashboard_shows_every_alarm() -> None:
    (shown,) = [each["properties"] for each in _widgets() if each["type"] == "alarm"]
    assert Counter(shown["alarms"]) == Counter(
        f"{CLOUDWATCH}{alarm['AlarmName']}" for alarm in ALARMS.values()
    )


def test_the_dashboard_shows_every_metric_once() -> None:
    shown = Counter[str]()
    for widget in _widgets():
        rows = widget["properties"].get("metrics", [])
        before: list[Any] = []
        for row in rows:
            if not isinstance(row[0], str):
                assert "soundlake-prod" in row[0]["expression"]
                continue
            if row[0] == "AWS/Lambda":
                continue
            spelt = [each if each != "." else before[at] for at, each in enumerate(row[:4])]
            assert (spelt[0], spelt[2:]) == ("Soundlake", ["service", "soundlake-prod"])
            shown[spelt[1]] += 1
            before = spelt
    assert shown == Counter(METRICS)


def test_the_dashboard_shows_no_more_metrics_than_are_free() -> None:
    """Fifty: beyond them a dashboard costs three dollars. A search shows all that it finds."""
    kinds = {
        "AWS/Lambda,FunctionName": "AWS::Lambda::Function",
        "AWS/States,StateMachineArn": "AWS::StepFunctions::StateMachine",
    }
    shown = 0
    for widget in _widgets():
        for row in widget["properties"].get("metrics", []):
            if isinstance(row[0], str):
                shown += 1
                continue
            searched = re.search(r"SEARCH\('{([^}]+)}", row[0]["expression"])
            assert searched
            names = row[0]["expression"].count("MetricName=")
            shown += names * len(PROD.of_type(kinds[searched[1]]))
    # An alarm shows its metric, which may be another.
    assert 0 < shown + len(ALARMS) <= 50


def test_widgets_do_not_lie_over_each_other() -> None:
    places = Counter(
        (x, y)
        for each in _widgets()
        for x in range(each["x"], each["x"] + each["width"])
        for y in range(each["y"], each["y"] + each["height"])
    )
    assert max(places.values()) == 1
    assert max(x for x, _ in places) < 24


#### THE BUDGET ####################################################################################


def test_a_budget_is_made_where_one_is_given() -> None:
    assert PROD.of_type("AWS::Budgets::Budget") == {}
    given = Stack({"Stage": "prod", "MonthlyBudget": 5})
    (budget,) = given.of_type("AWS::Budgets::Budget").values()
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 5, "Unit": "USD"}
    for told in budget["NotificationsWithSubscribers"]:
        assert told["Subscribers"] == [{"SubscriptionType": "SNS", "Address": TOPIC}]
    assert given.resource("Budget")["DependsOn"] == "AlarmTopicPolicy"
    (policy,) = given.of_type("AWS::SNS::TopicPolicy").values()
    statement = policy["PolicyDocument"]["Statement"][-1]
    assert statement["Principal"] == {"Service": "budgets.amazonaws.com"}
    assert statement["Resource"] == TOPIC
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:budgets::123456789012:*"},
    }
    assert "budget" in anchors(OPERATIONS)
