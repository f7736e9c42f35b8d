"""The audit of imports: of what one left, of one that broke off, and of one taken back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from soundlake.auditing.run import Known, audit

from tests.unit.exported_rows import evening, file_of, heard, zip_of
from tests.unit.helpers import ACCOUNT, NOW, Row, Zones
from tests.unit.import_steps import Dropped, asked, ran, run, undone

PACKAGE = "my_spotify_data.zip"
NAMES = "Streaming_History_Audio_2026_0.json", "Streaming_History_Audio_2026_1.json"
# Over the edge of a month; a row of the second file is in the first too, and one is no play.
FIRST = evening(datetime(2026, 9, 30, 23, 50, tzinfo=UTC), range(1, 6))
SECOND = [
    *evening(datetime(2026, 10, 3, 20, tzinfo=UTC), (1, 2)),
    FIRST[-1],
    heard(9, datetime(2001, 1, 1, tzinfo=UTC)),
]
HISTORY = zip_of({NAMES[0]: file_of(FIRST), NAMES[1]: file_of(SECOND)})
MONTHS = ("2026-09", "2026-10")
NOBODY = Known(lambda _: None, {}, ["spotify"])


class Audits:
    """Audits of what an import of a history left."""

    def __init__(self, zones: Zones) -> None:
        self.zones = zones
        self.dropped = Dropped(zones)
        self.dropped.put(PACKAGE, HISTORY)

    def part(self, kind: str, month: str, of: str, days: int = 3) -> Row:
        part = {"month": month, "kind": kind, "of": [of]}
        now = NOW + timedelta(days=days)
        return audit(
            self.zones.bucket, part, NOBODY, execution="made-up", now=now, sleep=lambda _: None
        )

    def plays(self, days: int = 3) -> list[Row]:
        return [self.part("plays", month, ACCOUNT, days) for month in MONTHS]

    @property
    def raw_prefix(self) -> str:
        (found,) = {"/".join(key.split("/")[:4]) + "/" for key in self.zones.keys("raw/imports/")}
        return found

    def imported(self) -> Row:
        return self.part("import", "2026-11", self.raw_prefix)

    def until(self, last: str) -> None:
        """Import, and die after the last of these steps."""
        steps = ran(asked(PACKAGE))
        seen = ""
        for name, _, _ in steps:
            if seen == last != name:
                break
            seen = name


@pytest.fixture
def audits(zones: Zones, tables: object) -> Audits:
    return Audits(zones)


def statuses(found: list[Row]) -> list[str]:
    return [each["status"] for each in found]


def test_what_an_import_left_is_the_same(audits: Audits) -> None:
    run(asked(PACKAGE))
    assert statuses(audits.plays()) == ["same", "same"]
    assert sum(each["rows"] for each in audits.plays()) >= 14  # observations, and plays
    assert audits.imported() == {
        "part": f"import of {ACCOUNT}/{audits.raw_prefix.split('/')[3]} in 2026-11",
        "status": "same",
        "objects": 3,
        "rows": 1 + 8 + 1,
    }


def test_what_is_taken_back_is_not_there_and_still_in_the_ledger(audits: Audits) -> None:
    run(asked(PACKAGE))
    run(undone(audits.raw_prefix.split("/")[3]))
    assert statuses(audits.plays()) == ["same", "same"]
    assert audits.imported()["status"] == "same"


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (lambda rows: rows[1:], {"missing": 1}),
        (lambda rows: [*rows, rows[-1]], {"extra": 1}),
        (lambda rows: [rows[0] | {"row": 99}, *rows[1:]], {"extra": 1, "missing": 1}),
        (lambda rows: [rows[0] | {"file": "another.json"}, *rows[1:]], {"changed": 1}),
        (lambda rows: [rows[0] | {"account": None}, *rows[1:]], {"changed": 1}),
    ],
)
def test_a_ledger_that_lacks_or_adds_a_row_differs(
    change: Any, counts: dict[str, int], audits: Audits
) -> None:
    run(asked(PACKAGE))
    (part, *_) = [
        key for key in audits.zones.keys("lake/import_rows/") if not key.endswith("others.parquet")
    ]
    name = part.rpartition("/")[2].removesuffix(".parquet")
    audits.zones.lake.replace("import_rows", "2026-11", name, change)
    assert audits.imported()["tables"] == {"import_rows": counts}


def test_an_imports_own_row_is_added_up_again(audits: Audits) -> None:
    run(asked(PACKAGE))
    audits.zones.lake.replace(
        "imports", "2026-11", ACCOUNT, lambda rows: [row | {"rows": 7} for row in rows]
    )
    assert audits.imported()["tables"] == {"imports": {"changed": 1}}


def test_rows_and_ledgers_of_no_import_are_extra(audits: Audits) -> None:
    run(asked(PACKAGE))
    same = audits.part("imports", "2026-11", ACCOUNT)
    assert (same["status"], same["rows"]) == ("same", 0)

    audits.zones.lake.replace(
        "imports", "2026-11", ACCOUNT, lambda rows: [*rows, rows[0] | {"import_id": "of-none"}]
    )
    (part, *_) = audits.zones.keys("lake/import_rows/")
    ident = audits.raw_prefix.split("/")[3]
    audits.zones.put(part.replace(ident, "of-none"), audits.zones.body(part))

    rows = audits.zones.lake.read("import_rows", [part]).num_rows
    told = audits.part("imports", "2026-11", ACCOUNT)["tables"]
    assert told == {"imports": {"extra": 1}, "import_rows": {"extra": rows}}
    assert audits.imported()["status"] == "same"


def test_an_import_that_goes_on_is_waited_for(audits: Audits) -> None:
    audits.until("Merge")
    found = audits.plays(days=0)
    assert statuses(found) == ["waiting", "waiting"]
    assert "is not over" in found[0]["error"]


def test_one_that_broke_off_among_its_rows_says_what_to_do(audits: Audits) -> None:
    audits.until("Merge")
    found = audits.plays()
    assert statuses(found) == ["waiting", "waiting"]
    assert "./soundlake import --undo" in found[0]["error"]


def test_one_that_broke_off_before_any_row_counts_for_nothing(audits: Audits) -> None:
    audits.until("Read")
    assert statuses(audits.plays()) == ["same", "same"]
    assert audits.imported()["status"] == "same"
