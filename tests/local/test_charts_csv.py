"""The world of a charts CSV: what goes in comes out over HTTP; what is wrong is refused."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.spotify.charts_csv import charts_world
from local.spotify.clock import Clock, parse_instant
from local.spotify.control import Control
from local.spotify.settings import Settings
from local.spotify.world import World, WorldError
from tests.local.helpers import COLUMNS, FEATURES, REAL_CHARTS, Api, row, small_rows, write_csv

WHOLE = {"key", "mode", "time_signature"}


def _compare(api: Api, rows: list[dict[str, str]]) -> None:
    """Every row's every value, read back as a client would."""
    by_place = {(r["country"] or "GLOBAL", int(r["daily_rank"])): r for r in rows}
    seen = set()
    for chart in api.control.world.charts:
        entries = api.json(f"playlists/{chart.playlist_id}")["tracks"]["items"]
        assert len(entries) == 50
        for rank, entry in enumerate(entries, start=1):
            expected = by_place.get((chart.country, rank))
            assert (entry["track"] is None) == (expected is None), (chart.country, rank)
            if expected is not None:
                assert _as_row(entry["track"]) == _of_track(expected), expected
                seen.add((chart.country, rank))
    assert seen == set(by_place)
    _compare_features(api, {r["spotify_id"]: r for r in reversed(rows)})


def _as_row(track: dict[str, Any]) -> dict[str, Any]:
    album = track["album"]
    return {
        "spotify_id": track["id"],
        "name": track["name"],
        "artists": ", ".join(artist["name"] for artist in track["artists"]),
        "popularity": track["popularity"],
        "is_explicit": track["explicit"],
        "duration_ms": track["duration_ms"],
        "album_name": album["name"],
        "album_release_date": album["release_date"],
        "precision": album["release_date_precision"],
    }


def _of_track(expected: dict[str, str]) -> dict[str, Any]:
    release = expected["album_release_date"] or "0000"
    return {
        "spotify_id": expected["spotify_id"],
        "name": expected["name"],
        "artists": expected["artists"],
        "popularity": int(expected["popularity"]),
        "is_explicit": {"True": True, "False": False}[expected["is_explicit"]],
        "duration_ms": int(expected["duration_ms"]),
        "album_name": expected["album_name"],
        "album_release_date": release,
        "precision": {4: "year", 7: "month", 10: "day"}[len(release)],
    }


def _compare_features(api: Api, by_id: dict[str, dict[str, str]]) -> None:
    wanted = sorted(by_id)
    for start in range(0, len(wanted), 100):
        chunk = wanted[start : start + 100]
        answer = api.json("audio-features", ids=",".join(chunk))["audio_features"]
        for spotify_id, features in zip(chunk, answer, strict=True):
            expected = by_id[spotify_id]
            if not expected["tempo"]:
                assert features is None
                continue
            assert features["id"] == spotify_id
            assert features["duration_ms"] == int(expected["duration_ms"])
            assert {name: features[name] for name in FEATURES} == {
                name: (int if name in WHOLE else float)(expected[name]) for name in FEATURES
            }


def test_the_small_file_comes_back(small: Api) -> None:
    _compare(small, small_rows())


def test_the_real_charts_come_back(serve: Callable[..., Api], real_world: World) -> None:
    with REAL_CHARTS.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(real_world.charts) == 72
    assert len(rows) == 3598
    api = serve(real_world)

    _compare(api, rows)

    holes = [
        (chart.country, rank)
        for chart in real_world.charts
        for rank, one in enumerate(
            real_world.chart_page(chart, api.control.clock.today()).places, 1
        )
        if one is None
    ]
    assert len(holes) == 72 * 50 - 3598 == 2
    summary = api.control.requests.summary()["by_endpoint"]
    assert summary == {"api/token": 1, "audio-features": 18, "playlists/{id}": 72}


def test_real_playlist_ids_are_the_folders_own(real_world: World) -> None:
    with (REAL_CHARTS.parent / "top50_playlists.csv").open(encoding="utf-8") as stream:
        known = {r["country_code"]: r["playlist_id"] for r in csv.DictReader(stream)}

    assert {c.country: c.playlist_id for c in real_world.charts}.items() <= known.items()


def test_popularity_is_each_rows_own(small: Api) -> None:
    charts = {c.country: c.playlist_id for c in small.control.world.charts}
    found = {
        country: small.json(f"playlists/{charts[country]}/tracks", offset=offset, limit=1)
        for country, offset in (("NO", 0), ("GLOBAL", 0), ("SE", 49))
    }

    assert {c: page["items"][0]["track"]["popularity"] for c, page in found.items()} == {
        "NO": 81,
        "GLOBAL": 79,
        "SE": 80,
    }
    assert small.json(f"tracks/{1:022d}")["popularity"] == 81  # the first row's


def test_what_the_label_says(small_world: World) -> None:
    label = small_world.label
    assert label.startswith("real charts of 2024-05-06 (small.csv; Kaggle, Top Spotify Songs in ")
    assert "ODC-By 1.0" in label
    assert "made-up listeners" in label
    assert not small_world.made_up
    assert all("ODC-By 1.0" in chart.description for chart in small_world.charts)


def test_derived_ids_do_not_change_between_loads(tmp_path: Path, small_world: World) -> None:
    again = charts_world(write_csv(tmp_path / "other.csv", small_rows()), seed=9)

    assert list(again.catalogue.albums) == list(small_world.catalogue.albums)
    assert list(again.catalogue.artists) == list(small_world.catalogue.artists)
    assert [c.playlist_id for c in again.charts] == [c.playlist_id for c in small_world.charts]


def test_playlist_ids_from_a_folder(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "charts.csv", small_rows())
    folder = tmp_path / "lists"
    folder.mkdir()
    lists = folder / "top50_playlists.csv"
    lists.write_text(f"country_code,country_name,playlist_id\nNO,Norge,{'N' * 22}\n")

    charts = {c.country: c for c in charts_world(path, playlists_dir=folder).charts}
    assert charts["NO"].playlist_id == "N" * 22
    assert charts["NO"].name == "Top 50 - Norge"
    assert charts["SE"].name == "Top 50 - Sweden"
    assert charts["SE"].playlist_id != charts["GLOBAL"].playlist_id

    lists.write_text("country_code,country_name,playlist_id\nNO,Norge,short\n")
    with pytest.raises(WorldError, match=r"top50_playlists\.csv, row 2, .* playlist_id: 'short'"):
        charts_world(path, playlists_dir=folder)


def test_another_day_is_refused(small_world: World) -> None:
    clock = Clock(parse_instant("2024-05-07T00:00:00Z"))
    with pytest.raises(WorldError, match="those of 2024-05-06, so the clock cannot be on"):
        Control(small_world, Settings(), clock=clock)


BAD = {
    "rank not a number": ({"daily_rank": "first"}, "daily_rank: 'first' is not a whole number"),
    "rank 0": ({"daily_rank": "0"}, "daily_rank: '0' is not a whole number from 1 to 50"),
    "rank 51": ({"daily_rank": "51"}, "daily_rank: '51' is not a whole number from 1 to 50"),
    "duplicate rank": (
        {"daily_rank": "1"},
        "daily_rank: rank 1 of NO is already in row 2",
    ),
    "bad date": ({"snapshot_date": "2024-02-30"}, "snapshot_date: '2024-02-30' is not a date"),
    "another day": ({"snapshot_date": "2024-05-07"}, "snapshot_date: '2024-05-07' is another day"),
    "bad release date": (
        {"album_release_date": "2024-13-01"},
        "album_release_date: '2024-13-01' is not a date",
    ),
    "release date in words": ({"album_release_date": "May"}, "album_release_date: 'May' is not"),
    "bad id": ({"spotify_id": "x"}, "spotify_id: 'x' is not 22 base62 characters"),
    "bad country": ({"country": "nor"}, "country: 'nor' is neither"),
    "bad truth": ({"is_explicit": "maybe"}, "is_explicit: 'maybe' is neither True nor False"),
    "bad popularity": ({"popularity": "101"}, "popularity: '101' is not a whole number"),
    "not a number": ({"tempo": "fast"}, "tempo: 'fast' is not a number"),
    "nan": ({"loudness": "nan"}, "loudness: 'nan' is not a number"),
    "out of range": ({"energy": "1.5"}, "energy: '1.5' is not a number from 0 to 1"),
    "half features": ({"valence": ""}, "valence: it is empty although other features are not"),
    "contradiction": (
        {"spotify_id": f"{1:022d}", "tempo": "99.5"},
        "tempo: 99.5 contradicts 146.921 of the same track in row 2",
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), BAD.values(), ids=BAD.keys())
def test_malformed_rows_are_named(tmp_path: Path, changes: dict[str, str], sentence: str) -> None:
    path = write_csv(tmp_path / "bad.csv", [row(1, "NO", 1), {**row(2, "NO", 2), **changes}])
    with pytest.raises(WorldError) as caught:
        charts_world(path)
    assert f"bad.csv, row 3, field {sentence}" in str(caught.value)


@pytest.mark.parametrize("column", ["spotify_id", "daily_rank", "tempo", "country"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    columns = [c for c in COLUMNS if c != column]
    path = write_csv(tmp_path / "bad.csv", [row(1, "NO", 1)], columns)
    with pytest.raises(WorldError, match=rf"bad.csv, row 1, field {column}: the column is missing"):
        charts_world(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "row 1, field spotify_id: the column is missing"),
        (",".join(COLUMNS) + "\n", "row 2, field spotify_id: the file has no rows"),
        (",".join(COLUMNS) + "\nshort\n", "row 2, field country: the row ends before it"),
        (",".join(COLUMNS) + "\n" + "," * 30 + "\n", "row 2, field time_signature: the row has"),
        ("\udcff", "cannot be read"),
    ],
    ids=["empty", "only a header", "short row", "long row", "not UTF-8"],
)
def test_files_that_are_no_charts(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(WorldError) as caught:
        charts_world(path)
    assert str(caught.value).startswith("bad.csv")
    assert sentence in str(caught.value)
