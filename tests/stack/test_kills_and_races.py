"""Functions killed in the middle of a write, and two runs that write at once.

Each kill is a SIGKILL of the process that MiniStack runs the function in, in the moment of one
write (`gate.py`). MiniStack sees that the process has ended, reports an error at once and starts
another with the next try, as AWS does. On AWS the error is `Runtime.ExitError`, here it is
`Runtime.HandlerError: Worker process died`; the machines' `States.ALL` takes them alike.

What this cannot express: an environment that is lost with nobody left to report it, which a
machine on AWS notices at the state's timeout; and half an object in S3, since neither AWS nor
MiniStack stores a body that was cut off.
"""

from collections import Counter
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.stack import trials
from tests.stack.gate import Kill, Meeting
from tests.stack.trials import Trial
from tests.stack.undisturbed import ANALYSED, ZONES, Undisturbed, shared, without_batches

DIED = "Worker process died"


def lost(requests: dict[str, int], undisturbed: dict[str, int]) -> dict[str, int]:
    """The requests beyond those of an undisturbed run, which left none out."""
    assert all(requests[name] >= times for name, times in undisturbed.items())
    return dict(Counter(requests) - Counter(undisturbed))


def asked_twice(trial: Trial) -> set[str]:
    """The ids that Spotify was asked about more than once, by all requests for one kind."""
    log = trial.stack.spotify("GET", "requests")["log"]
    ids = Counter(
        f"{urlsplit(each['path']).path}/{one}"
        for each in log
        for one in parse_qs(urlsplit(each["path"]).query).get("ids", [""])[0].split(",")
        if each["path"].startswith("/v1/")
    )
    return {each for each, times in ids.items() if times > 1}


# Kills.


def test_a_day_whose_functions_are_each_killed_in_mid_write_is_as_if_nothing_had_been(
    trial: Trial, day: Undisturbed
) -> None:
    kills = [
        Kill("extract", "amid", "raw/charts/"),
        Kill("transform", "amid", "staging/"),
        Kill("load", "after", "lake/chart_entries/"),
        # The batch's ids are kept by then, and half of the answer was sent.
        Kill("enrich", "amid", r"raw/audio-features/.*\.gz$"),
        Kill("enrich", "after", r"raw/audio-analysis/.*\.gz$", nth=2),
        Kill("verify", "after", "lake/data_quality/"),
        # The first of each: segments, not the sections that say of which answers they are.
        Kill("publish", "after", "lake/(artists|albums|tracks)/"),
        Kill("publish", "after", "lake/track_se(ctions|gments)/"),
    ]
    trial.kill(*kills)

    run = trial.run("daily")

    assert run["status"] == "SUCCEEDED", run["cause"]
    assert [kill.killed for kill in kills] == [1] * len(kills)
    assert sorted(trial.failures(run)) == sorted((kill.verb, DIED) for kill in kills)
    assert trial.objects(*ZONES) == day.objects
    assert trial.versions("lake/") == day.written
    # Of Enrich two answers are in flight: one is being kept while the next is asked for.
    extra = lost(trial.requests(), day.requests)
    assert extra.pop("playlists/{id}", 0) <= 1
    assert extra.pop("audio-analysis/{id}", 0) <= 1
    assert extra["audio-features"] >= 1
    assert sum(extra.values()) <= 2
    assert extra.keys() <= {"audio-features", "artists", "albums"}
    trial.check_raw()


def test_a_run_whose_enrich_and_publish_keep_dying_says_so_and_the_next_run_finishes_the_day(
    trial: Trial, day: Undisturbed
) -> None:
    kills = [
        Kill("enrich", "after", r"raw/audio-features/.*\.gz$"),
        Kill("enrich", "amid", r"raw/albums/.*\.gz$", nth=2),
        Kill("enrich", "after", r"raw/artists/.*\.gz$"),
        Kill("publish", "after", "lake/tracks/"),
        Kill("publish", "amid", "lake/audio_features/"),
        Kill("publish", "amid", "lake/chart_days/"),
    ]
    trial.kill(*kills)

    failed = trial.run("daily")
    requests = trial.requests()
    again = trial.run("daily")

    assert [kill.killed for kill in kills] == [1] * len(kills)
    assert (failed["status"], failed.get("error")) == ("FAILED", "Incomplete")
    assert "daily-" not in failed["cause"]
    for verb in ("Enrich", "Publish"):
        assert f"{verb}: Runtime.HandlerError" in failed["cause"]
    assert failed["cause"].count(DIED) == 2
    assert "audio-analysis/{id}" not in requests
    assert again["status"] == "SUCCEEDED", again["cause"]
    assert trial.objects(*ZONES) == day.objects
    again_asked = lost(trial.requests(), day.requests)
    assert again_asked.keys() <= {"audio-features", "albums", "artists"}
    # The one that was in flight at each kill, and the one that was being kept at the second.
    assert 1 <= again_asked["albums"] <= sum(again_asked.values()) <= 3 + 1
    trial.check_raw()


def test_a_chart_whose_load_keeps_dying_is_named_and_the_next_run_loads_it(
    trial: Trial, day: Undisturbed
) -> None:
    chart = f"daily-{trial.charts[-1]}"
    key = rf"lake/chart_entries/.*/{chart}\.parquet"
    kills = [Kill("load", when, key) for when in ("amid", "amid", "amid")]
    trial.kill(*kills)

    failed = trial.run("daily")
    before = trial.rows("chart_days")
    again = trial.run("daily")

    assert [kill.killed for kill in kills] == [1, 1, 1]
    assert failed["status"] == "FAILED"
    assert f"Not done: {chart} (Load: Runtime.HandlerError" in failed["cause"]
    assert failed["cause"].count(DIED) == 1
    assert {row["chart"]: row["status"] for row in before} == {
        f"daily-{country}": "loaded" for country in trial.charts
    } | {chart: "failed"}
    assert again["status"] == "SUCCEEDED", again["cause"]
    assert [each["chart"] for each in again["output"]["charts"]] == [chart]
    assert shared(trial) == without_batches(day.rows)
    assert trial.requests()["audio-analysis/{id}"] == trials.ANALYSES
    assert asked_twice(trial) == set()
    trial.check_raw()


def test_a_capture_killed_in_mid_write_is_as_if_nothing_had_been(
    trial: Trial, captures: Undisturbed
) -> None:
    kills = [
        Kill("capture", "amid", "raw/recently-played/"),
        Kill("capture", "after", "raw/recently-played/"),
        Kill("derive", "after", "lake/observations/"),
        Kill("derive", "amid", "lake/plays/"),
    ]
    trial.kill(*kills)

    runs = [trial.run("capture") for _ in range(2)]

    assert [kill.killed for kill in kills] == [1] * len(kills)
    assert [run["status"] for run in runs] == ["SUCCEEDED"] * 2
    assert {table: trial.rows(table) for table in captures.rows} == captures.rows
    # Two pages, and the one whose answer was in flight.
    assert trial.requests() == {"me/player/recently-played": 3}
    trial.check_raw()


def test_what_a_derive_that_keeps_dying_left_is_derived_by_the_next_run(
    trial: Trial, captures: Undisturbed
) -> None:
    kills = [
        Kill("derive", "after", "lake/observations/"),
        Kill("derive", "after", "lake/plays/"),
        Kill("derive", "amid", "lake/captures/"),
    ]
    trial.kill(*kills)

    failed, again = (trial.run("capture") for _ in range(2))

    assert [kill.killed for kill in kills] == [1] * len(kills)
    assert (failed["status"], failed.get("error")) == ("FAILED", "NotCaptured")
    assert DIED in failed["cause"]
    assert "the next look derives what this one captured" in failed["cause"]
    assert again["status"] == "SUCCEEDED"
    assert {table: trial.rows(table) for table in captures.rows} == captures.rows
    assert trial.requests() == {"me/player/recently-played": 2}
    trial.check_raw()


# Races. Both runs go at their own pace; the gate lets the one that is first at a write come last,
# with what it read before the other wrote.


def overtaken(meetings: list[Meeting]) -> list[bool]:
    return [meeting.overtaken.is_set() for meeting in meetings]


def once(written: dict[str, int]) -> dict[str, int]:
    """How often objects were written that each run would leave as the other one does.

    A run that comes to its analyses while the other one asks for them publishes what there is by
    then.
    """
    return {key: times for key, times in written.items() if key.split("/")[1] not in ANALYSED}


def test_two_runs_of_a_day_at_once_leave_what_one_leaves(trial: Trial, day: Undisturbed) -> None:
    chart = trial.charts[0]
    meetings = [
        trial.meet(f"raw/charts/spotify/daily-{chart}/"),
        trial.meet(rf"lake/chart_entries/.*/daily-{chart}\.parquet"),
        trial.meet(r"raw/audio-features/.*\.gz$"),
        trial.meet("lake/tracks/"),
        trial.meet("lake/chart_days/"),
    ]

    executions = [trial.start("daily") for _ in range(2)]
    runs = [trial.end(execution) for execution in executions]
    written = trial.versions("lake/")
    again = trial.run("daily", {"date": trial.stack.date})

    assert [run.get("cause") for run in (*runs, again)] == [None] * 3
    assert overtaken(meetings) == [True] * len(meetings)
    assert shared(trial) == without_batches(day.rows)
    assert once(written) == once(day.written)
    assert len(trial.rows("track_segments")) == trials.ANALYSES
    # What one asked while the other's answer was in flight was asked twice, never more often.
    requests = trial.requests()
    assert {name for name in requests if requests[name] > 2 * day.requests[name]} == set()
    trial.check_raw()


def test_two_runs_of_different_charts_at_once_lose_nothing_of_each_other(
    trial: Trial, day: Undisturbed
) -> None:
    given = {"scheduled_time": f"{trial.stack.date}T18:00:00Z"}
    tables = ("data_quality", "tracks", "country_profiles", "chart_days")
    meetings = [trial.meet(f"lake/{table}/") for table in tables]

    executions = [
        trial.start("daily", given | {"charts": charts})
        for charts in (trial.charts[:1], trial.charts[1:])
    ]
    runs = [trial.end(execution) for execution in executions]

    assert [run.get("cause") for run in runs] == [None] * 2
    assert overtaken(meetings) == [True] * len(meetings)
    assert shared(trial) == without_batches(day.rows)
    trial.check_raw()


def test_two_captures_at_once_lose_nothing_of_each_other(trial: Trial) -> None:
    clock = trial.stack.spotify("GET", "world")["clock"]
    # The first one makes the objects that the two of the race then replace.
    trial.stop_clock(f"{trial.stack.date}T00:00:00Z")
    assert trial.run("capture")["status"] == "SUCCEEDED"
    meetings = [trial.meet(f"lake/{table}/") for table in ("observations", "captures")]

    trial.stop_clock(f"{trial.stack.date}T09:00:00Z")
    executions = [trial.start("capture")]
    assert meetings[0].held.wait(20)
    # The other one is shown plays that this one's page does not have yet.
    trial.stop_clock(clock)
    executions.append(trial.start("capture"))
    runs = [trial.end(execution) for execution in executions]

    assert [run.get("cause") for run in runs] == [None] * 2
    assert overtaken(meetings) == [True] * len(meetings)
    listener = trial.stack.lake.facts.listeners[0]["id"]
    shown = trial.stack.spotify("GET", f"plays?listener={listener}")["plays"]
    attempts = trial.rows("captures")
    assert {row["capture_id"] for row in attempts} == {"run 0", "run 1", "run 2"}
    plays = [row["played_at"] for row in trial.rows("plays")]
    assert len(plays) == len(set(plays)) == sum(row["new"] for row in attempts) > 50
    assert plays == [played_at(each) for each in shown[-len(plays) :]]
    trial.check_raw()


def played_at(shown: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(shown["played_at"]).replace(tzinfo=None)


def test_a_capture_during_a_daily_run_disturbs_neither(
    trial: Trial, day: Undisturbed, captures: Undisturbed
) -> None:
    captured, daily = trial.start("capture"), trial.start("daily")
    runs = [trial.end(execution) for execution in (captured, daily)]
    tables = shared(trial)

    assert [run.get("cause") for run in runs] == [None] * 2
    for table in ("chart_entries", "country_profiles", "chart_days", "data_quality"):
        assert tables[table] == without_batches(day.rows)[table]
    for table in ("observations", "plays"):
        assert tables[table] == without_batches(captures.rows)[table]
    trial.check_raw()
    # Whatever the daily run saw of the plays, the next one knows all of them.
    again = trial.run("daily")
    assert again["status"] == "SUCCEEDED", again["cause"]
    played = {row["track_id"] for row in trial.rows("plays")}
    for table in ("tracks", "audio_features"):
        assert played <= {row["track_id"] for row in trial.rows(table)}
    assert len(trial.rows("music_activity")) == len(trial.rows("plays"))
    assert asked_twice(trial) == set()
