"""The sources of audio features, by name. A new one is a module like these, and a line here."""

from soundlake.sources.base import FeatureSource
from soundlake.sources.reccobeats import ReccoBeats
from soundlake.sources.spotify import SpotifyFeatures

_ALL: tuple[FeatureSource, ...] = (SpotifyFeatures(), ReccoBeats())
SOURCES = {source.name: source for source in _ALL}


def ordered(names: str) -> list[FeatureSource]:
    """The sources that are asked, the preferred one first: `spotify,reccobeats`.

    Raises ValueError on a name that is none, or stands there twice.
    """
    listed = names.split(",")
    wrong = [name for name in listed if name not in SOURCES or listed.count(name) > 1]
    if wrong:
        raise ValueError(
            f"{wrong[0]!r} in {names!r} is not one of {', '.join(SOURCES)}, each at most once."
        )
    return [SOURCES[name] for name in listed]
