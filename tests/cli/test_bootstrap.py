"""`./soundlake` finds or makes its environments. No network: installing is faked."""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = importlib.machinery.SourceFileLoader("soundlake_script", str(ROOT / "soundlake"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.joinpath("requirements").mkdir(parents=True)
    for name in ("run", "test", "aws", "uv"):
        root.joinpath("requirements", f"{name}.txt").write_text(f"# {name}, first\n")
    return root


class Installer:
    """Stands in for venv, pip and uv: does what they leave behind, and notes what was asked."""

    def __init__(self, script: ModuleType) -> None:
        self.script = script
        self.steps: list[str] = []
        self.fail_at = ""

    def __call__(self, command: Sequence[str]) -> None:
        step = self._step(list(command))
        self.steps.append(step)
        if step == self.fail_at:
            raise self.script.SetupError("cut off")

    def _step(self, command: list[str]) -> str:
        if command[1:3] == ["-m", "venv"]:
            folder = Path(command[3])
            folder.joinpath("bin").mkdir(parents=True)
            folder.joinpath("bin", "python").symlink_to(sys.executable)
            folder.joinpath("pyvenv.cfg").write_text("version = 3.13.0\n")
            return f"venv {folder.name}"
        if "-t" in command:
            program = Path(command[-1], "bin", "uv")
            program.parent.mkdir(parents=True)
            program.touch()
            return "uv"
        return f"sync {Path(command[-1]).stem}"


@pytest.fixture
def installer(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Installer:
    fake = Installer(script)
    monkeypatch.setattr(script, "install", fake)
    monkeypatch.setattr(script, "usable", lambda python: python.exists())
    monkeypatch.setattr(script, "find_python", lambda: sys.executable)
    return fake


FIRST = ["venv .venv", "uv", "sync run", "venv .venv-aws", "sync aws"]


def test_the_first_start_makes_both_and_the_second_nothing(
    script: ModuleType, tree: Path, installer: Installer
) -> None:
    python = script.ready(tree, test=False)
    assert sorted(installer.steps) == sorted(FIRST)
    assert python == tree / ".venv" / "bin" / "python"
    installer.steps.clear()
    assert script.ready(tree, test=False) == python
    assert installer.steps == []


def test_a_changed_lock_is_installed_over_what_is_there(
    script: ModuleType, tree: Path, installer: Installer
) -> None:
    script.ready(tree, test=False)
    installer.steps.clear()
    tree.joinpath("requirements", "aws.txt").write_text("# aws, second\n")
    script.ready(tree, test=False)
    assert installer.steps == ["sync aws"]


def test_a_newer_installer_takes_the_place_of_the_older_one(
    script: ModuleType, tree: Path, installer: Installer
) -> None:
    """`make lock` runs the one that is there."""
    script.ready(tree, test=False)
    for name in ("uv", "run"):
        tree.joinpath("requirements", f"{name}.txt").write_text(f"# {name}, second\n")
    script.ready(tree, test=False)
    assert list(tree.glob(".venv/.uv/*/bin/uv")) == [script.installer(tree)]


def test_an_environment_with_test_packages_keeps_them(
    script: ModuleType, tree: Path, installer: Installer
) -> None:
    script.ready(tree, test=True)
    installer.steps.clear()
    script.ready(tree, test=False)
    assert installer.steps == []
    tree.joinpath("requirements", "run.txt").write_text("# run, second\n")
    script.ready(tree, test=False)
    assert installer.steps == ["sync test"]


def test_test_packages_put_there_by_hand_are_kept_too(
    script: ModuleType, tree: Path, installer: Installer
) -> None:
    installer(["python", "-m", "venv", str(tree / ".venv")])
    tree.joinpath(".venv", "lib", "python3.13", "site-packages", "pytest").mkdir(parents=True)
    script.ready(tree, test=False)
    assert "sync test" in installer.steps
    assert "sync run" not in installer.steps


@pytest.mark.parametrize("step", FIRST)
def test_a_start_cut_off_anywhere_is_made_good_by_the_next(
    script: ModuleType, tree: Path, installer: Installer, step: str
) -> None:
    installer.fail_at = step
    with pytest.raises(script.SetupError):
        script.ready(tree, test=False)
    installer.fail_at = ""
    environment = ".venv-aws" if "aws" in step else ".venv"
    leftover = tree / environment / "leftover"
    leftover.touch()
    installer.steps.clear()
    script.ready(tree, test=False)
    assert f"venv {environment}" in installer.steps
    assert not leftover.exists()
    assert script.Environment(
        tree, environment, ("run",) if environment == ".venv" else ("aws",)
    ).complete()


def test_a_tree_that_was_moved_makes_its_environment_anew(
    script: ModuleType, tree: Path, installer: Installer
) -> None:
    script.ready(tree, test=False)
    moved = tree.rename(tree.with_name("moved"))
    assert not script.Environment(moved, ".venv", ("run",)).complete()


def test_an_interpreter_that_is_gone_is_noticed(
    script: ModuleType, tree: Path, installer: Installer
) -> None:
    python = script.ready(tree, test=False)
    python.unlink()
    python.symlink_to("/nowhere/python3.13")
    installer.steps.clear()
    script.ready(tree, test=False)
    assert installer.steps == ["venv .venv", "uv", "sync run"]


def test_two_starts_at_once_make_it_once(
    script: ModuleType, tree: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(command: Sequence[str]) -> None:
        time.sleep(0.05)
        installer(command)

    monkeypatch.setattr(script, "install", slowly)
    threads = [threading.Thread(target=lambda: script.ready(tree, test=False)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(installer.steps) == sorted(FIRST)


def test_without_python_313_one_sentence(
    script: ModuleType, tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(script, "KNOWN_PLACES", ())
    monkeypatch.setattr(script.sys, "version_info", (3, 11, 0))
    with pytest.raises(script.SetupError, match=r"needs Python 3\.13 and found none"):
        script.find_python()


def test_a_working_python_behind_a_failing_shim_is_found(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    first.joinpath("python3.13").write_text("#!/bin/sh\nexit 127\n")
    first.joinpath("python3.13").chmod(0o755)
    second.joinpath("python3.13").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{first}{os.pathsep}{second}")
    monkeypatch.setattr(script.sys, "version_info", (3, 11, 0))
    assert script.find_python() == str(second / "python3.13")


def test_installers_keep_the_certificates_and_lose_what_misleads(script: ModuleType) -> None:
    shell = {"SSL_CERT_FILE": "/ca.pem", "PIP_CERT": "/ca.pem", "PYTHONPATH": "/x", "PIP_USER": "1"}
    assert script.clean(shell) == {"SSL_CERT_FILE": "/ca.pem", "PIP_CERT": "/ca.pem"}


def test_a_failed_step_is_told_in_one_sentence_with_its_last_words(script: ModuleType) -> None:
    command = [sys.executable, "-c", "import sys; print('no route to host'); sys.exit(2)"]
    with pytest.raises(script.SetupError, match=r"check the network.*no route to host"):
        script.install(command)


def test_the_command_line_gets_the_arguments_and_its_own_modules(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: dict[str, Any] = {}

    def execve(path: str, command: list[str], variables: dict[str, str]) -> None:
        handed.update(path=path, command=command, variables=variables)

    monkeypatch.setattr(script, "ready", lambda root, test: Path("/env/bin/python"))
    monkeypatch.setattr(script.os, "execve", execve)
    script.main(["query", "SELECT 1"])
    assert handed["command"] == ["/env/bin/python", "-P", "-m", "cli", "query", "SELECT 1"]
    paths = handed["variables"]["PYTHONPATH"].split(os.pathsep)
    assert paths == [str(ROOT), str(ROOT / "layers" / "soundlake")]


def test_it_is_executable_and_an_old_python_can_read_it(script: ModuleType) -> None:
    assert os.access(ROOT / "soundlake", os.X_OK)
    source = ROOT.joinpath("soundlake").read_text()
    import ast

    ast.parse(source, feature_version=(3, 9))
    assert source.startswith("#!/usr/bin/env python3\n")


def test_the_stamp_names_what_it_was_made_from(
    script: ModuleType, tree: Path, installer: Installer
) -> None:
    script.ready(tree, test=True)
    stamp = json.loads(tree.joinpath(".venv", "soundlake-stamp.json").read_text())
    assert set(stamp) == {"root", "run", "test", "base"}
    assert not tree.joinpath(".venv", "soundlake-unfinished").exists()


def test_help_needs_no_services() -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'layers/soundlake'}"}
    answer = subprocess.run(
        [sys.executable, "-P", "-m", "cli", "--help"],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    verbs = ("up", "down", "status", "run", "query", "logs", "app", "charts")
    assert all(f"\n  {verb} " in answer.stdout for verb in verbs)
