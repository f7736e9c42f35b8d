"""Plan: which charts to read, for which date, and what earlier runs missed."""

from datetime import date, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, ValidationError
from soundlake import access
from soundlake.abilities import Abilities
from soundlake.chart_days import LOOK_BACK_DAYS, derived, due, named, waits
from soundlake.charts import (
    Chart,
    ChartListError,
    UnknownChartError,
    parse_chart_list,
    select,
)
from soundlake.inputs import wrong
from soundlake.observability import function, logger
from soundlake.settings import settings
from soundlake.spotify.errors import MissingSecretError
from soundlake.store import secrets
from soundlake.store.abilities import AbilitiesTable
from soundlake.store.chart_list import chart_list
from soundlake.store.lake import Lake, Row, SchemaError
from soundlake.store.objects import CorruptObjectError
from soundlake.times import TimeError, logical_time, month_of, parse_date, parse_time


class RunInput(BaseModel):
    """The daily machine's input; `{}` does what is left of the run's own day and of the last ones.

    With a `date`, every chart of that day is derived again from its kept answer; with `charts`,
    these and no others.
    """

    model_config = ConfigDict(extra="forbid")

    scheduled_time: str | None = None
    date: str | None = None
    charts: list[str] | None = None


class PlanError(Exception):
    """A run that cannot be planned; the text says why and what to do."""


@function("Plan")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{input, start_time}` to `{status: planned, date, charts, done, access}`.

    Or to `{status: invalid, error}`. `charts` has an item for each branch: a chart, its date, and
    how often it may wait for Spotify. `done` counts the charts of the day that earlier runs have
    done. `access` is what is known of the app's: its `status` is `known`, or `due` where a probe is
    to look at it first, and `why`; a day that is made again asks for none.
    """
    try:
        return _plan(event["input"], event["start_time"])
    except (PlanError, TimeError, ChartListError, UnknownChartError) as error:
        return {"status": "invalid", "error": str(error)}


def _plan(given: Any, start_time: str) -> dict[str, Any]:
    run = _read(given)
    now = logical_time(run.scheduled_time, start_time)
    today = parse_time(start_time).date()
    day = parse_date(run.date) if run.date else now.date()
    if day > today:
        raise PlanError(f"{day} lies in the future (today is {today}, UTC): no chart has it yet.")
    if run.charts == []:
        raise PlanError("The input's 'charts' is empty; name some, like NO, or leave it out.")
    charts = _charts(run, day)
    if run.date:
        items = derived(charts, day, _records(today), parse_time(start_time))
    elif run.charts:
        items = named(charts, day, _records(day), now)
    else:
        items = due(charts, day, _records(day), now)
    repairs = sum(item.repair for item in items)
    return {
        "status": "planned",
        "date": day.isoformat(),
        "charts": [
            item.item() | {"waits": times}
            for item, times in zip(items, waits(len(items)), strict=True)
        ],
        "done": len(charts) - (len(items) - repairs),
        "access": _access(parse_time(start_time), again=run.date is not None),
        "counts": {"charts": len(items) - repairs, "repairs": repairs},
    }


def _charts(run: RunInput, day: date) -> list[Chart]:
    """The charts to read; none where there is no list, or no chart of it is on.

    A lake can do without charts. One that had some lately has lost its list.
    """
    text = chart_list(access.bucket())
    if text is not None:
        return select(parse_chart_list(text), run.charts)
    if run.date or run.charts:
        raise PlanError("There is no chart list yet; upload one with ./soundlake charts FILE.")
    if _records(day):
        raise PlanError(
            "The chart list is gone, and charts were read lately: upload it again with "
            "./soundlake charts FILE; for no charts any more, one with enabled false throughout."
        )
    return []


def _access(now: datetime, *, again: bool) -> dict[str, Any]:
    """What the app may do, read afresh, and whether that is to be looked at before all else."""
    secrets.forget()  # another app may have been stored since the last run
    try:
        app = secrets.app_credentials(settings().parameter_prefix)
        known = AbilitiesTable(settings().budget_table).abilities(app.client_id, now)
    except MissingSecretError:
        known = Abilities()
    why = None if again else known.probe_due(now)
    return access.told(known) | ({"status": "due", "why": why} if why else {"status": "known"})


def _read(given: Any) -> RunInput:
    try:
        return RunInput.model_validate(given)
    except ValidationError as error:
        field, why = wrong(error)
        raise PlanError(
            f"The input's {field!r} is wrong ({why}); it may hold scheduled_time, date "
            'and charts, like {"date": "2026-11-21", "charts": ["NO"]}.'
        ) from error


def _records(day: date) -> list[Row]:
    """What earlier runs recorded of the last days.

    Records that cannot be read stop no run: then everything of the day counts as left to do.
    Publish, which owns them, fails on them and says so.
    """
    months = sorted({month_of(day - timedelta(days=LOOK_BACK_DAYS)), month_of(day)})
    lake = Lake(access.bucket())
    try:
        keys = [key for month in months for key in lake.keys("chart_days", month)]
        rows: list[Row] = lake.read("chart_days", keys).to_pylist()
    except (CorruptObjectError, SchemaError) as error:
        logger.warning(str(error))
        return []
    return rows
