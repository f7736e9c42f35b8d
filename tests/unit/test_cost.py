"""What a month costs, computed by hand and from what was measured; and the page follows from it."""

from dataclasses import replace
from pathlib import Path

import pytest

from cli.home import ROOT
from tests.figures import cost, cost_page
from tests.figures.cost import Price, Reckoning
from tests.figures.cost_runs import LISTENERS, Use
from tests.figures.counting_aws import named

RECKONING = Reckoning.read()


def test_only_what_is_beyond_the_free_tier_is_paid() -> None:
    price = Price("transition", "transitions", 1000, 0.025, 4000, "page", "")
    assert price.of(5000, free=True) == pytest.approx(0.025)
    assert price.of(5000, free=False) == pytest.approx(0.125)
    assert price.of(3999, free=True) == 0


def test_a_hand_computed_month() -> None:
    amounts = {"transition": 37_000.0, "s3_write": 10_000.0, "alarm": 11.0, "metric": 10.0}
    assert cost.total(amounts, free=True) == pytest.approx(0.825 + 0.05 + 0.10)
    assert cost.total(amounts, free=False) == pytest.approx(0.925 + 0.05 + 1.10 + 3.00)


def test_amounts_follow_from_what_runs_used() -> None:
    sent = {
        "s3 PUT": 2,
        "s3 LIST": 3,
        "s3 GET": 5,
        "s3 BUCKET": 7,
        "s3 DELETE": 11,
        "dynamodb UpdateItem": 13,
        "dynamodb GetItem": 17,
        "dynamodb BatchGetItem": 19,
        "ssm GetParameter": 23,
        "ssm PutParameter": 29,
    }
    measured = {"largest items, 1": {"AccountsTable": 900, "BudgetTable": 4100}}
    use = Use(runs=1, transitions=31, requests=sent, logs=400_000, history_logs=100_000)
    found = Reckoning(measured).amounts(use)
    assert (found["s3_write"], found["s3_read"]) == (5, 5)
    assert found["dynamodb_write"] == 13 * 5  # of 1 KB
    assert found["dynamodb_read"] == (17 + 4 * 19) * 2  # of 4 KB
    assert (found["kms"], found["transition"], found["trace"]) == (52, 31, 1)
    assert found["log_gb"] == pytest.approx(0.0005)


def test_a_month_of_captures_has_hours_of_listening_and_others() -> None:
    """A day has 8 hours of three looks that are derived, and 16 of which one is."""
    per_look = {"select": 1.0, "capture": 1.0, "derive": 1.0}
    cold = Use(runs=1, transitions=7, requests={"ssm GetParameter": 2}, gb_s=per_look)
    found = Use(runs=2, transitions=14, requests={"s3 PUT": 8, "s3 LIST": 6}, asked=2)
    quiet = Use(runs=1, transitions=21, requests={"s3 PUT": 4, "s3 LIST": 3}, asked=3)
    measured = {
        "capture, 1: cold": cold,
        "capture, 1: looks that find plays": found,
        "capture, 1: a quiet hour's run": quiet,
    }
    month = Reckoning({name: use.__dict__ for name, use in measured.items()}).captures(1)
    assert month.transitions == 30 * (8 * 3 * 7 + 16 * 21)
    assert month.requests["s3 LIST"] == 30 * (8 * 3 * 3 + 16 * 3)
    assert month.requests["s3 PUT"] == 30 * (8 * 3 * 4 + 16 * 4)
    assert month.requests["ssm GetParameter"] == 30 * 72 * 2
    assert month.gb_s == {"select": 2160.0, "capture": 2160.0, "derive": 30 * 40.0}
    assert month.asked == 30 * (72 + 24)


def test_a_month_of_audits_reads_all_answers_of_its_months_each_week() -> None:
    sent = {"s3 GET": 25, "s3 LIST": 7}
    audit = Use(runs=1, transitions=29, requests=sent, raw_reads=20, invocations={"audit": 9})
    one, two = (Reckoning({"audit of a day": audit.__dict__}).audits(each) for each in (1, 2))
    weeks = 30 / 7
    assert one.runs == pytest.approx(weeks)
    assert one.transitions == pytest.approx(weeks * 3 * 29)
    assert one.requests["s3 LIST"] == pytest.approx(weeks * 3 * 7)
    assert one.requests["s3 GET"] == pytest.approx(weeks * (3 * 5 + 75 * 20))
    assert two.transitions - one.transitions == pytest.approx(weeks * 3 * 6)
    assert two.requests["s3 GET"] - one.requests["s3 GET"] == pytest.approx(weeks * 75 * 72)


def test_a_small_function_has_a_share_of_a_processor_and_answers_take_their_time() -> None:
    reckoning = Reckoning({})
    reckoning.__dict__["memory"] = {"select": 512, "publish": 2048}
    assert reckoning.gb_s(Use(gb_s={"select": 1.0})) == pytest.approx(1769 / 512)
    assert reckoning.gb_s(Use(gb_s={"publish": 1.0})) == 1.0
    waiting = Use(gb_s={"publish": 0.0}, requests={"s3 GET": 100}, asked=10)
    assert reckoning.gb_s(waiting) == pytest.approx((100 * 0.02 + 10 * 0.3) * 2)


def test_uses_add_up() -> None:
    one = Use(transitions=1, requests={"s3 GET": 1}, logs=2)
    both = one + Use(transitions=2, requests={"s3 PUT": 4}, logs=3)
    assert (both.transitions, both.logs) == (3, 5)
    assert both.requests == {"s3 GET": 1, "s3 PUT": 4}
    assert both.times(2).requests == {"s3 GET": 2, "s3 PUT": 8}


def test_requests_are_told_apart() -> None:
    signed = (
        "AWS4-HMAC-SHA256 Credential=key/20261126/eu-north-1/{}/aws4_request, SignedHeaders=host"
    )
    s3 = {"authorization": signed.format("s3")}
    assert named("GET", "/bucket/raw/a.json.gz", {}, s3) == ("s3", "GET")
    assert named("GET", "/bucket", {"list-type": ["2"], "prefix": ["raw/"]}, s3) == ("s3", "LIST")
    assert named("HEAD", "/bucket", {}, s3) == ("s3", "BUCKET")
    table = {"authorization": signed.format("dynamodb"), "x-amz-target": "DynamoDB_2.GetItem"}
    assert named("POST", "/", {}, table) == ("dynamodb", "GetItem")
    assert named("GET", "/_ministack/health", {}, {}) == ("", "GET")


# ---- what was measured --------------------------------------------------------------------------


def test_every_type_of_resource_has_a_price_or_a_reason_for_none() -> None:
    types = {each["Type"] for each in RECKONING.stack.template["Resources"].values()}
    assert types <= cost.RESOURCES.keys(), "tests/figures/cost.py: RESOURCES"
    known = cost.prices()
    lines = [one for each in cost.RESOURCES.values() if not isinstance(each, str) for one in each]
    assert {*lines, *cost.BESIDE} == known.keys()
    assert all(one.source.startswith("https://aws.amazon.com/") for one in known.values())


def test_everything_that_is_priced_has_an_amount() -> None:
    for listeners in LISTENERS:
        assert RECKONING.monthly(listeners).keys() == cost.prices().keys()


def test_the_page_says_whether_the_aim_is_met() -> None:
    dollars = cost.total(RECKONING.monthly(1), free=True)
    assert ("is met." in cost_page.page(RECKONING)) == (dollars < cost_page.TARGET)
    assert 0 < dollars < 1.0, "look at what has grown"


def test_a_question_lists_every_projected_month_of_each_table_that_it_reads() -> None:
    assert RECKONING.projected == 20 * 12 + 11  # January 2006 to November 2026
    tables = RECKONING.stack.of_type("AWS::Glue::Table").values()
    assert set(RECKONING.read_by_questions) < {each["TableInput"]["Name"] for each in tables}
    saved = len(RECKONING.stack.of_type("AWS::Athena::NamedQuery"))
    assert len(RECKONING.read_by_questions) > saved  # some read two
    asked = RECKONING.question()
    assert asked["s3_write"] > RECKONING.projected
    assert RECKONING.question(years=2)["s3_read"] == pytest.approx(24 * asked["s3_read"])
    quiet = RECKONING.monthly(1)
    more = RECKONING.asking(quiet)
    assert quiet["athena_tb"] == 0
    assert more["s3_write"] - quiet["s3_write"] == pytest.approx(cost.QUESTIONS * asked["s3_write"])


def test_more_years_and_more_listeners_keep_more() -> None:
    sizes = [RECKONING.stored(1, years) for years in cost.YEARS]
    assert sizes == sorted(sizes)
    assert RECKONING.stored(5, 1) > RECKONING.stored(1, 1)


def test_the_page_is_what_the_figures_make() -> None:
    written = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    assert written == cost_page.page(RECKONING), 'make cost ARGS="--kept --write"'


def test_the_page_changes_with_what_was_measured() -> None:
    name = "a day: first run"
    more = replace(RECKONING.use(name), transitions=RECKONING.use(name).transitions + 1000)
    other = Reckoning(RECKONING.measured | {name: more.__dict__})
    assert cost.total(other.monthly(1), free=True) == pytest.approx(
        cost.total(RECKONING.monthly(1), free=True) + 30 * 0.025
    )
    assert cost_page.page(other) != cost_page.page(RECKONING)


def test_the_picture_can_be_drawn(tmp_path: Path) -> None:
    cost_page.picture(RECKONING, tmp_path / "cost.svg")
    assert (tmp_path / "cost.svg").read_text(encoding="utf-8").startswith("<?xml")
