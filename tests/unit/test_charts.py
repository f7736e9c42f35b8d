"""Charts: the chart list, the choice of charts, and what a chart showed on a day."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from soundlake.charts import (
    Chart,
    ChartDay,
    ChartListError,
    Hole,
    UnknownChartError,
    chart_day,
    next_page,
    parse_chart_list,
    read_playlist,
    select,
    shown_tracks,
)
from soundlake.spotify.errors import BadAnswerError

from tests.unit.helpers import (
    CHART_COLUMNS,
    NEW_SHAPE,
    NORWAY,
    NORWAY_CHART,
    NOW,
    OLD_SHAPE,
    album,
    chart_list,
    chart_row,
    entry,
    episode,
    local_file,
    page,
    playlist,
    playlist_id,
    track,
    track_id,
    without,
)

CHART = Chart(**NORWAY_CHART, enabled=True)


def day_of(*items: Any) -> ChartDay:
    """The chart day of a playlist of these items."""
    return day_of_pages([playlist(items)])


def day_of_pages(pages: Sequence[Any]) -> ChartDay:
    return chart_day(
        read_playlist(pages, NORWAY).entries,
        chart=CHART,
        chart_date=date(2026, 11, 21),
        observed_at=NOW,
        raw_key="raw/one",
    )


# The chart list.


def test_a_chart_list_is_read_in_its_order() -> None:
    text = chart_list(
        chart_row("daily-NO", country_name="Norway", playlist_id=NORWAY),
        chart_row("weekly-GLOBAL", enabled="false"),
    )

    charts = parse_chart_list(text)

    assert charts == [
        Chart(
            chart="daily-NO",
            country="NO",
            country_name="Norway",
            cadence="daily",
            playlist_id=NORWAY,
            enabled=True,
        ),
        Chart(
            chart="weekly-GLOBAL",
            country="GLOBAL",
            country_name="Country GLOBAL",
            cadence="weekly",
            playlist_id=playlist_id("wGLOBAL"),
            enabled=False,
        ),
    ]


def test_columns_may_stand_in_any_order_among_others() -> None:
    columns = ("note", *reversed(CHART_COLUMNS))
    text = chart_list(chart_row(note="mine"), columns=columns)

    assert parse_chart_list(text) == parse_chart_list(chart_list(chart_row()))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_spreadsheets_write_is_read(mark: str, ending: str) -> None:
    text = mark + chart_list(chart_row(country_name='"Norway", the country')).replace("\n", ending)

    (chart,) = parse_chart_list(text)

    assert chart.country_name == '"Norway", the country'


def test_blanks_around_values_and_blank_lines_do_not_matter() -> None:
    text = chart_list(chart_row(country_name="  Norway ", enabled=" true")) + "\n\n"

    (chart,) = parse_chart_list(text)

    assert (chart.country_name, chart.enabled) == ("Norway", True)


def test_old_line_endings_are_read() -> None:
    text = chart_list(chart_row()).replace("\n", "\r")

    assert len(parse_chart_list(text)) == 1


def test_what_is_not_csv_is_refused_with_a_sentence() -> None:
    endless = "x" * 200_000

    with pytest.raises(ChartListError, match="not CSV"):
        parse_chart_list(chart_list(chart_row(country_name=endless)))


@pytest.mark.parametrize("good", [0, 1, 5])
def test_what_is_not_csv_is_named_with_its_row(good: int) -> None:
    rows = [chart_row(f"daily-{letter}O") for letter in "ABCDE"[:good]]
    text = chart_list(*rows, chart_row(country_name="x" * 200_000))

    with pytest.raises(ChartListError) as refused:
        parse_chart_list(text)

    assert str(refused.value) == (
        f"The chart list is not CSV near row {good + 2}: field larger than field limit (131072)."
    )


@pytest.mark.parametrize("column", CHART_COLUMNS)
def test_a_missing_column_is_named(column: str) -> None:
    text = chart_list(chart_row(), columns=[name for name in CHART_COLUMNS if name != column])

    with pytest.raises(ChartListError) as refused:
        parse_chart_list(text)

    assert str(refused.value) == f"The chart list lacks the column {column!r}."


@pytest.mark.parametrize("text", ["", "\ufeff", "\n\n"])
def test_an_empty_file_lacks_its_columns(text: str) -> None:
    with pytest.raises(ChartListError) as refused:
        parse_chart_list(text)

    assert str(refused.value) == "The chart list lacks the column 'chart'."


def test_a_chart_may_have_no_playlist() -> None:
    """Then other sources are asked for it."""
    (chart,) = parse_chart_list(chart_list(chart_row(playlist_id="")))

    assert chart.playlist_id == ""


PLAYLIST = "22 letters and digits, or nothing where Spotify is not to be asked"


def test_a_list_without_rows_is_refused() -> None:
    with pytest.raises(ChartListError) as refused:
        parse_chart_list(chart_list())

    assert str(refused.value) == "The chart list has no rows."


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("chart", "NO", "its cadence and country, like daily-NO"),
        ("chart", "Daily-NO", "its cadence and country, like daily-NO"),
        ("chart", "", "its cadence and country, like daily-NO"),
        ("country", "no", "an ISO 3166-1 alpha-2 code in capitals, or GLOBAL"),
        ("country", "NOR", "an ISO 3166-1 alpha-2 code in capitals, or GLOBAL"),
        ("country", "", "an ISO 3166-1 alpha-2 code in capitals, or GLOBAL"),
        ("country_name", "", "a name"),
        ("country_name", "   ", "a name"),
        ("cadence", "hourly", "daily or weekly"),
        ("cadence", "Daily", "daily or weekly"),
        ("playlist_id", "short", PLAYLIST),
        ("playlist_id", NORWAY + "0", PLAYLIST),
        ("playlist_id", "spotify:playlist:12345", PLAYLIST),
        ("enabled", "yes", "true or false"),
        ("enabled", "TRUE", "true or false"),
        ("enabled", "", "true or false"),
    ],
)
def test_a_wrong_field_is_named_with_its_row(field: str, value: str, expected: str) -> None:
    text = chart_list(chart_row("daily-SE"), chart_row("daily-NO", **{field: value}))

    with pytest.raises(ChartListError) as refused:
        parse_chart_list(text)

    assert str(refused.value) == (
        f"The chart list's row 3 has {field} {value.strip()!r}; expected {expected}."
    )


def test_a_row_that_ends_early_is_named_with_its_first_missing_field() -> None:
    text = chart_list(chart_row()) + "daily-SE,SE,Sweden\n"

    with pytest.raises(ChartListError) as refused:
        parse_chart_list(text)

    assert str(refused.value) == (
        "The chart list's row 3 has cadence ''; expected daily or weekly."
    )


@pytest.mark.parametrize(("field", "value"), [("country", "SE"), ("cadence", "weekly")])
def test_a_chart_is_called_by_its_cadence_and_country(field: str, value: str) -> None:
    text = chart_list(chart_row("daily-NO", **{field: value}))

    with pytest.raises(ChartListError) as refused:
        parse_chart_list(text)

    made = "daily-SE" if field == "country" else "weekly-NO"
    assert str(refused.value) == (
        f"The chart list's row 2 calls chart 'daily-NO' what its cadence and country make {made}."
    )


def test_a_chart_that_comes_twice_is_named_with_its_second_row() -> None:
    text = chart_list(chart_row("daily-NO"), chart_row("daily-SE"), chart_row("daily-NO"))

    with pytest.raises(ChartListError) as refused:
        parse_chart_list(text)

    assert str(refused.value) == "The chart list has daily-NO a second time in row 4."


# The choice of charts.


def charts() -> list[Chart]:
    return parse_chart_list(
        chart_list(
            chart_row("daily-NO"),
            chart_row("weekly-NO", enabled="false"),
            chart_row("daily-SE"),
            chart_row("daily-GLOBAL"),
            chart_row("daily-DK", enabled="false"),
        )
    )


def names(chosen: list[Chart]) -> list[str]:
    return [chart.chart for chart in chosen]


def test_without_a_wish_every_enabled_chart_is_read() -> None:
    assert names(select(charts(), None)) == ["daily-NO", "daily-SE", "daily-GLOBAL"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["NO"], ["daily-NO"]),
        (["no"], ["daily-NO"]),
        (["global"], ["daily-GLOBAL"]),
        (["weekly-NO"], ["weekly-NO"]),
        (["WEEKLY-no"], ["weekly-NO"]),
        (["daily-DK"], ["daily-DK"]),
        (["SE", "NO"], ["daily-SE", "daily-NO"]),
        (["NO", "daily-NO", "no"], ["daily-NO"]),
        ([], []),
    ],
)
def test_a_wish_names_countries_or_charts(wanted: list[str], expected: list[str]) -> None:
    assert names(select(charts(), wanted)) == expected


def test_a_country_means_each_of_its_enabled_charts() -> None:
    both = parse_chart_list(chart_list(chart_row("daily-NO"), chart_row("weekly-NO")))

    assert names(select(both, ["NO"])) == ["daily-NO", "weekly-NO"]


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("XX", "the chart list has none"),
        ("monthly-NO", "the chart list has none"),
        ("", "the chart list has none"),
        ("DK", "its charts are switched off"),
    ],
)
def test_an_unknown_chart_is_refused_with_the_reason(wanted: str, why: str) -> None:
    with pytest.raises(UnknownChartError) as refused:
        select(charts(), ["NO", wanted])

    assert str(refused.value) == (
        f"No chart for {wanted!r}: {why}. Name a country like NO or a chart like weekly-NO; "
        "./soundlake charts shows them all."
    )


# A chart day.


@pytest.mark.parametrize("shape", [NEW_SHAPE, OLD_SHAPE])
def test_an_entry_becomes_a_row_in_both_shapes(shape: str) -> None:
    day = day_of_pages([playlist([track(7, explicit=True)], shape=shape)])

    assert day.entries == [
        {
            "chart": "daily-NO",
            "country": "NO",
            "chart_date": "2026-11-21",
            "position": 1,
            "track_id": track_id(7),
            "track_name": "Track 7",
            "artist_ids": ["artist0000000000000007"],
            "artist_names": ["Artist 7"],
            "album_id": "album00000000000000007",
            "album_name": "Album 7",
            "album_release_date": "2026-10",
            "explicit": True,
            "duration_ms": 180_007,
            "popularity": 50,
            "streams": None,
            "provider": "spotify",
            "date_basis": "assumed",
            "added_at": "2026-11-20T12:00:00Z",
            "observed_at": "2026-11-21T09:18:00.000Z",
            "raw_key": "raw/one",
        }
    ]
    assert day.holes == []
    assert [found.id for found in day.tracks] == [track_id(7)]


def test_several_artists_stay_in_spotifys_order() -> None:
    others = [{"id": "artistB", "name": "B"}, {"id": "artistA", "name": "A"}]

    (row,) = day_of(track(1, artists=others)).entries

    assert row["artist_ids"] == ["artistB", "artistA"]
    assert row["artist_names"] == ["B", "A"]


def test_pages_continue_the_positions() -> None:
    pages = [playlist([track(1), track(2)]), page([track(3)]), page([track(4)], shape=OLD_SHAPE)]

    day = day_of_pages(pages)

    assert [(row["position"], row["track_name"]) for row in day.entries] == [
        (1, "Track 1"),
        (2, "Track 2"),
        (3, "Track 3"),
        (4, "Track 4"),
    ]


def test_a_page_counts_from_the_offset_that_it_states() -> None:
    pages = [playlist([track(1)], offset=0), page([track(2), None], offset=7), page([track(3)])]

    day = day_of_pages(pages)

    assert [row["position"] for row in day.entries] == [1, 8, 10]
    assert day.holes == [Hole(9)]


def test_two_hundred_entries_in_pages_are_one_day() -> None:
    tracks = [track(number) for number in range(1, 201)]
    pages = [playlist(tracks[:100], total=200, offset=0), page(tracks[100:], total=200, offset=100)]

    listed = read_playlist(pages, NORWAY)

    assert listed.totals == {200}
    assert [position for position, _ in listed.entries] == list(range(1, 201))


def test_every_total_that_a_page_states_is_known() -> None:
    pages = [playlist([track(1)], total=3), page([track(2)], total=2), page([track(3)])]

    assert read_playlist(pages, NORWAY).totals == {2, 3}


def test_a_relinked_track_counts_under_the_id_that_is_given() -> None:
    linked = {"id": track_id(9), "type": "track", "uri": f"spotify:track:{track_id(9)}"}

    (row,) = day_of(track(1, linked_from=linked)).entries

    assert row["track_id"] == track_id(1)


@pytest.mark.parametrize("images", [None, []])
def test_an_album_without_images_is_no_hole(images: Any) -> None:
    day = day_of(track(1, album=album(1, images=images)))

    assert day.holes == []
    assert day.tracks[0].album.images == (None if images is None else ())


def test_two_albums_of_one_name_stay_two() -> None:
    first, second = album(1, name="Same"), album(2, name="Same")

    rows = day_of(track(1, album=first), track(2, album=second)).entries

    assert [(row["album_id"], row["album_name"]) for row in rows] == [
        (first["id"], "Same"),
        (second["id"], "Same"),
    ]


@pytest.mark.parametrize("released", ["2569-03-01", "1448-06", "\u0662\u0660\u0662\u0666"])
def test_a_release_date_of_another_calendar_stays_as_it_is_given(released: str) -> None:
    (row,) = day_of(track(1, album=album(1, release_date=released))).entries

    assert row["album_release_date"] == released


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_duration_that_is_no_number_makes_a_hole(number: float) -> None:
    day = day_of(track(1, duration_ms=number))

    assert day.entries == []
    assert day.holes == [
        Hole(1, "an unreadable track: duration_ms: input should be a finite number")
    ]


@pytest.mark.parametrize("shape", [NEW_SHAPE, OLD_SHAPE])
def test_a_null_track_is_a_hole_without_a_word(shape: str) -> None:
    day = day_of_pages([playlist([track(1), None, track(3)], shape=shape)])

    assert [row["position"] for row in day.entries] == [1, 3]
    assert day.holes == [Hole(2)]


def test_a_withdrawn_entry_is_a_hole() -> None:
    answer = playlist([track(1), track(2)])
    answer["items"]["items"][0] = entry(None, added_at=None)

    day = day_of_pages([answer])

    assert [row["position"] for row in day.entries] == [2]
    assert day.holes == [Hole(1)]


def test_a_null_in_an_entrys_place_is_a_hole() -> None:
    answer = playlist([track(1), track(2)])
    answer["items"]["items"][0] = None

    assert day_of_pages([answer]).holes == [Hole(1)]


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (episode(), "episode"),
        (local_file(), "local file"),
        (track(1, is_local=True), "local file"),
        ("text", "str"),
        ([], "list"),
    ],
)
def test_what_is_not_a_track_is_a_named_hole(item: Any, kind: str) -> None:
    day = day_of(track(1), item, track(3))

    assert [row["position"] for row in day.entries] == [1, 3]
    assert day.holes == [Hole(2, kind)]


def test_what_names_no_type_is_a_track_if_it_can_be_read_as_one() -> None:
    nameless = [without(track(1), "type"), without(track(2), "type", "name")]

    day = day_of(*nameless)

    assert [row["track_id"] for row in day.entries] == [track_id(1)]
    assert day.holes == [Hole(2, "an unreadable track: name: field required")]
    listed = read_playlist([playlist(nameless)], NORWAY)
    assert [each.id for each in shown_tracks(listed)] == [track_id(1)]


@pytest.mark.parametrize("where", ["entry", "track"])
def test_a_local_file_is_one_wherever_the_answer_says_so(where: str) -> None:
    answer = playlist([track(1, is_local=where == "track"), track(2)])
    answer["items"]["items"][0]["is_local"] = where == "entry"
    listed = read_playlist([answer], NORWAY)

    day = day_of_pages([answer])

    assert [row["position"] for row in day.entries] == [2]
    assert day.holes == [Hole(1, "local file")]
    assert [each.name for each in shown_tracks(listed)] == ["Track 2"]


@pytest.mark.parametrize(
    "field", ["id", "name", "uri", "duration_ms", "explicit", "artists", "album"]
)
def test_a_track_without_a_field_it_needs_is_named_and_the_others_stay(field: str) -> None:
    day = day_of(track(1), without(track(2), field), track(3))

    assert [row["track_name"] for row in day.entries] == ["Track 1", "Track 3"]
    assert day.holes == [Hole(2, f"an unreadable track: {field}: field required")]
    assert [found.name for found in day.tracks] == ["Track 1", "Track 3"]


def test_a_field_inside_is_named_by_its_path() -> None:
    day = day_of(track(1, artists=[{"id": "artist1"}]), track(2, album={}))

    assert day.holes == [
        Hole(1, "an unreadable track: artists.0.name: field required"),
        Hole(2, "an unreadable track: album.name: field required"),
    ]


@pytest.mark.parametrize(
    "changed", [without(track(1), "popularity"), track(1, popularity=None)], ids=["absent", "null"]
)
def test_an_unknown_popularity_is_null_and_not_zero(changed: dict[str, Any]) -> None:
    (row,) = day_of(changed, track(2, popularity=0)).entries[:1]

    assert row["popularity"] is None
    assert day_of(track(2, popularity=0)).entries[0]["popularity"] == 0


def test_an_empty_playlist_has_no_rows() -> None:
    assert day_of() == ChartDay(entries=[], tracks=[], holes=[])


def test_another_playlist_than_asked_is_refused() -> None:
    other = playlist_id("Sweden")

    with pytest.raises(BadAnswerError) as refused:
        read_playlist([playlist([track(1)], ident=other)], NORWAY)

    assert str(refused.value) == f"the playlist: id: {other} instead of {NORWAY}"


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([{}], "the playlist: id: field required"),
        ([[]], "the playlist: the answer: input should be a valid dictionary or instance"),
        ([without(playlist([]), "items")], "the playlist: items: field required"),
        ([playlist([]), {"next": None}], "the playlist's page: items: field required"),
        ([playlist([]) | {"items": {"items": ["x"]}}], "entry 1: the answer: input should be a"),
        ([playlist([], offset=-1)], "the playlist: items.offset: input should be greater than"),
        ([playlist([track(1)]), {"items": [1]}], "entry 2: the answer: input should be a"),
    ],
)
def test_what_is_not_a_playlist_is_refused_with_the_field(
    answers: list[Any], sentence: str
) -> None:
    with pytest.raises(BadAnswerError) as refused:
        read_playlist(answers, NORWAY)

    assert str(refused.value).startswith(sentence)


# What an answer shows, and where it goes on.


FURTHER = "https://api.spotify.test/v1/playlists/x/items?page=2"


@pytest.mark.parametrize("following", [None, FURTHER])
@pytest.mark.parametrize("shape", [NEW_SHAPE, OLD_SHAPE])
def test_the_next_page_stands_in_the_first_page_inside_the_playlist(
    shape: str, following: str | None
) -> None:
    assert next_page(playlist([track(1)], shape=shape, following=following), 1) == following


@pytest.mark.parametrize("following", [None, FURTHER])
@pytest.mark.parametrize("number", [2, 10])
def test_the_next_page_stands_in_a_further_page_itself(number: int, following: str | None) -> None:
    assert next_page(page([track(2)], following), number) == following


def test_what_is_no_page_has_no_next_one() -> None:
    with pytest.raises(BadAnswerError, match=r"^the playlist: "):
        next_page(page([track(1)]), 1)
    with pytest.raises(BadAnswerError, match=r"^the playlist's page: "):
        next_page({"items": None}, 2)


@pytest.mark.parametrize("shape", [NEW_SHAPE, OLD_SHAPE])
def test_the_tracks_that_an_answer_shows_are_those_that_can_be_read(shape: str) -> None:
    unreadable = without(track(3), "name")
    items = [track(1), None, episode(), local_file(), unreadable, track(2), track(1)]

    shown = shown_tracks(read_playlist([playlist(items, shape=shape)], NORWAY))

    assert [each.id for each in shown] == [track_id(number) for number in (1, 2, 1)]
    assert shown[0].album.name == "Album 1"


def test_the_tracks_of_every_page_are_shown() -> None:
    pages = [playlist([track(1)], following=FURTHER), page([None, track(2)])]

    assert [each.id for each in shown_tracks(read_playlist(pages, NORWAY))] == [
        track_id(1),
        track_id(2),
    ]
    assert shown_tracks(read_playlist([playlist([])], NORWAY)) == []
