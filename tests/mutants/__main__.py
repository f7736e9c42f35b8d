"""Change the domain code in every small way and see a test fail: `python -m tests.mutants`.

`[MODULE ...]` takes only these modules. Prints how many mutants of each were killed, and what the
others change. mutmut finds a mutant's tests by its module's name, so it runs in a folder of its
own, `.mutants`, where the package lies at the top.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".mutants"
MODULES = (
    "abilities",
    "refusals",
    "probing",
    "quality",
    "chart_days",
    "accounts",
    "charts",
    "chart_files",
    "html_page",
    "providers",
    "plays",
    "coverage",
    "rounds",
    "quota",
    "features",
    "genres",
    "entities",
    "activity",
    "sections",
    "profiles",
    "batches",
    "texts",
    "times",
    "countries",
    "enriching.queue",
    "enriching.progress",
    "auditing.comparing",
)
TESTED_WITH = {"enriching.progress": "queue", "auditing.comparing": "audit_comparing"}


def tests_of(module: str) -> str:
    """The file of a module's own tests."""
    return f"tests/unit/test_{TESTED_WITH.get(module, module.rpartition('.')[2])}.py"


# A module's own tests and those of the modules built on it: quick ones, and they have to notice.
TESTS = list(dict.fromkeys(tests_of(name) for name in MODULES))
CONFIG = """\
[tool.mutmut]
source_paths = ["soundlake"]
only_mutate = {modules}
also_copy = ["functions", "local", "docs", "conftest.py"]
pytest_add_cli_args = ["-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = {tests}
use_git_change_detection = false

[tool.pytest.ini_options]
pythonpath = ["."]
addopts = ["--strict-markers", "--strict-config", "--import-mode=importlib"]
"""
# mutmut 3.7 reads an attribute that pytest 9.2 no longer has.
CONFTEST = """\
import pytest

pytest.Item._nodeid = property(lambda item: item.nodeid)
"""
KINDS = KILLED, TIMED_OUT, SURVIVED, OTHER = ("killed", "timed out", "survived", "other")
# How pytest or the system ends a mutant's run. What never ends is noticed too; all else is an
# accident, or no test.
ENDS = {1: KILLED, 3: KILLED} | dict.fromkeys((-24, 24, 36, 152, 255), TIMED_OUT)


def main() -> int:
    """Run and print; not 0 where mutmut itself failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(MODULES))
    modules = parser.parse_args().modules or MODULES
    if unknown := set(modules) - set(MODULES):
        parser.error(f"{', '.join(sorted(unknown))}: there is only {', '.join(MODULES)}.")
    lay_out(modules)
    # Its progress is for a terminal, where it stays on one line.
    ran = mutmut("run", "--max-children", "1", capture=not sys.stdout.isatty())
    if ran.returncode:
        print(ran.stdout or "", ran.stderr or "", file=sys.stderr)
    else:
        report({name: results(name) for name in modules}, Console())
    return ran.returncode


def lay_out(modules: Sequence[str]) -> None:
    """Put the package and its tests where mutmut expects them, nothing of an earlier run left."""
    shutil.rmtree(HOME, ignore_errors=True)
    for source, target in (
        (ROOT / "layers" / "soundlake" / "soundlake", HOME / "soundlake"),
        (ROOT / "tests", HOME / "tests"),
        (ROOT / "functions", HOME / "functions"),
        (ROOT / "local", HOME / "local"),
        (ROOT / "docs", HOME / "docs"),  # one of the tests compares a page
    ):
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    paths = json.dumps([f"soundlake/{path_of(name)}" for name in modules])
    config = CONFIG.format(modules=paths, tests=json.dumps(TESTS))
    (HOME / "pyproject.toml").write_text(config, encoding="utf-8")
    (HOME / "conftest.py").write_text(CONFTEST, encoding="utf-8")


def path_of(module: str) -> str:
    """A module's file in the package."""
    return f"{module.replace('.', '/')}.py"


def mutmut(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Run mutmut in its folder, where nothing of this tree may be imported."""
    command = [sys.executable, "-P", "-m", "mutmut", *arguments]
    return subprocess.run(
        command, cwd=HOME, env=environment(), text=True, check=False, capture_output=capture
    )


def environment() -> dict[str, str]:
    """This process's, without what would lead to the package as it is."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def results(name: str) -> dict[str, str]:
    """What became of each of a module's mutants."""
    meta = HOME / "mutants" / "soundlake" / f"{path_of(name)}.meta"
    ends: dict[str, int | None] = json.loads(meta.read_text("utf-8"))["exit_code_by_key"]
    return {mutant: kind(end, mutant) for mutant, end in ends.items()}


def kind(end: int | None, mutant: str) -> str:
    """What an exit code says of a mutant."""
    if end == 0:
        return SURVIVED if lives(mutant) else KILLED
    return ENDS.get(end, OTHER)


def lives(mutant: str) -> bool:
    """Whether no test of its module notices a mutant in a process of its own.

    mutmut forks when everything is imported, so of what runs at import it changes nothing.
    """
    module = mutant.removeprefix("soundlake.").rpartition(".")[0]
    command = [sys.executable, "-P", "-m", "pytest", "-qx", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, tests_of(module)],
        cwd=HOME / "mutants",
        env=environment() | {"MUTANT_UNDER_TEST": mutant},
        check=False,
        capture_output=True,
    )
    return ran.returncode == 0


def report(found: dict[str, dict[str, str]], console: Console) -> None:
    """Show the figures by module, and what was not killed."""
    table = Table("module", box=box.SIMPLE)
    for column in ("mutants", *KINDS):
        table.add_column(column, justify="right")
    total: Counter[str] = Counter()
    for name, ends in found.items():
        figures = Counter(ends.values())
        total += figures
        table.add_row(name, *cells(figures))
        for mutant, end in ends.items():
            if end in {SURVIVED, OTHER}:
                print(mutmut("show", mutant, capture=True).stdout)
    table.add_row("all", *cells(total))
    console.print(table)


def cells(figures: Counter[str]) -> list[str]:
    """A row of the table after its name."""
    return [str(figures.total()), *(str(figures[name]) for name in KINDS)]


if __name__ == "__main__":
    sys.exit(main())
