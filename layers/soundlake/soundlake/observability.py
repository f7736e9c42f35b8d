"""Logs and metrics, the same in every function.

Each invocation writes one line, with what it did and how long it took. Events are not logged.
Few of the counts are metrics, too: CloudWatch gives ten of a name and its dimensions for nothing.
"""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="soundlake")


def made() -> Metrics:
    """Metrics of this stage: two may share an account, so the template gives the service's name."""
    return Metrics(
        namespace="Soundlake", service=os.environ.get("POWERTOOLS_SERVICE_NAME", "soundlake")
    )


metrics = made()

# By the verb and the count that they are made of. A sum or a worst value says all that is asked of
# them, so there is one dimension, the stage's, and none for accounts, tables or functions.
METRICS = frozenset(
    {
        "DeriveNew",
        "DeriveLate",
        "DeriveGaps",
        "SelectConsentDaysLeft",
        "SelectAwaitingUser",
        "PublishChartsDone",
        "PublishChartsFailed",
        "PublishStaleDays",
        "EnrichQueue",
        "EnrichBudgetLeft",
    }
)

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def function(verb: str) -> Callable[[Handler], Handler]:
    """Make a handler a function: one log line, and those of its counts as metrics that are any.

    A handler returns its result for the state machine. Its `counts` (name to number) are logged,
    and of them `METRICS` under the verb's name, like `DeriveNew` of `new`.
    """

    def wrap(handler: Handler) -> Handler:
        def run(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            started = time.perf_counter()
            try:
                result = handler(event, context)
            except Exception:
                logger.exception(f"{verb} failed", request_id=context.aws_request_id)
                raise
            took_ms = round((time.perf_counter() - started) * 1000)
            _count(verb, result.get("counts", {}))
            logger.info(
                f"{verb} {result.get('status', 'done')}",
                took_ms=took_ms,
                request_id=context.aws_request_id,
                **_subject(event),
                **{name: result[name] for name in _LOGGED if name in result},
            )
            return result

        return run

    return wrap


_LOGGED = ("account", "error", "retry_after", "counts", "requests")


def _subject(event: Mapping[str, Any]) -> dict[str, Any]:
    """The chart and date that an invocation is about, where it is about one."""
    chart = event.get("chart")
    name = chart.get("chart") if isinstance(chart, Mapping) else chart
    return {key: value for key, value in (("chart", name), ("date", event.get("date"))) if value}


def _count(verb: str, counts: Mapping[str, int]) -> None:
    named = {f"{verb}{name.title().replace('_', '')}": value for name, value in counts.items()}
    told = {name: value for name, value in named.items() if name in METRICS}
    if not told:
        return
    for name, value in told.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    metrics.flush_metrics()
    metrics.clear_metrics()  # where a stage has none, a flush leaves them
