"""CloudFormation resource types that the embedded AWS lacks, added to it.

MiniStack implements Athena's saved queries but its CloudFormation refuses their type as
unsupported. Creating is idempotent: a deployment over what an earlier stack left behind takes it
over.
"""

import hashlib
import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

Properties = Mapping[str, Any]
Identified = tuple[str, dict[str, Any]]
Handlers = dict[str, Callable[..., Any]]


def _service(name: str) -> Any:
    return importlib.import_module(f"ministack.services.{name}")


def _call(function: Callable[[dict[str, Any]], tuple[int, Any, Any]], request: Properties) -> Any:
    """Call one of MiniStack's API functions; raise ValueError with its message on an error."""
    status, _, body = function(dict(request))
    answer = json.loads(body) if body else {}
    if status >= 400:
        raise ValueError(answer.get("message") or answer.get("Message") or f"status {status}")
    return answer


class AthenaNamedQuery:
    """`AWS::Athena::NamedQuery`."""

    @staticmethod
    def create(logical_id: str, props: Properties, stack_name: str) -> Identified:
        athena = _service("athena")
        # AWS gives a random id; a stable one makes creating it again the same query.
        digest = hashlib.sha256(f"{stack_name}:{logical_id}".encode()).hexdigest()
        return AthenaNamedQuery._put(athena, f"{digest[:8]}-{digest[8:12]}-{digest[12:24]}", props)

    @staticmethod
    def update(physical_id: str, _: Properties, new: Properties, stack: str) -> Identified:  # noqa: ARG004
        return AthenaNamedQuery._put(_service("athena"), physical_id, new)

    @staticmethod
    def delete(physical_id: str, _: Properties) -> None:
        _service("athena")._delete_named_query({"NamedQueryId": physical_id})

    @staticmethod
    def _put(athena: Any, query_id: str, props: Properties) -> Identified:
        random_id = _call(athena._create_named_query, props)["NamedQueryId"]
        query = athena._named_queries.pop(random_id)
        athena._named_queries[query_id] = {**query, "NamedQueryId": query_id}
        return query_id, {"NamedQueryId": query_id}


ADDED: Final[Mapping[str, type]] = {
    "AWS::Athena::NamedQuery": AthenaNamedQuery,
}


def register() -> list[str]:
    """Add the types that this MiniStack does not know; return their names.

    A type it knows stays its own: its handler is the better tested one. Raises RuntimeError when
    MiniStack's table of types is not where it was.
    """
    module = importlib.import_module("ministack.services.cloudformation.provisioners")
    handlers: dict[str, Handlers] | None = getattr(module, "_RESOURCE_HANDLERS", None)
    if handlers is None:
        raise RuntimeError("MiniStack's table of CloudFormation types has moved")
    added = []
    for name, kind in ADDED.items():
        if name not in handlers:
            handlers[name] = {verb: getattr(kind, verb) for verb in ("create", "update", "delete")}
            added.append(name)
    return added
