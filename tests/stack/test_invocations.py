"""Every function answers its file from events/ as `make invoke` wants it, over the way that
containers have to this machine's loopback: the same program, with the deployed functions in the
place of Docker's.
"""

import os
import subprocess
import sys

import pytest

from cli.home import ROOT
from tests.invocations.world import EXPECTED


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_function_answers_its_event() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tests.invocations", "--deployed"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f".{os.pathsep}layers/soundlake"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout
    said = [line for line in done.stdout.splitlines() if line.startswith(("✓ ", "✗ "))]
    assert said == [f"✓ {verb}: {status}" for verb, status in EXPECTED.items()]
