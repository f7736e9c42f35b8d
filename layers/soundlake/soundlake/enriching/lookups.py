"""Looking up tracks, albums, artists and analyses: several ids at once, or one by one."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from soundlake.batches import OTHERS
from soundlake.enriching import queue
from soundlake.entities import not_found
from soundlake.sources.web import Answer
from soundlake.spotify.client import Spotify
from soundlake.spotify.errors import BadAnswerError, NotFoundError

_SEVERAL: Mapping[str, Callable[[Spotify, Sequence[str]], Answer]] = {
    queue.TRACKS: Spotify.tracks,
    queue.ALBUMS: Spotify.albums,
    queue.ARTISTS: Spotify.artists,
}
_ONE: Mapping[str, Callable[[Spotify, str], Answer]] = {
    queue.TRACKS: Spotify.track,
    queue.ALBUMS: Spotify.album,
    queue.ARTISTS: Spotify.artist,
    queue.ANALYSES: Spotify.audio_analysis,
}
CATALOGUE = tuple(_SEVERAL)  # what an answer of several ids can be about


class Lookups:
    """One run's look-ups. `several`: whether more than one id is asked for at once."""

    def __init__(self, *, several: bool) -> None:
        self.several = several
        self._asked: Counter[str] = Counter()
        self._others: Counter[str] = Counter()

    def ask(self, spotify: Spotify, kind: str, ids: Sequence[str]) -> Answer:
        """The answer about these; that there is none to an id is an answer too.

        Raises BadAnswerError where it says 404 and is none, or where too many ids were answered
        with something else: of a batch its reader tells that.
        """
        if self.several and kind in _SEVERAL:
            answer = _SEVERAL[kind](spotify, ids)
            if not_found(answer.json):
                raise BadAnswerError(f"{kind}: an error in the place of an answer")
            return answer
        (one,) = ids
        try:
            answer = _ONE[kind](spotify, one)
        except NotFoundError as error:
            if error.answer is None or not not_found(error.answer.json):
                raise
            return error.answer
        if not_found(answer.json):
            raise BadAnswerError(f"{kind} {one}: an error in the place of an answer")
        self._asked[kind] += 1
        found = answer.json.get("id") if isinstance(answer.json, dict) else None
        if kind in CATALOGUE and found not in {one, None}:
            self._others[kind] += 1
            if self._others[kind] > max(1, self._asked[kind] * OTHERS):
                raise BadAnswerError(f"{kind}: {found} in the place of {one}")
        return answer
