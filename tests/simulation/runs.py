"""Lives in parallel: each is a chunk whose result is kept, so that what was stopped goes on."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from cli.home import ROOT
from tests.simulation.checks import Finding, Report, check
from tests.simulation.model import life

HANDLERS, DOMAIN = "handlers", "domain"
YEAR = 52  # weeks

# What a result is a result of: these files, and nothing else.
_SOURCES = ("layers/soundlake", "functions/capture", "functions/derive", "tests/simulation")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One life through one of the drivers."""

    driver: str
    seed: str
    weeks: int


def chunks(seed: int, weeks: int, years: int) -> list[Chunk]:
    """Lives of a week through the handlers and of a year through the domain."""
    through = [Chunk(HANDLERS, f"{seed}-week-{number}", 1) for number in range(weeks)]
    alone = [Chunk(DOMAIN, f"{seed}-year-{number}", YEAR) for number in range(years)]
    return through + alone


def run(chunk: Chunk) -> Report:
    """Live one life and check it."""
    if chunk.driver == DOMAIN:
        from tests.simulation import domain

        return check(domain.live(life(chunk.seed, chunk.weeks)))
    from tests.simulation import handlers

    # The handlers are slow, and what they do beside the domain shows where things go wrong.
    return check(handlers.live(life(chunk.seed, chunk.weeks, faulty=0.8)))


def run_all(
    todo: list[Chunk], folder: Path, processes: int
) -> Iterator[tuple[Chunk, Report, bool]]:
    """The reports of all chunks as they come, and whether one was kept from before."""
    folder = folder / fingerprint()
    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for chunk in todo:
        path = _path(folder, chunk)
        if path.exists():
            yield chunk, _read(path), True
        else:
            missing.append(chunk)
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        waiting = {pool.submit(run, chunk): chunk for chunk in missing}
        try:
            for done in as_completed(waiting):
                chunk, report = waiting[done], done.result()
                _keep(_path(folder, chunk), report)
                yield chunk, report, False
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def fingerprint() -> str:
    """The state of the sources that results depend on."""
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _path(folder: Path, chunk: Chunk) -> Path:
    return folder / f"{chunk.driver}-{chunk.seed}-{chunk.weeks}.json"


def _keep(path: Path, report: Report) -> None:
    """Whole or not at all: a run that is stopped leaves no half results."""
    found = [[one.check, one.sentence] for one in report.findings]
    text = json.dumps({"figures": dict(report.figures), "findings": found})
    whole = path.with_suffix(f".{os.getpid()}.part")
    whole.write_text(text, encoding="utf-8")
    whole.replace(path)


def _read(path: Path) -> Report:
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Report(Counter(kept["figures"]), [Finding(*each) for each in kept["findings"]])
