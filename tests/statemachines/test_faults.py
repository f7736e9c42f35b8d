"""Every provider down, slow, lying, with a changed column, or telling of something else.

The daily machine runs with its own functions against the local providers: after a good day, each
following day's run has a fault. It ends as it should and names it; no row that was known changes,
and none is wrong. A run without faults then makes up for what is missing: of charts on the same
day, since nobody shows a past day's, of all else on the last one.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from soundlake.store.schemas import SCHEMAS

from local.spotify.world import midnight
from tests.figures.days import DaysWorld, days_world, made_up_file
from tests.figures.lake import Change, DaysLake, Row
from tests.statemachines.engine import Execution

CHARTS = ("NO", "SE")
SHOWN_TODAY = {"Spotify's charts"}
NEW = 0.2  # of a day's tracks: several on the charts that are read
FIRST, SECOND = timedelta(hours=12, minutes=30), timedelta(hours=16, minutes=30)
WELL, FAILED = "SUCCEEDED", "FAILED"
SLOW_MS = 30_000  # longer than anybody waits for an answer


@dataclass(frozen=True)
class Fault:
    """What a provider does, how the run ends, and what it says of it: why it failed, or a note.

    A fault of the local provider (`kind`, and `more` of it), or a `change` of its answers.
    """

    name: str
    says: str
    status: str = FAILED
    kind: str = ""
    more: dict[str, Any] = field(default_factory=dict)
    change: Change | None = None


def _changing(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """A change of every object in an answer, the innermost first."""

    def within(value: Any) -> Any:
        if isinstance(value, list):
            return [within(each) for each in value]
        if isinstance(value, dict):
            return change({name: within(each) for name, each in value.items()})
        return value

    return lambda body: json.dumps(within(json.loads(body))).encode()


def renamed(name: str) -> Change:
    """What has been called so is called otherwise."""
    return _changing(lambda one: {("new_" + k if k == name else k): v for k, v in one.items()})


def other(name: str) -> Change:
    """What has an id has another one: the answer is about something else."""
    return _changing(lambda one: one | {name: one[name][::-1]} if name in one else one)


def down(says: str, status: str = FAILED) -> Fault:
    return Fault("down", says, status, kind="503")


def slow(says: str, status: str = FAILED) -> Fault:
    return Fault("slow", says, status, kind="slow", more={"delay_ms": SLOW_MS})


def lying(says: str) -> Fault:
    """An error whose status is 200."""
    return Fault("lying", says, kind="error_inside")


def no_json(says: str) -> Fault:
    return Fault("no JSON", says, kind="html")


SPOTIFY_UNREACHED = "Enrich: Spotify could not be reached at api.spotify.com for "

# By what is asked: what its paths have, and what it does.
FAULTS: dict[str, tuple[str, Sequence[Fault]]] = {
    "Spotify's charts": (
        r"^/v1/playlists/",
        [
            down("daily-NO (Extract: Spotify answered 503 for /v1/playlists/"),
            slow("daily-NO (Extract: Spotify could not be reached at api.spotify.com for playl"),
            lying("daily-NO (Extract: the playlist: id: field required)"),
            no_json(": the answer is not JSON)"),
            Fault("renamed", "the playlist: items: field required", change=renamed("tracks")),
            Fault("another's", "the playlist: id: ", change=other("id")),
        ],
    ),
    "Spotify's features": (
        r"^/v1/audio-features",
        [
            down("Enrich: Spotify answered 503 for /v1/audio-features: Service unavailable."),
            slow(f"{SPOTIFY_UNREACHED}audio-features (ReadTimeout)."),
            lying("Enrich: audio features: audio_features: field required"),
            no_json("Enrich: /v1/audio-features: the answer is not JSON"),
            Fault("renamed", "audio features: no track has valence", change=renamed("valence")),
            Fault("another's", "Enrich: audio features: ", change=other("id")),
        ],
    ),
    "Spotify's albums": (
        r"^/v1/albums",
        [
            down("Enrich: Spotify answered 503 for /v1/albums: Service unavailable."),
            slow(f"{SPOTIFY_UNREACHED}albums (ReadTimeout)."),
            lying("Enrich: albums: albums: field required"),
            no_json("Enrich: /v1/albums: the answer is not JSON"),
            Fault("renamed", "Enrich: albums", change=renamed("albums")),
            Fault("another's", "Enrich: albums: ", change=other("id")),
        ],
    ),
    "Spotify's artists": (
        r"^/v1/artists",
        [
            down("Enrich: Spotify answered 503 for /v1/artists: Service unavailable."),
            slow(f"{SPOTIFY_UNREACHED}artists (ReadTimeout)."),
            lying("Enrich: artists: artists: field required"),
            no_json("Enrich: /v1/artists: the answer is not JSON"),
            Fault("renamed", "Enrich: artists", change=renamed("artists")),
            Fault("another's", "Enrich: artists: ", change=other("id")),
        ],
    ),
    "Spotify's analyses": (
        r"^/v1/audio-analysis/",
        [
            down("Enrich: Spotify answered 503 for /v1/audio-analysis/"),
            slow(f"{SPOTIFY_UNREACHED}audio-analysis/{{id}} (ReadTimeout)."),
            lying("Enrich: the audio analysis of "),
            no_json(": the answer is not JSON"),
            Fault("renamed", "has no sections", change=renamed("sections")),
        ],
    ),
    "ReccoBeats": (
        r"^/reccobeats/",
        [
            down("ReccoBeats answered 503 for audio-features. The next run asks again.", WELL),
            slow("ReccoBeats could not be reached at api.reccobeats.com for reccobeats/", WELL),
            lying("Enrich: ReccoBeats's audio features: no list of objects under content"),
            no_json("Enrich: ReccoBeats's audio-features: the answer is not JSON"),
            Fault("renamed", "audio features: no track has valence", change=renamed("valence")),
            Fault("another's", "ReccoBeats's audio features: ", change=other("href")),
        ],
    ),
}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_file(tmp_path_factory.mktemp("faults") / "made-up-day.csv")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("provider", FAULTS)
def test_a_fault_is_named_costs_nothing_known_and_is_made_up_for(provider: str, day: Path) -> None:
    path, faults = FAULTS[provider]
    world = days_world(day, 1 + len(faults), new=NEW, only=CHARTS)
    lake = DaysLake(world, environment={"ANALYSES_PER_DAY": "2"})
    first, *others = sorted(world.pages)
    with lake.opened():
        _stand(lake, provider)
        assert lake.daily(midnight(first) + FIRST).status == WELL
        for fault, date in zip(faults, others, strict=True):
            before = _everything(lake)
            _begin(lake, path, fault)
            run = lake.daily(midnight(date) + FIRST)
            _end(lake, provider)
            what = f"{provider}, {fault.name}"
            assert (run.status, fault.says in _said(run)) == (fault.status, True), (
                f"{what}: {run.status}, {_said(run)}"
            )
            _hold(before, _everything(lake), what)
            _true(lake, world, what)
            if provider in SHOWN_TODAY or fault is faults[-1]:
                run = lake.daily(midnight(date) + SECOND)
                assert (run.status, run.cause) == (WELL, None), what
                _hold(before, _everything(lake), what)
                _true(lake, world, what)
                _whole(lake, world, what, features=provider != "ReccoBeats")


def _stand(lake: DaysLake, provider: str) -> None:
    """What is so on all days: ReccoBeats is asked where Spotify refuses."""
    if provider == "ReccoBeats":
        lake.control.fault(path="^/v1/audio-features", kind="403")


def _begin(lake: DaysLake, path: str, fault: Fault) -> None:
    if fault.change is None:
        lake.control.fault(path=path, kind=fault.kind, **fault.more)
    else:
        lake.providers.changes.append((path, fault.change))


def _end(lake: DaysLake, provider: str) -> None:
    lake.control.faults.clear()
    lake.providers.changes.clear()
    _stand(lake, provider)


def _said(run: Execution) -> str:
    """Why the run failed, or its notes."""
    notes = run.invoked("Enrich")[-1].result["notes"]
    return "; ".join([*([run.cause] if run.cause else []), *notes])


Everything = tuple[dict[str, list[Row]], dict[str, bytes]]


def _everything(lake: DaysLake) -> Everything:
    """All rows by table, and all answers."""
    rows = {table: lake.rows(table) for table in SCHEMAS}
    raw = {key: lake.bucket.get(key) for key in lake.bucket.keys("raw/")}
    return rows, {key: each.body for key, each in raw.items() if each is not None}


def _hold(before: Everything, after: Everything, what: str) -> None:
    """Everything that was known stands as it was."""
    for table, rows in before[0].items():
        lost = [row for row in rows if row not in after[0][table]]
        assert lost == [], f"{what}: {table}"
    assert before[1].items() <= after[1].items(), what


def _true(lake: DaysLake, world: DaysWorld, what: str) -> None:
    """What the tables say is what the world is like."""
    known = world.catalogue
    for row in lake.rows("audio_features"):
        features = known.tracks[row["track_id"]].features
        if row["source"] == "spotify":
            assert features is not None, what
            assert row["valence"] == pytest.approx(features.valence), what
    for row in lake.rows("albums"):
        if row["detail_raw_key"] is not None:
            assert row["label"] == known.albums[row["album_id"]].label, what
    for row in lake.rows("artists"):
        if row["detail_raw_key"] is not None:
            assert row["followers"] == known.artists[row["artist_id"]].followers, what
    for row in lake.rows("track_sections"):
        assert row["sections"], what
    for row in lake.rows("chart_entries"):
        page = world.pages[row["chart_date"]][row["country"]]
        track = page.places[row["position"] - 1]
        assert track is not None, what
        assert row["track_id"] == track.id, what


def _whole(lake: DaysLake, world: DaysWorld, what: str, *, features: bool) -> None:
    """Nothing is missing of what charts have shown so far."""
    days = {row["chart_date"] for row in lake.rows("chart_entries")}
    assert max(days) == lake.time.now.date(), what
    shown = {
        one.id: one
        for each in sorted(world.pages)
        if each <= max(days)
        for page in world.pages[each].values()
        for one in page.places
        if one is not None
    }
    asked = {
        row["track_id"] for row in lake.rows("audio_features") if row["source"] or not features
    }
    albums = {row["album_id"] for row in lake.rows("albums") if row["detail_raw_key"]}
    artists = {row["artist_id"] for row in lake.rows("artists") if row["detail_raw_key"]}
    assert asked == shown.keys(), what
    assert {row["track_id"] for row in lake.rows("tracks")} == shown.keys(), what
    assert albums == {one.album_id for one in shown.values()}, what
    assert artists == {each for one in shown.values() for each in one.artist_ids}, what
