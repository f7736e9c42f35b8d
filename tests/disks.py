"""A small disk of a test's own, which it may fill."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk of so many megabytes at a new folder; skip where this user may not."""
    folder.mkdir()
    size = f"size={megabytes}m"
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("there is no mount here, so no disk can be filled")
    if mounted.returncode:
        pytest.skip(f"this user may not mount a disk to fill: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: what was started on it may be about to end.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def written_to(disk: Path, folder: Path) -> Iterator[None]:
    """Have what is written in a folder take its room from a small disk; what is there can be read.

    What was written goes with the disk. Skips where this user may not.
    """
    above, work = disk / "above", disk / "work"
    for each in (above, work):
        each.mkdir()
    options = f"lowerdir={folder},upperdir={above},workdir={work}"
    mounted = subprocess.run(
        ["mount", "-t", "overlay", "-o", options, "overlay", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be laid over a folder here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take all room that is left, as another program does; the file that has it."""
    path = disk / "other"
    block = bytes(1024 * 1024)
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(block) == len(block):
                pass
        except OSError:
            pass
    return path
