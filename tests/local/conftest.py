"""Worlds and running services for the tests of the local Spotify."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from local.spotify.charts_csv import charts_world
from local.spotify.clock import Clock
from local.spotify.made_up import made_up_world
from local.spotify.server import running
from local.spotify.settings import Settings
from local.spotify.world import World
from tests.local.helpers import REAL_CHARTS, Api, Seconds, small_rows, write_csv

Serve = Callable[..., Api]


@pytest.fixture(scope="session")
def made_world() -> World:
    return made_up_world(1)


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    path = write_csv(tmp_path_factory.mktemp("charts") / "small.csv", small_rows())
    return charts_world(path)


@pytest.fixture(scope="session")
def real_world() -> World:
    if not REAL_CHARTS.is_file():
        pytest.skip(f"the real charts are not there: {REAL_CHARTS.name} in ../shared/data")
    return charts_world(REAL_CHARTS)


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def serve(seconds: Seconds) -> Iterator[Serve]:
    """Start services that stop with the test; time stands still unless `seconds` is moved."""
    with ExitStack() as stack:

        def start(world: World, start: datetime | None = None, **settings: Any) -> Api:
            sleep = settings.pop("sleep", None)
            at = start or world.default_clock or datetime(2025, 3, 5, 18, tzinfo=UTC)
            inject = {"clock": Clock(at, monotonic=seconds), "monotonic": seconds}
            if sleep is not None:
                inject["sleep"] = sleep
            return Api(stack.enter_context(running(world, Settings(**settings), **inject)))

        yield start


@pytest.fixture
def made(serve: Serve, made_world: World) -> Api:
    """The made-up world on Wednesday 2025-03-05 at 18:00 UTC."""
    return serve(made_world)


@pytest.fixture
def small(serve: Serve, small_world: World) -> Api:
    """The small CSV's world on 2024-05-06 at 18:00 UTC."""
    return serve(small_world)
