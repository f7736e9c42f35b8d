"""The figure of docs/import.md: `python -m tests.figures.importing ZIP` on the lake that is up.

It imports the zip, and writes docs/import.svg: what a terminal shows at some moments, and in the
end.
"""

import argparse
import io
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType

from cli import import_report, imports
from cli.histories import History
from cli.home import ROOT
from cli.import_display import Bar
from cli.import_run import LOOKING, READING, Seen
from cli.target import choose

_WIDTH = 128
_FIGURE = ROOT / "docs" / "import.svg"


class Moments(Bar):
    """A bar that keeps what it shows, by stage."""

    def __init__(self, console: Console) -> None:
        """Show it on `console`."""
        super().__init__(console)
        self.kept: dict[str, list[RenderableType]] = {}

    def uploaded(self, done: int, size: int) -> None:
        """Show and keep it."""
        super().uploaded(done, size)
        self._keep()

    def seen(self, seen: Seen, at: datetime | None = None) -> None:
        """Show and keep it, while it runs."""
        super().seen(seen, at)
        if seen.status == "RUNNING":
            self._keep()

    def _keep(self) -> None:
        stage = self.progress.tasks[0].description
        self.kept.setdefault(stage, []).append(self.progress.get_renderable())


def main() -> None:
    """Import, and write the figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.figures.importing", description=__doc__)
    parser.add_argument("zip", type=Path)
    path = parser.parse_args().zip
    console = Console(record=True, force_terminal=True, width=_WIDTH, file=io.StringIO())
    console.print(f"[bold]$ ./soundlake import {path.name}[/]", highlight=False)
    with tempfile.TemporaryDirectory() as made:
        today = datetime.now(UTC).date()
        (history,) = imports.sort_out([path], None, None, today, Path(made))
        assert isinstance(history, History), history
        moments = Moments(console)
        result = imports.import_history(choose(None, None, None), history, {}, moments)
    for stage, shown in moments.kept.items():
        if stage != LOOKING:
            console.print(shown[-1 if stage == READING else len(shown) // 2])
    for line in import_report.lines(result):
        console.print(line, highlight=False, soft_wrap=False)
    # A page must not fetch a font from anywhere.
    form = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    figure = console.export_svg(title="soundlake", clear=False, code_format=form)
    _FIGURE.write_text(figure, encoding="utf-8")
    print(console.export_text())


if __name__ == "__main__":
    main()
