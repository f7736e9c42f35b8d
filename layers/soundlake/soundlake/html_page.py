"""Web pages: the texts of one, and its tables with what stands in each cell.

As much of HTML as pages of tables need. Nothing here knows whose page it is.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_HEADINGS = frozenset({"th", "td"})


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell's texts in order, each with the address that it links to, if any."""

    parts: tuple[tuple[str, str | None], ...]

    @property
    def text(self) -> str:
        """Its whole text, white space made single spaces."""
        return joined(self.parts)


Table = list[list[Cell]]


@dataclass(slots=True)
class Page:
    """A page's texts outside tables, one between each two tags, and its tables.

    `whole` is whether every table that begins also ends: a page that was cut off is not.
    """

    texts: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    whole: bool = True


def read_page(html: str) -> Page:
    """Read a page; any text is one."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.page.whole = not reader.in_table
    return reader.page


def joined(parts: tuple[tuple[str, str | None], ...]) -> str:
    """Texts as one, white space made single spaces."""
    return " ".join("".join(text for text, _ in parts).split())


class _Reader(HTMLParser):
    """Fills a page; a cell ends where the next one begins, as HTML allows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self.in_table = False
        self._parts: list[tuple[str, str | None]] | None = None
        self._in_link = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._end_cell()
            self.in_table = True
            self.page.tables.append([])
        elif not self.in_table:
            return
        elif tag == "tr":
            self._end_cell()
            self.page.tables[-1].append([])
        elif tag in _HEADINGS:
            self._end_cell()
            self._parts = []
        elif tag == "a" and self._parts is not None:
            self._parts.append(("", dict(attrs).get("href")))
            self._in_link = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._in_link = False
        elif tag in _HEADINGS or tag == "tr":
            self._end_cell()
        elif tag == "table":
            self._end_cell()
            self.in_table = False

    def handle_data(self, data: str) -> None:
        if self._parts is not None:
            if self._in_link:
                text, href = self._parts.pop()
                self._parts.append((text + data, href))
            else:
                self._parts.append((data, None))
        elif not self.in_table and data.strip():
            self.page.texts.append(" ".join(data.split()))

    def _end_cell(self) -> None:
        if self._parts is not None:
            rows = self.page.tables[-1]
            if not rows:
                rows.append([])
            rows[-1].append(Cell(tuple(self._parts)))
        self._parts, self._in_link = None, False
