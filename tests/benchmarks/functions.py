"""Each function by itself: how large it is with its layers where it is deployed, unzipped, and how
long its code takes to import in a new process here.

What is built here is measured. AWS's managed layers cannot be fetched without an account: the one
with Powertools is made here as its builders make it, from the same packages; of the one with AWS
SDK for pandas, which is built from source, the largest that was ever released counts.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from samcli.yamlhelper import yaml_parse

from cli.home import ROOT
from cli.samconfig import CONFIG
from local.aws import service
from tests.invocations.layers import install
from tests.template.translated import functions

LIMIT: Final = 250 * 1024 * 1024  # Lambda's, of a function and its layers unzipped
# Unzipped, of release 3.16.1 (aws/aws-sdk-pandas, issue 3331); others are about 167 MB, and since
# then its builders refuse one of more than 180.
PANDAS: Final = 204 * 1024 * 1024
POWERTOOLS: Final = "aws-lambda-powertools[all]"
# What its builders take out again, as the runtime has it.
LEFT_OUT: Final = ("boto*", "s3transfer*", "*dateutil*", "urllib3*", "six*", "jmespath*")
TIMES: Final = 5
_IMPORT: Final = """
import time
began, used = time.perf_counter(), time.process_time()
import app
took, used = time.perf_counter() - began, time.process_time() - used
import json, sys
# Since the process began; the kernel's own count goes on from its parent's.
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
found = {"seconds": took, "cpu_s": used, "modules": len(sys.modules), "bytes": int(peak) * 1024}
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Size:
    """Bytes, unzipped, for arm64: the function's own, Soundlake's layer, and the managed ones."""

    own: int
    layer: int
    powertools: int
    pandas: int

    @property
    def total(self) -> int:
        """All that counts against Lambda's limit."""
        return self.own + self.layer + self.powertools + self.pandas

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self) | {"total": self.total}


@dataclass(frozen=True)
class Cold:
    """Imports of a function's code in new processes: seconds of each, and what the last one has."""

    seconds: tuple[float, ...]
    cpu: tuple[float, ...]
    modules: int
    bytes: int

    @property
    def median_s(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    @property
    def median_cpu_s(self) -> float:
        """The middle one of the processor's time, which other work hardly changes."""
        return statistics.median(self.cpu)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"median_s": self.median_s, "median_cpu_s": self.median_cpu_s}


def size_of(folder: Path) -> int:
    """The bytes of all files below a folder, but bytecode, which no layer has."""
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def build(folder: Path) -> Path:
    """Build what is deployed to AWS, with its processor; where the built template is."""
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(folder / "sam"),
    }
    command = [
        *(sys.executable, "-m", "samcli", "build", "--config-file", str(CONFIG)),
        *("--config-env", "prod", "--template-file", str(ROOT / "template.yaml")),
        *("--build-dir", str(folder / "out"), "--cache-dir", str(folder / "cache")),
    ]
    subprocess.run(command, check=True, cwd=folder, env=env, capture_output=True, timeout=300)
    return folder / "out"


def powertools(folder: Path) -> int:
    """The bytes of AWS's layer with Powertools, as its builders make it."""
    made = install(folder, [POWERTOOLS], "arm64") / "python"
    gone = {path for pattern in LEFT_OUT for path in made.glob(pattern)}
    return (
        size_of(made)
        - sum(size_of(path) for path in gone if path.is_dir())
        - sum(path.stat().st_size for path in gone if path.is_file())
    )


def sizes() -> dict[str, Size]:
    """Every function's size, by verb."""
    with tempfile.TemporaryDirectory(prefix="soundlake-sizes-") as name:
        folder = Path(name)
        built = build(folder)
        template = yaml_parse((built / "template.yaml").read_text(encoding="utf-8"))
        managed = powertools(folder / "powertools")
        where: dict[str, Path] = {}
        for resource, content in template["Resources"].items():
            for uri in ("CodeUri", "ContentUri"):
                if uri in content.get("Properties", {}):
                    where[resource] = built / content["Properties"][uri]
        layer = size_of(where["SoundlakeLayer"])
        found = {}
        for verb, properties in functions().items():
            named = " ".join(map(str, properties["Layers"]))
            found[verb] = Size(
                own=size_of(where[f"{verb}Function"]),
                layer=layer if "SoundlakeLayer" in named else 0,
                powertools=managed if "Powertools" in named else 0,
                pandas=PANDAS if "AWSSDKPandas" in named else 0,
            )
        return found


def imported(verb: str) -> dict[str, Any]:
    """Import a function's code in a new process, under the Python that runs it here."""
    paths = (ROOT / "functions" / verb.lower(), ROOT / "layers" / "soundlake")
    variables = functions()[verb]["Environment"]["Variables"]
    env = {
        **{name: str(value) for name, value in variables.items()},
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "AWS_DEFAULT_REGION": "eu-north-1",
        "AWS_LAMBDA_FUNCTION_NAME": f"soundlake-dev-{verb.lower()}",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    done = subprocess.run(
        [str(service.PYTHON), "-c", _IMPORT],
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def cold() -> Mapping[str, Cold]:
    """Every function's imports, by verb; each once before, so that bytecode and files are there."""
    found = {}
    for verb in functions():
        imported(verb)
        each = [imported(verb) for _ in range(TIMES)]
        last = each[-1]
        seconds, cpu = (tuple(one[name] for one in each) for name in ("seconds", "cpu_s"))
        found[verb] = Cold(seconds, cpu, last["modules"], last["bytes"])
    return found
