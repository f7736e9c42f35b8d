"""One chart day through the whole stack, held against the file that it came from."""

import io
import re
from collections import Counter
from datetime import UTC, datetime
from math import ceil
from typing import Any

import pyarrow.parquet as pq
from soundlake.store.schemas import SCHEMAS

from tests.stack.conftest import FEATURES, FirstRun, Stack


def test_both_machines_succeed(first: FirstRun) -> None:
    assert first.capture.get("cause", "") == ""
    assert first.daily.get("cause", "") == ""
    assert (first.capture["status"], first.daily["status"]) == ("SUCCEEDED", "SUCCEEDED")


def test_every_chart_of_the_file_is_loaded_and_no_other(stack: Stack, first: FirstRun) -> None:
    expected = {f"daily-{row['country'] or 'GLOBAL'}" for row in stack.rows}

    charts = {one["chart"]: one["status"] for one in first.daily["output"]["charts"]}

    assert charts == dict.fromkeys(expected, "loaded")
    if stack.real:
        assert (len(expected), len(stack.rows)) == (72, 3598)


def test_chart_entries_equal_the_file(stack: Stack, first: FirstRun) -> None:
    assert first.daily["status"] == "SUCCEEDED"
    expected = Counter(
        (
            row["country"] or "GLOBAL",
            int(row["daily_rank"]),
            row["snapshot_date"],
            row["spotify_id"],
            row["name"],
            row["artists"],
            int(row["popularity"]),
            row["is_explicit"] == "True",
            int(row["duration_ms"]),
            row["album_name"],
            row["album_release_date"],
        )
        for row in stack.rows
    )

    found = Counter(
        (
            row["country"],
            row["position"],
            row["chart_date"].isoformat(),
            row["track_id"],
            row["track_name"],
            ", ".join(row["artist_names"]),
            row["popularity"],
            row["explicit"],
            row["duration_ms"],
            row["album_name"],
            row["album_release_date"],
        )
        for row in _table(stack, "chart_entries")
    )

    assert found == expected


def test_joined_features_equal_the_file(stack: Stack, first: FirstRun) -> None:
    assert first.daily["status"] == "SUCCEEDED"
    columns = ", ".join(f"f.{name}" for name in FEATURES)

    found = stack.ask(
        f"SELECT e.country, e.position, {columns} FROM chart_entries e "
        "JOIN audio_features f ON f.track_id = e.track_id "
        f"WHERE e.chart LIKE 'daily-%' AND e.month = '{stack.date[:7]}'"
    )

    assert {
        (row["country"], row["position"]): [float(row[name]) for name in FEATURES] for row in found
    } == {
        (row["country"] or "GLOBAL", int(row["daily_rank"])): [
            float(row[name]) for name in FEATURES
        ]
        for row in stack.rows
    }
    assert len(found) == len(stack.rows)


def test_spotify_is_asked_the_least_possible(stack: Stack, first: FirstRun) -> None:
    charts = {row["country"] for row in stack.rows}
    tracks = {row["spotify_id"] for row in stack.rows}

    api = {name: count for name, count in first.requests.items() if name != "api/token"}
    detailed = "SELECT count(*) AS n FROM {} WHERE detailed_at IS NOT NULL"
    albums, artists = (
        int(stack.ask(detailed.format(table))[0]["n"]) for table in ("albums", "artists")
    )

    assert api == {
        "me/player/recently-played": 1,
        "playlists/{id}": len(charts),
        "audio-features": ceil(len(tracks) / 100),
        "albums": ceil(albums / 20),
        "artists": ceil(artists / 50),
        "audio-analysis/{id}": 50,
    }
    if stack.real:
        assert (api["playlists/{id}"], api["audio-features"]) == (72, 18)


def test_requests_that_the_machines_report_are_those_that_spotify_counted(
    first: FirstRun,
) -> None:
    output = first.daily["output"]
    parts = [*output["charts"], output["enrich"], *first.capture["output"]["accounts"]]

    reported = sum((Counter(part["requests"]) for part in parts), Counter())

    assert dict(reported) == first.requests


def test_entities_are_those_of_the_charts(stack: Stack, first: FirstRun) -> None:
    rows = first.daily["output"]["publish"]["rows"]

    tracks = {row["spotify_id"] for row in stack.rows}
    assert {row["track_id"] for row in _table(stack, "tracks")} == tracks
    assert rows["tracks"] == len(tracks)
    assert rows["country_profiles"] == len({row["country"] for row in stack.rows})
    albums = {row["album_id"] for row in _table(stack, "albums")}
    assert {row["album_id"] for row in _table(stack, "tracks")} == albums
    artists = {row["artist_id"] for row in _table(stack, "artists")}
    assert {one for row in _table(stack, "tracks") for one in row["artist_ids"]} <= artists


def test_profiles_are_the_means_of_the_file(stack: Stack, first: FirstRun) -> None:
    assert first.daily["status"] == "SUCCEEDED"
    by_country: dict[str, list[dict[str, str]]] = {}
    for row in stack.rows:
        by_country.setdefault(row["country"] or "GLOBAL", []).append(row)

    for profile in _table(stack, "country_profiles"):
        rows = by_country.pop(profile["country"])
        assert profile["tracks"] == profile["tracks_with_features"] == len(rows)
        for name in ("valence", "tempo", "danceability"):
            mean = sum(float(row[name]) for row in rows) / len(rows)
            assert abs(profile[f"{name}_mean"] - mean) < 1e-9
        major = sum(int(row["mode"]) for row in rows) / len(rows)
        assert abs(profile["major_share"] - major) < 1e-9
    assert not by_country


def test_captured_plays_are_what_spotify_shows(stack: Stack, first: FirstRun) -> None:
    (output,) = first.capture["output"]["accounts"]

    plays = _table(stack, "plays")

    assert (output["page"], output["new"], output["known"]) == (len(plays), len(plays), 0)
    listener = stack.lake.facts.listeners[0]["id"]
    truth = stack.spotify("GET", f"plays?listener={listener}")["plays"]
    by_time = {one["played_at_ms"]: one["track_id"] for one in truth}
    assert {_ms(play["played_at"]): play["track_id"] for play in plays}.items() <= by_time.items()
    (attempt,) = _table(stack, "captures")
    assert (attempt["outcome"], attempt["new"]) == ("captured", len(plays))


def test_every_object_lies_under_exactly_one_table_and_has_its_schema(
    stack: Stack, first: FirstRun
) -> None:
    assert first.daily["status"] == "SUCCEEDED"
    tables = stack.lake.target.glue.get_tables(DatabaseName=stack.lake.target.output("Database"))
    projected = {
        one["Name"]: re.escape(one["Parameters"]["storage.location.template"]).replace(
            re.escape("${month}"), r"\d{4}-\d{2}"
        )
        for one in tables["TableList"]
    }
    assert set(projected) == set(SCHEMAS)

    for key in stack.objects():
        uri = f"s3://{stack.bucket}/{key}"
        owners = [name for name, where in projected.items() if re.match(where, uri)]
        assert len(owners) == 1, key
        found = pq.read_schema(io.BytesIO(stack.body(key)))
        assert found.equals(SCHEMAS[owners[0]]), key


def test_a_rerun_leaves_every_lake_object_as_it_was(stack: Stack, first: FirstRun) -> None:
    assert first.daily["status"] == "SUCCEEDED"
    before = stack.objects()
    bodies = {key: stack.body(key) for key in before}
    stack.spotify("DELETE", "requests")

    again = stack.run("daily", {"date": stack.date})

    assert again["status"] == "SUCCEEDED"
    assert stack.objects() == before
    assert {key: stack.body(key) for key in before} == bodies
    assert stack.spotify("GET", "requests")["total"] == 0


def test_capturing_again_adds_an_attempt_and_what_is_new_alone(
    stack: Stack, first: FirstRun
) -> None:
    assert first.capture["status"] == "SUCCEEDED"
    plays = len(_table(stack, "plays"))

    again = stack.run("capture", {"scheduled_time": f"{stack.date}T23:59:00Z"})

    assert again["status"] == "SUCCEEDED"
    (output,) = again["output"]["accounts"]
    assert output["new"] + output["known"] == output["page"]
    assert len(_table(stack, "plays")) == plays + output["new"]


def test_the_saved_queries_answer(stack: Stack, first: FirstRun) -> None:
    assert first.daily["status"] == "SUCCEEDED"
    athena = stack.lake.target.athena
    ids = athena.list_named_queries(WorkGroup=stack.lake.target.output("WorkGroup"))
    saved = [athena.get_named_query(NamedQueryId=one) for one in ids["NamedQueryIds"]]
    answers = {
        one["NamedQuery"]["Name"]: stack.ask(one["NamedQuery"]["QueryString"]) for one in saved
    }

    top = answers["top-tracks"]
    points = Counter[str]()
    for row in stack.rows:
        if row["country"] not in {"", "GLOBAL"}:
            points[row["spotify_id"]] += 51 - int(row["daily_rank"])
    assert [row["points"] for row in top] == [count for _, count in points.most_common(10)]
    moods = [row["valence"] for row in answers["happiest-and-saddest"]]
    assert moods == sorted(moods, reverse=True)
    assert len(moods) == min(10, len({row["country"] for row in stack.rows} - {"", "GLOBAL"}))
    (play,) = answers["play-with-features"]
    assert play["track"]
    assert 0 <= play["valence"] <= 1


def _table(stack: Stack, table: str) -> list[dict[str, Any]]:
    keys = [key for key in stack.objects() if key.startswith(f"lake/{table}/")]
    tables = [pq.read_table(io.BytesIO(stack.body(key))) for key in keys]
    return [row for table in tables for row in table.to_pylist()]


def _ms(value: datetime) -> int:
    return round(value.replace(tzinfo=UTC).timestamp() * 1000)
