"""`./soundlake run all` as a person runs it: ended well, cut off, and interrupted.

Each test starts services of its own and takes over 30 seconds, so they run in `make test-all`.
"""

import csv
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.home import ROOT
from tests.stack.conftest import free_port, made_up_day

pytestmark = pytest.mark.slow


class Person:
    """Somebody with a folder, two ports, and a made-up chart day."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.day = made_up_day(folder / "made-up-day.csv")
        with self.day.open(encoding="utf-8") as file:
            self.rows = sum(1 for _ in csv.DictReader(file))
        self.variables = {
            **os.environ,
            "SOUNDLAKE_HOME": str(self.home),
            "SOUNDLAKE_PORT": str(free_port()),
            "SOUNDLAKE_SPOTIFY_PORT": str(free_port()),
            "SOUNDLAKE_TEST_ENV": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def start(self) -> subprocess.Popen[str]:
        """Start `run all` in a group of its own, as a terminal would."""
        return subprocess.Popen(
            [str(ROOT / "soundlake"), "run", "all", "--world", str(self.day)],
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> list[int]:
        """The services that run in this person's folder or on their ports."""
        marks = [str(self.home), self.variables["SOUNDLAKE_SPOTIFY_PORT"]]
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().decode(errors="replace")
            except OSError:  # it ended meanwhile
                continue
            if "local." in line and any(mark in line for mark in marks):
                found.append(int(path.parent.name))
        return found

    def end(self) -> None:
        for one in self.processes():
            os.kill(one, signal.SIGKILL)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    somebody = Person(tmp_path)
    yield somebody
    somebody.end()


def until(run: subprocess.Popen[str], pattern: str) -> str:
    """Read what a run prints up to a line that matches; everything it printed so far."""
    assert run.stdout is not None
    printed = ""
    for line in run.stdout:
        printed += line
        if re.search(pattern, line):
            return printed
    raise AssertionError(f"no line matches {pattern!r}:\n{printed}")


def rest(run: subprocess.Popen[str]) -> str:
    printed, _ = run.communicate(timeout=240)
    return printed


def summed_up(printed: str, person: Person) -> None:
    """A summary after which everything is done, by this run or the ones before."""
    charts = re.search(
        r"^Charts +(\d+) done with .*, 0 failed(?:, (\d+) done before)?$", printed, re.M
    )
    assert charts, printed
    assert int(charts[1]) + int(charts[2] or 0) == 6
    assert re.search(rf"^ chart_entries +{person.rows} +6 ", printed, re.M)
    assert re.search(r"^ playlists/\{id\} ", printed, re.M) or "api/token" in printed
    assert "The top ten tracks of the latest chart day" in printed
    assert "Traceback" not in printed


def test_a_run_ends_well_stops_what_it_started_and_a_second_adds_nothing(person: Person) -> None:
    first = person.start()
    printed = rest(first)

    assert first.returncode == 0, printed
    summed_up(printed, person)
    assert f"6 done with {person.rows} rows" in printed
    assert re.search(r"^ playlists/\{id\} +7 *$", printed, re.M)  # six charts, and the probe's
    assert person.processes() == []

    second = person.start()
    printed = rest(second)

    assert second.returncode == 0, printed
    summed_up(printed, person)
    assert "6 done before" in printed
    assert "playlists/{id}" not in printed
    assert "0 new" in printed


def test_a_run_that_was_killed_is_recovered_by_the_next(person: Person) -> None:
    killed = person.start()
    until(killed, r"1/6 ")
    os.killpg(killed.pid, signal.SIGKILL)
    for one in person.processes():
        os.kill(one, signal.SIGKILL)
    killed.wait(timeout=30)

    again = person.start()
    printed = rest(again)

    assert again.returncode == 0, printed
    summed_up(printed, person)


def test_a_command_that_was_killed_alone_leaves_services_that_the_next_run_uses(
    person: Person,
) -> None:
    killed = person.start()
    until(killed, r"capture: ")
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(timeout=30)
    assert person.processes()

    again = person.start()
    printed = rest(again)

    assert again.returncode == 0, printed
    summed_up(printed, person)


@pytest.mark.parametrize("seconds", [0.3, 1.5, 4, 9])
def test_ctrl_c_during_the_start_ends_in_one_sentence_and_leaves_nothing(
    person: Person, seconds: float
) -> None:
    run = person.start()
    time.sleep(seconds)
    os.killpg(run.pid, signal.SIGINT)
    printed = rest(run)

    assert run.returncode in {0, 130}, printed
    assert "Traceback" not in printed
    assert len([line for line in printed.splitlines() if "Stopped" in line]) == 1
    assert person.processes() == []


def test_ctrl_c_during_a_run_says_where_it_went_on_and_the_next_run_finishes_it(
    person: Person,
) -> None:
    run = person.start()
    until(run, r"1/6 ")
    os.killpg(run.pid, signal.SIGINT)
    printed = rest(run)

    assert run.returncode == 130, printed
    assert "Traceback" not in printed
    assert person.processes() == []

    again = person.start()
    printed = rest(again)

    assert again.returncode == 0, printed
    summed_up(printed, person)
    state = json.loads((person.home / "worlds" / "made-up-day" / "world.json").read_text())
    assert state["csv"] == str(person.day)
