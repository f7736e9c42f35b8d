"""Sources that are away for a week, and a week without a run: the next runs make up for them.

Nobody starts anything, and nothing is asked for twice.
"""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from tests.statemachines.engine import Execution
from tests.statemachines.fake_spotify import spotify_id, track
from tests.statemachines.scenarios import at
from tests.statemachines.world import CHARTS, DAY, Story, World, playlist_id
from tests.unit.exported_rows import file_of

pytestmark = pytest.mark.timeout(120)

WEEK = 7
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
WHEN = {"fetched_at", "observed_at", "raw_key", "raw_keys", "evidence"}
NAMED = 31  # a track that a file of history only names


def _day(number: int) -> str:
    return (date.fromisoformat(DAY) + timedelta(days=number)).isoformat()


def _next_day(world: World) -> None:
    world.spotify.now += timedelta(days=1)
    world.begin_anew()


def _begin(world: World) -> None:
    """One chart, an account, and a play of which a file has only the name."""
    world.told(CONTACT="me@example.org", SOURCE_SPACING="0")
    world.charts(off=set(CHARTS) - {"daily-NO"})
    world.spotify.genres = []
    said = {"artistName": f"Artist {NAMED % 3}", "trackName": f"Track {NAMED}"}
    rows = [said | {"msPlayed": 180_000, "endTime": f"{DAY} 10:00"}]
    world.run("import", world.upload("StreamingHistory_music_0.json", file_of(rows)))


def _charted(world: World, number: int) -> None:
    """The day's chart: a track that is new, and the one of the day before."""
    world.spotify.playlists[playlist_id("daily-NO")] = [track(10 + number), track(9 + number)]


def _run(world: World, number: int, *times: str) -> list[Execution]:
    return [world.run("daily", at(_day(number), time)) for time in times]


def _lived(down: set[str]) -> Story:
    """A day, a week with these sources away, and the day after."""
    world = World()
    with world.opened():
        _begin(world)
        world.run("capture", {"scheduled_time": f"{DAY}T12:07:00Z"})
        for number in range(WEEK + 1):
            _charted(world, number)
            world.spotify.down = down if number else set()
            _run(world, number, "12:30")
            _next_day(world)
        world.spotify.down = set()
        _charted(world, WEEK + 1)
        # Who an artist is has to be known before others can be asked for the genres.
        last = _run(world, WEEK + 1, "12:30", "16:30", "20:30")
        assert [run.status for run in last] == ["SUCCEEDED"] * 3
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


def _asked(told: Story) -> Counter[str]:
    """The requests of the days after the week."""
    return Counter(each.partition("/")[0] for run in told.runs[-3:] for each in run.requests)


def test_a_week_without_a_source_that_keeps_history_needs_nobody() -> None:
    steady, outage = _lived(set()), _lived(DETAILS)

    charted = {spotify_id("track", 9 + number) for number in range(WEEK + 3)}
    known = _known(steady)
    # Every kind is there that could be missing.
    assert charted <= {row["track_id"] for row in known["audio_features"]}
    assert any(row["genres"] for row in known["artists"])
    assert {row["track_id"] for row in known["track_names"]} == {spotify_id("track", NAMED)}
    assert all(known.values())

    failed = [run.status for run in outage.runs if run.machine == "daily"].count("FAILED")
    assert failed >= 1  # it was told of
    assert _known(outage) == known

    # The runs that make up for it ask for everything once, and several ids at once where they may.
    asked = _asked(outage)
    assert asked["audio-features"] == asked["albums"] == 1
    assert asked["artists"] <= 2
    analysed = [each for run in outage.runs[-3:] for each in run.requests if "analysis" in each]
    assert len(analysed) == len(set(analysed)) <= WEEK + 2
    assert asked["playlists"] <= 3


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
        runs = [first, *_run(world, WEEK, "16:30", "20:30")]
    told = world.story

    assert told.runs[-4].status == "SUCCEEDED"
    assert [run.status for run in runs] == ["SUCCEEDED"] * 3
    # The playlist shows today's chart; the days between are not asked for, as nobody has them.
    assert first.requests.count(f"playlists/{playlist_id('daily-NO')}") == 1
    days = {row["chart_date"].isoformat() for row in told.rows("chart_entries")}
    assert days == {_day(0), _day(WEEK)}
    # All else is there, of what came before the week and of what came after.
    charted = {spotify_id("track", n) for n in (9, 10, 9 + WEEK, 10 + WEEK)}
    for table in ("tracks", "audio_features", "track_sections"):
        assert charted <= {row["track_id"] for row in told.rows(table)}
