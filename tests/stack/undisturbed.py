"""What runs leave that nobody disturbs, to compare disturbed ones with."""

from dataclasses import dataclass
from typing import Any

from tests.stack.trials import Trial

# Runs that share a day's work ask for other ids together, and an answer's key is made of these;
# and of which tracks the day's few analyses are depends on which charts came first.
BATCHES = {"raw_key", "detail_raw_key", "genres_asked", "asked"}
ANALYSED = {"track_sections", "track_segments"}
ZONES = ("lake/", "raw/", "staging/")

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Undisturbed:
    """What runs leave that nobody disturbs."""

    objects: dict[str, bytes]
    rows: dict[str, Rows]
    requests: dict[str, int]
    written: dict[str, int]


def left(trial: Trial) -> Undisturbed:
    trial.check_raw()
    tables = sorted({key.split("/")[1] for key in trial.keys("lake/")})
    rows = {table: trial.rows(table) for table in tables}
    return Undisturbed(trial.objects(*ZONES), rows, trial.requests(), trial.versions("lake/"))


def without_batches(tables: dict[str, Rows]) -> dict[str, Rows]:
    """Tables, without what the sharing of the work changes."""
    return {
        table: [{name: row[name] for name in row if name not in BATCHES} for row in rows]
        for table, rows in tables.items()
        if table not in ANALYSED
    }


def shared(trial: Trial) -> dict[str, Rows]:
    tables = {key.split("/")[1] for key in trial.keys("lake/")}
    return without_batches({table: trial.rows(table) for table in tables})
