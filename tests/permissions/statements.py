"""What every role of the template may do, with the reason that stands above it there.

A statement's reason is the comment above it. What SAM adds by itself has none in the template:
its reasons are here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import yaml

from tests.template.translated import DEFAULT, NO_VALUE, TEMPLATE, Stack

ROLE: Final = "AWS::IAM::Role"
POLICIES: Final = ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
# What a role may besides, by a policy that AWS keeps.
MANAGED: Final[Mapping[str, str]] = {
    "AWSLambdaBasicExecutionRole": (
        "Its log lines. SAM adds it to every function, and it names every group that there is; "
        "what goes beyond the stack's own is denied above."
    ),
    "AWSXrayWriteOnlyAccess": (
        "Traces, because they are on. A trace has no resource that could be named, so AWS allows "
        "these actions on `*` alone."
    ),
}
# What SAM writes for what starts a machine.
_OF_EVENTS: Final[Mapping[str, str]] = {
    "states:StartExecution": "It starts its own machine.",
    "sqs:SendMessage": "A start that could not be delivered is kept.",
}


@dataclass(frozen=True)
class Statement:
    """One statement, its places as lists, and why it is there; "" where nobody says."""

    effect: str
    actions: tuple[str, ...]
    places: tuple[str, ...]
    all_but: bool  # the places are those that it does not speak of
    condition: Mapping[str, Any]
    why: str

    @property
    def everywhere(self) -> bool:
        """Whether it speaks of everything there is."""
        return "*" in self.places


def statements(role: str, stack: Stack = DEFAULT) -> list[Statement]:
    """A role's statements, in the template's order."""
    policies = stack.template["Resources"][role]["Properties"].get("Policies", [])
    written = [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]
    reasons = _reasons().get(role, _reasons().get(role.removesuffix("Role")))
    if reasons is None:
        reasons = [_OF_EVENTS.get(_list(each["Action"])[0], "") for each in written]
    return list(_resolved(written, reasons, stack))


def of_resources(stack: Stack = DEFAULT) -> Iterator[tuple[str, Statement]]:
    """The statements of every bucket's, queue's and topic's own policy, by what it is of."""
    for kind in POLICIES:
        for name in stack.of_type(kind):
            document = stack.template["Resources"][name]["Properties"]["PolicyDocument"]
            for each in _resolved(document["Statement"], _reasons()[name], stack):
                yield name.removesuffix("Policy"), each


def without_reason(stack: Stack = DEFAULT) -> list[str]:
    """A sentence for every statement that has no reason."""
    named = [(role, each) for role in stack.of_type(ROLE) for each in statements(role, stack)]
    return [
        f"{name}: say in a comment above the statement in template.yaml why it has "
        f"{', '.join(each.actions)}."
        for name, each in [*named, *of_resources(stack)]
        if not each.why
    ]


def _resolved(written: list[Any], reasons: list[str], stack: Stack) -> Iterator[Statement]:
    """What is there of the statements; some are there under a condition alone."""
    for each, why in zip(written, reasons, strict=True):
        statement = stack.resolve(each)
        if statement is not NO_VALUE:
            yield _read(statement, why)


def _read(statement: Mapping[str, Any], why: str) -> Statement:
    all_but = "NotResource" in statement
    return Statement(
        statement["Effect"],
        _list(statement["Action"]),
        _list(statement["NotResource" if all_but else "Resource"]),
        all_but,
        statement.get("Condition", {}),
        why,
    )


def _list(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@cache
def _reasons() -> dict[str, list[str]]:
    """The comment above each statement, by the resource that it is of."""
    text = TEMPLATE.read_text(encoding="utf-8")
    lines = text.splitlines()
    found = {}
    for name, resource in _items(_get(yaml.compose(text, yaml.SafeLoader), "Resources")):
        properties = _get(resource, "Properties")
        written = _get(properties, "Policies") or _get(properties, "PolicyDocument")
        documents = written.value if isinstance(written, yaml.SequenceNode) else [written]
        documents = [_get(each, "PolicyDocument") or each for each in documents if each]
        listed = [_get(each, "Statement") for each in documents]
        nodes = [node for statement in listed if statement is not None for node in statement.value]
        if nodes:
            found[name] = [_above(lines, _first_line(node)) for node in nodes]
    return found


def _first_line(node: Any) -> int:
    """Where a statement begins, be it under a condition."""
    return int((node.value[1] if node.tag == "!If" else node).start_mark.line)


def _items(node: Any) -> Iterator[tuple[str, Any]]:
    for key, value in node.value:
        yield key.value, value


def _get(node: Any, name: str) -> Any:
    return dict(_items(node)).get(name) if isinstance(node, yaml.MappingNode) else None


def _above(lines: list[str], line: int) -> str:
    words: list[str] = []
    while (comment := lines[line - 1].strip()).startswith("#"):
        words.insert(0, comment.lstrip("# "))
        line -= 1
    return " ".join(words)
