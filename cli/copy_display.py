"""How copying objects goes: a line that moves at a terminal, a line for every tenth elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cli.copies import Show
from cli.import_display import megabytes


@contextmanager
def display(console: Console | None, what: str) -> Iterator[Show]:
    """Show how many objects are done; without a console, nothing."""
    if console is None:
        yield lambda *_: None
    elif console.is_terminal:
        bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[said]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            expand=True,
        )
        task = bar.add_task(what, total=None, said="")
        with bar:
            yield lambda done, of, size: bar.update(
                task, completed=done, total=of, said=_said(done, of, size)
            )
    else:
        shown = 0

        def line(done: int, of: int, size: int) -> None:
            nonlocal shown
            tenths = 10 * done // max(of, 1)
            if tenths > shown:
                shown = tenths
                said = _said(done, of, size)
                console.print(f"  {what}: {said}", highlight=False, soft_wrap=True)

        yield line


def _said(done: int, of: int, size: int) -> str:
    return f"{done:,} of {of:,} objects, {megabytes(size)}"
