"""Logs and metrics: one line an invocation, counts as metrics, events never."""

import json
from io import StringIO
from typing import Any

import pytest
from soundlake.observability import METRICS, function

from tests.unit.helpers import FakeContext


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def test_the_result_passes_through_and_one_line_is_logged(logs: StringIO) -> None:
    result = {
        "status": "loaded",
        "counts": {"rows": 2},
        "requests": {"audio-features": 1},
        "error": "A sentence.",
        "unlisted": "stays out of the log",
    }

    @function("Load")
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return result

    given = {"chart": "daily-NO", "date": "2026-11-21", "in": "the event"}
    assert handler(given, FakeContext()) is result

    (line,) = lines(logs.getvalue())
    assert line["message"] == "Load loaded"
    assert line["level"] == "INFO"
    assert line["service"] == "soundlake"
    assert line["request_id"] == "request-1"
    assert (line["chart"], line["date"]) == ("daily-NO", "2026-11-21")
    assert line["counts"] == {"rows": 2}
    assert line["requests"] == {"audio-features": 1}
    assert line["error"] == "A sentence."
    assert isinstance(line["took_ms"], int)
    assert "stays out" not in logs.getvalue()
    assert "the event" not in logs.getvalue()


def test_a_whole_chart_in_the_event_is_logged_by_its_name(logs: StringIO) -> None:
    @function("Extract")
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return {"status": "extracted"}

    handler({"chart": {"chart": "weekly-NO", "playlist_id": "an id"}}, FakeContext())

    (line,) = lines(logs.getvalue())
    assert line["chart"] == "weekly-NO"
    assert "an id" not in logs.getvalue()


def test_counts_that_are_metrics_are_told_under_the_verbs_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @function("Derive")
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return {"counts": {"new": 2, "gaps": 0, "rows": 3}}

    handler({}, FakeContext())

    (metric,) = lines(capsys.readouterr().out)
    assert metric["DeriveNew"] == [2.0]
    assert metric["DeriveGaps"] == [0.0]
    assert metric["service"] == "soundlake"
    (directive,) = metric["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Soundlake"
    assert directive["Dimensions"] == [["service"]]
    assert {each["Unit"] for each in directive["Metrics"]} == {"Count"}
    # What is no metric costs nothing: it stands in the line alone.
    assert {each["Name"] for each in directive["Metrics"]} == {"DeriveNew", "DeriveGaps"}


def test_one_invocations_metrics_do_not_reach_the_next(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @function("Derive")
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return {"counts": {event["name"]: 1}}

    handler({"name": "new"}, FakeContext())
    handler({"name": "late"}, FakeContext())

    first, second = lines(capsys.readouterr().out)
    assert "DeriveNew" in first
    assert "DeriveLate" in second
    assert "DeriveNew" not in second


def test_a_stage_without_metrics_tells_none_and_keeps_none(
    logs: StringIO, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @function("Derive")
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return {"counts": {"new": 1}}

    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    for _ in range(101):  # Powertools writes down a hundred of a metric by itself
        handler({}, FakeContext())

    assert capsys.readouterr().out == ""
    assert lines(logs.getvalue())[0]["counts"] == {"new": 1}


def test_there_are_no_more_metrics_than_cloudwatch_gives_for_nothing() -> None:
    assert len(METRICS) == 10


def test_a_crash_is_logged_with_its_trace_and_goes_on(logs: StringIO) -> None:
    @function("Load")
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        raise LookupError("a reason")

    with pytest.raises(LookupError):
        handler({"in": "the event"}, FakeContext())

    (line,) = lines(logs.getvalue())
    assert line["message"] == "Load failed"
    assert line["level"] == "ERROR"
    assert line["request_id"] == "request-1"
    assert "LookupError: a reason" in line["exception"]
    assert "the event" not in logs.getvalue()


def test_a_result_without_a_status_is_done(logs: StringIO) -> None:
    @function("Load")
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return {}

    handler({}, FakeContext())

    (line,) = lines(logs.getvalue())
    assert line["message"] == "Load done"


def test_an_invocation_without_counts_says_nothing_but_its_line(
    logs: StringIO, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    @function("Plan")
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return {"status": "invalid", "error": "A sentence."}

    handler({}, FakeContext())

    assert len(lines(logs.getvalue())) == 1
    assert capsys.readouterr().out == ""
    assert [str(each.message) for each in recwarn] == []
