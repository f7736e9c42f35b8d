"""How often a name finds its track: `python -m tests.names [--charts FILE] [--json] [--write]`.

A real day's names are distorted as sources distort them, and matched with that day's tracks.
`--write` puts the figures into docs/names.md. Fails where joins are wrong more often than that
page says they may be.
"""

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli.home import ROOT
from tests.names import page
from tests.names.distorted import CHARTS, tracks_of
from tests.names.measured import measured, wrong, wrong_pairs


def main() -> int:
    """Measure, print, and say whether everything is as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.names", description=__doc__)
    parser.add_argument("--charts", type=Path, default=CHARTS, help="a day's charts")
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("--write", action="store_true", help="write docs/names.md")
    given = parser.parse_args()
    if not given.charts.is_file():
        parser.error(f"the charts are not there: {given.charts}")
    began = time.process_time()
    tracks = tracks_of(given.charts)
    lines, pairs = measured(tracks), wrong_pairs(tracks)
    took = time.process_time() - began
    if given.json:
        print(json.dumps([line.as_dict() for line in lines], indent=1))
    else:
        table = Table(*page.COLUMNS)
        for row in page.rows(lines):
            table.add_row(*row)
        Console(width=160).print(table)
    facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "charts": page.CHARTS_LABEL if given.charts == CHARTS else given.charts.name,
        "tracks": f"{len(tracks):,}",
        "recordings": f"{len({track.recording for track in tracks}):,}",
        "CPU, s": f"{took:.1f}",
    }
    if given.write:
        path = ROOT / "docs" / "names.md"
        path.write_text(page.page(lines, pairs, facts), encoding="utf-8")
    sentences = wrong(lines, pairs)
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
