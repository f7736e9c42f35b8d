"""Days that end in the middle of a run, clocks that differ, and a week without Spotify.

The functions ask a second local Spotify, whose made-up world has charts and plays on every day; the
functions' own clock is that of this machine, so it is weeks ahead of Spotify's throughout.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli import accounts, connect, services, world
from cli.home import ROOT
from local.aws import process, service
from tests.stack import trials
from tests.stack.conftest import Stack, free_port
from tests.stack.gate import Gate
from tests.stack.trials import Trial

pytestmark = pytest.mark.slow  # a second Spotify, and a gate of their own

LAST, FIRST = "2026-10-31", "2026-11-01"  # also two months
EVENING, MORNING = f"{LAST}T23:59:50Z", f"{FIRST}T00:10:00Z"


@dataclass(frozen=True)
class Elsewhere:
    """The stack with the other Spotify in its own's place."""

    stack: Stack
    gate: Gate

    def trial(self, now: str) -> Trial:
        trial = trials.trial(self.stack, self.gate)
        self.stack.spotify("DELETE", "faults")
        trial.stop_clock(now)
        trials.begin_anew(self.stack)  # processes of another trial count on from its clock
        return trial


@pytest.fixture(scope="module")
def elsewhere(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    log = tmp_path_factory.mktemp("spotify") / "spotify.log"
    port = free_port()
    state = replace(stack.lake.state, spotify_port=port)
    running = _started(port, log)
    target = stack.lake.target
    try:
        facts = world.facts(state.spotify)
        there = replace(stack, lake=replace(stack.lake, state=state, facts=facts))
        urls = {"SPOTIFY_API_URL": f"{state.spotify}/v1", "SPOTIFY_ACCOUNTS_URL": state.spotify}
        name, items = target.output("AccountsTable"), _taken(stack)
        with (
            trials.told(target, GENRE_SOURCES="spotify", FEATURE_SOURCES="spotify", **urls),
            trials.through_the_gate(there) as gate,
        ):
            made = str(
                connect.connect(
                    target,
                    lambda url: connect.visit(url.replace(stack.lake.state.spotify, state.spotify)),
                    port=0,
                    extra={"listener": facts.listeners[0]["id"]},
                )["account"]
            )
            try:
                yield Elsewhere(there, gate)
            finally:
                accounts.erase(target, made)
                for item in items:
                    target.dynamodb.put_item(TableName=name, Item=item)
    finally:
        process.stop(running)


def _started(port: int, log: Path) -> process.Process:
    command = [sys.executable, "-P", "-m", "local.spotify", "--port", str(port)]
    child = process.spawn(command, env=service.environment(), cwd=ROOT, log=log)
    running = process.identify(child.pid)
    while not services.spotify_answers(f"http://127.0.0.1:{port}"):
        assert running.alive(), log.read_text()
    return running


def _taken(stack: Stack) -> list[dict[str, Any]]:
    """Take the accounts out of the table, so that nobody else is captured; what they were."""
    target = stack.lake.target
    name = target.output("AccountsTable")
    items: list[dict[str, Any]] = list(target.dynamodb.scan(TableName=name)["Items"])
    for item in items:
        target.dynamodb.delete_item(TableName=name, Key={"account": item["account"]})
    return items


def shown(trial: Trial) -> list[datetime]:
    """When the listener's plays were, as Spotify knows them."""
    listener = trial.stack.lake.facts.listeners[0]["id"]
    plays = trial.stack.spotify("GET", f"plays?listener={listener}")["plays"]
    return [datetime.fromisoformat(each["played_at"]).replace(tzinfo=None) for each in plays]


def played(trial: Trial) -> list[datetime]:
    return [row["played_at"] for row in trial.rows("plays")]


def none_is_filed_elsewhere(trial: Trial) -> None:
    """Every entry of a chart is filed under the day on which Spotify showed it."""
    rows = trial.rows("chart_entries")
    assert [row for row in rows if row["observed_at"].date() != row["chart_date"]] == []
    keys = {(row["chart"], row["chart_date"], row["position"]) for row in rows}
    assert len(keys) == len(rows) > 0


def test_a_daily_run_across_midnight_files_nothing_under_the_wrong_day(
    elsewhere: Elsewhere,
) -> None:
    trial = elsewhere.trial(EVENING)
    midnight = trial.meanwhile("PUT raw/charts/", lambda: trial.stop_clock(MORNING))

    first = trial.run("daily", {"scheduled_time": EVENING})
    kept = {row["chart"] for row in trial.rows("chart_entries")}
    trials.begin_anew(trial.stack)  # a process counts on from the clock that it heard, which jumped
    second = trial.run("daily", {"scheduled_time": MORNING})

    assert midnight.happened
    assert (first["status"], first["error"]) == ("FAILED", "Incomplete")
    assert "that day is unavailable" in first["cause"]
    assert 1 <= len(kept) < len(trial.charts)
    assert second["status"] == "SUCCEEDED", second["cause"]
    none_is_filed_elsewhere(trial)
    days = {(row["chart"], row["chart_date"].isoformat()) for row in trial.rows("chart_entries")}
    charts = {f"daily-{country}" for country in trial.charts}
    assert days == {(chart, LAST) for chart in kept} | {(chart, FIRST) for chart in charts}
    # Each chart of each day was asked for once.
    assert trial.requests()["playlists/{id}"] <= len(days) + 1
    trial.check_raw()


def test_a_capture_across_the_end_of_a_month_has_each_play_once(elsewhere: Elsewhere) -> None:
    trial = elsewhere.trial(EVENING)
    assert trial.run("capture", {"scheduled_time": f"{LAST}T23:40:00Z"})["status"] == "SUCCEEDED"
    midnight = trial.meanwhile("SSM GetParameter", lambda: trial.stop_clock(f"{FIRST}T12:00:00Z"))

    runs = [trial.run("capture", {"scheduled_time": at}) for at in (EVENING, f"{FIRST}T12:20:00Z")]

    assert midnight.happened
    assert [run.get("cause") for run in runs] == [None] * 2
    plays = played(trial)
    assert plays == shown(trial)[-len(plays) :]
    assert len(plays) >= 50
    assert {at.month for at in plays} == {10, 11}
    assert len(trial.rows("captures")) == 3
    assert trial.rows("gaps") == []
    trial.check_raw()


def test_clocks_that_differ_lose_and_double_nothing(elsewhere: Elsewhere) -> None:
    trial = elsewhere.trial(f"{FIRST}T18:07:00Z")
    runs = []
    # What the schedule says, and what Spotify's clock says then: ahead, behind, ahead.
    for scheduled, spotify in (("18:00", "18:07"), ("18:20", "18:13"), ("18:40", "18:47")):
        trial.stop_clock(f"{FIRST}T{spotify}:00Z")
        runs.append(trial.run("capture", {"scheduled_time": f"{FIRST}T{scheduled}:00Z"}))
    runs.append(trial.run("daily", {"scheduled_time": f"{FIRST}T18:00:00Z"}))

    assert [run.get("cause") for run in runs] == [None] * 4
    plays = played(trial)
    assert plays == shown(trial)[-len(plays) :]
    assert len(plays) >= 50
    assert trial.rows("gaps") == []
    none_is_filed_elsewhere(trial)
    trial.check_raw()


WEEK = 7


@pytest.mark.slow
def test_a_week_without_spotify_is_told_and_made_up_for_as_far_as_spotify_keeps_it(
    elsewhere: Elsewhere,
) -> None:
    def at(day: int) -> str:
        when = datetime(2026, 10, 20, 18, tzinfo=UTC) + timedelta(days=day)
        return when.isoformat().replace("+00:00", "Z")

    def both(day: int) -> list[dict[str, Any]]:
        trial.stop_clock(at(day))
        given = {"scheduled_time": at(day)}
        return [trial.run("capture", given), trial.run("daily", given)]

    trial = elsewhere.trial(at(0))
    before = both(0)
    known, rows = played(trial), trial.rows("chart_entries")
    trial.stack.spotify("POST", "faults", json={"path": "/v1/", "kind": "503"})
    down = [run for day in range(1, WEEK + 1) for run in both(day)]
    untouched = played(trial), trial.rows("chart_entries")
    trial.stack.spotify("DELETE", "faults")
    trials.begin_anew(trial.stack)  # for the same reason: the week took a minute
    after = both(WEEK + 1)

    assert [run.get("cause") for run in (*before, *after)] == [None] * 4
    assert {run["status"] for run in down} == {"FAILED"}
    assert untouched == (known, rows)
    # The plays that Spotify still shows, and one gap with its bounds for what it no longer does.
    plays, all_plays = played(trial), shown(trial)
    assert len(plays) == len(set(plays)) == len(known) + 50
    assert set(plays) <= set(all_plays)
    (gap,) = trial.rows("gaps")
    lost = set(all_plays[all_plays.index(known[-1]) :]) - set(plays)
    assert lost
    assert all(gap["from_time"] <= each <= gap["to_time"] for each in lost)
    # The charts of both days, none of the week's, and everything about their tracks.
    none_is_filed_elsewhere(trial)
    assert {row["chart_date"].isoformat() for row in trial.rows("chart_entries")} == {
        at(0)[:10],
        at(WEEK + 1)[:10],
    }
    charted = {row["track_id"] for row in trial.rows("chart_entries")}
    for table in ("tracks", "audio_features"):
        assert charted <= {row["track_id"] for row in trial.rows(table)}
    trial.check_raw()
