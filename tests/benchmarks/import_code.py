"""The import's own code, without AWS: `python -m tests.benchmarks.import_code FOLDER [--captured]`.

Does with the files of a folder what the machine's functions do, two at once as it does, against a
bucket that is a folder. With `--captured` the account has as many plays in the lake already, as
captures of the very same listening. Prints JSON: seconds by step, and the most memory of a process.
The processes have what the functions' environment says of memory.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from soundlake.deriving import importing
from soundlake.deriving.plays import months_of
from soundlake.importing import groups, merging
from soundlake.importing.packages import Member, recognise
from soundlake.importing.reading import keep
from soundlake.store.kept import Kept, KeptFile
from soundlake.store.lake import Lake
from soundlake.store.objects import ConflictError, StoredObject

AT_ONCE = 2  # as the machine's Maps
ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}  # as functions have
ACCOUNT, IDENT = "listener0001", "0123456789abcdef"
GIVEN = {
    "account": ACCOUNT,
    "import_id": IDENT,
    "raw_prefix": f"raw/imports/{ACCOUNT}/{IDENT}/",
    "at": "2026-11-26T00:00:00Z",
    "kind": "spotify_extended",
    "name": "made-up.zip",
    "sha256": IDENT * 4,
    "bytes": 1,
    "since": None,
    "until": None,
}
IMPORT = importing.Import.told(GIVEN)


class Folder:
    """A bucket that is a folder; what is written in between is noticed as S3 does."""

    name = "folder"

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, key: str) -> StoredObject | None:
        path = self._root / key
        if not path.exists():
            return None
        body = path.read_bytes()
        return StoredObject(body, _etag(body), {})

    def put(self, key: str, body: bytes, *, etag: str | None = None, **_: Any) -> None:
        there = self.get(key)
        if (there.etag if there else None) != etag:
            raise ConflictError(key)
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def end(self, key: str, size: int) -> bytes | None:
        stored = self.get(key)
        return stored.body[-size:] if stored else None

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        root = self._root / prefix
        found = (str(path.relative_to(self._root)) for path in root.rglob("*") if path.is_file())
        return (key for key in sorted(found) if key > after)

    def written(self, prefix: str) -> dict[str, datetime]:
        return dict.fromkeys(self.keys(prefix), IMPORT.at)


def _etag(body: bytes) -> str:
    return f"{len(body)}-{crc32(body)}"  # a bucket's own work is not the import's


def _open(root: Path) -> tuple[Lake, Kept]:
    bucket: Any = Folder(root)
    return Lake(bucket), Kept(bucket, IMPORT.raw_prefix)


def read(root: Path, part: list[tuple[Path, Member]]) -> list[dict[str, Any]]:
    """What Read does with a part of the files."""
    _, kept = _open(root)
    told, numbers = [], kept.numbers()
    for path, member in part:
        with path.open("rb") as file:
            told.append(importing.keep_file(kept, IMPORT, file, member, numbers))
    return told


def merge(root: Path, group: dict[str, Any]) -> int:
    """What Derive does first with a group of months."""
    lake, kept = _open(root)
    return importing.merge_months(lake, kept, IMPORT, group)


def play(root: Path, group: dict[str, Any]) -> dict[str, Any]:
    """What Derive does then with a group of months."""
    lake, kept = _open(root)
    return importing.play_months(lake, kept, IMPORT, group, "Europe/Oslo")


def capture(root: Path, files: Iterable[tuple[Path, Member]]) -> int:
    """Put as many captured observations into the lake as the files have plays: the same ones."""
    lake, _ = _open(root)
    random = np.random.default_rng(7)
    total = 0
    by_month: dict[str, list[pa.Table]] = {}
    for path, member in files:
        with path.open("rb") as file:
            rows = keep(file, member)
        found, _ = importing.read_entries(KeptFile("", member.name, member.kind, rows), IMPORT)
        table = merging.observations_of(found, ACCOUNT, f"raw/recently-played/{ACCOUNT}/made-up")
        offsets = random.integers(-900, 900, table.num_rows).astype("timedelta64[ms]")
        times = np.asarray(table.column("time"), "datetime64[ms]") + offsets
        changed = {
            "time": pa.array(times, pa.timestamp("ms")),
            "source": pa.repeat(pa.scalar("spotify_recently_played"), table.num_rows),
            "time_precision": pa.repeat(pa.scalar("ms"), table.num_rows),
            "time_meaning": pa.repeat(pa.scalar("unknown"), table.num_rows),
        }
        unknown = ("ms_played", "reason_start", "reason_end", "platform", "country", "raw_rows")
        columns: Any = [
            changed.get(field.name)
            if field.name in changed
            else pa.nulls(table.num_rows, field.type)
            if field.name in unknown
            else table.column(field.name)
            for field in table.schema
        ]
        captured = pa.Table.from_arrays(columns, schema=table.schema)
        heard = pc.greater_equal(table.column("ms_played"), pa.scalar(30_000, pa.int64()))
        captured = captured.filter(heard)
        total += captured.num_rows
        months = months_of(captured.column("time"))
        for month in np.unique(months):
            own = captured.filter(pa.array(months == month))
            by_month.setdefault(str(month), []).append(own)
    for month, tables in by_month.items():
        rows = pa.concat_tables(tables)
        lake.replace_table("observations", month, ACCOUNT, partial(merging.added, rows))
    return total


def members(folder: Path) -> list[tuple[Path, Member]]:
    """The files of a folder as the members of one package."""
    found: list[tuple[Path, Member]] = []
    for path in sorted(folder.rglob("*.json"), key=lambda path: int(path.stem.rpartition("_")[2])):
        with path.open("rb") as file:
            member = recognise(file, path.name).files[0]
        found.append((path, replace(member, number=len(found) + 1)))
    return found


def main() -> None:
    """Import a folder, and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.import_code")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--captured", action="store_true")
    args = parser.parse_args()
    files = members(args.folder)
    by_number = {member.number: (path, member) for path, member in files}
    os.environ.update(ENVIRONMENT)
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as name,
        ProcessPoolExecutor(AT_ONCE, mp_context=context) as pool,
    ):
        root = Path(name)
        captured = capture(root, files) if args.captured else 0
        list(pool.map(members, [root] * AT_ONCE))  # starts the processes
        seconds: dict[str, float] = {}
        began = time.perf_counter()

        def step(step_name: str) -> None:
            seconds[step_name] = round(time.perf_counter() - began - sum(seconds.values()), 2)

        parts = groups.parts([(member.number, member.bytes) for _, member in files])
        reads = pool.map(
            read, [root] * len(parts), [[by_number[number] for number in part] for part in parts]
        )
        told = importing.grouped(IMPORT, [{"files": each, "problems": []} for each in reads])
        step("read")
        months = told["groups"]
        list(pool.map(merge, [root] * len(months), months))
        step("merge")
        plays = list(pool.map(play, [root] * len(months), months))
        step("play")
        lake, kept = _open(root)
        row, _ = importing.conclude(
            lake,
            kept,
            IMPORT,
            GIVEN,
            {**told["read"], "outcomes": [each["outcomes"] for each in plays]},
        )
        step("conclude")
        total = round(time.perf_counter() - began, 2)
        memory = list(pool.map(_memory, range(AT_ONCE * 4)))
    result = {
        "seconds": total,
        "steps": seconds,
        "rows": row["rows"],
        "captured": captured,
        "outcomes": {name: row[name] for name in ("imported", "duplicate", "merged", "invalid")},
        "memory MB": max(memory),
        "parts": len(parts),
        "groups": len(months),
    }
    json.dump(result, sys.stdout)
    sys.stdout.write("\n")


def _memory(_: int) -> int:
    # Since the process began; what `resource` tells goes on from its parent's.
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(peak) // 1024


if __name__ == "__main__":
    main()
