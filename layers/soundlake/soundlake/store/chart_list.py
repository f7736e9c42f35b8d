"""The chart list in the bucket: a CSV that an operator puts there."""

from soundlake.charts import ChartListError
from soundlake.store.objects import Bucket

CHART_LIST = "config/charts.csv"


def chart_list(bucket: Bucket) -> str | None:
    """The chart list's text, or None where there is none yet.

    Raises ChartListError when it is no text.
    """
    stored = bucket.get(CHART_LIST)
    try:
        return stored.body.decode("utf-8") if stored else None
    except UnicodeDecodeError as error:
        raise ChartListError(
            "The chart list is not UTF-8 text; save it as CSV in UTF-8."
        ) from error
