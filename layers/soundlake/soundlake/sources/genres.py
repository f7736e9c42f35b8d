"""The sources of genres, by name. A new one is a module like MusicBrainz', and a line here.

Spotify is none of them: it names genres with the artist, whom it is asked about anyway.
"""

from soundlake.genres import SPOTIFY
from soundlake.sources.base import GenreSource
from soundlake.sources.musicbrainz import MusicBrainz
from soundlake.sources.order import ordered

_ALL: tuple[GenreSource, ...] = (MusicBrainz(),)
SOURCES = {source.name: source for source in _ALL}


def order(names: str) -> list[str]:
    """The names of the sources, the preferred one first: `spotify,musicbrainz`.

    Raises ValueError on a name that is none, or stands there twice.
    """
    return ordered(names, {name: name for name in (SPOTIFY, *SOURCES)})
