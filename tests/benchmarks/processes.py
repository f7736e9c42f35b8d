"""What a family of processes has used of the processor, and holds of the memory (Linux)."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Used:
    """CPU in seconds (user and system); memory in MB, with shared pages once, or in each process.

    `pss_mb` shares a page's size among the processes that have it, `rss_mb` counts it in each.
    """

    processes: int
    cpu_s: float
    pss_mb: float
    rss_mb: float


def used(roots: Iterable[int]) -> Used:
    """What these processes and everything below them use now, children that have ended included."""
    family = _family(set(roots))
    memory = [_memory(pid) for pid in family]
    return Used(
        processes=len(family),
        cpu_s=sum(sum(map(int, fields[11:15])) for fields in family.values()) / _TICKS,
        pss_mb=sum(each["Pss"] for each in memory) / 1e6,
        rss_mb=sum(each["Rss"] for each in memory) / 1e6,
    )


def _family(members: set[int]) -> dict[int, list[str]]:
    """The fields of /proc/<pid>/stat after the name, of the members and their descendants."""
    every = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            every[int(path.parent.name)] = path.read_text().rpartition(") ")[2].split()
        except OSError:  # it ended meanwhile
            continue
    while grown := {pid for pid, one in every.items() if int(one[1]) in members} - members:
        members |= grown
    return {pid: every[pid] for pid in members if pid in every}


def _memory(pid: int) -> dict[str, int]:
    """Bytes; nothing of a process that ended meanwhile."""
    found = {"Pss": 0, "Rss": 0}
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return found
    for line in lines:
        name, _, rest = line.partition(":")
        if name in found:
            found[name] = int(rest.split()[0]) * 1024
    return found
