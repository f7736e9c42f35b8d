"""Answers about features: pending until the table names them, superseded when damaged."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from soundlake.features import feature_rows
from soundlake.spotify.client import Answer
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.feature_answers import TABLE, FeatureAnswers, month_of_key
from soundlake.store.objects import CorruptObjectError
from soundlake.store.raw import Raw

from tests.unit.helpers import MONTH, NOW, Zones, features_of, track_id

DAY = date(2026, 11, 21)
ONE, TWO, THREE = (track_id(number) for number in (1, 2, 3))


@pytest.fixture
def answers(zones: Zones) -> FeatureAnswers:
    return FeatureAnswers(Raw(zones.bucket), zones.lake)


def answer(*idents: str, unknown: Sequence[str] = ()) -> Answer:
    found = [None if ident in unknown else features_of(ident) for ident in idents]
    decoded: dict[str, Any] = {"audio_features": found}
    return Answer(json.dumps(decoded).encode(), decoded, NOW, "/v1/audio-features")


def publish(zones: Zones, rows: list[dict[str, Any]], month: str = MONTH) -> None:
    zones.lake.replace(TABLE, month, TABLE, lambda before: before + rows)


def only_key(zones: Zones) -> str:
    (key,) = (key for key in zones.keys("raw/") if key.endswith(".json.gz"))
    return key


def test_an_answer_is_kept_with_what_was_asked(answers: FeatureAnswers, zones: Zones) -> None:
    rows = answers.keep(answer(ONE, TWO, unknown=[TWO]), [ONE, TWO], DAY)

    key = only_key(zones)
    assert key.startswith("raw/audio-features/spotify/month=2026-11/2026-11-21/")
    assert key.endswith("-001.json.gz")
    assert [row["track_id"] for row in rows] == [ONE, TWO]
    assert {row["raw_key"] for row in rows} == {key}
    assert answers.rows(key) == rows
    assert month_of_key(key) == MONTH


def test_an_answer_to_something_else_is_refused_and_not_kept(
    answers: FeatureAnswers, zones: Zones
) -> None:
    with pytest.raises(BadAnswerError):
        answers.keep(answer(ONE), [ONE, TWO], DAY)

    assert zones.keys() == []


def test_the_same_batch_of_a_day_is_kept_under_the_next_attempt(
    answers: FeatureAnswers, zones: Zones
) -> None:
    answers.keep(answer(ONE), [ONE], DAY)
    first = only_key(zones)

    (row,) = answers.keep(answer(ONE, unknown=[ONE]), [ONE], DAY)
    (third,) = answers.keep(answer(ONE), [ONE], DAY)

    assert row["raw_key"] == first.replace("-001.", "-002.")
    assert third["raw_key"] == first.replace("-001.", "-003.")
    assert answers.rows(first)[0]["source"] == "spotify"


def test_other_batches_and_days_count_their_own_attempts(answers: FeatureAnswers) -> None:
    keys = [
        answers.keep(answer(*asked), asked, day)[0]["raw_key"]
        for asked, day in (
            ([ONE], DAY),
            ([TWO], DAY),
            ([ONE, TWO], DAY),
            ([ONE], date(2026, 11, 22)),
        )
    ]

    assert len(set(keys)) == 4
    assert {key[-len("-001.json.gz") :] for key in keys} == {"-001.json.gz"}


def test_an_answer_is_pending_until_the_table_names_it(
    answers: FeatureAnswers, zones: Zones
) -> None:
    rows = answers.keep(answer(ONE, TWO), [ONE, TWO], DAY)
    key = only_key(zones)
    before = answers.pending(MONTH)

    publish(zones, rows)

    assert before == [key]
    assert answers.pending(MONTH) == []


def test_an_answer_of_the_month_before_is_pending_too_but_no_older_one(
    answers: FeatureAnswers,
) -> None:
    for day in (date(2026, 11, 30), date(2026, 10, 31), date(2026, 9, 30)):
        answers.keep(answer(ONE), [ONE], day)

    assert [month_of_key(key) for key in answers.pending("2026-11")] == ["2026-10", "2026-11"]
    assert [month_of_key(key) for key in answers.pending("2026-12")] == ["2026-11"]


def test_a_row_of_nulls_is_known(answers: FeatureAnswers, zones: Zones) -> None:
    publish(zones, answers.keep(answer(ONE, TWO, unknown=[TWO]), [ONE, TWO], DAY))
    publish(
        zones,
        feature_rows(answer(THREE).json, [THREE], fetched_at=NOW, raw_key="raw/x"),
        "2024-01",
    )

    assert answers.known() == {ONE, TWO, THREE}


def test_nothing_is_known_of_an_empty_lake(answers: FeatureAnswers) -> None:
    assert answers.known() == set()
    assert answers.pending(MONTH) == []


def test_damaged_answers_are_named_and_the_others_read(
    answers: FeatureAnswers, zones: Zones
) -> None:
    damaged = answers.keep(answer(ONE), [ONE], DAY)[0]["raw_key"]
    whole = answers.keep(answer(TWO), [TWO], DAY)[0]["raw_key"]
    zones.damage(damaged)

    good, bad = answers.readable([damaged, whole, "raw/absent.json.gz"])

    assert list(good) == [whole]
    assert bad == {
        damaged: f"{damaged} is not a whole gzip object.",
        "raw/absent.json.gz": "raw/absent.json.gz is missing.",
    }
    with pytest.raises(CorruptObjectError):
        answers.rows(damaged)


def test_an_answer_that_no_longer_fits_what_was_asked_is_named(
    answers: FeatureAnswers, zones: Zones
) -> None:
    key = answers.keep(answer(ONE), [ONE], DAY)[0]["raw_key"]
    zones.put(f"{key}.asked.json", json.dumps([ONE, TWO]).encode())

    assert answers.readable([key]) == ({}, {key: "audio features: 1 answers to 2 ids"})


def test_a_damaged_answer_is_superseded_once_all_its_tracks_are_known(
    answers: FeatureAnswers, zones: Zones
) -> None:
    key = answers.keep(answer(ONE, TWO), [ONE, TWO], DAY)[0]["raw_key"]
    zones.damage(key)

    assert not answers.superseded(key, {ONE})
    assert answers.superseded(key, {ONE, TWO, THREE})


def test_without_its_asked_ids_an_answer_is_not_superseded(
    answers: FeatureAnswers, zones: Zones
) -> None:
    assert not answers.superseded("raw/absent.json.gz", {ONE})
