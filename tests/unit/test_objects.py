"""Objects: read, listed, and written on a condition that really holds."""

import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from soundlake.store.objects import (
    Bucket,
    ConflictError,
    CorruptObjectError,
    decode,
    pack,
    unpack,
)

from tests.unit.helpers import BUCKET, Zones


def test_an_object_comes_back_whole(zones: Zones) -> None:
    zones.bucket.put("a/b", b"body", content_type="text/plain", metadata={"at": "now"})

    stored = zones.bucket.get("a/b")

    assert stored is not None
    assert (stored.body, stored.metadata) == (b"body", {"at": "now"})
    head = zones.s3.head_object(Bucket=BUCKET, Key="a/b")
    assert head["ETag"] == stored.etag
    assert head["ContentType"] == "text/plain"


def test_an_absent_object_is_none(zones: Zones) -> None:
    assert zones.bucket.get("absent") is None


@pytest.mark.parametrize(("size", "end"), [(2, b"dy"), (4, b"body"), (90, b"body")])
def test_an_objects_end_is_read_alone(size: int, end: bytes, zones: Zones) -> None:
    zones.bucket.put("a", b"body")

    assert zones.bucket.end("a", size) == end


def test_there_is_no_end_of_what_is_empty_or_absent(zones: Zones) -> None:
    zones.bucket.put("a", b"")

    assert zones.bucket.end("a", 9) == b""
    assert zones.bucket.end("absent", 9) is None


def test_the_first_write_needs_the_place_to_be_free(zones: Zones) -> None:
    zones.bucket.put("a", b"first")

    with pytest.raises(ConflictError, match=r"^a$"):
        zones.bucket.put("a", b"second")

    assert zones.body("a") == b"first"
    assert len(zones.versions("a")) == 1


def test_a_write_on_the_etag_that_was_read_replaces(zones: Zones) -> None:
    zones.bucket.put("a", b"first")
    stored = zones.bucket.get("a")
    assert stored is not None

    zones.bucket.put("a", b"second", etag=stored.etag)

    assert zones.body("a") == b"second"


def test_a_write_on_an_old_etag_conflicts(zones: Zones) -> None:
    zones.bucket.put("a", b"first")
    stored = zones.bucket.get("a")
    assert stored is not None
    zones.put("a", b"somebody else's")

    with pytest.raises(ConflictError):
        zones.bucket.put("a", b"second", etag=stored.etag)

    assert zones.body("a") == b"somebody else's"


def test_a_write_on_an_object_that_is_gone_conflicts(zones: Zones) -> None:
    zones.bucket.put("a", b"first")
    stored = zones.bucket.get("a")
    assert stored is not None
    zones.s3.delete_object(Bucket=BUCKET, Key="a")

    with pytest.raises(ConflictError):
        zones.bucket.put("a", b"second", etag=stored.etag)

    assert zones.bucket.get("a") is None


def test_overwriting_asks_no_condition(zones: Zones) -> None:
    zones.bucket.put("a", b"first", overwrite=True)
    zones.bucket.put("a", b"second", overwrite=True)

    assert zones.body("a") == b"second"


class RefusingS3:
    """An S3 that answers every request with one error code."""

    def __init__(self, code: str) -> None:
        self.code = code

    def put_object(self, **given: object) -> None:
        raise ClientError({"Error": {"Code": self.code, "Message": ""}}, "PutObject")

    def get_object(self, **given: object) -> None:
        raise ClientError({"Error": {"Code": self.code, "Message": ""}}, "GetObject")


@pytest.mark.parametrize("code", ["InvalidRange", "416"])
def test_the_end_of_nothing_is_nothing_though_s3_calls_it_a_wrong_range(code: str) -> None:
    assert Bucket("any", RefusingS3(code)).end("empty", 9) == b""  # type: ignore[arg-type]


def test_an_end_that_s3_refuses_is_no_absence() -> None:
    bucket = Bucket("any", RefusingS3("AccessDenied"))  # type: ignore[arg-type]

    with pytest.raises(ClientError):
        bucket.end("a", 9)


@pytest.mark.parametrize(
    ("code", "etag"),
    [
        ("PreconditionFailed", None),
        ("412", None),
        ("PreconditionFailed", '"1"'),
        ("412", '"1"'),
        ("ConditionalRequestConflict", '"1"'),
        ("409", '"1"'),
    ],
)
def test_every_name_of_a_conflict_is_one(code: str, etag: str | None) -> None:
    bucket = Bucket("any", RefusingS3(code))  # type: ignore[arg-type]

    with pytest.raises(ConflictError):
        bucket.put("a", b"", etag=etag)


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "409"])
def test_a_first_write_that_s3_did_not_decide_is_tried_again(code: str, zones: Zones) -> None:
    answers = [code, code]

    class UndecidedS3:
        def put_object(self, **given: object) -> None:
            if answers:
                RefusingS3(answers.pop()).put_object()
            zones.s3.put_object(**given)  # type: ignore[arg-type]

    waits: list[float] = []

    Bucket(BUCKET, UndecidedS3(), waits.append).put("a", b"body")  # type: ignore[arg-type]

    assert zones.body("a") == b"body"
    assert len(waits) == 2


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "409"])
def test_a_first_write_that_s3_never_decides_is_not_taken_for_done(code: str) -> None:
    waits: list[float] = []
    bucket = Bucket("any", RefusingS3(code), waits.append)  # type: ignore[arg-type]

    with pytest.raises(ClientError, match=code):
        bucket.put("a", b"")

    assert len(waits) == 4


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "SlowDown"])
def test_other_errors_are_neither_conflicts_nor_absence(code: str) -> None:
    bucket = Bucket("any", RefusingS3(code))  # type: ignore[arg-type]

    with pytest.raises(ClientError):
        bucket.put("a", b"", etag='"1"')
    with pytest.raises(ClientError):
        bucket.get("a")


def test_keys_are_listed_in_order_over_more_than_one_page(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        zones.put(f"many/{number}", b"")
    zones.put("many-others/1", b"")
    assert zones.s3.list_objects_v2(Bucket=BUCKET, Prefix="many/")["KeyCount"] == 2

    keys = list(zones.bucket.keys("many/"))

    assert keys == [f"many/{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("after", "expected"),
    [("", "01234"), ("many/1", "234"), ("many/1x", "234"), ("many/", "01234"), ("many/4", "")],
)
def test_keys_may_begin_after_a_key(
    after: str, expected: str, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        zones.put(f"many/{number}", b"")

    assert list(zones.bucket.keys("many/", after)) == [f"many/{number}" for number in expected]


def test_the_times_of_writing_are_known_by_key_in_order(zones: Zones) -> None:
    for key in ("some/b", "some/a", "others/c"):
        zones.put(key, b"")

    written = zones.bucket.written("some/")

    assert list(written) == ["some/a", "some/b"]
    for key, at in written.items():
        assert at == zones.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"]
        assert at.utcoffset() == timedelta(0)
    assert zones.bucket.written("nothing/") == {}


def test_an_empty_place_has_no_keys(zones: Zones) -> None:
    assert list(zones.bucket.keys("nothing/")) == []


@pytest.mark.parametrize("prefix", ["raw", "raw/main", ""])
def test_a_prefix_without_a_slash_is_refused(prefix: str, zones: Zones) -> None:
    with pytest.raises(ValueError, match=r"^a prefix ends with a slash, or it also finds its"):
        list(zones.bucket.keys(prefix))
    with pytest.raises(ValueError, match=r"^a prefix ends with a slash, or it also finds its"):
        zones.bucket.written(prefix)


@given(st.binary(max_size=500))
def test_packing_is_undone_and_gives_the_same_bytes_again(body: bytes) -> None:
    packed = pack(body)

    assert unpack(packed, "key") == body
    assert pack(body) == packed
    assert packed[4:8] == bytes(4)  # gzip's time of writing, which would differ each second


@given(body=st.binary(min_size=1, max_size=200), cut=st.integers(1, 15))
def test_a_cut_object_is_named(body: bytes, cut: int) -> None:
    with pytest.raises(CorruptObjectError) as refused:
        unpack(pack(body)[:-cut], "raw/one")

    assert str(refused.value) == "raw/one is not a whole gzip object."


@pytest.mark.parametrize("body", [b"not gzip", b"\x1f\x8b\x08garbage of some length"])
def test_what_is_not_gzip_is_named(body: bytes) -> None:
    with pytest.raises(CorruptObjectError, match=r"^raw/one is not a whole gzip object\.$"):
        unpack(body, "raw/one")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\xfd", b"text"])
def test_what_is_not_json_is_named(body: bytes) -> None:
    with pytest.raises(CorruptObjectError, match=r"^raw/one does not hold JSON\.$"):
        decode(body, "raw/one")


def test_json_is_read() -> None:
    assert decode(json.dumps({"a": [1, None]}).encode(), "k") == {"a": [1, None]}


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (rb'["\ud800"]', ["\ufffd"]),
        (rb'["a\uDFFFb", 1, null]', ["a\ufffdb", 1, None]),
        (rb'{"\ud83d": {"a": "\udc00"}}', {"\ufffd": {"a": "\ufffd"}}),
        (rb'["\ud83d\ude00"]', ["\U0001f600"]),
        (b'["\xed\xa0\x80"]', ["\ufffd"]),
        (b'["\xed\xa0\xbd\xed\xb8\x80"]', ["\U0001f600"]),
        (rb'["\\ud800"]', [r"\ud800"]),
    ],
)
def test_half_a_pair_becomes_a_mark_and_whole_ones_stay(body: bytes, read: object) -> None:
    value = decode(body, "raw/one")

    assert value == read
    assert json.dumps(value, ensure_ascii=False).encode()  # good text now: it can be written


def test_what_is_nested_too_deeply_is_named() -> None:
    with pytest.raises(CorruptObjectError, match=r"^raw/one does not hold JSON\.$"):
        decode(b"[" * 200_000, "raw/one")
