"""Where the command line keeps what it makes: one folder that git ignores."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cli.errors import Trouble

ROOT: Final = Path(__file__).resolve().parent.parent
MADE_UP: Final = "made-up"


def home() -> Path:
    """Return the folder of everything made: `.soundlake`, or what SOUNDLAKE_HOME names."""
    return Path(os.environ.get("SOUNDLAKE_HOME") or ROOT / ".soundlake").absolute()


@dataclass(frozen=True)
class World:
    """What the local services serve: a real day from a file, or made-up data.

    Every world has a folder and so a lake of its own; two never mix.
    """

    name: str
    csv: Path | None = None

    @property
    def folder(self) -> Path:
        """Where this world's state lives."""
        return home() / "worlds" / self.name

    @classmethod
    def of(cls, csv: Path | None) -> "World":
        """Return the world of a chart file, or the made-up one.

        Another file of a name seen before gets another world, told apart by its content.
        """
        if csv is None:
            return cls(MADE_UP)
        digest = file_digest(csv)
        name = re.sub(r"[^a-z0-9]+", "-", csv.stem.lower()).strip("-") or "charts"
        if name == MADE_UP:
            name = f"{MADE_UP}-file"
        world = cls(name, csv.absolute())
        known = read_json(world.folder / "world.json").get("sha256", digest)
        return world if known == digest else cls(f"{name}-{digest[:8]}", csv.absolute())

    def note(self) -> None:
        """Write down which file this world is of."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.csv:
            content = {"csv": str(self.csv), "sha256": file_digest(self.csv)}
            write_json(self.folder / "world.json", content)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content; raise Trouble when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Trouble(f"{path} cannot be read: {error.strerror}.") from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one when it is missing or unreadable."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file in one step, so that no reader meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.write_text(json.dumps(content, indent=1), encoding="utf-8")
    fresh.replace(path)


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Hold the right to start and stop services; raise Trouble when another command has it."""
    home().mkdir(parents=True, exist_ok=True)
    with home().joinpath("starting.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Trouble(
                "Another Soundlake command is starting or stopping the services; "
                "wait until it is done and run this again."
            ) from error
        yield
