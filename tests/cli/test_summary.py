"""The summary of a run: complete, honest about made-up data, and fine on 80 columns."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from rich.console import Console

from cli import summary
from cli.athena import Column, Result, Saved
from cli.follow import Outcome
from cli.lake import Size
from cli.machines import chart_line, verdict
from cli.summary import Report
from cli.world import Facts, chart_list

CHARTS = [
    {"country": "NO", "country_name": "Norway", "cadence": "daily", "playlist_id": "d" * 22},
    {"country": "NO", "country_name": "Norway", "cadence": "weekly", "playlist_id": "w" * 22},
    {
        "country": "SE",
        "country_name": "Sweden, kingdom",
        "cadence": "weekly",
        "playlist_id": "s" * 22,
    },
]


def facts(*, made_up: bool) -> Facts:
    clock = datetime(2025, 2, 18, 12, tzinfo=UTC)
    return Facts("Kaggle, ODC-By 1.0", made_up, clock, {}, [], CHARTS)


def report(*, made_up: bool = True, failed: bool = False) -> Report:
    lost = {"chart": "daily-SE", "status": "failed", "stage": "Extract", "error": "503 [busy]"}
    good = {"chart": "daily-NO", "status": "loaded", "rows": 50, "requests": {"playlists/{id}": 2}}
    capture = Outcome("capture", "arn", "SUCCEEDED")
    capture.accounts = [{"page": 50, "new": 7, "requests": {"me/player/recently-played": 1}}]
    daily = Outcome("daily", "arn", "FAILED" if failed else "SUCCEEDED", cause="Not done")
    daily.charts = [good, lost] if failed else [good]
    daily.stages = {"Plan": 0.5}
    saved = Saved("top-tracks", "The top tracks", "SELECT", "soundlake")
    answer = Result([Column("track", "varchar")], [["[Intro]"]])
    return Report(
        facts(made_up=made_up),
        capture,
        daily,
        {"plays": Size(7, 1, 2048)},
        [(saved, answer)],
        seconds={"services": 1.0, "daily": 9.0},
    )


def printed(one: Report) -> str:
    console = Console(file=io.StringIO(), width=80, no_color=True)
    summary.show(one, console)
    return cast(io.StringIO, console.file).getvalue()


def test_it_tells_everything_and_fits() -> None:
    text = printed(report())
    wanted = ("50 in the page, 7 new", "1 done with 50 rows", "plays", "playlists/{id}", "recently")
    wanted += ("Plan", "The top tracks", "[Intro]", "made up")
    assert [one for one in wanted if one not in text] == []
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text


def test_what_is_left_for_later_runs_is_told_in_a_line() -> None:
    starved = report()
    assert "left for later runs" not in printed(starved)

    assert starved.daily is not None
    starved.daily.enrich = {"left": {"albums": 1200, "audio_features": 34}}

    assert "Queue   1,234 left for later runs: 1,200 albums, 34 audio features." in printed(starved)
    starved.daily.enrich = {"left": {"genres": 5}}
    assert "Queue   5 left for later runs: 5 artists' genres." in printed(starved)


def test_failures_are_shown_with_their_reasons() -> None:
    text = printed(report(failed=True))
    assert "daily-SE       failed in Extract: 503 [busy]" in text
    assert "Not done" in text


def test_charts_that_nobody_may_be_asked_for_are_told_in_a_line() -> None:
    one = report()
    assert one.daily is not None
    missing = {"status": "unavailable", "unserved": True, "repair": False, "error": "Import [it]."}
    one.daily.charts += [missing | {"chart": f"daily-A{letter}"} for letter in "ABCDEF"]
    one.daily.charts.append(missing | {"chart": "daily-NO", "error": "No page."})

    lines = [" ".join(line.split()) for line in printed(one).splitlines()]

    assert "Charts 1 done with 50 rows, 0 failed, 7 unavailable" in lines
    assert "! 6 charts unavailable: Import [it]." in lines
    assert "! daily-NO unavailable: No page." in lines
    assert not any("Run again" in line for line in lines)
    assert one.succeeded
    assert "1 of 8 charts loaded, 7 unavailable" in verdict(one.daily)


def test_a_day_without_charts_says_how_to_have_some() -> None:
    one = report()
    assert one.daily is not None
    one.daily.charts = []
    assert "daily: no chart is listed and on (./soundlake charts)" in verdict(one.daily)
    one.daily.done_before = 2
    assert "all 2 charts were done already" in verdict(one.daily)


def test_a_day_that_was_shown_is_told() -> None:
    shown = {"chart": "daily-NO", "status": "loaded", "rows": 200, "shown_date": "2025-02-16"}

    assert chart_line(shown).endswith("200 rows of 2025-02-16")
    assert chart_line(shown | {"status": "unchanged"}).endswith(
        "still that of 2025-02-16, which is there"
    )
    assert chart_line(shown | {"status": "unchanged", "shown_date": None}).endswith(
        "not changed since it was last read"
    )


def test_a_real_day_is_attributed() -> None:
    text = printed(report(made_up=False))
    assert "Kaggle, ODC-By 1.0" in text
    assert "2025-02-18" in text


def test_it_succeeded_only_if_everything_did() -> None:
    assert report().succeeded
    assert not report(failed=True).succeeded
    unfinished = report()
    unfinished.daily = None
    assert not unfinished.succeeded
    unanswered = report()
    unanswered.problems.append("no answer")
    assert not unanswered.succeeded
    assert "no answer" in printed(unanswered)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"chart": "daily-NO", "status": "loaded", "rows": 50, "holes": 0}, "50 rows"),
        ({"chart": "daily-IN", "status": "loaded", "rows": 49, "holes": 1}, "1 rank missing"),
        ({"chart": "daily-IN", "status": "loaded", "rows": 48, "holes": 2}, "2 ranks missing"),
        ({"chart": "weekly-SE", "status": "unchanged"}, "not changed since"),
        ({"chart": "daily-SE", "status": "refused", "error": "50 places"}, "refused: 50 places"),
        ({"chart": "daily-SE", "status": "deferred", "error": "429"}, "left to the next run: 429"),
        (
            {"chart": "daily-SE", "date": "2026-11-20", "repair": True, "status": "unavailable"},
            "of 2026-11-20 unavailable: no reason",
        ),
        ({"chart": "daily-SE", "status": "failed", "stage": "Load"}, "failed in Load: no reason"),
    ],
)
def test_a_chart_is_one_line(result: dict[str, Any], expected: str) -> None:
    line = chart_line(result)
    assert expected in line
    assert result["chart"] in line


def test_the_verdict_of_a_capture_says_what_else_was_captured() -> None:
    outcome = Outcome("capture", "arn", "FAILED", error="NotCaptured", cause="Not captured: a (b)")
    assert verdict(outcome).endswith("capture failed: Not captured: a (b)")
    outcome.accounts = [{"account": "c", "status": "captured", "new": 2, "page": 50}]
    assert verdict(outcome).endswith("a (b); captured all the same: 2 new plays among the last 50")


def test_the_verdict_names_the_reason() -> None:
    outcome = Outcome("daily", "arn", "FAILED", error="Incomplete", cause="daily-SE (503)")
    assert "Incomplete: daily-SE (503)" in verdict(outcome)


def test_the_chart_list_of_a_world() -> None:
    enabled = [line.endswith("true") for line in chart_list(facts(made_up=True)).splitlines()[1:]]
    assert enabled == [True, True, False]
    discontinued = {**facts(made_up=True).charts[0], "country": "RU"}
    with_russia = replace(facts(made_up=True), charts=[discontinued])
    assert chart_list(with_russia).splitlines()[1].endswith("false")
    lines = chart_list(facts(made_up=False)).splitlines()
    assert all(line.endswith("true") for line in lines[1:])
    assert lines[3] == f'weekly-SE,SE,"Sweden, kingdom",weekly,{"s" * 22},true'


def test_rows_that_could_not_be_read_are_named_with_their_account() -> None:
    one = report()
    assert one.capture
    one.capture.accounts[0] |= {"account": "abc", "invalid": 1, "problems": "row 3: track: null"}

    text = printed(one)

    assert "1 invalid" in text
    assert "! abc: row 3: track: null" in text
