"""How long an import takes, beside DuckDB's bare reading of the same files, and in all.

The floor is DuckDB reading the JSON and writing it as Parquet, sorted by time, on this machine in
the same minutes. The code is `import_code`, on an empty lake, and on one that has as many plays
captured. The whole is `./soundlake import` with the zip, on an embedded AWS whose functions are
cold, until the command ends; then its plays are counted by a query.
"""

import json
import os
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cli.home import ROOT
from tests.benchmarks.stack import deployed
from tests.exports import packages
from tests.exports.lives import life

ROWS = (100_000, 235_000, 1_000_000)
TIMES = 3
_FLOOR = """
import duckdb, json, sys, time
began = time.perf_counter()
duckdb.execute("SET threads = 2; SET enable_progress_bar = false")
duckdb.execute(
    "COPY (SELECT * FROM read_json($files) ORDER BY ts) TO '" + sys.argv[2] + "'"
    " (FORMAT parquet, COMPRESSION snappy)", {"files": json.loads(sys.argv[1])}
)
seconds = time.perf_counter() - began
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps({"seconds": seconds, "memory MB": int(peak) // 1024}))
"""


@dataclass
class Imported:
    """One size of history: seconds of each, in the order of measuring, and MB."""

    rows: int
    json_mb: float
    zip_mb: float
    floor: list[float]
    floor_mb: float
    empty: list[dict[str, Any]]
    captured: list[dict[str, Any]]
    whole: list[float]
    whole_lines: list[str]
    plays: int

    @property
    def floor_s(self) -> float:
        """The median floor."""
        return statistics.median(self.floor)

    @property
    def whole_s(self) -> float:
        """The median of the command's seconds."""
        return statistics.median(self.whole)

    def code_s(self, *, captured: bool) -> float:
        """The median of the code's seconds."""
        runs = self.captured if captured else self.empty
        return float(statistics.median(run["seconds"] for run in runs))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass
class _Export:
    """An export that was made up: its folder of files, and the zip of them."""

    folder: Path
    archive: Path
    json_mb: float


def measure(sizes: Sequence[int] = ROWS) -> dict[int, Imported]:
    """Measure imports of so many rows."""
    with tempfile.TemporaryDirectory(prefix="soundlake-bench-") as name:
        root = Path(name)
        exports = {rows: _export(rows, root / f"{rows}") for rows in sizes}
        # These first, and nothing is deleted until all is measured: for minutes after files were
        # deleted ext4 takes long to make others, and the embedded AWS makes one of each object.
        wholes = {
            rows: [_whole(one.archive, root / f"{rows}" / f"{number}") for number in range(TIMES)]
            for rows, one in exports.items()
        }
        return {rows: _measure(rows, one, wholes[rows]) for rows, one in exports.items()}


def _export(rows: int, root: Path) -> _Export:
    folder, archive = root / "export", root / "my_spotify_data.zip"
    files = [
        (path, body)
        for path, body, _ in packages.files("spotify_extended", life(rows, 1, quirks=False), "2025")
    ]
    for path, body in files:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
    packages.zipped(iter(files), archive)
    return _Export(folder, archive, sum(len(body) for _, body in files) / 1e6)


def _measure(
    rows: int, export: _Export, wholes: Sequence[tuple[float, list[str], int]]
) -> Imported:
    paths = [str(path) for path in sorted(export.folder.rglob("*.json"))]
    floors, empty, captured = [], [], []
    for _ in range(TIMES):  # in turn, so that a busy minute is everybody's
        written = str(export.archive.with_suffix(".parquet"))
        floors.append(_json([_python("aws"), "-c", _FLOOR, json.dumps(paths), written]))
        empty.append(_code(export.folder))
        captured.append(_code(export.folder, "--captured"))
    _, lines, plays = wholes[-1]
    return Imported(
        rows=rows,
        json_mb=export.json_mb,
        zip_mb=export.archive.stat().st_size / 1e6,
        floor=[round(one["seconds"], 2) for one in floors],
        floor_mb=max(one["memory MB"] for one in floors),
        empty=empty,
        captured=captured,
        whole=[seconds for seconds, _, _ in wholes],
        whole_lines=lines,
        plays=plays,
    )


def _python(of: str) -> str:
    return str(ROOT / (".venv-aws" if of == "aws" else ".venv") / "bin" / "python")


def _code(folder: Path, *more: str) -> dict[str, Any]:
    command = [_python("test"), "-P", "-m", "tests.benchmarks.import_code", str(folder), *more]
    return _json(command)


def _json(command: list[str]) -> dict[str, Any]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "soundlake")])
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _whole(archive: Path, folder: Path) -> tuple[float, list[str], int]:
    """Import by the command; seconds, what it printed in the end, and the plays there are.

    The lake is in the folder, which stays.
    """
    with deployed(None, folder):
        began = time.perf_counter()
        done = command("import", str(archive))
        seconds = round(time.perf_counter() - began, 2)
        sql = "SELECT count(*) AS plays FROM plays"
        plays = json.loads(command("query", "--json", sql))
        lines = [re.sub(r"\s+", " ", line).strip() for line in done.splitlines()]
    return seconds, [line for line in lines if line][-6:], int(plays[0]["plays"])


def command(*words: str) -> str:
    """What ./soundlake says; raises RuntimeError with it where it fails."""
    done = subprocess.run(
        [str(ROOT / "soundlake"), *words],
        check=False,
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout
