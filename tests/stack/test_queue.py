"""The queue on the whole stack: drained a quota at a time, in order, and nothing asked twice."""

import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil
from typing import Any

import pytest
from rich.console import Console
from soundlake.abilities import Ability, Finding
from soundlake.store.objects import Bucket
from soundlake.store.queue import Queue, QueueStore
from soundlake.store.raw import Raw

from cli import status
from local.spotify.settings import Mode
from tests.stack import trials
from tests.stack.conftest import Stack
from tests.stack.trials import Trial

FIRST, SECOND = 7, 9  # look-ups that a quota leaves room for
PLENTY = 1_000_000
LOOK_UPS = ("tracks", "artists", "albums")


def switch(stack: Stack, mode: Mode, quota: int = PLENTY) -> None:
    """Let Spotify answer so from now on, and functions and their budget know nothing else."""
    stack.spotify("PUT", "access", json={"mode": mode, "daily_quota": quota})
    allowed = set(Ability) if mode == "extended" else {Ability.CATALOGUE}
    now = datetime.now(UTC)
    found = [Finding(each, each in allowed, now, "made up") for each in Ability]
    trials.abilities(stack).probed(stack.lake.facts.client["id"], found, now)
    trials.forget_budgets(stack)
    trials.begin_anew(stack)
    stack.spotify("DELETE", "requests")


def counted(stack: Stack) -> int:
    """The requests that Spotify counts for its quota."""
    return int(stack.spotify("GET", "access")["counted"])


@pytest.fixture
def played(trial: Trial) -> Iterator[Trial]:
    """A lake with a page of plays, whose app is in development mode; put back at the end."""
    trial.stack.spotify("DELETE", "faults")
    with trials.unspent(trial.stack):
        assert trial.run("capture")["status"] == "SUCCEEDED"
        yield trial
        switch(trial.stack, "extended")


def in_order(trial: Trial) -> list[str]:
    """What is looked up one by one, as `artists/{id}`: what is played most first."""
    plays: Counter[tuple[str, str]] = Counter()
    for row in trial.rows("plays"):
        plays[("albums", row["album_id"])] += 1
        for each in row["artist_ids"]:
            plays[("artists", each)] += 1
    ordered = sorted(plays, key=lambda one: (-plays[one], LOOK_UPS.index(one[0]), one[1]))
    return [f"{kind}/{each}" for kind, each in ordered]


def looked_up(stack: Stack) -> list[str]:
    """What was looked up since counting began, in order; what was refused left out."""
    log: list[dict[str, Any]] = stack.spotify("GET", "requests")["log"]
    paths = [one["path"].removeprefix("/v1/") for one in log if one["status"] == 200]
    return [path for path in paths if path.split("/")[0] in LOOK_UPS]


def kept(trial: Trial) -> Queue:
    return QueueStore(Bucket(trial.bucket, trial.stack.lake.target.s3)).read()


def shown(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, Any]]:
    """What status prints, and what it tells scripts of the queue."""
    target = trial.stack.lake.target
    monkeypatch.setitem(target.outputs, "DataBucket", trial.bucket)
    console = Console(file=io.StringIO(), width=120, no_color=True)
    status.show(target, datetime.now(UTC), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue(), dict(status.facts(target, datetime.now(UTC))["queue"])


def test_two_small_quotas_are_spent_on_what_is_played_most_and_batches_do_the_rest(
    played: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = played.stack
    order = in_order(played)
    assert len(order) > FIRST + SECOND + 2
    asked: list[str] = []
    lefts: list[int] = []
    for room in (FIRST, SECOND):
        switch(stack, "development", counted(stack) + room)
        run = played.run("daily")
        asked += looked_up(stack)
        assert run["status"] == "SUCCEEDED", run["cause"]
        (note,) = run["output"]["enrich"]["notes"]
        assert note.endswith("What is left stays in the queue.")
        lefts.append(sum(kept(played).days[-1].left.values()))
        assert len(asked) + lefts[-1] == len(order)
        text, found = shown(played, monkeypatch)
        assert f"Queue    {lefts[-1]:,} wait to be looked up, as of the run of" in text
        assert found["left"] == lefts[-1]

    assert asked == order[: FIRST + SECOND]
    assert lefts == [len(order) - FIRST, len(order) - FIRST - SECOND]
    details = {
        f"{table}/{row[id_column]}"
        for table, id_column in (("albums", "album_id"), ("artists", "artist_id"))
        for row in played.rows(table)
        if row["detailed_at"] is not None
    }
    assert details == set(asked)
    sources = {row["source"] for row in played.rows("audio_features")}
    assert sources == {"reccobeats", None}

    switch(stack, "extended")
    run = played.run("daily")
    assert run["status"] == "SUCCEEDED", run["cause"]
    left = Counter(each.split("/")[0] for each in order[FIRST + SECOND :])
    charted = {row["album_id"] for row in played.rows("chart_entries")}
    assert played.requests()["albums"] >= ceil(left["albums"] / 20)
    assert "albums/{id}" not in played.requests()
    assert run["output"]["enrich"]["left"].keys() <= {"audio_analysis"}
    assert charted <= {row["album_id"] for row in played.rows("albums") if row["detailed_at"]}

    raw = Raw(Bucket(played.bucket, stack.lake.target.s3))
    answers = Counter(
        (key.split("/")[1], each)
        for key in played.keys("raw/")
        if key.startswith(("raw/albums/", "raw/artists/", "raw/tracks/")) and key.endswith(".gz")
        for each in raw.asked(key)
    )
    assert set(answers.values()) == {1}
    assert set(kept(played).days[-1].left) == {
        "tracks",
        "artists",
        "albums",
        "audio_features",
        "audio_analysis",
    }
