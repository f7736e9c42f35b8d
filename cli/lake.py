"""What the lake holds, table by table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from cli.athena import Query

if TYPE_CHECKING:
    from cli.target import Target


@dataclass(frozen=True)
class Size:
    """A table's rows and objects; rows None when they were not counted."""

    rows: int | None
    objects: int
    bytes: int


def locations(target: "Target") -> Mapping[str, str]:
    """Return the S3 location of every table of the catalog."""
    pages = target.glue.get_paginator("get_tables").paginate(DatabaseName=target.output("Database"))
    return {
        table["Name"]: table.get("StorageDescriptor", {}).get("Location", "")
        for page in pages
        for table in page["TableList"]
        if table.get("TableType") != "VIRTUAL_VIEW"
    }


def sizes(target: "Target") -> dict[str, Size]:
    """Return the size of every table: objects by listing, rows by Athena's `count(*)`.

    The counts run side by side. A table without objects is not asked: it has no rows.
    """
    found = {name: _objects(target, where) for name, where in locations(target).items()}
    database = target.output("Database")
    counting = {
        # The names are the catalog's own.
        name: Query.start(target, f"SELECT count(*) AS n FROM {database}.{name}")  # noqa: S608
        for name, (objects, _) in found.items()
        if objects
    }
    rows = {name: int(query.result().rows[0][0] or 0) for name, query in counting.items()}
    return {name: Size(rows.get(name, 0), *found[name]) for name in sorted(found)}


def _objects(target: "Target", location: str) -> tuple[int, int]:
    """Return how many objects lie under a location, and their bytes."""
    where = urlparse(location)
    if not where.netloc:
        return 0, 0
    prefix = where.path.lstrip("/").rstrip("/") + "/"
    pages = target.s3.get_paginator("list_objects_v2").paginate(Bucket=where.netloc, Prefix=prefix)
    held = [item["Size"] for page in pages for item in page.get("Contents", [])]
    return len(held), sum(held)
