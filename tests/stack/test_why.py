"""`./soundlake why` on the whole stack: a row of every table, down to the executions."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import __main__ as cli
from cli import runs
from cli.why import finding, show
from cli.why.rows import Rows
from cli.why.tree import Node
from tests.stack.conftest import FirstRun, Stack
from tests.transcripts.__main__ import COLUMNS, NAME, exported

Command = Callable[..., tuple[int, str]]

# What the first runs fill; others have rows where other tests, or the world, left some.
FILLED = {
    *("observations", "plays", "captures", "chart_entries", "tracks", "albums", "artists"),
    *("audio_features", "track_sections", "track_segments", "music_activity"),
    *("country_profiles", "chart_days"),
}


@pytest.fixture
def command(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run `./soundlake ARGUMENTS` on the stack in this process; exit code and what it printed."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["soundlake", *arguments])
        monkeypatch.setattr(cli, "choose", lambda *_: stack.lake.target)
        with pytest.raises(SystemExit) as ended:
            cli.entry()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return run


def nodes(node: Node, what: str) -> list[Node]:
    found = [node] if node.what == what else []
    return found + [each for below in node.because for each in nodes(below, what)]


def leads(found: Node) -> bool:
    """Whether a row is traced to what was kept, whole, and to the executions that brought it."""
    raw = nodes(found, "raw object")
    return (
        raw != []
        and {each.facts["whole"][:3] for each in raw} <= {"yes", "it "}
        and all(nodes(each, "execution") for each in raw)
        and all("arn" in each.facts for each in nodes(found, "execution"))
    )


def test_a_row_of_every_table_leads_to_what_was_kept_asked_and_run(
    stack: Stack, first: FirstRun
) -> None:
    rows = Rows(stack.lake.target)

    def traced(table: str) -> bool:
        """One of some rows: none of what nobody could look at, or a test has damaged, is."""
        names = finding.KEYS[table]
        return any(
            leads(
                rows.trace(
                    table,
                    finding.find(
                        rows.tables,
                        table,
                        [str(row[name]) for name in names if row[name] is not None],
                    ),
                )
            )
            for row in rows.tables.rows(table, [], limit=20)
        )

    assert {table for table in finding.KEYS if traced(table)} >= FILLED


def test_a_merged_play_names_the_export_and_the_page(
    stack: Stack, first: FirstRun, command: Command, tmp_path: Path
) -> None:
    page = json.loads(
        json.dumps(stack.ask(f"SELECT account, {COLUMNS} FROM plays LIMIT 1"), default=str)
    )
    play = page[0]
    path = tmp_path / NAME
    path.write_text(json.dumps([exported(play)]), encoding="utf-8")
    code, _ = command("import", str(path), "--account", play["account"])
    assert code == 0
    (done, *_) = [one for one in runs.listed(stack.lake.target) if one.machine == "import"]
    ident = runs.outcome(stack.lake.target, done).output["import_id"]
    try:
        at = play["played_at"][:23].replace(" ", "T")
        code, said = command("why", "plays", play["account"], at, "--column", "ms_played")
        assert code == 0
        assert f"│ ms_played: {play['duration_ms']:,}" in said
        assert f"raw/imports/{play['account']}/{ident}/0001.parquet" in said
        assert f"execution import {done.name}" in said
        assert "recently-played" not in said

        code, said = command("why", "plays", play["account"], at, "--column", "played_at")
        capture = first.capture["executionArn"].rpartition(":")[2]
        assert f"execution capture {capture}" in said
        assert "raw/imports/" not in said

        row = command("why", "import_rows", ident, "1")[1]
        assert "│ outcome: merged" in row
        assert f"plays {play['account']}" in row
    finally:
        assert command("import", "--undo", ident)[0] == 0


def test_figures_of_the_first_runs_lead_to_their_parts(
    stack: Stack, first: FirstRun, command: Command
) -> None:
    capture = first.capture["executionArn"].rpartition(":")[2]
    daily = first.daily["executionArn"].rpartition(":")[2]
    target = stack.lake.target

    new = show.trace(target, "new", [capture], None)
    assert new.facts["new"] == sum(row["new"] for row in first.capture["output"]["accounts"])
    assert len(nodes(new, "raw object")) >= 1
    charts = show.trace(target, "charts", [daily], None)
    assert charts.facts["rows"] == len(stack.rows)
    assert all(nodes(each, "raw object") for each in charts.because if each.what == "chart")
    size = show.trace(target, "chart_entries", [], None)
    assert size.facts["rows"] >= len(stack.rows)

    code, said = command("runs", daily)
    assert code == 0
    assert f"done with {len(stack.rows):,} rows" in said
    assert "Console" not in said
    code, said = command("logs", "extract", "--run", daily)
    assert code == 0
    assert said.count("Extract extracted") >= len({row["country"] for row in stack.rows})
    assert command("runs")[0] == 0
