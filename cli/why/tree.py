"""What leads to what, as a tree: for people in lines, for scripts as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any, Final

from soundlake.texts import shortened

MOST: Final = 5  # things of a kind beneath one that are shown; more are counted
_LONG: Final = 160  # characters of a name that a line shows: a request may name 50 ids
_NARROW: Final = 30  # columns that words have at least, however deep they stand
# The same request was sent many times, with another answer each.
_EACH_TIME: Final = ("note", "request")


@dataclass
class Node:
    """One thing and what it comes from.

    `what` is its kind: a table's name, `figure`, `raw object`, `request`, `execution`, `object`,
    or `note`. `name` tells it from others of its kind; one that was shown before is not shown
    again, but for facts that are others there. `facts` are shown a line each, but for nulls beside
    others; `more` is in the JSON alone.
    """

    what: str
    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    because: list["Node"] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The whole tree, as JSON has it."""
        return {
            "what": self.what,
            "name": self.name,
            **self.facts,
            **self.more,
            "because": [each.as_json() for each in self.because],
        }


def lines(root: Node, *, whole: bool = False, width: int | None = None) -> Iterator[str]:
    """The tree as lines; without `whole` only the first of many things of a kind.

    Lines are broken between words where `width` says so; what has none, as a key, stays whole.
    """
    yield from _lines(root, "", "", {}, whole=whole, width=width)


def _lines(
    node: Node,
    head: str,
    rest: str,
    seen: dict[tuple[str, str], Node],
    *,
    whole: bool,
    width: int | None,
) -> Iterator[str]:
    before = None if node.what in _EACH_TIME else seen.get((node.what, node.name))
    if before is not None and before.more != node.more:
        before = None  # another one of the same name: two rows of one second
    shown, hidden = (node.because, "") if whole else _first(node.because)
    below = f"{rest}{'│ ' if before is None and (shown or hidden) else '  '}"
    title = _title(node) + (" (as above)" if before is not None else "")
    yield from _broken(title, head, below, width)
    if before is None:
        facts = [
            (name, value)
            for name, value in node.facts.items()
            if (value is not None and value != []) or len(node.facts) == 1
        ]
    else:  # which row of the same object
        facts = [each for each in node.facts.items() if each[1] != before.facts.get(each[0])]
    for name, value in facts:
        yield from _broken(f"{name}: {text(value)}", below, f"{below}  ", width)
    if before is not None:
        return
    seen[node.what, node.name] = node
    for place, each in enumerate(shown, 1):
        last = place == len(shown) and not hidden
        yield from _lines(
            each,
            f"{rest}{'└─' if last else '├─'} ",
            f"{rest}{'   ' if last else '│  '}",
            seen,
            whole=whole,
            width=width,
        )
    if hidden:
        yield from _broken(hidden, f"{rest}└─ ", f"{rest}   ", width)


def _title(node: Node) -> str:
    if node.what == "note":
        return node.name
    name = shortened(node.name, _LONG) if node.what == "request" else node.name
    return f"{node.what} {name}"


def _broken(said: str, first: str, rest: str, width: int | None) -> Iterator[str]:
    """A line, broken where it is wider than `width`."""
    if width is None or len(first) + len(said) <= width:
        yield f"{first}{said}"
        return
    yield from wrap(
        said,
        max(width, len(rest) + _NARROW),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _first(nodes: Sequence[Node]) -> tuple[list[Node], str]:
    """The first things of each kind, and what is said of the others."""
    shown: list[Node] = []
    kinds: dict[str, int] = {}
    for node in nodes:
        kinds[node.what] = kinds.get(node.what, 0) + 1
        if kinds[node.what] <= MOST or node.what == "note":
            shown.append(node)
    left = {what: count - MOST for what, count in kinds.items() if what != "note" and count > MOST}
    if not left:
        return shown, ""
    said = ", ".join(f"{count:,} more of {what}" for what, count in left.items())
    return shown, f"{said} (--all shows them)"


def text(value: Any) -> str:
    """A value in a line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(text(each) for each in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {text(each)}" for name, each in value.items())
    return str(value)
