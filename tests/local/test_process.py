"""The service as a process of its own: `python -m local.spotify`."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from local.spotify.listening import History
from local.spotify.made_up import made_up_world
from local.spotify.world import standard_listeners
from tests.local.helpers import COLUMNS, REPO, row, small_rows, write_csv

Start = Callable[..., "subprocess.Popen[str]"]


def _run(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "local.spotify", *arguments],
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "random"},
    )


@pytest.fixture
def start() -> Iterator[Start]:
    """Start services; whatever still runs at the end is ended."""
    begun: list[subprocess.Popen[str]] = []

    def one(*arguments: str) -> "subprocess.Popen[str]":
        begun.append(_run(*arguments))
        return begun[-1]

    yield one
    for process in begun:
        process.kill()
        process.communicate()


def _ready(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """The ready line and the address in it."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.match(r"local Spotify at (http://127\.0\.0\.1:\d+), ", line)
    assert found, (line, process.stderr and process.stderr.read())
    return line.strip(), found.group(1)


def _failure(process: "subprocess.Popen[str]") -> str:
    """The one sentence of a service that could not start."""
    out, err = process.communicate(timeout=20)
    assert process.returncode == 2, (out, err)
    assert out == ""
    assert err.endswith(".\n")
    assert err.count("\n") == 1
    return err.strip()


def _facts(url: str) -> list[object]:
    """Charts and plays, without the addresses, which name the port."""
    world = requests.get(f"{url}/_control/world", timeout=5).json()
    client = world["client"]
    auth = (client["id"], client["secret"])
    form = {
        "grant_type": "refresh_token",
        "refresh_token": world["listeners"][1]["refresh_token"],
    }
    token = requests.post(f"{url}/api/token", data=form, auth=auth, timeout=5).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    paths = [f"playlists/{chart['playlist_id']}" for chart in world["charts"][:3]]
    paths.append("me/player/recently-played?limit=50")
    facts: list[object] = [world["charts"], world["counts"], world["listeners"]]
    for path in paths:
        answer = requests.get(f"{url}/v1/{path}", headers=headers, timeout=5)
        assert answer.status_code == 200
        facts.append(answer.text.replace(url, "URL"))
    return facts


def test_two_processes_tell_the_same(start: Start) -> None:
    # No play begins or ends to count in the minute after noon, so the moments between the two
    # processes' answers cannot matter.
    history, noon = History(made_up_world(5)), datetime(2025, 3, 5, 12, tzinfo=UTC)
    for listener in standard_listeners(["NO", "MX", "JP"]):
        for edge in (noon, noon - timedelta(days=30)):
            assert history.between(listener, edge, edge + timedelta(seconds=60)) == []

    arguments = ("--port", "0", "--seed", "5", "--clock", "2025-03-05T12:00:00Z")
    one, other = start(*arguments), start(*arguments)
    first, second = _facts(_ready(one)[1]), _facts(_ready(other)[1])
    assert first == second

    another = start("--port", "0", "--seed", "6", "--clock", "2025-03-05T12:00:00Z")
    assert _facts(_ready(another)[1])[3:] != first[3:]


def test_a_world_has_as_many_listeners_as_it_is_told(start: Start) -> None:
    arguments = ("--port", "0", "--listeners", "7", "--clock", "2025-03-05T12:00:00Z")
    url = _ready(start(*arguments))[1]
    listeners = requests.get(f"{url}/_control/world", timeout=5).json()["listeners"]

    ids = [one["id"] for one in listeners]
    assert ids[:4] == ["madeup-solveig", "madeup-mateo", "madeup-aiko", "madeup-solveig-2"]
    assert ids[6] == "madeup-solveig-3"
    assert listeners[6]["display_name"] == "Solveig 3 (made up)"
    assert len({one["refresh_token"] for one in listeners}) == len(ids) == 7
    plays = [
        requests.get(f"{url}/_control/plays?listener={one}", timeout=5).json()["plays"]
        for one in ids
    ]
    assert all(plays)
    assert all(one != other for place, one in enumerate(plays) for other in plays[:place])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_ends_when_told(start: Start, number: int) -> None:
    process = start("--port", "0", "--clock", "2025-03-05T12:00:00Z")
    line, url = _ready(process)
    assert re.fullmatch(
        rf"local Spotify at {re.escape(url)}, a world made up by Soundlake's local Spotify"
        r" \(seed 1\), clock 2025-03-05T12:00:0\d\.\d{3}Z",
        line,
    )
    assert requests.get(f"{url}/v1/me", timeout=5).status_code == 401

    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert [process.returncode, out, err] == [0, "", ""]  # nothing is logged per request


def test_a_file_of_charts(start: Start, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "small.csv", small_rows())
    line, url = _ready(
        start(
            "--port", "0", "--charts", str(path), "--rate-limit", "1", "--playlist-shape", "items"
        )
    )
    assert "real charts of 2024-05-06 (small.csv; Kaggle" in line
    assert "clock 2024-05-06T18:00:0" in line
    world = requests.get(f"{url}/_control/world", timeout=5).json()
    client = world["client"]
    token = requests.post(
        f"{url}/api/token",
        data={"grant_type": "client_credentials"},
        auth=(client["id"], client["secret"]),
        timeout=5,
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    playlist = f"{url}/v1/playlists/{world['charts'][0]['playlist_id']}"
    first = requests.get(playlist, headers=headers, timeout=5)
    assert first.json()["items"]["items"][0]["item"]["name"] == "Song 1"
    assert requests.get(playlist, headers=headers, timeout=5).status_code == 429


def test_an_access_mode(start: Start) -> None:
    line, url = _ready(
        start(
            *("--port", "0", "--access", "development_2025", "--no-client-credentials"),
            *("--daily-quota", "900"),
        )
    )
    assert line.endswith("Z, access development_2025")
    assert requests.get(f"{url}/_control/access", timeout=5).json() == {
        "mode": "development_2025",
        "client_credentials": False,
        "daily_quota": 900,
        "counted": 0,
        "retry_after": None,
    }


def test_a_port_in_use(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = _failure(start("--port", str(port)))
    assert sentence == (
        f"Port {port} of 127.0.0.1 is in use by another program; choose another with --port."
    )


def test_a_malformed_file(start: Start, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "bad.csv", [row(1, "NO", 1, tempo="fast")])
    sentence = _failure(start("--port", "0", "--charts", str(path)))
    assert sentence == "bad.csv, row 2, field tempo: 'fast' is not a number from 0 to 1000."

    empty = write_csv(tmp_path / "empty.csv", [], COLUMNS)
    sentence = _failure(start("--port", "0", "--charts", str(empty)))
    assert sentence == "empty.csv, row 2, field spotify_id: the file has no rows."


def test_what_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from local.spotify.__main__ import main

    path = write_csv(tmp_path / "small.csv", small_rows())
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        for arguments, words in (
            (["--clock", "noon"], "'noon' is not an ISO 8601 instant"),
            (["--clock", "2025-03-05T12:00:00"], "has no time zone"),
            (["--host", "0.0.0.0"], "loopback only"),
            (["--port", "70000"], "Port 70000"),
            (["--listeners", "0"], "one listener at least, not 0"),
            (["--rate-limit", "-1"], "--rate-limit -1 is below 0"),
            (["--daily-quota", "-1"], "--daily-quota -1 is below 0"),
            (["--playlists-dir", str(tmp_path / "none")], "is not a folder"),
            (["--charts", str(tmp_path / "none.csv")], "none.csv cannot be read"),
            (["--charts", str(path), "--clock", "2024-05-07T12:00:00Z"], "those of 2024-05-06"),
        ):
            assert main(["--port", "0", *arguments]) == 2
            assert words in capsys.readouterr().err
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
