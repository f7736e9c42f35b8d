"""Audio features: the fewest requests, and a row for every track that was asked about."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.features import FEATURES, batches, feature_rows
from soundlake.spotify.errors import BadAnswerError

from tests.unit.helpers import NOW, features_of, track_id, without

IDS = st.sets(st.integers(0, 400).map(track_id), max_size=120)


@given(wanted=IDS, known=IDS, size=st.integers(1, 50))
def test_the_fewest_batches_ask_for_each_unknown_track_once(
    wanted: set[str], known: set[str], size: int
) -> None:
    made = batches(wanted, known, size)

    asked = [ident for batch in made for ident in batch]
    assert asked == sorted(wanted - known)
    assert len(made) == -(-len(wanted - known) // size)
    assert all(1 <= len(batch) <= size for batch in made)


def test_a_track_that_is_wanted_twice_is_asked_once() -> None:
    assert batches(["b", "a", "b"], [], 2) == [("a", "b")]


def rows_of(answers: list[Any], asked: list[str]) -> list[dict[str, Any]]:
    return feature_rows({"audio_features": answers}, asked, fetched_at=NOW, raw_key="raw/one")


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
