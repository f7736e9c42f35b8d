"""Mend what MiniStack gets wrong and this project needs right (its histories: see `histories`).

Saving: one query whose answer held a date, a time or a decimal makes it fail to write Athena's
whole state at its stop, the workgroup and the saved queries included.

Stopping: its machines run on after it has saved everything, and wait for their functions, so
that a stop in the middle of a run took minutes.

Buckets: objects outlive a kill and the stack does not, so the next deployment must be able to
take its bucket over; like AWS, it would refuse a name that exists.
"""

import datetime
import decimal
import importlib
import os
import threading
import uuid
from typing import Any, Final

_TEXT_WHEN_SAVED: Final = (
    *(datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, uuid.UUID),
)


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
