"""The audit of listening: what months of captures left is the same when it is derived again."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from soundlake.auditing import listening, run
from soundlake.auditing.run import Known, audit
from soundlake.deriving import captures
from soundlake.store.captures import CaptureKey
from soundlake.store.lake import encode_rows, to_parquet
from soundlake.store.schemas import SCHEMAS
from soundlake.times import month_of

from tests.unit.helpers import ACCOUNT, BUCKET, Row, Zones, invoke, keep_page, played

START = datetime(2026, 6, 20, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOBODY = Known(lambda _: None, {}, ["spotify"])


class Life:
    """Runs of the capture machine over months; plays are named by their time."""

    def __init__(self, zones: Zones) -> None:
        self.zones = zones
        self._runs = 0
        self.at = START

    def page(self, *times: datetime, rows: list[Row] | None = None) -> None:
        self._runs += 1
        items = [played(_track(time), time) for time in sorted(times, reverse=True)]
        event = keep_page(self.zones, f"run-{self._runs:03}", self.at, [*items, *(rows or [])])
        invoke("derive", event)

    def failure(self) -> None:
        self._runs += 1
        capture = {
            "status": "unreachable",
            "account": ACCOUNT,
            "captured_at": self.at.isoformat(),
            "error": "A sentence.",
        }
        invoke("derive", {"execution": f"run-{self._runs:03}", "capture": capture})

    def days(self, number: int) -> None:
        """A capture each other day, that shows what the one before it showed."""
        for _ in range(number // 2):
            self.at += 2 * DAY
            self.page(self.at - 2 * DAY - HOUR, self.at - HOUR)

    def month(self, month: str) -> dict[str, Any]:
        part = {"month": month, "kind": "plays", "of": [ACCOUNT]}
        return audit(
            self.zones.bucket,
            part,
            NOBODY,
            execution="made-up",
            now=self.at + DAY,
            sleep=lambda _: None,
        )

    def differing(self) -> dict[str, Any]:
        """What of any month is not the same."""
        months = {month_of(START), *self.zones.lake.months("account_days")}
        months |= {*self.zones.lake.months("plays"), *self.zones.lake.months("captures")}
        found = {month: self.month(month) for month in sorted(months)}
        return {month: each for month, each in found.items() if each["status"] != "same"}


def _track(time: datetime) -> int:
    return int(time.timestamp()) % 10**6


@pytest.fixture
def life(zones: Zones) -> Life:
    return Life(zones)


def overlapping(life: Life) -> None:
    life.days(80)


def with_a_gap(life: Life) -> None:
    life.days(30)
    life.at += 6 * DAY
    life.page(life.at - HOUR)
    life.days(60)


def with_a_gap_that_closes_in_the_next_month(life: Life) -> None:
    life.days(8)
    before = life.at - HOUR
    life.at += 2 * DAY
    life.page(life.at - HOUR)
    newest = life.at - HOUR
    life.at += DAY + 2 * HOUR
    life.page(before, newest - 2 * HOUR, newest, life.at - HOUR)
    life.days(70)


def with_failures(life: Life) -> None:
    life.days(8)
    for _ in range(4):
        life.at += 8 * DAY
        life.failure()
    life.at += DAY
    life.page(life.at - HOUR)
    life.days(40)


def with_late_plays_of_long_ago(life: Life) -> None:
    """A full page of which the oldest surfaced after months: its day is never sure."""
    life.days(110)
    late = life.at - 95 * DAY
    life.at += DAY
    filling = [life.at - timedelta(minutes=number) for number in range(1, 49)]
    life.page(late, life.at - DAY - HOUR, *filling)
    life.days(20)


def with_rows_that_cannot_be_read(life: Life) -> None:
    life.days(10)
    life.at += DAY
    life.page(life.at - DAY - HOUR, life.at - HOUR, rows=[{"track": None}])
    life.days(60)


def with_a_page_that_is_none(life: Life) -> None:
    life.days(10)
    life.at += DAY
    event = keep_page(life.zones, "run-none", life.at, [])
    life.zones.damage(event["capture"]["raw_key"])
    invoke("derive", event)
    life.days(50)


def with_a_pause_of_months(life: Life) -> None:
    life.days(10)
    life.at += 95 * DAY
    life.page(life.at - HOUR)
    life.days(10)


# Each of them some fifty runs of Derive: most are lived at night.
LIVES = (
    overlapping,
    with_a_gap,
    *(
        pytest.param(life, marks=pytest.mark.slow)
        for life in (
            with_a_gap_that_closes_in_the_next_month,
            with_failures,
            with_late_plays_of_long_ago,
            with_rows_that_cannot_be_read,
            with_a_page_that_is_none,
            with_a_pause_of_months,
        )
    ),
)


@pytest.mark.parametrize("lived", LIVES)
def test_what_captures_left_over_months_is_the_same(
    lived: Callable[[Life], None], life: Life
) -> None:
    lived(life)
    assert life.differing() == {}
    assert life.zones.keys("scratch/") == []
    assert len(life.zones.lake.months("account_days")) >= 3  # there was something to compare


#### SOMEBODY WRITES MEANWHILE #####################################################################


def damaged(life: Life) -> str:
    """A life with a play less; the month."""
    life.days(4)
    month = month_of(life.at)
    life.zones.lake.replace("plays", month, ACCOUNT, lambda rows: rows[1:])
    return month


def test_a_row_that_lacks_is_found(life: Life) -> None:
    month = damaged(life)
    result = life.month(month)
    assert result["status"] == "differs"
    assert result["tables"] == {"plays": {"missing": 1}}
    (key,) = [key for key in life.zones.keys("scratch/") if key.endswith(".jsonl")]
    assert result["report"] == key == f"scratch/audit/made-up/{month}/plays-{ACCOUNT}.jsonl"


def test_what_is_mended_between_two_looks_does_not_differ(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    month, looks = damaged(life), []
    derived = listening.derived

    def mending(*given: Any) -> Any:
        found = derived(*given)
        looks.append(found)
        if len(looks) == 1:
            mended = next(one.derived for one in found if one.table == "plays")
            life.zones.lake.replace_table("plays", month, ACCOUNT, lambda _: mended)
        return found

    monkeypatch.setattr(listening, "derived", mending)
    assert life.month(month)["status"] == "same"
    assert len(looks) == 2


def test_what_is_written_at_every_look_waits(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    month, left = damaged(life), [0]
    derived = listening.derived

    def writing(*given: Any) -> Any:
        found = derived(*given)
        left[0] += 1
        life.zones.lake.replace(
            "plays", month, ACCOUNT, lambda rows: [*rows, rows[0] | {"album_name": f"{left}"}]
        )
        return found

    monkeypatch.setattr(listening, "derived", writing)
    result = life.month(month)
    assert (result["status"], left) == ("waiting", [run.PASSES])
    assert life.zones.keys("scratch/") == []


#### WHAT IS NOT IN THE TABLES YET #################################################################


def test_a_page_of_the_last_hours_that_no_run_has_derived_is_left_out(life: Life) -> None:
    life.days(4)
    life.at += DAY
    keep_page(life.zones, "run-late", life.at + 20 * HOUR, [played(1, life.at)])
    assert life.month(month_of(life.at))["status"] == "same"


def test_a_page_that_is_being_derived_waits(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    life.days(4)
    life.at += DAY
    event = keep_page(life.zones, "run-late", life.at + 20 * HOUR, [played(1, life.at)])
    with monkeypatch.context() as patched:
        patched.setattr(captures, "record", _killed)
        with pytest.raises(RuntimeError, match="made up"):
            invoke("derive", event)
    result = life.month(month_of(life.at))
    assert result["status"] == "waiting"
    assert "run-late" in result["error"]


def _killed(*_: Any) -> None:
    raise RuntimeError("made up")


def test_last_pages_without_anything_new_need_no_run_after_them(life: Life) -> None:
    """As those of an account that has left since."""
    life.days(4)
    shown = [played(_track(at), at) for at in (life.at - HOUR, life.at - 2 * DAY - HOUR)]
    for number in (1, 2):
        keep_page(life.zones, f"run-unchanged-{number}", life.at + number * HOUR, shown)
    assert life.month(month_of(life.at))["status"] == "same"

    keep_page(life.zones, "run-new", life.at + 3 * HOUR, [played(1, life.at), *shown])
    result = life.month(month_of(life.at))
    assert result["tables"]["observations"] == {"missing": 1}
    assert result["tables"]["captures"]["missing"] == 3


def test_a_page_that_no_run_has_derived_for_longer_is_missing(life: Life) -> None:
    life.days(4)
    life.at += DAY
    keep_page(life.zones, "run-left", life.at, [played(1, life.at)])
    result = life.month(month_of(life.at))
    assert result["status"] == "differs"
    assert result["tables"]["captures"]["missing"] == 1
    assert result["tables"]["observations"] == {"missing": 1}


def test_a_raw_page_that_was_damaged_since_is_found_too(life: Life) -> None:
    life.days(4)
    (*_, key) = life.zones.keys("raw/recently-played/")
    life.zones.damage(key)
    result = life.month(month_of(life.at))
    assert result["tables"]["captures"] == {"changed": 1}


def test_a_raw_page_that_is_gone_is_named_before_what_follows_from_it(life: Life) -> None:
    """Who puts the rows right by what is left loses them."""
    life.days(4)
    (*_, key) = life.zones.keys("raw/recently-played/")
    life.zones.s3.delete_object(Bucket=BUCKET, Key=key)
    result = life.month(month_of(life.at))
    assert result["tables"]["observations"]["extra"] == 1
    assert result["first"][0] == f"{key} is gone: bring it back first"


def test_an_object_that_cannot_be_read_lacks_all_its_rows(life: Life) -> None:
    life.days(4)
    month = month_of(life.at)
    key = f"lake/plays/month={month}/{ACCOUNT}.parquet"
    rows = len(life.zones.rows("plays", month, ACCOUNT))
    life.zones.put(key, b"no Parquet")
    result = life.month(month)
    assert result["tables"]["plays"] == {"missing": rows}
    assert b"is not a whole Parquet file" in life.zones.body(result["report"])


def test_where_captures_cannot_be_read_no_page_is_waited_for(life: Life) -> None:
    """No capture can end anything then, however young its pages are."""
    life.days(4)
    month = month_of(life.at)
    (*_, page) = life.zones.keys("raw/recently-played/")
    young = CaptureKey.parse(page).captured_at + HOUR  # when the audit looks
    rows = len(life.zones.rows("captures", month, ACCOUNT))
    life.zones.put(f"lake/captures/month={month}/{ACCOUNT}.parquet", b"")
    life.at = young - DAY
    result = life.month(month)
    assert result["status"] == "differs"
    assert result["tables"]["captures"] == {"missing": rows}


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        ("country_profiles", "country_profiles"),
        ("country_profiles", "chart_days"),
        ("audio_features", "audio_features"),
        ("track_sections", "track_sections"),
    ],
)
def test_another_object_of_a_table_that_has_one_is_found(
    kind: str, table: str, zones: Zones
) -> None:
    """Queries read it, too, as a copy that somebody made."""
    key = f"lake/{table}/month=2026-11/copy of {table}.parquet"
    named = dict.fromkeys(SCHEMAS[table].names)
    zones.put(key, to_parquet(encode_rows([named], SCHEMAS[table], key)))

    part = {"month": "2026-11", "kind": kind, "of": []}
    result = audit(zones.bucket, part, NOBODY, execution="e", now=START, sleep=lambda _: None)

    assert result["status"] == "differs"
    assert result["tables"] == {table: {"extra": 1}}


def test_an_object_with_other_columns_is_told_with_its_reason(life: Life) -> None:
    """As an object of another table, or of a version to come."""
    life.days(4)
    month = month_of(life.at)
    other = life.zones.body(f"lake/captures/month={month}/{ACCOUNT}.parquet")
    life.zones.put(f"lake/plays/month={month}/{ACCOUNT}.parquet", other)
    result = life.month(month)
    assert result["status"] == "differs"
    assert b"has a column" in life.zones.body(result["report"])


PART = {"month": "2026-11", "kind": "charts", "of": ["daily-NO"]}
SURVEY = {"input": {}, "start_time": "2026-11-22T03:37:00Z"}


@pytest.mark.parametrize("event", [SURVEY, SURVEY | {"part": PART, "execution": "run-1"}])
def test_a_chart_list_that_cannot_be_used_is_said(zones: Zones, event: Row) -> None:
    zones.put("config/charts.csv", b"nothing of a chart list")
    result = invoke("audit", event)
    assert result["status"] == "failed"
    assert result["error"].startswith("The chart list")


def test_a_record_of_an_import_that_is_damaged_is_named_by_its_parts_alone(zones: Zones) -> None:
    key = f"raw/imports/{ACCOUNT}/0123456789abcdef/001-begun.json"
    zones.put(key, b"{")
    found = invoke("audit", SURVEY)
    assert (found["status"], found["months"]) == ("surveyed", ["2026-11", "2026-10"])
    told = Counter[str]()
    for part in found["parts"]:
        result = invoke("audit", SURVEY | {"part": part, "execution": "run-1"})
        told[f"{part['kind']} {result['status']}"] += 1
        if result["status"] == "failed":
            assert result["error"] == f"{key} does not hold JSON."
    assert told["import failed"] == 1
    assert told["plays failed"] == 2  # one for each month: it may have rows there
    assert told["activity same"] == 2


def test_a_table_of_imports_that_is_damaged_is_named_by_its_parts_alone(zones: Zones) -> None:
    key = f"lake/imports/month=2026-11/{ACCOUNT}.parquet"
    zones.put(key, b"nothing of Parquet")
    found = invoke("audit", SURVEY)
    told = [
        invoke("audit", SURVEY | {"part": part, "execution": "run-1"}) for part in found["parts"]
    ]
    (differs,) = [each for each in told if each["status"] != "same"]
    assert differs["part"] == f"imports of {ACCOUNT} in 2026-11"
    assert differs["tables"] == {"imports": {"unreadable": 1}}
    assert differs["first"] == ["imports: unreadable"]
    assert key.encode() in zones.body(differs["report"])
