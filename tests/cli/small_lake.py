"""A lake of a few rows in every table: S3 in moto, and DuckDB, one process of it, for Athena."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import ClientError
from soundlake.store.objects import pack
from soundlake.store.schemas import SCHEMAS

from cli.athena import Column, Result
from cli.target import MACHINES, Target
from local.aws.service import PYTHON
from tests.template.duck import view

from .conftest import stack_of_tables

ACCOUNT = "a12345678901"
BUCKET = "the-data"
REGION = "eu-north-1"
ARN = "arn:aws:states:eu-north-1:123456789012"
TRACK, OTHER = f"{1:022d}", f"{2:022d}"
ALBUM, ARTIST = f"{3:022d}", f"{4:022d}"
URI = f"spotify:track:{TRACK}"
DAY, MONTH = "2026-11-21", "2026-11"
AT = "2026-11-21T09:18:03.120"
ANSWERED = "2026-11-21T09:20:02"
PAGE = f"raw/recently-played/{ACCOUNT}/month={MONTH}/20261121T092000000Z_run-1-2.json.gz"
FAILED_AT = "2026-11-21T10:20:00"
IMPORT = "0123456789abcdef"
PREFIX = f"raw/imports/{ACCOUNT}/{IMPORT}/"
FILE = f"{PREFIX}0001.parquet"
CHART = f"raw/charts/spotify/daily-SE/{DAY}/001/page-01.json.gz"
FEATURES = f"raw/audio-features/reccobeats/month={MONTH}/{DAY}/aa-001.json.gz"
ANALYSIS = f"raw/audio-analysis/spotify/month={MONTH}/{DAY}/bb-001.json.gz"
DETAILS = f"raw/artists/spotify/month={MONTH}/{DAY}/cc-001.json.gz"
ALBUMS = f"raw/albums/spotify/month={MONTH}/{DAY}/dd-001.json.gz"
GENRES = f"raw/genres/musicbrainz/month={MONTH}/{DAY}/ee-001.json.gz"
SEARCH = f"raw/names/spotify/month={MONTH}/{DAY}/ff-001.json.gz"

Row = dict[str, Any]

_WORKER = """
import json, sys, duckdb
connection = duckdb.connect()
for line in sys.stdin:
    try:
        answer = connection.execute(json.loads(line))
        columns = [[c[0], str(c[1])] for c in answer.description]
        rows = [[None if v is None else str(v) for v in row] for row in answer.fetchall()]
        print(json.dumps({"columns": columns, "rows": rows}), flush=True)
    except duckdb.Error as error:
        print(json.dumps({"error": str(error)}), flush=True)
"""
_TYPES = {"VARCHAR": "varchar", "BIGINT": "bigint", "INTEGER": "integer", "DOUBLE": "double"}


class Duck:
    """Athena, as far as it goes: the views of a lake's tables, in a process of their own."""

    def __init__(self, folder: Path, tables: Mapping[str, Sequence[Row]]) -> None:
        self.asked: list[str] = []
        self._process = subprocess.Popen(
            [str(PYTHON), "-I", "-c", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for table, rows in tables.items():
            self._answer(view(folder, table, rows))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def _answer(self, sql: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(sql) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, (sql, answer)
        return answer

    def run(self, _: Target, sql: str, database: str | None = None) -> Result:
        """A query's answer, with types and lists as Athena writes them."""
        self.asked.append(sql)
        answer = self._answer(sql)
        columns = [
            Column(name, _TYPES.get(kind, "array" if kind.endswith("[]") else kind.lower()))
            for name, kind in answer["columns"]
        ]
        rows = [
            [_listed(column, value) for column, value in zip(columns, row, strict=True)]
            for row in answer["rows"]
        ]
        return Result(columns, rows)


def _listed(column: Column, value: str | None) -> str | None:
    """`[a, b]`, where Python writes `['a', 'b']`."""
    return value.replace("'", "") if value and column.type == "array" else value


class FakeStates:
    """Step Functions: a run of each machine that has gone for an hour, and goes on."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self.span = {"startDate": now - timedelta(hours=1), "stopDate": now + timedelta(hours=1)}
        self.runs = {"capture": ["run-1"], "daily": ["run-d"], "import": ["run-i"], "audit": []}
        self.histories: dict[str, list[Row]] = {}

    def _described(self, machine: str, name: str) -> Row:
        arn = f"{ARN}:execution:{machine}:{name}"
        return {"executionArn": arn, "status": "SUCCEEDED", **self.span}

    def list_executions(self, stateMachineArn: str, **_: Any) -> Row:  # noqa: N803
        machine = stateMachineArn.rpartition(":")[2]
        return {"executions": [self._described(machine, name) for name in self.runs[machine]]}

    def get_paginator(self, name: str) -> Any:
        assert name == "list_executions"
        states = self

        class Pages:
            def paginate(self, **request: Any) -> list[Row]:
                return [states.list_executions(**request)]

        return Pages()

    def describe_execution(self, executionArn: str) -> Row:  # noqa: N803
        machine, name = executionArn.split(":")[-2:]
        if name not in self.runs[machine]:
            error: Any = {"Error": {"Code": "ExecutionDoesNotExist", "Message": "No."}}
            raise ClientError(error, "DescribeExecution")
        return self._described(machine, name)

    def get_execution_history(self, executionArn: str, **_: Any) -> Row:  # noqa: N803
        name = executionArn.rpartition(":")[2]
        return {"events": self.histories.get(name, [])[::-1]}


class FakeFunctions:
    """Lambda: Derive tells the one play of two observations."""

    def __init__(self) -> None:
        self.given: list[Row] = []
        self.answer: Any = {
            "status": "explained",
            "play": {"account": ACCOUNT, "played_at": f"{AT}Z", "uri": URI},
            "observations": [
                {
                    **{"source": "spotify_extended", "time": "2026-11-21T09:18:03.000Z"},
                    **{"time_meaning": "end", "time_precision": "s", "ms_played": 170_000},
                    **{"raw_keys": [FILE], "raw_rows": [7], "gives": ["ms_played", "ended_at"]},
                },
                {
                    **{"source": "spotify_recently_played", "time": f"{AT}Z", "uri": URI},
                    **{"time_meaning": "unknown", "time_precision": "ms"},
                    **{"raw_keys": [PAGE], "gives": ["uri", "played_at"]},
                },
            ],
            "follows": {"counts_half": ["ms_played", "duration_ms"], "track_id": ["uri"]},
        }

    def invoke(self, FunctionName: str, Payload: bytes) -> Row:  # noqa: N803
        assert FunctionName == "the-derive"
        self.given.append(json.loads(Payload)["why"])
        answer, text = self.answer, json.dumps(self.answer).encode()

        class Body:
            def read(self) -> bytes:
                return text

        return {"Payload": Body()} | ({"FunctionError": "Unhandled"} if answer is None else {})


TABLES: dict[str, list[Row]] = {
    "observations": [
        {
            **{"account": ACCOUNT, "source": "spotify_recently_played", "time": AT, "uri": URI},
            **{"time_meaning": "unknown", "time_precision": "ms", "raw_keys": [PAGE]},
        }
    ],
    "plays": [
        {
            **{"account": ACCOUNT, "played_at": AT, "uri": URI, "track_id": TRACK},
            **{"track_name": "A title", "artist_names": ["One", "Two"], "album_id": ALBUM},
            **{"ms_played": 170_000, "duration_ms": 200_000, "evidence": [FILE, PAGE]},
            **{"local_time": "2026-11-21T10:18:03.120", "counts_half": True, "flags": []},
        }
    ],
    "captures": [
        {
            **{"account": ACCOUNT, "capture_id": "run-1-2", "captured_at": "2026-11-21T09:20:00"},
            **{"observed_at": ANSWERED, "outcome": "captured", "page": 50, "new": 50, "late": 0},
            **{"raw_key": PAGE, "oldest": "2026-11-21T07:00:00", "newest": AT},
        },
        {
            **{"account": ACCOUNT, "capture_id": "run-1", "captured_at": FAILED_AT, "new": 0},
            **{"outcome": "unreachable", "error": "Spotify does not answer."},
        },
    ],
    "gaps": [
        {
            **{"account": ACCOUNT, "from_time": AT, "to_time": "2026-11-21T11:00:00"},
            **{"reason": "unreachable", "found_at": FAILED_AT, "closed_by": PREFIX},
        }
    ],
    "account_days": [
        {"account": ACCOUNT, "day": DAY, "certainty": "gap", "plays": 1, "reached_by": PAGE}
    ],
    "imports": [
        {
            **{"account": ACCOUNT, "import_id": IMPORT, "imported_at": "2026-11-22T08:00:00"},
            **{"status": "imported", "kind": "spotify_extended", "name": "my_spotify_data.zip"},
            **{"sha256": f"{IMPORT:0<64}", "rows": 3, "merged": 1, "invalid": 1, "duplicate": 1},
            **{"from_time": "2026-01-01T00:00:00", "to_time": "2026-11-22T00:00:00"},
            **{"raw_prefix": PREFIX, "problems": []},
        }
    ],
    "import_rows": [
        {
            **{"account": ACCOUNT, "import_id": IMPORT, "file": "endsong_0.json", "row": 7},
            **{"outcome": "merged", "played_at": AT, "uri": URI, "raw_key": FILE},
        },
        {
            **{"account": ACCOUNT, "import_id": IMPORT, "file": "endsong_0.json", "row": 8},
            **{"outcome": "duplicate", "played_at": AT, "uri": URI, "raw_key": FILE},
            **{"of_raw_key": FILE, "of_row": 7},
        },
        {
            **{"account": ACCOUNT, "import_id": IMPORT, "file": "endsong_0.json", "row": 9},
            **{"outcome": "invalid", "reason": "It has no time.", "raw_key": FILE},
        },
    ],
    "chart_entries": [
        {
            **{"chart": "daily-SE", "country": "SE", "chart_date": DAY, "position": position},
            **{"track_id": ident, "track_name": "A title", "provider": "spotify"},
            **{"album_id": ALBUM, "artist_ids": [ARTIST]},
            **{"observed_at": ANSWERED, "raw_key": CHART},
        }
        for position, ident in ((1, TRACK), (2, OTHER), (7, TRACK))
    ],
    "tracks": [
        {
            **{"track_id": TRACK, "uri": URI, "name": "A title", "album_id": ALBUM},
            **{
                "source": "spotify",
                "fetched_at": ANSWERED,
                "popularity": 61,
                "duration_ms": 200_000,
            },
        }
    ],
    "track_names": [
        {
            **{"name_key": "one / a title", "track_id": TRACK, "matched_by": "search"},
            **{"certainty": 0.95, "asked_at": ANSWERED, "raw_key": SEARCH, "asked": [SEARCH]},
        }
    ],
    "albums": [
        {
            **{"album_id": ALBUM, "name": "An album", "source": "spotify", "fetched_at": ANSWERED},
            **{"label": "A label", "detailed_at": ANSWERED, "detail_raw_key": ALBUMS},
        }
    ],
    "artists": [
        {
            **{"artist_id": ARTIST, "name": "It's One", "source": "spotify"},
            **{"fetched_at": ANSWERED, "followers": 9, "genres": ["pop"]},
            **{"detailed_at": ANSWERED, "detail_raw_key": DETAILS},
            **{"genres_source": "musicbrainz", "genres_asked": [DETAILS, GENRES]},
        }
    ],
    "audio_features": [
        {
            **{"track_id": TRACK, "valence": 0.25, "mode": 1, "duration_ms": 200_500},
            **{"source": "reccobeats", "fetched_at": ANSWERED, "raw_key": FEATURES},
            **{"asked": [FEATURES]},
        }
    ],
    "track_sections": [
        {
            **{"track_id": TRACK, "sections": 8, "source": "spotify", "raw_key": ANALYSIS},
            **{"fetched_at": ANSWERED, "loudness_sequence": [-8.0, -7.5]},
        }
    ],
    "track_segments": [
        {
            **{"track_id": TRACK, "segments": [], "source": "spotify", "raw_key": ANALYSIS},
            **{"fetched_at": ANSWERED},
        }
    ],
    "music_activity": [
        {
            **{"account": ACCOUNT, "played_at": "2026-11-21 09:18", "track_id": TRACK},
            **{"track_name": "A title", "popularity": 61, "duration": 200.5, "valence": 0.25},
        }
    ],
    "country_profiles": [
        {
            **{"chart": "daily-SE", "country": "SE", "chart_date": DAY, "tracks": 3},
            **{"tracks_with_features": 2, "valence_mean": 0.25},
        }
    ],
    "chart_days": [
        {"chart": "daily-SE", "country": "SE", "chart_date": DAY, "status": "loaded", "rows": 3}
    ],
    "data_quality": [
        {
            **{"chart": "daily-SE", "country": "SE", "chart_date": DAY, "severity": "warning"},
            **{"expectation": "artist_named", "about": "7", "evidence": "Position 7 has none."},
            **{"consequence": "published", "observed_at": ANSWERED, "raw_key": CHART},
        }
    ],
}


def raw_objects() -> dict[str, tuple[bytes, dict[str, str]]]:
    """What the raw zone has, with its metadata."""
    at = {"at": f"{ANSWERED}.000Z"}
    shown = {"items": [{"track": {"id": TRACK, "album": {"id": ALBUM}}}, {"artist": ARTIST}]}
    found = {
        PAGE: (shown, {"request": "/v1/me/player/recently-played?limit=50"}),
        CHART: (shown, {"request": "/v1/playlists/abc"}),
    }
    for key in (FEATURES, ANALYSIS, DETAILS, ALBUMS, GENRES, SEARCH):
        about = {"request": f"/v1/{key.split('/')[1]}?ids=x", "asked": json.dumps([TRACK])}
        found[key] = ({"some": "answer"}, about)
    kept = {
        key: (pack(json.dumps(body).encode()), at | more) for key, (body, more) in found.items()
    }
    kept[FILE] = (b"PAR1 and more PAR1", {})
    kept[f"{PREFIX}001-begun.json"] = (b'{"at": "2026-11-22T08:00:00.000Z"}', {})
    return kept


def small_lake() -> Target:
    """The stack: moto is on. Athena is to be replaced by a `Duck`."""
    assert {*TABLES} == {*SCHEMAS}
    stack = stack_of_tables(
        {
            "DataBucket": BUCKET,
            **{f"{name.title()}StateMachineArn": f"{ARN}:stateMachine:{name}" for name in MACHINES},
        }
    )
    where: Any = {"LocationConstraint": REGION}
    stack.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    put_objects(stack)
    return stack


def put_objects(stack: Target) -> None:
    """Put every object of the lake."""
    for key, (body, metadata) in raw_objects().items():
        stack.s3.put_object(Bucket=BUCKET, Key=key, Body=body, Metadata=metadata)
    for table in TABLES:
        key = f"lake/{table}/month={MONTH}/{table}.parquet"
        stack.s3.put_object(Bucket=BUCKET, Key=key, Body=b"PAR1")
