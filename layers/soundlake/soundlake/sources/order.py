"""The order of sources: names in a parameter, the preferred one first."""

from collections.abc import Mapping


def ordered[Source](names: str, sources: Mapping[str, Source]) -> list[Source]:
    """The sources of these names, separated by commas: `spotify,reccobeats`.

    Raises ValueError on a name that is none, or stands there twice.
    """
    listed = names.split(",")
    wrong = [name for name in listed if name not in sources or listed.count(name) > 1]
    if wrong:
        raise ValueError(
            f"{wrong[0]!r} in {names!r} is not one of {', '.join(sources)}, each at most once."
        )
    return [sources[name] for name in listed]
