"""What is built is compiled, so that a worker's copy with new file times is not compiled again."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.deploy import compile_bytecode
from local.aws import service

TELL = "import code; print(code.__cached__, code.VALUE)"


def test_an_unpacked_copy_runs_the_bytecode_of_the_build(tmp_path: Path) -> None:
    built, copy = tmp_path / "built", tmp_path / "copy"
    built.mkdir()
    built.joinpath("code.py").write_text("VALUE = 1\n")
    compile_bytecode(built)
    shutil.copytree(built, copy, copy_function=shutil.copyfile)  # new times, as unpacking gives
    (bytecode,) = copy.glob("__pycache__/*.pyc")
    before = bytecode.read_bytes()

    done = subprocess.run(
        [str(service.PYTHON), "-c", TELL], cwd=copy, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == [str(bytecode), "1"]
    assert bytecode.read_bytes() == before


def test_a_changed_build_is_compiled_anew(tmp_path: Path) -> None:
    source = tmp_path / "code.py"
    for value in ("1", "2"):
        source.write_text(f"VALUE = {value}\n")
        compile_bytecode(tmp_path)

        done = subprocess.run(
            [str(service.PYTHON), "-c", TELL],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )

        assert done.stdout.split()[1] == value


def pretend(path: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """A Python that does something else than to compile."""
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    monkeypatch.setattr(service, "PYTHON", path)


def test_ctrl_c_does_not_reach_what_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its workers would each say that they were interrupted."""
    noted = tmp_path / "session"
    tell = "import os; print(os.getsid(0))"
    pretend(tmp_path / "python", monkeypatch, f"exec {sys.executable} -c '{tell}' > {noted}")

    compile_bytecode(tmp_path)

    assert int(noted.read_text()) != os.getsid(0)


def test_what_compiles_ends_with_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = tmp_path / "process"
    pretend(tmp_path / "python", monkeypatch, f"echo $$ > {noted}; exec sleep 60")

    def interrupted(child: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        while not noted.exists() or not noted.read_text().strip():
            time.sleep(0.01)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compile_bytecode(tmp_path)

    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)


def test_what_cannot_be_compiled_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path / "python", monkeypatch, "exit 3")

    with pytest.raises(subprocess.CalledProcessError, match="exit status 3"):
        compile_bytecode(tmp_path)
