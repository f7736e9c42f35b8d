"""Import: what an upload is by its content, that its bytes are kept, and that it is taken away."""

import json
from datetime import UTC
from hashlib import sha256
from io import StringIO
from typing import Any

import pytest
from botocore.exceptions import ClientError
from soundlake.store.objects import unpack

from tests.unit.chart_csv import NAME, chart_csv, file_row, top
from tests.unit.helpers import ACCOUNT, REGION, Row, Zones, invoke, keep_file, load_app

UPLOADS = "soundlake-test-uploads"
NOW = "2026-11-21T09:18:00Z"
BODY = chart_csv(top(200))
SHA256 = sha256(BODY).hexdigest()


class Dropped:
    """The uploads bucket."""

    def __init__(self, s3: Any) -> None:
        self.s3 = s3

    def put(self, key: str, body: bytes) -> str:
        etag: str = self.s3.put_object(Bucket=UPLOADS, Key=key, Body=body)["ETag"]
        return etag

    def keys(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=UPLOADS)
        return [each["Key"] for each in listed.get("Contents", ())]


@pytest.fixture
def dropped(zones: Zones) -> Dropped:
    zones.s3.create_bucket(Bucket=UPLOADS, CreateBucketConfiguration={"LocationConstraint": REGION})
    return Dropped(zones.s3)


def imported(key: str = NAME, start_time: str = NOW, **said: str) -> Row:
    detail = {"bucket": {"name": UPLOADS}, "object": {"key": key}}
    event = {"input": {"detail": detail, **said}, "start_time": start_time}
    return invoke("import", event)


def forget(key: str, etag: str) -> Row:
    return invoke("import", {"forget": {"bucket": UPLOADS, "key": key, "etag": etag}})


# What is kept.


def test_a_chart_is_kept_and_told_with_all_that_comes_after(dropped: Dropped, zones: Zones) -> None:
    etag = dropped.put(NAME, BODY)
    at = zones.s3.head_object(Bucket=UPLOADS, Key=NAME)["LastModified"].astimezone(UTC)

    file = f"{at:%Y%m%dT%H%M%SZ}_{SHA256}"
    key = f"raw/charts/files/daily-NO/2026-11-20/{file}.csv.gz"
    assert imported() == {
        "status": "kept",
        "bucket": UPLOADS,
        "key": NAME,
        "etag": etag,
        "name": NAME,
        "chart": {
            "chart": "daily-NO",
            "country": "NO",
            "country_name": "Norway",
            "cadence": "daily",
        },
        "date": "2026-11-20",
        "file": file,
        "file_key": key,
        "neighbour_keys": [],
        "counts": {"kept": 1},
    }
    assert unpack(zones.body(key), key) == BODY
    stored = zones.bucket.get(key)
    assert stored is not None
    assert stored.metadata == {"name": NAME}
    assert dropped.keys() == [NAME]


def test_the_worlds_weekly_chart_is_kept(dropped: Dropped) -> None:
    key = "regional-global-weekly-2026-11-19.csv"
    dropped.put(key, chart_csv(top(200), "weekly"))

    result = imported(key)
    assert result["status"] == "kept"
    assert result["chart"] == {
        "chart": "weekly-GLOBAL",
        "country": "GLOBAL",
        "country_name": "Global",
        "cadence": "weekly",
    }


def test_a_name_counts_without_the_folders_before_it(dropped: Dropped) -> None:
    key = f"command-line/4f1c/{NAME}"
    dropped.put(key, BODY)

    result = imported(key)
    assert (result["status"], result["key"], result["name"]) == ("kept", key, NAME)


def test_what_a_person_says_counts_where_the_name_does_not_tell(dropped: Dropped) -> None:
    dropped.put("chart.csv", BODY)

    result = imported("chart.csv", chart="daily-SE", date="2026-11-19")
    assert (result["chart"]["chart"], result["date"]) == ("daily-SE", "2026-11-19")
    assert result["chart"]["country_name"] == "Sweden"


def test_importing_again_keeps_nothing_anew(dropped: Dropped, zones: Zones) -> None:
    dropped.put(NAME, BODY)
    imported()
    before = zones.versions("raw/")

    assert imported()["status"] == "kept"
    assert zones.versions("raw/") == before


def test_the_files_of_the_days_beside_it_are_named(dropped: Dropped, zones: Zones) -> None:
    before = keep_file(zones, chart_csv(top(3)), day="2026-11-18")
    after = keep_file(zones, chart_csv(top(4)), day="2026-11-21")
    dropped.put(NAME, BODY)

    assert imported()["neighbour_keys"] == [before, after]


def test_s3s_whole_event_is_taken(dropped: Dropped) -> None:
    dropped.put(NAME, BODY)
    event = {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {
            "bucket": {"name": UPLOADS},
            "object": {"key": NAME, "size": len(BODY), "etag": "x", "sequencer": "0"},
            "reason": "PutObject",
        },
    }

    assert invoke("import", {"input": event, "start_time": NOW})["status"] == "kept"


# What is refused.


@pytest.mark.parametrize(
    ("key", "body", "sentence"),
    [
        (NAME, b"PK\x03\x04 a zip \xff", "This is no chart. Expected is a chart as charts."),
        ("Streaming_History.json", b"[]", "'Streaming_History.json' is an empty list: there is"),
        (NAME, chart_csv([]), "The chart has no rows; download it again."),
        (NAME, chart_csv([file_row(1, uri="?")]), "The chart cannot be read: row 2: uri is '?'"),
        (NAME, chart_csv(top(3), "weekly"), "It is said to be daily-NO of 2026-11-20, but its "),
        ("chart.csv", BODY, "The name 'chart.csv' does not say whose chart it is and of which "),
        ("regional-no-daily-2026-11-22.csv", BODY, "It is said to be daily-NO of 2026-11-22, wh"),
    ],
)
def test_what_cannot_be_imported_is_refused_and_not_kept(
    key: str, body: bytes, sentence: str, dropped: Dropped, zones: Zones
) -> None:
    etag = dropped.put(key, body)

    result = imported(key)
    assert result.pop("error").startswith(sentence)
    assert result == {
        "status": "refused",
        "bucket": UPLOADS,
        "key": key,
        "name": key,
        "etag": etag,
        "counts": {"refused": 1},
    }
    # It may be anything, also something personal.
    assert zones.keys() == []


def test_a_refusal_is_whole_and_no_endless_one(dropped: Dropped) -> None:
    dropped.put("chart.csv", BODY)
    assert imported("chart.csv")["error"].endswith("the name that it was downloaded under.")

    wide = {"uri": "x" * 300, "rank": "y" * 300, "peak_rank": "z" * 300, "streams": "w" * 300}
    dropped.put(NAME, chart_csv([file_row(1, **{"uri": wide["uri"]})] * 400))
    assert len(imported()["error"]) <= 1000


def test_a_chart_that_is_too_large_is_refused(
    dropped: Dropped, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_app("import"), "LARGEST", len(BODY))
    etag = dropped.put(NAME, BODY)
    assert imported()["status"] == "kept"
    monkeypatch.setattr(load_app("import"), "LARGEST", len(BODY) - 1)

    result = imported()
    assert (result["status"], result["etag"]) == ("refused", etag)
    assert result["error"] == f"It has {len(BODY):,} bytes; the most are {len(BODY) - 1:,}."


def test_an_upload_that_is_gone_is_no_error(dropped: Dropped) -> None:
    assert imported() == {"status": "gone", "bucket": UPLOADS, "key": NAME, "name": NAME}


def test_a_damaged_file_in_the_raw_zone_is_named(dropped: Dropped, zones: Zones) -> None:
    dropped.put(NAME, BODY)
    key = imported()["file_key"]
    zones.damage(key)

    result = imported()
    assert (result["status"], result["error"]) == ("failed", f"{key} is not a whole gzip object.")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"detail": {"bucket": {"name": UPLOADS}}}, "detail.object"),
        ({"detail": {"bucket": {"name": UPLOADS}, "object": {"key": ""}}}, "detail.object.key"),
        ({"detail": {"bucket": {}, "object": {"key": "x"}}}, "detail.bucket.name"),
        (["x"], "input"),
    ],
)
def test_an_input_that_is_none_says_what_is_wrong(given: Any, field: str, dropped: Dropped) -> None:
    result = invoke("import", {"input": given, "start_time": NOW})

    assert result["status"] == "failed"
    assert result["error"].startswith(f"The input's {field!r} is wrong (")


def test_an_input_without_upload_and_undo_says_so(dropped: Dropped) -> None:
    result = invoke("import", {"input": {}, "start_time": NOW})

    assert result == {
        "status": "failed",
        "error": "The input has neither an upload ('detail'), nor an import to 'undo', nor an "
        "account to 'derive'.",
    }


def test_another_bucket_fails_as_it_does_in_aws(dropped: Dropped) -> None:
    detail = {"bucket": {"name": "soundlake-of-nobody"}, "object": {"key": NAME}}

    with pytest.raises(ClientError, match="NoSuchBucket"):
        invoke("import", {"input": {"detail": detail}, "start_time": NOW})


def test_nothing_of_the_file_is_logged(dropped: Dropped, logs: StringIO) -> None:
    dropped.put("secret-name.csv", chart_csv([file_row(1, artist_names="Somebody")]))
    imported("secret-name.csv", chart="daily-NO", date="2026-11-20")

    assert json.loads(logs.getvalue())["message"] == "Import kept"
    assert "Somebody" not in logs.getvalue()


# And taken away.


def test_an_upload_is_deleted(dropped: Dropped) -> None:
    other = dropped.put("other.csv", b"x")
    etag = dropped.put(NAME, BODY)

    assert forget(NAME, etag) == {"status": "forgotten"}
    assert dropped.keys() == ["other.csv"]
    assert forget("other.csv", other) == {"status": "forgotten"}
    assert dropped.keys() == []


def test_another_file_that_came_under_the_name_stays(dropped: Dropped) -> None:
    etag = dropped.put(NAME, BODY)
    dropped.put(NAME, chart_csv(top(3)))

    assert forget(NAME, etag) == {"status": "replaced"}
    assert dropped.keys() == [NAME]


def test_one_that_comes_at_the_last_moment_stays_too(
    dropped: Dropped, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = dropped.put(NAME, BODY)
    asked: list[Row] = []

    def refuse(**given: Any) -> None:
        asked.append(given)
        raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "DeleteObject")

    monkeypatch.setattr(zones.s3, "delete_object", refuse)

    assert forget(NAME, etag) == {"status": "replaced"}
    assert asked == [{"Bucket": UPLOADS, "Key": NAME, "IfMatch": etag}]


def test_deleting_again_is_no_error_and_another_error_is_one(
    dropped: Dropped, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = dropped.put(NAME, BODY)
    forget(NAME, etag)
    assert forget(NAME, etag) == {"status": "replaced"}

    dropped.put(NAME, BODY)

    def deny(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "any")

    with monkeypatch.context() as patched:
        patched.setattr(zones.s3, "delete_object", deny)
        with pytest.raises(ClientError, match="AccessDenied"):
            forget(NAME, etag)
    for operation in ("head_object", "get_object"):
        with monkeypatch.context() as patched:
            patched.setattr(zones.s3, operation, deny)
            with pytest.raises(ClientError, match="AccessDenied"):
                imported()


def test_an_events_account_is_awss_and_not_the_listeners(dropped: Dropped, tables: object) -> None:
    rows = [{"ts": "2020-01-01T00:00:00Z", "ms_played": 1, "spotify_track_uri": "spotify:track:x"}]
    dropped.put("endsong_0.json", json.dumps(rows).encode())
    told = {"detail-type": "Object Created", "source": "aws.s3", "account": "123456789012"}

    result = imported("endsong_0.json", **told)

    assert (result["status"], result["import"]["account"]) == ("history", ACCOUNT)
