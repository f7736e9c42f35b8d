"""The embedded AWS, writing down every request that comes to it: `python -m
tests.figures.counting_aws` takes what `local.aws` takes.

Each that a function of the stack sent is a line of JSON in `requests.jsonl` in its folder: service,
operation, the first folder of an object's key, and the bytes of the body. It runs in the embedded
AWS's own environment, so it imports nothing that is not there.
"""

import importlib
import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs

FILE = "requests.jsonl"
SERVICES = ("s3", "dynamodb", "ssm", "sqs", "sns", "events", "kms", "athena", "glue")
OURS = "PT/"  # Powertools, which names itself to every client in the functions' processes
BYTES = "x-amz-decoded-content-length"  # of a body that is sent in signed pieces


def named(
    method: str, path: str, query: dict[str, list[str]], headers: dict[str, str]
) -> tuple[str, str]:
    """A request's service and operation: `("dynamodb", "GetItem")`, `("s3", "PUT")`.

    Of S3 it is the method; a listing is `LIST`, and what has to do with no object `BUCKET`.
    """
    credential = headers.get("authorization", "").partition("Credential=")[2].split(",")[0]
    service = credential.split("/")[3] if credential.count("/") >= 4 else ""
    if target := headers.get("x-amz-target", ""):
        return service, target.rpartition(".")[2]
    if service != "s3":
        return service, method
    if path.strip("/").count("/"):
        return service, method
    return service, "LIST" if "list-type" in query or "versions" in query else "BUCKET"


def counted(app: Any, file: Path) -> Any:
    """The ASGI application, which writes down what it is asked."""
    output = file.open("a", encoding="utf-8", buffering=1)

    async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
            service, operation = named(scope["method"], scope["path"], query, headers)
            if service in SERVICES and OURS in headers.get("user-agent", ""):
                line = {
                    "service": service,
                    "operation": operation,
                    "zone": [*scope["path"].strip("/").split("/"), ""][1],
                    "bytes": int(headers.get(BYTES) or headers.get("content-length") or 0),
                }
                print(json.dumps(line), file=output)
        await app(scope, receive, send)

    return wrapped


def main() -> None:
    """Run the embedded AWS with its application wrapped."""
    aws: Any = importlib.import_module("local.aws.__main__")
    repairs: Any = importlib.import_module("local.aws.repairs")
    end_when_saved = repairs.end_when_saved

    def last_repair() -> None:
        end_when_saved()
        ministack: Any = importlib.import_module("ministack.app")
        folder = Path(os.environ["STATE_DIR"]).parent
        ministack.app = counted(ministack.app, folder / FILE)

    with patch.object(repairs, "end_when_saved", last_repair):
        aws.main()


if __name__ == "__main__":
    main()
