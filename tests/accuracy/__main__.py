"""Count how well listenings are found: `python -m tests.accuracy [--pairs N] [--seed N] [--write]`.

Each class of noise is lived until so many pairs have been counted. Fails where a bound is broken,
naming it. `--write` puts the table into docs/accuracy.md.
"""

import argparse
import sys
import time
from datetime import UTC, datetime
from multiprocessing import Pool

from cli.home import ROOT
from tests.accuracy.counting import Counted, broken, run
from tests.accuracy.lives import CLASSES

DOCUMENT = ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- the table -->\n", "<!-- the table's end -->\n"


def main() -> int:
    """Run, print, and say whether the bounds hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description=__doc__)
    parser.add_argument("--pairs", type=int, default=100_000, help="of each class (100,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the first life (1)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write docs/accuracy.md")
    given = parser.parse_args()
    started = time.monotonic()
    with Pool(given.processes) as pool:
        found = pool.starmap(run, [(name, given.pairs, given.seed) for name in CLASSES], 1)
    counted = dict(zip(CLASSES, found, strict=True))
    text = table(counted)
    print(text)
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    if given.write:
        today = datetime.now(UTC).date()
        said = f"On {today}, `make accuracy`, lives from seed {given.seed}:\n\n{text}\n"
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        DOCUMENT.write_text(before + BEGIN + said + END + after, encoding="utf-8")
    sentences = [sentence for name, one in counted.items() for sentence in broken(name, one)]
    for sentence in sentences:
        print(f"A bound is broken: {sentence}", file=sys.stderr)
    return 1 if sentences else 0


def table(counted: dict[str, Counted]) -> str:
    """Markdown: a row a class."""
    lines = [
        "| noise | pairs | joined wrongly | missed | flagged | of all listenings flagged |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in counted.items():
        rates = [f"{getattr(one, what)} ({one.share(what) * 1e4:.2f})" for what in WRONG]
        lines.append(
            f"| {name} | {one.pairs:,} | {rates[0]} | {rates[1]} "
            f"| {one.flagged / one.pairs:.2%} | {one.open / one.plays:.2%} |"
        )
    return "\n".join(lines)


WRONG = ("false", "missed")

if __name__ == "__main__":
    sys.exit(main())
