"""Chart files as charts.spotify.com gives them, made up."""

import csv
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

from tests.unit.helpers import track_id

APPEARANCES = {"daily": "days_on_chart", "weekly": "weeks_on_chart"}
NAME = "regional-no-daily-2026-11-20.csv"


def columns(cadence: str = "daily") -> list[str]:
    return [
        "rank",
        "uri",
        "artist_names",
        "track_name",
        "source",
        "peak_rank",
        "previous_rank",
        APPEARANCES[cadence],
        "streams",
    ]


def file_row(rank: int = 1, number: int | None = None, /, **changes: Any) -> dict[str, str]:
    """A row of a chart file; it has what both cadences count."""
    number = rank if number is None else number
    row = {
        "rank": rank,
        "uri": f"spotify:track:{track_id(number)}",
        "artist_names": f"Artist {number}",
        "track_name": f"Track {number}",
        "source": f"Label {number}",
        "peak_rank": 1,
        "previous_rank": rank + 1,
        "days_on_chart": 10 + number,
        "weeks_on_chart": 2,
        "streams": 1_000_000 - rank,
    } | changes
    return {name: str(value) for name, value in row.items()}


def chart_csv(
    rows: Iterable[Mapping[str, str]], cadence: str = "daily", newline: str = "\r\n"
) -> bytes:
    """A chart file's bytes, its mark of UTF-8 before them."""
    out = StringIO()
    writer = csv.DictWriter(out, columns(cadence), extrasaction="ignore", lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8-sig")


def top(places: int = 200, first: int = 1) -> list[dict[str, str]]:
    """The rows of a whole chart, its tracks counted from `first`."""
    return [file_row(rank, first + rank - 1) for rank in range(1, places + 1)]
