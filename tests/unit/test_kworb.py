"""kworb.net's pages: read by their header, dated by their heading, and whole or not at all."""

from datetime import UTC, datetime
from typing import Any

import pytest
from soundlake.charts import Chart, Hole
from soundlake.sources.chart_source import Shown
from soundlake.sources.kworb import Kworb
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.raw import RawAnswer

from tests.unit.helpers import NORWAY
from tests.unit.kworb_pages import (
    COLUMNS,
    PLACES,
    artist,
    artist_id,
    kworb_page,
    page_row,
    page_rows,
    title,
    track_id,
)

AT = datetime(2026, 11, 21, 9, 18, tzinfo=UTC)
KEY = "raw/charts/kworb/daily-NO/2026-11-21/001/page-01.html.gz"
DAILY = Chart("daily-NO", "NO", "Norway", "daily", NORWAY, enabled=True)
WEEKLY = Chart("weekly-NO", "NO", "Norway", "weekly", NORWAY, enabled=True)


def shown(body: bytes, chart: Chart = DAILY) -> Shown:
    return Kworb().read([RawAnswer(KEY, None, AT, body)], chart, AT.date())


def with_row(position: int = 1, **changes: str) -> list[dict[str, str]]:
    """A chart's rows, one of them changed."""
    rows = page_rows()
    rows[position - 1] = page_row(position, **changes)
    return rows


def entry(position: int = 1, **changes: str) -> dict[str, Any]:
    """The row of `chart_entries` that a changed row makes."""
    found = shown(kworb_page(rows=with_row(position, **changes)))
    return found.entries[position - 1]


def refused(body: bytes, chart: Chart = DAILY) -> str:
    with pytest.raises(BadAnswerError) as error:
        shown(body, chart)
    return str(error.value)


def test_a_page_becomes_the_rows_of_the_day_in_its_heading() -> None:
    found = shown(kworb_page())

    assert (found.chart_date.isoformat(), found.stated) == ("2026-11-19", True)
    assert (found.observed_at, found.raw_key) == (AT, KEY)
    assert (len(found.entries), found.holes, found.places) == (PLACES, [], PLACES)
    assert found.totals == frozenset()
    assert found.entries[1] == {
        "chart": "daily-NO",
        "country": "NO",
        "chart_date": "2026-11-19",
        "position": 2,
        "track_id": track_id(2),
        "track_name": "Track 2",
        "artist_ids": [artist_id(2)],
        "artist_names": ["Artist 2"],
        "album_id": None,
        "album_name": None,
        "album_release_date": None,
        "explicit": None,
        "duration_ms": None,
        "popularity": None,
        "streams": 998_000,
        "added_at": None,
        "previous_position": 2,
        "peak_position": 1,
        "days_on_chart": 12,
        "weeks_on_chart": None,
        "artist_credit": "Artist 2",
        "label": None,
        "provider": "kworb",
        "date_basis": "stated",
        "observed_at": "2026-11-21T09:18:00.000Z",
        "raw_key": KEY,
    }


def test_a_weekly_page_counts_weeks() -> None:
    (first, *_) = shown(kworb_page(cadence="weekly"), WEEKLY).entries

    assert (first["weeks_on_chart"], first["days_on_chart"]) == (3, None)


def test_columns_are_found_by_their_names_and_others_left_out() -> None:
    names = ("New", *reversed(COLUMNS["daily"]))
    rows = [row | {"New": "?"} for row in page_rows()]

    assert shown(kworb_page(rows=rows, columns=names)) == shown(kworb_page())


@pytest.mark.parametrize(
    ("move", "position", "previous"),
    [("=", 7, 7), ("+3", 7, 10), ("-2", 7, 5), ("-1", 2, 1), ("NEW", 7, None), ("RE", 7, None)],
)
def test_a_move_tells_the_place_before(move: str, position: int, previous: int | None) -> None:
    assert entry(position, move=move)["previous_position"] == previous


@pytest.mark.parametrize(
    ("what", "name", "names", "ids", "credit"),
    [
        (f"{artist(1)} - {title(1, 'A - B')}", "A - B", ["Artist 1"], [1], "Artist 1"),
        (
            f"{artist(1, 'Björk &amp; Co', '')} - {title(1)} (w/ {artist(2)}, {artist(3)})",
            "Track 1",
            ["Björk & Co", "Artist 2", "Artist 3"],
            [1, 2, 3],
            "Björk & Co, Artist 2, Artist 3",
        ),
        (
            f"{artist(1, 'A, The Creator')} - {title(1)}",
            "Track 1",
            ["A, The Creator"],
            [1],
            "A, The Creator",
        ),
        (f"A - {title(1)}", "Track 1", ["A"], None, "A"),
        (f"A, B - {title(1)}", "Track 1", None, None, "A, B"),
        (f"{artist(1)} - {title(1)} (w/ B)", "Track 1", None, None, "Artist 1, B"),
        (f"{title(1)}", "Track 1", None, None, None),
        (
            f'{artist(1)} - <a href="../track/{track_id(1)}.html"></a>',
            None,
            ["Artist 1"],
            [1],
            "Artist 1",
        ),
        (f"{artist(1, 'A<b>B</b>C')} - {title(1, '<i>T</i> 2')}", "T 2", ["ABC"], [1], "ABC"),
        (f"<b>A</b> -\n  <a href='/spotify/track/{track_id(1)}.html'>T</a>", "T", ["A"], None, "A"),
    ],
)
def test_artists_are_single_ones_where_each_is_a_link(
    what: str, name: str | None, names: Any, ids: Any, credit: str | None
) -> None:
    row = entry(what=what)

    assert (row["track_id"], row["track_name"]) == (track_id(1), name)
    assert row["artist_names"] == names
    assert row["artist_ids"] == (ids and [artist_id(each) for each in ids])
    assert row["artist_credit"] == credit


@pytest.mark.parametrize("href", ["", "../track/short.html", "../album/x.html"])
def test_a_place_without_a_track_is_a_hole_that_says_what_stood_there(href: str) -> None:
    found = shown(kworb_page(rows=with_row(3, what=f'A - <a href="{href}">B</a>')))

    assert found.holes == [Hole(3, "A - B")]
    assert [row["position"] for row in found.entries][:3] == [1, 2, 4]
    assert found.places == PLACES


# Whose chart, and of which day.


@pytest.mark.parametrize(
    ("country", "listed", "headed"),
    [
        ("GLOBAL", "Global", "Global"),
        ("GLOBAL", "The world", "Global"),
        ("CZ", "Czechia", "Czech Republic"),
        ("CZ", "Czechia", "czechia"),
        ("TR", "Türkiye", "Türkiye"),
        ("TR", "Türkiye", "Turkey"),
        ("GB", "United Kingdom", "United Kingdom"),
    ],
)
def test_a_country_may_be_called_as_in_the_chart_list_too(
    country: str, listed: str, headed: str
) -> None:
    chart = Chart(f"daily-{country}", country, listed, "daily", NORWAY, enabled=True)

    assert len(shown(kworb_page(name=headed), chart).entries) == PLACES


def test_a_week_is_of_its_last_day() -> None:
    one, both = (
        kworb_page(day, cadence="weekly") for day in ("2026/11/19", "2026/11/13 - 2026/11/19")
    )

    assert shown(one, WEEKLY).chart_date == shown(both, WEEKLY).chart_date
    assert shown(both, WEEKLY).chart_date.isoformat() == "2026-11-19"


@pytest.mark.parametrize(
    ("body", "chart", "text"),
    [
        (kworb_page(name="Sweden"), DAILY, "is headed 'Sweden' and not 'Norway'; if that is the"),
        (kworb_page(cadence="weekly"), DAILY, "is headed as a weekly chart"),
        (kworb_page(), WEEKLY, "is headed as a daily chart"),
        (kworb_page("2026/11/22"), DAILY, "is of 2026-11-22, which lies in the future"),
        (kworb_page("2026/02/30"), DAILY, "is headed with 2026/02/30, which is no date"),
        (kworb_page("yesterday"), DAILY, "has no heading like 'Spotify Daily Chart - Norway"),
        (kworb_page("2026-11-19"), DAILY, "has no heading like"),
    ],
)
def test_a_page_of_another_chart_or_no_day_is_refused(body: bytes, chart: Chart, text: str) -> None:
    said = refused(body, chart)

    assert said.startswith(f"kworb.net's page of {chart.chart} ")
    assert text in said


def test_two_headings_must_say_the_same() -> None:
    title_too = kworb_page().replace(b"Norway</title>", b"Norway - 2026/11/19</title>")
    another = kworb_page().replace(b"Norway</title>", b"Norway - 2026/11/18</title>")

    assert shown(title_too).chart_date.isoformat() == "2026-11-19"
    assert refused(another) == (
        "kworb.net's page of daily-NO is headed with 2026/11/18 and 2026/11/19"
    )


# What is no page.


@pytest.mark.parametrize("column", ["Pos", "P+", "Artist and Title", "Days", "Pk", "Streams"])
def test_a_column_that_is_missing_is_named(column: str) -> None:
    columns = [name if name != column else "Renamed" for name in COLUMNS["daily"]]
    rows = [row | {"Renamed": "1"} for row in page_rows()]

    assert refused(kworb_page(rows=rows, columns=columns)) == (
        f"kworb.net's page of daily-NO has no table with the columns {column}"
    )


@pytest.mark.parametrize("column", ["(x?)", "Streams+", "7Day", "7Day+", "Total"])
def test_a_column_that_is_not_read_may_be_missing(column: str) -> None:
    columns = [name for name in COLUMNS["daily"] if name != column]

    assert len(shown(kworb_page(columns=columns)).entries) == PLACES


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "has no heading"),
        (b"<html><title>Error</title>Upstream error", "has no heading"),
        (b"\xff\xfe", "is no text in UTF-8"),
        (b"Spotify Daily Chart - Norway - 2026/11/19", "has no table"),
        (kworb_page(rows=[]), "has 0 rows that link to a track"),
        (kworb_page(rows=page_rows(49)), "has 49 rows that link to a track"),
        (kworb_page(ending=""), "is cut off: its table does not end"),
        (kworb_page()[:-2000], "is cut off: its table does not end"),
        (
            kworb_page(rows=[page_row(n, what=f"A - B {n}") for n in range(1, 61)]),
            "has 0 rows that link to a track (../track/<id>.html), and a chart has 50 at least",
        ),
    ],
)
def test_what_is_no_chart_is_refused(body: bytes, text: str) -> None:
    assert text in refused(body)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Pos", "first"),
        ("Pk", ""),
        ("Days", "-1"),
        ("Streams", "12.345"),
        ("Streams", "1,23,456"),
        ("Streams", "\u0661\u0662"),
        ("P+", "up"),
        ("P+", ""),
        ("P+", "-7"),
    ],
)
def test_a_field_that_cannot_be_read_is_named_with_its_row(column: str, value: str) -> None:
    said = refused(kworb_page(rows=with_row(7, **{column: value})))

    assert said.startswith(
        f"kworb.net's page of daily-NO cannot be read: row 7: {column} is {value!r}"
    )


def test_a_row_of_other_cells_is_named() -> None:
    body = kworb_page().replace(b'<tr><td class="np">7</td>', b"<tr>")

    assert "row 7 has 10 cells and not 11" in refused(body)


def test_many_problems_are_counted() -> None:
    said = refused(kworb_page(rows=[page_row(n, Pk="?") for n in range(1, 61)]))

    assert said.endswith("row 5: Pk is '?', expected a whole number; and 55 more")


def test_a_page_may_have_several_tables_and_the_right_one_is_found() -> None:
    body = kworb_page().replace(b"<table", b"<table><tr><td>Pos</td></tr></table><table", 1)

    assert len(shown(body).entries) == PLACES
