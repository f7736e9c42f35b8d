"""Country profiles: means computed by hand, and nulls where nothing is known."""

from datetime import date
from typing import Any

import pandas as pd
import pytest
from soundlake.features import FEATURES
from soundlake.profiles import MEANS, country_profiles

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
    assert {profile[f"{name}_mean"] for name in MEANS} == {None}


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


def test_no_entries_are_no_profiles() -> None:
    assert country_profiles(entries(), features()) == []
