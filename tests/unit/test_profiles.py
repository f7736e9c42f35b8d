"""Country profiles: what is computed by hand, and nulls where nothing is known."""

import statistics
from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.features import FEATURES
from soundlake.profiles import MEANS, country_profiles
from soundlake.store.lake import decode, encode_rows, to_parquet
from soundlake.store.schemas import SCHEMAS

from tests.unit.helpers import features_of

DAY = date(2026, 11, 21)


def entries(*rows: tuple[str, date, int, str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (chart, chart.split("-")[1], f"Country {chart[-2:]}", day, position, ident)
            for chart, day, position, ident in rows
        ],
        columns=["chart", "country", "country_name", "chart_date", "position", "track_id"],
    )


def features(*rows: dict[str, Any]) -> pd.DataFrame:
    named = [{"track_id": row["id"]} | {name: row.get(name) for name in FEATURES} for row in rows]
    return pd.DataFrame(named, columns=["track_id", *FEATURES])


def chart(*idents: str) -> pd.DataFrame:
    return entries(*(("daily-NO", DAY, place, ident) for place, ident in enumerate(idents, 1)))


def test_means_and_the_share_of_major_are_those_of_the_known_tracks() -> None:
    known = features(
        features_of("id-0001", danceability=0.25, loudness=-10.0, duration_ms=100_000, mode=1),
        features_of("id-0002", danceability=0.75, loudness=-4.0, duration_ms=200_000, mode=0),
        features_of("id-0003", danceability=0.5, loudness=-1.0, duration_ms=600_000, mode=1),
    )

    (profile,) = country_profiles(chart("id-0001", "id-0002", "id-0003", "id-0004"), known)

    assert profile["tracks"] == 4
    assert profile["tracks_with_features"] == 3
    assert profile["major_share"] == pytest.approx(2 / 3)
    assert profile["danceability_mean"] == pytest.approx((0.25 + 0.75 + 0.5) / 3)
    assert profile["loudness_mean"] == pytest.approx(-5.0)
    assert profile["duration_ms_mean"] == pytest.approx(300_000)
    assert profile["energy_mean"] == pytest.approx(0.25)


def test_a_profile_names_its_chart_and_day() -> None:
    (profile,) = country_profiles(chart("id-0001"), features(features_of("id-0001")))

    assert profile["chart"] == "daily-NO"
    assert profile["country"] == "NO"
    assert profile["country_name"] == "Country NO"
    assert profile["chart_date"] == DAY
    assert set(profile) == {
        "chart",
        "country",
        "country_name",
        "chart_date",
        "tracks",
        "tracks_with_features",
        "major_share",
        *(f"{name}_{part}" for name in MEANS for part in ("mean", "std", "q1", "median", "q3")),
        "coverage",
        "region",
        "hemisphere",
        "season",
    }


def test_a_single_unknown_value_counts_in_no_mean() -> None:
    known = features(
        features_of("id-0001", tempo=100.0, mode=None),
        features_of("id-0002", tempo=None, mode=0),
        features_of("id-0003", tempo=140.0, mode=0),
    )

    (profile,) = country_profiles(chart("id-0001", "id-0002", "id-0003"), known)

    assert profile["tracks_with_features"] == 3
    assert profile["tempo_mean"] == pytest.approx(120.0)
    assert profile["major_share"] == 0.0


@pytest.mark.parametrize(
    "known",
    [features(), features({"id": "id-0001"}), features(features_of("id-0009"))],
    ids=["no table yet", "a row of nulls", "other tracks"],
)
def test_a_chart_without_any_known_feature_has_null_means(known: pd.DataFrame) -> None:
    (profile,) = country_profiles(chart("id-0001", "id-0002"), known)

    assert profile["tracks"] == 2
    assert profile["tracks_with_features"] == 0
    assert profile["major_share"] is None
    assert profile["coverage"] == 0.0
    parts = ("mean", "std", "q1", "median", "q3")
    assert {profile[f"{name}_{part}"] for name in MEANS for part in parts} == {None}


def test_an_unknown_chart_does_not_disturb_a_known_one() -> None:
    both = entries(("daily-NO", DAY, 1, "id-0001"), ("daily-SE", DAY, 1, "id-0002"))

    norway, sweden = country_profiles(both, features(features_of("id-0001")))

    assert (norway["chart"], norway["energy_mean"]) == ("daily-NO", 0.25)
    assert (sweden["chart"], sweden["energy_mean"]) == ("daily-SE", None)


def test_charts_and_days_stay_apart_and_in_order() -> None:
    before = date(2026, 11, 20)
    rows = entries(
        ("daily-SE", DAY, 1, "id-0001"),
        ("daily-NO", DAY, 1, "id-0001"),
        ("daily-NO", before, 2, "id-0002"),
        ("daily-NO", before, 1, "id-0001"),
    )

    profiles = country_profiles(rows, features())

    assert [(each["chart"], each["chart_date"], each["tracks"]) for each in profiles] == [
        ("daily-NO", before, 2),
        ("daily-NO", DAY, 1),
        ("daily-SE", DAY, 1),
    ]


def test_a_track_that_holds_two_positions_counts_twice() -> None:
    known = features(features_of("id-0001", valence=1.0), features_of("id-0002", valence=0.25))

    (profile,) = country_profiles(chart("id-0001", "id-0002", "id-0001"), known)

    assert profile["tracks"] == 3
    assert profile["valence_mean"] == pytest.approx(0.75)


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = chart(*(f"id-{number:04d}" for number in range(1, 8)))
    known = features(*(features_of(f"id-{number:04d}") for number in range(1, 6)))

    backwards = country_profiles(rows.iloc[::-1], known.iloc[::-1])

    assert backwards == country_profiles(rows, known)


def test_features_that_come_twice_are_refused() -> None:
    """They would make two of each of a track's places."""
    twice = features(features_of("id-0001"), features_of("id-0001"))

    with pytest.raises(pd.errors.MergeError):
        country_profiles(chart("id-0001"), twice)


def test_no_entries_are_no_profiles() -> None:
    assert country_profiles(entries(), features()) == []


# How the values are spread.


def test_deviation_and_quartiles_are_those_of_the_known_tracks() -> None:
    """Of 1, 2, 4, 9: the quartiles lie at 1.75, 3 and 5.25, the squares' sum at 38."""
    known = features(
        *(features_of(f"id-000{n}", tempo=value) for n, value in enumerate((9.0, 1.0, 4.0, 2.0))),
        features_of("id-0009", tempo=None),
    )

    (profile,) = country_profiles(
        chart("id-0000", "id-0001", "id-0002", "id-0003", "id-0009"), known
    )

    assert profile["tempo_mean"] == pytest.approx(4.0)
    assert profile["tempo_std"] == pytest.approx((38 / 3) ** 0.5)
    assert profile["tempo_q1"] == pytest.approx(1.75)
    assert profile["tempo_median"] == pytest.approx(3.0)
    assert profile["tempo_q3"] == pytest.approx(5.25)
    assert profile["energy_std"] == pytest.approx(0.0)


def test_a_single_known_value_has_quartiles_and_no_deviation() -> None:
    known = features(features_of("id-0001", valence=0.25), features_of("id-0002", valence=None))

    (profile,) = country_profiles(chart("id-0001", "id-0002"), known)

    parts = ("mean", "q1", "median", "q3")
    assert {profile[f"valence_{part}"] for part in parts} == {0.25}
    assert profile["valence_std"] is None
    assert profile["energy_std"] == pytest.approx(0.0)


@given(
    st.lists(
        st.none() | st.floats(-60, 0, allow_subnormal=False).map(lambda value: round(value, 3)),
        min_size=1,
        max_size=12,
    )
)
def test_the_spread_is_what_statistics_says(values: list[float | None]) -> None:
    idents = [f"id-{number:04d}" for number in range(len(values))]
    rows = [features_of(each, loudness=v) for each, v in zip(idents, values, strict=True)]

    (profile,) = country_profiles(chart(*idents), features(*rows))

    known = [value for value in values if value is not None]
    found = [profile[f"loudness_{part}"] for part in ("std", "q1", "median", "q3")]
    if not known:
        assert found == [None] * 4
    elif len(known) == 1:
        assert found == [None, *known * 3]
    else:
        quartiles = statistics.quantiles(known, n=4, method="inclusive")
        assert found == pytest.approx([statistics.stdev(known), *quartiles], abs=1e-9)


def test_coverage_is_the_share_of_known_tracks() -> None:
    known = features(features_of("id-0001"))

    (profile,) = country_profiles(chart("id-0001", "id-0002", "id-0003", "id-0004"), known)

    assert profile["coverage"] == 0.25


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_number_counts_in_nothing(value: float) -> None:
    known = features(
        features_of("id-0001", tempo=100.0),
        features_of("id-0002", tempo=value),
        features_of("id-0003", tempo=140.0),
    )

    (profile,) = country_profiles(chart("id-0001", "id-0002", "id-0003"), known)

    assert profile["tempo_mean"] == pytest.approx(120.0)
    assert profile["tempo_median"] == pytest.approx(120.0)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_numbers_too_large_to_add_have_no_mean() -> None:
    known = features(features_of("id-0001", tempo=1.7e308), features_of("id-0002", tempo=1.7e308))

    (profile,) = country_profiles(chart("id-0001", "id-0002"), known)

    assert (profile["tempo_mean"], profile["tempo_std"]) == (None, 0.0)
    assert encode_rows([profile], SCHEMAS["country_profiles"], "k").num_rows == 1


# Where and when.


@pytest.mark.parametrize(
    ("country", "day", "place"),
    [
        ("NO", date(2026, 11, 21), ("Europe", "north", "autumn")),
        ("AU", date(2026, 11, 21), ("Oceania", "south", "spring")),
        ("BR", date(2026, 12, 1), ("Americas", "south", "summer")),
        ("JP", date(2024, 2, 29), ("Asia", "north", "winter")),
        ("GLOBAL", date(2026, 11, 21), (None, None, None)),
        ("ZZ", date(2026, 11, 21), (None, None, None)),
    ],
)
def test_a_profile_says_where_and_in_which_season(
    country: str, day: date, place: tuple[str | None, ...]
) -> None:
    rows = entries((f"daily-{country}", day, 1, "id-0001"))

    (profile,) = country_profiles(rows, features(features_of("id-0001")))

    assert (profile["region"], profile["hemisphere"], profile["season"]) == place


def test_a_profile_comes_back_from_its_file_whole() -> None:
    known = features(features_of("id-0001"), features_of("id-0002"))
    (profile,) = country_profiles(chart("id-0001", "id-0002"), known)
    schema = SCHEMAS["country_profiles"]

    (read,) = decode(to_parquet(encode_rows([profile], schema, "k")), schema, "k").to_pylist()

    assert set(profile) == set(schema.names)
    assert read == profile
    assert None not in read.values()
