"""SQL through the Athena API, and what is made of the answer."""

import io
import json
from typing import Any, cast

import pytest
from click.testing import CliRunner
from rich.console import Console

from cli import __main__ as cli
from cli import athena, render
from cli.athena import Column, Query, Result, typed
from cli.errors import Trouble


class Athena:
    """An Athena with one answer; `every_page` gives the header on each page, beyond its rows."""

    def __init__(self, rows: list[list[str | None]], *, every_page: bool = False) -> None:
        self.rows = rows
        self.every_page = every_page
        self.states = ["QUEUED", "RUNNING", "SUCCEEDED"]
        self.reason = ""

    def get_query_execution(self, **_: str) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"QueryExecution": {"Status": {"State": state, "StateChangeReason": self.reason}}}

    def get_query_results(self, **request: Any) -> dict[str, Any]:
        most, start = request["MaxResults"], int(request.get("NextToken", 0))
        header: list[str | None] = ["country", "plays"]
        if self.every_page:
            end = start + most
            page, total = [header, *self.rows[start:end]], len(self.rows)
        else:
            everything, end = [header, *self.rows], start + most
            page, total = everything[start:end], len(everything)
        data = [[{} if cell is None else {"VarCharValue": cell} for cell in row] for row in page]
        columns = [
            {"Name": "country", "Label": "country", "Type": "varchar"},
            {"Name": "plays", "Label": "plays", "Type": "bigint"},
        ]
        answer: dict[str, Any] = {
            "ResultSet": {
                "Rows": [{"Data": row} for row in data],
                "ResultSetMetadata": {"ColumnInfo": columns},
            }
        }
        return answer | ({"NextToken": str(end)} if end < total else {})


def ask(athena: Athena) -> Result:
    return Query(cast(Any, athena), "id").result()


@pytest.mark.parametrize("every_page", [True, False])
@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
def test_every_row_once_and_no_header_among_them(count: int, every_page: bool) -> None:
    rows: list[list[str | None]] = [[f"C{number}", str(number)] for number in range(count)]
    result = ask(Athena(rows, every_page=every_page))
    assert [list(row) for row in result.rows] == rows
    assert [column.name for column in result.columns] == ["country", "plays"]


def test_a_row_that_looks_like_the_header_stays() -> None:
    rows: list[list[str | None]] = [["country", "plays"], ["NO", "1"]] * 600
    assert len(ask(Athena(rows)).rows) == 1200


def test_a_failed_query_says_why_in_one_line() -> None:
    athena = Athena([])
    athena.states, athena.reason = ["FAILED"], "COLUMN_NOT_FOUND: line 1:8:\n  no column 'x'."
    with pytest.raises(Trouble, match=r"^The query failed: COLUMN_NOT_FOUND.* no column 'x'\.$"):
        ask(athena)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("bigint", "42", 42),
        ("double", "0.5", 0.5),
        ("boolean", "true", True),
        ("decimal(38,2)", "1.10", "1.10"),
        ("varchar", "7", "7"),
        ("varchar", "", ""),
        ("bigint", "", None),
        ("bigint", None, None),
        ("double", "NaN-ish", "NaN-ish"),
    ],
)
def test_values_are_typed_where_that_loses_nothing(kind: str, value: str, expected: Any) -> None:
    assert typed(kind, value) == expected


RESULT = Result(
    [Column("track", "varchar"), Column("plays", "bigint")],
    [["Løp [live], igjen", "3"], [None, None]],
)


def test_csv_quotes_and_leaves_null_empty() -> None:
    out = io.StringIO()
    render.write_csv(RESULT, out)
    assert out.getvalue() == 'track,plays\n"Løp [live], igjen",3\n,\n'


def test_json_has_objects_with_numbers_and_null() -> None:
    out = io.StringIO()
    render.write_json(RESULT, out)
    assert json.loads(out.getvalue()) == [
        {"track": "Løp [live], igjen", "plays": 3},
        {"track": None, "plays": None},
    ]
    assert "Løp" in out.getvalue()


def test_one_wide_row_stands_upright() -> None:
    columns = [Column(f"feature_{number}", "double") for number in range(8)]
    console = Console(file=io.StringIO(), width=80)
    render.write_table(Result(columns, [["0.123456789"] * 7 + [None]]), console)
    text = cast(io.StringIO, console.file).getvalue()
    assert text.count("0.123456789") == 7
    assert "feature_7" in text


def test_the_table_shows_text_as_it_is() -> None:
    console = Console(file=io.StringIO(), width=80)
    render.write_table(RESULT, console)
    text = cast(io.StringIO, console.file).getvalue()
    assert "Løp [live], igjen" in text
    assert "2 rows" in text
    assert max(len(line) for line in text.splitlines()) <= 80


#### SAVED #########################################################################################

PLAYS = """SELECT count(*) FROM plays
WHERE coalesce(counts_30s, true)
  AND month BETWEEN '2006-01' AND '9999-12'
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of a stack that has two saved queries."""
    found: list[str] = []
    saved = {
        "mine": athena.Saved("mine", "How many?", PLAYS, "soundlake"),
        "gaps": athena.Saved("gaps", "Which?", "SELECT 1", "soundlake"),
    }

    def run(_: object, sql: str, database: str | None = None) -> athena.Result:
        assert database == "soundlake"
        found.append(sql)
        return athena.Result([], [])

    monkeypatch.setattr(cli, "choose", lambda *_: None)
    monkeypatch.setattr(athena, "saved", lambda _: saved)
    monkeypatch.setattr(athena, "run", run)
    return found


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ((), "coalesce(counts_30s, true)"),
        (("--counts", "30s"), "coalesce(counts_30s, true)"),
        (("--counts", "to-end"), "coalesce(counts_to_end, false)"),
        (("--counts", "half"), "coalesce(counts_half, false)"),
        (("--counts", "any"), "true"),
    ],
)
def test_which_plays_count_is_said_when_asking(
    options: tuple[str, ...], where: str, asked: list[str]
) -> None:
    result = CliRunner().invoke(cli.main, ["query", "--saved", "mine", "--csv", *options])

    assert result.exit_code == 0, result.output
    assert asked == [PLAYS.replace("coalesce(counts_30s, true)", where)]


def test_a_year_is_said_when_asking(asked: list[str]) -> None:
    options = ["--saved", "mine", "--year", "2025", "--counts", "any", "--csv"]
    result = CliRunner().invoke(cli.main, ["query", *options])

    assert result.exit_code == 0, result.output
    (sql,) = asked
    assert "WHERE true\n  AND month BETWEEN '2025-01' AND '2025-12'\n" in sql


@pytest.mark.parametrize("option", [("--counts", "any"), ("--year", "2025")])
def test_a_query_that_cannot_be_asked_so_is_named(
    option: tuple[str, str], asked: list[str]
) -> None:
    result = CliRunner().invoke(cli.main, ["query", "--saved", "gaps", *option])

    assert result.exit_code == 2
    assert "The saved query gaps cannot be asked so: it " in " ".join(result.output.split())
    assert asked == []
