"""What AWS's managed layers bring, installed here, and the template that names it instead."""

import subprocess
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from cli.home import ROOT

PYTHON: Final = "3.13"
LOCK: Final = ROOT / "requirements" / "aws.txt"
# By the condition under which template.yaml leaves a managed layer out.
PACKAGES: Final[Mapping[str, Sequence[str]]] = {
    "PowertoolsNone": ("aws-lambda-powertools[parser]",),
    "PandasNone": ("awswrangler", "pyarrow"),
}
PLATFORMS: Final = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
ENDPOINT: Final = "AWS_ENDPOINT_URL"


def install(folder: Path, packages: Sequence[str], architecture: str) -> Path:
    """Install packages for Lambda's processor, in the locked versions, as a layer has them."""
    (uv,) = (ROOT / ".venv" / ".uv").glob("*/bin/uv")
    command = [
        *(str(uv), "pip", "install", "--quiet", "--target", str(folder / "python")),
        *("--python-version", PYTHON, "--python-platform", PLATFORMS[architecture]),
        *("--only-binary", ":all:", "--constraint", str(LOCK), *packages),
    ]
    subprocess.run(command, check=True, timeout=300)
    return folder


def install_all(folder: Path, architecture: str) -> dict[str, Path]:
    """A folder for every managed layer, by its condition."""
    return {
        condition: install(folder / condition.lower(), packages, architecture)
        for condition, packages in PACKAGES.items()
    }


def with_layers(built: Mapping[str, Any], folders: Mapping[str, Path]) -> dict[str, Any]:
    """A built template whose functions have local layers where AWS's would be.

    `sam local invoke` hands on only the variables that the template has, so it gets the endpoint's.
    """
    template: dict[str, Any] = deepcopy(dict(built))
    resources = template["Resources"]
    names = {condition: f"{condition.removesuffix('None')}Layer" for condition in folders}
    for resource in list(resources.values()):
        if resource["Type"] == "AWS::Serverless::Function":
            layers = resource["Properties"]["Layers"]
            resource["Properties"]["Layers"] = [_layer(each, names) for each in layers]
    for condition, folder in folders.items():
        resources[names[condition]] = {
            "Type": "AWS::Serverless::LayerVersion",
            "Properties": {"ContentUri": str(folder), "CompatibleRuntimes": [f"python{PYTHON}"]},
        }
    template["Globals"]["Function"]["Environment"]["Variables"][ENDPOINT] = "none"
    return template


def _layer(given: Any, names: Mapping[str, str]) -> Any:
    if isinstance(given, dict) and "Fn::If" in given:
        return {"Ref": names[given["Fn::If"][0]]}
    return given
