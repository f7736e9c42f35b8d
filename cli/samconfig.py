"""What samconfig.toml says of each environment that the template is deployed to."""

import tomllib
from typing import Any, Final

from cli.errors import Trouble
from cli.home import ROOT

CONFIG: Final = ROOT / "samconfig.toml"


def deployed(stage: str) -> dict[str, Any]:
    """Return how `sam deploy --config-env <stage>` deploys; empty for a stage it does not know."""
    try:
        content = tomllib.loads(CONFIG.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Trouble(f"{CONFIG.name} cannot be used: {error}.") from error
    found = content.get(stage, {}).get("deploy", {}).get("parameters", {})
    return dict(found) if isinstance(found, dict) else {}


def region(stage: str) -> str | None:
    """Return the region that a stage is deployed to."""
    found = deployed(stage).get("region")
    return str(found) if found else None


def local_region() -> str:
    """Return the region that the embedded AWS plays; raise Trouble when the file gives none."""
    found = region("local")
    if found is None:
        raise Trouble(f"{CONFIG.name} gives no region for local.deploy.")
    return found
