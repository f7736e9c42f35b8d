"""Boundaries: the domain knows neither AWS nor HTTP, and light functions carry no tables."""

import json
import os
import subprocess
import sys

import pytest

from tests.unit.helpers import REPO

DOMAIN = (
    "charts",
    "plays",
    "entities",
    "features",
    "sections",
    "activity",
    "countries",
    "chart_days",
    "quality",
    "profiles",
    "times",
)
FOREIGN = ("boto3", "botocore", "requests", "urllib3", "awswrangler", "aws_lambda_powertools")
LIGHT = ("plan", "extract", "transform", "capture")
HEAVY = ("pyarrow", "pandas", "numpy", "awswrangler")

DOMAIN_SCRIPT = """
import importlib, json, sys
found = {}
for name in sys.argv[1:]:
    importlib.import_module(f"soundlake.{name}")
    found[name] = sorted({each.split(".")[0] for each in sys.modules})
print(json.dumps(found))
"""
LIGHT_SCRIPT = """
import json, runpy, sys
found = {}
for name in sys.argv[1:]:
    assert "handler" in runpy.run_path(f"functions/{name}/app.py")
    found[name] = sorted({each.split(".")[0] for each in sys.modules})
print(json.dumps(found))
"""


def loaded(script: str, *names: str) -> dict[str, set[str]]:
    """The top-level modules that a fresh process has after importing each of these in turn."""
    environment = dict(os.environ) | {"PYTHONPATH": "layers/soundlake"}
    done = subprocess.run(
        [sys.executable, "-c", script, *names],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPO,
        env=environment,
    )
    return {name: set(modules) for name, modules in json.loads(done.stdout).items()}


@pytest.fixture(scope="module")
def domain() -> dict[str, set[str]]:
    return loaded(DOMAIN_SCRIPT, *DOMAIN)


@pytest.fixture(scope="module")
def light() -> dict[str, set[str]]:
    return loaded(LIGHT_SCRIPT, *LIGHT)


@pytest.mark.parametrize("name", DOMAIN)
def test_the_domain_imports_neither_aws_nor_http(name: str, domain: dict[str, set[str]]) -> None:
    assert "soundlake" in domain[name]
    assert domain[name] & set(FOREIGN) == set()


@pytest.mark.parametrize("name", LIGHT)
def test_a_light_function_loads_no_tables(name: str, light: dict[str, set[str]]) -> None:
    assert "boto3" in light[name]
    assert light[name] & set(HEAVY) == set()


def test_only_profiles_needs_tables_in_the_domain(domain: dict[str, set[str]]) -> None:
    before = domain[DOMAIN[DOMAIN.index("profiles") - 1]]

    assert before & set(HEAVY) == set()
    assert "pandas" in domain["profiles"]
