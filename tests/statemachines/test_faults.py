"""Every provider down, slow, lying, with a changed column, or telling of something else.

The daily machine runs with its own functions against the local providers: after a good day, each
following day's run has a fault. It ends as it should and names it; no row that was known changes,
and none is wrong. A run without faults then makes up for what is missing: of charts on the same
day, since nobody shows a past day's, of all else on the last one.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from soundlake.store.schemas import SCHEMAS

from local.kworb import app as kworb
from local.spotify.settings import Mode, Settings
from local.spotify.world import midnight
from tests.figures.counted import Charts
from tests.figures.days import DaysWorld, days_world, made_up_file
from tests.figures.files import chart_files
from tests.figures.lake import Change, DaysLake, Row
from tests.statemachines.engine import Execution

CHARTS = ("NO", "SE")
NEW = 0.2  # of a day's tracks: several on the charts that are read
FIRST, SECOND = timedelta(hours=12, minutes=30), timedelta(hours=16, minutes=30)
WELL, FAILED = "SUCCEEDED", "FAILED"
MADE_ANEW = {"country_profiles"}  # of all that is known of a chart's tracks, as that grows
ASKED = {"asked", "ask_again", "genres_asked", "genres_ask_again"}
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


@dataclass(frozen=True)
class Provider:
    """What is asked: what its paths have, its faults, and where it is asked at all.

    `shown_today`: charts, which nobody shows later. `lost` is how many ids may be taken for merged
    into another, for good, where single look-ups are answered so.
    """

    path: str
    faults: Sequence[Fault]
    mode: Mode = "extended"
    charts: Charts = "spotify"
    environment: dict[str, str] = field(default_factory=dict)
    refused: str = ""  # a path that Spotify refuses on all days
    shown_today: bool = False
    lost: int = 0


def several(kind: str) -> Provider:
    """Look-ups of several albums or artists."""
    return Provider(
        rf"^/v1/{kind}",
        [
            down(f"Enrich: Spotify answered 503 for /v1/{kind}: Service unavailable."),
            slow(f"{SPOTIFY_UNREACHED}{kind} (ReadTimeout)."),
            lying(f"Enrich: {kind}: {kind}: field required"),
            no_json(f"Enrich: /v1/{kind}: the answer is not JSON"),
            Fault("renamed", f"Enrich: {kind}", change=renamed(kind)),
            Fault("another's", f"Enrich: {kind}: ", change=other("id")),
        ],
    )


def one_by_one(kind: str, renaming: Fault) -> Provider:
    """Look-ups of one track, album or artist."""
    return Provider(
        rf"^/v1/{kind}/",
        [
            down(f"Enrich: Spotify answered 503 for /v1/{kind}/"),
            slow(f"{SPOTIFY_UNREACHED}{kind}/{{id}} (ReadTimeout)."),
            lying(f"Enrich: {kind} "),
            no_json(": the answer is not JSON"),
            renaming,
            Fault("another's", " in the place of ", change=other("id")),
        ],
        **ALONE,
    )


ALONE: dict[str, Any] = {"mode": "development", "charts": "files", "lost": 1}
CONTACT = {"CONTACT": "you@example.org"}

PROVIDERS: dict[str, Provider] = {
    "Spotify's charts": Provider(
        r"^/v1/playlists/",
        [
            down("daily-NO (Extract: Spotify answered 503 for /v1/playlists/"),
            slow("daily-NO (Extract: Spotify could not be reached at api.spotify.com for playl"),
            lying("daily-NO (Extract: the playlist: id: field required)"),
            no_json(": the answer is not JSON)"),
            Fault("renamed", "the playlist: items: field required", change=renamed("tracks")),
            Fault("another's", "the playlist: id: ", change=other("id")),
        ],
        shown_today=True,
    ),
    "Spotify's features": Provider(
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
    "Spotify's albums": several("albums"),
    "Spotify's artists": several("artists"),
    "Spotify's analyses": Provider(
        r"^/v1/audio-analysis/",
        [
            down("Enrich: Spotify answered 503 for /v1/audio-analysis/"),
            slow(f"{SPOTIFY_UNREACHED}audio-analysis/{{id}} (ReadTimeout)."),
            lying("Enrich: the audio analysis of "),
            no_json(": the answer is not JSON"),
            Fault("renamed", "has no sections", change=renamed("sections")),
        ],
    ),
    "ReccoBeats": Provider(
        r"^/reccobeats/",
        [
            down("ReccoBeats answered 503 for audio-features. The next run asks again.", WELL),
            slow("ReccoBeats could not be reached at api.reccobeats.com for reccobeats/", WELL),
            lying("Enrich: ReccoBeats's audio features: no list of objects under content"),
            no_json("Enrich: ReccoBeats's audio-features: the answer is not JSON"),
            Fault("renamed", "audio features: no track has valence", change=renamed("valence")),
            Fault("another's", "ReccoBeats's audio features: ", change=other("href")),
        ],
        refused=r"^/v1/audio-features",
    ),
    "Spotify's tracks, one by one": one_by_one(
        "tracks", Fault("renamed", "Enrich: tracks ", change=renamed("artists"))
    ),
    "Spotify's albums, one by one": one_by_one(
        "albums", Fault("renamed", "Enrich: albums: None in the place of ", change=renamed("id"))
    ),
    "Spotify's artists, one by one": one_by_one(
        "artists", Fault("renamed", "Enrich: artists: None in the place of ", change=renamed("id"))
    ),
    "kworb.net": Provider(
        r"^/kworb/spotify/country/",
        [
            down("daily-NO (Extract: kworb"),
            slow("daily-NO (Extract: kworb"),
            Fault("lying", "daily-NO (Extract: kworb", kind="html"),
            Fault("few rows", "and a chart has", kind="fewer_rows", more={"count": 7}),
            Fault("renamed", "Streams", kind="renamed_fields", more={"fields": ["Streams"]}),
            Fault("another's", "is headed ", kind="other_chart"),
        ],
        charts="kworb",
        environment={"CHART_SOURCES": "kworb", "GENRE_SOURCES": "spotify", **CONTACT},
        shown_today=True,
    ),
    "MusicBrainz": Provider(
        r"^/musicbrainz/",
        [
            down("MusicBrainz", WELL),
            slow("MusicBrainz could not be reached", WELL),
            Fault("lying", "MusicBrainz", WELL, kind="error_inside"),
            Fault("no JSON", "MusicBrainz", WELL, kind="html"),
            Fault("renamed", "MusicBrainz", WELL, change=renamed("artist-credit")),
            Fault("another's", "MusicBrainz", WELL, change=other("isrc")),
        ],
        environment=CONTACT,
    ),
}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_file(tmp_path_factory.mktemp("faults") / "made-up-day.csv")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PROVIDERS)
def test_a_fault_is_named_costs_nothing_known_and_is_made_up_for(name: str, day: Path) -> None:
    of = PROVIDERS[name]
    behind = kworb.BEHIND.days if of.charts == "kworb" else 0
    world = days_world(day, 1 + behind + len(of.faults), new=NEW, only=CHARTS)
    environment = {"ANALYSES_PER_DAY": "2", "DAILY_REQUESTS": "0"} | of.environment
    lake = DaysLake(world, Settings(mode=of.mode), environment)
    first, *others = sorted(world.pages)[behind:]
    with lake.opened():
        look = _Look(lake, world, of)
        _stand(lake, of)
        look.morning(first)
        assert lake.daily(midnight(first) + FIRST).status == WELL
        for fault, date in zip(of.faults, others, strict=True):
            what = f"{name}, {fault.name}"
            look.morning(date)
            before = look.everything()
            _begin(lake, of.path, fault)
            run = lake.daily(midnight(date) + FIRST)
            _end(lake, of)
            assert (run.status, fault.says in _said(run)) == (fault.status, True), (
                f"{what}: {run.status}, {_said(run)}"
            )
            look.at(before, what)
            if of.shown_today or fault is of.faults[-1]:
                assert _well(lake, midnight(date) + SECOND), what
                look.at(before, what)
                look.whole(what)


def _stand(lake: DaysLake, of: Provider) -> None:
    """What is so on all days."""
    if of.refused:
        lake.control.fault(path=of.refused, kind="403")


def _begin(lake: DaysLake, path: str, fault: Fault) -> None:
    if fault.change is None:
        lake.control.fault(path=path, kind=fault.kind, **fault.more)
    else:
        lake.providers.changes.append((path, fault.change))


def _end(lake: DaysLake, of: Provider) -> None:
    lake.control.faults.clear()
    lake.providers.changes.clear()
    _stand(lake, of)


def _well(lake: DaysLake, at: datetime) -> bool:
    """Whether a run goes well, and another one that finds out what the first one told of."""
    runs = [lake.daily(at + minutes * timedelta(minutes=1)) for minutes in (0, 10)]
    return [(run.status, run.cause) for run in runs] == [(WELL, None)] * 2


def _said(run: Execution) -> str:
    """Why the run failed, or its notes."""
    notes = run.invoked("Enrich")[-1].result["notes"]
    return "; ".join([*([run.cause] if run.cause else []), *notes])


@dataclass
class Everything:
    """All rows by table, and all answers."""

    rows: dict[str, list[Row]]
    raw: dict[str, bytes]


class _Look:
    """What the tables say, beside what the world is like."""

    def __init__(self, lake: DaysLake, world: DaysWorld, of: Provider) -> None:
        self._lake, self._world, self._of = lake, world, of

    def morning(self, day: date) -> None:
        """Import the day's charts, where they come as files."""
        self._lake.time.reach(midnight(day))
        if self._of.charts == "files":
            self._lake.load_files(chart_files(self._world, day, self._world.charts))

    def everything(self) -> Everything:
        rows = {table: self._lake.rows(table) for table in SCHEMAS}
        raw = {key: self._lake.bucket.get(key) for key in self._lake.bucket.keys("raw/")}
        return Everything(rows, {key: one.body for key, one in raw.items() if one is not None})

    def at(self, before: Everything, what: str) -> None:
        """Everything that was known stands as it was, and nothing is false."""
        after = self.everything()
        assert before.raw.items() <= after.raw.items(), what
        for table, rows in before.rows.items():
            if table in MADE_ANEW:
                continue
            changed = [row for row in rows if row not in after.rows[table]]
            # What was unknown may be filled in; what was known may not change.
            wrong = [row for row in changed if not _filled_in(row, after.rows[table])]
            assert wrong == [], f"{what}: {table}"
        self._true(after, what)

    def _true(self, now: Everything, what: str) -> None:
        known, unknown = self._world.catalogue, Counter[str]()
        for row in now.rows["audio_features"]:
            features = known.tracks[row["track_id"]].features
            if row["source"] == "spotify":
                assert features is not None, what
                assert row["valence"] == pytest.approx(features.valence), what
        for table, ident, of in (
            ("tracks", "track_id", known.tracks),
            ("albums", "album_id", known.albums),
            ("artists", "artist_id", known.artists),
        ):
            for row in now.rows[table]:
                if row["name"] is None:
                    unknown[table] += 1
                else:
                    assert row["name"] == of[row[ident]].name, what
                if row["detail_raw_key"] is not None and table != "tracks":
                    unknown[table] += row["genres"] is None
        assert all(count <= self._of.lost for count in unknown.values()), (what, unknown)
        for row in now.rows["track_sections"]:
            assert row["sections"], what
        for row in now.rows["chart_entries"]:
            assert row["track_id"] == self._charted(row), what

    def _charted(self, row: Row) -> str:
        chart = next(one for one in self._world.charts if one.country == row["country"])
        if self._of.charts == "kworb":
            shown = kworb.tracks(self._lake.control, chart, row["chart_date"])
            return shown[row["position"] - 1].id
        places = self._world.pages[row["chart_date"]][row["country"]].places
        if self._of.charts == "files":  # which have no holes
            places = tuple(one for one in places if one is not None)
        track = places[row["position"] - 1]
        assert track is not None
        return track.id

    def whole(self, what: str) -> None:
        """Nothing is missing of what charts have shown so far."""
        rows = self._lake.rows
        entries = rows("chart_entries")
        behind = kworb.BEHIND if self._of.charts == "kworb" else timedelta(0)
        assert max(row["chart_date"] for row in entries) == self._lake.time.now.date() - behind
        shown = [self._world.catalogue.tracks[row["track_id"]] for row in entries]
        tracks = {one.id for one in shown}
        albums = {one.album_id for one in shown}
        artists = {each for one in shown for each in one.artist_ids}
        assert {row["track_id"] for row in rows("audio_features")} == tracks, what
        assert {row["track_id"] for row in rows("tracks")} == tracks, what
        # A track that was taken for another's names neither album nor artists.
        for table, ident, of in (("albums", "album_id", albums), ("artists", "artist_id", artists)):
            found = {row[ident] for row in rows(table) if row["detail_raw_key"]}
            assert found <= of, what
            assert len(of - found) <= self._of.lost * len(self._of.faults), (what, table)
        if not self._of.refused and self._of.mode == "extended":
            assert all(row["source"] for row in rows("audio_features")), what


def _filled_in(before: Row, rows: Sequence[Row]) -> bool:
    """Whether a row is there with nothing changed but what was unknown, and who was asked."""
    known = {name: value for name, value in before.items() if value not in (None, [])}
    return any(
        all(row[name] == value for name, value in known.items() if name not in ASKED)
        for row in rows
    )
