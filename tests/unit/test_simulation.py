"""The simulation: a part of it that never changes, and that its checks find what is broken."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soundlake import plays
from soundlake.deriving import coverage

from tests.simulation import domain, handlers, runs
from tests.simulation.checks import Finding, Lived, Report, check
from tests.simulation.model import (
    ARRIVED,
    DAY,
    END,
    FAULTS,
    HOUR,
    MINUTE,
    NEWEST,
    START,
    Habits,
    Heard,
    Life,
    Run,
    Week,
    life,
)
from tests.simulation.report import Total
from tests.unit.helpers import Row

EARLY = datetime(2000, 1, 1)  # noqa: DTZ001 - as tables keep times
MUCH = Habits(
    window=ARRIVED,
    meaning=END,
    interval=HOUR,
    sessions=5,
    tracks=30,
    bursts=0.2,
    repeats=0.3,
    private=0.05,
    offline=0.5,
)


def lived(seed: str) -> Report:
    return check(domain.live(life(seed, 4, habits=MUCH, faulty=0.9)))


def short(first: Life, runs: int) -> Life:
    """A life's first runs alone."""
    last = first.runs[runs - 1].at
    return Life(
        first.seed,
        first.habits,
        first.weeks,
        [play for play in first.heard if play.start < last],
        first.runs[:runs],
    )


# The model.


def test_a_life_is_of_its_seed_alone() -> None:
    assert life("one", 3) == life("one", 3)
    assert life("one", 3).heard != life("two", 3).heard


def test_lives_meet_every_fault_and_both_kinds_of_window() -> None:
    lives = [life(f"some-{number}", 8) for number in range(12)]

    met = Counter(kind for each in lives for kind in each.faults)
    assert set(met) == set(FAULTS)
    assert {each.habits.window for each in lives} == {NEWEST, ARRIVED}
    assert {each.habits.meaning for each in lives} == {START, END}


def heard(number: int, at: int, surfaced: int) -> Heard:
    return Heard(number, number, at - 3 * MINUTE, at, at, surfaced, private=False)


def of(window: str, *plays: Heard) -> Life:
    habits = Habits(window, END, HOUR, 1, 1, 0, 0, 0, 0)
    return Life("made", habits, [Week(0, DAY, faulty=False)], list(plays), [])


def test_the_two_windows_differ_once_old_plays_arrive_late() -> None:
    online = [
        heard(number, (100 + number) * MINUTE, (100 + number) * MINUTE) for number in range(50)
    ]
    late = heard(50, 10 * MINUTE, 200 * MINUTE)

    def numbers(window: str) -> list[int]:
        return [play.number for play in of(window, *online, late).window(HOUR * 5)]

    assert numbers(NEWEST) == list(range(50))
    assert numbers(ARRIVED) == [50, *range(1, 50)]
    assert not of(NEWEST, *online, late).ever_listed(late)
    assert of(ARRIVED, *online, late).ever_listed(late)


def test_a_page_is_newest_first_cut_short_or_of_an_earlier_state() -> None:
    made = of(NEWEST, *[heard(number, number * HOUR, number * HOUR) for number in (1, 2, 3)])

    def page(state: int, **more: Any) -> list[int]:
        return [play.number for play, _ in made.page(Run("run", 4 * HOUR, 4 * HOUR, state, **more))]

    assert page(4 * HOUR) == [3, 2, 1]
    assert page(4 * HOUR, rows=2) == [3, 2]
    assert page(2 * HOUR) == [2, 1]
    assert sorted(page(4 * HOUR, shuffled=True)) == [1, 2, 3]


# The promise, on a part that never changes.


def test_the_domain_keeps_the_promise() -> None:
    total = Total()
    for number in range(3):
        report = lived(f"kept-{number}")
        total.add(runs.Chunk(runs.DOMAIN, str(number), 4), report)

    assert total.broken() is None
    assert total.figures["lost inside a gap"] > 100
    assert total.figures["lost late, pushed through"] + total.figures["lost late, too old"] > 0
    assert total.figures["lost private"] > 100
    assert total.figures["gaps open"] > total.figures["gaps false"]


@settings(max_examples=12, derandomize=True, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    weeks=st.integers(1, 3),
    faulty=st.sampled_from([0.0, 0.5, 1.0]),
    habits=st.builds(
        Habits,
        window=st.sampled_from([NEWEST, ARRIVED]),
        meaning=st.sampled_from([START, END]),
        interval=st.integers(5, 90).map(lambda minutes: minutes * MINUTE),
        sessions=st.floats(0, 6),
        tracks=st.integers(1, 40),
        bursts=st.floats(0, 1),
        repeats=st.floats(0, 0.5),
        private=st.floats(0, 0.5),
        offline=st.floats(0, 2),
    ),
)
def test_no_habits_break_the_promise(seed: int, weeks: int, faulty: float, habits: Habits) -> None:
    report = check(domain.live(life(f"any-{seed}", weeks, habits=habits, faulty=faulty)))

    assert report.findings == []
    assert report.figures["lost otherwise"] == 0


def test_both_drivers_make_the_same_of_the_same_life() -> None:
    of_both = short(life("both", 1, habits=MUCH, faulty=1), 24)

    through, alone = handlers.live(of_both), domain.live(of_both)

    assert check(through).findings == []
    assert check(alone).findings == []
    assert told(through) == told(alone)
    assert len(through.plays) > 20


def told(one: Lived) -> dict[str, Any]:
    """What two drivers say alike: their tracks and their sentences differ."""
    names = {one.uri(number): number for number in range(400)}
    captures = [
        [row[name] for name in ("capture_id", "captured_at", "outcome", "page", "new", "late")]
        for row in sorted(one.captures, key=lambda row: (row["captured_at"], row["capture_id"]))
    ]
    return {
        "plays": sorted((row["played_at"], names[row["uri"]]) for row in one.plays),
        "captures": captures,
        "gaps": one.gaps,
        "days": [(day, row["certainty"], row["plays"]) for day, row in sorted(one.days.items())],
        "shown": one.shown,
    }


# The checks find what is broken.


@cache
def eventful() -> Life:
    """The first of some lives that meets every fault, and has plays that come late."""
    lives = (life(f"eventful-{number}", 4, habits=MUCH, faulty=0.9) for number in range(100))
    return next(
        each
        for each in lives
        if set(each.faults) == set(FAULTS) and sum(play.late for play in each.heard) > 50
    )


def found() -> set[str]:
    """The checks that find something in it."""
    return {finding.check for finding in check(domain.live(eventful())).findings}


def test_nothing_is_found_where_nothing_is_broken() -> None:
    assert found() == set()


def test_gaps_that_are_never_reported_are_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "gaps", lambda _captures, _newest=None: [])

    assert "lost" in found()


def test_late_plays_that_merging_drops_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    real = plays.merge

    def dropping(known: Iterable[Row], seen: Iterable[Row]) -> list[Row]:
        known = list(known)
        newest = max((row["time"] for row in known), default=EARLY)
        return real(known, [row for row in seen if row["time"] >= newest])

    monkeypatch.setattr(plays, "merge", dropping)

    assert "kept once" in found()


def test_without_its_rule_of_30_seconds_a_play_read_again_is_kept_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plays, "SHORTEST", plays.SHORTEST * 0)

    assert found() == {"kept once"}


def test_a_play_merged_into_another_one_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plays, "SHORTEST", plays.SHORTEST * 2)

    assert "kept once" in found()


def closed(gaps: Callable[..., list[Row]]) -> Callable[..., list[Row]]:
    def closing(*given: Any) -> list[Row]:
        return [gap | {"closed_by": gap["closed_by"] or "raw/any"} for gap in gaps(*given)]

    return closing


def test_gaps_that_close_by_themselves_are_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "gaps", closed(coverage.gaps))

    assert "lost" in found()


def test_days_called_observed_in_a_gap_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "certainty", lambda _day, **_: "observed")

    assert found() == {"days"}


def test_days_that_wait_for_ever_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "certainty", lambda _day, **_: "provisional")
    calm = replace(MUCH, bursts=0, offline=0, sessions=1.5)
    report = check(domain.live(life("quiet", 7, habits=calm, faulty=0)))
    total = Total()
    total.add(runs.Chunk(runs.DOMAIN, "quiet", 7), Report(report.figures))

    assert {finding.check for finding in report.findings} == {"days"}
    assert str(total.broken()).startswith("only 0.0% of the settled days of quiet weeks")


def test_a_gap_in_a_quiet_week_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = coverage.gaps

    def one_more(captures: list[Row], newest: datetime | None = None) -> list[Row]:
        row = captures[-1]
        gap = {"account": row["account"], "from_time": row["captured_at"], "closed_by": "raw/any"}
        gap |= {"to_time": row["captured_at"], "reason": "short_page", "found_by": "raw/any"}
        return [*real(captures, newest), gap | {"found_at": row["captured_at"]}]

    monkeypatch.setattr(coverage, "gaps", one_more)
    report = check(domain.live(life("quiet", 1, faulty=0)))

    assert {finding.check for finding in report.findings} == {"quiet weeks"}


# Runs.


def test_what_was_lived_is_not_lived_again(tmp_path: Path) -> None:
    todo = [runs.Chunk(runs.DOMAIN, "kept", 1)]

    first = list(runs.run_all(todo, tmp_path, 1))
    again = list(runs.run_all(todo, tmp_path, 1))

    assert [(chunk, old) for chunk, _, old in first] == [(todo[0], False)]
    assert again == [(todo[0], first[0][1], True)]


def test_the_first_counterexample_is_the_shortest_and_names_its_seed() -> None:
    total = Total()
    for weeks in (52, 1):
        report = Report(Counter(weeks=weeks), [Finding("lost", f"after {weeks} weeks.")])
        total.add(runs.Chunk(runs.DOMAIN, f"1-{weeks}", weeks), report)

    assert total.broken() == "seed '1-1' (1 weeks, domain), lost: after 1 weeks."
    assert total.figures["weeks"] == 53
