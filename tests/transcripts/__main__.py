"""Write the transcripts in docs/why.md: `make transcripts`.

A lake is deployed to the embedded AWS in a folder of its own; plays are captured, two charts read,
and most of the plays imported as well, as if Spotify's export had told of them.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.home import ROOT
from tests.stack.conftest import free_port

PAGE = ROOT / "docs" / "why.md"
BEGIN, END = "<!-- transcripts -->", "<!-- end of transcripts -->"
NAME = "Streaming_History_Audio_2026_0.json"
COLUMNS = "played_at, uri, track_name, artist_names[1] AS artist, album_name, duration_ms"


class Shell:
    """`./soundlake` on a lake of its own."""

    def __init__(self, home: Path) -> None:
        self._variables = {
            **os.environ,
            "SOUNDLAKE_HOME": str(home),
            "SOUNDLAKE_PORT": str(free_port()),
            "SOUNDLAKE_SPOTIFY_PORT": str(free_port()),
            "SOUNDLAKE_TEST_ENV": "1",
        }

    def say(self, *words: str) -> str:
        """What a command prints; it must end well."""
        done = subprocess.run(
            [str(ROOT / "soundlake"), *words],
            env=self._variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def rows(self, sql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.say("query", "--json", sql))
        return found


@contextmanager
def lake(folder: Path) -> Iterator[Shell]:
    """A lake with plays, two charts, and an import of most of the plays."""
    shell = Shell(folder / "home")
    shell.say("up")
    try:
        shell.say("run", "capture")
        shell.say("run", "daily", "--charts", "NO,SE")
        path = folder / NAME
        plays = shell.rows(f"SELECT {COLUMNS} FROM plays ORDER BY played_at")
        path.write_text(json.dumps([exported(play) for play in plays[:-10]]), encoding="utf-8")
        shell.say("import", str(path))
        yield shell
    finally:
        shell.say("down")


def exported(play: Mapping[str, Any]) -> dict[str, Any]:
    """A play as Spotify's extended history has it: to the second, and heard to the end."""
    return {
        "ts": f"{play['played_at'][:19].replace(' ', 'T')}Z",
        "platform": "android",
        "ms_played": play["duration_ms"],
        "conn_country": "NO",
        "master_metadata_track_name": play["track_name"],
        "master_metadata_album_artist_name": play["artist"],
        "master_metadata_album_album_name": play["album_name"],
        "spotify_track_uri": play["uri"],
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "shuffle": False,
        "skipped": False,
        "offline": False,
        "incognito_mode": False,
    }


def commands(shell: Shell) -> Iterator[tuple[str, ...]]:
    """The commands that the page shows."""
    sql = "SELECT played_at FROM plays WHERE ms_played IS NOT NULL ORDER BY played_at LIMIT 1"
    (play,) = shell.rows(sql)
    at = play["played_at"][:19].replace(" ", "T")
    (entry,) = shell.rows("SELECT max(chart_date) AS day FROM chart_entries WHERE country = 'SE'")
    day = str(entry["day"])[:10]
    (named,) = shell.rows("SELECT min(name) AS name FROM artists WHERE genres IS NOT NULL")
    yield "why", "plays", at
    yield "why", "plays", at, "--column", "counts_half"
    yield "why", "chart_entries", "sweden", day, "7"
    yield "why", "chart_entries", "sweden", day, "99"
    yield "why", "artists", named["name"], "--column", "genres"
    yield "why", "new"
    yield ("runs",)
    yield "runs", "daily"


def main() -> None:
    """Write the page, or with `--print` print what would be written."""
    made = tempfile.TemporaryDirectory(prefix="soundlake-transcripts-")
    with made as folder, lake(Path(folder)) as shell:
        text = "\n".join(transcript(shell, words) for words in commands(shell))
    if "--print" in sys.argv:
        print(text)
        return
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def transcript(shell: Shell, words: tuple[str, ...]) -> str:
    """A command and what it says; one that finds nothing says so on standard error."""
    try:
        said = shell.say(*words)
    except SystemExit as error:
        said = str(error).partition(": ")[2]
    shown = " ".join(f'"{word}"' if " " in word else word for word in words)
    lines = "\n".join(line.rstrip() for line in said.strip("\n").splitlines())
    return f"```console\n$ ./soundlake {shown}\n{lines}\n```\n"


if __name__ == "__main__":
    main()
