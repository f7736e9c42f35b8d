"""The state machines' files: read, substituted, and walked."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.template.translated import REPO, machines

FOLDER = REPO / "statemachines"
MACHINES = ("audit", "capture", "daily", "import")
SUBSTITUTION = re.compile(r"\$\{([^}]+)\}")

State = dict[str, Any]


def text(machine: str) -> str:
    return (FOLDER / f"{machine}.asl.json").read_text(encoding="utf-8")


def definition(machine: str) -> State:
    """A machine's definition, its `${X}` left as they are."""
    parsed: State = json.loads(text(machine))
    return parsed


def substituted(machine: str, changed: State | None = None) -> str:
    """A machine's definition (or a changed one) as CloudFormation gives it to Step Functions."""
    values = machines()[machine]["DefinitionSubstitutions"]
    given = text(machine) if changed is None else json.dumps(changed)
    return SUBSTITUTION.sub(lambda match: str(values[match[1]]), given)


def levels(machine: State) -> Iterator[tuple[str, State]]:
    """Every set of states that run beside each other, with where it is: the machine, a Map."""
    todo = [("", machine)]
    while todo:
        where, level = todo.pop(0)
        yield where, level
        for name, state in level["States"].items():
            if "ItemProcessor" in state:
                todo.append((f"{where}{name}.", state["ItemProcessor"]))


def states(machine: State) -> Iterator[tuple[str, State]]:
    """Every state, those of Maps as `Map.State`."""
    for where, level in levels(machine):
        for name, state in level["States"].items():
            yield f"{where}{name}", state


def invoked(state: State) -> str | None:
    """The verb whose function a Task invokes."""
    if state["Type"] != "Task":
        return None
    name = state["Arguments"]["FunctionName"]
    return SUBSTITUTION.fullmatch(name)[1].removesuffix("FunctionArn")  # type: ignore[index]


def payload(state: State) -> dict[str, Any]:
    """The keys and expressions that a Task gives its function."""
    found: dict[str, Any] = state["Arguments"]["Payload"]
    return found


def tasks() -> dict[str, State]:
    """Every Task of the machines, by the verb it invokes; of two the one that comes first."""
    found: dict[str, State] = {}
    for machine in MACHINES:
        for _, state in states(definition(machine)):
            if verb := invoked(state):
                found.setdefault(verb, state)
    return found


def expressions(value: Any) -> Iterator[str]:
    """Every JSONata expression inside a definition."""
    if isinstance(value, dict):
        for each in value.values():
            yield from expressions(each)
    elif isinstance(value, list):
        for each in value:
            yield from expressions(each)
    elif isinstance(value, str) and value.startswith("{%") and value.endswith("%}"):
        yield value[2:-2].strip()


@dataclass(frozen=True, order=True)
class Edge:
    """One way from a state to another (or to the machine's end), and why it is taken."""

    source: str
    why: str  # Next, Choice 0, Default, Catch 0, End
    target: str

    def __str__(self) -> str:
        return f"{self.source} --{self.why}--> {self.target}"


def edges(machine: State) -> set[Edge]:
    """Every edge that a definition has. An end leads to nothing."""
    found: set[Edge] = set()
    for where, level in levels(machine):
        for name, state in level["States"].items():
            source = f"{where}{name}"
            if "Next" in state:
                found.add(Edge(source, "Next", f"{where}{state['Next']}"))
            if "Default" in state:
                found.add(Edge(source, "Default", f"{where}{state['Default']}"))
            if state.get("End") or state["Type"] in {"Succeed", "Fail"}:
                found.add(Edge(source, "End", ""))
            for kind, key in (("Choice", "Choices"), ("Catch", "Catch")):
                for number, each in enumerate(state.get(key, [])):
                    found.add(Edge(source, f"{kind} {number}", f"{where}{each['Next']}"))
    return found
