"""One day's run: on cold functions, and again on warm ones."""

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.stack import Run, deployed
from tests.stack.conftest import REAL_DAY, made_up_day

WARM_RUNS = 5


@dataclass
class Day:
    """`seconds` are of bringing the lake up, by step."""

    world: str
    seconds: dict[str, float]
    cold: Run
    warm: list[Run]

    @property
    def warm_s(self) -> float:
        """The median of the warm runs."""
        return statistics.median(run.seconds for run in self.warm)

    @property
    def warm_cpu_s(self) -> float:
        return statistics.median(run.cpu_s for run in self.warm)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "world": self.world,
            "seconds": self.seconds,
            "cold": self.cold.as_dict(),
            "warm s": self.warm_s,
            "warm": [run.as_dict() for run in self.warm],
        }


def measure() -> Day:
    """The real day where its file is at hand, else one made up."""
    with tempfile.TemporaryDirectory(prefix="soundlake-bench-") as folder:
        day = REAL_DAY if REAL_DAY.exists() else made_up_day(Path(folder) / "made-up-day.csv")
        with deployed(day) as stack:
            cold = stack.run()
            warm = [stack.run() for _ in range(WARM_RUNS)]
            return Day(stack.lake.facts.label, stack.lake.seconds, cold, warm)
