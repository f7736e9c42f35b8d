"""How a day grows: with the number of its charts, and with the days that came before it."""

import json
import random
import statistics
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from soundlake.chart_days import waits
from soundlake.sources.web import Answer
from soundlake.spotify.client import Spotify
from soundlake.spotify.credentials import AppCredentials
from soundlake.store.lake import Lake, Row
from soundlake.store.objects import Bucket
from soundlake.store.raw import Raw
from soundlake.times import month_of, shift_month

from cli.target import CHART_LIST
from tests.benchmarks import made_up
from tests.benchmarks.stack import Run, Stack, deployed

CHARTS = (10, 50, 100, 250, 500)
DAY = "2025-01-31"  # the last of a month of 31
MONTH_CHARTS = 72
YEARS = 3
NEW_A_DAY = 60  # tracks no chart showed before; 3 in 100 of what 72 charts show on a day
ENTITIES = {
    "tracks": "track_id",
    "albums": "album_id",
    "artists": "artist_id",
    "audio_features": "track_id",
}

# ---- charts -------------------------------------------------------------------------------------


def by_charts(counts: Iterable[int] = CHARTS) -> dict[str, Run]:
    """Runs on an empty lake by number of charts; the most also in several kinds of trouble."""
    counts = list(counts)
    most = max(counts)
    found = {}
    with _world(most) as stack:
        stack.run(charts=[made_up.countries(1)[0]])  # the functions' processes are there then
        for count in counts:
            stack.empty()
            _list_charts(stack, count)
            found[f"{count}"] = stack.run()
        stack.empty()
        _keep_problems(stack)
        found[f"{most}, problems in each"] = stack.run()
        stack.empty()
        _list_charts(stack, most, withheld=True)
        found[f"{most}, each withheld (404)"] = stack.run()
        stack.empty()
        _list_charts(stack, most, alike=True)
        found[f"{most}, one table under all names"] = stack.run()
        stack.empty()
        _list_charts(stack, most)
        _limit(stack, most)
        found[f"{most}, with all waits that Plan allows"] = stack.run()
    return found


@contextmanager
def _world(charts: int) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="soundlake-bench-") as folder:
        day = made_up.chart_day(Path(folder) / f"made-up-{charts}-charts.csv", charts, DAY)
        with deployed(day) as stack:
            yield stack


def _list_charts(stack: Stack, count: int, *, withheld: bool = False, alike: bool = False) -> None:
    lines = ["chart,country,country_name,cadence,playlist_id,enabled"]
    charts = stack.lake.facts.charts
    for number, one in enumerate(charts):
        playlist = f"{number:022d}" if withheld else (charts[0] if alike else one)["playlist_id"]
        name, enabled = f"daily-{one['country']}", str(number < count).lower()
        lines.append(f"{name},{one['country']},Made up {one['country']},daily,{playlist},{enabled}")
    stack.put(CHART_LIST, "\n".join(lines).encode())


def _limit(stack: Stack, count: int) -> None:
    """Tell each chart to wait a second as often as it may."""
    for one, times in zip(stack.lake.facts.charts, waits(count), strict=False):
        if times:
            path = f"/v1/playlists/{one['playlist_id']}"
            fault = {"path": path, "kind": "429", "times": times, "retry_after": 1}
            url = f"{stack.lake.state.spotify}/_control/faults"
            requests.post(url, json=fault, timeout=10).raise_for_status()


def _keep_problems(stack: Stack) -> None:
    """Keep an answer for every chart in which six places are no tracks that can be read."""
    lake = stack.lake
    client = lake.facts.client
    spotify = Spotify(
        AppCredentials(client["id"], client["secret"]),
        api_url=f"{lake.state.spotify}/v1",
        accounts_url=lake.state.spotify,
    )
    raw = Raw(Bucket(stack.bucket, lake.target.s3))
    for one in lake.facts.charts:
        answer = spotify.playlist(one["playlist_id"])
        whole = json.loads(answer.body)
        for entry in (whole.get("items") or whole["tracks"])["items"][:6]:
            (entry.get("item") or entry["track"])["duration_ms"] = "long"
        key = f"raw/charts/spotify/daily-{one['country']}/{stack.date}/001/page-01.json.gz"
        raw.write(key, Answer(json.dumps(whole).encode(), whole, answer.at, answer.request))


# ---- months -------------------------------------------------------------------------------------


@dataclass
class Grown:
    """The last day of a month after others: its run, and the lake's objects then."""

    run: Run
    chart_bytes: int  # of chart_entries' object of one chart and month, the median
    month_bytes: dict[str, int] = field(default_factory=dict)  # of a table's object of the month
    table_bytes: dict[str, int] = field(default_factory=dict)
    table_objects: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return self.__dict__ | {"run": self.run.as_dict()}


def by_months(years: int = YEARS) -> dict[str, Grown]:
    """A first day, a month's last day, and one after years, each run on warm functions."""
    found = {}
    with _world(MONTH_CHARTS) as stack:
        _list_charts(stack, MONTH_CHARTS)
        stack.run()
        stack.empty()
        found["the first day"] = _grown(stack, stack.run())
        past = _Past(stack)
        past.month()
        found["the last day of a month"] = _grown(stack, stack.run())
        past.month()
        past.earlier_months(12 * years - 1)
        found[f"the last day of {years} years"] = _grown(stack, stack.run())
    return found


class _Past:
    """The days before, made of the first: the same rows with other dates, and other ids."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._lake = Lake(Bucket(stack.bucket, stack.lake.target.s3))
        self._chance = random.Random(7)
        self._day = stack.lake.facts.today
        self._month = month_of(self._day)
        self._charts = {
            key.rpartition("/")[2].removesuffix(".parquet"): self._rows("chart_entries", key)
            for key in self._lake.keys("chart_entries", self._month)
        }
        self._entities = {
            table: [
                self._answered_before(row)
                for key in self._lake.keys(table)
                for row in self._rows(table, key)
            ]
            for table in ENTITIES
        }
        self._today = self._new_today()
        self._profiles = self._rows(
            "country_profiles",
            f"lake/country_profiles/month={self._month}/country_profiles.parquet",
        )

    def _rows(self, table: str, key: str) -> list[Row]:
        rows: list[Row] = self._lake.read(table, [key]).to_pylist()
        return rows

    def _answered_before(self, row: Row) -> Row:
        """An entity with its answers of the day before: today's are those that are still to come.

        An answer's key is of its day and of what was asked, so it may come once more.
        """
        today, before = f"/{self._day}/", f"/{self._day - timedelta(days=1)}/"

        def earlier(value: Any) -> Any:
            if isinstance(value, list):
                return [earlier(each) for each in value]
            return value.replace(today, before) if isinstance(value, str) else value

        return {name: earlier(value) for name, value in row.items()}

    def _new_today(self) -> dict[str, set[str]]:
        """The tracks that are new today, and the albums and artists that they alone name."""
        tracks = self._entities["tracks"]
        new, others = tracks[:NEW_A_DAY], tracks[NEW_A_DAY:]
        own = {
            "tracks": ({row["track_id"] for row in new}, set()),
            "albums": ({row["album_id"] for row in new}, {row["album_id"] for row in others}),
            "artists": (
                {each for row in new for each in row["artist_ids"]},
                {each for row in others for each in row["artist_ids"]},
            ),
        }
        found = {table: wanted - elsewhere for table, (wanted, elsewhere) in own.items()}
        return found | {"audio_features": found["tracks"]}

    def month(self) -> None:
        """This month up to yesterday; of today's tracks all are known but a day's new ones."""
        self._stack.empty("raw/", "staging/")
        days = [self._day.replace(day=one) for one in range(1, self._day.day)]
        new = self._ids(len(days) * NEW_A_DAY)
        self._write_days(self._month, days, new)
        for table, id_column in ENTITIES.items():
            known = [
                row for row in self._entities[table] if row[id_column] not in self._today[table]
            ]
            rows = known + self._others(table, len(days), new)
            rows.sort(key=lambda row: str(row[id_column]))
            self._put(table, self._month, table, rows)

    def earlier_months(self, count: int) -> None:
        """The months before: their new entities, and of the last one its charts' days too."""
        before = shift_month(self._month, -1)
        first = date.fromisoformat(f"{before}-01")
        days = [first + timedelta(days=one) for one in range(31)]
        for back in range(1, count + 1):
            new = self._ids(len(days) * NEW_A_DAY)
            if back == 1:
                self._write_days(before, days, new)
            for table in ENTITIES:
                rows = self._others(table, len(days), new)
                self._put(table, shift_month(self._month, -back), table, rows)

    def _write_days(self, month: str, days: list[date], new: list[str]) -> None:
        for chart, rows in self._charts.items():
            every = [row for day in days for row in self._on(rows, day, new)]
            self._put("chart_entries", month, chart, every)
        profiles = [row | {"chart_date": day} for day in days for row in self._profiles]
        self._put("country_profiles", month, "country_profiles", profiles)

    def _on(self, rows: list[Row], day: date, new: list[str]) -> Iterator[Row]:
        """A chart on another day: other ranks, other popularity, now and then a new track."""
        known = [row for row in rows if row["track_id"] not in self._today["tracks"]]
        shown = sorted(known, key=lambda row: row["position"] + self._chance.uniform(-3, 3))
        observed = datetime.combine(day, datetime.min.time(), UTC).replace(hour=12)
        for position, row in enumerate(shown, 1):
            changed = {
                "chart_date": day,
                "position": position,
                "popularity": self._chance.randrange(100),
                "observed_at": observed.replace(tzinfo=None),
                "raw_key": row["raw_key"].replace(self._day.isoformat(), day.isoformat()),
            }
            if self._chance.random() < 0.03:
                changed["track_id"] = self._chance.choice(new)
            yield row | changed

    def _new_a_day(self, table: str) -> int:
        """New rows a day, in the proportion that the first day shows."""
        return round(NEW_A_DAY * len(self._entities[table]) / len(self._entities["tracks"]))

    def _others(self, table: str, days: int, new: list[str]) -> list[Row]:
        """A table's rows of these days' new tracks, or of as many other entities."""
        id_column = ENTITIES[table]
        ids = new if id_column == "track_id" else self._ids(days * self._new_a_day(table))
        models = self._chance.choices(self._entities[table], k=len(ids))
        rows = [row | {id_column: one} for row, one in zip(models, ids, strict=True)]
        return sorted(rows, key=lambda row: str(row[id_column]))

    def _ids(self, count: int) -> list[str]:
        return [made_up.base62(self._chance) for _ in range(count)]

    def _put(self, table: str, month: str, name: str, rows: list[Row]) -> None:
        self._lake.replace(table, month, name, lambda _: rows)


def _grown(stack: Stack, run: Run) -> Grown:
    month = f"/month={month_of(stack.lake.facts.today)}/"
    sizes = stack.objects("lake/")
    charts = [size for key, size in sizes.items() if key.startswith(f"lake/chart_entries{month}")]
    grown = Grown(run, round(statistics.median(charts)))
    for key, size in sizes.items():
        table = key.split("/")[1]
        grown.table_bytes[table] = grown.table_bytes.get(table, 0) + size
        grown.table_objects[table] = grown.table_objects.get(table, 0) + 1
        if month in key:
            grown.month_bytes[table] = grown.month_bytes.get(table, 0) + size
    return grown
