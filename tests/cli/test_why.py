"""`./soundlake why`: every table's rows, and the summaries' figures, down to what was kept."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws
from soundlake.abilities import Ability, Finding
from soundlake.accounts import connected
from soundlake.activity import FIELDS, activity_rows
from soundlake.store.abilities import AbilitiesTable
from soundlake.store.budget import BudgetTable
from soundlake.store.schemas import SCHEMAS

from cli import __main__ as cli
from cli import accounts, athena, logs
from cli.errors import Misuse
from cli.target import Target
from cli.why import figures, finding, rows, show
from cli.why.asking import Tables
from cli.why.tree import MOST, Node, lines
from tests.template.test_docs import DOCUMENTED
from tests.template.test_queries import only_duckdb
from tests.template.test_tables import TABLES as DEPLOYED

from .small_lake import (
    ACCOUNT,
    ALBUM,
    ALBUMS,
    ANALYSIS,
    ARTIST,
    BUCKET,
    CHART,
    DAY,
    DETAILS,
    FEATURES,
    FILE,
    GENRES,
    IMPORT,
    OTHER,
    PAGE,
    SEARCH,
    TABLES,
    TRACK,
    URI,
    Duck,
    FakeFunctions,
    FakeStates,
    put_objects,
    small_lake,
)

REPO = Path(__file__).parents[2]
# How a person would name the one row of each table.
WORDS: dict[str, tuple[str, ...]] = {
    "observations": ("2026-11-21T09:18:03.120Z",),
    "plays": (ACCOUNT, "2026-11-21T09:18"),
    "captures": ("run-1-2",),
    "gaps": (ACCOUNT, "2026-11-21T09:18"),
    "account_days": (DAY,),
    "imports": (IMPORT,),
    "import_rows": (IMPORT, "7"),
    "chart_entries": ("sweden", DAY, "7"),
    "tracks": (f"https://open.spotify.com/track/{TRACK}?si=x",),
    "track_names": ("One / a title",),
    "albums": ("an album",),
    "artists": ("it's one",),
    "audio_features": (URI,),
    "track_sections": (TRACK,),
    "track_segments": (TRACK,),
    "music_activity": ("2026-11-21 09:18", TRACK),
    "country_profiles": ("SE", DAY),
    "chart_days": ("daily-SE", DAY),
    "data_quality": ("SE", DAY, "artist_named", "7"),
}


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duck]:
    with Duck(tmp_path_factory.mktemp("lake"), TABLES) as duck:
        yield duck


@pytest.fixture(scope="module")
def stack() -> Iterator[Target]:
    with mock_aws():
        yield small_lake()


@pytest.fixture
def target(stack: Target, duck: Duck, monkeypatch: pytest.MonkeyPatch) -> Target:
    """The lake, read by DuckDB, with executions and a Derive of the test's own."""
    monkeypatch.setitem(stack.__dict__, "states", FakeStates())
    monkeypatch.setitem(stack.__dict__, "functions", FakeFunctions())
    monkeypatch.setattr(athena, "run", duck.run)
    monkeypatch.setattr(logs, "chosen", lambda *_: {"DeriveFunction": "the-derive"})
    monkeypatch.setattr(
        figures, "locations", lambda _: {name: f"s3://{BUCKET}/lake/{name}/" for name in TABLES}
    )
    monkeypatch.setattr(cli, "choose", lambda *_: stack)
    return stack


@pytest.fixture
def bucket(target: Target) -> Iterator[Any]:
    """The data bucket's client, for who damages objects: they are put back."""
    yield target.s3
    put_objects(target)


def nodes(node: Node, what: str | None = None) -> list[Node]:
    """A node and all beneath it, of a kind."""
    found = [node] if what in (None, node.what) else []
    return found + [each for below in node.because for each in nodes(below, what)]


def names(node: Node, what: str) -> list[str]:
    return list(dict.fromkeys(each.name for each in nodes(node, what)))


def why(target: Target, *words: str, column: str | None = None) -> Node:
    return show.trace(target, words[0], words[1:], column)


def functions(target: Target) -> FakeFunctions:
    found: FakeFunctions = target.__dict__["functions"]
    return found


#### EVERY TABLE ###################################################################################


def test_every_table_of_the_template_can_be_asked_about() -> None:
    assert set(finding.KEYS) == set(rows.TRACES) == set(DEPLOYED)
    assert set(WORDS) == set(TABLES) == set(DEPLOYED)


@pytest.mark.parametrize("table", sorted(finding.KEYS))
def test_a_row_is_named_by_its_key(table: str) -> None:
    key = finding.KEYS[table]
    assert set(key) <= set(SCHEMAS[table].names)
    said = re.search(r"\*\*Key:\*\* (.+?)\. ", " ".join(DOCUMENTED[table].words.split()))
    assert said is not None
    documented = re.findall(r"`(\w+)`", said[1].partition("(")[0])
    if table != "observations":  # whose key is all that they say
        assert sorted(key) == sorted(documented)


@pytest.mark.parametrize("table", sorted(WORDS))
def test_every_row_leads_to_what_was_kept_asked_and_run(table: str, target: Target) -> None:
    found = why(target, table, *WORDS[table])

    assert found.what == table
    raw = nodes(found, "raw object")
    assert raw
    for each in raw:
        assert each.facts["whole"].startswith(("yes", "it begins and ends")), each
        assert len(each.facts["sha256"]) == 64
        assert each.facts["etag"]
        (run, *_) = nodes(each, "execution")
        assert run.facts["status"] == "SUCCEEDED"
        assert run.facts["arn"].startswith("arn:aws:states:")
        kept = each.name.startswith("raw/imports/")
        assert kept or nodes(each, "request")


@pytest.mark.parametrize("table", sorted(WORDS))
def test_the_command_of_a_row_finds_that_row(table: str, target: Target) -> None:
    tables = Tables(target)
    row = finding.find(tables, table, WORDS[table])

    text = finding.command(table, row)
    start, words = f"./soundlake why {table} ", shlex.split(text)[3:]
    assert text.startswith(start)
    assert finding.find(tables, table, words) == row


def test_the_queries_are_such_as_athena_takes(duck: Duck, target: Target) -> None:
    duck.asked.clear()
    for table, words in WORDS.items():
        why(target, table, *words)
        why(target, table)

    assert len(duck.asked) > 60
    assert [found for sql in duck.asked for found in only_duckdb(sql)] == []


#### WHAT LEADS WHERE ##############################################################################


def test_a_play_leads_to_each_observation_and_from_there_on(target: Target) -> None:
    found = why(target, "plays", "2026-11-21T09:18")

    assert functions(target).given == [
        {
            **{"account": ACCOUNT, "played_at": "2026-11-21T09:18:03.120Z"},
            **{"uri": URI, "name_key": None},
        }
    ]
    export, capture = nodes(found, "observation")
    assert export.facts["gives"] == {
        "ms_played": 170_000,
        "ended_at": "2026-11-21T09:18:03.000Z",
    }
    (file,) = nodes(export, "raw object")
    assert (file.name, file.facts["row"]) == (FILE, 7)
    assert names(export, "import") == [IMPORT]
    assert names(export, "execution") == ["import run-i"]
    assert names(capture, "raw object") == [PAGE]
    assert names(capture, "request") == ["GET /v1/me/player/recently-played?limit=50"]
    assert names(capture, "execution") == ["capture run-1"]  # its second look has a number


@pytest.mark.parametrize(
    ("column", "sources"),
    [
        ("ms_played", ["spotify_extended"]),
        ("uri", ["spotify_recently_played"]),
        ("track_id", ["spotify_recently_played"]),
        ("counts_half", ["spotify_extended"]),
    ],
)
def test_a_column_of_a_play_leads_to_who_gave_it(
    column: str, sources: list[str], target: Target
) -> None:
    found = why(target, "plays", "2026-11-21", column=column)

    assert [each.name.split()[0] for each in nodes(found, "observation")] == sources
    assert list(found.facts) == [column]


def test_a_play_that_derive_does_not_know_is_traced_by_what_it_says(target: Target) -> None:
    functions(target).answer = {"status": "unknown"}

    found = why(target, "plays", "2026-11-21")

    assert names(found, "raw object") == [FILE, PAGE]
    assert "derived" in nodes(found, "note")[0].name


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "soundlake logs derive says why"),
        ({"status": "failed", "error": "It is cut off."}, "It is cut off"),
    ],
)
def test_what_derive_cannot_tell_is_said(answer: Any, says: str, target: Target) -> None:
    functions(target).answer = answer

    with pytest.raises(Exception, match=says):
        why(target, "plays", "2026-11-21")


def test_a_gap_leads_to_the_attempts_meanwhile_and_what_closed_it(target: Target) -> None:
    found = why(target, "gaps", "2026-11-21T09:18")

    assert names(found, "captures") == [f"{ACCOUNT} run-1-2", f"{ACCOUNT} run-1"]
    assert names(found, "import") == [IMPORT]


def test_a_day_leads_to_its_gaps_pages_and_imports(target: Target) -> None:
    found = why(target, "account_days", DAY)

    assert names(found, "gaps")
    assert names(found, "imports") == [f"{ACCOUNT} {IMPORT}"]
    assert PAGE in names(found, "raw object")
    assert any("1 plays" in each.name for each in nodes(found, "note"))


def test_a_duplicate_leads_to_the_row_that_said_it_first(target: Target) -> None:
    found = why(target, "import_rows", IMPORT, "8")

    assert [each.facts["row"] for each in nodes(found, "raw object") if "row" in each.facts] == [
        *(8, 7, 7)
    ]
    assert names(found, "plays")


def test_a_count_of_a_ledger_leads_to_its_rows(target: Target) -> None:
    found = why(target, "imports", IMPORT, column="invalid")

    (row,) = nodes(found, "import_rows")
    assert row.name.endswith("endsong_0.json 9")
    assert row.facts["reason"] == "It has no time."


def test_an_artists_genres_lead_to_all_who_were_asked(target: Target) -> None:
    found = why(target, "artists", ARTIST, column="genres")

    assert names(found, "raw object") == [DETAILS, GENRES]
    assert names(why(target, "artists", ARTIST, column="followers"), "raw object") == [DETAILS]


def test_an_entity_leads_to_the_answer_that_showed_it_first(target: Target) -> None:
    assert names(why(target, "tracks", TRACK, column="name"), "raw object") == [CHART]
    assert names(why(target, "albums", ALBUM), "raw object") == [CHART, ALBUMS]
    assert names(why(target, "track_names", "one / a title"), "raw object")[0] == SEARCH


def test_a_profile_leads_to_positions_and_their_features(target: Target) -> None:
    found = why(target, "country_profiles", "sweden", DAY, column="valence_mean")

    (said,) = nodes(found, "note")
    assert said.facts["values"] == {1: 0.25, 2: None, 7: 0.25}
    by_key = {each.name: each.facts for each in nodes(found, "raw object")}
    assert by_key[CHART]["shows"] == "3 positions"
    assert by_key[FEATURES]["features of positions"] == [1, 7]


def test_a_charts_day_leads_to_the_run_that_tried_it(target: Target) -> None:
    states: FakeStates = target.__dict__["states"]
    result = {"chart": "daily-SE", "date": DAY, "status": "loaded", "rows": 3}
    states.histories["run-d"] = [_exited("RecordSuccess", result)]

    found = why(target, "chart_days", "SE", DAY)

    assert found.because[-1].name == "daily run-d"


def _exited(name: str, output: Any) -> dict[str, Any]:
    details = {"name": name, "output": json.dumps(output)}
    return {"id": 1, "type": "PassStateExited", "stateExitedEventDetails": details}


#### MUSIC ACTIVITY ################################################################################


def test_every_column_of_activity_is_told_by_the_table_that_makes_it() -> None:
    assert set(rows._ACTIVITY) == {*FIELDS, "account"}
    for column, told in rows._ACTIVITY.items():
        if column in rows._OF_ALL or column.startswith("album_cover") or column == "played_at":
            continue
        left = list(told)
        while left:
            value = _made(left, column)
            table, _, name = left.pop(0).partition(".")
            assert value is not None, (column, table, name)
            assert str(_marks(table, name)[1]) in str(value), (column, table, value)
        assert _made([], column) is None


def _marks(table: str, name: str) -> tuple[Any, Any]:
    """A value of a column, and what of it is seen in the activity."""
    number = 1 + list(TABLES).index(table)
    kind = str(SCHEMAS[table].field(name).type)
    if name == "track_id":
        return TRACK, TRACK
    if name == "artist_names":
        return [f"by {table}"], f"by {table}"
    if "list" in kind:
        return [number], number
    if kind == "bool":  # of two that say something, not the same
        return table == "plays", table == "plays"
    if kind == "string":
        return f"of {table}", f"of {table}"
    return (number * 1000, number) if name == "duration_ms" else (number, number)


def _made(said: list[str], column: str) -> Any:
    """What the activity says where only these columns say anything."""
    given: dict[str, dict[str, Any]] = {
        table: dict.fromkeys(SCHEMAS[table].names)
        for table in ("plays", "tracks", "albums", "audio_features", "track_sections")
    }
    given["plays"] |= {"played_at": datetime(2026, 11, 21, tzinfo=UTC), "track_id": TRACK}
    given["plays"] |= {"album_id": ALBUM, "account": None}
    if column == "track_id":
        given["plays"]["track_id"] = None
    for one in said:
        table, _, name = one.partition(".")
        given[table][name] = _marks(table, name)[0]
    parts = (given[each] for each in ("tracks", "audio_features", "track_sections"))
    tracks, features, sections = ({TRACK: each} for each in parts)
    (row,) = activity_rows([given["plays"]], tracks, {ALBUM: given["albums"]}, features, sections)
    return row[column]


@pytest.mark.parametrize(
    ("column", "tables"),
    [
        ("popularity", ["tracks"]),
        ("valence", ["audio_features"]),
        ("track_name", ["plays"]),
        ("duration", ["track_sections", "audio_features"]),  # the first says nothing
    ],
)
def test_a_column_of_activity_leads_to_the_row_that_says_it(
    column: str, tables: list[str], target: Target
) -> None:
    found = why(target, "music_activity", "2026-11-21 09:18", column=column)

    assert [each.what for each in found.because if each.what != "note"] == tables


#### RAW OBJECTS ###################################################################################


def test_a_raw_object_that_is_cut_off_or_gone_is_said_to_be(target: Target, bucket: Any) -> None:
    body = bucket.get_object(Bucket=BUCKET, Key=CHART)["Body"].read()
    bucket.put_object(Bucket=BUCKET, Key=CHART, Body=body[:-9], Metadata={"at": "2026"})
    bucket.put_object(Bucket=BUCKET, Key=FILE, Body=b"PAR1 and")
    bucket.delete_object(Bucket=BUCKET, Key=PAGE)

    whole = {
        each.name: each.facts["whole"]
        for table in ("chart_entries", "plays")
        for each in nodes(why(target, table, *WORDS[table]), "raw object")
    }

    assert all(said.startswith("no") for said in whole.values()), whole
    assert "missing" in whole[PAGE]
    assert set(whole) == {CHART, FILE, PAGE}


def test_an_execution_that_is_no_more_is_said_to_be(target: Target) -> None:
    states: FakeStates = target.__dict__["states"]
    states.runs = {"capture": [], "daily": [], "import": []}

    for table in ("captures", "chart_entries"):
        (run,) = nodes(why(target, table, *WORDS[table]), "execution")
        assert "90 days" in run.facts["unknown"]


def test_of_two_runs_at_once_the_one_whose_history_names_the_answer_brought_it(
    target: Target,
) -> None:
    states: FakeStates = target.__dict__["states"]
    states.runs["daily"] = ["run-d", "run-e"]
    states.histories["run-e"] = [_exited("Extract", {"raw_keys": [CHART]})]

    assert names(why(target, "chart_entries", *WORDS["chart_entries"]), "execution") == [
        "daily run-e"
    ]
    found = why(target, "audio_features", TRACK)  # nothing names that answer
    assert names(found, "execution") == ["daily run-d", "daily run-e"]
    assert "one of them" in nodes(found, "note")[0].name


@pytest.mark.parametrize(
    ("table", "key", "run"),
    [("chart_entries", CHART, "daily run-e"), ("import_rows", FILE, "import run-e")],
)
def test_an_object_that_names_its_execution_leads_to_that_one(
    table: str, key: str, run: str, target: Target, bucket: Any
) -> None:
    """Whatever ran at the time, and whatever histories say."""
    states: FakeStates = target.__dict__["states"]
    states.runs |= {"daily": ["run-d", "run-e"], "import": ["run-i", "run-e"]}
    states.histories["run-d"] = [_exited("Extract", {"raw_keys": [CHART]})]
    found = bucket.get_object(Bucket=BUCKET, Key=key)
    named = found["Metadata"] | {"execution": "run-e"}
    bucket.put_object(Bucket=BUCKET, Key=key, Body=found["Body"].read(), Metadata=named)

    raw = next(each for each in nodes(why(target, table, *WORDS[table])) if each.name == key)
    assert names(raw, "execution") == [run]

    states.runs |= {"daily": ["run-d"], "import": ["run-i"]}
    gone = next(each for each in nodes(why(target, table, *WORDS[table])) if each.name == key)
    assert names(gone, "execution") == [run]
    assert "90 days" in nodes(gone, "execution")[0].facts["unknown"]


def test_a_batch_says_what_it_asked_about(target: Target) -> None:
    (asked,) = nodes(why(target, "track_sections", TRACK), "request")

    assert asked.facts["asked about"] == f"1 ({TRACK})"
    assert names(why(target, "track_segments", TRACK), "raw object") == [ANALYSIS]


def test_ids_that_are_too_many_for_metadata_are_read_beside_the_answer(
    target: Target, bucket: Any
) -> None:
    body = bucket.get_object(Bucket=BUCKET, Key=FEATURES)["Body"].read()
    metadata = {"at": "2026-11-21T09:20:02.000Z", "request": "/v1/audio-features?ids=x"}
    bucket.put_object(Bucket=BUCKET, Key=FEATURES, Body=body, Metadata=metadata)
    (alone,) = nodes(why(target, "audio_features", TRACK), "request")
    assert "asked about" not in alone.facts

    beside = json.dumps([TRACK, OTHER]).encode()
    bucket.put_object(Bucket=BUCKET, Key=f"{FEATURES}.asked.json", Body=beside)
    (asked,) = nodes(why(target, "audio_features", TRACK), "request")
    assert asked.facts["asked about"] == f"2 ({TRACK}, {OTHER})"


#### WHAT IS NOT THERE #############################################################################


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("plays", "2026-11-21T08:00"), rf"nearest by played_at:\n  .* {ACCOUNT} 2026-11-21T09:18"),
        (("plays", "2020-01-01"), r"nearest by played_at"),
        (("chart_entries", "SE", DAY, "5"), r"nearest by position:\n.*-21 2\n.*-21 7"),
        (("chart_entries", "norway", DAY), "with chart daily-NO, .* nearest by chart:\n.*daily-SE"),
        (("chart_entries", "SE", "2026-11-20"), r"nearest by chart_date:\n.*2026-11-21 1"),
        (("chart_entries", "SE", DAY), r"3 rows of chart_entries are meant; name one"),
        (("tracks", OTHER), "nearest by track_id"),
        (("artists", "Nobody"), "nearest by name"),
        (("imports", "ffff"), f"nearest by import_id:\n.*{IMPORT}"),
        (("plays", "soon"), "'soon' is no played_at; write it like"),
        (("plays", "track=x"), "plays has no column 'track'; it has account, played_at"),
        (("artists", "one"), f"nearest by name:\n.*{ARTIST}  # It's One"),
        (("playz", "soon"), "no table and no figure 'playz'. Is plays meant?"),
        (("plays", "2026-13-01"), "is no time"),
        (("account_days", "today"), "'today' is no day; write it like"),
        (("chart_entries", "SE", DAY, "first"), "'first' is no position"),
        (("audio_features", "x"), "'x' is no track_id"),
        (("chart_entries", "SE", DAY, "7", "more"), "'more' is too much"),
        (("nonsense",), "no table and no figure 'nonsense'"),
        (("new", "run-1", "more"), "'more' is too much"),
        (("new", "run-d"), "'new' is a figure of capture; run run-d is one of daily"),
    ],
)
def test_what_is_not_there_is_said_with_what_is_near(
    words: tuple[str, ...], says: str, target: Target
) -> None:
    with pytest.raises(Misuse, match=says):
        why(target, *words)


def test_a_column_that_is_not_there_names_those_that_are(target: Target) -> None:
    with pytest.raises(Misuse, match="no column 'nope'; it has account, played_at"):
        why(target, "plays", "2026-11-21", column="nope")
    for words in (("plays",), ("new",)):
        with pytest.raises(Misuse, match="--column"):
            why(target, *words, column="uri")


def test_any_column_can_be_said_and_a_quote_is_no_end(target: Target) -> None:
    assert why(target, "plays", "track_name=A title").what == "plays"
    with pytest.raises(Misuse, match="no row of plays with track_name x' OR 'a' = 'a"):
        why(target, "plays", "track_name=x' OR 'a' = 'a")


@pytest.mark.parametrize("word", ["", "flags="])
def test_an_empty_word_is_null_as_csv_has_it(word: str) -> None:
    (one,) = finding.understood("data_quality", [word])
    assert one.sql.endswith(" IS NULL")


def test_a_key_that_is_null_is_part_of_the_command() -> None:
    row = {"chart": None, "chart_date": DAY, "expectation": "charts_loaded", "about": "run"}
    said = finding.command("data_quality", row)
    assert said == f"./soundlake why data_quality chart= {DAY} charts_loaded run"
    words = shlex.split(said)[3:]
    found = finding.understood("data_quality", words)
    assert [each.column for each in found] == [*finding.KEYS["data_quality"]]
    assert found[0].sql == "chart IS NULL"
    # A chart may be left out where a day is said.
    (day, _) = finding.understood("data_quality", [DAY, "charts_loaded"])
    assert (day.column, day.month) == ("chart_date", DAY[:7])


def test_what_breaks_an_expectation_is_shown_with_its_evidence(target: Target) -> None:
    found = why(target, "data_quality", *WORDS["data_quality"])
    assert found.facts["evidence"]


def test_a_column_that_no_observation_says_shows_all_of_them(target: Target) -> None:
    (row,) = Tables(target).rows("plays", [], limit=1)
    node = rows.Rows(target).trace("plays", row | {"platform": None}, "platform")
    said = list(lines(node))
    assert said[1] == "│ platform: null"
    assert "No observation of the play says its platform" in said[2]
    assert len(nodes(node, "observation")) == 2
    of_all = rows.Rows(target).trace("plays", row, "sources")
    assert len(nodes(of_all, "observation")) == 2


def test_a_table_without_rows_says_so(target: Target, bucket: Any) -> None:
    bucket.delete_object(Bucket=BUCKET, Key="lake/gaps/month=2026-11/gaps.parquet")

    with pytest.raises(Misuse, match="The table gaps has no rows yet"):
        why(target, "gaps", DAY)
    assert why(target, "gaps").facts["rows"] == 0


@pytest.mark.parametrize(
    ("word", "chart"),
    [
        ("sweden", "daily-SE"),
        ("se", "daily-SE"),
        ("weekly-SE", "weekly-SE"),
        ("weekly-sweden", "weekly-SE"),
        ("global", "daily-GLOBAL"),
        ("South Korea", "daily-KR"),
    ],
)
def test_a_chart_is_named_as_people_do(word: str, chart: str) -> None:
    assert finding.chart_name(word) == chart


#### FIGURES #######################################################################################


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_tables_rows_are_counted_and_its_objects_told(table: str, target: Target) -> None:
    found = why(target, table)

    assert found.facts["rows"] == len(TABLES[table])
    (held,) = nodes(found, "object")
    assert held.name == f"lake/{table}/month=2026-11/{table}.parquet"
    assert nodes(held, "execution")


def test_the_plays_of_a_run_lead_to_its_pages(target: Target) -> None:
    states: FakeStates = target.__dict__["states"]
    output = {"accounts": [{"account": ACCOUNT, "status": "captured", "new": 50, "page": 50}]}
    states.histories["run-1"] = [_exited("CaptureAccounts", output)]

    found = why(target, "new")

    assert found.facts == {"new": 50}
    assert PAGE in names(found, "raw object")
    assert names(found, "captures") == [f"{ACCOUNT} run-1-2", f"{ACCOUNT} run-1"]


def test_the_charts_and_requests_and_warnings_of_a_run(target: Target) -> None:
    states: FakeStates = target.__dict__["states"]
    well = {"chart": "daily-SE", "date": DAY, "status": "loaded", "rows": 3}
    bad = {"chart": "daily-NO", "date": DAY, "status": "failed", "stage": "Extract", "error": "503"}
    states.histories["run-d"] = [
        _exited("RecordSuccess", well | {"requests": {"playlists/{id}": 1}}),
        _exited("RecordFailure", bad | {"requests": {"playlists/{id}": 2}}) | {"id": 2},
        _exited("Verify", {"verify": {"errors": 0, "warnings": 1}}) | {"id": 3},
    ]

    charts = why(target, "charts")
    assert charts.facts == {"charts": 2, "rows": 3, "done before": 0}
    assert names(charts, "raw object") == [CHART]
    (failed,) = nodes(why(target, "failed", "daily"), "chart")
    assert failed.facts["error"] == "503"
    warnings = why(target, "warnings")
    assert warnings.facts == {"warnings": 1}
    assert names(warnings, "data_quality") == [f"daily-SE {DAY} artist_named 7"]
    assert nodes(why(target, "errors"), "data_quality") == []
    asked = {each.name: each.facts for each in nodes(why(target, "requests"), "asked by")}
    assert asked["chart daily-NO"] == {"playlists/{id}": 2}


def test_what_a_later_run_made_up_for_is_not_of_the_run_that_failed_at_it(target: Target) -> None:
    states: FakeStates = target.__dict__["states"]
    states.histories["run-d"] = [
        _exited("RecordSuccess", {"chart": "daily-NO", "date": DAY, "status": "loaded", "rows": 3}),
        _exited("RecordFailure", {"chart": "daily-SE", "date": DAY, "status": "failed"})
        | {"id": 2},
    ]
    assert names(why(target, "charts"), "raw object") == []


def test_a_row_of_an_import_that_was_taken_back_is_said_to_be(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Node("import", IMPORT, {"status": "withdrawn"})
    monkeypatch.setattr(rows.Rows, "_import_of", lambda *_: [gone])
    found = why(target, "import_rows", *WORDS["import_rows"])
    assert any("was taken back" in each.name for each in nodes(found, "note"))


def test_what_status_says_leads_to_accounts_findings_and_hours(target: Target) -> None:
    now = datetime.now(UTC)
    assert accounts.table(target).create(connected(ACCOUNT, "somebody", "Somebody", now))
    app = json.dumps({"client_id": "a-client", "client_secret": "s"})
    target.ssm.put_parameter(Name="/soundlake/test/spotify/app", Value=app, Type="SecureString")
    finding_ = Finding(Ability.CHARTS, allowed=False, at=now, evidence="/v1/playlists/x: 404")
    AbilitiesTable("the-budget", target.dynamodb).probed("a-client", [finding_], now)
    BudgetTable("the-budget", target.dynamodb).count("somebody", now, {"albums": 3})

    (account,) = nodes(why(target, "accounts"), "account")
    assert account.facts["state"] == "active"
    assert names(account, "captures") == [f"{ACCOUNT} run-1"]
    (ability,) = nodes(why(target, "access"), "ability")
    assert ability.facts["evidence"] == "/v1/playlists/x: 404"
    assert "daily run-d" in names(ability, "execution")
    asked = why(target, "asked")
    assert asked.facts == {"requests": {"albums": 3}}
    (hour,) = nodes(asked, "hour")
    assert hour.facts == {"albums": 3}
    assert names(hour, "execution") == ["capture run-1", "daily run-d", "import run-i"]
    with pytest.raises(Misuse, match="figure accounts is of no run"):
        why(target, "accounts", "run-1")


def test_the_queue_leads_to_the_run_that_left_it(target: Target) -> None:
    assert names(why(target, "queue"), "object") == ["queue/enrichment.parquet"]


#### THE PAGE ######################################################################################

TEXT = (REPO / "docs" / "why.md").read_text(encoding="utf-8")
ASKED = re.findall(r"^(?:\$ )?\./soundlake why (.+?)(?: {2,}#.*)?$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("line", ASKED)
def test_what_the_page_asks_can_be_asked(line: str) -> None:
    what, *words = shlex.split(line.partition(" #")[0])
    if "--column" in words:
        at = words.index("--column")
        assert words[at + 1] in SCHEMAS[what].names
        del words[at : at + 2]
    if what in finding.KEYS:
        assert len(finding.understood(what, words)) == len(words)
    else:
        assert figures.is_figure(what)


def test_the_page_names_every_figure_and_has_its_transcripts() -> None:
    table = TEXT.partition("| figure |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(figures.NAMES)
    blocks = re.findall(r"^```console\n(.+?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    assert all(block.startswith("$ ./soundlake ") for block in blocks)
    assert "execution capture" in TEXT


#### HOW IT IS SHOWN ###############################################################################


def test_what_was_shown_is_not_shown_again_and_many_are_counted() -> None:
    leaf = Node("execution", "one", {"status": "SUCCEEDED", "console": None})
    many = [Node("chart", str(number), {"rows": 1000}, [leaf]) for number in range(MOST + 2)]
    root = Node("figure", "charts", {"list": ["a", "b"]}, [*many, Node("note", "An end.")])

    said = list(lines(root))
    assert said[:5] == [
        "figure charts",
        "│ list: a, b",
        "├─ chart 0",
        "│  │ rows: 1,000",
        "│  └─ execution one",
    ]
    assert "│  └─ execution one (as above)" in said
    assert sum("status: SUCCEEDED" in line for line in said) == 1
    assert said[-2:] == ["├─ An end.", "└─ 2 more of chart (--all shows them)"]
    assert sum("chart" in line for line in lines(root, whole=True)) == MOST + 3


def test_what_is_another_one_by_the_same_name_is_shown() -> None:
    """The same request was answered twice, and a file has many rows."""
    pages = [
        Node("raw object", f"page {n}", {}, [Node("request", "GET /plays", {"answered": str(n)})])
        for n in (1, 2)
    ]
    file = [Node("raw object", "file", {"row": n, "bytes": 9}) for n in (3, 4)]
    twins = [Node("observation", "of 12:00", {}, more={"row": {"uri": n}}) for n in "ab"]
    said = list(lines(Node("plays", "one", {}, [*pages, *file, *twins])))
    assert [line.split(": ")[1] for line in said if "answered" in line] == ["1", "2"]
    assert [line.split(": ")[1] for line in said if "row" in line] == ["3", "4"]
    assert "├─ raw object file (as above)" in said
    assert sum("bytes" in line for line in said) == 1
    assert not [line for line in said if "of 12:00 (as above)" in line]


def test_lines_are_broken_between_words_where_they_are_too_wide() -> None:
    leaf = Node("raw object", "k" * 100, {"gives": "a word " * 20})
    request = Node("request", "GET /albums?ids=" + "x" * 900)
    said = list(lines(Node("plays", "one", {}, [leaf, request]), width=60))
    assert f"├─ raw object {'k' * 100}" in said or f"│    {'k' * 100}" in said
    assert all(len(line) <= 60 for line in said if "word" in line)
    assert sum("word" in line for line in said) > 2
    assert max(map(len, said)) < 200
    assert len(list(lines(Node("plays", "one", {}, [leaf])))) == 3


Command = Callable[..., tuple[int, str, str]]


def test_the_command_prints_a_tree_or_json(target: Target, command: Command) -> None:
    code, out, _ = command("why", "plays", "2026-11-21", "--column", "ms_played")
    assert code == 0
    assert out.startswith(f"plays {ACCOUNT} 2026-11-21T09:18:03.120Z {URI}\n│ ms_played: 170,000\n")
    assert "execution import run-i" in out

    code, out, _ = command("why", "plays", "2026-11-21", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["what"] == "plays"
    assert found["row"]["ms_played"] == 170_000
    assert found["row"]["local_time"] == "2026-11-21T10:18:03.120"
    assert found["because"][1]["because"][0]["because"][0]["what"] == "request"

    code, _, err = command("why", "plays", "2020-01-01")
    assert code == 2
    assert "The nearest by played_at" in err
