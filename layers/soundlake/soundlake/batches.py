"""Batches: many ids in one request, and what answered each of them."""

from collections.abc import Iterable, Sequence
from itertools import batched
from typing import Protocol

from soundlake.spotify.errors import BadAnswerError

OTHERS = 0.1  # the share of a batch that may be answered with something else: merged entities


class Entity(Protocol):
    """What a batch's answer holds in an id's place."""

    @property
    def id(self) -> str | None: ...


def batches(ids: Iterable[str], size: int) -> list[tuple[str, ...]]:
    """The ids in batches, in order: the fewest requests that ask for all."""
    return list(batched(ids, size, strict=False))


def matched[E: Entity](
    where: str, asked: Sequence[str], answered: Sequence[E | None]
) -> list[tuple[str, E | None]]:
    """Each id with what answered it; None where Spotify knows nothing under this id.

    An entity that was merged into another is answered with that one's id: nothing is known under
    the old one then. Raises BadAnswerError when the answer cannot be one to these ids: of another
    length, in another order, or with too many others in their places.
    """
    if len(answered) != len(asked):
        raise BadAnswerError(f"{where}: {len(answered)} answers to {len(asked)} ids")
    pairs = list(zip(asked, answered, strict=True))
    others = [(wanted, one.id) for wanted, one in pairs if one is not None and one.id != wanted]
    wrong = [pair for pair in others if pair[1] is None or pair[1] in asked]
    if not wrong and len(others) > max(1, len(asked) * OTHERS):
        wrong = others
    if wrong:
        wanted, found = wrong[0]
        raise BadAnswerError(f"{where}: {found} in the place of {wanted}")
    return [(wanted, one if one and one.id == wanted else None) for wanted, one in pairs]
