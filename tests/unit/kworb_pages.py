"""Made-up pages of kworb.net, and a kworb.net that shows them."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import requests

COLUMNS = {
    "daily": (
        *("Pos", "P+", "Artist and Title", "Days", "Pk", "(x?)"),
        *("Streams", "Streams+", "7Day", "7Day+", "Total"),
    ),
    "weekly": (
        *("Pos", "P+", "Artist and Title", "Wks", "Pk", "(x?)"),
        *("Streams", "Streams+", "Total"),
    ),
}
CONTACT = "me@example.org"
ROBOTS = b"User-agent: *\nDisallow: /private/\n"
PLACES = 60

Row = dict[str, str]


def track_id(number: int) -> str:
    return f"track{number:017d}"


def artist_id(number: int) -> str:
    return f"artist{number:016d}"


def artist(number: int, name: str | None = None, ending: str = "_songs") -> str:
    return f'<a href="../artist/{artist_id(number)}{ending}.html">{name or f"Artist {number}"}</a>'


def title(number: int, name: str | None = None) -> str:
    return f'<a href="../track/{track_id(number)}.html">{name or f"Track {number}"}</a>'


def page_row(position: int, number: int | None = None, **changes: str) -> Row:
    """A row's cells by column; `changes` name columns by their letters and digits."""
    number = position if number is None else number
    cells = {
        "Pos": str(position),
        "P+": "=",
        "Artist and Title": f"<div>{artist(number)} - {title(number)}</div>",
        "Days": "12",
        "Wks": "3",
        "Pk": "1",
        "(x?)": "(x2)",
        "Streams": f"{1_000_000 - 1_000 * position:,}",
        "Streams+": "-1,234",
        "7Day": "7,000,000",
        "7Day+": "+12,345",
        "Total": "123,456,789",
    }
    names = {"what": "Artist and Title", "move": "P+"}
    return cells | {names.get(name, name): value for name, value in changes.items()}


def page_rows(count: int = PLACES, first: int = 1) -> list[Row]:
    """As many rows; of tracks from the `first` on."""
    return [page_row(position, first + position - 1) for position in range(1, count + 1)]


def kworb_page(
    day: str = "2026/11/19",
    rows: Sequence[Mapping[str, str]] | None = None,
    *,
    name: str = "Norway",
    cadence: str = "daily",
    columns: Sequence[str] | None = None,
    ending: str = "</tbody></table></body></html>",
) -> bytes:
    """A page as the site has them: the country in its title, the day in its heading alone."""
    columns = COLUMNS[cadence] if columns is None else columns
    header = "".join(f"<th>{column}</th>" for column in columns)
    body = "\n".join(
        "<tr>" + "".join(f'<td class="np">{row[column]}</td>' for column in columns) + "</tr>"
        for row in (page_rows() if rows is None else rows)
    )
    chart = f"Spotify {cadence.capitalize()} Chart - {name}"
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{chart}</title></head><body>'
        f'<span class="pagetitle">{chart} - {day} | <a href="totals.html">Totals</a></span>'
        f'<table class="sortable" id="spotify{cadence}"><thead><tr>{header}</tr></thead>'
        f"<tbody>{body}{ending}"
    ).encode()


class FakeKworb:
    """kworb.net as far as Soundlake asks it: `pages` by path below the base, `robots` by status.

    `asked` lists every path, `agents` who asked.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.pages: dict[str, bytes] = {}
        self.robots: tuple[int, bytes] = (200, ROBOTS)
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self._clock = clock
        self._next: deque[tuple[int, dict[str, str], bytes]] = deque()

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer the next request so; called again, the one after it."""
        self._next.append((status, headers, body))

    def __call__(self, request: requests.PreparedRequest) -> Any:
        path = urlsplit(str(request.url)).path
        self.asked.append(path)
        self.agents.add(str(request.headers["User-Agent"]))
        date = {"Date": format_datetime(self._clock(), usegmt=True)}
        if self._next:
            status, headers, body = self._next.popleft()
            return status, date | headers, body
        if path == "/robots.txt":
            return self.robots[0], date, self.robots[1]
        name = path.removeprefix("/spotify/")
        return (200, date, self.pages[name]) if name in self.pages else (404, date, b"not found")
