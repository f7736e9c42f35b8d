"""Which tests share a process, where several run them.

What a folder here prepares once, the deployed stack or the scenarios that were played, is prepared
once in all; of the others each file stays together, for what its module prepares.
"""

import os
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# What is meant here is never the stack that a person's shell speaks to.
os.environ.pop("SOUNDLAKE_STAGE", None)

TOGETHER = ("stack", "statemachines")  # the longest first: they begin at once


class Scheduling(LoadScopeScheduling):
    """Gives a process all tests of such a folder, or of a file of another one."""

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.partition("::")[0])
        return path.parts[1] if path.parts[1] in TOGETHER else str(path)


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    order = {name: number for number, name in enumerate(TOGETHER)}
    items.sort(key=lambda item: order.get(item.path.relative_to(here).parts[0], len(order)))
