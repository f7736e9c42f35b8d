"""What a run brings into the raw zone names the run, which `./soundlake why` then leads to."""

import re

import pytest

from tests.statemachines.engine import client
from tests.statemachines.scenarios import SCENARIOS
from tests.statemachines.world import BUCKET, World

CAPTURED = "raw/recently-played/"  # whose keys name it
# By what they bring: answers about charts and all that is in them, a site's pages and what it asks
# of robots, other sources' features and genres, a file's bytes, a history's rows and records, and
# of what is taken back the record that it was.
BRINGING = {
    "day": {"charts/spotify", "albums/spotify", "audio-features/spotify"},
    "kworb_in_turn": {"charts/kworb", "robots/kworb.net"},
    "features_from_reccobeats": {"audio-features/reccobeats"},
    "genres_from_musicbrainz": {"genres/musicbrainz"},
    "file_imported": {"charts/files"},
    "history_taken_back": {"imports/main"},
}


@pytest.fixture
def world() -> World:
    return World()


def _executions(prefix: str = "raw/") -> dict[str, str | None]:
    """The execution that each raw object names, by key."""
    s3 = client("s3")
    return {
        each["Key"]: s3.head_object(Bucket=BUCKET, Key=each["Key"])["Metadata"].get("execution")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        for each in page.get("Contents", ())
        if not each["Key"].startswith(CAPTURED)
    }


@pytest.mark.parametrize("name", BRINGING)
def test_what_is_brought_names_the_run_that_brought_it(name: str, world: World) -> None:
    brought: dict[str, str] = {}  # by key, the run after which it was there
    run = world.run

    def noting(machine: str, given: object = None, name: str = "") -> object:
        done = run(machine, given, name)
        brought.update(dict.fromkeys(_executions().keys() - brought.keys(), done.name))
        return done

    with world.opened():
        world.run = noting  # type: ignore[method-assign, assignment]
        SCENARIOS[name](world)
        found = _executions()
    assert found == brought
    kinds = {re.match(r"raw/([^/]+/[^/]+)/", key) for key in found}
    assert {each[1] for each in kinds if each} >= BRINGING[name]


def test_a_second_run_leaves_what_the_first_one_brought(world: World) -> None:
    with world.opened():
        SCENARIOS["day"](world)
        before, versions = _executions(), world.versions()
        world.run("daily", {"date": "2025-03-05"})
        assert _executions() == before
        raw = {key: found for key, found in world.versions().items() if key in before}
    assert raw == {key: versions[key] for key in before}
    assert before
