"""What waits to be looked up, and when it will have been at the present rate."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from soundlake.enriching.progress import Outlook, outlook
from soundlake.store.objects import Bucket

from cli.errors import Trouble
from cli.target import Target

Facts = dict[str, Any]

# In the order in which they are looked up.
_NAMES: Final[Mapping[str, str]] = {
    "tracks": "tracks",
    "track_names": "names of tracks",
    "audio_features": "audio features",
    "artists": "artists",
    "albums": "albums",
    "audio_analysis": "audio analyses",
    "genres": "artists' genres",
}


def facts(target: Target) -> Facts:
    """Return what the last daily run left, as JSON has it; a kind that nobody may tell is not in.

    Rates are means a day: `done_a_day` of what runs finished, `came_a_day` of what was new.
    `empty_on` is the day on which nothing of a kind is left at the present rate, null for never.
    Raises Trouble where the queue is damaged.
    """
    # It loads pyarrow, which no other command needs and which takes its time.
    from soundlake.store.queue import QueueStore  # noqa: PLC0415

    store = QueueStore(Bucket(target.output("DataBucket"), target.s3))
    days = store.read().days
    if store.problem:
        raise Trouble(store.problem)
    looks = {kind: found for kind in _NAMES if (found := outlook(days, kind)) is not None}
    return {
        "as_of": days[-1].day.isoformat() if days else None,
        "left": sum(each.left for each in looks.values()),
        "measured_since": next((each.since.isoformat() for each in looks.values()), None),
        "kinds": {kind: _kind(found) for kind, found in looks.items()},
    }


def _kind(found: Outlook) -> Facts:
    return {
        "left": found.left,
        "done_a_day": round(found.done, 1),
        "came_a_day": round(found.came, 1),
        "empty_on": found.empty_on and found.empty_on.isoformat(),
    }


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Say `facts` in a few lines."""
    if found["as_of"] is None:
        yield "Nothing was looked up yet; the daily run does."
    elif not found["left"]:
        yield f"Nothing waits to be looked up, as of the run of {found['as_of']}."
    else:
        yield f"{found['left']:,} wait to be looked up, as of the run of {found['as_of']}:"
        for kind, one in found["kinds"].items():
            if one["left"]:
                yield f"  {one['left']:,} {name(kind)}: {_when(one)}"
        yield f"Rates are means since {found['measured_since']}: what runs finished, what was new."


def _when(one: Mapping[str, Any]) -> str:
    rates = f"{one['done_a_day']:,.10g} a day finished, {one['came_a_day']:,.10g} came"
    if one["empty_on"] is None:
        return f"never at this rate ({rates})."
    return f"done about {one['empty_on']} ({rates})."


def name(kind: str) -> str:
    """Return a kind's name for people."""
    return _NAMES.get(kind, kind)


def left(result: Mapping[str, Any]) -> Iterator[str]:
    """Say in a line what an Enrich left; nothing where that is nothing."""
    counts = result.get("left") or {}
    if counts:
        parts = ", ".join(f"{count:,} {name(kind)}" for kind, count in counts.items())
        yield f"{sum(counts.values()):,} left for later runs: {parts}."
