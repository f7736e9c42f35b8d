"""The raw zone: answers written once, as they came, with the source's time."""

import json
from datetime import timedelta
from gzip import decompress
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from soundlake.sources.web import Answer
from soundlake.store.objects import Bucket, CorruptObjectError
from soundlake.store.raw import Raw, RawAnswer

from tests.unit.helpers import BUCKET, NOW, Killed, Zones

KEY = "raw/things/one.json.gz"
BODY = b'{ "a" : 1 }\n'


def answer(body: bytes = BODY, **changes: Any) -> Answer:
    given = {"body": body, "json": None, "at": NOW, "request": "/v1/things?x=1"} | changes
    return Answer(**given)


@pytest.fixture
def raw(zones: Zones) -> Raw:
    return Raw(zones.bucket)


def test_an_answer_is_kept_byte_for_byte_and_reads_back(raw: Raw, zones: Zones) -> None:
    raw.write(KEY, answer())

    assert decompress(zones.body(KEY)) == BODY
    assert raw.read(KEY) == RawAnswer(KEY, {"a": 1}, NOW)


def test_an_answer_says_when_it_came_and_what_was_asked(raw: Raw, zones: Zones) -> None:
    raw.write(KEY, answer(request="/v1/things?ids=" + "x" * 3000))

    metadata = zones.s3.head_object(Bucket=BUCKET, Key=KEY)["Metadata"]
    assert metadata["at"] == "2026-11-21T09:18:00.000Z"
    assert metadata["request"].startswith("/v1/things?ids=x")
    assert len(metadata["request"]) == 512


def test_an_answer_that_is_there_is_never_changed(raw: Raw, zones: Zones) -> None:
    first = raw.write(KEY, answer())
    before = zones.versions()

    second = raw.write(KEY, answer(b'{"a": 2}', at=NOW + timedelta(days=1)))

    assert (first, second) == (True, False)

    assert zones.versions() == before
    assert raw.need(KEY).json == {"a": 1}
    assert raw.need(KEY).at == NOW


def test_an_answer_names_the_execution_that_brought_it(zones: Zones) -> None:
    Raw(zones.bucket, "run-1").write(KEY, answer(), asked=MANY)
    Raw(zones.bucket, "run-2").write(KEY, answer())
    Raw(zones.bucket, "running-\u00f8").write("raw/things/two.json.gz", answer())  # S3 takes ASCII

    keys: list[str] = zones.keys()
    named = {
        key: zones.s3.head_object(Bucket=BUCKET, Key=key)["Metadata"].get("execution")
        for key in keys
    }
    assert named == {KEY: "run-1", f"{KEY}.asked.json": "run-1", "raw/things/two.json.gz": None}


FEW, MANY = ["b", "a"], [f"{number:022}" for number in range(100)]


def test_few_asked_ids_are_kept_with_the_answer(raw: Raw, zones: Zones) -> None:
    raw.write(KEY, answer(), asked=FEW)

    assert zones.keys() == [KEY]
    assert raw.asked(KEY) == FEW
    assert raw.batch(KEY) == (RawAnswer(KEY, {"a": 1}, NOW), FEW)


def test_many_asked_ids_are_kept_beside_the_answer(raw: Raw, zones: Zones) -> None:
    raw.write(KEY, answer(), asked=MANY)

    assert zones.keys() == [KEY, f"{KEY}.asked.json"]
    assert raw.keys("raw/things/") == [KEY]
    assert raw.asked(KEY) == MANY
    assert raw.batch(KEY) == (RawAnswer(KEY, {"a": 1}, NOW), MANY)


@given(asked=st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_objects_metadata_is_ascii_and_stays_below_what_s3_takes(
    asked: list[str], zones: Zones
) -> None:
    """2 KiB, names and values together; neither moto nor the embedded AWS counts them."""
    key = f"raw/things/{uuid4()}.json.gz"
    raw = Raw(zones.bucket, "x" * 80)  # the longest name of an execution

    raw.write(key, answer(request="/v1/things?ids=" + "x" * 3000), asked=asked)

    metadata = zones.s3.head_object(Bucket=BUCKET, Key=key)["Metadata"]
    assert sum(len(name) + len(value) for name, value in metadata.items()) < 2048
    assert all(value.isascii() for value in metadata.values())
    assert raw.asked(key) == asked


def test_no_answer_is_ever_without_its_asked_ids(zones: Zones) -> None:
    class Dying(Bucket):
        """A bucket whose process is killed at the second write."""

        writes = 0

        def put(self, *args: Any, **options: Any) -> None:
            self.writes += 1
            if self.writes == 2:
                raise Killed
            super().put(*args, **options)

    with pytest.raises(Killed):
        Raw(Dying(BUCKET, zones.s3)).write(KEY, answer(), asked=MANY)

    assert zones.keys() == [f"{KEY}.asked.json"]


def test_the_asked_ids_of_a_damaged_answer_can_be_read(raw: Raw, zones: Zones) -> None:
    raw.write(KEY, answer(), asked=FEW)
    zones.damage(KEY)

    assert raw.asked(KEY) == FEW
    with pytest.raises(CorruptObjectError):
        raw.batch(KEY)


def test_a_batch_that_is_not_there_is_named(raw: Raw) -> None:
    with pytest.raises(CorruptObjectError) as refused:
        raw.batch(KEY)

    assert str(refused.value) == f"{KEY} is missing."


def test_damaged_asked_ids_in_metadata_are_named(raw: Raw, zones: Zones) -> None:
    zones.s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"", Metadata={"asked": '["a'})

    with pytest.raises(CorruptObjectError) as refused:
        raw.asked(KEY)

    assert str(refused.value) == f"the asked ids of {KEY} does not hold JSON."


def test_missing_asked_ids_are_named(raw: Raw) -> None:
    raw.write(KEY, answer())

    with pytest.raises(CorruptObjectError) as refused:
        raw.asked(KEY)

    assert str(refused.value) == f"{KEY}.asked.json is missing."


def test_damaged_asked_ids_are_named(raw: Raw, zones: Zones) -> None:
    zones.put(f"{KEY}.asked.json", b'["a"')

    with pytest.raises(CorruptObjectError) as refused:
        raw.asked(KEY)

    assert str(refused.value) == f"{KEY}.asked.json does not hold JSON."


def test_an_absent_answer_is_none_or_named_where_it_is_needed(raw: Raw) -> None:
    assert raw.read(KEY) is None
    with pytest.raises(CorruptObjectError) as refused:
        raw.need(KEY)

    assert str(refused.value) == f"{KEY} is missing."


def test_a_cut_answer_is_named(raw: Raw, zones: Zones) -> None:
    raw.write(KEY, answer())
    zones.damage(KEY)

    with pytest.raises(CorruptObjectError) as refused:
        raw.read(KEY)

    assert str(refused.value) == f"{KEY} is not a whole gzip object."


def test_an_answer_that_is_not_json_is_named(raw: Raw) -> None:
    raw.write(KEY, answer(b"<html>"))

    with pytest.raises(CorruptObjectError) as refused:
        raw.read(KEY)

    assert str(refused.value) == f"{KEY} does not hold JSON."


@pytest.mark.parametrize(
    "metadata", [{}, {"at": "yesterday"}, {"at": "2026-11-21T09:18:00"}], ids=str
)
def test_an_answer_without_its_time_is_named(
    metadata: dict[str, str], raw: Raw, zones: Zones
) -> None:
    raw.write(KEY, answer())
    zones.put(KEY, zones.body(KEY), metadata)

    with pytest.raises(CorruptObjectError) as refused:
        raw.read(KEY)

    assert str(refused.value) == f"{KEY} does not say when it was answered."


def test_keys_are_those_of_answers_in_order(raw: Raw, zones: Zones) -> None:
    for name in ("b", "a"):
        raw.write(f"raw/things/{name}.json.gz", answer(), asked=["x"])
    raw.write("raw/others/c.json.gz", answer())
    zones.put("raw/things/note.txt", json.dumps({}).encode())

    assert raw.keys("raw/things/") == ["raw/things/a.json.gz", "raw/things/b.json.gz"]


@pytest.mark.parametrize(
    ("after", "before", "expected"),
    [
        ("", "", "1 2/a 2/b 3"),
        ("raw/days/2/", "", "2/a 2/b 3"),
        ("raw/days/2/a.json.gz", "", "2/b 3"),
        ("", "raw/days/3", "1 2/a 2/b"),
        ("", "raw/days/2/b.json.gz", "1 2/a"),
        ("raw/days/2/", "raw/days/3", "2/a 2/b"),
        ("raw/days/9", "", ""),
        ("", "raw/days/0", ""),
    ],
)
def test_keys_may_be_bounded_on_both_sides(
    after: str, before: str, expected: str, raw: Raw
) -> None:
    for name in ("3", "2/b", "1", "2/a"):
        raw.write(f"raw/days/{name}.json.gz", answer(), asked=["x"])

    keys = raw.keys("raw/days/", after, before)

    assert keys == [f"raw/days/{name}.json.gz" for name in expected.split()]
