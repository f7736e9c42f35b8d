"""Following an execution through its history, in both ways of paging."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.follow import History, Outcome, follow, take

T0 = datetime(2026, 11, 21, 9, tzinfo=UTC)


def event(number: int, kind: str = "TaskScheduled", **details: Any) -> dict[str, Any]:
    return {
        "id": number,
        "type": kind,
        "timestamp": T0 + timedelta(seconds=number),
        **details,
    }


def exited(number: int, name: str, output: Any, kind: str = "Task") -> dict[str, Any]:
    text = output if isinstance(output, str) else json.dumps(output)
    return event(
        number, f"{kind}StateExited", stateExitedEventDetails={"name": name, "output": text}
    )


def entered(number: int, name: str) -> dict[str, Any]:
    return event(number, "TaskStateEntered", stateEnteredEventDetails={"name": name})


class Api:
    """A Step Functions API over a growing history; with tokens as AWS, or without."""

    def __init__(self, *, tokens: bool) -> None:
        self.events: list[dict[str, Any]] = []
        self.tokens = tokens
        self.calls = 0
        self.described = {"status": "SUCCEEDED", "startDate": T0, "stopDate": T0}

    def get_execution_history(self, **request: Any) -> dict[str, Any]:
        self.calls += 1
        assert request["reverseOrder"] is True
        most = request["maxResults"]
        if self.tokens:
            assert most <= 1000
        start = int(request.get("nextToken", 0))
        newest = self.events[::-1]
        answer: dict[str, Any] = {"events": newest[start : start + most]}
        if self.tokens and start + most < len(newest):
            answer["nextToken"] = str(start + most)
        return answer

    def describe_execution(self, **_: str) -> dict[str, Any]:
        return self.described


@pytest.mark.parametrize("tokens", [True, False])
@pytest.mark.parametrize("batches", [[1], [999, 1, 1000], [1001], [5, 2500, 0, 3], [1000, 1000]])
def test_every_event_is_read_once_and_in_order(tokens: bool, batches: list[int]) -> None:
    api = Api(tokens=tokens)
    history = History(api, "arn")
    read: list[int] = []
    for size in batches:
        first = len(api.events) + 1
        api.events += [event(number) for number in range(first, first + size)]
        read += [one["id"] for one in history.new()]
    assert read == list(range(1, sum(batches) + 1))


def test_ids_given_twice_do_not_hang_it() -> None:
    api = Api(tokens=False)
    api.events = [event(7) for _ in range(3000)]
    assert History(api, "arn").new()


def test_a_poll_of_little_news_is_one_call() -> None:
    api = Api(tokens=True)
    api.events = [event(number) for number in range(1, 4001)]
    history = History(api, "arn")
    history.new()
    api.calls = 0
    api.events.append(event(4001))
    assert [one["id"] for one in history.new()] == [4001]
    assert api.calls == 1


RESULT = {"chart": "daily-NO", "country": "NO", "status": "loaded", "rows": 50, "holes": 0}
LOST = {"chart": "daily-SE", "status": "failed", "stage": "Extract", "error": "503"}


def daily_events() -> list[dict[str, Any]]:
    return [
        entered(1, "Plan"),
        exited(3, "Plan", {"charts": [{}, {}], "date": "2026-11-21"}),
        entered(4, "ProcessCharts"),
        exited(6, "RecordSuccess", RESULT | {"requests": {"playlists/{id}": 1}}, "Pass"),
        exited(7, "RecordFailure", LOST | {"requests": {"playlists/{id}": 2}}, "Pass"),
        exited(9, "ProcessCharts", {}, "Map"),
        entered(10, "Enrich"),
        exited(14, "Enrich", {"enrich": {"status": "enriched", "requests": {"audio-features": 3}}}),
        entered(15, "Publish"),
        exited(16, "Publish", {"charts": [RESULT, LOST], "publish": {"rows": {"tracks": 7}}}),
    ]


def test_a_daily_run_is_understood() -> None:
    outcome = Outcome("daily", "arn:x:daily:one")
    take(outcome, daily_events())
    assert outcome.planned == 2
    assert [one["chart"] for one in outcome.charts] == ["daily-NO", "daily-SE"]
    assert [one["error"] for one in outcome.failed_charts] == ["503"]
    assert outcome.stages == {"Plan": 2.0, "ProcessCharts": 5.0, "Enrich": 4.0, "Publish": 1.0}
    assert outcome.requests() == {"playlists/{id}": 3, "audio-features": 3}
    assert outcome.publish["rows"] == {"tracks": 7}


def test_charts_without_events_of_their_own_come_from_the_result() -> None:
    outcome = Outcome("daily", "arn")
    take(outcome, [one for one in daily_events() if one["type"] != "PassStateExited"])
    assert [one["chart"] for one in outcome.charts] == ["daily-NO", "daily-SE"]


def test_a_repeated_step_says_what_all_its_tries_asked() -> None:
    outcome = Outcome("daily", "arn")
    once = {"enrich": {"status": "rate_limited", "requests": {"audio-features": 2}}}
    again = {"enrich": {"status": "enriched", "requests": {"audio-features": 3}}}
    take(outcome, [entered(1, "Enrich"), exited(2, "Enrich", once)])
    take(outcome, [entered(5, "Enrich"), exited(8, "Enrich", again)])
    assert outcome.stages["Enrich"] == 4.0
    assert outcome.requests() == {"audio-features": 3}
    assert outcome.enrich["status"] == "enriched"


def test_only_the_charts_are_counted_and_not_what_is_taken_out_again() -> None:
    outcome = Outcome("daily", "arn")
    started = event(17, "MapStateStarted", mapStateStartedEventDetails={"length": 1})
    take(outcome, [*daily_events(), started])
    assert outcome.planned == 2


def test_one_chart_on_two_days_is_two_results() -> None:
    outcome = Outcome("daily", "arn")
    today, before = RESULT | {"date": "2026-11-21"}, RESULT | {"date": "2026-11-20"}
    take(outcome, [exited(6, "RecordSuccess", today, "Pass")])
    take(outcome, [exited(16, "Publish", {"charts": [today, before]})])
    assert [one["date"] for one in outcome.charts] == ["2026-11-21", "2026-11-20"]


def test_a_lost_day_of_an_earlier_run_is_no_failure_of_this_one() -> None:
    outcome = Outcome("daily", "arn")
    gone = {"chart": "daily-NO", "date": "2026-11-20", "status": "unavailable", "repair": True}
    own = {"chart": "daily-SE", "date": "2026-11-21", "status": "unavailable", "repair": False}
    same = {"chart": "weekly-SE", "date": "2026-11-21", "status": "unchanged", "repair": False}
    take(outcome, [exited(1, "RecordFailure", gone, "Pass"), exited(2, "RecordFailure", own)])
    take(outcome, [exited(3, "RecordUnchanged", same, "Pass")])
    assert outcome.lost_charts == [gone]
    assert outcome.failed_charts == [own]


def test_what_was_verified_is_known() -> None:
    outcome = Outcome("daily", "arn")
    verify = {"status": "verified", "errors": 0, "warnings": 2, "problems": ["one", "two"]}
    take(outcome, [entered(1, "Verify"), exited(3, "Verify", {"enrich": {}, "verify": verify})])
    assert outcome.verify == verify
    assert outcome.stages["Verify"] == 2.0


def test_output_that_was_cut_off_still_counts_the_chart() -> None:
    outcome = Outcome("daily", "arn")
    take(outcome, [exited(1, "RecordSuccess", '{"chart": "da', "Pass")])
    assert len(outcome.charts) == 1
    assert not outcome.failed_charts


def test_a_failed_execution_says_why() -> None:
    outcome = Outcome("daily", "arn")
    details = {"error": "NotPlanned", "cause": "2027-01-01 lies in the future"}
    take(outcome, [event(1, "ExecutionFailed", executionFailedEventDetails=details)])
    outcome.status = "FAILED"
    assert outcome.why == "NotPlanned: 2027-01-01 lies in the future"


def test_the_last_events_are_read_after_the_end_was_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api = Api(tokens=False)
    described = [{"status": "RUNNING", "startDate": T0}, api.described]
    shown: list[list[str]] = []

    def describe_execution(**_: str) -> dict[str, Any]:
        answer = described.pop(0)
        if answer["status"] == "SUCCEEDED":
            api.events += daily_events()
        return answer

    monkeypatch.setattr(api, "describe_execution", describe_execution)
    outcome = follow(
        api,
        Outcome("daily", "arn"),
        seen=lambda _, fresh: shown.append([one["chart"] for one in fresh]),
        interval=0,
    )
    assert outcome.succeeded
    assert shown == [[], ["daily-NO", "daily-SE"]]


def test_what_capture_answers() -> None:
    outcome = Outcome("capture", "arn")
    one = {"status": "captured", "page": 50, "new": 3, "requests": {"me/player": 1}}
    other = {"status": "waiting", "requests": {}}
    said = {"select": {}, "accounts": [one, other], "failures": []}
    take(outcome, [entered(1, "CaptureAccounts"), exited(2, "CaptureAccounts", said)])
    take(outcome, [entered(3, "CaptureAccounts"), exited(4, "CaptureAccounts", said)])
    assert (outcome.plays("new"), outcome.plays("page"), outcome.plays("late")) == (6, 100, None)
    assert outcome.requests() == {"me/player": 2}
    assert outcome.charts == []
