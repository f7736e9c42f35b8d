"""The sources of audio features, by name. A new one is a module like these, and a line here."""

from soundlake.sources import order
from soundlake.sources.base import FeatureSource
from soundlake.sources.reccobeats import ReccoBeats
from soundlake.sources.spotify import SpotifyFeatures

_ALL: tuple[FeatureSource, ...] = (SpotifyFeatures(), ReccoBeats())
SOURCES = {source.name: source for source in _ALL}


def ordered(names: str) -> list[FeatureSource]:
    """The sources that are asked, the preferred one first. Raises ValueError on a wrong name."""
    return order.ordered(names, SOURCES)
