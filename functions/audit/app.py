"""Audit: a part of the tables derived again from the raw zone and compared, or which parts."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, ValidationError
from soundlake import access
from soundlake.auditing.parts import survey
from soundlake.auditing.run import Known, audit
from soundlake.charts import Chart, ChartListError, parse_chart_list
from soundlake.inputs import wrong
from soundlake.observability import function
from soundlake.settings import settings
from soundlake.sources.features import ordered
from soundlake.store.chart_list import chart_list
from soundlake.store.lake import SchemaError
from soundlake.times import TimeError, logical_time, month_of, parse_month, parse_time


class AuditInput(BaseModel):
    """The audit machine's input; `{}` looks at two months and one older one.

    With a `month`, at that one; with `all`, at every month, or at those before another one.
    """

    model_config = ConfigDict(extra="forbid")

    scheduled_time: str | None = None
    month: str | None = None
    all: bool = False
    before: str | None = None


class InputError(Exception):
    """An input that cannot be followed; the text says why and what to do."""


@function("Audit")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{input, start_time}` to `{status: surveyed, months, parts, left}`, or `invalid`, `failed`.

    `{part, execution, start_time}` derives a part again and compares it with the lake: to `{status:
    same, part}`, to `{status: differs, part, tables, first, report}`, to `{status: waiting, part,
    error}` where somebody is at it, or to `{status: failed, error}` where it cannot be derived.
    Nothing but `scratch/audit/` is written.
    """
    try:
        if "part" not in event:
            return _survey(event["input"], event["start_time"])
        sources = [one.name for one in ordered(settings().feature_sources)]
        known = Known(access.zone_of, _charts(), sources)
        result = audit(
            access.bucket(),
            event["part"],
            known,
            execution=event["execution"],
            now=parse_time(event["start_time"]),
        )
    except (InputError, TimeError) as error:
        return {"status": "invalid", "error": str(error)}
    except (*access.FORESEEN, SchemaError, ChartListError) as error:
        return access.failure(error)
    found = sum(sum(counts.values()) for counts in result.get("tables", {}).values())
    return result | {"counts": {"differences": found}}


def _survey(given: Any, start_time: str) -> dict[str, Any]:
    try:
        run = AuditInput.model_validate(given)
    except ValidationError as error:
        field, why = wrong(error)
        raise InputError(
            f"The input's {field!r} is wrong ({why}); it may hold month, all and before, "
            'like {"month": "2026-11"}.'
        ) from error
    now = logical_time(run.scheduled_time, start_time)
    for month in (run.month, run.before):
        if month is not None:
            parse_month(month)
    if run.month and run.month > month_of(parse_time(start_time)):
        raise InputError(f"{run.month} lies in the future; there is nothing to audit yet.")
    found = survey(
        access.bucket(),
        now,
        _charts(),
        month=run.month,
        before=run.before,
        everything=run.all,
    )
    return {
        "status": "surveyed",
        "months": found.months,
        "parts": found.parts,
        "left": found.left,
    }


def _charts() -> dict[str, Chart]:
    """The charts of the chart list by name; none where there is no list."""
    text = chart_list(access.bucket())
    return {each.chart: each for each in parse_chart_list(text)} if text else {}
