"""Country profiles: of the chart days of a run, and of those that later features complete."""

from collections.abc import Iterable, Mapping
from datetime import date

import awswrangler as wr
import pandas as pd
import pyarrow as pa

from soundlake.features import FEATURES
from soundlake.profiles import country_profiles
from soundlake.publishing.answers import PendingAnswers
from soundlake.store.lake import Lake, Replaced, Row
from soundlake.times import month_of

TABLE = "country_profiles"
ENTRIES = ["chart", "country", "chart_date", "position", "track_id"]

Pair = tuple[str, date]


def publish_profiles(
    lake: Lake, pairs: Iterable[Pair], names: dict[str, str], answers: PendingAnswers
) -> dict[str, Replaced]:
    """Derive the profiles of these chart days, and of those that the answers' new features touch.

    `names` are the countries' names by code. A chart day without rows has no profile.
    """
    wanted: dict[str, set[Pair]] = {}
    for chart, chart_date in pairs:
        wanted.setdefault(month_of(chart_date), set()).add((chart, chart_date))
    for month, found in _incomplete(lake, answers.track_ids, complete_too=bool(answers.changed)):
        wanted.setdefault(month, set()).update(found)
    return {
        month: publish_month(lake, month, chart_days, names, answers.features)
        for month, chart_days in sorted(wanted.items())
    }


def _incomplete(
    lake: Lake, new_ids: set[str], *, complete_too: bool
) -> Iterable[tuple[str, set[Pair]]]:
    """The chart days, by month, whose profile lacks features and that show one of the new ids.

    `complete_too`, those that lack none as well: known features are replaced by others.
    """
    if not new_ids:
        return
    columns = ["chart", "chart_date", "tracks", "tracks_with_features"]
    for month in lake.months(TABLE):
        profiles = lake.read(TABLE, lake.keys(TABLE, month), columns).to_pylist()
        short = {
            (row["chart"], row["chart_date"])
            for row in profiles
            if complete_too or row["tracks_with_features"] < row["tracks"]
        }
        if short:
            shown = _entries(lake, month, short)
            ids = shown.column("track_id").to_pylist()
            touched = {
                pair
                for pair, track_id in zip(_pairs(shown), ids, strict=True)
                if track_id in new_ids
            }
            if touched:
                yield month, touched


def _entries(lake: Lake, month: str, pairs: set[Pair]) -> pa.Table:
    """The rows of some chart days of one month, in the columns `ENTRIES`."""
    charts = {chart for chart, _ in pairs}
    keys = [
        key
        for key in lake.keys("chart_entries", month)
        if key.rpartition("/")[2].removesuffix(".parquet") in charts
    ]
    table, _ = lake.readable("chart_entries", keys, ENTRIES)  # Publish names what is damaged
    return table.filter(pa.array([pair in pairs for pair in _pairs(table)], pa.bool_()))


def _pairs(table: pa.Table) -> list[Pair]:
    rows = table.select(["chart", "chart_date"]).to_pylist()
    return [(row["chart"], row["chart_date"]) for row in rows]


def publish_month(
    lake: Lake,
    month: str,
    pairs: set[Pair],
    names: Mapping[str, str],
    features: Mapping[str, Row],
) -> Replaced:
    """Derive the profiles of chart days of one month; `features` are about to be in their table."""
    entries = _entries(lake, month, pairs).to_pandas()

    def change(before: list[Row]) -> list[Row]:
        known = {row["country"]: row["country_name"] for row in before} | {**names}
        entries["country_name"] = [known.get(country, country) for country in entries["country"]]
        profiles = country_profiles(entries, _features(lake, set(entries["track_id"]), features))
        others = [row for row in before if (row["chart"], row["chart_date"]) not in pairs]
        return sorted(others + profiles, key=lambda row: (row["chart_date"], row["chart"]))

    return lake.replace(TABLE, month, TABLE, change)


def _features(lake: Lake, track_ids: set[str], new: Mapping[str, Row]) -> pd.DataFrame:
    """The features of some tracks, wherever in the table they are, or about to be there."""
    columns = ["track_id", *FEATURES]
    found = pd.DataFrame([new[each] for each in track_ids & new.keys()], columns=columns)
    if paths := lake.paths("audio_features"):
        table: pd.DataFrame = wr.s3.read_parquet(path=paths, columns=columns, use_threads=True)
        found = pd.concat([found.astype(table.dtypes), table[table["track_id"].isin(track_ids)]])
    # Two runs at once, across a month's end, may each have added a track: the earlier row counts.
    return found.drop_duplicates("track_id")
