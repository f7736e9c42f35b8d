"""The staging zone: JSON between the steps, written again with the same bytes."""

from datetime import date

import pytest
from soundlake.store.objects import CorruptObjectError
from soundlake.store.staging import Staging, staging_key

from tests.unit.helpers import BUCKET, Zones

KEY = "staging/daily/one.json.gz"
VALUE = {"entries": [{"name": "\u00c6\u00d8\u00c5", "popularity": None, "share": 0.1}]}


@pytest.fixture
def staging(zones: Zones) -> Staging:
    return Staging(zones.bucket)


def test_a_charts_day_has_one_place() -> None:
    assert staging_key("weekly-NO", date(2026, 11, 1)) == (
        "staging/daily/2026-11-01/weekly-NO.json.gz"
    )


def test_a_value_reads_back(staging: Staging, zones: Zones) -> None:
    staging.write(KEY, VALUE)

    assert staging.read(KEY) == VALUE
    assert zones.s3.head_object(Bucket=BUCKET, Key=KEY)["ContentType"] == "application/gzip"


def test_the_same_value_gives_the_same_bytes(staging: Staging, zones: Zones) -> None:
    staging.write(KEY, VALUE)
    before = zones.body(KEY)

    staging.write(KEY, VALUE)

    assert zones.body(KEY) == before


def test_a_value_takes_the_place_of_the_one_before(staging: Staging) -> None:
    staging.write(KEY, VALUE)
    staging.write(KEY, {"entries": []})

    assert staging.read(KEY) == {"entries": []}


def test_a_value_that_is_gone_says_what_to_do(staging: Staging) -> None:
    with pytest.raises(CorruptObjectError) as refused:
        staging.read(KEY)

    assert str(refused.value) == f"{KEY} is missing; run the day again to stage it anew."


def test_a_damaged_value_is_named(staging: Staging, zones: Zones) -> None:
    staging.write(KEY, VALUE)
    zones.damage(KEY)

    with pytest.raises(CorruptObjectError, match=f"^{KEY} is not a whole gzip object"):
        staging.read(KEY)
