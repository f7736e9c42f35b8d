"""SQL through the Athena API."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cli.errors import Trouble

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

    from cli.target import Target

_LONGEST_WAIT: Final = 2.0
_PAGE: Final = 1000
_NUMBERS: Final = {"tinyint", "smallint", "integer", "int", "bigint"}
_FLOATS: Final = {"float", "real", "double"}


@dataclass(frozen=True)
class Column:
    """One column of an answer and Athena's type of it."""

    name: str
    type: str


@dataclass(frozen=True)
class Result:
    """A query's answer; every value is Athena's text of it, None for NULL."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str | None]]

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield each row as an object, numbers and booleans typed where that loses nothing."""
        for row in self.rows:
            pairs = zip(self.columns, row, strict=True)
            yield {column.name: typed(column.type, value) for column, value in pairs}


def typed(kind: str, value: str | None) -> Any:
    """Return `value` as what its Athena type says; decimals stay text, to stay exact."""
    if value is None or (value == "" and kind not in {"varchar", "string", "char"}):
        return None
    try:
        if kind in _NUMBERS:
            return int(value)
        if kind in _FLOATS:
            return float(value)
    except ValueError:
        return value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    return value


class Query:
    """A query that was started; `result` waits for its answer."""

    def __init__(self, athena: "AthenaClient", query_id: str) -> None:
        """Wrap the execution `query_id`."""
        self._athena = athena
        self._id = query_id

    @classmethod
    def start(cls, target: "Target", sql: str, database: str | None = None) -> "Query":
        """Start `sql` in the stack's workgroup, in its database unless another is given."""
        answer = target.athena.start_query_execution(
            QueryString=sql,
            WorkGroup=target.output("WorkGroup"),
            QueryExecutionContext={"Database": database or target.output("Database")},
        )
        return cls(target.athena, answer["QueryExecutionId"])

    def result(self) -> Result:
        """Wait for the answer and return all of it; raise Trouble with Athena's reason."""
        self._wait()
        columns: list[Column] = []
        rows: list[list[str | None]] = []
        request: dict[str, Any] = {"QueryExecutionId": self._id, "MaxResults": _PAGE}
        first, oversized = True, False
        while True:
            page = self._athena.get_query_results(**request)
            found = page["ResultSet"]
            given = [[cell.get("VarCharValue") for cell in row["Data"]] for row in found["Rows"]]
            if first:
                columns = [
                    Column(str(one.get("Label") or one["Name"]), str(one["Type"]))
                    for one in found["ResultSetMetadata"]["ColumnInfo"]
                ]
                # A page holds the header row within its 1,000 rows and only the first has one. An
                # API that gives it beyond the 1,000 gives it on every page.
                oversized = len(given) > _PAGE
            rows += given[1:] if _headed(given, columns, first=first or oversized) else given
            if not page.get("NextToken"):
                return Result(columns, rows)
            request["NextToken"], first = page["NextToken"], False

    def _wait(self) -> None:
        pause = 0.05
        while True:
            answer = self._athena.get_query_execution(QueryExecutionId=self._id)
            status = answer["QueryExecution"]["Status"]
            state = status["State"]
            if state == "SUCCEEDED":
                return
            if state in {"FAILED", "CANCELLED"}:
                reason = " ".join((status.get("StateChangeReason") or "no reason given").split())
                raise Trouble(f"The query {state.lower()}: {reason.rstrip('.')}.")
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_WAIT)


def _headed(
    given: Sequence[Sequence[str | None]], columns: Sequence[Column], *, first: bool
) -> bool:
    """Tell whether a page begins with the names of the columns (SHOW and DESCRIBE have none)."""
    return first and bool(given) and list(given[0]) == [column.name for column in columns]


def run(target: "Target", sql: str, database: str | None = None) -> Result:
    """Run `sql` and return its whole answer."""
    return Query.start(target, sql, database).result()


@dataclass(frozen=True)
class Saved:
    """A query that the stack brings along."""

    name: str
    description: str
    sql: str
    database: str


def saved(target: "Target") -> Mapping[str, Saved]:
    """Return the named queries of the stack's workgroup by name."""
    ids: list[str] = []
    request: dict[str, Any] = {"WorkGroup": target.output("WorkGroup")}
    while True:
        page = target.athena.list_named_queries(**request)
        ids += page.get("NamedQueryIds", [])
        if not page.get("NextToken"):
            break
        request["NextToken"] = page["NextToken"]
    found = (target.athena.get_named_query(NamedQueryId=one)["NamedQuery"] for one in ids)
    return {
        one["Name"]: Saved(
            one["Name"], one.get("Description", ""), one["QueryString"], one["Database"]
        )
        for one in found
    }
