"""Audio features: a row for every track that was asked about, made of all that sources told."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from soundlake.features import FEATURES, Reading, Told, ask_again, day_of, merged, source_of
from soundlake.features import feature_breaches as named
from soundlake.quality import Breach
from soundlake.sources.spotify import SpotifyFeatures
from soundlake.spotify.errors import BadAnswerError

from tests.unit.helpers import NOW, Row, features_of, track_id, without

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
    ids = [track_id(1), track_id(2)]
    row, _ = rows_of([without(features_of(ids[0]), "tempo"), features_of(ids[1])], ids)

    assert row["tempo"] is None
    assert row["valence"] == 0.75


def test_a_feature_that_no_track_has_was_renamed_and_makes_no_answer() -> None:
    ids = [track_id(1), track_id(2), track_id(3)]
    renamed = [None, *(without(features_of(each), "tempo") for each in ids[1:])]

    with pytest.raises(BadAnswerError, match=r"^audio features: no track has tempo$"):
        rows_of(renamed, ids)


def test_where_no_track_is_known_nothing_was_renamed() -> None:
    ids = [track_id(1), track_id(2)]

    assert [row["source"] for row in rows_of([None, None], ids)] == [None, None]


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


def test_what_an_answer_has_too_much_of_is_named_with_the_answer() -> None:
    reading = Reading([(track_id(1), None)], others=[track_id(2)], repeated=[track_id(1)])

    rows = [each.row() for each in named(reading, fetched_at=NOW, raw_key="raw/one")]

    assert [(row["about"], row["raw_key"], row["chart_date"]) for row in rows] == [
        (track_id(2), "raw/one", "2026-11-21"),
        (track_id(1), "raw/one", "2026-11-21"),
    ]


# What several answers say of one track.

ORDER = ["spotify", "reccobeats"]
TRACK = "track"


def key(source: str, day: str, attempt: int = 1) -> str:
    return f"raw/audio-features/{source}/month={day[:7]}/{day}/0-{attempt:03d}.json.gz"


def row(source: str, day: str = "2026-11-21", *, known: bool = True, **values: float | None) -> Row:
    """A row of one source's answer; its features are 1, or those given."""
    return {
        "track_id": TRACK,
        **(dict.fromkeys(FEATURES, 1.0 if known else None) | values),
        "source": source if known else None,
        "fetched_at": f"{day}T09:00:00.000Z",
        "raw_key": key(source, day),
    }


def test_a_key_says_who_answered_and_when() -> None:
    assert source_of(key("reccobeats", "2026-11-21")) == "reccobeats"
    assert day_of(key("reccobeats", "2026-11-21")) == date(2026, 11, 21)


def test_one_known_row_stays_as_it_is() -> None:
    only = row("reccobeats")

    assert merged([only], ORDER) == only | {"asked": [only["raw_key"]], "ask_again": None}


def test_the_preferred_source_wins_in_whatever_order_they_come() -> None:
    spotify, reccobeats = row("spotify", tempo=120.0), row("reccobeats", tempo=119.5)

    for rows in permutations([spotify, reccobeats]):
        assert merged(rows, ORDER) | {"asked": []} == spotify | {"asked": [], "ask_again": None}
        assert merged(rows, ORDER[::-1])["source"] == "reccobeats"


def test_a_known_value_is_never_overwritten_by_null() -> None:
    spotify, reccobeats = row("spotify", tempo=None), row("reccobeats", time_signature=None)

    for rows in permutations([spotify, reccobeats]):
        found = merged(rows, ORDER)
        assert None not in [found[name] for name in FEATURES]
        assert (found["source"], found["raw_key"]) == ("spotify+reccobeats", spotify["raw_key"])
        again = merged([found, reccobeats], ORDER)
        assert again == found
    other = merged([row("reccobeats", tempo=119.5), row("spotify", known=False)], ORDER)
    assert (other["source"], other["tempo"]) == ("reccobeats", 119.5)


def test_a_row_of_two_sources_names_each_once_whatever_is_filled_in_later() -> None:
    spotify = row("spotify", tempo=None, energy=None)
    before = merged([spotify, row("reccobeats", energy=None)], ORDER)
    assert (before["source"], before["energy"]) == ("spotify+reccobeats", None)

    later = merged([before, row("reccobeats", "2026-11-22")], ORDER)
    assert (later["source"], later["energy"]) == ("spotify+reccobeats", 1.0)

    other = merged([row("reccobeats", tempo=None), row("spotify")], ORDER[::-1])
    assert other["source"] == "reccobeats+spotify"
    turned = merged([other, row("spotify", "2026-11-22", tempo=None)], ORDER)
    assert turned["source"] == "spotify+reccobeats"


def test_of_one_source_the_earlier_answer_stays() -> None:
    first, second = row("spotify", tempo=120.0), row("spotify", "2026-11-22", tempo=121.0)

    assert merged([first, second], ORDER)["tempo"] == 120.0


def test_a_source_that_is_not_asked_any_more_ranks_last() -> None:
    rows = [row("reccobeats", tempo=119.5), row("spotify", tempo=120.0)]

    assert merged(rows, ["spotify"])["tempo"] == 120.0
    assert merged(rows, ["reccobeats"])["tempo"] == 119.5


def test_every_answer_is_on_record_once() -> None:
    rows = [row("spotify", known=False), row("reccobeats", known=False)]

    found = merged(rows, ORDER)

    assert found["asked"] == [each["raw_key"] for each in rows]
    for again in (rows, rows[:1], rows[1:]):
        assert merged([found, *again], ORDER) == found


def test_a_row_of_before_there_were_several_sources_is_merged_too() -> None:
    before = row("spotify", "2026-10-01", known=False) | {"asked": None, "ask_again": None}

    found = merged([before, row("reccobeats")], ORDER)

    assert found["asked"] == [key("spotify", "2026-10-01"), key("reccobeats", "2026-11-21")]
    assert found["source"] == "reccobeats"


def test_what_nobody_knows_has_a_day_to_ask_again() -> None:
    rows = [row("spotify", "2026-11-20", known=False), row("reccobeats", known=False)]

    found = merged(rows, ORDER)

    assert (found["source"], found["ask_again"]) == (None, date(2026, 12, 20))


@pytest.mark.parametrize(
    ("times", "days"), [(1, 30), (2, 60), (3, 120), (4, 240), (5, 365), (6, 365), (100, 365)]
)
def test_waits_double_up_to_a_year(times: int, days: int) -> None:
    last = date(2026, 11, 21)
    asked = {last - ago * timedelta(days=1) for ago in range(times)}

    assert ask_again(asked) == last + timedelta(days=days)


def test_two_answers_of_a_day_are_one_asking() -> None:
    first = row("spotify", known=False)
    second = first | {"raw_key": key("spotify", "2026-11-21", 2)}

    assert merged([first, second], ORDER)["ask_again"] == date(2026, 12, 21)


# Whom to ask.


def test_an_unknown_track_is_due_until_asked_and_again_after_its_wait() -> None:
    told = Told()
    assert told.due("spotify", TRACK, date(2026, 11, 21))

    told.add(row("spotify", known=False))

    assert not told.knows(TRACK)
    assert not told.due("spotify", TRACK, date(2026, 12, 20))
    assert told.due("spotify", TRACK, date(2026, 12, 21))
    assert told.due("reccobeats", TRACK, date(2026, 11, 21))


def test_each_source_has_its_own_wait() -> None:
    told = Told()
    told.add(
        merged([row("spotify", "2026-09-01", known=False), row("reccobeats", known=False)], ORDER)
    )

    assert told.due("spotify", TRACK, date(2026, 11, 21))
    assert not told.due("reccobeats", TRACK, date(2026, 11, 21))


def test_what_anybody_knows_is_known() -> None:
    told = Told()
    for each in (row("spotify", known=False), row("reccobeats"), row("spotify", known=False)):
        told.add(each)

    assert told.knows(TRACK)


def test_tracks_are_told_apart_by_the_month_of_their_rows() -> None:
    told = Told()
    told.add(row("spotify", "2026-10-31", known=False) | {"track_id": "a"}, "2026-09")
    told.add(row("spotify", "2026-10-31", known=False) | {"track_id": "b"})
    told.add(row("reccobeats", "2026-11-02", known=False) | {"track_id": "b"})

    assert told.by_month("dbca", "2026-11") == [["a"], ["b"], ["d", "c"]]
    assert told.by_month("", "2026-11") == []
