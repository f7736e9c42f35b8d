"""Something that happens at one request to AWS: a kill there, or whatever another process does.

Every request of this process counts, reads too, so a test that goes through all of them leaves no
moment out.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from unittest.mock import patch

from botocore.client import BaseClient

When = Literal["before", "after"]


class Killed(BaseException):
    """The process ended here; nothing can catch it."""


def kill() -> None:
    raise Killed


@dataclass
class Interruption:
    """`requests` were made until the end, of these kinds; at the one of `at` it `happened`."""

    at: int
    requests: int = 0
    happened: str = ""
    operations: list[str] = field(default_factory=list)


@contextmanager
def interrupted(at: int, when: When, do: Callable[[], object] = kill) -> Iterator[Interruption]:
    """Do something once, before or after the request to AWS of this number (from 1).

    What it asks of AWS itself is not counted. A kill ends the block.
    """
    found = Interruption(at)
    original = BaseClient._make_api_call
    inside = False

    def happen(operation: str) -> None:
        nonlocal inside
        found.happened, inside = operation, True
        try:
            do()
        finally:
            inside = False

    def counted(client: BaseClient, operation: str, given: dict[str, Any]) -> Any:
        if inside:
            return original(client, operation, given)
        found.requests += 1
        found.operations.append(operation)
        due = found.requests == at
        if due and when == "before":
            happen(operation)
        try:
            return original(client, operation, given)
        finally:  # a refusal is an answer too
            if due and when == "after":
                happen(operation)

    with patch.object(BaseClient, "_make_api_call", counted):
        try:
            yield found
        except Killed:
            assert found.happened
