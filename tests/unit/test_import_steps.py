"""The steps of an import of a history: what each keeps and writes; killed anywhere, made whole."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from soundlake import access
from soundlake.importing import beginning, groups
from soundlake.importing.packages import recognise
from soundlake.importing.reading import keep
from soundlake.store import uploads as store_uploads
from soundlake.store.objects import Bucket, StoredObject

from tests.interruptions import When, interrupted
from tests.unit.exported_rows import ADDRESS, evening, file_of, heard, zip_of
from tests.unit.helpers import ACCOUNT, BUCKET, NOW, Row, Zones, invoke, keep_page, played
from tests.unit.import_steps import AT, UPLOADS, Dropped, asked, ran, run, steps, undone

PACKAGE = "my_spotify_data.zip"
NAMES = "Streaming_History_Audio_2026_0.json", "Streaming_History_Audio_2026_1.json"
# Over the edge of a month, so that two months' objects and their neighbours are touched.
FIRST = evening(datetime(2026, 9, 30, 23, 50, tzinfo=UTC), range(1, 6))
SECOND = [
    *evening(datetime(2026, 10, 3, 20, tzinfo=UTC), (1, 2)),
    FIRST[-1],
    heard(9, datetime(2001, 1, 1, tzinfo=UTC)),
]
HISTORY = zip_of({NAMES[0]: file_of(FIRST), NAMES[1]: file_of(SECOND)})


@pytest.fixture
def dropped(zones: Zones, tables: object) -> Dropped:
    return Dropped(zones)


def imported(dropped: Dropped, body: bytes = HISTORY, key: str = PACKAGE, **said: str) -> Row:
    dropped.put(key, body)
    return run(asked(key, **said))


def owned(zones: Zones, table: str, account: str = ACCOUNT) -> list[Row]:
    """An account's rows of a table, of all months and parts."""
    keys = [
        key
        for key in zones.keys(f"lake/{table}/")
        if key.rpartition("/")[2].partition(".")[0] == account
    ]
    rows: list[Row] = zones.lake.read(table, keys).to_pylist()
    return rows


def listening(zones: Zones) -> dict[str, bytes]:
    """What is derived of all that was heard, as objects with rows."""
    return {
        key: body
        for table in ("observations", "plays", "account_days", "gaps")
        for key, body in zones.contents(f"lake/{table}/").items()
        if zones.lake.read(table, [key]).num_rows
    }


# Begun.


def test_an_import_begins_with_what_is_to_be_done(dropped: Dropped, zones: Zones) -> None:
    etag = dropped.put(PACKAGE, HISTORY)

    told = invoke("import", asked(PACKAGE, since="2026-10-01", until="2026-10-02"))

    begun = told["import"]
    assert told["status"] == "history"
    assert told["upload"] == {
        "bucket": UPLOADS,
        "key": PACKAGE,
        "etag": etag,
        "size": len(HISTORY),
    }
    assert (begun["account"], begun["at"]) == (ACCOUNT, AT)
    assert (begun["since"], begun["until"]) == (
        "2026-10-01T00:00:00.000Z",
        "2026-10-03T00:00:00.000Z",
    )
    assert begun["raw_prefix"] == f"raw/imports/{ACCOUNT}/{begun['sha256'][:16]}/"
    ((first, second),) = told["parts"]
    assert (first["number"], first["name"], second["name"]) == (1, *NAMES)
    (key,) = zones.keys("raw/")
    assert key == f"{begun['raw_prefix']}001-begun.json"
    assert json.loads(zones.body(key)) == begun | {"files": list(NAMES), "others": 0}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"account": "nobody"}, "There is no account 'nobody'; ./soundlake accounts lists those"),
        ({"since": "yesterday"}, "The span cannot be read: "),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "The span ends before it begins: 2026-02"),
    ],
)
def test_what_a_person_says_wrongly_is_refused(
    said: dict[str, str], sentence: str, dropped: Dropped, zones: Zones
) -> None:
    told = imported(dropped, **said)

    assert told["Import"]["status"] == "refused"
    assert told["Import"]["error"].startswith(sentence)
    assert zones.keys() == dropped.keys() == []


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (f"nobody/{PACKAGE}", "There is no account of the name that the first folder of its key"),
        (f"{ACCOUNT}/{PACKAGE}", None),
        (f"command-line/1f/{PACKAGE}", None),
    ],
)
def test_the_first_folder_says_whose_it_is(
    key: str, sentence: str | None, dropped: Dropped
) -> None:
    told = imported(dropped, key=key)["Import"]

    assert told["status"] == ("refused" if sentence else "history")
    assert str(told.get("error", "")).startswith(sentence or "")


def test_a_package_of_more_files_than_a_state_can_carry_is_refused(
    dropped: Dropped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "MOST_FILES", 1)

    told = imported(dropped)["Import"]

    assert told["status"] == "refused"
    assert told["error"].startswith("It has 2 files of history; at most 1 are imported at once.")


def test_a_history_that_is_too_large_is_refused_unread(
    dropped: Dropped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "LARGEST_HISTORY", len(HISTORY) - 1)

    told = imported(dropped)["Import"]

    assert (told["status"], told["error"]) == (
        "refused",
        f"It has {len(HISTORY):,} bytes; the most are {len(HISTORY) - 1:,}.",
    )


def test_where_nobody_is_an_account_is_made_and_the_same_one_again(
    dropped: Dropped, zones: Zones, tables: Any
) -> None:
    tables.delete_item(TableName="soundlake-test-accounts", Key={"account": {"S": ACCOUNT}})
    dropped.put(PACKAGE, HISTORY)

    first, second = (invoke("import", asked(PACKAGE))["import"] for _ in range(2))

    assert first == second
    (one,), damaged = access.accounts_table().all()
    assert (one.account, one.state, damaged) == (first["account"], "imported", [])


def test_two_that_begin_at_once_are_one_import(dropped: Dropped, zones: Zones) -> None:
    """Whoever is first says when; else its rows would stand in two months."""
    dropped.put(PACKAGE, HISTORY)
    others: list[Row] = []

    def begin_too() -> None:
        others.append(invoke("import", asked(PACKAGE, at="2026-12-01T00:00:00.000Z")))

    with interrupted(1_000, "before") as counted:
        invoke("import", asked(PACKAGE))
    for number in range(1, counted.requests + 1):
        empty(zones)
        with interrupted(number, "before", begin_too):
            told = invoke("import", asked(PACKAGE))
        assert told == others[-1]
        assert len(zones.keys("raw/")) == 1


# Kept.


def test_rows_are_kept_redacted_and_told(dropped: Dropped, zones: Zones) -> None:
    dropped.put(PACKAGE, HISTORY)
    begun = invoke("import", asked(PACKAGE))

    (part,) = begun["parts"]
    told = invoke("read", {"upload": begun["upload"], "import": begun["import"], "files": part})

    assert told["status"] == "read"
    assert told["problems"] == []
    assert told["files"][1] == {
        "number": 2,
        "name": NAMES[1],
        "kind": "spotify_extended",
        "rows": 4,
        "invalid": 1,
        "outside": 0,
        "months": {"2026-10": 3},
        "first": "2026-10-01T00:06:00.000Z",
        "last": "2026-10-03T20:04:00.000Z",
        "ordered": told["files"][1]["ordered"],
        "person": None,
    }
    prefix = begun["import"]["raw_prefix"]
    assert zones.keys(prefix)[:2] == [f"{prefix}0001.parquet", f"{prefix}0002.parquet"]
    for key in zones.keys(prefix)[:2]:
        assert ADDRESS.encode() not in zones.body(key)


def late(*people: str | None) -> bytes:
    """A file that names people in its last rows alone."""
    rows = evening(datetime(2026, 9, 1, tzinfo=UTC), range(300 + len(people)))
    return file_of(
        [*rows[:300], *(row | {"username": people[at]} for at, row in enumerate(rows[300:]))]
    )


def test_files_of_two_people_are_refused_before_anything_is_merged(
    dropped: Dropped, zones: Zones
) -> None:
    names = [*NAMES, "Streaming_History_Audio_2026_2.json"]
    bodies = [late(None), late("anna31"), late("anna31", "bertil77")]
    body = zip_of(dict(zip(names, bodies, strict=True)))
    told = imported(dropped, body)
    assert told["Read"]["problems"] == [
        f"'{names[2]}' is the history of two people, and cannot be told apart."
    ]
    assert told["Group"]["status"] == "grouped"

    body = zip_of(dict(zip(names, [late(None), late("anna31"), late("bertil77")], strict=True)))
    before = zones.contents("lake/")
    for _ in range(2):  # what was kept tells it as well
        told = imported(dropped, body, "other.zip")
        assert told["Group"]["status"] == "refused"
        assert told["Group"]["error"] == (
            f"'{names[1]}' and '{names[2]}' are the history of two people. Import each one's files "
            "by themselves, with --account."
        )
        assert "Merge" not in told
    assert zones.contents("lake/") == before
    assert not any(who in repr(told) for who in ("anna31", "bertil77"))


def test_a_file_of_history_is_called_by_no_name_that_may_be_a_persons(
    dropped: Dropped, zones: Zones
) -> None:
    files = {"anna31.json": file_of(FIRST), "anna31_2.json": file_of(SECOND), "anna31.txt": b"[{"}
    dropped.put("anna31.zip", zip_of({f"anna31/{path}": body for path, body in files.items()}))

    steps_of_it = list(ran(asked("anna31.zip")))

    for name, given, answer in steps_of_it:
        # The upload's own key is what S3 tells.
        for said in (given, answer):
            own = {"input", "key", "upload", "forget"}
            assert "anna31" not in repr({at: said[at] for at in said.keys() - own}), name
    assert steps_of_it[-1][0] == "Forget"
    assert {row["file"] for row in owned(zones, "import_rows")} == {"file 1.json", "file 2.json"}
    assert [row["name"] for row in owned(zones, "imports")] == ["spotify_extended.zip"]
    for key in zones.keys("raw/") + zones.keys("lake/"):
        assert b"anna31" not in zones.body(key), key
        assert "anna31" not in key


def test_what_is_kept_is_not_read_again(dropped: Dropped, zones: Zones) -> None:
    dropped.put(PACKAGE, HISTORY)
    begun = invoke("import", asked(PACKAGE))
    event = {"upload": begun["upload"], "import": begun["import"], "files": begun["parts"][0]}
    told = invoke("read", event)
    before = zones.versions()
    dropped.delete(PACKAGE)

    assert invoke("read", event) == told
    assert zones.versions() == before


@pytest.mark.parametrize("way", ["gone", "replaced"])
def test_an_upload_that_is_gone_or_another_is_not_read(
    way: str, dropped: Dropped, zones: Zones
) -> None:
    dropped.put(PACKAGE, HISTORY)
    begun = invoke("import", asked(PACKAGE))
    dropped.delete(PACKAGE)
    if way == "replaced":
        dropped.put(PACKAGE, zip_of({NAMES[0]: file_of(SECOND)}))

    told = invoke(
        "read",
        {"upload": begun["upload"], "import": begun["import"], "files": begun["parts"][0]},
    )

    assert told == {"status": "failed", "error": "The upload is gone."}
    assert [key for key in zones.keys("raw/") if key.endswith(".parquet")] == []


def test_a_kept_file_that_is_damaged_or_gone_is_named(dropped: Dropped, zones: Zones) -> None:
    dropped.put(PACKAGE, HISTORY)
    each = steps(asked(PACKAGE))
    _, verb, event = next(each)
    _, verb, read = each.send(invoke(verb, event))
    _, verb, group = each.send(invoke(verb, read))
    _, verb, merge = each.send(invoke(verb, group))
    key = f"{read['import']['raw_prefix']}0001.parquet"
    zones.damage(key)

    for damaged in (invoke("read", read), invoke("derive", merge)):
        assert damaged == {
            "status": "failed",
            "error": f"{key} is not a whole Parquet file; restore its previous version.",
        }
    zones.s3.delete_object(Bucket=BUCKET, Key=key)
    gone = invoke("derive", merge)
    assert gone == {"status": "failed", "error": f"{key} is missing."}


def test_uploads_are_read_in_ranges(dropped: Dropped) -> None:
    body = bytes(range(256)) * 8
    dropped.put("x", body)
    uploads = store_uploads.Uploads(UPLOADS)
    head = uploads.head("x")
    assert head is not None
    assert uploads.head("y") is None

    with uploads.open(head) as file:
        assert file.seek(-10, 2) == len(body) - 10
        assert file.read() == body[-10:]
        assert file.read() == b""
        assert file.seek(300) == 300
        assert file.read(5) == body[300:305]
        assert file.seek(-2, 1) == 303
        assert file.read(2) == body[303:305]
        file.seek(0)
        assert file.read() == body
    dropped.put("x", body[1:])
    with (
        uploads.open(head) as file,
        pytest.raises(store_uploads.UploadGoneError, match="The upload is gone"),
    ):
        file.read(1)


def test_of_a_zip_each_piece_is_fetched_once(
    dropped: Dropped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_uploads, "_PIECE", 2048)
    dropped.put(PACKAGE, HISTORY)
    uploads = store_uploads.Uploads(UPLOADS)
    head = uploads.head(PACKAGE)
    assert head is not None
    asked_for: list[str] = []

    def noted(params: dict[str, Any], **_: Any) -> None:
        asked_for.append(params["headers"]["Range"])

    events = store_uploads.s3_client().meta.events
    events.register("before-call.s3.GetObject", noted)
    try:
        with uploads.open(head) as file:
            package = recognise(file, PACKAGE)
            for member in package.files:
                keep(file, member)
    finally:
        events.unregister("before-call.s3.GetObject", noted)

    assert len(package.files) == 2
    assert len(asked_for) == len(set(asked_for)) == 3


# Derived.


def test_months_that_are_not_there_are_not_asked_for_one_by_one(
    dropped: Dropped, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_months = [heard(month, datetime(2026, month, 9, 20, tzinfo=UTC)) for month in range(1, 9)]
    get, absent = Bucket.get, Counter[str]()

    def noted(self: Bucket, key: str) -> StoredObject | None:
        stored = get(self, key)
        if stored is None:
            absent[key.split("/month=", maxsplit=1)[0]] += 1
        return stored

    monkeypatch.setattr(Bucket, "get", noted)

    imported(dropped, zip_of({NAMES[0]: file_of(of_months)}))

    assert len(owned(zones, "plays")) == len(of_months)
    # Of observations those around the first and the last month, and of plays two months up to now,
    # whose days are looked at.
    wanted = {"observations": 4, "plays": 2, "account_days": 0}
    assert {table: absent[f"lake/{table}"] for table in wanted} == wanted
    assert not [key for key in absent if key.startswith("raw/imports/") and "parquet" in key]


def test_every_row_stands_in_the_ledger(dropped: Dropped, zones: Zones) -> None:
    told = imported(dropped)

    assert told["Conclude"]["ledger"] == {
        "confirmed_days": 2,
        "files": 2,
        "rows": 9,
        "imported": 7,
        "duplicate": 1,
        "merged": 0,
        "outside": 0,
        "invalid": 1,
    }
    rows = owned(zones, "import_rows")
    assert sorted((row["file"], row["row"]) for row in rows) == [
        (name, number)
        for name, count in zip(NAMES, (5, 4), strict=True)
        for number in range(1, count + 1)
    ]
    (again,) = [row for row in rows if row["outcome"] == "duplicate"]
    assert (again["file"], again["row"], again["of_row"]) == (NAMES[1], 3, 5)
    assert again["of_raw_key"].endswith("/0001.parquet")
    (wrong,) = [row for row in rows if row["outcome"] == "invalid"]
    assert "before 2006" in wrong["reason"]
    assert len(owned(zones, "plays")) == 7
    assert told["Forget"] == {"status": "forgotten"}
    assert dropped.keys() == []


def test_what_lies_beyond_the_months_of_a_group_is_not_counted_with_its_last_play(
    dropped: Dropped, monkeypatch: pytest.MonkeyPatch
) -> None:
    """January's plays are derived beside March's observations, and none of these are its plays."""
    monkeypatch.setattr(groups, "GROUP_ROWS", 1)
    apart = [heard(month, datetime(2026, month, 9, 20, tzinfo=UTC)) for month in (1, 3)]

    told = imported(dropped, zip_of({NAMES[0]: file_of(apart)}))

    ledger = told["Conclude"]["ledger"]
    assert {name: ledger[name] for name in ("imported", "merged")} == {"imported": 2, "merged": 0}


def test_a_ledger_that_does_not_add_up_fails(dropped: Dropped, zones: Zones) -> None:
    dropped.put(PACKAGE, HISTORY)
    events = {name: given for name, given, _ in ran(asked(PACKAGE))}
    event = events["Conclude"]
    outcomes = [{"imported": 6}]

    told = invoke("derive", event | {"conclude": event["conclude"] | {"outcomes": outcomes}})

    assert told["status"] == "failed"
    assert "has 7 rows, its files 9" in told["error"]


def test_an_overlapping_newer_export_adds_what_is_new(dropped: Dropped, zones: Zones) -> None:
    imported(dropped)
    newer = zip_of({NAMES[0]: file_of([*FIRST, heard(40, NOW - timedelta(days=9))])})

    told = imported(dropped, newer)

    assert told["Conclude"]["ledger"]["imported"] == 1
    assert told["Conclude"]["ledger"]["duplicate"] == 5
    # From October 1st to November 11th, of which two days were confirmed before.
    assert told["Conclude"]["ledger"]["confirmed_days"] == 40
    assert imported(dropped)["Import"]["status"] == "known"
    run(undone(told["Import"]["import"]["import_id"]))
    assert imported(dropped, newer)["Conclude"]["ledger"]["confirmed_days"] == 40
    assert len(owned(zones, "plays")) == 8
    assert [row["status"] for row in owned(zones, "imports")] == ["imported"] * 2


def test_a_span_is_imported_and_covers_no_more(dropped: Dropped, zones: Zones) -> None:
    told = imported(dropped, since="2026-10-01", until="2026-10-01")

    # Of nine rows, one was twice, one is of 2001, and three are of the day before.
    assert told["Conclude"]["ledger"] == {
        "confirmed_days": 1,
        "files": 2,
        "rows": 9,
        "imported": 2,
        "duplicate": 1,
        "merged": 0,
        "outside": 5,
        "invalid": 1,
    }
    reasons = {row["reason"] for row in owned(zones, "import_rows") if row["outcome"] == "outside"}
    assert reasons == {
        "It is not of the span that was asked for: from 2026-10-01 to before 2026-10-02."
    }
    (row,) = owned(zones, "imports")
    (span,) = row["covered"]
    assert (str(span["from_time"]), str(span["to_time"])) == (
        "2026-10-01 00:00:00",
        "2026-10-02 00:00:00",
    )


def test_another_span_leaves_nothing_of_the_first(
    dropped: Dropped, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "GROUP_ROWS", 1)
    ident = imported(dropped)["Import"]["import"]["import_id"]
    run(undone(ident))

    told = imported(dropped, since="2026-10-03")

    outcomes = Counter(row["outcome"] for row in owned(zones, "import_rows"))
    assert outcomes == {"imported": 2, "outside": 6, "invalid": 1}
    assert told["Conclude"]["ledger"]["rows"] == 9


def test_plays_of_days_that_another_import_confirms_are_counted(
    dropped: Dropped, zones: Zones
) -> None:
    def counts() -> dict[str, int]:
        return {str(row["day"]): row["plays"] for row in owned(zones, "account_days")}

    def per_day() -> Counter[str]:
        return Counter(str(row["played_at"])[:10] for row in owned(zones, "plays"))

    imported(dropped, since="2026-09-30")
    before = counts()
    assert before["2026-10-02"] == 0

    scrobbled = b"An artist,An album,A title,02 Oct 2026 12:34\n"
    told = imported(dropped, scrobbled, "lastfm.csv", at="2026-11-20T00:00:00.000Z")

    assert told["Conclude"]["ledger"]["confirmed_days"] == 0
    assert counts()["2026-10-02"] == 1
    assert counts() == {day: per_day()[day] for day in before}

    run(undone(told["Import"]["import"]["import_id"], at="2026-12-01T00:00:00.000Z"))
    assert {day: counts()[day] for day in before} == before


# Taken back.


def test_what_is_taken_back_is_as_if_it_had_never_been(dropped: Dropped, zones: Zones) -> None:
    other = zip_of({NAMES[0]: file_of([*FIRST[:3], *SECOND[:1]])})
    imported(dropped, other)
    alone = listening(zones)
    ident = imported(dropped)["Import"]["import"]["import_id"]
    assert listening(zones) != alone

    told = run(undone(ident, at="2026-12-01T00:00:00.000Z"))

    assert told["Conclude"]["status"] == "concluded"
    assert listening(zones) == alone
    statuses = {row["import_id"]: row["status"] for row in owned(zones, "imports")}
    assert statuses.pop(ident) == "withdrawn"
    assert list(statuses.values()) == ["imported"]


def test_an_import_that_never_ended_can_be_taken_back(dropped: Dropped, zones: Zones) -> None:
    dropped.put(PACKAGE, HISTORY)
    ident = ""
    for name, given, _ in ran(asked(PACKAGE)):
        if name == "Play":
            ident = given["import"]["import_id"]
            break
    assert owned(zones, "plays")

    told = run(undone(ident))

    assert told["Conclude"] == {"status": "concluded", "ledger": {}, "counts": {"imports": 1}}
    assert listening(zones) == {}


def test_whose_import_is_meant_must_be_said_where_two_have_it(
    dropped: Dropped, tables: Any
) -> None:
    access.accounts_table().new_imported(NOW, "other")
    ident = imported(dropped, account=ACCOUNT)["Import"]["import"]["import_id"]
    imported(dropped, account="other")

    told = invoke("import", undone(ident))
    assert told["status"] == "failed"
    assert told["error"] == f"Several accounts have an import {ident!r}; say whose, with --account."
    assert invoke("import", undone(ident, account="other"))["import"]["account"] == "other"


def test_it_is_said_where_it_was_taken_back_meanwhile(dropped: Dropped, zones: Zones) -> None:
    dropped.put(PACKAGE, HISTORY)
    ident = ""
    for name, given, answer in ran(asked(PACKAGE)):
        if name == "Conclude":
            ident = given["import"]["import_id"]
            run(undone(ident))
        if name == "Forget":
            assert answer["status"] == "withdrawn"
            assert f"--undo {ident}" in answer["error"]
    assert dropped.keys() == []


# Killed, and beside others.


def empty(zones: Zones) -> None:
    for key in zones.keys(""):
        zones.s3.delete_object(Bucket=BUCKET, Key=key)


def reset(zones: Zones, dropped: Dropped, kept: dict[str, bytes]) -> None:
    """Bring all objects back as they were; what has not changed keeps its metadata."""
    now = zones.contents()
    for key in now.keys() - kept.keys():
        zones.s3.delete_object(Bucket=BUCKET, Key=key)
    for key, body in kept.items():
        if now.get(key) != body:
            zones.put(key, body)
    dropped.put(PACKAGE, HISTORY)


def disturbed(
    zones: Zones, dropped: Dropped, event: Row
) -> Iterator[tuple[str, str, Row, dict[str, bytes], dict[str, bytes]]]:
    """Each step: its name, function and event, with all objects before it and after it."""
    each = steps(event)
    name, verb, given = next(each)
    while True:
        before = zones.contents()
        answer = invoke(verb, given)
        after = zones.contents()
        yield name, verb, given, before, after
        reset(zones, dropped, after)
        try:
            name, verb, given = each.send(answer)
        except StopIteration:
            return


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_step_that_is_killed_anywhere_is_done_again(
    when: When, dropped: Dropped, zones: Zones
) -> None:
    """To the same bytes; and whatever was there is never gone meanwhile."""
    dropped.put(PACKAGE, HISTORY)
    tried: Counter[str] = Counter()
    for name, verb, given, before, after in disturbed(zones, dropped, asked(PACKAGE)):
        number = 0
        while True:
            number += 1
            reset(zones, dropped, before)
            with interrupted(number, when) as kill:
                invoke(verb, given)
            if not kill.happened:
                break
            tried[name] += 1
            invoke(verb, given)
            assert zones.contents() == after, (name, number, kill.happened)
    assert set(tried) == {"Import", "Read", "Merge", "Play", "Conclude", "Forget"}
    assert dropped.keys() == [PACKAGE]  # put back after each step


def test_concluding_again_tells_the_same(dropped: Dropped) -> None:
    dropped.put(PACKAGE, HISTORY)
    told = {name: (given, answer) for name, given, answer in ran(asked(PACKAGE))}
    given, answer = told["Conclude"]

    assert answer["ledger"]["confirmed_days"] == 2
    assert invoke("derive", given) == answer


@pytest.mark.parametrize("when", ["before", "after"])
def test_taking_back_that_is_killed_anywhere_is_done_again(
    when: When, dropped: Dropped, zones: Zones
) -> None:
    ident = imported(dropped)["Import"]["import"]["import_id"]
    tried: Counter[str] = Counter()
    for name, verb, given, before, after in disturbed(zones, dropped, undone(ident)):
        number = 0
        while True:
            number += 1
            reset(zones, dropped, before)
            with interrupted(number, when) as kill:
                invoke(verb, given)
            if not kill.happened:
                break
            tried[name] += 1
            invoke(verb, given)
            assert zones.contents() == after, (name, number, kill.happened)
    assert set(tried) == {"Import", "Merge", "Play", "Conclude"}


PAGE = [played(number, NOW - timedelta(days=47, minutes=number)) for number in range(3)]


def test_a_capture_at_any_moment_of_a_plays_step_loses_nothing(
    dropped: Dropped, zones: Zones
) -> None:
    """Plays are opened before what they are made of: whoever writes in between is met."""
    dropped.put(PACKAGE, HISTORY)
    page = keep_page(zones, "run-1", NOW - timedelta(days=46), PAGE)
    merged = next(given for name, given, _ in ran(asked(PACKAGE)) if name == "Merge")
    before = zones.contents()
    group = {name: merged[name] for name in ("import", "withdrawn")} | {"play": merged["merge"]}
    invoke("derive", page)
    invoke("derive", group)
    wanted = listening(zones)
    number, conflicts = 0, 0
    while True:
        number += 1
        reset(zones, dropped, before)
        with interrupted(number, "before", lambda: invoke("derive", page)) as other:
            invoke("derive", group)
        if not other.happened:
            break
        conflicts += other.happened == "PutObject"
        assert listening(zones) == wanted, (number, other.happened)
    assert conflicts


def test_two_imports_step_by_step_beside_each_other_lose_nothing(
    dropped: Dropped, zones: Zones
) -> None:
    other = file_of([FIRST[0], heard(30, NOW - timedelta(days=50, hours=1)), *SECOND[:1]])
    dropped.put(PACKAGE, HISTORY)
    dropped.put(NAMES[0], other)
    pairs = [ran(asked(PACKAGE)), ran(asked(NAMES[0]))]
    while pairs:
        pairs = [each for each in pairs if next(each, None)]
    beside = listening(zones)
    ledgers = Counter(row["import_id"] for row in owned(zones, "import_rows"))
    assert sorted(ledgers.values()) == [3, 9]

    empty(zones)
    for key, body in ((NAMES[0], other), (PACKAGE, HISTORY)):
        dropped.put(key, body)
        run(asked(key))

    assert beside == listening(zones)


def test_the_same_import_twice_at_once_is_one(dropped: Dropped, zones: Zones) -> None:
    imported(dropped)
    once = zones.contents()
    empty(zones)
    dropped.put(PACKAGE, HISTORY)
    pairs = [ran(asked(PACKAGE)), ran(asked(PACKAGE))]
    while pairs:
        pairs = [each for each in pairs if next(each, None)]

    assert zones.contents() == once
