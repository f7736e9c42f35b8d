"""Chart files in the raw zone: kept once, byte for byte, and found again by chart and day."""

from datetime import date
from hashlib import sha256

import pytest
from soundlake.store.chart_files import ChartFileKey, ChartFiles
from soundlake.store.objects import CorruptObjectError

from tests.unit.chart_csv import chart_csv, top
from tests.unit.helpers import LATER, NOW, Zones, keep_file

DAY = date(2026, 11, 20)
BODY = chart_csv(top(3))
SHA256 = sha256(BODY).hexdigest()
KEY = f"raw/charts/files/daily-NO/2026-11-20/20261121T091800Z_{SHA256}.csv.gz"


@pytest.fixture
def files(zones: Zones) -> ChartFiles:
    return ChartFiles(zones.bucket)


def test_a_file_is_kept_byte_for_byte_with_its_sha256(files: ChartFiles, zones: Zones) -> None:
    key = files.keep("daily-NO", DAY, BODY, at=NOW, name="regional ö \U0001f600.csv")

    assert key == ChartFileKey("daily-NO", DAY, NOW, SHA256)
    assert key.text == KEY
    assert files.need(key) == BODY
    stored = zones.bucket.get(KEY)
    assert stored is not None
    assert stored.metadata == {"name": "regional \\xf6 \\U0001f600.csv"}


def test_an_endless_name_is_kept_in_part(files: ChartFiles, zones: Zones) -> None:
    key = files.keep("daily-NO", DAY, BODY, at=NOW, name="x" * 3000)

    stored = zones.bucket.get(key.text)
    assert stored is not None
    assert stored.metadata["name"] == "x" * 512


def test_the_file_that_came_last_is_kept_once(files: ChartFiles, zones: Zones) -> None:
    key = files.keep("daily-NO", DAY, BODY, at=NOW, name="a.csv")

    assert files.keep("daily-NO", DAY, BODY, at=LATER, name="b.csv") == key
    assert len(zones.versions("raw/")) == 1


def test_one_that_comes_again_after_another_is_the_last_once_more(
    files: ChartFiles, zones: Zones
) -> None:
    times = [NOW, LATER, LATER + (LATER - NOW)]
    bodies = [BODY, chart_csv(top(2)), BODY]

    keys = [
        files.keep("daily-NO", DAY, body, at=at, name="a.csv")
        for at, body in zip(times, bodies, strict=True)
    ]
    assert [key.at for key in keys] == times
    assert zones.keys("raw/") == [key.text for key in keys]


def test_another_run_of_an_earlier_upload_finds_it_kept(files: ChartFiles, zones: Zones) -> None:
    key = files.keep("daily-NO", DAY, BODY, at=NOW, name="a.csv")
    files.keep("daily-NO", DAY, chart_csv(top(2)), at=LATER, name="a.csv")

    assert files.keep("daily-NO", DAY, BODY, at=NOW, name="a.csv") == key
    assert len(zones.versions("raw/")) == 2


def test_a_file_that_is_missing_or_damaged_is_named(files: ChartFiles, zones: Zones) -> None:
    key = ChartFileKey("daily-NO", DAY, NOW, SHA256)
    with pytest.raises(CorruptObjectError, match=f"{KEY} is missing"):
        files.need(key)
    files.keep("daily-NO", DAY, BODY, at=NOW, name="a.csv")
    zones.damage(KEY)
    for ask in (
        lambda: files.need(key),
        lambda: files.keep("daily-NO", DAY, BODY, at=LATER, name="a.csv"),
    ):
        with pytest.raises(CorruptObjectError, match=f"{KEY} is not a whole gzip object"):
            ask()
    other = files.keep("daily-NO", DAY, chart_csv(top(2)), at=LATER, name="a.csv")
    with pytest.raises(CorruptObjectError, match=f"{KEY} is not a whole gzip object"):
        files.keep("daily-NO", DAY, BODY, at=NOW, name="a.csv")
    zones.put(KEY, zones.body(other.text))
    with pytest.raises(CorruptObjectError, match="does not hold the bytes of its SHA-256"):
        files.need(key)


def test_a_key_is_read_back_and_no_other(files: ChartFiles) -> None:
    assert ChartFileKey.parse(KEY) == ChartFileKey("daily-NO", DAY, NOW, SHA256)
    for key in (
        "raw/charts/spotify/daily-NO/2026-11-20/001/page-01.json.gz",
        KEY.removesuffix(".gz"),
        f"lake/{KEY}",
    ):
        with pytest.raises(ValueError, match="is not the key of a chart file"):
            ChartFileKey.parse(key)


def test_neighbours_are_the_latest_files_of_the_nearest_days_with_any(
    files: ChartFiles, zones: Zones
) -> None:
    bodies = {number: chart_csv(top(number)) for number in range(1, 8)}
    keep_file(zones, bodies[1], day="2026-11-17")
    keep_file(zones, bodies[2], day="2026-11-18")
    before = keep_file(zones, bodies[3], day="2026-11-18", at=LATER)
    keep_file(zones, bodies[4], day="2026-11-20")
    after = keep_file(zones, bodies[5], day="2026-11-22")
    keep_file(zones, bodies[6], day="2026-11-23")
    keep_file(zones, bodies[7], "daily-SE", "2026-11-19")

    assert [key.text for key in files.neighbours("daily-NO", DAY)] == [before, after]
    assert files.neighbours("weekly-NO", DAY) == []


@pytest.mark.parametrize(
    ("day", "found"),
    [("2026-11-06", True), ("2026-11-05", False), ("2026-12-04", True), ("2026-12-05", False)],
)
def test_neighbours_are_looked_for_two_weeks_each_way(
    day: str, found: bool, files: ChartFiles, zones: Zones
) -> None:
    keep_file(zones, BODY, day=day)

    assert bool(files.neighbours("daily-NO", DAY)) == found
