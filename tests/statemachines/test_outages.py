"""Sources that are away for a week, and a week without a run: the next runs make up for them.

Nobody starts anything, and nothing is asked for twice.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from tests.statemachines.engine import Execution
from tests.statemachines.fake_spotify import MUSICBRAINZ, spotify_id, track
from tests.statemachines.scenarios import at
from tests.statemachines.world import CHARTS, DAY, Story, World, playlist_id
from tests.unit.exported_rows import file_of

WEEK = 7
AFTER = ("12:30", "16:30", "20:30")  # the runs of the day after it
# The sources that keep history: what they know of a track or an artist they will know next week.
DETAILS = {
    *("audio-features", "audio-analysis", "tracks", "albums", "artists", "search"),
    *("reccobeats", "musicbrainz"),
}
TABLES = (
    *("tracks", "track_names", "albums", "artists", "audio_features", "track_sections"),
    *("country_profiles", "music_activity", "chart_entries", "plays"),
)
# When and from which answer a row was learned: that may differ.
# What says when something was asked for, and by which answer it came.
WHEN = {
    *("fetched_at", "observed_at", "raw_key", "raw_keys", "evidence"),
    *("detailed_at", "detail_raw_key", "asked_at", "asked", "genres_asked"),
}
NAMED = 31  # a track that a file of history only names


def _day(number: int) -> str:
    return (date.fromisoformat(DAY) + timedelta(days=number)).isoformat()


def _next_day(world: World) -> None:
    world.spotify.now += timedelta(days=1)
    world.begin_anew()


def _begin(world: World) -> None:
    """One chart, and an account."""
    world.told(CONTACT="me@example.org", SOURCE_SPACING="0")
    world.charts(off=set(CHARTS) - {"daily-NO"})
    world.spotify.genres = []


def _import(world: World) -> None:
    """A play of which a file has only the name."""
    said = {"artistName": f"Artist {NAMED % 3}", "trackName": f"Track {NAMED}"}
    rows = [said | {"msPlayed": 180_000, "endTime": f"{DAY} 10:00"}]
    world.run("import", world.upload("StreamingHistory_music_0.json", file_of(rows)))


def _charted(world: World, number: int) -> None:
    """The day's chart: a track that is new, and the one of the day before."""
    shown = []
    for each in (10 + number, 9 + number):
        artist = track(each)["artists"][0] | {
            "id": spotify_id("artist", each)
        }  # of this track alone
        shown.append(track(each) | {"artists": [artist]})
    world.spotify.playlists[playlist_id("daily-NO")] = shown


def _run(world: World, number: int, *times: str) -> list[Execution]:
    return [world.run("daily", at(_day(number), time)) for time in times]


def _lived(down: set[str], *, days: Sequence[int]) -> Story:
    """A day, a week with these sources away and a run on these days of it, and the day after."""
    world = World()
    with world.opened():
        _begin(world)
        world.run("capture", {"scheduled_time": f"{DAY}T12:07:00Z"})
        for number in range(WEEK + 1):
            _charted(world, number)
            world.spotify.down = down if number else set()
            if number in (0, *days):
                _run(world, number, "12:30")
            if number == 0:
                _import(world)
            _next_day(world)
        world.spotify.down = set()
        _charted(world, WEEK + 1)
        # Who an artist is has to be known before others can be asked for the genres.
        last = _run(world, WEEK + 1, *AFTER)
        assert [run.status for run in last] == ["SUCCEEDED"] * len(AFTER)
    return world.story


def _known(told: Story) -> dict[str, list[dict[str, Any]]]:
    """What is in the tables, in an order of its own."""
    return {
        table: sorted(
            ({name: row[name] for name in row if name not in WHEN} for row in told.rows(table)),
            key=repr,
        )
        for table in TABLES
    }


def _makes_up_once(told: Story, tracks: int) -> None:
    """The runs after the week ask for these new tracks once, several at once where they may."""
    last = told.runs[-len(AFTER) :]
    asked = [each for run in last for each in run.requests]
    for several in ("audio-features", "albums", "artists"):
        assert 1 <= asked.count(several) <= 2  # once more for the track that the name means
    assert asked.count("search") == 1
    analysed = [each for each in asked if each.startswith("audio-analysis/")]
    assert len(analysed) == len(set(analysed)) == tracks + 1  # and the one that is named
    assert sum(each.startswith("playlists/") for each in asked) == 1


def test_a_week_without_a_source_that_keeps_history_needs_nobody() -> None:
    """With runs on its first and last day; the slow test below has one on each."""
    told = _lived(DETAILS, days=(1, WEEK))

    daily = [run.status for run in told.runs if run.machine == "daily"]
    assert daily == ["SUCCEEDED", "FAILED", "FAILED", *["SUCCEEDED"] * len(AFTER)]
    charted = {row["track_id"] for row in told.rows("chart_entries")}
    played = {row["track_id"] for row in told.rows("plays") if row["track_id"]}
    assert charted == {spotify_id("track", n) for n in (9, 10, 11, 16, 17, 18)}
    for table in ("tracks", "audio_features", "track_sections"):
        known = {row["track_id"]: row for row in told.rows(table)}
        assert known.keys() >= charted | played
    assert all(row["danceability"] is not None for row in told.rows("audio_features"))
    assert all(row["genres"] for row in told.rows("artists"))
    assert all(row["label"] for row in told.rows("albums"))
    assert {row["track_id"] for row in told.rows("track_names")} == {spotify_id("track", NAMED)}
    for profile in told.rows("country_profiles"):
        assert profile["tracks_with_features"] == profile["tracks"]
    activity = told.rows("music_activity")
    assert len(activity) == len(told.rows("plays"))
    assert all(row["danceability"] is not None for row in activity)
    _makes_up_once(told, 2 * 2)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_after_a_week_without_sources_the_tables_are_what_they_are_without_that_week() -> None:
    week = range(1, WEEK + 1)
    steady, outage = _lived(set(), days=week), _lived(DETAILS, days=week)

    known = _known(steady)
    assert all(known.values())  # every table is there that could lack something
    assert _known(outage) == known
    assert [run.status for run in outage.runs if run.machine == "daily"].count("FAILED") == WEEK
    _makes_up_once(outage, WEEK + 1)  # one a day, also on the day after


def test_a_week_without_a_run_costs_what_no_source_keeps_and_nothing_else() -> None:
    world = World()
    with world.opened():
        _begin(world)
        world.run("capture", {"scheduled_time": f"{DAY}T12:07:00Z"})
        _charted(world, 0)
        _run(world, 0, "12:30")
        for _ in range(WEEK):
            _next_day(world)
        _charted(world, WEEK)
        world.run("capture", {"scheduled_time": f"{_day(WEEK)}T12:07:00Z"})
        (first,) = _run(world, WEEK, "12:30")
        second = _run(world, WEEK, "16:30")[0]
    told = world.story

    assert [run.status for run in told.runs] == ["SUCCEEDED"] * len(told.runs)
    # The playlist shows today's chart; the days between are not asked for, as nobody has them.
    assert first.requests.count(f"playlists/{playlist_id('daily-NO')}") == 1
    days = {row["chart_date"].isoformat() for row in told.rows("chart_entries")}
    assert days == {_day(0), _day(WEEK)}
    assert set(second.requests) <= {MUSICBRAINZ}  # of artists that the first one made known
    # All else is there, of what came before the week and of what came after.
    charted = {spotify_id("track", n) for n in (9, 10, 9 + WEEK, 10 + WEEK)}
    for table in ("tracks", "audio_features", "track_sections"):
        assert charted <= {row["track_id"] for row in told.rows(table)}
