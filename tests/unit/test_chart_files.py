"""Chart files: read whole or refused, with every field that cannot be read named."""

import csv
from collections import defaultdict
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.chart_files import (
    ChartFile,
    ChartFileError,
    ChartName,
    chart_entries,
    check,
    is_chart_file,
    name_of,
    read_chart_file,
)
from soundlake.store.lake import encode_rows
from soundlake.store.schemas import SCHEMAS

from tests.unit.chart_csv import NAME, chart_csv, columns, file_row, top
from tests.unit.helpers import NOW, REPO, track_id

REAL_CHARTS = REPO.parent / "shared" / "data" / "charts-2025-02-18.csv"
NORWAY = ChartName("daily", "NO", date(2026, 11, 20))
EXPECTED = (
    "Expected is a chart as charts.spotify.com gives it for download: a CSV in UTF-8 with the "
    "columns rank, uri, artist_names, track_name, source, peak_rank, previous_rank, streams, and "
    "days_on_chart or weeks_on_chart."
)


def refusal(body: bytes) -> str:
    with pytest.raises(ChartFileError) as caught:
        read_chart_file(body)
    return str(caught.value)


# What a file says.


def test_a_days_chart_is_read() -> None:
    read = read_chart_file(chart_csv([file_row(1), file_row(2, previous_rank=-1)]))

    assert read == ChartFile(
        "daily",
        [
            {
                "rank": 1,
                "uri": f"spotify:track:{track_id(1)}",
                "artist_names": "Artist 1",
                "track_name": "Track 1",
                "source": "Label 1",
                "peak_rank": 1,
                "previous_rank": 2,
                "days_on_chart": 11,
                "streams": 999_999,
            },
            {
                "rank": 2,
                "uri": f"spotify:track:{track_id(2)}",
                "artist_names": "Artist 2",
                "track_name": "Track 2",
                "source": "Label 2",
                "peak_rank": 1,
                "previous_rank": None,
                "days_on_chart": 12,
                "streams": 999_998,
            },
        ],
    )


def test_a_weeks_chart_is_told_by_its_columns() -> None:
    read = read_chart_file(chart_csv([file_row(1)], "weekly"))

    assert read.cadence == "weekly"
    assert read.rows[0]["weeks_on_chart"] == 2
    assert "days_on_chart" not in read.rows[0]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_line_end_will_do_and_the_mark_before_the_text_may_be_missing(newline: str) -> None:
    body = chart_csv(top(3), newline=newline)

    assert is_chart_file(body)
    assert read_chart_file(body) == read_chart_file(body[3:]) == read_chart_file(chart_csv(top(3)))


def test_columns_may_stand_in_any_order_and_others_are_left_out() -> None:
    names = [*reversed(columns()), "new_column"]
    values = file_row(1, new_column="x")
    body = f"{','.join(names)}\n{','.join(values[name] for name in names)}\n".encode()

    assert read_chart_file(body) == read_chart_file(chart_csv([file_row(1)]))


def test_names_are_kept_in_any_script_and_empty_ones_are_unknown() -> None:
    rows = [
        file_row(1, track_name="Kjærlighet, «ja»", artist_names="宇多田ヒカル", source=' "Q" '),
        file_row(2, track_name="", artist_names="", source=" "),
    ]

    first, second = read_chart_file(chart_csv(rows)).rows
    names = ("track_name", "artist_names", "source")
    assert [first[name] for name in names] == ["Kjærlighet, «ja»", "宇多田ヒカル", '"Q"']
    assert [second[name] for name in names] == [None, None, None]


# What is refused.


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("rank", "0", "a whole number above 0"),
        ("rank", "1.0", "a whole number above 0"),
        ("rank", "", "a whole number above 0"),
        ("rank", "-1", "a whole number above 0"),
        ("rank", "1234567890", "a whole number above 0"),
        ("uri", track_id(1), "spotify:track: and 22 letters and digits"),
        ("uri", f"spotify:episode:{track_id(1)}", "spotify:track: and 22 letters and digits"),
        ("uri", f"spotify:track:{track_id(1)}x", "spotify:track: and 22 letters and digits"),
        ("peak_rank", "-1", "a whole number above 0"),
        ("previous_rank", "0", "a whole number above 0, or -1 for none"),
        ("previous_rank", "-2", "a whole number above 0, or -1 for none"),
        ("previous_rank", "new", "a whole number above 0, or -1 for none"),
        ("days_on_chart", "0", "a whole number above 0"),
        ("days_on_chart", "many", "a whole number above 0"),
        ("streams", "1,234", "a whole number"),
        ("streams", "-1", "a whole number"),
        ("streams", "", "a whole number"),
        ("streams", "1234567890123456789", "a whole number"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(column: str, value: str, expected: str) -> None:
    body = chart_csv([file_row(1), file_row(2, **{column: value}), file_row(3)])

    assert refusal(body) == (
        f"The chart cannot be read: row 3: {column} is {value!r}, expected {expected}."
    )


@pytest.mark.parametrize("streams", ["0", "999999999999999999"])
def test_the_least_and_the_most_streams_are_read(streams: str) -> None:
    (row,) = read_chart_file(chart_csv([file_row(1, streams=streams)])).rows

    assert row["streams"] == int(streams)


def test_every_field_is_named_and_the_text_names_five() -> None:
    bad = [file_row(rank, uri="none", streams="?") for rank in range(1, 5)]

    with pytest.raises(ChartFileError) as caught:
        read_chart_file(chart_csv(bad))
    assert [each.partition(" is ")[0] for each in caught.value.problems] == [
        f"row {line}: {column}" for line in range(2, 6) for column in ("uri", "streams")
    ]
    text = str(caught.value)
    assert text.startswith("The chart cannot be read: row 2: uri is 'none', expected ")
    assert text.count("row ") == 5
    assert text.endswith("; and 3 more.")


def test_the_sixth_is_counted() -> None:
    text = refusal(chart_csv([file_row(rank, uri="none") for rank in range(1, 7)]))

    assert text.count("row ") == 5
    assert text.endswith("; and 1 more.")


def test_exactly_five_are_named_without_more() -> None:
    text = refusal(chart_csv([file_row(rank, uri="none") for rank in range(1, 6)]))

    assert text.count("row ") == 5
    assert "more" not in text


def test_an_endless_value_is_shown_in_part() -> None:
    assert "'" + "x" * 37 + "...'" in refusal(chart_csv([file_row(1, uri="x" * 9000)]))


def test_a_row_that_is_cut_off_or_too_long_is_named() -> None:
    whole = chart_csv(top(2), newline="\n")

    cut = whole.rpartition(b",")[0]
    assert refusal(cut) == "The chart cannot be read: row 3: streams is missing."
    longer = whole.rstrip(b"\n") + b",7\n"
    assert refusal(longer) == (
        "The chart cannot be read: row 3: it has more fields than the header."
    )


def test_a_file_that_is_cut_off_within_quotes_is_no_csv() -> None:
    whole = chart_csv([file_row(1), file_row(2, artist_names="One, Two")])

    assert "it is no CSV (unexpected end of data)" in refusal(whole[: whole.index(b", Two")])


@pytest.mark.parametrize("body", [chart_csv([]), chart_csv([])[:-2]])
def test_a_file_without_rows_is_refused(body: bytes) -> None:
    assert is_chart_file(body)
    assert refusal(body) == "The chart has no rows; download it again."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf",
        b"\n\n",
        b"PK\x03\x04 a zip's bytes \xff",
        b'{"rank": 1}',
        chart_csv(top(1)).decode("utf-8-sig").encode("utf-16"),
        chart_csv(top(1)).replace(b",", b";"),
        chart_csv(top(1)).replace(b"streams", b"plays"),
        chart_csv(top(1)).replace(b"days_on_chart", b"days"),
        chart_csv(top(1)).replace(b"source", b"weeks_on_chart"),
        chart_csv(top(1)).replace(b"days_on_chart", b"days_on_chart,weeks_on_chart"),
        chart_csv(top(1)).replace(b"streams", b"streams,rank"),
        b'"rank' + chart_csv(top(1)),
        b"x" * 200_000,  # more than a field of CSV may have
    ],
)
def test_what_is_no_chart_is_refused_with_what_is_expected(body: bytes) -> None:
    assert not is_chart_file(body)
    assert refusal(body) == f"This is no chart. {EXPECTED}"


def test_a_chart_in_another_encoding_is_refused() -> None:
    body = chart_csv([file_row(1, track_name="Kjærlighet")]).decode("utf-8-sig").encode("latin-1")

    assert is_chart_file(body)
    assert refusal(body) == f"This is no text in UTF-8. {EXPECTED}"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tail: bytes) -> None:
    body = chart_csv([file_row(1)]) + tail
    try:
        rows = read_chart_file(body).rows
    except ChartFileError:
        return
    assert rows[0]["rank"] == 1


# Whose chart it is, and of which day.


@pytest.mark.parametrize(
    ("name", "chart", "day"),
    [
        ("regional-no-daily-2026-11-20.csv", "daily-NO", date(2026, 11, 20)),
        ("regional-global-weekly-2026-03-05.csv", "weekly-GLOBAL", date(2026, 3, 5)),
        ("regional-no-daily-2026-11-20 (1).csv", "daily-NO", date(2026, 11, 20)),
        ("regional-no-daily-2026-11-20(12).csv", "daily-NO", date(2026, 11, 20)),
        ("Regional-NO-daily-2026-11-20.CSV", "daily-NO", date(2026, 11, 20)),
    ],
)
def test_a_name_tells(name: str, chart: str, day: date) -> None:
    told = name_of(name)

    assert (told.chart, told.chart_date) == (chart, day)
    assert name_of(name, chart, day.isoformat()) == told
    assert str(told) == f"{chart} of {day}"


@pytest.mark.parametrize(
    "name",
    [
        "chart.csv",
        "viral-no-daily-2026-11-20.csv",
        "regional-nor-daily-2026-11-20.csv",
        "regional-no-monthly-2026-11-20.csv",
        "regional-no-daily-latest.csv",
        "regional-no-daily-2026-11-20.csv.txt",
        "my-regional-no-daily-2026-11-20.csv",
        "regional-no-daily-2026-11-20\n.csv",
    ],
)
def test_a_name_that_does_not_tell_is_refused_until_a_person_does(name: str) -> None:
    for chart, day, missing in (
        (None, None, "--chart and --date"),
        ("daily-NO", None, "--date"),
        (None, "2026-11-20", "--chart"),
    ):
        with pytest.raises(ChartFileError) as caught:
            name_of(name, chart, day)
        assert str(caught.value) == (
            f"The name {name!r} does not say whose chart it is and of which day, as "
            f"regional-no-daily-2026-11-20.csv does. Give {missing}, like --chart daily-NO "
            "--date 2026-11-20, or the name that it was downloaded under."
        )
    assert name_of(name, "daily-NO", "2026-11-20") == NORWAY


@pytest.mark.parametrize(
    ("chart", "day", "sentence"),
    [
        (
            "NO",
            "2026-11-20",
            "--chart is 'NO'; expected a cadence and a country, like daily-NO or weekly-GLOBAL.",
        ),
        ("daily-no", "2026-11-20", "--chart is 'daily-no'; expected a cadence and a country"),
        ("daily-NOX", "2026-11-20", "--chart is 'daily-NOX'; expected a cadence and a country"),
        ("daily-XX", "2026-11-20", "There is no country XX; a chart is a country's or GLOBAL."),
        ("daily-NO", "2026-11-31", "--date: '2026-11-31' is not a date; write it like 2026-11-21"),
        ("daily-NO", "20.11.2026", "--date: '20.11.2026' is not a date"),
    ],
)
def test_what_a_person_says_wrongly_is_refused(chart: str, day: str, sentence: str) -> None:
    with pytest.raises(ChartFileError) as caught:
        name_of("chart.csv", chart, day)
    assert str(caught.value).startswith(sentence)


def test_a_name_with_no_date_or_country_of_the_world_is_refused() -> None:
    with pytest.raises(ChartFileError, match=r"The name 'reg.*': '2026-11-31' is not a date"):
        name_of("regional-no-daily-2026-11-31.csv")
    with pytest.raises(ChartFileError, match="There is no country XX"):
        name_of("regional-xx-daily-2026-11-20.csv")


@pytest.mark.parametrize(
    ("chart", "day", "told"),
    [
        ("daily-SE", None, "daily-SE of 2026-11-20"),
        ("weekly-NO", "2026-11-20", "weekly-NO of 2026-11-20"),
        (None, "2026-11-19", "daily-NO of 2026-11-19"),
    ],
)
def test_a_person_who_contradicts_the_name_is_asked(
    chart: str | None, day: str | None, told: str
) -> None:
    with pytest.raises(ChartFileError) as caught:
        name_of(NAME, chart, day)
    assert str(caught.value) == (
        f"The name {NAME!r} says that it is daily-NO of 2026-11-20, and not {told}. Leave --chart "
        "and --date out, or rename the file where its name is wrong."
    )


def test_a_file_that_cannot_be_what_it_is_said_to_be_is_refused() -> None:
    weekly = read_chart_file(chart_csv(top(1), "weekly"))
    with pytest.raises(ChartFileError) as caught:
        check(weekly, NORWAY, date(2026, 11, 21))
    assert str(caught.value) == (
        "It is said to be daily-NO of 2026-11-20, but its column weeks_on_chart makes it a weekly "
        "chart."
    )
    daily = read_chart_file(chart_csv(top(1)))
    check(daily, NORWAY, date(2026, 11, 20))
    with pytest.raises(ChartFileError) as caught:
        check(daily, NORWAY, date(2026, 11, 19))
    assert str(caught.value) == (
        "It is said to be daily-NO of 2026-11-20, which lies in the future (today is 2026-11-19, "
        "UTC)."
    )


# Rows of the table.


def entries_of(*rows: dict[str, str], cadence: str = "daily") -> list[dict[str, Any]]:
    name = ChartName(cadence, "NO", date(2026, 11, 20))
    file = read_chart_file(chart_csv(rows, cadence))
    return chart_entries(file, name, observed_at=NOW, raw_key="raw/one")


def test_a_row_of_chart_entries_has_all_that_a_file_says_and_nothing_more() -> None:
    rows = entries_of(file_row(7, 3, peak_rank=2, previous_rank=9, streams=12_345_678_901))

    (row,) = encode_rows(rows, SCHEMAS["chart_entries"], "a key").to_pylist()
    assert {name: value for name, value in row.items() if value is not None} == {
        "chart": "daily-NO",
        "country": "NO",
        "chart_date": date(2026, 11, 20),
        "position": 7,
        "track_id": track_id(3),
        "track_name": "Track 3",
        "artist_names": ["Artist 3"],
        "streams": 12_345_678_901,
        "provider": "spotify_chart_file",
        "date_basis": "stated",
        "observed_at": NOW.replace(tzinfo=None),
        "raw_key": "raw/one",
        "previous_position": 9,
        "peak_position": 2,
        "days_on_chart": 13,
        "artist_credit": "Artist 3",
        "label": "Label 3",
    }


def test_a_weeks_row_counts_weeks() -> None:
    (row,) = entries_of(file_row(1, previous_rank=-1), cadence="weekly")

    assert (row["chart"], row["weeks_on_chart"], row["days_on_chart"]) == ("weekly-NO", 2, None)
    assert row["previous_position"] is None


@pytest.mark.parametrize(
    ("given_names", "names"),
    [
        ("Tyler, The Creator", None),
        ("Kendrick Lamar, SZA", None),
        ("Björk", ["Björk"]),
        ("Simon & Garfunkel", ["Simon & Garfunkel"]),
        ("", None),
    ],
)
def test_artists_are_not_guessed_at(given_names: str, names: list[str] | None) -> None:
    (row,) = entries_of(file_row(1, artist_names=given_names))

    assert row["artist_names"] == names
    assert row["artist_credit"] == (given_names or None)


def test_a_real_days_charts_are_read_as_files() -> None:
    if not REAL_CHARTS.is_file():
        pytest.skip(f"the real charts are not there: {REAL_CHARTS.name} in ../shared/data")
    charts: dict[str, list[dict[str, str]]] = defaultdict(list)
    with REAL_CHARTS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            charts[row["country"]].append(row)

    for country, listed in charts.items():
        rows = [
            file_row(
                int(row["daily_rank"]),
                uri=f"spotify:track:{row['spotify_id']}",
                artist_names=row["artists"],
                track_name=row["name"],
            )
            for row in listed
        ]
        name = name_of(f"regional-{country.lower()}-daily-2025-02-18.csv")
        read = read_chart_file(chart_csv(rows))
        check(read, name, date(2025, 2, 19))
        entries = chart_entries(read, name, observed_at=NOW, raw_key="raw/one")
        assert name.country == country
        assert [
            (str(e["position"]), e["track_id"], e["track_name"] or "", e["artist_credit"] or "")
            for e in entries
        ] == [
            (r["daily_rank"], r["spotify_id"], r["name"].strip(), r["artists"].strip())
            for r in listed
        ]
    assert len(charts) == 72
