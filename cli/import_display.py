"""How an import goes: a line that moves at a terminal, a few lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from cli.import_run import LOOKING, READING, Seen
from cli.machines import now

UPLOADING: Final = "uploading"
_ONE_MINUTE_MORE: Final = 90  # seconds up to which a time is told in seconds


class Display(Protocol):
    """Where it is shown how an import goes."""

    def uploaded(self, done: int, size: int) -> None:
        """Show that so many bytes of all are uploaded."""

    def seen(self, seen: Seen) -> None:
        """Show what is known of the execution."""


class _Nothing:
    def uploaded(self, done: int, size: int) -> None:
        pass

    def seen(self, seen: Seen) -> None:
        pass


class Lines:
    """A line whenever another stage begins."""

    def __init__(self, console: Console) -> None:
        """Print to `console`."""
        self._console = console
        self._stage = ""

    def uploaded(self, done: int, size: int) -> None:
        """Say that it is uploaded, once."""
        if done == size:
            self._say(UPLOADING, megabytes(size))

    def seen(self, seen: Seen) -> None:
        """Say the stage, where it is another one, and what is known as it begins."""
        if seen.stage in {self._stage, LOOKING} or seen.status != "RUNNING":
            return
        files = len(seen.sizes)
        if seen.stage == READING:
            self._say(READING, f"{files:,} file{'' if files == 1 else 's'}")
        else:
            self._say(seen.stage, f"{seen.rows:,} rows" if seen.rows else "")

    def _say(self, stage: str, what: str) -> None:
        self._stage = stage
        line = f"  {stage}" + (f": {what}" if what else "")
        self._console.print(line, highlight=False, soft_wrap=True)


class Bar:
    """A bar with the stage, rows, rows per second and the time that is left."""

    def __init__(self, console: Console) -> None:
        """Show it on `console`, once it is `progress` that shows it."""
        self.progress = Progress(
            TextColumn("  {task.description:<14}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[said]}"),
            console=console,
            transient=True,
            expand=True,
        )
        self._task: TaskID = self.progress.add_task(LOOKING, total=1.0, said="")
        self._began: datetime | None = None

    def uploaded(self, done: int, size: int) -> None:
        """Show the bytes that are uploaded, and how long the others will take."""
        self._began = self._began or now()
        seconds = (now() - self._began).total_seconds()
        left = seconds * (size - done) / done if done and seconds > 1 else None
        self._show(UPLOADING, done / max(size, 1), [_of_megabytes(done, size), _left(left)])

    def seen(self, seen: Seen, at: datetime | None = None) -> None:
        """Show the execution as it is `at` a moment, by default now."""
        at = at or now()
        files = f"{seen.files_done} of {len(seen.sizes)} files" if seen.stage == READING else ""
        seconds = seen.seconds(at)
        rate = f"{seen.rows / seconds:,.0f} rows/s" if seen.rows and seconds else ""
        rows = f"{seen.rows:,} rows" if seen.rows else ""
        self._show(seen.stage, seen.share, [files, rows, rate, _left(seen.left(at))])

    def _show(self, stage: str, share: float, said: list[str]) -> None:
        text = ", ".join(each for each in said if each)
        self.progress.update(self._task, description=stage, completed=share, said=text)


@contextmanager
def display(console: Console | None) -> Iterator[Display]:
    """Show how an import goes; without a console, not at all."""
    if console is None:
        yield _Nothing()
    elif console.is_terminal:
        bar = Bar(console)
        with bar.progress:
            yield bar
    else:
        yield Lines(console)


def megabytes(size: int) -> str:
    """Say a number of bytes."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"


def _of_megabytes(done: int, size: int) -> str:
    return f"{done / 1e6:,.1f} of {megabytes(size)}" if size >= 1e5 else megabytes(size)


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds <= _ONE_MINUTE_MORE:
        return f"{seconds:.0f} s left"
    return f"{seconds / 60:.0f} min left"
