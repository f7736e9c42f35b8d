"""The sources of charts, by name. A new one is a module like these, and a line here."""

from soundlake.sources import order
from soundlake.sources.chart_source import ChartSource
from soundlake.sources.kworb import Kworb
from soundlake.sources.spotify_charts import SpotifyCharts

_ALL: tuple[ChartSource, ...] = (SpotifyCharts(), Kworb())
SOURCES = {source.name: source for source in _ALL}


def ordered(names: str) -> list[ChartSource]:
    """The sources that are asked, the preferred one first. Raises ValueError on a wrong name."""
    return order.ordered(names, SOURCES)


def source_of(raw_key: str) -> ChartSource:
    """Whose answer lies under a key of the raw zone."""
    return SOURCES[raw_key.split("/")[2]]
