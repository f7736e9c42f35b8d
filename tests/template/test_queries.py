"""The saved queries, over tables small enough to answer them by hand."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from soundlake.counting import RULES, USUAL, CountingError, counted, of_year

from tests.template.duck import Row, ask
from tests.template.translated import DEFAULT, REPO

QUERIES: dict[str, dict[str, Any]] = {
    properties["Name"]: properties
    for properties in DEFAULT.of_type("AWS::Athena::NamedQuery").values()
}
COLUMNS = {
    "top-tracks": "track artist countries best points",
    "happiest-and-saddest": "mood country valence major_percent",
    "play-with-features": "played_at track artist danceability energy valence tempo loudness",
    "climbers": "country track artist position_before position rise day_before",
    "new-entries": "track artist countries best",
    "longest-stays": "country track artist days first_day last_day best",
    "songs-in-most-countries": "track artist countries percent best",
    "top-artists": "artist places tracks countries best",
    "top-genres": "genre places tracks countries percent",
    "country-distance": "pair country other distance",
    "season-by-hemisphere": "hemisphere season countries charts valence tempo major_percent",
    "explicit-share-by-country": "name places explicit_places percent",
    "release-decades": "decade tracks places percent",
    "my-listening-by-hour": "utc_hour plays tracks percent",
    "my-listening-by-local-hour": "local_hour plays tracks percent",
    "my-top-tracks": "track artist plays hours first_played_at last_played_at",
    "my-top-artists": "artist plays tracks hours last_played_at",
    "my-top-albums": "album artist plays tracks hours last_played_at",
    "my-first-and-last-plays": "artist first_played_at last_played_at plays tracks days",
    "my-genres": "genre plays tracks artists percent",
    "my-podcasts": "show_or_book kind plays parts hours last_played_at",
    "my-countries": "country plays tracks days first_played_at last_played_at",
    "my-platforms": "device plays hours percent last_played_at",
    "my-skip-rate": "utc_year started skipped unknown percent",
    "mood-of-my-days": "utc_day plays known valence energy tempo mood",
    "my-music-in-the-charts": "track artist plays countries best",
    "my-plays-by-month": "utc_month account known plays days unsure_days",
    "certainty-by-month": "utc_month account days confirmed observed provisional gap",
    "open-gaps": "account from_time to_time reason found_at",
    "captures-by-day": "utc_day account attempts without_page new_plays late_plays",
    "missed-days": "chart_date chart status stage error not_before",
    "data-quality": ("chart_date severity chart expectation about observed expected consequence"),
}
EVE, DAY = "2025-01-31", "2025-02-01"


def entry(chart: str, day: str, position: int, track: str, **more: Any) -> Row:
    """A chart's row; track `A` is `Song A` by `Artist A`."""
    row = {
        "chart": chart,
        "country": chart.partition("-")[2],
        "chart_date": day,
        "position": position,
        "track_id": track,
        "track_name": f"Song {track}",
        "artist_ids": [f"id-{track}"],
        "artist_names": [f"Artist {track}", "Guest"],
    }
    return row | more


def entries(chart: str, day: str, tracks: str) -> list[Row]:
    """A chart of one-letter tracks from its first place on; a space is a place without one."""
    return [
        entry(chart, day, place, track) for place, track in enumerate(tracks, 1) if track != " "
    ]


@pytest.fixture
def answer(tmp_path: Path) -> Any:
    def _answer(name: str, **tables: Sequence[Row]) -> list[tuple[Any, ...]]:
        names, rows = ask(tmp_path / "lake", QUERIES[name]["QueryString"], tables)
        assert names == COLUMNS[name].split()
        return rows

    return _answer


#### CHARTS ########################################################################################


def test_top_tracks(answer: Any) -> None:
    charts = [
        *entries("daily-NO", EVE, "C"),
        *entries("daily-NO", DAY, "AB"),
        *entries("daily-SE", DAY, "BA"),
        *entries("daily-FI", DAY, "  D"),
        *entries("daily-GLOBAL", DAY, "C"),
        *entries("weekly-NO", DAY, "C"),
        entry("daily-FI", DAY, 51, "A"),
    ]

    assert answer("top-tracks", chart_entries=charts) == [
        ("Song A", "Artist A", 2, 1, 99),
        ("Song B", "Artist B", 2, 1, 99),
        ("Song D", "Artist D", 1, 3, 48),
    ]


@pytest.mark.parametrize(
    ("query", "artists"),
    [
        ("top-tracks", {"Song A": "One, Two", "Song C": "Artist C"}),
        ("climbers", {"Song A": "One, Two"}),
        ("new-entries", {"Song C": "Artist C"}),
        ("longest-stays", {"Song A": "One, Two", "Song D": "Artist D"}),
        ("songs-in-most-countries", {"Song A": "One, Two", "Song C": "Artist C"}),
    ],
)
def test_a_chart_files_artists_are_named_where_no_answer_names_them_singly(
    query: str, artists: dict[str, str], answer: Any
) -> None:
    of_a_file = {"artist_ids": None, "artist_names": None, "artist_credit": "One, Two"}
    charts = [
        entry("daily-NO", EVE, 6, "A", **of_a_file),
        entry("daily-NO", DAY, 1, "A", **of_a_file),
        entry("daily-NO", DAY, 3, "C", **of_a_file),
        entry("daily-SE", EVE, 1, "D"),
        entry("daily-SE", DAY, 1, "C"),
    ]
    names = COLUMNS[query].split()

    rows = [dict(zip(names, row, strict=True)) for row in answer(query, chart_entries=charts)]
    found = {row["track"]: row["artist"] for row in rows}
    assert {song: found[song] for song in artists} == artists


def test_climbers(answer: Any) -> None:
    charts = [
        # Two days ago is too long ago: since yesterday, B fell.
        *entries("daily-NO", "2025-01-30", "       B"),
        *entries("daily-NO", EVE, "B C      A"),
        *entries("daily-NO", DAY, "ACB"),
        # The day before is the chart's own: this one was last read three days ago.
        *entries("daily-SE", "2025-01-28", "  A"),
        *entries("daily-SE", DAY, "A"),
        # In two places at once, the better one counts.
        *entries("daily-GLOBAL", EVE, "         D"),
        *entries("daily-GLOBAL", DAY, " D D"),
        *entries("daily-FI", "2025-01-30", " E"),
        *entries("daily-FI", EVE, "E"),
        *entries("weekly-NO", "2025-01-25", "   A"),
        *entries("weekly-NO", DAY, "A"),
    ]

    assert answer("climbers", chart_entries=charts) == [
        ("NO", "Song A", "Artist A", 10, 1, 9, EVE),
        ("GLOBAL", "Song D", "Artist D", 10, 2, 8, EVE),
        ("SE", "Song A", "Artist A", 3, 1, 2, "2025-01-28"),
        ("NO", "Song C", "Artist C", 3, 2, 1, EVE),
    ]


def test_new_entries(answer: Any) -> None:
    charts = [
        *entries("daily-NO", "2025-01-30", "C"),
        *entries("daily-NO", EVE, "AB"),
        *entries("daily-NO", DAY, "ACD"),
        *entries("daily-SE", EVE, "A"),
        *entries("daily-SE", DAY, " DC"),
        *entries("daily-DK", EVE, "B"),
        *entries("daily-DK", DAY, "BA"),
        # A chart's first day says nothing about what is new in it.
        *entries("daily-FI", DAY, "EFG"),
        *entries("daily-GLOBAL", EVE, "A"),
        *entries("daily-GLOBAL", DAY, "H"),
        entry("daily-DK", DAY, 3, "I", artist_names=None),
    ]

    assert answer("new-entries", chart_entries=charts) == [
        ("Song C", "Artist C", 2, 2),
        ("Song D", "Artist D", 2, 2),
        ("Song A", "Artist A", 1, 2),
        ("Song I", None, 1, 3),
    ]


def test_longest_stays(answer: Any) -> None:
    charts = [
        *entries("daily-NO", "2025-01-29", "AB"),
        *entries("daily-NO", "2025-01-30", "BA"),
        # 31 January was not read; on 1 February, B was not there.
        *entries("daily-NO", "2025-02-01", " A"),
        *entries("daily-NO", "2025-02-02", "AB"),
        *entries("daily-SE", "2025-02-01", "  A"),
        *entries("daily-SE", "2025-02-02", "A  A"),
        *entries("weekly-SE", "2025-02-02", "C"),
    ]

    assert answer("longest-stays", chart_entries=charts) == [
        ("NO", "Song A", "Artist A", 4, "2025-01-29", "2025-02-02", 1),
        ("NO", "Song B", "Artist B", 2, "2025-01-29", "2025-01-30", 1),
        ("SE", "Song A", "Artist A", 2, "2025-02-01", "2025-02-02", 1),
        ("NO", "Song B", "Artist B", 1, "2025-02-02", "2025-02-02", 2),
    ]


def test_songs_in_most_countries(answer: Any) -> None:
    charts = [
        *entries("daily-NO", EVE, "D"),
        *entries("daily-NO", DAY, "CAA"),
        *entries("daily-SE", DAY, "A B"),
        *entries("daily-FI", DAY, " B"),
        *entries("daily-GLOBAL", DAY, "CBA"),
    ]

    assert answer("songs-in-most-countries", chart_entries=charts) == [
        ("Song A", "Artist A", 2, 66.7, 1),
        ("Song B", "Artist B", 2, 66.7, 2),
        ("Song C", "Artist C", 1, 33.3, 1),
    ]


def test_top_artists(answer: Any) -> None:
    same = {"artist_ids": ["id-A"], "artist_names": ["Artist A"]}
    charts = [
        *entries("daily-NO", EVE, "CCCC"),
        entry("daily-NO", DAY, 2, "A"),
        entry("daily-NO", DAY, 3, "B", **same),
        entry("daily-SE", DAY, 1, "A"),
        # A guest's places are not an artist's own, and an unknown artist is nobody's.
        entry("daily-SE", DAY, 2, "C", artist_ids=["id-C", "id-A"]),
        entry("daily-SE", DAY, 3, "D", artist_ids=[], artist_names=[]),
        entry("daily-SE", DAY, 4, "E", artist_ids=None, artist_names=["Artist E"]),
        entry("daily-GLOBAL", DAY, 1, "C"),
    ]

    assert answer("top-artists", chart_entries=charts) == [
        ("Artist A", 3, 2, 2, 1),
        ("Artist C", 1, 1, 1, 2),
        ("Artist E", 1, 1, 1, 4),
    ]


def test_explicit_share_by_country(answer: Any) -> None:
    charts = [
        entry("daily-NO", EVE, 1, "A", explicit=True),
        entry("daily-NO", DAY, 1, "A", explicit=True),
        entry("daily-NO", DAY, 2, "B", explicit=False),
        entry("daily-NO", DAY, 3, "C", explicit=False),
        entry("daily-NO", DAY, 4, "D", explicit=None),
        entry("daily-SE", DAY, 1, "A", explicit=True),
        entry("daily-FI", DAY, 1, "A", explicit=None),
        entry("daily-DK", DAY, 1, "B", explicit=False),
        entry("daily-GLOBAL", DAY, 1, "A", explicit=True),
    ]
    names = [profile("NO", DAY, country_name="Norway"), profile("NO", EVE, country_name="Norge")]

    assert answer("explicit-share-by-country", chart_entries=charts, country_profiles=names) == [
        ("SE", 1, 1, 100.0),
        ("Norway", 3, 1, 33.3),
        ("DK", 1, 0, 0.0),
        ("FI", 0, 0, None),
    ]


def test_release_decades(answer: Any) -> None:
    dates = ["2024-11-19", "2019", "2020-01", "1999-12-31", "0000", None, "soon", "2025-01-01"]
    charts = [
        entry("daily-NO", DAY, place, f"T{place}", album_release_date=released)
        for place, released in enumerate(dates, 1)
    ]
    charts += [
        entry("daily-SE", DAY, 1, "T1", album_release_date="2024-11-19"),
        entry("daily-SE", EVE, 1, "T9", album_release_date="1975"),
        entry("daily-GLOBAL", DAY, 1, "T9", album_release_date="1975"),
    ]

    assert answer("release-decades", chart_entries=charts) == [
        (2020, 3, 4, 44.4),
        (2010, 1, 1, 11.1),
        (1990, 1, 1, 11.1),
        (None, 3, 3, 33.3),
    ]


#### COUNTRIES #####################################################################################

MEANS = [
    f"{name}_mean"
    for name in (
        "danceability",
        "energy",
        "loudness",
        "speechiness",
        "acousticness",
        "instrumentalness",
        "liveness",
        "valence",
        "tempo",
    )
]


def profile(country: str, day: str = DAY, chart: str = "daily", **more: Any) -> Row:
    """A country's profile: every mean 0.1 unless another is given."""
    row = {
        "chart": f"{chart}-{country}",
        "country": country,
        "country_name": f"The {country}",
        "chart_date": day,
    }
    return row | dict.fromkeys(MEANS, 0.1) | more


def test_happiest_and_saddest(answer: Any) -> None:
    profiles = [profile(f"C{n}", valence_mean=n / 100, major_share=n / 16) for n in range(12)]
    profiles += [
        profile("NO", valence_mean=None),
        profile("GLOBAL", valence_mean=0.99),
        profile("SE", EVE, valence_mean=0.99),
    ]

    rows = answer("happiest-and-saddest", country_profiles=profiles)
    assert [row[:3] for row in rows] == [
        ("happiest" if n >= 7 else "saddest", f"The C{n}", n / 100)
        for n in (11, 10, 9, 8, 7, 4, 3, 2, 1, 0)
    ]
    assert [row[3] for row in rows] == [69.0, 63.0, 56.0, 50.0, 44.0, 25.0, 19.0, 13.0, 6.0, 0.0]


def test_country_distance(answer: Any) -> None:
    # Valence 0, 0, 3, 3 deviates by 1.5; tempo 100, 108, 108, 100 by 4; nothing else differs.
    profiles = [
        profile("AA", valence_mean=0.0, tempo_mean=100.0),
        profile("BB", valence_mean=0.0, tempo_mean=108.0),
        profile("CC", valence_mean=3.0, tempo_mean=108.0),
        profile("DD", valence_mean=3.0, tempo_mean=100.0),
        profile("EE", valence_mean=None, tempo_mean=50.0),
        profile("FF", tempo_mean=50.0, energy_mean=None),
        profile("GLOBAL", valence_mean=0.5),
        profile("AA", EVE, valence_mean=9.0),
        profile("AA", chart="weekly", valence_mean=9.0),
    ]

    side, diagonal = 2.0, 2.828
    assert answer("country-distance", country_profiles=profiles) == [
        ("most alike", "The AA", "The BB", side),
        ("most alike", "The AA", "The DD", side),
        ("most alike", "The BB", "The CC", side),
        ("most alike", "The CC", "The DD", side),
        ("most alike", "The AA", "The CC", diagonal),
        ("least alike", "The BB", "The DD", diagonal),
    ]


def test_country_distance_names_five_of_each_end(answer: Any) -> None:
    # Along one line, the nearest lie side by side and the farthest at its two ends.
    profiles = [profile(f"C{n}", energy_mean=2.0**n) for n in range(6)]

    rows = answer("country-distance", country_profiles=profiles)
    pairs = [(pair, a[-1] + b[-1]) for pair, a, b, _ in rows]
    assert pairs == [
        *(("most alike", each) for each in ("01", "12", "02", "23", "13")),
        *(("least alike", each) for each in ("45", "35", "25", "15", "05")),
    ]


def test_season_by_hemisphere(answer: Any) -> None:
    north = {"hemisphere": "north", "season": "winter"}
    south = {"hemisphere": "south", "season": "summer"}
    profiles = [
        profile("NO", EVE, **north, valence_mean=0.4, tempo_mean=120.0, major_share=0.5),
        profile("NO", DAY, **north, valence_mean=0.5, tempo_mean=121.0, major_share=None),
        profile("SE", DAY, **north, valence_mean=None, tempo_mean=None, major_share=0.75),
        profile("NO", "2025-04-01", hemisphere="north", season="spring", valence_mean=0.7),
        profile("AR", DAY, **south, valence_mean=0.6, tempo_mean=100.0, major_share=0.6),
        profile("AR", DAY, chart="weekly", **south, valence_mean=0.1),
        profile("GLOBAL", DAY, valence_mean=0.9),
    ]

    assert answer("season-by-hemisphere", country_profiles=profiles) == [
        ("north", "winter", 2, 3, 0.45, 120.5, 62.5),
        ("north", "spring", 1, 1, 0.7, 0.1, None),
        ("south", "summer", 1, 1, 0.6, 100.0, 60.0),
    ]


#### LISTENING #####################################################################################


def play(at: str, track: str | None, **more: Any) -> Row:
    row = {
        "account": "me",
        "played_at": at,
        "uri": f"spotify:track:{track}" if track else "spotify:local:x",
        "track_id": track,
        "track_name": f"Song {track}" if track else "Tape",
        "artist_ids": [f"id-{track}"] if track else [None],
        "artist_names": [f"Artist {track}", "Guest"] if track else ["Neighbour"],
    }
    return row | more


PLAYS = [
    play("2025-01-31T23:10:00", "A"),
    play("2025-02-01T08:00:00", "A"),
    play("2025-02-01T08:59:59", "B"),
    play("2025-02-01T00:05:00", "B"),
    play("2025-02-01T08:30:00", None),
    play("2025-02-02T08:30:00", "C", artist_ids=["id-A"], artist_names=["Artist A"]),
    play("2025-02-02T09:30:00", "D", artist_ids=None, artist_names=None),
]


def test_play_with_features(answer: Any) -> None:
    features = [
        {"track_id": "A", "source": "spotify", "valence": 0.25, "energy": 0.5, "tempo": 120.5},
        {"track_id": "B", "source": "spotify", "valence": 0.75},
        {"track_id": "C", "source": None},
    ]

    assert answer("play-with-features", plays=PLAYS, audio_features=features[::2]) == [
        ("2025-02-01 08:00:00", "Song A", "Artist A", None, 0.5, 0.25, 120.5, None)
    ]
    assert answer("play-with-features", plays=PLAYS, audio_features=features)[0][1] == "Song B"


def test_plays_that_only_name_their_track_are_joined_by_name(answer: Any) -> None:
    named = {"track_id": None, "name_key": "artist a / song a"}
    plays = [PLAYS[-1], play("2025-02-03T10:00:00", "A", artist_names=["Artist A"]) | named]
    names = [
        {"name_key": "artist a / song a", "track_id": "A"},
        {"name_key": "artist b / song b", "track_id": None},
    ]
    tables = {"plays": plays, "track_names": names}
    features = [{"track_id": "A", "source": "spotify", "valence": 0.25}]
    charts = entries("daily-NO", DAY, " A")

    (heard,) = answer("play-with-features", audio_features=features, **tables)
    assert heard[0] == "2025-02-03 10:00:00"
    assert answer("my-music-in-the-charts", chart_entries=charts, **tables) == [
        ("Song A", "Artist A", 1, 1, 2)
    ]


def test_my_listening_by_hour(answer: Any) -> None:
    assert answer("my-listening-by-hour", plays=PLAYS) == [
        (0, 1, 1, 14.3),
        (8, 4, 4, 57.1),
        (9, 1, 1, 14.3),
        (23, 1, 1, 14.3),
    ]


HOUR = 3_600_000  # ms
# A history of two years: one track that two sources tell of under two URIs, one of them as a text
# alone, one that was hardly heard, a part of a podcast and one of a book.
HISTORY = [
    play("2024-12-31T23:30:00", "A", ms_played=2 * HOUR, country="NO", album_name="Album A")
    | {"counts_30s": True, "counts_to_end": True, "counts_half": True, "kind": "track"}
    | {"local_time": "2025-01-01T00:30:00", "platform": "iOS 15.1 (iPhone13,2)"}
    | {"reason_end": "trackdone", "skipped": False},
    play("2025-01-01T22:30:00", "A2", track_name="Song A", artist_names=["Artist A"])
    | {"counts_30s": True, "counts_to_end": False, "counts_half": True, "kind": "track"}
    | {"ms_played": HOUR, "country": "SE", "album_name": "Album A", "skipped": False}
    | {"local_time": "2025-01-01T23:30:00", "platform": "ios", "reason_end": "fwdbtn"},
    # Only named: how long, where and on what, nobody knows, nor whether it counts.
    play("2025-01-02T22:30:00", "A", uri=None, track_id=None, artist_ids=None)
    | {"name_key": "artist a song a", "duration_ms": HOUR},
    play("2025-01-03T08:30:00", "B", ms_played=1_000, country="SE", kind="track", skipped=True)
    | {"counts_30s": False, "counts_to_end": False, "counts_half": False}
    | {"local_time": "2025-01-03T09:30:00", "platform": "web_player windows 10;chrome 87.0"},
    play("2025-01-04T08:30:00", "E", uri="spotify:episode:E", track_id=None, kind="episode")
    | {"counts_30s": True, "album_name": "A show", "artist_names": None, "ms_played": HOUR}
    | {"local_time": "2025-01-04T09:30:00", "platform": "Partner google cast_tv;Chromecast"},
    play("2025-01-05T08:30:00", "F", uri="spotify:episode:F", track_id=None, kind="episode")
    | {"counts_30s": True, "album_name": "A show", "artist_names": None, "ms_played": HOUR},
    play("2025-01-05T10:30:00", "G", uri="spotify:chapter:G", track_id=None, kind="chapter")
    | {"counts_30s": True, "album_name": "A book", "artist_names": None, "ms_played": 2 * HOUR}
    | {"platform": "not_applicable"},
]


def test_my_listening_by_local_hour(answer: Any) -> None:
    assert answer("my-listening-by-local-hour", plays=HISTORY) == [
        (0, 1, 1, 16.7),
        (9, 1, 1, 16.7),
        (23, 1, 1, 16.7),
        (None, 3, 3, 50.0),
    ]


def test_my_top_tracks(answer: Any) -> None:
    assert answer("my-top-tracks", plays=[*HISTORY, PLAYS[4]]) == [
        ("Song A", "Artist A", 3, 4.0, "2024-12-31 23:30:00", "2025-01-02 22:30:00"),
        ("Tape", "Neighbour", 1, None, "2025-02-01 08:30:00", "2025-02-01 08:30:00"),
    ]


def test_my_top_artists(answer: Any) -> None:
    assert answer("my-top-artists", plays=PLAYS) == [
        ("Artist A", 3, 2, None, "2025-02-02 08:30:00"),
        ("Artist B", 2, 1, None, "2025-02-01 08:59:59"),
        ("Neighbour", 1, 1, None, "2025-02-01 08:30:00"),
    ]


def test_my_top_artists_of_two_sources(answer: Any) -> None:
    assert answer("my-top-artists", plays=HISTORY) == [
        ("Artist A", 3, 1, 4.0, "2025-01-02 22:30:00")
    ]


def test_my_top_albums(answer: Any) -> None:
    of_another = play("2025-01-09T08:30:00", "C", album_name="Album A")

    assert answer("my-top-albums", plays=[*HISTORY, of_another]) == [
        ("Album A", "Artist A", 2, 1, 3.0, "2025-01-01 22:30:00"),
        ("Album A", "Artist C", 1, 1, None, "2025-01-09 08:30:00"),
    ]


def test_my_first_and_last_plays(answer: Any) -> None:
    assert answer("my-first-and-last-plays", plays=HISTORY) == [
        # The first two were heard on one day there, and on two in UTC.
        ("Artist A", "2024-12-31 23:30:00", "2025-01-02 22:30:00", 3, 1, 2),
    ]


def test_my_podcasts(answer: Any) -> None:
    assert answer("my-podcasts", plays=HISTORY) == [
        ("A show", "episode", 2, 2, 2.0, "2025-01-05 08:30:00"),
        ("A book", "chapter", 1, 1, 2.0, "2025-01-05 10:30:00"),
    ]


def test_my_countries(answer: Any) -> None:
    assert answer("my-countries", plays=HISTORY) == [
        (None, 4, 4, 3, "2025-01-02 22:30:00", "2025-01-05 10:30:00"),
        ("NO", 1, 1, 1, "2024-12-31 23:30:00", "2024-12-31 23:30:00"),
        ("SE", 1, 1, 1, "2025-01-01 22:30:00", "2025-01-01 22:30:00"),
    ]


@pytest.mark.parametrize(
    ("platform", "device"),
    [
        ("Android OS 9 API 28 (samsung, SM-G950F)", "Android"),
        ("android", "Android"),
        ("ios", "iOS"),
        ("Windows 10 (10.0.19042; x64; AppX)", "Windows"),
        ("OS X 11.2.3 [arm 2]", "macOS"),
        ("osx", "macOS"),
        ("Linux [x86-64 0]", "Linux"),
        ("WebPlayer (websocket RFC6455)", "web"),
        ("web_player windows 10;chrome 87.0.4280.88;desktop", "web"),
        ("Partner sonos_ppc Sonos;Play1", "speakers, TVs and the like"),
        ("Partner android_tv Sony;BRAVIA", "speakers, TVs and the like"),
        ("cast", "speakers, TVs and the like"),
        ("a toaster", "other"),
        ("not_applicable", None),
    ],
)
def test_a_platforms_many_names_are_few_kinds_of_devices(
    platform: str, device: str | None, answer: Any
) -> None:
    heard = play("2025-02-01T08:00:00", "A", platform=platform)

    assert answer("my-platforms", plays=[heard])[0][0] == device


def test_my_platforms(answer: Any) -> None:
    assert answer("my-platforms", plays=HISTORY) == [
        (None, 3, 4.0, 50.0, "2025-01-05 10:30:00"),
        ("iOS", 2, 3.0, 33.3, "2025-01-01 22:30:00"),
        ("speakers, TVs and the like", 1, 1.0, 16.7, "2025-01-04 08:30:00"),
    ]


def test_my_skip_rate(answer: Any) -> None:
    assert answer("my-skip-rate", plays=HISTORY) == [
        ("2025", 3, 2, 1, 100.0),
        ("2024", 1, 0, 0, 0.0),
    ]


def test_my_skip_rate_where_nobody_knows(answer: Any) -> None:
    assert answer("my-skip-rate", plays=[play("2025-02-01T08:00:00", "A")]) == [
        ("2025", 1, 0, 1, None)
    ]


# An artist whom two months have, one whom nobody knows genres of, and one who is nowhere.
ARTISTS = [
    {"artist_id": "id-A", "genres": ["pop", "joik"]},
    {"artist_id": "id-A", "genres": ["pop", "joik"], "played_at": "2025-03-01"},
    {"artist_id": "id-B", "genres": ["pop", *(f"style {n}" for n in range(2, 9)), "the ninth"]},
    {"artist_id": "id-C", "genres": []},
    {"artist_id": "id-E", "genres": None},
]


def test_my_genres(answer: Any) -> None:
    assert answer("my-genres", plays=PLAYS, artists=ARTISTS) == [
        ("pop", 5, 3, 2, 71.4),
        ("joik", 3, 2, 1, 42.9),
        *((f"style {n}", 2, 1, 1, 28.6) for n in range(2, 9)),
        (None, 2, 2, 0, 28.6),
    ]


def test_top_genres(answer: Any) -> None:
    charts = [
        *entries("daily-NO", EVE, "DDD"),
        *entries("daily-NO", DAY, "AB"),
        *entries("daily-SE", DAY, "CAE"),
        *entries("daily-GLOBAL", DAY, "D"),
        entry("daily-FI", DAY, 1, "F", artist_ids=None),
    ]

    assert answer("top-genres", chart_entries=charts, artists=ARTISTS) == [
        ("pop", 3, 2, 2, 50.0),
        (None, 3, 3, 2, 50.0),
        ("joik", 2, 1, 2, 33.3),
        *((f"style {n}", 1, 1, 1, 16.7) for n in range(2, 9)),
    ]


def test_mood_of_my_days(answer: Any) -> None:
    def heard(day: str, valence: float | None, energy: float | None, tempo: float | None) -> Row:
        at = f"{day} 12:00"
        return {"played_at": at, "valence": valence, "energy": energy, "tempo": tempo}

    activity = [
        heard("2025-01-31", 0.25, 0.25, 100.0),
        heard("2025-02-01", 0.4, 0.5, 120.0),
        # The mood is that of the values that are shown, so 0.49999 counts as 0.5.
        heard("2025-02-01", 0.59998, 0.75, 121.0),
        heard("2025-02-01", None, None, None),
        heard("2025-02-02", 0.9, 0.1, None),
        heard("2025-02-03", 0.1, 0.9, 90.0),
        heard("2025-02-04", None, None, None),
        heard("2025-02-05", 0.5, None, 80.0),
        *(heard(f"2024-12-{day:02}", 0.1, 0.1, 60.0) for day in range(1, 31)),
    ]

    rows = answer("mood-of-my-days", music_activity=activity)
    assert rows[:6] == [
        ("2025-02-05", 1, 1, 0.5, None, 80.0, None),
        ("2025-02-04", 1, 0, None, None, None, None),
        ("2025-02-03", 1, 1, 0.1, 0.9, 90.0, "tense"),
        ("2025-02-02", 1, 1, 0.9, 0.1, None, "calm"),
        ("2025-02-01", 3, 2, 0.5, 0.625, 120.5, "cheerful"),
        ("2025-01-31", 1, 1, 0.25, 0.25, 100.0, "sad"),
    ]
    assert [row[0] for row in rows[6:]] == [f"2024-12-{day:02}" for day in range(30, 6, -1)]


def test_my_music_in_the_charts(answer: Any) -> None:
    charts = [
        *entries("daily-NO", EVE, "D"),
        *entries("daily-NO", DAY, " BA"),
        *entries("daily-SE", DAY, "CA E"),
        *entries("daily-GLOBAL", DAY, "DA"),
        *entries("weekly-NO", DAY, "D"),
    ]

    assert answer("my-music-in-the-charts", plays=PLAYS, chart_entries=charts) == [
        ("Song A", "Artist A", 2, 2, 2),
        ("Song B", "Artist B", 2, 1, 2),
        ("Song C", "Artist A", 1, 1, 1),
    ]


#### WHAT COUNTS ##################################################################################

# What is about plays, and about all of them: what is kept, and what was begun.
OF_ALL = {"my-plays-by-month", "my-skip-rate"}
COUNTING = {
    name
    for name, query in QUERIES.items()
    if "FROM plays" in query["QueryString"] and name not in OF_ALL
}
OF_A_YEAR = {
    "my-listening-by-local-hour",
    "my-top-tracks",
    "my-top-artists",
    "my-top-albums",
    "my-podcasts",
    "my-countries",
    "my-platforms",
}
LINE = f"WHERE {RULES[USUAL]}  -- what counts: or counts_to_end, counts_half, true\n"


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_about_plays_has_one_line_that_says_which_count(name: str) -> None:
    sql = QUERIES[name]["QueryString"]
    if name in COUNTING:
        assert sql.count(LINE) == sql.count("counts_30s") == sql.count("FROM plays") == 1
        assert counted(sql, USUAL) == sql
    else:
        with pytest.raises(CountingError):
            counted(sql, "any")


@pytest.mark.parametrize("name", QUERIES)
def test_what_is_a_ranking_can_be_asked_of_one_year(name: str) -> None:
    sql = QUERIES[name]["QueryString"]
    if name in OF_A_YEAR:
        line = (
            "AND month BETWEEN '2025-01' AND '2025-12'  -- or of a year: '2025-01' AND '2025-12'\n"
        )
        assert of_year(sql, 2025).count(line) == 1
    else:
        with pytest.raises(CountingError):
            of_year(sql, 2025)


@pytest.mark.parametrize(("rule", "expected"), [("30s", 3), ("to-end", 1), ("half", 2), ("any", 4)])
def test_which_plays_count_is_chosen_when_asking(rule: str, expected: int, tmp_path: Path) -> None:
    sql = counted(QUERIES["my-top-tracks"]["QueryString"], rule)

    _, rows = ask(tmp_path / "lake", sql, {"plays": HISTORY})

    assert sum(row[2] for row in rows) == expected


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", sorted(COUNTING))
def test_by_every_rule_every_query_answers(name: str, rule: str, tmp_path: Path) -> None:
    sql = counted(QUERIES[name]["QueryString"], rule)

    names, _ = ask(tmp_path / "lake", sql, {"plays": HISTORY})

    assert names == COLUMNS[name].split()
    assert only_duckdb(sql) == []


@pytest.mark.parametrize(("year", "expected"), [(2024, 1), (2025, 2), (2023, 0)])
def test_of_a_year_only_its_plays_are_counted(year: int, expected: int, tmp_path: Path) -> None:
    sql = of_year(QUERIES["my-top-tracks"]["QueryString"], year)

    _, rows = ask(tmp_path / "lake", sql, {"plays": HISTORY})

    assert sum(row[2] for row in rows) == expected


#### HOW SURE #####################################################################################


def account_day(date: str, certainty: str, account: str = "me", plays: int = 0) -> Row:
    return {"account": account, "day": date, "certainty": certainty, "plays": plays}


def test_my_plays_by_month(answer: Any) -> None:
    plays = [
        *PLAYS,
        play("2025-03-01T00:00:00", "A"),
        play("2025-03-02T23:59:59", "A"),
        play("2025-03-02T12:00:00", "A", account="you"),
    ]
    days = [
        account_day("2025-02-01", "observed"),
        account_day("2025-02-02", "gap"),
        account_day("2025-02-03", "provisional"),
        account_day("2025-03-01", "confirmed"),
        account_day("2025-03-02", "observed"),
        account_day("2025-03-03", "observed"),
        account_day("2025-03-01", "observed", "you"),
    ]

    assert answer("my-plays-by-month", plays=plays, account_days=days) == [
        ("2025-03", "me", "all shown", 2, 3, 0),
        # A day without a row is one of which nothing is claimed.
        ("2025-03", "you", "at least", 1, 2, 1),
        ("2025-02", "me", "at least", 6, 3, 2),
        ("2025-01", "me", "at least", 1, 1, 1),
    ]


def test_certainty_by_month(answer: Any) -> None:
    days = [
        account_day("2025-01-31", "confirmed"),
        account_day("2025-02-01", "observed"),
        account_day("2025-02-02", "observed"),
        account_day("2025-02-03", "gap"),
        account_day("2025-02-04", "provisional"),
        account_day("2025-02-04", "provisional", "you"),
    ]

    assert answer("certainty-by-month", account_days=days) == [
        ("2025-02", "me", 4, 0, 2, 1, 1),
        ("2025-02", "you", 1, 0, 0, 1, 0),
        ("2025-01", "me", 1, 1, 0, 0, 0),
    ]


def test_open_gaps(answer: Any) -> None:
    def gap(begin: str, end: str | None, reason: str, **more: Any) -> Row:
        row = {"account": "me", "from_time": begin, "to_time": end, "reason": reason}
        return row | {"found_at": "2025-02-03T09:00:00"} | more

    gaps = [
        gap("2025-02-01T08:00:00", "2025-02-01T12:00:00", "overflow"),
        gap("2025-02-02T08:00:00", None, "needs_consent"),
        gap("2025-02-02T08:00:00", "2025-02-02T10:00:00", "missed", closed_by="raw/x"),
        gap("2025-02-02T08:00:00", "2025-02-02T09:00:00", "short_page", account="another"),
    ]

    found = "2025-02-03 09:00:00"
    assert answer("open-gaps", gaps=gaps) == [
        ("another", "2025-02-02 08:00:00", "2025-02-02 09:00:00", "short_page", found),
        ("me", "2025-02-02 08:00:00", None, "needs_consent", found),
        ("me", "2025-02-01 08:00:00", "2025-02-01 12:00:00", "overflow", found),
    ]


def test_captures_by_day(answer: Any) -> None:
    def look(at: str, outcome: str, *counts: int | None, account: str = "me") -> Row:
        row = {"account": account, "capture_id": at, "captured_at": at, "outcome": outcome}
        return row | dict(zip(("new", "late"), counts, strict=False))

    looks = [
        look("2025-02-01T23:47:00", "captured", 5, 0),
        look("2025-02-02T00:07:00", "captured", 3, 2),
        look("2025-02-02T00:27:00", "empty", 0, 0),
        look("2025-02-02T00:47:00", "rate_limited", 0, 0),
        look("2025-02-02T01:07:00", "captured", 4, 1),
        look("2025-02-02T00:07:00", "needs_consent", None, None, account="you"),
    ]

    assert answer("captures-by-day", captures=looks) == [
        ("2025-02-02", "me", 4, 1, 7, 3),
        ("2025-02-02", "you", 1, 1, 0, 0),
        ("2025-02-01", "me", 1, 0, 5, 0),
    ]


#### THE LAKE ITSELF ###############################################################################


def test_missed_days(answer: Any) -> None:
    def day(chart: str, date: str, status: str, **more: Any) -> Row:
        return {"chart": chart, "chart_date": date, "status": status, **more}

    days = [
        day("daily-NO", EVE, "failed", stage="Extract", error="Nobody answered."),
        day("daily-SE", DAY, "refused", stage="Transform", error="It is empty."),
        day("daily-FI", DAY, "deferred", stage="Extract", not_before="2025-02-01T12:00:00"),
        day("daily-NO", DAY, "loaded"),
        day("weekly-NO", DAY, "unchanged"),
    ]

    assert answer("missed-days", chart_days=days) == [
        (DAY, "daily-FI", "deferred", "Extract", None, "2025-02-01 12:00:00"),
        (DAY, "daily-SE", "refused", "Transform", "It is empty.", None),
        (EVE, "daily-NO", "failed", "Extract", "Nobody answered.", None),
    ]


def test_data_quality(answer: Any) -> None:
    def breach(day: str, severity: str, chart: str | None, about: str) -> Row:
        return {
            "chart_date": day,
            "severity": severity,
            "chart": chart,
            "about": about,
            "expectation": "unique_tracks",
            "observed": "2",
            "expected": "1",
            "consequence": "published",
        }

    breaches = [
        breach(EVE, "error", "daily-NO", "1"),
        breach(DAY, "warning", "daily-NO", "2"),
        breach(DAY, "warning", "daily-NO", "1"),
        breach(DAY, "warning", None, "1"),
        breach(DAY, "error", "daily-SE", "1"),
    ]

    rest = ("2", "1", "published")
    assert answer("data-quality", data_quality=breaches) == [
        (DAY, "error", "daily-SE", "unique_tracks", "1", *rest),
        (DAY, "warning", "daily-NO", "unique_tracks", "1", *rest),
        (DAY, "warning", "daily-NO", "unique_tracks", "2", *rest),
        (DAY, "warning", None, "unique_tracks", "1", *rest),
        (EVE, "error", "daily-NO", "unique_tracks", "1", *rest),
    ]


#### EVERY QUERY ###################################################################################


def test_every_query_is_among_those_tested() -> None:
    assert list(COLUMNS) == list(QUERIES)
    assert {f"test_{name.replace('-', '_')}" for name in QUERIES} <= set(globals())


@pytest.mark.parametrize("files", [True, False], ids=["files-without-rows", "no-files"])
@pytest.mark.parametrize("name", QUERIES)
def test_an_empty_lake_gives_no_rows(name: str, files: bool, tmp_path: Path) -> None:
    names, rows = ask(tmp_path / "lake", QUERIES[name]["QueryString"], {}, files=files)
    assert (names, rows) == (COLUMNS[name].split(), [])


# Of what both engines have, what means the same in both and is needed. What only one has, as
# element_at, format_datetime, json_extract_scalar or approx_distinct, is not among them.
SHARED = {
    "avg",
    "cardinality",
    "cast",
    "coalesce",
    "count",
    "dense_rank",
    "hour",
    "lag",
    "lower",
    "max",
    "min",
    "nullif",
    "power",
    "round",
    "row_number",
    "sqrt",
    "stddev_pop",
    "substr",
    "sum",
    "try",
    "try_cast",
}
# Trino's reserved words that may come to mind for a column, beyond those that DuckDB reserves too.
RESERVED = {"current", "escape", "extract", "full", "grouping", "normalize", "skip", "trim"}


def _selects(sql: str) -> list[str]:
    """Each SELECT alone, down to its ORDER BY; brackets inside it are emptied, one by one."""
    found = []
    while match := re.search(r"\(([^()]*)\)", sql):
        found.append(match[1])
        sql = f"{sql[: match.start()]}{{}}{sql[match.end() :]}"
    return [part.partition("ORDER BY")[0] for part in (*found, sql) if "SELECT" in part]


def only_duckdb(sql: str) -> list[str]:
    """What of a query DuckDB takes and Athena refuses, or answers otherwise."""
    sql = re.sub(r"'[^']*'", "''", sql)
    found = sorted({name.lower() for name in re.findall(r"(\w+)\(", sql)} - SHARED)
    # Between two whole numbers, Trino's division is a whole number; zero is an error.
    if re.search(r"/\s*(?!\s|nullif\()", sql):
        found.append("a division by what may be zero")
    if re.search(r"\b\d+\.\d+\s*\*|\b\d+\s*\*\s*count", sql):
        found.append("a product that is no double")
    if re.search(r"\binterval\b|::|\bqualify\b|\bilike\b", sql, re.IGNORECASE):
        found.append("a word of one dialect")
    if re.search(rf"\bAS ({'|'.join(RESERVED)})\b", sql, re.IGNORECASE):
        found.append("a reserved word")
    for select in _selects(sql):
        body = select[select.rindex("SELECT") :]
        columns, _, rest = body.partition("FROM")
        own = set(re.findall(r"\bAS (\w+)", columns))
        if named := own & set(re.findall(r"(?<![\w.])\w+", rest)):
            found.append(f"a name made in the same SELECT: {', '.join(sorted(named))}")
    return found


@pytest.mark.parametrize("name", QUERIES)
def test_athena_takes_what_duckdb_takes(name: str) -> None:
    assert only_duckdb(QUERIES[name]["QueryString"]) == []


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT max(a) AS b FROM c GROUP BY d ORDER BY b", []),
        ("SELECT a AS b FROM c WHERE d = (SELECT max(d) FROM c)", []),
        ("SELECT element_at(a, 1) FROM b", ["element_at"]),
        ("SELECT a / b FROM c", ["a division by what may be zero"]),
        ("SELECT 1e0 * a / nullif(b, 0) FROM c", []),
        ("SELECT 100 * count(*) / nullif(b, 0) FROM c", ["a product that is no double"]),
        ("SELECT d - INTERVAL '1' DAY FROM c", ["a word of one dialect"]),
        ("SELECT a AS skip FROM c", ["a reserved word"]),
        ("SELECT hour(a) AS b FROM c GROUP BY b", ["a name made in the same SELECT: b"]),
        ("SELECT a AS b FROM c WHERE b > 1", ["a name made in the same SELECT: b"]),
    ],
)
def test_what_only_duckdb_takes_would_be_noticed(sql: str, found: list[str]) -> None:
    assert only_duckdb(sql) == found


def test_every_description_is_a_question_or_a_phrase() -> None:
    said = [query["Description"] for query in QUERIES.values()]
    assert len(set(said)) == len(said) >= 12
    for words in said:
        assert re.fullmatch(r"[A-Z][^.!]*[^ .!]", words), words
        # The command line lists a name and a description beside each other.
        assert len(words) <= 80


def test_every_query_is_documented_with_its_question_and_columns() -> None:
    text = (REPO / "docs" / "queries.md").read_text(encoding="utf-8")
    overview, *sections = re.split(r"^## ", text, flags=re.MULTILINE)

    asked = {name: query["Description"] for name, query in QUERIES.items()}
    listed = re.findall(r"^\| \[`([a-z-]+)`\]\(#([a-z-]+)\) \| (.+) \|$", overview, re.MULTILINE)
    assert listed == [(name, name, words) for name, words in asked.items()]
    assert [section.partition("\n")[0] for section in sections] == list(QUERIES)
    for name, section in zip(QUERIES, sections, strict=True):
        assert section.split("\n\n")[1].removesuffix(".") == asked[name]
        heading, ruler, *rows = re.findall(r"^\|.*\|$", section, re.MULTILINE)
        assert re.findall(r"`(\w+)`", heading) == COLUMNS[name].split()
        assert {row.replace("\\|", "").count("|") for row in (ruler, *rows)} == {heading.count("|")}
