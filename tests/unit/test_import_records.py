"""What the raw zone has of imports: records and kept rows, each written once."""

import json

import pyarrow as pa
import pytest
from soundlake.store.imports import (
    BEGUN,
    CONCLUDED,
    WITHDRAWN,
    Imports,
    import_id,
    kept_key,
    prefix,
)
from soundlake.store.kept import FOOTER, Kept
from soundlake.store.objects import CorruptObjectError, NotJsonError

from tests.unit.helpers import Zones

ONE, OTHER = prefix("me", "a" * 16), prefix("me", "b" * 16)


def test_an_import_is_named_by_its_files_bytes() -> None:
    assert import_id("0123456789abcdef" * 4) == "0123456789abcdef"
    assert prefix("me", "x") == "raw/imports/me/x/"
    assert kept_key("raw/imports/me/x/", 12) == "raw/imports/me/x/0012.parquet"


def test_the_last_record_says_how_an_import_stands(zones: Zones) -> None:
    imports = Imports(zones.bucket)
    assert imports.standing(ONE) is None

    told = []
    for number, what in enumerate((BEGUN, CONCLUDED, WITHDRAWN, BEGUN), 1):
        assert imports.record(ONE, imports.standing(ONE), what, {"at": number})
        standing = imports.standing(ONE)
        assert standing is not None
        told.append((standing.what, standing.begun["at"], standing.records))

    assert told == [(BEGUN, 1, 1), (CONCLUDED, 1, 2), (WITHDRAWN, 1, 3), (BEGUN, 4, 4)]
    assert imports.standing(OTHER) is None
    assert zones.keys(ONE)[0] == f"{ONE}001-begun.json"


def test_of_two_that_record_the_same_the_first_counts(zones: Zones) -> None:
    imports = Imports(zones.bucket)

    assert imports.record(ONE, None, BEGUN, {"at": "first"})
    assert not imports.record(ONE, None, BEGUN, {"at": "second"})

    standing = imports.standing(ONE)
    assert standing is not None
    assert standing.begun == {"at": "first"}


def test_where_an_end_and_a_withdrawal_meet_the_withdrawal_counts(zones: Zones) -> None:
    imports = Imports(zones.bucket)
    imports.record(ONE, None, BEGUN, {})
    before = imports.standing(ONE)

    assert imports.record(ONE, before, WITHDRAWN, {})
    assert imports.record(ONE, before, CONCLUDED, {})

    standing = imports.standing(ONE)
    assert standing is not None
    assert (standing.what, standing.records) == (WITHDRAWN, 3)
    assert imports.record(ONE, standing, BEGUN, {"at": "again"})
    again = imports.standing(ONE)
    assert again is not None
    assert (again.what, again.begun) == (BEGUN, {"at": "again"})


def test_kept_rows_are_no_record(zones: Zones) -> None:
    Kept(zones.bucket, ONE).write(1, "x.json", "lastfm", pa.table({"row": ["{}"]}))

    assert Imports(zones.bucket).standing(ONE) is None


def test_what_is_damaged_is_named(zones: Zones) -> None:
    imports = Imports(zones.bucket)
    imports.record(ONE, None, BEGUN, {"at": 1})
    zones.put(f"{ONE}001-begun.json", b"{")
    with pytest.raises(NotJsonError, match=r"001-begun\.json does not hold JSON"):
        imports.standing(ONE)

    zones.put(f"{OTHER}002-concluded.json", b"{}")
    with pytest.raises(CorruptObjectError, match="has no record of its beginning"):
        imports.standing(OTHER)


def test_imports_are_found_by_name_in_all_accounts(zones: Zones) -> None:
    imports = Imports(zones.bucket)
    others = prefix("you", "a" * 16)
    for each in (ONE, OTHER, others):
        imports.record(each, None, BEGUN, {})

    assert imports.named("a" * 16) == [ONE, others]
    assert imports.named("a" * 15) == []


def test_records_can_be_read_by_people(zones: Zones) -> None:
    Imports(zones.bucket).record(ONE, None, BEGUN, {"name": "Øye.zip"})

    body = zones.body(f"{ONE}001-begun.json").decode()

    assert "Øye.zip" in body
    assert json.loads(body) == {"name": "Øye.zip"}


def test_kept_rows_come_back_as_they_were(zones: Zones) -> None:
    kept = Kept(zones.bucket, ONE)
    rows = pa.table({"row": ['{"a": 1}', None]})
    assert kept.read(3) is None

    key = kept.write(3, "Øye.json", "lastfm", rows)

    found = kept.need(3)
    assert (found.key, found.name, found.kind) == (key, "Øye.json", "lastfm")
    assert found.rows.equals(rows)
    assert key == kept_key(ONE, 3)


def test_a_kept_files_name_is_read_without_its_rows(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pa.table({"row": [str(number) for number in range(FOOTER // 4)]})
    kept = Kept(zones.bucket, ONE)
    kept.write(1, "Øye.json", "lastfm", rows)
    whole: list[str] = []
    get = zones.bucket.get
    monkeypatch.setattr(zones.bucket, "get", lambda key: (whole.append(key), get(key))[1])

    assert kept.name(1) == "Øye.json"
    assert whole == []

    monkeypatch.setattr("soundlake.store.kept.FOOTER", 100)  # a footer that is longer than that

    assert kept.name(1) == "Øye.json"
    assert whole == [kept_key(ONE, 1)]


def test_what_is_kept_is_not_replaced(zones: Zones) -> None:
    kept = Kept(zones.bucket, ONE)
    first, second = pa.table({"row": ["first"]}), pa.table({"row": ["second"]})
    kept.write(1, "x.json", "lastfm", first)

    kept.write(1, "y.json", "maloja", second)

    found = kept.need(1)
    assert (found.name, found.rows) == ("x.json", first)
    assert len(zones.versions(ONE)) == 1


@pytest.mark.parametrize("body", [b"", b"not Parquet", b"PAR1 and no more PAR1"])
def test_kept_rows_that_are_damaged_or_missing_are_named(body: bytes, zones: Zones) -> None:
    kept = Kept(zones.bucket, ONE)
    for read in (kept.need, kept.name):
        with pytest.raises(CorruptObjectError, match=r"0001\.parquet is missing"):
            read(1)

    zones.put(kept_key(ONE, 1), body)

    for read in (kept.read, kept.name):
        with pytest.raises(CorruptObjectError, match=r"0001\.parquet is not a whole Parquet file"):
            read(1)
