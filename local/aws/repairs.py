"""Mend what MiniStack gets wrong and this project needs right.

Causes: it writes the error of a function with blanks. AWS does not where `lambda:invoke` called
it, so a machine that cuts the cause to a length would keep less of it here.

Saving: one query whose answer held a date, a time or a decimal makes it fail to write Athena's
whole state at its stop, the workgroup and the saved queries included.

Stopping: its machines run on after it has saved everything, and wait for their functions, so
that a stop in the middle of a run took minutes.

Ports: with TLS it answers on 443 too where it may, which two of them, or another program, want.

Columns: those that a table was given after its files were written are not found in them. Athena
reads them as null.

A full disk: it answers that an object is written which it could not write, and forgets it at its
stop. Nobody would ever ask for it again.

Buckets: objects outlive a kill and the stack does not, so the next deployment must be able to
take its bucket over; like AWS, it would refuse a name that exists.
"""

import contextlib
import datetime
import decimal
import importlib
import json
import os
import shutil
import threading
import uuid
from typing import Any, Final

# What is written beside an object, and at the stop, finds room there too.
DISK_LEFT_BYTES: Final = 32 * 1024 * 1024
_DISK_FULL: Final = (
    "The disk that the local lake is on is full; make room on it, then run again: what is kept "
    "stays, and what is missing is made up for."
)

_TEXT_WHEN_SAVED: Final = (
    *(datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, uuid.UUID),
)


def compact_causes() -> None:
    """Let a function's error be a cause without blanks.

    Raises RuntimeError when MiniStack's call of functions is not where it was.
    """
    machine: Any = importlib.import_module("ministack.services.stepfunctions")
    call = getattr(machine, "_call_lambda", None)
    if call is None:
        raise RuntimeError("MiniStack's stepfunctions._call_lambda has moved")

    def call_compactly(*given: Any) -> Any:
        try:
            return call(*given)
        except machine._ExecutionError as error:
            with contextlib.suppress(ValueError):  # not every cause is JSON
                error.cause = json.dumps(json.loads(error.cause), separators=(",", ":"))
            raise

    machine._call_lambda = call_compactly


def save_answers() -> None:
    """Let the state be saved whatever values the queries answered: as text, as Athena shows it.

    Raises RuntimeError when MiniStack's encoder is not where it was.
    """
    persistence: Any = importlib.import_module("ministack.core.persistence")
    encode = getattr(persistence, "_json_default", None)
    if encode is None:
        raise RuntimeError("MiniStack's persistence._json_default has moved")

    def encode_answers(value: Any) -> Any:
        return str(value) if isinstance(value, _TEXT_WHEN_SAVED) else encode(value)

    persistence._json_default = encode_answers


def read_new_columns_of_old_files() -> None:
    """Let a table's columns that none of its files has be null.

    Raises RuntimeError when MiniStack's reading of tables is not where it was.
    """
    athena: Any = importlib.import_module("ministack.services.athena")
    relation = getattr(athena, "_table_relation", None)
    if relation is None or not callable(getattr(athena, "_duckdb_type", None)):
        raise RuntimeError("MiniStack's athena._table_relation has moved")
    duckdb: Any = importlib.import_module("duckdb")

    def with_all_columns(table: Any, files: list[str]) -> Any:
        found = relation(table, files)
        if athena._data_format(table) != "parquet":
            return found
        with duckdb.connect(":memory:") as connection:
            there = {row[0] for row in connection.execute(f"DESCRIBE FROM {found}").fetchall()}
        missing = [
            each for each in table["StorageDescriptor"]["Columns"] if each["Name"] not in there
        ]
        nulls = "".join(f', CAST(NULL AS {_type(each)}) AS "{each["Name"]}"' for each in missing)
        return f"(SELECT *{nulls} FROM {found})" if missing else found  # noqa: S608 - the catalog's own names

    def _type(column: Any) -> str:
        inner = column["Type"].removeprefix("array<")
        if inner == column["Type"]:
            return str(athena._duckdb_type(column))
        return f"{athena._duckdb_type(column | {'Type': inner.removesuffix('>')})}[]"

    athena._table_relation = with_all_columns


def end_when_saved(grace: float = 0.5) -> None:
    """End the process `grace` seconds after the state was saved, whatever still runs in it.

    Raises RuntimeError when MiniStack's saving is not where it was.
    """
    app: Any = importlib.import_module("ministack.app")
    save_all = getattr(app, "save_all", None)
    if save_all is None:
        raise RuntimeError("MiniStack's app.save_all has moved")

    def save_and_end(services: Any) -> None:
        save_all(services)
        timer = threading.Timer(grace, os._exit, (0,))
        timer.daemon = True
        timer.start()

    app.save_all = save_and_end


def keep_to_its_port() -> None:
    """Let no port be bound but the one that was given.

    Raises RuntimeError when MiniStack's question for another one is not where it was.
    """
    app: Any = importlib.import_module("ministack.app")
    if getattr(app, "_port_is_bindable", None) is None:
        raise RuntimeError("MiniStack's app._port_is_bindable has moved")
    app._port_is_bindable = lambda _host, _port: False


def refuse_what_finds_no_room() -> None:
    """Let no object be written where the disk is as good as full: 507, which nobody tries again.

    Raises RuntimeError when MiniStack's handling of S3's requests is not where it was.
    """
    s3: Any = importlib.import_module("ministack.services.s3")
    dispatch, error = getattr(s3, "_dispatch", None), getattr(s3, "_error", None)
    if dispatch is None or error is None:
        raise RuntimeError("MiniStack's s3._dispatch or s3._error has moved")

    def where_there_is_room(method: str, bucket: str, key: str, *rest: Any) -> Any:
        _, body, _ = rest
        # With the version that it displaces, an object takes its room twice at most.
        needed = DISK_LEFT_BYTES + 2 * len(body)
        if method == "PUT" and key and shutil.disk_usage(s3.DATA_DIR).free < needed:
            return error("InsufficientStorage", _DISK_FULL, 507)
        return dispatch(method, bucket, key, *rest)

    s3._dispatch = where_there_is_room


def adopt_buckets() -> None:
    """Let a new stack take over this account's bucket of the name it asks for, objects and all.

    Only one that no stack has; and should that deployment fail, its rollback leaves the bucket.
    Raises RuntimeError when MiniStack's bucket handlers are not where they were.
    """
    provisioners: Any = importlib.import_module("ministack.services.cloudformation.provisioners")
    cloudformation: Any = importlib.import_module("ministack.services.cloudformation")
    s3: Any = importlib.import_module("ministack.services.s3")
    conflict = getattr(provisioners, "s3_bucket_name_conflict", None)
    handlers = provisioners._RESOURCE_HANDLERS.get("AWS::S3::Bucket", {})
    if conflict is None or not {"create", "update", "delete"} <= set(handlers):
        raise RuntimeError("MiniStack's bucket handlers have moved")
    create, update, delete = (handlers[verb] for verb in ("create", "update", "delete"))
    adopted: set[str] = set()

    def orphaned(name: str) -> bool:
        # The store shows only the requesting account's buckets.
        return name in s3._buckets and not any(
            resource.get("PhysicalResourceId") == name
            for stack in cloudformation._stacks.values()
            if stack.get("StackStatus") != "DELETE_COMPLETE"
            for resource in stack.get("_resources", {}).values()
        )

    def conflict_unless_orphaned(name: str) -> Any:
        return None if orphaned(name) else conflict(name)

    def create_or_adopt(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        name = props.get("BucketName", "")
        if not orphaned(name):
            return create(logical_id, props, stack_name)
        adopted.add(name)
        return update(name, {}, props, stack_name)

    def delete_unless_adopted(physical_id: str, props: dict[str, Any]) -> None:
        if physical_id not in adopted:
            delete(physical_id, props)

    provisioners.s3_bucket_name_conflict = conflict_unless_orphaned
    handlers["create"], handlers["delete"] = create_or_adopt, delete_unless_adopted
