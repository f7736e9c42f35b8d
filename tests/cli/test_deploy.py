"""What is built is compiled, so that a worker's copy with new file times is not compiled again."""

import shutil
import subprocess
from pathlib import Path

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
