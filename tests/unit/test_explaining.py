"""Why a play is what it is: its observations, and which of them gave which column."""

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.best_of import givers
from soundlake.deriving.explaining import FOLLOWS
from soundlake.listening import derive_plays
from soundlake.observed import Rows
from soundlake.plays import merge
from soundlake.store.lake import encode_rows
from soundlake.store.schemas import SCHEMAS
from soundlake.times import naive_ms

from tests.unit.helpers import ACCOUNT, NOW, Row, Zones, invoke, keep_page, played, track_id

MINUTE = timedelta(minutes=1)
AT = NOW - timedelta(hours=3)
FILE = f"raw/imports/{ACCOUNT}/0123456789abcdef/0001.parquet"


def exported(number: int, at: Any, **said: Any) -> Row:
    """A row of the extended export, that ended then."""
    return {
        "account": ACCOUNT,
        "source": "spotify_extended",
        "time": naive_ms(at).replace(microsecond=0),
        "time_meaning": "end",
        "time_precision": "s",
        "uri": f"spotify:track:{track_id(number)}",
        "track_name": f"Track {number}",
        "artist_names": ["Artist"],
        "ms_played": 170_000,
        "reason_end": "trackdone",
        "country": "NO",
        "kind": "track",
        "raw_keys": [FILE],
        "raw_rows": [number],
    } | said


@pytest.fixture
def lake(zones: Zones) -> Zones:
    """Three plays an hour apart from each other; the second one was exported too."""
    rows = [played(number, AT + number * 60 * MINUTE) for number in (1, 2)]
    invoke("derive", keep_page(zones, "run-1", NOW, rows))
    row = exported(2, AT + 120 * MINUTE)
    zones.lake.replace("observations", "2026-11", ACCOUNT, lambda known: merge([*known, row], []))
    invoke("derive", keep_page(zones, "run-2", NOW + 20 * MINUTE, rows))
    return zones


def why(**asked: Any) -> Row:
    return invoke("derive", {"why": {"account": ACCOUNT, **asked}})


def play(zones: Zones, number: int) -> Row:
    uri = f"spotify:track:{track_id(number)}"
    (found,) = (row for row in zones.rows("plays", "2026-11", ACCOUNT) if row["uri"] == uri)
    return found


def asked_for(row: Row) -> Row:
    at = f"{row['played_at'].isoformat(timespec='milliseconds')}Z"
    return {"played_at": at, "uri": row["uri"], "name_key": row["name_key"]}


def test_a_play_names_its_observations_and_what_each_gives(lake: Zones) -> None:
    before = lake.contents()

    found = why(**asked_for(play(lake, 2)))

    assert found["status"] == "explained"
    export, capture = sorted(found["observations"], key=lambda each: each["source"])
    assert (export["raw_keys"], export["raw_rows"]) == ([FILE], [2])
    assert {"ms_played", "reason_end", "country", "ended_at"} <= {*export["gives"]}
    assert {"played_at", "uri", "duration_ms", "context_type"} <= {*capture["gives"]}
    assert "run-1" in capture["raw_keys"][0]
    assert not {*export["gives"]} & {*capture["gives"]}
    assert found["play"]["ms_played"] == 170_000
    assert lake.contents() == before


def test_a_play_of_one_observation_has_all_from_it(lake: Zones) -> None:
    found = why(**asked_for(play(lake, 1)))

    (only,) = found["observations"]
    assert only["source"] == "spotify_recently_played"
    assert "ms_played" not in only["gives"]  # nobody knows it
    assert {"played_at", "uri", "track_name"} <= {*only["gives"]}


@pytest.mark.parametrize("number", [1, 2])
def test_a_row_leads_to_its_play(lake: Zones, number: int) -> None:
    row = next(
        each
        for each in lake.rows("observations", "2026-11", ACCOUNT)
        if each["uri"].endswith(track_id(number)) and each["source"] == "spotify_recently_played"
    )
    at = f"{row['time'].isoformat(timespec='milliseconds')}Z"

    found = why(time=at, raw_key=row["raw_keys"][0], raw_row=None, uri=row["uri"])
    assert found["play"]["uri"] == row["uri"]

    if number == 2:
        of_file = why(time=found["play"]["ended_at"], raw_key=FILE, raw_row=2)
        assert of_file["play"] == found["play"]


@pytest.mark.parametrize(
    "asked",
    [
        {"played_at": "2026-11-21T05:00:00.000Z", "uri": None, "name_key": None},
        {"played_at": "2020-01-01T00:00:00.000Z", "uri": None, "name_key": None},
        {"time": "2026-11-21T08:18:00.000Z", "raw_key": FILE, "raw_row": 7},
    ],
)
def test_what_is_no_play_is_unknown(lake: Zones, asked: Row) -> None:
    assert why(**asked)["status"] == "unknown"


def test_another_uri_at_that_time_is_another_play(lake: Zones) -> None:
    assert why(**asked_for(play(lake, 2)) | {"uri": "spotify:track:other"})["status"] == "unknown"


def test_a_damaged_month_is_told(lake: Zones) -> None:
    lake.damage(f"lake/observations/month=2026-11/{ACCOUNT}.parquet")

    found = why(played_at="2026-11-21T05:00:00.000Z", uri=None, name_key=None)

    assert found["status"] == "failed"
    assert "observations" in found["error"]


SAID = st.fixed_dictionaries(
    {
        "source": st.sampled_from(
            ["spotify_recently_played", "spotify_extended", "spotify_account", "lastfm"]
        ),
        "uri": st.sampled_from([None, "spotify:track:a", "spotify:track:b"]),
        "ms_played": st.sampled_from([None, 1, 2]),
        "shuffle": st.sampled_from([None, True, False]),
        "artist_names": st.sampled_from([[], ["A"], ["A", "B"]]),
        "context_type": st.sampled_from([None, "album"]),
        "second": st.integers(0, 3),
    }
)


@given(st.lists(SAID, min_size=1, max_size=5))
def test_every_column_is_what_its_giver_says(said: list[Row]) -> None:
    rows = [
        {name: value for name, value in each.items() if name != "second"}
        | {
            "account": ACCOUNT,
            "time": naive_ms(AT + timedelta(seconds=each["second"])),
            "time_precision": "ms",
            "track_name": "T",
            "raw_keys": [f"raw/{place}"],
        }
        for place, each in enumerate(said)
    ]
    table = encode_rows(rows, SCHEMAS["observations"], "a test")
    derived = derive_plays(table)
    for number, play in enumerate(derived.plays.to_pylist()):
        own = table.filter(pa.array(derived.play_of == number))
        found = givers(Rows(own.combine_chunks()))
        of = own.to_pylist()
        columns = {"played_at": "time", "ended_at": "time"}
        for name, giver in found.items():
            assert play[name] == of[giver][columns.get(name, name)]
        silent = {name for name in play if play[name] in (None, [])}
        assert {*play} - silent - {*found} <= {*FOLLOWS}


def test_every_column_of_a_play_is_given_or_follows(lake: Zones) -> None:
    found = why(**asked_for(play(lake, 2)))
    given_ = {name for each in found["observations"] for name in each["gives"]}

    known = {name for name, value in play(lake, 2).items() if value is not None}
    assert known <= given_ | {*found["follows"]}
    assert {*FOLLOWS} <= {*SCHEMAS["plays"].names}
    assert not {*FOLLOWS} & given_
