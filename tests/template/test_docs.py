"""The documented tables, held against what is deployed and what is written."""

import re
from dataclasses import dataclass

import pytest
from soundlake.store.schemas import SCHEMAS

from tests.template.test_tables import TABLES
from tests.template.translated import REPO

TEXT = (REPO / "docs" / "tables.md").read_text(encoding="utf-8")
HEADING = ["column", "type", "unit", "range", "meaning", "source"]


@dataclass(frozen=True)
class Section:
    """What one section says: its words before the columns, and the columns' cells by heading."""

    words: str
    columns: list[dict[str, str]]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]


def sections(text: str) -> dict[str, Section]:
    """The sections of a document of tables, by name. Raises ValueError where one has no columns."""
    found = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        lines = [line for line in body.splitlines() if line.startswith("|")]
        if not lines or _cells(lines[0]) != HEADING or not re.fullmatch(r"[|-]+", lines[1]):
            raise ValueError(f"{name} has no columns under {HEADING}")
        rows = [dict(zip(HEADING, _cells(line), strict=True)) for line in lines[2:]]
        found[name] = Section(body.partition("\n|")[0], rows)
    return found


DOCUMENTED = sections(TEXT)


def _code(cell: str) -> str:
    """What stands between the backticks: without them, Markdown takes <string> for a tag."""
    match = re.fullmatch(r"`([^`]+)`", cell)
    return match[1] if match else f"not as code: {cell}"


def test_every_table_is_documented_in_order() -> None:
    assert list(DOCUMENTED) == list(SCHEMAS)
    assert set(DOCUMENTED) == set(TABLES)


def test_the_overview_names_every_table_in_order() -> None:
    overview = TEXT.partition("\n## ")[0]

    named = re.findall(r"^\| \[`(\w+)`\]\(#(\w+)\) \| .+ \|$", overview, flags=re.MULTILINE)
    assert named == [(table, table) for table in SCHEMAS]


@pytest.mark.parametrize("table", SCHEMAS)
def test_columns_are_those_that_are_deployed(table: str) -> None:
    given = TABLES[table]["TableInput"]
    deployed = [*given["StorageDescriptor"]["Columns"], *given["PartitionKeys"]]

    documented = [
        (_code(each["column"]), _code(each["type"])) for each in DOCUMENTED[table].columns
    ]
    assert documented == [(column["Name"], column["Type"]) for column in deployed]
    assert [name for name, _ in documented] == [*SCHEMAS[table].names, "month"]


@pytest.mark.parametrize("table", SCHEMAS)
def test_every_column_says_everything(table: str) -> None:
    for column in DOCUMENTED[table].columns:
        assert all(column.values()), column
        # A dash is an answer for a unit or a range, and none for what a column means.
        assert re.search(r"\w", column["meaning"]), column
        assert re.search(r"\w", column["source"]), column


@pytest.mark.parametrize("table", SCHEMAS)
def test_every_table_says_its_row_key_and_owner(table: str) -> None:
    words = " ".join(DOCUMENTED[table].words.split())

    match = re.match(r"\*\*One row\*\* is (.+?)\. \*\*Key:\*\* (.+?)\. \*\*Object:\*\* (.+)", words)
    assert match is not None
    row, key, owner = match.groups()
    overview = re.search(rf"\(#{table}\) \| (.+) \|", TEXT)
    assert overview is not None
    assert row == overview[1]
    named = re.findall(r"`(\w+)`", key)
    assert named
    assert set(named) <= set(SCHEMAS[table].names)
    written = re.match(r"`[^`]+`, written by (Derive|Load|Verify|Publish)\. ", owner)
    assert written is not None


def test_a_link_leads_to_a_page_and_its_heading() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        page, _, heading = target.partition("#")
        text = (REPO / "docs" / page).read_text(encoding="utf-8") if page else TEXT
        headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
        assert not heading or heading in {each.lower().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("named", re.findall(r"`([a-z_]+\.[a-z_]+)`", TEXT))
def test_a_source_in_the_lake_is_there(named: str) -> None:
    table, _, column = named.partition(".")
    if table in SCHEMAS:
        assert column in SCHEMAS[table].names


def test_a_gap_would_be_noticed() -> None:
    table = "| column | type | unit | range | meaning | source |\n|---|---|---|---|---|---|\n"

    found = sections(f"# T\n\n## a\n\nWords.\n\n{table}| `x` | `int` | - | - |  | y |\n")
    assert found["a"].columns[0]["meaning"] == ""
    assert found["a"].words.strip() == "Words."
    for wrong in ("## a\n\nWords.\n", f"## a\n\n{table}| `x` | `int` |\n"):
        with pytest.raises(ValueError, match=r"no columns|shorter"):
            sections(wrong)
    assert _code("array<string>") == "not as code: array<string>"
