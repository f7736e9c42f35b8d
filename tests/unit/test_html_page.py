"""Web pages: texts, tables and links, whatever a page leaves out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.html_page import Cell, Page, joined, read_page

TABLE = "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>"


def cells(page: Page) -> list[list[list[str]]]:
    """The texts of each table's rows."""
    return [[[cell.text for cell in row] for row in table] for table in page.tables]


def cell_of(html: str) -> Cell:
    page = read_page(f"<table><tr><td>{html}</td></tr></table>")
    return page.tables[0][0][0]


def test_a_page_has_texts_and_tables() -> None:
    page = read_page(f"<title>One</title><p>Two &amp; <b>three</b></p>{TABLE}<p> four\n five </p>")

    assert page.texts == ["One", "Two &", "three", "four five"]
    assert cells(page) == [[["A", "B"], ["1", "2"]]]
    assert page.whole


def test_tags_that_may_be_left_out_are() -> None:
    page = read_page(
        "<p>One<p>Two<table><tr><th>A<th>B<tr><td>1<br>2<td><a href=x>3</a>4</table>Three<td>no"
    )

    assert page.texts == ["One", "Two", "Three", "no"]
    assert cells(page) == [[["A", "B"], ["12", "34"]]]
    assert page.whole


def test_cells_without_a_row_are_the_first_row() -> None:
    assert cells(read_page("<table><td>1<td>2<tr><td>3</table>")) == [[["1", "2"], ["3"]]]


def test_tables_are_apart() -> None:
    """A table begins where its tag is, also within a cell."""
    page = read_page(f"{TABLE}{TABLE}<table><tr><td>1<table><tr><td>2</table>")

    assert cells(page) == [*[[["A", "B"], ["1", "2"]]] * 2, [["1"]], [["2"]]]


@pytest.mark.parametrize(
    ("html", "whole"),
    [("", True), ("text", True), (TABLE, True), (TABLE[:-1], False), (TABLE[:-40], False)],
)
def test_a_table_that_does_not_end_was_cut_off(html: str, whole: bool) -> None:
    assert read_page(html).whole is whole


@pytest.mark.parametrize(
    ("html", "parts"),
    [
        ("", ()),
        ("a", (("a", None),)),
        ('<a href="x">a</a> - <a href="y">b</a>', (("a", "x"), (" - ", None), ("b", "y"))),
        ('<a href="x">a <b>b</b> c</a>d', (("a b c", "x"), ("d", None))),
        ('<a href="x"></a>', (("", "x"),)),
        ("<a>a</a>", (("a", None),)),
        ('<a href="x">a', (("a", "x"),)),
        ("a<i>b</i>", (("a", None), ("b", None))),
        ("&lt;a&gt; &#228;", (("<a> \u00e4", None),)),
    ],
)
def test_a_cell_keeps_where_its_texts_lead(
    html: str, parts: tuple[tuple[str, str | None], ...]
) -> None:
    assert cell_of(html).parts == parts


def test_a_link_ends_with_its_cell() -> None:
    page = read_page('<table><tr><td><a href="x">a<td>b</table><a href="y">c</a>')

    assert [cell.parts for cell in page.tables[0][0]] == [(("a", "x"),), (("b", None),)]
    assert page.texts == ["c"]


def test_white_space_is_single_spaces() -> None:
    assert cell_of(" a\n\t <b>b</b>&nbsp;c ").text == "a b c"
    assert joined((("a ", "x"), (" b", None))) == "a b"


@given(st.text(alphabet='<>/="abthdr &#;x\n', max_size=60))
def test_any_text_is_a_page(html: str) -> None:
    page = read_page(html)

    assert all(
        cell.text == cell.text.strip() for table in page.tables for row in table for cell in row
    )
