"""docs/permissions.md: who may do what, why, and what is refused."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from cli.home import ROOT
from tests.permissions.refusals import DEEDS, Deed, word
from tests.permissions.statements import (
    MANAGED,
    ROLE,
    Statement,
    of_resources,
    statements,
)
from tests.template.translated import DEFAULT

PATH: Final = ROOT / "docs" / "permissions.md"
_NAMES: Final = {
    DEFAULT.properties("DataBucket")["BucketName"]: "",
    DEFAULT.properties("UploadsBucket")["BucketName"]: "uploads",
}
_KINDS: Final = {
    "dynamodb": "table",
    "lambda": "function",
    "states": "machine",
    "ssm": "parameter",
    "logs": "log group",
    "sqs": "queue",
    "sns": "topic",
}
_INTRO: Final = """\
# Permissions

Who may do what, and why. Every function and every machine has a role of its own, and so has what
starts a machine. Nobody else may take it. The tables below are made of `template.yaml` by
`make permissions ARGS=--write`, where the reasons stand above each statement; a test fails while
this page is not of the template, or while a statement has no reason. What may be done anew is also
a line of `tests/permissions/refusals.py`, so that all others are seen to be refused it.

Places are in the data bucket unless they say otherwise. `<stage>` is the stack's: a stage's roles
reach nothing of another's. You, who deploy, connect and query, use your own rights: the command
line has no role here.
"""
_REFUSED: Final = """\
## Refused

What a deployed stack refuses: each line was tried under all {roles} roles, by requests that
change nothing, on the embedded AWS with IAM evaluation on (`tests/stack/test_refusals.py`):
{tries:,} requests. Who may was let through; everybody else got AccessDenied, {refused:,} times.
"""
_BESIDES: Final = """
The same test holds that

- what a role may do, it may do by TLS alone: the same request without TLS is refused by the
  policies of both buckets and of the queue of dead letters;
- requests that nobody signed get nothing from either bucket, neither an object nor a list.

In these tests all functions run under their own roles, and the whole stack does its work by TLS.
One thing does not: where a test kills a function in the middle of a write, what the functions ask
of S3 passes through a gate of the test, which signs it with the owner's key
([testing.md](testing.md)). The embedded AWS does not hold a machine to its role when it invokes a
function, nor a schedule when it starts a machine; those roles are tried by themselves, as above.
"""


def page() -> str:
    """The whole page."""
    parts = [_INTRO, *_functions(), *_machines(), *_starters(), *_own_policies(), *_refused()]
    return "\n".join(parts)


def _functions() -> Iterator[str]:
    yield "## Functions\n"
    shared = _shared()
    yield "All functions:\n"
    yield _table(shared)
    for name, properties in DEFAULT.of_type("AWS::Lambda::Function").items():
        yield f"### {name.removesuffix('Function')}\n"
        yield f"{properties['Description']}\n"
        own = [each for each in statements(DEFAULT.role_of(name)) if each not in shared]
        yield _table(own)
    yield "Of AWS's own policies, every function has\n"
    yield from (f"- `{name}`. {why}" for name, why in MANAGED.items())
    yield ""


def _shared() -> list[Statement]:
    """What every function's role has, so that it is said once."""
    roles = [statements(DEFAULT.role_of(name)) for name in DEFAULT.of_type("AWS::Lambda::Function")]
    return [each for each in roles[0] if all(each in role for role in roles)]


def _machines() -> Iterator[str]:
    yield "## Machines\n"
    for name in DEFAULT.of_type("AWS::StepFunctions::StateMachine"):
        yield f"### {name.removesuffix('StateMachine').lower()}\n"
        yield _table(statements(DEFAULT.role_of(name)))
    yield "Every machine has `AWSXrayWriteOnlyAccess` too, as the functions have.\n"


def _starters() -> Iterator[str]:
    yield "## What starts a machine\n"
    named = [
        (word(role), each)
        for role in DEFAULT.of_type(ROLE)
        if not role.endswith(("FunctionRole", "StateMachineRole"))
        for each in statements(role)
    ]
    yield _table([each for _, each in named], ["role", *(role for role, _ in named)])


def _own_policies() -> Iterator[str]:
    yield "## Policies of buckets, queues and topics\n"
    found = list(of_resources())
    yield _table([each for _, each in found], ["of", *(f"`{name}`" for name, _ in found)])


def _refused() -> Iterator[str]:
    roles = len(DEFAULT.of_type(ROLE))
    refused = sum((roles - len(deed.may)) * len(deed.tries) for deed in DEEDS)
    through = sum(len(deed.may) * len(deed.tries) for deed in DEEDS if not deed.by_others)
    yield _REFUSED.format(roles=roles, tries=refused + through, refused=refused)
    yield _lines(["what", "who may", "refused to"], (_refusal(deed, roles) for deed in DEEDS))
    yield _BESIDES.removeprefix("\n")


def _refusal(deed: Deed, roles: int) -> list[str]:
    others = roles - len(deed.may)
    return [
        deed.what,
        ", ".join(deed.may) or "nobody",
        f"the other {others} roles" if deed.may else f"all {roles} roles",
    ]


def _table(found: Sequence[Statement], first: Sequence[str] = ()) -> str:
    heading = [*first[:1], "may", "on", "why"]
    rows = ([*first[number : number + 1], *_row(each)] for number, each in enumerate(found, 1))
    return _lines(heading, rows)


def _row(statement: Statement) -> list[str]:
    actions = ", ".join(f"`{action}`" for action in statement.actions)
    denied = "**not** " if statement.effect == "Deny" else ""
    places = ", ".join(place(each) for each in statement.places)
    but = "all but " if statement.all_but else ""
    return [f"{denied}{actions}{_condition(statement)}", f"{but}{places}", statement.why]


def _condition(statement: Statement) -> str:
    """What must hold, in short: which is without TLS, or for whom."""
    if not statement.condition:
        return ""
    if statement.condition == {"Bool": {"aws:SecureTransport": "false"}}:
        return " without TLS"
    held = (
        f"`{key}` is {' or '.join(place(one) for one in _list(value))}"
        for keys in statement.condition.values()
        for key, value in keys.items()
    )
    return f" where {' and '.join(held)}"


def _list(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def place(arn: str) -> str:
    """A resource's ARN in words: `raw/charts/*`, the table `accounts`."""
    if arn == "*":
        return "everything"
    shorter = re.sub(r"\bsoundlake([-/])dev\b", r"soundlake\1<stage>", arn)
    if not arn.startswith("arn:"):
        return f"`{arn}`"
    service = arn.split(":")[2]
    if service == "s3":
        bucket, _, key = arn.rpartition(":::")[2].partition("/")
        of = _NAMES[bucket]
        if not key:
            return f"the {of or 'data'} bucket"
        if key == "*":
            return f"any object of the {of or 'data'} bucket"
        return f"`{key}`" + (" of the uploads" if of else "")
    rest = shorter.split(":", 5)[5]
    rest = re.sub(
        r"^(table/|parameter(?=/)|function:|stateMachine:|log-group:|alarm:|rule/)", "", rest
    )
    if service in {"dynamodb", "lambda", "states"}:
        rest = rest.removeprefix("soundlake-<stage>-")
    return f"{_KINDS.get(service, '')} `{rest}`".strip()


def _lines(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    table = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in table) + "\n"
