"""Publish: what a run learned, into the tables that put it all together."""

from typing import Any

import pyarrow as pa
from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.chart_days import ended, rows_date
from soundlake.charts import ChartListError, parse_chart_list
from soundlake.observability import function
from soundlake.publishing.activity import publish_activity
from soundlake.publishing.answers import PendingAnswers
from soundlake.publishing.days import publish_days
from soundlake.publishing.entities import publish_entities
from soundlake.publishing.freshness import stale_days
from soundlake.publishing.names import PendingNames
from soundlake.publishing.profiles import publish_profiles
from soundlake.settings import settings
from soundlake.sources import genres
from soundlake.sources.features import ordered
from soundlake.store.chart_list import chart_list
from soundlake.store.lake import Lake, Replaced, SchemaError
from soundlake.times import month_of, parse_date, shift_month


@function("Publish")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{date, charts, withdrawals}` to `{status: published, rows, written}`.

    `rows` are those in the objects that were derived, by table, and `written` the objects that
    changed. An answer that cannot be read is named in `error`; all else is published. What
    tracks and features touch is derived before they are in their tables, where no run would find
    them new again, and the days' records are written last: so the next run makes up for one that
    was killed.
    """
    month = month_of(parse_date(event["date"]))
    lake, raw = Lake(access.bucket()), access.raw()
    try:
        named = [_named(lake, each, month) for each in ("chart_entries", "plays")]
        problems = [problem for _, found in named for problem in found]
        entities, new, missing = publish_entities(lake, raw, month, [table for table, _ in named])
        order = [source.name for source in ordered(settings().feature_sources)]
        genre_order = genres.order(settings().genre_sources)
        answers = PendingAnswers(lake, raw, month, order, genre_order)
        answers.publish_segments()
        names = PendingNames(lake, raw, month)
        entities += names.publish_tracks()
        pairs = [(each["chart"], rows_date(each)) for each in event["charts"]]
        profiles = publish_profiles(lake, pairs, _countries(), answers)
        activity = [
            one
            for account in lake.owners("plays")
            for one in publish_activity(lake, account, new, answers, names).values()
        ]
        entities += [("tracks", one) for one in new.publish()]
        answers.publish()
        entities += names.publish()
        done = [
            *entities,
            *answers.replaced,
            *_of("country_profiles", profiles),
            *(("music_activity", one) for one in activity),
            *_of("chart_days", publish_days(lake, event["charts"], event["withdrawals"])),
        ]
        stale = stale_days(lake, parse_date(event["date"]))
    except (*access.FORESEEN, SchemaError, ChartListError) as error:
        return access.failure(error)
    # An object that was replaced twice, with new rows and then with details, counts once.
    left = {one.key: (table, one.rows) for table, one in done}
    rows = {name: sum(n for table, n in left.values() if table == name) for name, _ in done}
    written = len({one.key for _, one in done if one.written})
    problems += missing + answers.problems + names.problems
    status = {"status": "failed", "error": "; ".join(problems)} if problems else {}
    charts_done, charts_failed = ended(event["charts"], event["withdrawals"])
    counts = {
        "rows": sum(rows.values()),
        "objects": written,
        "charts_done": charts_done,
        "charts_failed": charts_failed,
    }
    return {
        "status": "published",
        "rows": rows,
        "written": written,
        "counts": counts if stale is None else counts | {"stale_days": stale},
    } | status


def _named(lake: Lake, table: str, month: str) -> tuple[pa.Table, list[str]]:
    """The tracks of a month and the one before, and the answers that showed them.

    And a sentence for each owner's object that cannot be read.
    """
    keys = [*lake.keys(table, shift_month(month, -1)), *lake.keys(table, month)]
    column = {"chart_entries": "raw_key", "plays": "evidence"}[table]
    found, problems = lake.readable(table, keys, ["track_id", "album_id", "artist_ids", column])
    raw_keys = found.column(column)
    if table == "chart_entries":
        raw_keys = pa.array([[key] for key in raw_keys.to_pylist()], pa.list_(pa.string()))
    return found.drop_columns(column).append_column("raw_keys", raw_keys), problems


def _countries() -> dict[str, str]:
    """The countries' names by code, as the chart list has them."""
    text = chart_list(access.bucket())
    return {each.country: each.country_name for each in parse_chart_list(text)} if text else {}


def _of(table: str, replaced: dict[str, Replaced]) -> list[tuple[str, Replaced]]:
    return [(table, one) for one in replaced.values()]
