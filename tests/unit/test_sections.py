"""Sections: one row per analysis, in the order of time, whatever Spotify leaves out."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.sections import section_row, segment_row
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.lake import decode, encode_rows, to_parquet
from soundlake.store.schemas import SCHEMAS

from tests.unit.helpers import NOW, section, segment, track_id

Row = dict[str, Any]
SCHEMA = SCHEMAS["track_sections"]
SEGMENTS = SCHEMAS["track_segments"]
ID = track_id(1)
SEQUENCES = [name for name in SCHEMA.names if name.endswith("_sequence")]


def analysis(*sections: Row, duration: float | None = 60.0, **changes: Any) -> Row:
    return {"track": {"duration": duration}, "sections": list(sections), "segments": []} | changes


def row(answer: Any) -> Row:
    return section_row(answer, ID, NOW, "raw/a")


def sounds(answer: Any) -> Row:
    """The row of segments; the same from its file."""
    found = segment_row(answer, ID, NOW, "raw/a")
    assert through_parquet(found, SEGMENTS)["segments"] == found["segments"]
    return found


def through_parquet(one: Row, schema: pa.Schema = SCHEMA) -> Row:
    (read,) = decode(to_parquet(encode_rows([one], schema, "k")), schema, "k").to_pylist()
    found: Row = read
    return found


def test_a_row_has_the_sequences_and_the_unrounded_averages() -> None:
    found = row(
        analysis(
            section(0.0, loudness=-10.0, tempo=100.0),
            section(20.5, loudness=-5.0, tempo=101.0, key=-1, mode=-1, time_signature=3),
            section(41.0, loudness=-5.0, tempo=101.0, mode=1),
        )
    )

    assert list(found) == SCHEMA.names
    assert found == {
        "track_id": ID,
        "duration": 60.0,
        "sections": 3,
        "section_duration_avg": 20.0,
        "loudness_avg": pytest.approx(-20 / 3, abs=1e-12),
        "tempo_avg": pytest.approx(302 / 3, abs=1e-12),
        "start_sequence": [0.0, 20.5, 41.0],
        "loudness_sequence": [-10.0, -5.0, -5.0],
        "tempo_sequence": [100.0, 101.0, 101.0],
        "key_sequence": [9, -1, 9],
        "mode_sequence": [0, -1, 1],
        "time_signature_sequence": [4, 3, 4],
        "source": "spotify",
        "fetched_at": "2026-11-21T09:18:00.000Z",
        "raw_key": "raw/a",
    }


def test_segments_are_a_row_of_their_own() -> None:
    found = sounds(analysis(section(0.0), segments=[segment(0.0), segment(0.25)]))

    assert list(found) == SEGMENTS.names
    assert found == {
        "track_id": ID,
        "segments": [segment(0.0), segment(0.25)],
        "source": "spotify",
        "fetched_at": "2026-11-21T09:18:00.000Z",
        "raw_key": "raw/a",
    }


def test_a_track_without_an_analysis_has_a_row_of_nulls() -> None:
    found = section_row(None, ID, NOW, None)

    assert found == dict.fromkeys(SCHEMA.names) | {
        "track_id": ID,
        "fetched_at": "2026-11-21T09:18:00.000Z",
    }
    assert through_parquet(found)["sections"] is None


@pytest.mark.parametrize("part", ["sections", "segments"])
@pytest.mark.parametrize("answer", [[], "text", 7, {"{part}": 3}, {"{part}": [None]}])
def test_what_is_no_analysis_is_refused_with_the_tracks_id(answer: Any, part: str) -> None:
    if isinstance(answer, dict):
        answer = {name.format(part=part): value for name, value in answer.items()}
    make = {"sections": row, "segments": sounds}[part]
    with pytest.raises(BadAnswerError, match=f"^the audio analysis of {ID}: "):
        make(answer)


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ({}, "track, sections, segments"),
        ({"error": {"status": 500, "message": "Server error"}}, "track, sections, segments"),
        ({"track": {}, "parts": [], "segments": []}, "sections"),
        ({"track": {}, "sections": [], "sounds": []}, "segments"),
    ],
    ids=["nothing", "an error", "sections of another name", "segments of another name"],
)
def test_what_lacks_a_part_is_no_analysis_and_will_be_asked_for_again(
    answer: Row, missing: str
) -> None:
    with pytest.raises(BadAnswerError, match=f"^the audio analysis of {ID} has no {missing}$"):
        row(answer)


@pytest.mark.parametrize("track", [None, {}], ids=["null", "without a duration"])
def test_what_is_null_is_unknown_and_the_row_has_its_source(track: Row | None) -> None:
    answer = {"track": track, "sections": None, "segments": None}
    found = row(answer)

    known = {name: value for name, value in found.items() if value is not None}
    assert set(known) == {"track_id", "source", "fetched_at", "raw_key"}
    assert sounds(answer)["segments"] is None


def test_no_sections_are_no_averages() -> None:
    found = row(analysis())

    assert found["sections"] == 0
    assert {json.dumps(found[name]) for name in SEQUENCES} == {"[]"}
    assert (found["section_duration_avg"], found["loudness_avg"], found["tempo_avg"]) == (None,) * 3
    assert through_parquet(found)["key_sequence"] == []


def test_sections_without_a_duration_have_no_average_duration() -> None:
    assert row(analysis(section(0.0), duration=None))["section_duration_avg"] is None


def test_sections_and_segments_out_of_order_are_put_in_order() -> None:
    found = row(
        analysis(
            section(40.0, key=3),
            section(0.0, key=1),
            section(20.0, key=2),
        )
    )
    heard = sounds(analysis(segments=[segment(0.5), segment(0.0)]))

    assert found["start_sequence"] == [0.0, 20.0, 40.0]
    assert found["key_sequence"] == [1, 2, 3]
    assert [one["start"] for one in heard["segments"]] == [0.0, 0.5]


def test_sections_at_one_start_keep_their_order() -> None:
    found = row(analysis(section(5.0, key=1), section(0.0, key=0), section(5.0, key=2)))

    assert found["key_sequence"] == [0, 1, 2]


def test_a_section_without_a_start_leaves_all_as_they_came() -> None:
    found = row(analysis(section(40.0), section(None), section(0.0)))

    assert found["start_sequence"] == [40.0, None, 0.0]


def test_a_section_without_a_value_has_a_null_in_its_place() -> None:
    found = row(analysis({"start": 0.0}, section(20.0, loudness=-9.0, tempo=90.0)))

    assert found["sections"] == 2
    for name in SEQUENCES[1:]:
        assert found[name][0] is None
        assert found[name][1] is not None
    assert (found["loudness_avg"], found["tempo_avg"]) == (-9.0, 90.0)
    assert through_parquet(found)["mode_sequence"] == [None, 0]


def test_sections_of_which_nothing_is_known_have_no_averages() -> None:
    found = row(analysis({}, {}))

    assert found["sections"] == 2
    assert found["tempo_sequence"] == [None, None]
    assert (found["loudness_avg"], found["tempo_avg"]) == (None, None)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e308", "-1e308", "1e999"])
def test_a_number_that_no_track_has_is_null(number: str) -> None:
    """Python reads these words in JSON; nothing of them may reach a sum or a file."""
    text = json.dumps(
        analysis(section(20.0, loudness=-9.0), section(0.0, loudness="?", tempo="?"), duration="?")
        | {"segments": [segment(0.0, loudness_max="?", pitches=["?", 0.5])]}
    ).replace('"?"', number)

    found = row(json.loads(text))
    (heard,) = sounds(json.loads(text))["segments"]

    assert found["duration"] is None
    assert found["loudness_sequence"] == [None, -9.0]
    assert found["tempo_sequence"] == [None, 120.0]
    assert found["loudness_avg"] == -9.0
    assert heard["loudness_max"] is None
    assert heard["pitches"] == [None, 0.5]
    assert through_parquet(found)["loudness_sequence"] == [None, -9.0]


def test_an_unknown_number_in_a_sounds_list_is_null_and_the_others_stay() -> None:
    (heard,) = sounds(analysis() | {"segments": [segment(0.0, pitches=[None, 0.5])]})["segments"]

    assert heard["pitches"] == [None, 0.5]


def test_a_start_that_is_no_time_leaves_all_as_they_came() -> None:
    found = row(analysis(section(float("nan"), key=1), section(0.0, key=2)))

    assert found["start_sequence"] == [None, 0.0]
    assert found["key_sequence"] == [1, 2]


def test_a_whole_number_that_no_column_holds_is_null() -> None:
    found = row(analysis(section(0.0, key=10**30, mode=-(10**30), time_signature=2**31)))

    assert (found["key_sequence"], found["mode_sequence"]) == ([None], [None])
    assert found["time_signature_sequence"] == [None]
    assert through_parquet(found)["sections"] == 1


def test_the_largest_number_that_a_track_may_have_is_kept() -> None:
    most = 10**9
    found = row(analysis(section(0.0, key=most, mode=-most), section(1.0, key=most + 1)))

    assert found["key_sequence"] == [most, None]
    assert found["mode_sequence"] == [-most, 0]


def test_whole_seconds_are_seconds() -> None:
    text = '{"track": {"duration": 60}, "sections": [{"start": 0, "key": 9.0}], "segments": []}'
    found = row(json.loads(text))

    assert json.dumps([found["duration"], found["start_sequence"]]) == "[60.0, [0.0]]"
    assert json.dumps(found["key_sequence"]) == "[9]"


def test_a_vector_of_another_length_is_kept_as_it_is() -> None:
    (kept,) = sounds(analysis(segments=[segment(0.0, pitches=[], timbre=None)]))["segments"]

    assert (kept["pitches"], kept["timbre"]) == ([], None)


NUMBERS = st.none() | st.floats() | st.integers()
WHOLES = st.none() | st.integers()
PARTS = st.fixed_dictionaries(
    {},
    optional={"start": NUMBERS, "loudness": NUMBERS, "tempo": NUMBERS, "key": WHOLES}
    | {"mode": WHOLES, "time_signature": WHOLES},
)


@given(st.lists(PARTS, max_size=5), NUMBERS)
def test_any_numbers_make_a_row_that_is_the_same_from_its_file(
    parts: list[Row], duration: float | None
) -> None:
    found = row({"track": {"duration": duration}, "sections": parts, "segments": []})

    assert {len(found[name]) for name in SEQUENCES} == {len(parts)}
    read = through_parquet(found)
    names = [name for name in SCHEMA.names if name != "fetched_at"]
    assert {name: read[name] for name in names} == {name: found[name] for name in names}
