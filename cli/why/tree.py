"""What leads to what, as a tree: for people in lines, for scripts as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

MOST: Final = 5  # things of a kind beneath one that are shown; more are counted


@dataclass
class Node:
    """One thing and what it comes from.

    `what` is its kind: a table's name, `figure`, `raw object`, `request`, `execution`, `object`,
    or `note`. `name` tells it from others of its kind; one that was shown before is not shown
    again. `facts` are shown a line each, but for nulls; `more` is in the JSON alone.
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


def lines(root: Node, *, whole: bool = False) -> Iterator[str]:
    """The tree as lines; without `whole` only the first of many things of a kind."""
    yield from _lines(root, "", "", set(), whole=whole)


def _lines(
    node: Node, head: str, rest: str, seen: set[tuple[str, str]], *, whole: bool
) -> Iterator[str]:
    known = (node.what, node.name) in seen and node.what != "note"
    title = node.name if node.what == "note" else f"{node.what} {node.name}"
    yield f"{head}{title}{' (as above)' if known else ''}"
    if known:
        return
    seen.add((node.what, node.name))
    shown, hidden = (node.because, "") if whole else _first(node.because)
    below = "│ " if shown or hidden else "  "
    for name, value in node.facts.items():
        if value is not None and value != []:
            yield f"{rest}{below}{name}: {text(value)}"
    for place, each in enumerate(shown, 1):
        last = place == len(shown) and not hidden
        yield from _lines(
            each,
            f"{rest}{'└─' if last else '├─'} ",
            f"{rest}{'   ' if last else '│  '}",
            seen,
            whole=whole,
        )
    if hidden:
        yield f"{rest}└─ {hidden}"


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
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(text(each) for each in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {text(each)}" for name, each in value.items())
    return str(value)
