"""Expectations: each with what breaches it and what does not, and a real day without an error."""

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.charts import Hole
from soundlake.features import FEATURES
from soundlake.providers import CHART_FILE, KWORB
from soundlake.quality import (
    EXPECTATIONS,
    LEFT_OUT,
    NOT_LOADED,
    PUBLISHED,
    SET_TO_NULL,
    WITHDRAWN,
    Breach,
    ChartsDay,
    ChartTable,
    Earlier,
    FeaturesAnswer,
    Origin,
    ShownChart,
    TrackFeatures,
    check_answer,
    check_chart,
    check_charts,
    check_features,
    is_as_before,
    positions,
    set_to_null,
    suspects,
)
from soundlake.store.lake import encode_rows
from soundlake.store.schemas import SCHEMAS

from tests.unit.helpers import NOW, REPO, features_of, track_id

TODAY, YESTERDAY = date(2026, 11, 21), date(2026, 11, 20)
NAN, INFINITY = float("nan"), float("inf")
REAL_CHARTS = REPO.parent / "shared" / "data" / "charts-2025-02-18.csv"


def origin_of(chart: str = "daily-NO", day: date = TODAY) -> Origin:
    return Origin(chart, chart.split("-")[1], day, NOW, f"raw/{chart}")


def entry(position: int, number: int | None = None, **changes: Any) -> dict[str, Any]:
    """What expectations read of a row of `chart_entries`."""
    number = position if number is None else number
    return {
        "position": position,
        "track_id": track_id(number),
        "album_id": f"album{number:017d}",
        "artist_ids": [f"artist{number:016d}"],
        "added_at": "2026-11-20T12:00:00Z",
    } | changes


def shown(*entries: dict[str, Any], chart: str = "daily-NO", **changes: Any) -> ShownChart:
    """A chart of these entries and, where none are given, of fifty good ones."""
    rows = list(entries) or [entry(position) for position in range(1, 51)]
    holes = changes.get("holes", [])
    total = len(rows) + len(holes)
    whole = ShownChart(
        origin=origin_of(chart),
        cadence=chart.split("-", maxsplit=1)[0],
        entries=rows,
        holes=[],
        places=total,
        totals=frozenset({total}),
    )
    return replace(whole, **changes)


def features(**changes: Any) -> dict[str, Any]:
    known = features_of(track_id(7), **changes)
    return {name: known[name] for name in FEATURES}


def table(chart: str, tracks: range, **changes: Any) -> ChartTable:
    cadence = chart.split("-", maxsplit=1)[0]
    places = dict(enumerate(map(track_id, tracks), 1))
    return replace(ChartTable(origin_of(chart), cadence, places), **changes)


def before(tracks: range, day: date = YESTERDAY) -> Earlier:
    return Earlier(day, dict(enumerate(map(track_id, tracks), 1)))


def charts_day(*tables: ChartTable, **known: Any) -> ChartsDay:
    return ChartsDay(Origin(None, None, TODAY, NOW, None), tables, **known)


FEATURES_ORIGIN = Origin(None, None, TODAY, NOW, "raw/features")


def breaches_of(subject: Any) -> list[Breach]:
    match subject:
        case ShownChart():
            return check_chart(subject)
        case ChartsDay():
            return check_charts(subject)
        case FeaturesAnswer():
            return check_answer(FEATURES_ORIGIN, subject.others, subject.repeated)
    return check_features(FEATURES_ORIGIN, track_id(7), subject)


def names(breaches: list[Breach]) -> list[tuple[str, str]]:
    return [(breach.expectation.name, breach.finding.about) for breach in breaches]


def evidence(subject: Any, name: str) -> list[str]:
    return [
        breach.finding.evidence
        for breach in breaches_of(subject)
        if breach.expectation.name == name
    ]


# Every expectation.

GOOD, BAD = "good", "bad"
NINE = tuple(entry(position) for position in range(1, 10))
TEN, ELEVEN = range(10), range(100, 110)
TWINS = (table("daily-NO", TEN), table("daily-SE", TEN))

# For each expectation, subjects that it holds for and subjects that breach it.
CASES: dict[str, dict[str, list[Any]]] = {
    "rows_match_total": {
        GOOD: [shown(), shown(totals=frozenset()), shown(entry(1), holes=[Hole(2)])],
        BAD: [
            shown(totals=frozenset({51})),
            shown(totals=frozenset({49})),
            shown(totals=frozenset({50, 51})),
        ],
    },
    "has_rows": {
        GOOD: [shown(entry(1))],
        BAD: [shown(entries=[], places=0), shown(entries=[], holes=[Hole(1)], places=1)],
    },
    "not_yesterdays_answer": {
        GOOD: [
            shown(entry(1)),
            shown(entry(1), earlier=before(range(2, 3))),
            shown(entry(1), entry(2), earlier=before(range(1, 2))),
            shown(entry(1), chart="weekly-NO", earlier=before(range(1, 2))),
        ],
        BAD: [shown(entry(1), entry(2), earlier=before(range(1, 3)))],
    },
    "positions_unique": {
        GOOD: [shown(), shown(entry(1), holes=[Hole(2)])],
        BAD: [
            shown(entry(1), entry(1, 2)),
            shown(entry(1), entry(2), holes=[Hole(2)]),
            shown(entry(1), holes=[Hole(2), Hole(2)]),
        ],
    },
    "positions_contiguous": {
        GOOD: [shown(), shown(entry(1), entry(3), holes=[Hole(2)])],
        BAD: [
            shown(entry(2)),
            shown(entry(1), entry(3)),
            shown(entry(0), entry(1)),
            shown(entry(-1), entry(1)),
            shown(entry(1), entry(10**9)),
        ],
    },
    "ids_well_formed": {
        GOOD: [
            shown(),
            shown(entry(1, album_id=None, artist_ids=[None])),
            shown(entry(1, album_id=None, artist_ids=None)),
        ],
        BAD: [
            shown(entry(1, track_id="")),
            shown(entry(1, track_id=None)),
            shown(entry(1, track_id=f"{track_id(1)}\n")),
            shown(entry(1, track_id="\u0661" * 22)),
            shown(entry(1, album_id="")),
            shown(entry(1, artist_ids=[f"artist{1:016d}", "x" * 23])),
        ],
    },
    "not_another_days_file": {
        GOOD: [
            shown(provider=CHART_FILE),
            shown(provider=CHART_FILE, others=[before(range(2, 52)), before(range(1, 50))]),
            shown(*NINE, provider=CHART_FILE, others=[before(range(1, 10))]),
            shown(others=[before(range(1, 51))]),
        ],
        BAD: [
            shown(provider=CHART_FILE, others=[before(range(2, 52)), before(range(1, 51))]),
            shown(*NINE, entry(10), provider=CHART_FILE, others=[before(range(1, 11))]),
            shown(chart="weekly-NO", provider=CHART_FILE, others=[before(range(1, 51))]),
        ],
    },
    "fifty_places": {
        GOOD: [shown(), shown(places=50), shown(places=200, provider=CHART_FILE)],
        BAD: [shown(places=49), shown(places=51), shown(places=200)],
    },
    "two_hundred_places": {
        GOOD: [shown(), *(shown(places=200, provider=each) for each in (CHART_FILE, KWORB))],
        BAD: [
            shown(places=places, provider=each)
            for places in (199, 201)
            for each in (CHART_FILE, KWORB)
        ],
    },
    "streams_fall": {
        GOOD: [
            shown(),
            shown(entry(1, streams=7), entry(2, streams=7), entry(3, streams=0)),
            shown(entry(2, streams=6), entry(1, streams=7)),
            shown(entry(1, streams=None), entry(2, streams=7)),
        ],
        BAD: [
            shown(entry(1, streams=7), entry(2, streams=8)),
            shown(entry(1, streams=7), entry(2, streams=None), entry(3, streams=8)),
        ],
    },
    "peak_is_best": {
        GOOD: [
            shown(),
            shown(entry(1, peak_position=None), entry(2, peak_position=2)),
            shown(entry(1, peak_position=1), entry(2, peak_position=1)),
        ],
        BAD: [shown(entry(1, peak_position=2)), shown(entry(1), entry(2, peak_position=3))],
    },
    "tracks_unique": {
        GOOD: [shown(), shown(entry(1), entry(1))],
        BAD: [shown(entry(1), entry(2, 1))],
    },
    "holes_declared": {
        GOOD: [shown(), shown(entry(1), holes=[Hole(2)])],
        BAD: [shown(entry(1), holes=[Hole(2, "episode")])],
    },
    "added_at_is_a_time": {
        GOOD: [shown(), shown(entry(1, added_at=None)), shown(entry(1, added_at="1970-01-01T00Z"))],
        BAD: [
            shown(entry(1, added_at=given))
            for given in ("", "yesterday", "2026-11-21", "2026-11-21T07:00:00", "1448-13-01T00:00Z")
        ],
    },
    "features_asked_for": {
        GOOD: [FeaturesAnswer((), ()), FeaturesAnswer((), (track_id(7),))],
        BAD: [FeaturesAnswer((track_id(7),), ())],
    },
    "features_told_once": {
        GOOD: [FeaturesAnswer((), ()), FeaturesAnswer((track_id(7),), ())],
        BAD: [FeaturesAnswer((), (track_id(7),)), FeaturesAnswer((), (track_id(7),) * 2)],
    },
    **{
        f"{name}_in_range": {
            GOOD: [features(**{name: value}) for value in (None, 0, 0.0, 0.5, 1, 1.0)],
            BAD: [
                features(**{name: value})
                for value in (-0.0001, 1.0001, 2, 10**400, NAN, INFINITY, -INFINITY)
            ],
        }
        for name in (
            "danceability",
            "energy",
            "speechiness",
            "acousticness",
            "instrumentalness",
            "liveness",
            "valence",
        )
    },
    "loudness_in_range": {
        GOOD: [features(loudness=value) for value in (None, -60, -6.5, 0, 5)],
        BAD: [features(loudness=value) for value in (-60.1, 5.1, NAN, INFINITY, -INFINITY)],
    },
    "tempo_in_range": {
        GOOD: [features(tempo=value) for value in (None, 0.1, 120, 300)],
        BAD: [features(tempo=value) for value in (0, 0.0, -1, 300.1, NAN, INFINITY)],
    },
    "key_in_range": {
        GOOD: [features(key=value) for value in (None, *range(-1, 12), 3.0)],
        BAD: [features(key=value) for value in (-2, 12, 3.5, NAN, INFINITY)],
    },
    "mode_in_range": {
        GOOD: [features(mode=value) for value in (None, 0, 1, 1.0)],
        BAD: [features(mode=value) for value in (-1, 2, 0.5, NAN, INFINITY)],
    },
    "time_signature_in_range": {
        GOOD: [features(time_signature=value) for value in (None, *range(8))],
        BAD: [features(time_signature=value) for value in (-1, 8, 3.5, NAN, INFINITY)],
    },
    "duration_ms_in_range": {
        GOOD: [features(duration_ms=value) for value in (None, 1, 180_000, 180_000.0)],
        BAD: [features(duration_ms=value) for value in (0, -1, 0.5, 10**400, NAN, INFINITY)],
    },
    "no_others_table": {
        GOOD: [
            charts_day(),
            charts_day(table("daily-NO", TEN), table("daily-SE", ELEVEN)),
            charts_day(table("daily-NO", range(9)), table("daily-SE", range(9))),
            charts_day(table("daily-NO", TEN), table("weekly-SE", TEN)),
            charts_day(
                TWINS[0], replace(TWINS[1], origin=origin_of("daily-SE", YESTERDAY)), earlier={}
            ),
            charts_day(*TWINS, earlier={"daily-NO": before(TEN), "daily-SE": before(TEN)}),
            # Half of its tracks are enough.
            charts_day(*TWINS, earlier={"daily-NO": before(range(5)), "daily-SE": before(TEN)}),
        ],
        BAD: [
            charts_day(*TWINS),
            charts_day(*TWINS, earlier={"daily-NO": before(TEN)}),
            charts_day(*TWINS, earlier={"daily-NO": before(TEN), "daily-SE": before(range(4))}),
        ],
    },
    "tables_differ": {
        GOOD: [
            charts_day(table("daily-NO", TEN), table("daily-SE", ELEVEN)),
            charts_day(*TWINS),
            charts_day(*TWINS, earlier={"daily-NO": before(TEN)}),
        ],
        BAD: [charts_day(*TWINS, earlier={"daily-NO": before(TEN), "daily-SE": before(TEN)})],
    },
    "no_day_skipped": {
        GOOD: [
            charts_day(table("daily-NO", TEN)),
            charts_day(replace(table("daily-NO", TEN), before=YESTERDAY)),
            charts_day(replace(table("weekly-NO", TEN), before=YESTERDAY - timedelta(days=6))),
        ],
        BAD: [
            charts_day(replace(table("daily-NO", TEN), before=YESTERDAY - timedelta(days=1))),
            charts_day(replace(table("daily-NO", TEN), before=YESTERDAY - timedelta(days=40))),
        ],
    },
    "coverage_kept": {
        GOOD: [
            charts_day(table("daily-NO", TEN, coverage=0.0)),
            charts_day(table("daily-NO", TEN), coverages={"daily-NO": [1.0]}),
            charts_day(table("daily-NO", TEN, coverage=0.8), coverages={"daily-NO": [0.9, 0.9]}),
            charts_day(table("daily-NO", TEN, coverage=0.2), coverages={"daily-SE": [1.0]}),
        ],
        BAD: [
            charts_day(table("daily-NO", TEN, coverage=0.6), coverages={"daily-NO": [0.9]}),
            charts_day(table("daily-NO", TEN, coverage=0.0), coverages={"daily-NO": [0.1, 1, 1]}),
        ],
    },
    "charts_loaded": {
        GOOD: [
            charts_day(asked=72, loaded=0),
            charts_day(asked=72, loaded=65, usual=[72, 72, 72]),
            charts_day(asked=1, loaded=1, usual=[1, 1, 0]),
        ],
        BAD: [
            charts_day(asked=72, loaded=64, usual=[72, 72, 3]),
            charts_day(asked=1, loaded=0, usual=[1]),
        ],
    },
}


def test_every_expectation_has_its_cases() -> None:
    assert [each.name for each in EXPECTATIONS] == list(CASES)
    assert all(cases[GOOD] and cases[BAD] for cases in CASES.values())


@pytest.mark.parametrize(
    ("expectation", "subject"),
    [
        pytest.param(each, subject, id=f"{each.name}-{number}")
        for each in EXPECTATIONS
        for number, subject in enumerate(CASES[each.name][GOOD])
    ],
)
def test_what_is_expected_holds(expectation: Any, subject: Any) -> None:
    assert evidence(subject, expectation.name) == []


@pytest.mark.parametrize(
    ("expectation", "subject"),
    [
        pytest.param(each, subject, id=f"{each.name}-{number}")
        for each in EXPECTATIONS
        for number, subject in enumerate(CASES[each.name][BAD])
    ],
)
def test_a_breach_is_found_and_is_a_row(expectation: Any, subject: Any) -> None:
    found = [each for each in breaches_of(subject) if each.expectation is expectation]

    assert found
    rows = [breach.row() for breach in found]
    assert encode_rows(rows, SCHEMAS["data_quality"], "x").num_rows == len(rows)
    for row in rows:
        assert row["severity"] == expectation.severity
        assert row["expected"] == expectation.text
        assert row["evidence"].endswith(".")
        assert len(row["evidence"]) < 400
        assert row["observed"]


def test_the_table_says_what_it_is_about() -> None:
    by_name = {each.name: each for each in EXPECTATIONS}
    assert len(by_name) == len(EXPECTATIONS)
    assert {each.column for each in EXPECTATIONS if each.about == "features"} == set(FEATURES)
    assert [name for name, each in by_name.items() if each.severity == "error"] == [
        "rows_match_total",
        "has_rows",
        "not_yesterdays_answer",
        "positions_unique",
        "positions_contiguous",
        "ids_well_formed",
        "not_another_days_file",
        "no_others_table",
    ]
    # A breach of what no value can be set right by is no reason to set one to null.
    assert {each.severity for each in EXPECTATIONS if each.column} == {"warning"}


# One chart.


def test_fifty_good_places_breach_nothing() -> None:
    assert check_chart(shown()) == []


@pytest.mark.parametrize(
    ("subject", "name", "sentence"),
    [
        (
            shown(totals=frozenset({51})),
            "rows_match_total",
            "daily-NO of 2026-11-21 has 50 entries where its playlist states 51.",
        ),
        (
            shown(entries=[], holes=[Hole(1), Hole(2)], places=2),
            "has_rows",
            "daily-NO of 2026-11-21 shows no track in 2 places.",
        ),
        (
            shown(entry(1), earlier=before(range(1, 2))),
            "not_yesterdays_answer",
            "daily-NO of 2026-11-21 shows the very positions of 2026-11-20: the chart was not "
            "renewed yet.",
        ),
        (
            shown(entry(1), entry(1, 2), entry(1, 3)),
            "positions_unique",
            "daily-NO of 2026-11-21 has 3 entries at position 1.",
        ),
        (
            shown(entry(1), entry(3)),
            "positions_contiguous",
            "daily-NO of 2026-11-21 has nothing at position 2, not even a hole.",
        ),
        (
            shown(entry(1, album_id="x", artist_ids=["a", "b", "c", "d", "e"])),
            "ids_well_formed",
            "daily-NO of 2026-11-21 names at position 1 what is no Spotify id: album 'x', "
            "artist 'a', artist 'b', artist 'c', artist 'd' and 1 more.",
        ),
        (
            shown(entry(1, 1), entry(2, 2), entry(3, 1)),
            "tracks_unique",
            f"daily-NO of 2026-11-21 shows track {track_id(1)} at positions 1 and 3.",
        ),
        (
            shown(entry(1), holes=[Hole(2, "episode")]),
            "holes_declared",
            "daily-NO of 2026-11-21 shows no track at position 2 but: episode.",
        ),
        (
            shown(entry(1, added_at="x" * 10_000)),
            "added_at_is_a_time",
            f"daily-NO of 2026-11-21 says that position 1 was added at '{'x' * 77}...', which is "
            "no time.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_evidence_is_a_sentence(subject: ShownChart, name: str, sentence: str) -> None:
    assert evidence(subject, name) == [sentence]


@pytest.mark.parametrize(
    ("subject", "name", "about", "observed"),
    [
        (shown(totals=frozenset({51})), "rows_match_total", "chart", "50 entries of 51"),
        (shown(entries=[], places=0), "has_rows", "chart", "no track in 0 places"),
        (
            shown(entry(1), earlier=before(range(1, 2))),
            "not_yesterdays_answer",
            "chart",
            "the very positions of 2026-11-20",
        ),
        (shown(entry(2), entry(2, 3)), "positions_unique", "2", "2 entries"),
        (shown(entry(-1), entry(1)), "positions_contiguous", "-1", "position -1"),
        (
            shown(entry(1), entry(3)),
            "positions_contiguous",
            "2",
            "neither a track nor a hole",
        ),
        (
            shown(entry(1), entry(5)),
            "positions_contiguous",
            "2 to 4",
            "neither a track nor a hole",
        ),
        (
            shown(entry(1), entry(2, track_id="x" * 40)),
            "ids_well_formed",
            "2",
            f"track '{'x' * 36}...",
        ),
        (shown(entry(1)), "fifty_places", "chart", "1 place"),
        (shown(entry(1, 7), entry(2, 7)), "tracks_unique", track_id(7), "positions 1 and 2"),
        (shown(holes=[Hole(51, "episode")]), "holes_declared", "51", "episode"),
        (shown(entry(1), entry(2, added_at="?")), "added_at_is_a_time", "2", "'?'"),
        (features(tempo=0), "tempo_in_range", track_id(7), "0"),
        (
            charts_day(*TWINS, earlier={"daily-NO": before(TEN)}),
            "no_others_table",
            "chart",
            "the table of daily-NO",
        ),
        (
            charts_day(replace(TWINS[0], before=date(2026, 11, 19))),
            "no_day_skipped",
            "2026-11-20",
            "nothing of 2026-11-20",
        ),
        (
            charts_day(replace(TWINS[0], before=date(2026, 11, 17))),
            "no_day_skipped",
            "2026-11-18 to 2026-11-20",
            "nothing of 2026-11-18 to 2026-11-20",
        ),
        (
            charts_day(*TWINS[:1], coverages={"daily-NO": [0.9]}, asked=1, usual=[1]),
            "charts_loaded",
            "run",
            "0 of 1 daily chart",
        ),
    ],
)
def test_a_row_says_what_it_is_about_and_what_was_observed(
    subject: Any, name: str, about: str, observed: str
) -> None:
    (row,) = (each.row() for each in breaches_of(subject) if each.expectation.name == name)

    assert (row["about"], row["observed"]) == (about, observed)


def test_places_and_a_position_below_one_are_said_in_a_sentence() -> None:
    chart = shown(entry(0), entry(1))

    assert evidence(chart, "fifty_places") == ["daily-NO of 2026-11-21 has 2 places and not 50."]
    assert evidence(chart, "positions_contiguous") == ["daily-NO of 2026-11-21 has a position 0."]


def test_an_unknown_time_does_not_hide_a_wrong_one_after_it() -> None:
    chart = shown(entry(1, added_at=None), entry(2, added_at="?"), entry(3, added_at="!"))

    found = [about for name, about in names(check_chart(chart)) if name == "added_at_is_a_time"]
    assert found == ["2", "3"]


def test_an_error_keeps_everything_of_a_day_from_being_loaded() -> None:
    chart = shown(entry(1, added_at="?"), entry(3), holes=[Hole(4, "episode")])

    consequences = {each.expectation.name: each.consequence for each in check_chart(chart)}

    assert consequences == dict.fromkeys(
        ("positions_contiguous", "fifty_places", "holes_declared", "added_at_is_a_time"),
        NOT_LOADED,
    )


@pytest.mark.parametrize("kind", ["track_id", "album_id"])
@pytest.mark.parametrize("length", [21, 23])
def test_an_id_has_neither_a_letter_less_nor_one_more(kind: str, length: int) -> None:
    chart = shown(entry(1, **{kind: "x" * length}))

    assert ("ids_well_formed", "1") in names(check_chart(chart))


def test_what_is_published_all_the_same_says_so() -> None:
    chart = shown(entry(1, added_at="?"), holes=[Hole(2, "episode")])

    assert [each.consequence for each in check_chart(chart)] == [PUBLISHED, PUBLISHED, SET_TO_NULL]


def test_only_the_values_that_breach_are_set_to_null() -> None:
    chart = shown(entry(1, added_at="?"), entry(2))

    assert set_to_null(chart.entries, check_chart(chart)) == [entry(1, added_at=None), entry(2)]


POSITIONS = st.lists(st.integers(-3, 60), max_size=60)


@given(taken=POSITIONS, holes=POSITIONS)
def test_positions_err_exactly_where_they_are_not_one_to_n(
    taken: list[int], holes: list[int]
) -> None:
    entries = [entry(position, abs(position)) for position in taken]
    chart = shown(entries=entries, holes=[Hole(position) for position in holes])

    found = {name for name, _ in names(check_chart(chart))}

    everything = sorted(taken + holes)
    good = everything == list(range(1, len(everything) + 1))
    assert good == (not found & {"positions_unique", "positions_contiguous"})
    assert ("positions_unique" in found) == (len(set(everything)) < len(everything))


@given(now=POSITIONS, then=POSITIONS)
def test_a_chart_is_as_before_where_each_position_has_the_same_track(
    now: list[int], then: list[int]
) -> None:
    entries = [entry(place, number) for place, number in enumerate(now, 1)]
    earlier = positions([entry(place, number) for place, number in enumerate(then, 1)])
    chart = shown(entries=entries, earlier=Earlier(YESTERDAY, earlier))

    assert is_as_before(chart) == (now == then and now != [])
    found = {name for name, _ in names(check_chart(chart))}
    assert ("not_yesterdays_answer" in found) == is_as_before(chart)


@given(st.lists(st.builds(entry, st.integers(1, 5), st.integers(1, 5)), max_size=30))
def test_no_two_breaches_have_one_key(entries: list[dict[str, Any]]) -> None:
    holes = [Hole(1, "episode"), Hole(1, "local file")]
    rows = [each.row() for each in check_chart(shown(entries=entries, holes=holes))]

    keys = [(row["chart"], row["chart_date"], row["expectation"], row["about"]) for row in rows]
    assert len(set(keys)) == len(keys)


# Features.


def test_each_feature_is_judged_by_itself() -> None:
    values = features(tempo=0.0, energy=1.5, loudness=None)

    found = breaches_of(values)

    assert names(found) == [("energy_in_range", track_id(7)), ("tempo_in_range", track_id(7))]
    assert {each.consequence for each in found} == {SET_TO_NULL}
    assert found[1].finding.evidence == (
        f"Track {track_id(7)} has the tempo 0.0; expected is that it is above 0 and at most "
        "300 BPM, 0 being unknown."
    )


@pytest.mark.parametrize(("duration", "inside"), [(2**53, True), (2**53 + 1, False)])
def test_a_duration_is_one_that_a_float_holds_exactly(duration: int, inside: bool) -> None:
    assert (evidence(features(duration_ms=duration), "duration_ms_in_range") == []) == inside


def test_a_share_that_is_none_is_said_in_a_sentence() -> None:
    assert evidence(features(energy=1.5), "energy_in_range") == [
        f"Track {track_id(7)} has the energy 1.5; expected is that it lies between 0 and 1."
    ]


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [({"low": 2}, [2, 1e300], [1.9, -1e300]), ({"high": 2}, [2, -1e300], [2.1, 1e300])],
)
def test_a_range_may_be_open_at_either_end(
    bounds: dict[str, float], inside: list[float], outside: list[float]
) -> None:
    (loudness,) = (each for each in EXPECTATIONS if each.name == "loudness_in_range")
    ranged = replace(loudness, bounds=bounds)

    def found(value: float) -> list[Any]:
        return list(ranged.check(TrackFeatures(track_id(7), {"loudness": value}), ranged))

    assert not any(found(value) for value in inside)
    assert all(found(value) for value in outside)


@given(st.fixed_dictionaries(dict.fromkeys(FEATURES, st.none() | st.floats() | st.integers())))
def test_any_number_is_either_in_range_or_a_row(values: Mapping[str, Any]) -> None:
    found = breaches_of(dict(values))

    table = encode_rows([each.row() for each in found], SCHEMAS["data_quality"], "x")
    assert table.num_rows == len(found)
    assert all(values[str(each.expectation.column)] is not None for each in found)


# The charts together.


def test_an_error_names_the_others_and_withdraws() -> None:
    day = charts_day(*TWINS, earlier={"daily-NO": before(TEN), "daily-SE": before(range(8, 18))})

    (breach,) = check_charts(day)

    assert (breach.origin, breach.consequence) == (origin_of("daily-SE"), WITHDRAWN)
    assert breach.finding.evidence == (
        "daily-SE of 2026-11-21 shows the very table of daily-NO, and shares 2 of its 10 tracks "
        "with its own of 2026-11-20."
    )


def test_without_a_past_nothing_speaks_for_a_chart() -> None:
    assert evidence(charts_day(*TWINS), "no_others_table") == [
        f"{chart} of 2026-11-21 shows the very table of {other}, and no earlier table of its own "
        "speaks for it."
        for chart, other in (("daily-NO", "daily-SE"), ("daily-SE", "daily-NO"))
    ]


def test_charts_that_all_have_a_past_are_published_with_a_warning() -> None:
    earlier = {"daily-NO": before(TEN), "daily-SE": before(range(5))}

    found = check_charts(charts_day(*TWINS, earlier=earlier))

    assert [(each.severity, each.consequence) for each in found] == [("warning", PUBLISHED)] * 2
    assert found[1].finding.evidence == (
        "daily-SE of 2026-11-21 shows the very table of daily-NO, but shares 5 of its 10 tracks "
        "with its own of 2026-11-20."
    )


def test_of_many_others_five_are_named() -> None:
    tables = [table(f"daily-{letter}O", TEN) for letter in "ABCDEFGHI"]

    found = evidence(charts_day(*tables), "no_others_table")

    assert len(found) == 9
    assert "of daily-BO, daily-CO, daily-DO, daily-EO, daily-FO and 3 more, and" in found[0]


def test_five_others_are_all_of_them() -> None:
    tables = [table(f"daily-{letter}O", TEN) for letter in "ABCDEF"]

    found = evidence(charts_day(*tables), "no_others_table")

    assert "of daily-BO, daily-CO, daily-DO, daily-EO and daily-FO, and" in found[0]


def test_a_warning_about_equal_tables_is_about_each_chart() -> None:
    earlier = {"daily-NO": before(TEN), "daily-SE": before(TEN)}

    rows = [each.row() for each in check_charts(charts_day(*TWINS, earlier=earlier))]

    assert [(row["chart"], row["about"], row["observed"]) for row in rows] == [
        ("daily-NO", "chart", "the table of daily-SE"),
        ("daily-SE", "chart", "the table of daily-NO"),
    ]


def test_two_pairs_of_equal_tables_are_two_groups() -> None:
    others = table("daily-DK", ELEVEN), table("daily-FI", ELEVEN)

    found = evidence(charts_day(*TWINS, *others), "no_others_table")

    assert [sentence.split(", ")[0].split(" ", 3)[3] for sentence in found] == [
        f"shows the very table of {chart}"
        for chart in ("daily-SE", "daily-NO", "daily-FI", "daily-DK")
    ]


def test_only_charts_with_a_twin_are_suspects() -> None:
    assert suspects([*TWINS, table("daily-DK", ELEVEN)]) == ["daily-NO", "daily-SE"]
    assert suspects([table("daily-NO", TEN), table("daily-SE", range(10, 0, -1))]) == []


def test_less_coverage_and_fewer_charts_are_said_in_a_sentence() -> None:
    day = charts_day(
        table("daily-NO", TEN, coverage=0.5),
        coverages={"daily-NO": [0.9, 1.0, 0.98]},
        asked=72,
        loaded=40,
        usual=[72, 71, 70],
    )

    assert [each.finding.evidence for each in check_charts(day)] == [
        "50% of the tracks of daily-NO of 2026-11-21 have audio features; on its latest days it "
        "was 98%.",
        "40 of 72 daily charts asked for of 2026-11-21 could be loaded; on the latest days it "
        "was 71.",
    ]


def test_coverage_that_falls_is_the_charts_own_breach_whatever_is_known_of_others() -> None:
    day = charts_day(
        table("daily-NO", TEN),
        table("daily-SE", ELEVEN, coverage=0.5),
        # A fifth less is not too much less yet.
        table("daily-DK", range(20, 30), coverage=0.8),
        coverages={f"daily-{country}": [1.0] for country in ("NO", "SE", "DK")},
    )

    (row,) = (each.row() for each in check_charts(day))

    assert (row["expectation"], row["chart"]) == ("coverage_kept", "daily-SE")
    assert (row["about"], row["observed"]) == ("chart", "50%")


@pytest.mark.parametrize(("coverage", "kept"), [(0.8, True), (0.799, False)])
def test_a_fifth_of_the_coverage_may_be_missing_and_no_more(coverage: float, kept: bool) -> None:
    day = charts_day(table("daily-NO", TEN, coverage=coverage), coverages={"daily-NO": [1.0]})

    assert (evidence(day, "coverage_kept") == []) == kept


@pytest.mark.parametrize(("loaded", "enough"), [(900, True), (899, False)])
def test_a_tenth_of_the_charts_may_be_missing_and_no_more(loaded: int, enough: bool) -> None:
    day = charts_day(asked=1000, loaded=loaded, usual=[1000])

    assert (evidence(day, "charts_loaded") == []) == enough


# A real day.


@pytest.fixture(scope="module")
def real_rows() -> list[dict[str, str]]:
    if not REAL_CHARTS.is_file():
        pytest.skip(f"the real charts are not there: {REAL_CHARTS.name} in ../shared/data")
    with REAL_CHARTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def real_charts(rows: list[dict[str, str]]) -> list[ShownChart]:
    """The day's charts; a rank that the file lacks is a place that Spotify left empty."""
    charts = defaultdict(list)
    for row in rows:
        charts[row["country"]].append(row)
    shown_charts = []
    for country, listed in charts.items():
        entries = [
            entry(int(row["daily_rank"]), track_id=row["spotify_id"], album_id=None, artist_ids=[])
            for row in listed
        ]
        missing = set(range(1, 51)) - {each["position"] for each in entries}
        holes = [Hole(place) for place in sorted(missing)]
        shown_charts.append(shown(*entries, chart=f"daily-{country}", holes=holes))
    return shown_charts


def test_no_real_chart_breaches_anything(real_rows: list[dict[str, str]]) -> None:
    charts = real_charts(real_rows)

    assert len(charts) == 72
    assert {
        chart.origin.chart: [hole.position for hole in chart.holes]
        for chart in charts
        if chart.holes
    } == {"daily-IN": [8], "daily-PK": [9]}
    assert [names(check_chart(chart)) for chart in charts] == [[]] * 72


def test_no_two_real_charts_are_one(real_rows: list[dict[str, str]]) -> None:
    tables = [
        ChartTable(chart.origin, chart.cadence, positions(chart.entries))
        for chart in real_charts(real_rows)
    ]

    assert suspects(tables) == []
    assert check_charts(charts_day(*tables)) == []


def test_a_real_chart_under_another_name_would_be_found(real_rows: list[dict[str, str]]) -> None:
    tables = {
        str(chart.origin.chart): ChartTable(chart.origin, chart.cadence, positions(chart.entries))
        for chart in real_charts(real_rows)
    }
    swapped = replace(tables["daily-SE"], positions=tables["daily-NO"].positions)
    earlier = {
        chart: Earlier(YESTERDAY, tables[chart].positions) for chart in ("daily-NO", "daily-SE")
    }

    day = charts_day(*(tables | {"daily-SE": swapped}).values(), earlier=earlier)

    (breach,) = check_charts(day)
    assert breach.origin.chart == "daily-SE"


def test_real_features_are_in_range(real_rows: list[dict[str, str]]) -> None:
    found: Counter[str] = Counter()
    for row in real_rows:
        values = {name: float(row[name]) for name in FEATURES}
        found.update(each.expectation.name for each in breaches_of(values))

    assert found == {}


def test_a_real_day_bent_anywhere_is_noticed(real_rows: list[dict[str, str]]) -> None:
    (norway,) = (each for each in real_charts(real_rows) if each.origin.country == "NO")
    rows = [dict(each) for each in norway.entries]
    bends: dict[str, Callable[[], ShownChart]] = {
        "rows_match_total": lambda: replace(norway, places=49),
        "positions_contiguous": lambda: replace(norway, entries=rows[:10] + rows[11:]),
        "positions_unique": lambda: replace(norway, entries=[*rows, rows[3]]),
        "ids_well_formed": lambda: replace(norway, entries=[rows[0] | {"track_id": "?"}]),
        "not_yesterdays_answer": lambda: replace(
            norway, earlier=Earlier(YESTERDAY, positions(rows))
        ),
    }
    for name, bend in bends.items():
        assert name in {each for each, _ in names(check_chart(bend()))}


def test_what_is_wrong_in_an_answer_about_features_is_left_out() -> None:
    found = check_answer(FEATURES_ORIGIN, [track_id(8)], [track_id(7), track_id(7)])

    assert names(found) == [
        ("features_asked_for", track_id(8)),
        ("features_told_once", track_id(7)),
    ]
    assert [breach.consequence for breach in found] == [LEFT_OUT, LEFT_OUT]
    assert [breach.row()["raw_key"] for breach in found] == ["raw/features"] * 2
