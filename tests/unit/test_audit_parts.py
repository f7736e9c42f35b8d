"""Which months a run of the audit looks at, and in what parts."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from soundlake.auditing import parts
from soundlake.auditing.parts import survey, usual

from tests.unit.helpers import ACCOUNT, NOW, Zones, invoke, keep_page, played

OLDER = ["2026-07", "2026-08", "2026-09"]


def test_the_usual_months_are_this_one_the_last_and_another_one_each_week() -> None:
    known = {*OLDER, "2026-10", "2026-11"}
    weeks = [usual(known, NOW + timedelta(weeks=number)) for number in range(2)]
    assert [each[:2] for each in weeks] == [["2026-11", "2026-10"]] * 2
    turns = [
        usual(known, datetime(2026, 11, 2, tzinfo=UTC) + timedelta(days=days))[2]
        for days in range(21)
    ]
    assert Counter(turns) == dict.fromkeys(OLDER, 7)


def test_without_an_older_month_there_are_two() -> None:
    assert usual([], NOW) == ["2026-11", "2026-10"]


def test_months_that_are_still_to_come_are_looked_at_where_they_have_something() -> None:
    assert usual(["2031-01", "2026-11"], NOW) == ["2031-01", "2026-11", "2026-10"]


def test_an_object_of_no_month_is_of_no_run(zones: Zones) -> None:
    for place in ("x.parquet", "month=2026-13/x.parquet", "copy/month=2026-11/x.parquet"):
        zones.put(f"lake/plays/{place}", b"")
    assert survey(zones.bucket, NOW, [], everything=True).months == []


def test_an_accounts_month_is_two_parts_and_tables_of_all_have_theirs(zones: Zones) -> None:
    invoke("derive", keep_page(zones, "run-1", NOW, [played(1, NOW)]))

    found = survey(zones.bucket, NOW, ["daily-NO", "daily-SE"], month="2026-11")

    assert found.months == ["2026-11"]
    assert [(part["kind"], part["of"]) for part in found.parts] == [
        ("plays", [ACCOUNT]),
        ("activity", [ACCOUNT]),
        ("charts", ["daily-NO", "daily-SE"]),
        ("audio_features", []),
        ("track_sections", []),
        ("country_profiles", []),
    ]


def test_many_charts_are_several_parts(zones: Zones) -> None:
    charts = [f"daily-{number:03}" for number in range(60)]
    found = survey(zones.bucket, NOW, charts, month="2026-11")
    of = [part["of"] for part in found.parts if part["kind"] == "charts"]
    assert [len(each) for each in of] == [25, 25, 10]
    assert [chart for each in of for chart in each] == charts


def test_months_of_the_raw_zone_are_known_where_no_table_has_them(zones: Zones) -> None:
    """An account's tables may all be gone."""
    keep_page(zones, "run-1", NOW, [played(1, NOW)])
    found = survey(zones.bucket, NOW, [], everything=True)
    assert found.months == ["2026-11"]
    assert ("plays", [ACCOUNT]) in [(part["kind"], part["of"]) for part in found.parts]


def test_everything_is_the_latest_months_first_as_many_as_a_run_can(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    for days in (0, 30, 60):
        at = NOW - timedelta(days=days)
        invoke("derive", keep_page(zones, f"run-{days}", at, [played(1, at)]))
    monkeypatch.setattr(parts, "MOST_PARTS", 12)

    first = survey(zones.bucket, NOW, [], everything=True)
    second = survey(zones.bucket, NOW, [], everything=True, before=first.left)

    assert (first.months, first.left) == (["2026-11", "2026-10"], "2026-10")
    assert (second.months[0], second.left) == ("2026-09", None)


def test_one_month_is_looked_at_however_many_parts_it_has(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST_PARTS", 1)
    found = survey(zones.bucket, NOW, ["daily-NO"], month="2026-11")
    assert len(found.parts) == 4
    assert found.left is None
