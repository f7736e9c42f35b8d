"""Answers of all kinds: pending until their table names them, superseded when damaged."""

import json
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
from soundlake.sources.web import Answer
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.answers import (
    ALBUMS,
    ANALYSES,
    ARTISTS,
    GENRES,
    KINDS,
    TRACKS,
    Answers,
    Kind,
)
from soundlake.store.answers import FEATURES as SOURCES
from soundlake.store.objects import CorruptObjectError
from soundlake.store.raw import Raw

from tests.unit.helpers import (
    MONTH,
    NOW,
    Row,
    Zones,
    analysis,
    features_of,
    full_album,
    full_artist,
    kept_answers,
    musicbrainz_artist,
    reccobeats_of,
    track,
    track_id,
    without,
)

FEATURES, RECCOBEATS = SOURCES["spotify"], SOURCES["reccobeats"]
DAY = date(2026, 11, 21)
ONE, TWO, THREE = (track_id(number) for number in (1, 2, 3))
IN_ORDER = (TRACKS, FEATURES, ALBUMS, ARTISTS)
BATCHES = (*IN_ORDER, RECCOBEATS)
MADE: dict[str, Callable[[str], Row]] = {
    FEATURES.name: features_of,
    TRACKS.name: lambda ident: track(1, id=ident),
    ALBUMS.name: lambda ident: full_album(1, id=ident),
    ARTISTS.name: lambda ident: full_artist(1, id=ident),
}
OLD_KEY = "raw/audio-features/spotify/month=2024-01/2024-01-31/0-001.json.gz"
NOT_FOUND = {"error": {"status": 404, "message": "analysis not found"}}


@pytest.fixture
def answers(zones: Zones) -> Answers:
    return of(FEATURES, zones)


def of(kind: Kind, zones: Zones) -> Answers:
    return Answers(kind, Raw(zones.bucket), zones.lake)


def sent(decoded: Any, kind: Kind = FEATURES) -> Answer:
    return Answer(json.dumps(decoded).encode(), decoded, NOW, f"/v1/{kind.name}")


def name_of(kind: Kind) -> str:
    return f"{kind.name} of {kind.source}"


def answer(*idents: str, unknown: Sequence[str] = (), kind: Kind = FEATURES) -> Answer:
    if kind is RECCOBEATS:
        known = [reccobeats_of(ident) for ident in idents if ident not in unknown]
        return sent({"content": known}, kind)
    if kind in GENRES.values():
        (ident,) = idents
        return sent(
            {"artists": []} if ident in unknown else musicbrainz_artist("Nova", pop=1), kind
        )
    if kind is ANALYSES:
        (ident,) = idents
        return sent(NOT_FOUND if ident in unknown else analysis(), kind)
    found = [None if ident in unknown else MADE[kind.name](ident) for ident in idents]
    return sent({kind.name.replace("-", "_"): found}, kind)


def publish(zones: Zones, rows: list[Row], month: str = MONTH, kind: Kind = FEATURES) -> None:
    zones.lake.replace(kind.table, month, kind.table, lambda before: before + rows)


def only_key(zones: Zones, kind: Kind = FEATURES) -> str:
    (key,) = kept_answers(zones, kind.name)
    return key


def named(row: Row, kind: Kind) -> list[str]:
    """The answers that a row names, in the column of one or that of several."""
    several: list[str] | None = row.get(kind.all_named or "")
    return several or [row[kind.named]]


def keys_of(answers: Answers, day: date = DAY, *asked: str) -> str:
    """Keep an answer; the key that its rows name."""
    idents = asked or (ONE,)
    rows = answers.keep(answer(*idents, kind=answers.kind), idents, day)
    return named(rows[0], answers.kind)[0]


# Every kind.


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_an_answer_is_kept_with_what_was_asked(kind: Kind, zones: Zones) -> None:
    answers = of(kind, zones)
    asked = [ONE] if kind.per_request == 1 else [ONE, TWO]

    rows = answers.keep(answer(*asked, unknown=[TWO], kind=kind), asked, DAY)

    key = only_key(zones, kind)
    assert key.startswith(f"raw/{kind.name}/{kind.source}/month=2026-11/2026-11-21/")
    assert key.endswith("-001.json.gz")
    assert [row[kind.id] for row in rows] == asked
    assert [named(row, kind) for row in rows] == [[key]] * len(asked)
    assert answers.rows(key) == rows
    assert answers.day_of(key) == DAY


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
@pytest.mark.parametrize("unknown", [[], [ONE]], ids=["known", "unknown"])
def test_an_answer_is_pending_until_the_table_names_it(
    unknown: list[str], kind: Kind, zones: Zones
) -> None:
    rows = of(kind, zones).keep(answer(ONE, unknown=unknown, kind=kind), [ONE], DAY)
    before = of(kind, zones)

    publish(zones, rows, kind=kind)

    assert (before.pending(MONTH), before.known()) == ([], {ONE})
    assert of(kind, zones).pending(MONTH) == []


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_of_an_empty_lake_nothing_is_known_and_what_is_kept_is_pending(
    kind: Kind, zones: Zones
) -> None:
    assert (of(kind, zones).pending(MONTH), of(kind, zones).known()) == ([], set())

    of(kind, zones).keep(answer(ONE, kind=kind), [ONE], DAY)

    assert of(kind, zones).pending(MONTH) == [only_key(zones, kind)]
    assert of(kind, zones).known() == set()


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_kinds_do_not_mix(kind: Kind, zones: Zones) -> None:
    of(kind, zones).keep(answer(ONE, kind=kind), [ONE], DAY)

    for other in KINDS:
        assert len(of(other, zones).pending(MONTH)) == (other is kind)


@pytest.mark.parametrize("kind", [ALBUMS, ARTISTS], ids=name_of)
def test_a_row_without_details_was_not_asked_about(kind: Kind, zones: Zones) -> None:
    rows = of(kind, zones).keep(answer(ONE, kind=kind), [ONE], DAY)
    publish(zones, [{kind.id: ONE, "name": "A"}, *rows, {kind.id: TWO}], kind=kind)

    assert of(kind, zones).known() == {ONE}


@pytest.mark.parametrize("kind", BATCHES, ids=name_of)
@pytest.mark.parametrize("decoded", [{}, [], {"error": {"status": 500}}, None])
@pytest.mark.parametrize("asked", [[ONE], [ONE, TWO]], ids=["one", "several"])
def test_what_is_no_answer_is_refused_and_not_kept(
    asked: list[str], decoded: Any, kind: Kind, zones: Zones
) -> None:
    with pytest.raises(BadAnswerError):
        of(kind, zones).keep(sent(decoded, kind), asked, DAY)

    assert zones.keys() == []


@pytest.mark.parametrize("kind", BATCHES, ids=name_of)
def test_that_something_is_not_found_is_no_answer_to_several(kind: Kind, zones: Zones) -> None:
    with pytest.raises(BadAnswerError):
        of(kind, zones).keep(sent(NOT_FOUND, kind), [ONE, TWO], DAY)


@pytest.mark.parametrize("kind", [TRACKS, ALBUMS, ARTISTS], ids=name_of)
def test_one_is_answered_by_itself_as_among_several(kind: Kind, zones: Zones) -> None:
    alone = of(kind, zones).keep(sent(MADE[kind.name](ONE), kind), [ONE], DAY)
    among = of(kind, zones).keep(answer(ONE, kind=kind), [ONE], DAY)
    unknown = of(kind, zones).keep(sent(NOT_FOUND, kind), [ONE], DAY)
    null = of(kind, zones).keep(answer(ONE, unknown=[ONE], kind=kind), [ONE], DAY)

    def told(rows: list[Row]) -> list[Row]:
        return [without(row, kind.named) for row in rows]

    assert (told(alone), told(unknown)) == (told(among), told(null))
    assert alone[0].keys() > unknown[0].keys() == {kind.id, "detailed_at", "detail_raw_key"}


def test_an_album_or_artist_alone_lacks_what_development_mode_lacks(zones: Zones) -> None:
    fewer = without(full_artist(1, id=ONE), "popularity", "followers")
    (row,) = of(ARTISTS, zones).keep(sent(fewer, ARTISTS), [ONE], DAY)

    assert (row["genres"], row["popularity"], row["followers"]) == (["rock"], None, None)


@pytest.mark.parametrize("kind", IN_ORDER, ids=name_of)
def test_an_answer_to_something_else_is_refused_and_not_kept(kind: Kind, zones: Zones) -> None:
    for answered in ([ONE], [TWO, ONE]):
        with pytest.raises(BadAnswerError):
            of(kind, zones).keep(answer(*answered, kind=kind), [ONE, TWO], DAY)

    assert zones.keys() == []


# Analyses.


def test_that_there_is_no_analysis_is_a_row_without_a_source(zones: Zones) -> None:
    (row,) = of(ANALYSES, zones).keep(sent(NOT_FOUND), [ONE], DAY)

    assert (row["track_id"], row["source"], row["sections"]) == (ONE, None, None)
    assert row["raw_key"] == only_key(zones, ANALYSES)


@pytest.mark.parametrize(
    "decoded", [{"error": {"status": 500}}, {"error": "Words"}, {"error": None}, {}]
)
def test_another_error_is_not_that_there_is_none(decoded: Any, zones: Zones) -> None:
    """It is no answer: the track would never be asked about again."""
    with pytest.raises(BadAnswerError, match=f"^the audio analysis of {ONE} has no track, "):
        of(ANALYSES, zones).keep(sent(decoded), [ONE], DAY)

    assert zones.keys() == []


@pytest.mark.parametrize("decoded", [[], "text", {"sections": 3}])
def test_what_is_no_analysis_is_refused_and_not_kept(decoded: Any, zones: Zones) -> None:
    with pytest.raises(BadAnswerError, match=f"^the audio analysis of {ONE}: "):
        of(ANALYSES, zones).keep(sent(decoded), [ONE], DAY)

    assert zones.keys() == []


# Batches and tries.


def test_the_same_batch_of_a_day_is_kept_under_the_next_attempt(
    answers: Answers, zones: Zones
) -> None:
    answers.keep(answer(ONE), [ONE], DAY)
    first = only_key(zones)

    (row,) = answers.keep(answer(ONE, unknown=[ONE]), [ONE], DAY)
    (third,) = answers.keep(answer(ONE), [ONE], DAY)

    assert row["raw_key"] == first.replace("-001.", "-002.")
    assert third["raw_key"] == first.replace("-001.", "-003.")
    assert answers.rows(first)[0]["source"] == "spotify"


def test_other_batches_and_days_count_their_own_attempts(answers: Answers) -> None:
    keys = [
        keys_of(answers, DAY, ONE),
        keys_of(answers, DAY, TWO),
        keys_of(answers, DAY, ONE, TWO),
        keys_of(answers, date(2026, 11, 22), ONE),
    ]

    assert len(set(keys)) == 4
    assert {key[-len("-001.json.gz") :] for key in keys} == {"-001.json.gz"}


def test_an_answer_of_the_month_before_is_pending_too_but_no_older_one(answers: Answers) -> None:
    days = [date(2026, 11, 30), date(2026, 10, 31), date(2026, 9, 30)]
    for day in days:
        keys_of(answers, day)

    assert [answers.day_of(key) for key in answers.pending("2026-11")] == [days[1], days[0]]
    assert [answers.day_of(key) for key in answers.pending("2026-12")] == [days[0]]


def test_a_row_of_nulls_is_known(answers: Answers, zones: Zones) -> None:
    publish(zones, answers.keep(answer(ONE, TWO, unknown=[TWO]), [ONE, TWO], DAY))
    publish(
        zones,
        FEATURES.rows(answer(THREE).json, [THREE], fetched_at=NOW, raw_key=OLD_KEY),
        "2024-01",
    )

    assert answers.known() == {ONE, TWO, THREE}


# What is damaged.


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_damaged_answers_are_named_and_the_others_read(kind: Kind, zones: Zones) -> None:
    answers = of(kind, zones)
    damaged, whole = keys_of(answers, DAY, ONE), keys_of(answers, DAY, TWO)
    zones.damage(damaged)

    good, bad = answers.readable([damaged, whole, "raw/absent.json.gz"])

    assert list(good) == [whole]
    assert bad == {
        damaged: f"{damaged} is not a whole gzip object.",
        "raw/absent.json.gz": "raw/absent.json.gz is missing.",
    }
    with pytest.raises(CorruptObjectError):
        answers.rows(damaged)


@pytest.mark.parametrize("kind", IN_ORDER, ids=name_of)
def test_an_answer_that_no_longer_fits_what_was_asked_is_named(kind: Kind, zones: Zones) -> None:
    answers = of(kind, zones)
    key = keys_of(answers)
    zones.change_metadata(key, asked=json.dumps([ONE, TWO]))

    name = kind.name.replace("-", " ")
    assert answers.readable([key]) == ({}, {key: f"{name}: 1 answers to 2 ids"})


def test_an_analysis_that_was_not_asked_alone_is_named(zones: Zones) -> None:
    answers = of(ANALYSES, zones)
    key = keys_of(answers)
    zones.change_metadata(key, asked=json.dumps([ONE, TWO]))

    assert answers.readable([key]) == ({}, {key: "audio analysis: 1 answer to 2 ids"})


def test_a_damaged_answer_is_superseded_once_all_its_tracks_are_known(
    answers: Answers, zones: Zones
) -> None:
    key = keys_of(answers, DAY, ONE, TWO)
    zones.damage(key)

    assert not answers.superseded(key, {ONE})
    assert answers.superseded(key, {ONE, TWO, THREE})


def test_without_its_asked_ids_an_answer_is_not_superseded(answers: Answers) -> None:
    assert not answers.superseded("raw/absent.json.gz", {ONE})
