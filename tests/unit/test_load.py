"""Load: a chart day into the chart's own object of its month or out again, and only that day."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from soundlake.store.objects import Bucket
from soundlake.store.staging import Staging

from tests.unit.helpers import (
    NORWAY_CHART,
    TODAY,
    Killed,
    Row,
    Zones,
    invoke,
    playlist_id,
    stage,
    track,
    track_id,
)

KEY = "lake/chart_entries/month=2026-11/daily-NO.parquet"
SWEDEN_CHART = NORWAY_CHART | {
    "chart": "daily-SE",
    "country": "SE",
    "country_name": "Sweden",
    "playlist_id": playlist_id("Sweden"),
}


def load(chart: str = "daily-NO", day: str = TODAY) -> Row:
    return invoke("load", {"chart": chart, "date": day})


def wrong(chart: str = "daily-NO", day: str = TODAY) -> Row:
    """What Verify says of a playlist's answer that errs beside the others."""
    raw_key = f"raw/charts/spotify/{chart}/{day}/001/page-01.json.gz"
    return {"chart": chart, "date": day, "raw_key": raw_key, "error": "A sentence."}


def withdraw(chart: str = "daily-NO", day: str = TODAY) -> Row:
    result = invoke("load", {"withdraw": [wrong(chart, day)]})
    assert result["status"] == "withdrawn"
    (taken,) = result["charts"]
    assert result["counts"] == {"withdrawn": taken["status"] == "withdrawn"}
    assert set(taken) == {"chart", "date", "status", "error"}
    assert (taken["chart"], taken["date"]) == (chart, day)
    return dict(taken)


def load_day(
    zones: Zones, items: list[Any], day: str = TODAY, chart: Mapping[str, str] = NORWAY_CHART
) -> Row:
    stage(zones, items, chart, day)
    return load(chart["chart"], day)


def entries(zones: Zones, month: str = "2026-11") -> list[tuple[date, int, str]]:
    return [
        (row["chart_date"], row["position"], row["track_id"])
        for row in zones.rows("chart_entries", month, "daily-NO")
    ]


def day(number: int) -> date:
    return date(2026, 11, number)


def test_a_day_is_loaded_with_its_types(zones: Zones) -> None:
    result = load_day(zones, [track(1)])

    assert result == {"status": "loaded", "rows": 1, "written": True, "counts": {"rows": 1}}
    (row,) = zones.rows("chart_entries", "2026-11", "daily-NO")
    assert row == {
        "chart": "daily-NO",
        "country": "NO",
        "chart_date": day(21),
        "position": 1,
        "track_id": track_id(1),
        "track_name": "Track 1",
        "artist_ids": ["artist0000000000000001"],
        "artist_names": ["Artist 1"],
        "album_id": "album00000000000000001",
        "album_name": "Album 1",
        "album_release_date": "2026-10",
        "explicit": False,
        "duration_ms": 180_001,
        "popularity": 50,
        "streams": None,
        "provider": "spotify",
        "date_basis": "assumed",
        "added_at": datetime(2026, 11, 20, 12),  # noqa: DTZ001
        "observed_at": datetime(2026, 11, 21, 7),  # noqa: DTZ001
        "raw_key": f"raw/charts/spotify/daily-NO/{TODAY}/001/page-01.json.gz",
        "previous_position": None,
        "peak_position": None,
        "days_on_chart": None,
        "weeks_on_chart": None,
        "artist_credit": None,
        "label": None,
    }


def test_loading_twice_leaves_the_object_as_it_was(zones: Zones) -> None:
    load_day(zones, [track(1), None, track(3)])
    before = zones.body(KEY), zones.versions(KEY)

    again = load_day(zones, [track(1), None, track(3)])

    assert again == {"status": "loaded", "rows": 2, "written": False, "counts": {"rows": 2}}
    assert (zones.body(KEY), zones.versions(KEY)) == before


def test_a_day_that_changed_takes_the_place_of_its_own_rows_alone(zones: Zones) -> None:
    load_day(zones, [track(1), track(2), track(3)], "2026-11-20")
    load_day(zones, [track(4), track(5)])

    load_day(zones, [track(6)], "2026-11-20")

    assert entries(zones) == [
        (day(20), 1, track_id(6)),
        (day(21), 1, track_id(4)),
        (day(21), 2, track_id(5)),
    ]


def test_the_order_of_the_days_does_not_matter(zones: Zones) -> None:
    load_day(zones, [track(1)], "2026-11-20")
    load_day(zones, [track(2), track(3)])
    forwards = zones.body(KEY)
    zones.s3.delete_object(Bucket=zones.bucket.name, Key=KEY)

    load_day(zones, [track(2), track(3)])
    load_day(zones, [track(1)], "2026-11-20")

    assert zones.body(KEY) == forwards


def test_months_and_charts_stay_apart(zones: Zones) -> None:
    load_day(zones, [track(1)], "2026-11-30")
    load_day(zones, [track(2)], "2026-12-01")
    load_day(zones, [track(3)], chart=SWEDEN_CHART)

    assert zones.keys("lake/") == [
        KEY,
        "lake/chart_entries/month=2026-11/daily-SE.parquet",
        "lake/chart_entries/month=2026-12/daily-NO.parquet",
    ]
    assert entries(zones) == [(date(2026, 11, 30), 1, track_id(1))]
    assert entries(zones, "2026-12") == [(date(2026, 12, 1), 1, track_id(2))]


def test_a_hole_leaves_no_row_and_the_positions_as_they_are(zones: Zones) -> None:
    load_day(zones, [None, track(2), None, track(4)])

    assert [position for _, position, _ in entries(zones)] == [2, 4]


def test_killed_before_the_write_the_next_try_loads(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(zones, [track(1)])

    def killed(*args: Any, **options: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "put", killed)
        with pytest.raises(Killed):
            load()

    assert zones.keys("lake/") == []
    assert load()["written"] is True


def test_missing_staged_rows_say_what_to_do(zones: Zones) -> None:
    stage(zones, [track(1)], day="2026-11-20")
    stage(zones, [track(1)], SWEDEN_CHART)

    assert load() == {
        "status": "failed",
        "error": f"staging/daily/{TODAY}/daily-NO.json.gz is missing; run the day again to stage "
        "it anew.",
    }
    assert zones.keys("lake/") == []


def test_a_damaged_object_is_named_and_stays(zones: Zones) -> None:
    load_day(zones, [track(1)])
    damaged = zones.damage(KEY)

    result = load_day(zones, [track(2)])

    assert result == {
        "status": "failed",
        "error": f"{KEY} is not a whole Parquet file; restore its previous version or derive it "
        "again.",
    }
    assert zones.body(KEY) == damaged


def test_an_object_with_a_foreign_column_is_named_and_stays(zones: Zones) -> None:
    out = pa.BufferOutputStream()
    pq.write_table(pa.table({"rank": pa.array([1])}), out)
    zones.put(KEY, out.getvalue().to_pybytes())

    result = load_day(zones, [track(2)])

    assert result == {
        "status": "failed",
        "error": f"{KEY} has a column 'rank' that its table does not have.",
    }
    assert len(zones.versions(KEY)) == 1


def test_a_number_that_no_column_holds_is_named(zones: Zones) -> None:
    result = load_day(zones, [track(1, popularity=2**40)])

    assert result["status"] == "failed"
    assert result["error"].startswith(f"{KEY}: column 'popularity': ")


def test_a_time_that_cannot_be_read_is_named(zones: Zones) -> None:
    key = stage(zones, [track(1)])
    staged = Staging(zones.bucket)
    value = staged.read(key)
    value["entries"][0]["added_at"] = "some day"
    staged.write(key, value)

    result = load()

    assert result["status"] == "failed"
    assert result["error"].startswith(f"{KEY}: column 'added_at': ")


def test_nothing_is_given_away(
    zones: Zones, ssm: Any, tell_tales: Callable[[object], list[str]]
) -> None:
    assert tell_tales(load_day(zones, [track(1)])) == []


# Out again.


def test_a_withdrawn_day_leaves_the_other_days_and_charts_as_they_are(zones: Zones) -> None:
    load_day(zones, [track(1), track(2)], "2026-11-20")
    load_day(zones, [track(3), track(4)])
    load_day(zones, [track(5)], chart=SWEDEN_CHART)
    sweden = zones.rows("chart_entries", "2026-11", "daily-SE")

    result = withdraw()

    assert (result["status"], result["error"]) == ("withdrawn", "A sentence.")
    assert entries(zones) == [(day(20), 1, track_id(1)), (day(20), 2, track_id(2))]
    assert zones.rows("chart_entries", "2026-11", "daily-SE") == sweden


def test_the_only_day_can_be_withdrawn(zones: Zones) -> None:
    load_day(zones, [track(1)])

    assert withdraw()["status"] == "withdrawn"
    assert entries(zones) == []


def test_withdrawing_twice_leaves_the_object_as_it_was(zones: Zones) -> None:
    load_day(zones, [track(1)], "2026-11-20")
    load_day(zones, [track(2)])
    withdraw()
    before = zones.body(KEY), zones.versions(KEY)

    again = withdraw()

    assert again["status"] == "withdrawn"
    assert (zones.body(KEY), zones.versions(KEY)) == before


def test_what_was_never_loaded_is_withdrawn_without_a_write(zones: Zones) -> None:
    assert withdraw()["status"] == "withdrawn"
    assert zones.keys() == []


def test_withdrawing_needs_nothing_staged(zones: Zones) -> None:
    load_day(zones, [track(1)])
    zones.s3.delete_object(Bucket=zones.bucket.name, Key=stage(zones, [track(1)]))

    assert withdraw()["status"] == "withdrawn"
    assert entries(zones) == []


def test_a_withdrawn_day_can_be_loaded_again(zones: Zones) -> None:
    load_day(zones, [track(1)])
    before = zones.body(KEY)
    withdraw()

    assert load()["written"] is True
    assert zones.body(KEY) == before


def test_nothing_is_withdrawn_from_a_damaged_object(zones: Zones) -> None:
    load_day(zones, [track(1)])
    damaged = zones.damage(KEY)

    result = withdraw()

    assert result["status"] == "failed"
    assert result["error"].startswith(f"not withdrawn: {KEY} is not a whole Parquet file; ")
    assert len(result["error"]) == 120
    assert zones.body(KEY) == damaged


def test_of_several_days_a_damaged_one_stands_in_no_others_way(zones: Zones) -> None:
    load_day(zones, [track(1)])
    load_day(zones, [track(5)], chart=SWEDEN_CHART)
    zones.damage(KEY)
    charts = [wrong(name) for name in ("daily-NO", "daily-SE")]

    result = invoke("load", {"withdraw": charts})

    assert [each["status"] for each in result["charts"]] == ["failed", "withdrawn"]
    assert result["counts"] == {"withdrawn": 1}
    assert zones.rows("chart_entries", "2026-11", "daily-SE") == []
