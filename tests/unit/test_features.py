"""Audio features: the fewest requests, and a row for every track that was asked about."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from soundlake.features import FEATURES
from soundlake.quality import Breach
from soundlake.sources.spotify import SpotifyFeatures
from soundlake.spotify.errors import BadAnswerError

from tests.unit.helpers import NOW, features_of, track_id, without

feature_rows, feature_breaches = SpotifyFeatures().rows, SpotifyFeatures().breaches


def rows_of(answers: list[Any], asked: list[str]) -> list[dict[str, Any]]:
    return feature_rows({"audio_features": answers}, asked, fetched_at=NOW, raw_key="raw/one")


def breaches_of(answers: list[Any], asked: list[str]) -> list[Breach]:
    return feature_breaches({"audio_features": answers}, asked, fetched_at=NOW, raw_key="raw/one")


def test_known_features_become_a_row() -> None:
    ident = track_id(3)

    (row,) = rows_of([features_of(ident)], [ident])

    assert row == {
        "track_id": ident,
        "danceability": 0.5003,
        "energy": 0.25,
        "key": 3,
        "loudness": -6.5,
        "mode": 1,
        "speechiness": 0.125,
        "acousticness": 0.0625,
        "instrumentalness": 0.0,
        "liveness": 0.5,
        "valence": 0.75,
        "tempo": 120.0,
        "duration_ms": 180_003,
        "time_signature": 4,
        "source": "spotify",
        "fetched_at": "2026-11-21T09:18:00.000Z",
        "raw_key": "raw/one",
    }


def test_unknown_features_become_a_row_of_nulls_without_a_source() -> None:
    first, second = rows_of([None, features_of("id-0002")], ["id-0001", "id-0002"])

    assert first["track_id"] == "id-0001"
    assert {first[name] for name in FEATURES} == {None}
    assert first["source"] is None
    assert first["raw_key"] == "raw/one"
    assert second["source"] == "spotify"


def test_a_single_missing_feature_is_null_and_the_rest_stay() -> None:
    (row,) = rows_of([without(features_of("id-0001"), "tempo")], ["id-0001"])

    assert row["tempo"] is None
    assert row["valence"] == 0.75


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tempo", 0.0),
        ("loudness", 5.5),
        ("valence", 1.01),
        ("key", 3.5),
        ("mode", float("nan")),
        ("energy", float("inf")),
        ("duration_ms", 0),
        ("time_signature", 10**400),
    ],
)
def test_a_value_that_no_feature_has_is_null_and_the_rest_stay(name: str, value: Any) -> None:
    ids = [track_id(1), track_id(2)]
    answers = [features_of(ids[0], **{name: value}), features_of(ids[1])]

    first, second = rows_of(answers, ids)

    assert first == rows_of([features_of(ids[0], **{name: None}), None], ids)[0]
    assert None not in second.values()
    (breach,) = breaches_of(answers, ids)
    assert breach.row() == {
        "chart": None,
        "country": None,
        "chart_date": "2026-11-21",
        "expectation": f"{name}_in_range",
        "severity": "warning",
        "about": ids[0],
        "observed": breach.finding.observed,
        "expected": breach.expectation.text,
        "evidence": breach.finding.evidence,
        "consequence": "set to null",
        "observed_at": "2026-11-21T09:18:00.000Z",
        "raw_key": "raw/one",
    }


@pytest.mark.usefixtures("far_from_utc")
def test_a_breach_is_of_the_day_that_it_is_in_utc() -> None:
    evening = datetime(2026, 11, 21, 20, tzinfo=UTC)  # the 22nd there already
    answer = {"audio_features": [features_of(track_id(1), tempo=0.0)]}

    (breach,) = feature_breaches(answer, [track_id(1)], fetched_at=evening, raw_key="raw/one")

    assert breach.origin.chart_date == date(2026, 11, 21)


@pytest.mark.parametrize(("given", "kept"), [(3, 3), (3.0, 3), (True, 1), ("3", 3)])
def test_whole_features_are_whole_and_others_are_not(given: Any, kept: int) -> None:
    ident = track_id(1)

    (row,) = rows_of([features_of(ident, key=given, tempo=120)], [ident])

    assert (row["key"], type(row["key"])) == (kept, int)
    assert (row["tempo"], type(row["tempo"])) == (120.0, float)


def test_each_feature_has_the_type_of_its_column() -> None:
    ident = track_id(1)
    whole = {"key": 1.0, "mode": 1.0, "duration_ms": 180_000.0, "time_signature": 4.0}
    ones = dict.fromkeys(FEATURES, 1)

    (row,) = rows_of([features_of(ident, **ones | whole)], [ident])

    assert {name for name in FEATURES if type(row[name]) is int} == set(whole)
    assert {name for name in FEATURES if type(row[name]) is float} == set(FEATURES) - set(whole)


def test_good_and_unknown_features_breach_nothing() -> None:
    assert breaches_of([features_of(track_id(1)), None], [track_id(1), track_id(2)]) == []


@pytest.mark.parametrize("read", [feature_rows, feature_breaches])
def test_a_feature_that_is_no_number_at_all_is_refused(read: Callable[..., Any]) -> None:
    answer = {"audio_features": [features_of(track_id(1), tempo="fast")]}

    with pytest.raises(BadAnswerError, match=r"^audio features: audio_features\.0\.tempo"):
        read(answer, [track_id(1)], fetched_at=NOW, raw_key="raw/one")


@pytest.mark.parametrize("count", [1, 3])
def test_an_answer_to_another_number_of_tracks_is_refused(count: int) -> None:
    with pytest.raises(BadAnswerError) as refused:
        rows_of([None] * count, ["id-0001", "id-0002"])

    assert str(refused.value) == f"audio features: {count} answers to 2 ids"


def test_an_answer_in_another_order_is_refused() -> None:
    with pytest.raises(BadAnswerError) as refused:
        rows_of([features_of("id-0002"), features_of("id-0001")], ["id-0001", "id-0002"])

    assert str(refused.value) == "audio features: id-0002 in the place of id-0001"


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({}, "audio_features: field required"),
        ({"audio_features": None}, "audio_features: input should be a valid tuple"),
        ({"audio_features": [{"energy": 1}]}, "audio_features.0.id: field required"),
        ([], "the answer: "),
    ],
)
def test_what_is_no_answer_about_features_is_refused(answer: Any, field: str) -> None:
    with pytest.raises(BadAnswerError) as refused:
        feature_rows(answer, ["id-0001"], fetched_at=NOW, raw_key="raw/one")

    assert str(refused.value).startswith(f"audio features: {field}")
