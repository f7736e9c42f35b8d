"""What the command line imports is among the packages that `./soundlake` installs for it.

The tests' own environment has more, so only reading the imports shows what a new user would miss.
"""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = {"cli": ROOT, "local": ROOT, "soundlake": ROOT / "layers" / "soundlake"}
# What runs in the environment: the command line, a deployment, and the local Spotify's process.
BEGINNINGS = ("cli.__main__", "cli.sam_deploy", "local.spotify.__main__", "local.aws.service")


def file_of(module: str) -> Path | None:
    place = OURS[module.partition(".")[0]].joinpath(*module.split("."))
    options = (place.with_suffix(".py"), place / "__init__.py")
    return next((each for each in options if each.exists()), None)


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that a tree imports when it runs, wherever in it that is."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return
    if isinstance(tree, ast.Import):
        yield from (each.name for each in tree.names)
    if isinstance(tree, ast.ImportFrom) and tree.module:
        yield tree.module
        yield from (f"{tree.module}.{each.name}" for each in tree.names)
    for child in ast.iter_child_nodes(tree):
        yield from imported(child)


def reached() -> dict[str, str]:
    """Every other package that is reached from the beginnings, with a module that imports it."""
    found: dict[str, str] = {}
    seen: set[Path] = set()
    left = list(BEGINNINGS)
    while left:
        module = left.pop()
        path = file_of(module)
        if path is None or path in seen:
            continue
        seen.add(path)
        parents = module.split(".")[:-1]
        left += [".".join(parents[: n + 1]) for n in range(len(parents))]
        for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            top = name.partition(".")[0]
            if top in OURS:
                left.append(name)
            elif top not in sys.stdlib_module_names:
                found.setdefault(top, module)
    return found


def installed() -> set[str]:
    lock = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9-]+)(?:\[\S+\])?==", lock, re.MULTILINE))


def test_a_new_users_environment_has_what_the_command_line_imports() -> None:
    found = reached()
    assert {"boto3", "click", "flask", "rich", "pyarrow"} <= set(found)
    known = {
        name: {each.lower().replace("_", "-") for each in those}
        for name, those in packages_distributions().items()
    }
    there = installed()
    missing = {name: module for name, module in found.items() if not known[name] & there}
    assert missing == {}
