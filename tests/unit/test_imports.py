"""Boundaries: the domain knows neither AWS nor HTTP, and a function loads only what it uses.

What a function loads, it pays for at every cold start; AWS's layers bring much that is not used.
"""

import json
import os
import subprocess
import sys

import pytest

from tests.template.translated import functions
from tests.unit.helpers import REPO

DOMAIN = (
    "abilities",
    "refusals",
    "probing",
    "enriching.progress",
    "accounts",
    "charts",
    "plays",
    "coverage",
    "rounds",
    "quota",
    "entities",
    "features",
    "genres",
    "sections",
    "activity",
    "countries",
    "chart_days",
    "chart_files",
    "html_page",
    "providers",
    "quality",
    "profiles",
    "batches",
    "texts",
    "times",
    "enriching.queue",
    "auditing.comparing",
)
# And through these each source: what only reads answers asks nobody.
READS = ("sources.features", "sources.charts")
FOREIGN = ("boto3", "botocore", "requests", "urllib3", "awswrangler", "aws_lambda_powertools")
TABLES = {"pyarrow", "numpy"}
# All that costs noticeable time or memory to load.
HEAVY = {
    "aws_lambda_powertools.utilities.parameters",
    "aws_xray_sdk",
    "awswrangler",
    "boto3",
    "numpy",
    "pandas",
    "pyarrow",
    "pyarrow.dataset",
    "pydantic",
    "requests",
}
ASKS = {"aws_lambda_powertools.utilities.parameters", "pydantic", "requests"}
LOADS = {
    "Capture": {"boto3"} | ASKS,
    "Connect": {"boto3"} | ASKS,
    "Derive": {"boto3", "pydantic"} | TABLES,
    "Select": {"boto3", "pydantic"},
    "Import": {"boto3", "pydantic"},
    "Read": {"boto3", "pydantic"} | TABLES,
    "Plan": {"aws_lambda_powertools.utilities.parameters", "boto3", "pydantic"} | TABLES,
    "Probe": {"boto3"} | ASKS,
    "Extract": {"boto3"} | ASKS,
    "Transform": {"boto3", "pydantic"},
    "Load": {"boto3"} | TABLES,
    "Verify": {"boto3", "pydantic"} | TABLES,
    "Enrich": {"boto3"} | ASKS | TABLES,
    "Publish": {"awswrangler", "boto3", "pandas", "pydantic", "pyarrow.dataset", "requests"}
    | TABLES,
    # It does what Derive, Load and Publish do.
    "Audit": {"awswrangler", "boto3", "pandas", "pydantic", "pyarrow.dataset", "requests"} | TABLES,
}

DOMAIN_SCRIPT = """
import importlib, json, sys
found = {}
for name in sys.argv[1:]:
    importlib.import_module(f"soundlake.{name}")
    found[name] = sorted({each.split(".")[0] for each in sys.modules})
print(json.dumps(found))
"""
# Some packages are loaded by the first use and not by the import: tables are written and read.
FUNCTION_SCRIPT = """
import json, os, runpy, sys
assert "handler" in runpy.run_path(f"functions/{sys.argv[1]}/app.py")
if "soundlake.store.lake" in sys.modules:
    from soundlake.store.lake import decode, encode_rows, to_parquet
    from soundlake.store.schemas import SCHEMAS
    row = {"chart": "daily-NO", "position": 1, "chart_date": "2026-11-21", "artist_ids": ["a"]}
    table = encode_rows([row], SCHEMAS["chart_entries"], "a key")
    assert decode(to_parquet(table), table.schema, "a key").to_pylist()[0]["position"] == 1
if "soundlake.enriching.queue" in sys.modules:
    from datetime import date
    from soundlake.enriching import queue
    wanted = queue.once_more(["a"], date(2026, 11, 21))
    waiting = queue.waiting(queue.beside(wanted, "asked", wanted), queue.KINDS, {}, date.max)
    assert queue.as_rows(wanted, waiting).num_rows == 1
print(json.dumps(sorted(sys.modules)), flush=True)
os._exit(0)  # what becomes of threads at a process's end is not asked here
"""


def fresh(script: str, *names: str) -> str:
    """What a fresh process prints."""
    more = {"PYTHONPATH": "layers/soundlake", "PYTHONFAULTHANDLER": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, *names],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPO,
        env=dict(os.environ) | more,
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def domain() -> dict[str, set[str]]:
    """The top-level modules that a process has after importing each of these in turn."""
    found = json.loads(fresh(DOMAIN_SCRIPT, *READS, *DOMAIN))
    return {name: set(modules) for name, modules in found.items()}


@pytest.mark.parametrize("name", [*READS, *DOMAIN])
def test_the_domain_imports_neither_aws_nor_http(name: str, domain: dict[str, set[str]]) -> None:
    assert "soundlake" in domain[name]
    assert domain[name] & set(FOREIGN) == set()


def test_only_profiles_needs_tables_in_the_domain(domain: dict[str, set[str]]) -> None:
    before = domain[DOMAIN[DOMAIN.index("profiles") - 1]]

    assert before & {*TABLES, "pandas", "awswrangler"} == set()
    assert "pandas" in domain["profiles"]


@pytest.mark.parametrize("verb", functions())
def test_a_function_loads_only_what_it_uses(verb: str) -> None:
    assert verb in LOADS, f"say here which of {sorted(HEAVY)} {verb} may load"

    loaded = set(json.loads(fresh(FUNCTION_SCRIPT, verb.lower())))

    assert loaded & HEAVY == LOADS[verb]


def test_every_heavy_package_is_there_to_be_loaded() -> None:
    """A name that is misspelt here would never be found."""
    only_in_the_layer = {"aws_xray_sdk"}  # AWS's, with Powertools
    assert fresh(f"import {', '.join(sorted(HEAVY - only_in_the_layer))}") == ""


SERIES_SCRIPT = """
import soundlake.store.lake, sys
assert "pandas" not in sys.modules
import pyarrow as pa
frame = pa.table({"a": [1, None]}).to_pandas()
assert "pandas" in sys.modules
print(pa.array(frame["a"]).null_count, pa.Table.from_pandas(frame).num_rows)
"""


def test_pandas_can_still_be_used_beside_the_lake() -> None:
    assert fresh(SERIES_SCRIPT).split() == ["1", "2"]
