"""Publish: what a run learned, into the tables of tracks, albums, artists, features, countries."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import awswrangler as wr
import pandas as pd
from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.features import FEATURES
from soundlake.observability import function
from soundlake.profiles import country_profiles
from soundlake.store.feature_answers import TABLE, FeatureAnswers, month_of_key
from soundlake.store.lake import READERS, Lake, Replaced, Row, SchemaError
from soundlake.times import month_of, parse_date

ENTITIES = {"tracks": "track_id", "albums": "album_id", "artists": "artist_id"}


@function("Publish")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{date, staging_keys}` to `{status: published, rows: {table: rows in the month's object}}`.

    An answer about features that cannot be read is named in `error`; all else is published.
    """
    date = parse_date(event["date"])
    month = month_of(date)
    lake = Lake(access.bucket())
    try:
        with ThreadPoolExecutor(READERS) as pool:
            staged = list(pool.map(access.staging().read, event["staging_keys"]))
        replaced, problems = _publish_features(lake, month)
        for table, id_column in ENTITIES.items():
            found = {row[id_column]: row for day in reversed(staged) for row in day[table]}
            replaced[table] = _add_unknown(lake, table, id_column, month, list(found.values()))
        replaced["country_profiles"] = _publish_profiles(lake, month, staged)
    except (*access.FORESEEN, SchemaError) as error:
        return access.failure(error)
    rows = {table: done.rows for table, done in replaced.items()}
    status = {"status": "failed", "error": "; ".join(problems)} if problems else {}
    return {"status": "published", "rows": rows, "counts": {"rows": sum(rows.values())}} | status


def _publish_features(lake: Lake, month: str) -> tuple[dict[str, Replaced], list[str]]:
    answers = FeatureAnswers(access.raw(), lake)
    good, bad = answers.readable(answers.pending(month))
    replaced: dict[str, Replaced] = {}
    for each in sorted({month, *map(month_of_key, good)}):
        rows = [row for key, found in good.items() if month_of_key(key) == each for row in found]
        replaced[TABLE] = _add_unknown(lake, TABLE, "track_id", each, rows)
    known = answers.known() if bad else set()
    return replaced, [why for key, why in bad.items() if not answers.superseded(key, known)]


def _add_unknown(lake: Lake, table: str, id_column: str, month: str, rows: list[Row]) -> Replaced:
    """Add the rows whose id the table does not have in any month; known ones stay as they are."""
    others = [key for key in lake.keys(table) if f"/month={month}/" not in key]
    elsewhere = set(lake.read(table, others, [id_column]).column(id_column).to_pylist())
    return lake.replace(table, month, table, _adding(rows, id_column, elsewhere))


def _adding(
    rows: list[Row], id_column: str, elsewhere: set[str]
) -> Callable[[list[Row]], list[Row]]:
    def change(before: list[Row]) -> list[Row]:
        merged = {row[id_column]: row for row in before}
        for row in rows:
            if row[id_column] not in elsewhere:
                merged.setdefault(row[id_column], row)
        return [merged[key] for key in sorted(merged)]

    return change


def _publish_profiles(lake: Lake, month: str, staged: list[dict[str, Any]]) -> Replaced:
    columns = ["chart", "country", "country_name", "chart_date", "position", "track_id"]
    entries = pd.DataFrame(
        [
            (
                *(day[name] for name in columns[:3]),
                parse_date(day["date"]),
                entry["position"],
                entry["track_id"],
            )
            for day in staged
            for entry in day["entries"]
        ],
        columns=columns,
    )
    profiles = country_profiles(entries, _features(lake, entries["track_id"]))
    days = {(profile["chart"], profile["chart_date"]) for profile in profiles}

    def with_days(before: list[Row]) -> list[Row]:
        others = [row for row in before if (row["chart"], row["chart_date"]) not in days]
        return sorted(others + profiles, key=lambda row: (row["chart_date"], row["chart"]))

    return lake.replace("country_profiles", month, "country_profiles", with_days)


def _features(lake: Lake, track_ids: "pd.Series[str]") -> pd.DataFrame:
    """The features of some tracks, wherever in the table they are."""
    columns = ["track_id", *FEATURES]
    paths = [f"s3://{access.bucket().name}/{key}" for key in lake.keys(TABLE)]
    if not paths:
        return pd.DataFrame(columns=columns)
    table: pd.DataFrame = wr.s3.read_parquet(path=paths, columns=columns, use_threads=True)
    # Two runs at once, across a month's end, may each have added a track: the earlier row counts.
    return table[table["track_id"].isin(set(track_ids))].drop_duplicates("track_id")
