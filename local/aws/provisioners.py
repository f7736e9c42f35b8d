"""CloudFormation resource types that the embedded AWS lacks, added to it.

MiniStack implements Glue and Athena but its CloudFormation refuses some of their types as
unsupported. Each class below turns one type's properties into MiniStack's own calls, so that the
catalog a template declares is the catalog the queries read. Creating is idempotent: a deployment
over what an earlier stack left behind takes it over.
"""

import hashlib
import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

Properties = Mapping[str, Any]
Identified = tuple[str, dict[str, Any]]
Handlers = dict[str, Callable[..., Any]]

_ALREADY_THERE: Final = "already exists"


def _service(name: str) -> Any:
    return importlib.import_module(f"ministack.services.{name}")


def _call(function: Callable[[dict[str, Any]], tuple[int, Any, Any]], request: Properties) -> Any:
    """Call one of MiniStack's API functions; raise ValueError with its message on an error."""
    status, _, body = function(dict(request))
    answer = json.loads(body) if body else {}
    if status >= 400:
        raise ValueError(answer.get("message") or answer.get("Message") or f"status {status}")
    return answer


def _create_or_update(create: Callable[[], Any], update: Callable[[], Any]) -> None:
    try:
        create()
    except ValueError as error:
        if _ALREADY_THERE not in str(error):
            raise
        update()


class GlueDatabase:
    """`AWS::Glue::Database`."""

    @staticmethod
    def create(logical_id: str, props: Properties, stack_name: str) -> Identified:
        glue = _service("glue")
        name = props.get("DatabaseInput", {}).get("Name") or f"{stack_name}_{logical_id}".lower()
        given = {**props.get("DatabaseInput", {}), "Name": name}
        _create_or_update(
            lambda: _call(glue._create_database, {"DatabaseInput": given}),
            lambda: _call(glue._update_database, {"Name": name, "DatabaseInput": given}),
        )
        return name, {}

    @classmethod
    def update(cls, physical_id: str, _: Properties, new: Properties, stack: str) -> Identified:
        given = {"Name": physical_id, **new.get("DatabaseInput", {})}
        return cls.create(physical_id, {**new, "DatabaseInput": given}, stack)

    @staticmethod
    def delete(physical_id: str, _: Properties) -> None:
        _service("glue")._delete_database({"Name": physical_id})


class GlueTable:
    """`AWS::Glue::Table`."""

    @staticmethod
    def create(logical_id: str, props: Properties, stack_name: str) -> Identified:
        glue = _service("glue")
        name = props.get("TableInput", {}).get("Name") or f"{stack_name}_{logical_id}".lower()
        request = {
            "DatabaseName": props["DatabaseName"],
            "TableInput": {**props.get("TableInput", {}), "Name": name},
        }
        _create_or_update(
            lambda: _call(glue._create_table, request),
            lambda: _call(glue._update_table, request),
        )
        return name, {}

    @classmethod
    def update(cls, physical_id: str, old: Properties, new: Properties, stack: str) -> Identified:
        given = {"Name": physical_id, **new.get("TableInput", {})}
        made = cls.create(physical_id, {**new, "TableInput": given}, stack)
        if made[0] == physical_id and old.get("DatabaseName") != new.get("DatabaseName"):
            # The same name in another database: CloudFormation sees no replacement, so the
            # table left behind in the old database is removed here.
            cls.delete(physical_id, old)
        return made

    @staticmethod
    def delete(physical_id: str, props: Properties) -> None:
        request = {"DatabaseName": props.get("DatabaseName", ""), "Name": physical_id}
        _service("glue")._delete_table(request)


class AthenaWorkGroup:
    """`AWS::Athena::WorkGroup`; its `WorkGroupConfiguration` is the API's `Configuration`."""

    @staticmethod
    def create(_: str, props: Properties, stack_name: str) -> Identified:  # noqa: ARG004
        athena = _service("athena")
        name = props.get("Name")
        if not name:
            raise ValueError("AWS::Athena::WorkGroup needs a Name")
        _create_or_update(lambda: _call(athena._create_workgroup, {"Name": name}), lambda: None)
        workgroup = athena._workgroups[name]
        # Set whole, not through the API's ConfigurationUpdates: a property that the template
        # dropped must go, and the update call knows only some of them.
        workgroup["Configuration"] = json.loads(json.dumps(props.get("WorkGroupConfiguration", {})))
        workgroup["Description"] = props.get("Description", "")
        workgroup["State"] = props.get("State", "ENABLED")
        return str(name), {"CreationTime": str(workgroup.get("CreationTime", ""))}

    @classmethod
    def update(cls, physical_id: str, _: Properties, new: Properties, stack: str) -> Identified:
        return cls.create(physical_id, new, stack)

    @staticmethod
    def delete(physical_id: str, _: Properties) -> None:
        _service("athena")._delete_workgroup({"WorkGroup": physical_id})


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
    "AWS::Glue::Database": GlueDatabase,
    "AWS::Glue::Table": GlueTable,
    "AWS::Athena::WorkGroup": AthenaWorkGroup,
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
