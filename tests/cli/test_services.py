"""What runs on this machine: noted, verified, reused, stopped."""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli import services
from cli import world as worlds
from cli.errors import Trouble
from cli.home import World, starting, write_json
from cli.home import home as home_folder
from local.aws import certificates, process, service
from local.spotify.made_up import made_up_world
from local.spotify.server import Running as LocalSpotify
from local.spotify.server import running
from local.spotify.settings import Mode

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def sleeper() -> Iterator[process.Process]:
    child = subprocess.Popen(SLEEP, start_new_session=True)
    yield process.identify(child.pid)
    child.kill()
    child.wait()


def note(home: Path, **changes: object) -> None:
    content = {
        "world": "made-up",
        "csv": None,
        "region": "eu-north-1",
        "aws_port": 1,
        "spotify_port": 2,
        "stack": "soundlake-local",
        "processes": {},
    }
    write_json(home / "running.json", content | changes)


def test_nothing_noted_nothing_runs(home: Path) -> None:
    assert services.noted() is None
    assert services.running() is None
    assert services.down() is False


@pytest.mark.parametrize("text", ["", "{", "[]", '{"world": "x"}', '{"processes": {"aws": 7}}'])
def test_a_note_that_says_nothing_usable_is_no_note(home: Path, text: str) -> None:
    home.mkdir()
    home.joinpath("running.json").write_text(text)
    assert services.noted() is None


def test_a_process_is_known_by_its_start_too(sleeper: process.Process) -> None:
    assert sleeper.alive()
    assert not process.Process(sleeper.pid, "another start").alive()
    assert not process.Process(sleeper.pid, "").alive()


def test_another_process_with_a_noted_id_is_never_signalled(
    home: Path, sleeper: process.Process
) -> None:
    note(home, processes={"aws": {"pid": sleeper.pid, "started": "long ago"}})
    assert services.down() is False
    assert sleeper.alive()
    assert not home.joinpath("running.json").exists()


def test_down_stops_what_is_noted(home: Path, sleeper: process.Process) -> None:
    note(home, processes={"spotify": {"pid": sleeper.pid, "started": sleeper.started}})
    assert services.down() is True
    assert not sleeper.alive()


def test_a_process_that_ignores_the_request_is_ended() -> None:
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print(1, flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script], start_new_session=True, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    one = process.identify(child.pid)
    assert process.stop(one, grace=0.2) is False
    assert not one.alive()
    child.wait()
    child.stdout.close()


def test_a_process_without_a_note_is_found_by_its_command_line(tmp_path: Path) -> None:
    mark = str(tmp_path / "state")
    child = subprocess.Popen([*SLEEP, "--folder", mark], start_new_session=True)
    try:
        deadline = time.monotonic() + 5
        # The kernel shows the new command line a moment after the process exists.
        while not (found := process.find(["--folder", mark])) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [one.pid for one in found] == [child.pid]
        assert process.find(["--folder", mark + "x"]) == []
    finally:
        child.kill()
        child.wait()


def test_a_port_in_use_is_named_with_the_option(port: int, home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        plan = services.Plan(World("made-up"), "eu-north-1", port, port + 1)
        with pytest.raises(Trouble, match=rf"Port {port} is in use.*--port or SOUNDLAKE_PORT"):
            services.up(plan, print)
    assert services.noted() is None


def test_a_local_spotify_that_refuses_its_file_says_why_and_leaves_nothing(
    port: int, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        services.Plan,
        "spotify_command",
        property(
            lambda _: [sys.executable, "-c", "import sys; sys.exit('row 7: rank is missing')"]
        ),
    )
    monkeypatch.setattr(services, "_launch_aws", lambda plan: _sleeping(tmp_path))
    plan = services.Plan(World("made-up"), "eu-north-1", port, port + 1)
    with pytest.raises(Trouble, match=r"The local Spotify did not start: row 7: rank is missing\."):
        services.up(plan, print)
    assert services.noted() is None
    assert process.find(["--mark", str(tmp_path)]) == []


def _sleeping(folder: Path) -> process.Process:
    child = process.spawn(
        [*SLEEP, "--mark", str(folder)], env=dict(os.environ), cwd=folder, log=folder / "log"
    )
    return process.identify(child.pid)


def test_two_commands_do_not_start_services_at_once(home: Path) -> None:
    with starting(), pytest.raises(Trouble, match="Another Soundlake command"), starting():
        pass


def test_worlds_never_share_a_lake(tmp_path: Path, home: Path) -> None:
    one, other = tmp_path / "a" / "charts-2025-02-18.csv", tmp_path / "b" / "charts-2025-02-18.csv"
    for path, text in ((one, "x"), (other, "y")):
        path.parent.mkdir()
        path.write_text(text)
    first = World.of(one)
    first.note()
    assert first.name == "charts-2025-02-18"
    assert World.of(one) == first
    assert World.of(other).name.startswith("charts-2025-02-18-")
    assert World.of(None).name == "made-up"


def test_a_world_from_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="cannot be read: No such file"):
        World.of(tmp_path / "none.csv")


def test_damaged_state_is_found_and_set_aside_and_objects_stay(tmp_path: Path) -> None:
    state = tmp_path / "aws"
    state.mkdir()
    tmp_path.joinpath("s3").mkdir()
    tmp_path.joinpath("s3", "object").write_text("kept")
    state.joinpath("lambda.json").write_text('{"payload": {"func')
    state.joinpath("s3.json").write_text("{}")
    assert service.unreadable_state(tmp_path) == ["lambda.json"]
    aside = service.set_state_aside(tmp_path)
    assert aside is not None
    assert aside.joinpath("lambda.json").exists()
    assert [path.name for path in state.iterdir()] == ["s3.json"]
    assert tmp_path.joinpath("s3", "object").read_text() == "kept"


def test_the_embedded_aws_sees_nothing_of_the_shell_it_should_not() -> None:
    shell = {
        "PATH": "/bin",
        "HOME": "/home/x",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_PROFILE": "real",
        "SSL_CERT_FILE": "/ca.pem",
        "AWS_CA_BUNDLE": "/ca.pem",
        "REQUESTS_CA_BUNDLE": "/ca.pem",
        "HTTPS_PROXY": "http://proxy",
        "PYTHONPATH": "/elsewhere",
    }
    env = service.environment(shell)
    assert {name: env[name] for name in ("PATH", "HOME")} == {"PATH": "/bin", "HOME": "/home/x"}
    assert set(env) == {"PATH", "HOME", "PYTHONPATH", "PYTHONUNBUFFERED"}
    assert env["PYTHONPATH"] == str(service.ROOT)


def test_the_note_is_whole_or_not_there(home: Path, sleeper: process.Process) -> None:
    note(home, processes={"aws": {"pid": sleeper.pid, "started": sleeper.started}})
    found = services.noted()
    assert found is not None
    assert found.alive("aws")
    assert not found.alive("spotify")
    assert json.loads(home.joinpath("running.json").read_text())["world"] == "made-up"
    assert not found.healthy()


@pytest.mark.parametrize("own", [True, False])
def test_services_that_a_killed_run_left_end_with_the_next_run(
    home: Path, port: int, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    monkeypatch.setattr(services.Running, "healthy", lambda _: True)
    note(home, aws_port=port, spotify_port=port + 1, owner={"pid": 1, "started": "long ago"})
    plan = services.Plan(World("made-up"), "eu-north-1", port, port + 1, own=own)
    state, started = services.up(plan, print)
    assert started is False
    assert state.mine() is own
    again = services.noted()
    assert again is not None
    assert again.mine() is own


def test_services_that_somebody_keeps_up_stay(
    home: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.Running, "healthy", lambda _: True)
    note(home, aws_port=port, spotify_port=port + 1)
    plan = services.Plan(World("made-up"), "eu-north-1", port, port + 1, own=True)
    assert not services.up(plan, print)[0].mine()


#### THE ACCESS MODE ###############################################################################


@pytest.fixture(scope="module")
def spotify() -> Iterator[LocalSpotify]:
    with running(made_up_world(1)) as found:
        yield found


def _plan(spotify: LocalSpotify, access: Mode | None) -> services.Plan:
    """What fits the noted services but, perhaps, their access mode."""
    at = int(spotify.url.rpartition(":")[2])
    note(home_folder(), spotify_port=at)
    return services.Plan(World("made-up"), "eu-north-1", 1, at, access=access)


def test_a_local_spotify_that_runs_is_switched(
    spotify: LocalSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.Running, "healthy", lambda _: True)
    spotify.control.set_access(mode="extended")
    said: list[str] = []

    state, started = services.up(_plan(spotify, "development"), said.append)
    assert started is False
    assert spotify.control.settings.mode == services.access(state) == "development"
    assert said == [
        "The local Spotify's access mode is now development; ./soundlake doctor has the lake find "
        "that out."
    ]

    # The same again says nothing, and one who does not ask leaves it as it is.
    services.up(_plan(spotify, "development"), said.append)
    services.up(_plan(spotify, None), said.append)
    assert spotify.control.settings.mode == "development"
    assert len(said) == 1

    services.up(_plan(spotify, "extended"), said.append)
    assert spotify.control.settings.mode == "extended"


@pytest.mark.parametrize("access", ["extended", "development_2025", None])
def test_a_local_spotify_begins_in_the_mode_that_is_wanted(port: int, access: Mode | None) -> None:
    plan = services.Plan(World("made-up"), "eu-north-1", port, port + 1, access=access)
    wanted = ["--access", access] if access else []
    assert [one for one in plan.spotify_command if one in ("--access", access)] == wanted


def test_a_local_spotify_that_cannot_be_switched_is_a_sentence(
    spotify: LocalSpotify, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.Running, "healthy", lambda _: True)
    note(home_folder(), spotify_port=port)
    plan = services.Plan(World("made-up"), "eu-north-1", 1, port, access="development")
    with pytest.raises(Trouble, match=r"does not say its access mode; run \./soundlake down"):
        services.up(plan, print)

    spotify.control.set_access(mode="extended")
    older = replace(_plan(spotify, None), access="of another version")  # type: ignore[arg-type]
    with pytest.raises(Trouble, match=r"did not change its access mode .*; run \./soundlake down"):
        services.up(older, print)


def test_the_access_mode_is_told_beside_the_world(spotify: LocalSpotify) -> None:
    from cli.__main__ import _about

    spotify.control.set_access(mode="extended")
    assert worlds.facts(spotify.url).access == "extended"
    extended = _about(worlds.facts(spotify.url)).splitlines()
    assert extended == ["Its world is made up: listeners, tracks and charts come from a seed."]
    for mode, words in (("development_2025", "app of 2025"), ("development", "a new development")):
        spotify.control.set_access(mode=mode)
        lines = _about(worlds.facts(spotify.url)).splitlines()
        assert lines[:-1] == extended
        assert words in lines[-1]


def test_a_missing_environment_says_how_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    monkeypatch.setattr(service, "PYTHON", tmp_path / "none")
    began = time.monotonic()
    with pytest.raises(service.StartError, match=r"\./soundlake --env"):
        service.start(service.Options(tmp_path, port, "eu-north-1"))
    assert time.monotonic() - began < 1


#### ROLES AND TLS #################################################################################


def test_roles_and_tls_are_enforced_where_that_is_wanted_alone(tmp_path: Path) -> None:
    usual = service.Options(tmp_path, 4566, "eu-north-1")
    strict = replace(usual, enforced=True)

    assert usual.endpoint == "http://127.0.0.1:4566"
    assert usual.certificate is None
    assert "--enforced" not in usual.command
    assert not {"AUTH", "USE_SSL", "AWS_CA_BUNDLE"} & set(service.settings(usual))

    assert strict.endpoint == "https://127.0.0.1:4566"
    assert "--enforced" in strict.command
    told = service.settings(strict)
    assert (told["AUTH"], told["USE_SSL"]) == ("true", "1")
    assert told["AWS_CA_BUNDLE"] == told["MINISTACK_SSL_CERT"] == str(strict.certificate)


def test_what_runs_without_roles_is_not_taken_for_what_enforces_them(home: Path) -> None:
    note(home, aws_port=1, spotify_port=2)
    state = services.noted()
    assert state is not None
    plan = services.Plan(World("made-up"), "eu-north-1", 1, 2)
    assert plan.fits(state)
    assert not replace(plan, enforced=True).fits(state)
    assert replace(plan, enforced=True).fits(replace(state, enforced=True))


def test_a_certificate_is_trusted_by_who_has_its_file_and_for_this_machine_alone(
    tmp_path: Path, port: int
) -> None:
    path = service.certificate(tmp_path)
    certificates.make(path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(path, path.with_name("key.pem"))
    assert path.with_name("key.pem").stat().st_mode & 0o077 == 0
    with socket.create_server(("127.0.0.1", port)) as listening:

        def answer() -> None:
            for _ in range(3):
                with contextlib.suppress(OSError):
                    served.wrap_socket(listening.accept()[0], server_side=True).close()

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()

        def asked(trusted: Path | None, name: str) -> str:
            context = ssl.create_default_context(cafile=trusted)
            with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
                try:
                    context.wrap_socket(plain, server_hostname=name).close()
                except ssl.SSLCertVerificationError as error:
                    return str(error.verify_message)
            return "trusted"

        assert asked(path, "127.0.0.1") == "trusted"
        assert "self-signed" in asked(None, "127.0.0.1")
        assert "Hostname mismatch" in asked(path, "example.org")
        answering.join()
