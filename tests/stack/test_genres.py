"""Genres of artists of whom Spotify names none, on the whole stack."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pyarrow.parquet as pq
import pytest

from local.musicbrainz.app import genres, has_isrc, has_namesake, knows
from local.spotify.charts_csv import charts_world
from local.spotify.world import Artist, Catalogue
from tests.stack import trials
from tests.stack.conftest import REAL_DAY, Stack, made_up_day
from tests.stack.gate import Gate, Kill
from tests.stack.trials import Trial

ZONES = ("lake/", "raw/")
EVERYTHING = "^/musicbrainz/"


@pytest.fixture(scope="module")
def catalogue(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """What is known in the stack's world."""
    day = REAL_DAY if stack.real else made_up_day(tmp_path_factory.mktemp("day") / "day.csv")
    return charts_world(day).catalogue


@pytest.fixture(scope="module", autouse=True)
def both_sources(stack: Stack, gate: Gate) -> Iterator[None]:
    with trials.told(stack.lake.target, GENRE_SOURCES="spotify,musicbrainz"):
        yield


def met(trial: Trial) -> None:
    """The run that meets the artists."""
    run = trial.run("daily")
    assert (run["status"], run["output"]["enrich"]["notes"]) == ("SUCCEEDED", [])
    trial.stack.spotify("DELETE", "requests")


def by_name(trial: Trial) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in trial.rows("artists")}


def voted(artist: Artist) -> list[str]:
    return [name for name, _ in sorted(genres(artist).items(), key=lambda one: (-one[1], one[0]))]


@pytest.fixture(scope="module")
def undisturbed(stack: Stack, gate: Gate) -> dict[str, bytes]:
    """What two runs leave that nobody disturbs."""
    trial = trials.trial(stack, gate)
    met(trial)
    assert trial.run("daily")["status"] == "SUCCEEDED"
    return trial.objects(*ZONES)


def test_who_has_no_genres_of_spotify_gets_musicbrainz(trial: Trial, catalogue: Catalogue) -> None:
    met(trial)
    before = by_name(trial)

    run = trial.run("daily")

    assert (run["status"], run["output"]["enrich"]["notes"]) == ("SUCCEEDED", [])
    after = by_name(trial)
    silent = {name for name, row in before.items() if not row["genres"]}
    assert {name: after[name] for name in after.keys() - silent} == {
        name: before[name] for name in before.keys() - silent
    }
    assert {row["genres_source"] for name, row in before.items() if name not in silent} == {
        "spotify"
    }
    artists = {one.name: one for one in catalogue.artists.values()}
    found = {name for name in silent if after[name]["genres_source"] == "musicbrainz"}
    assert found
    for name in found:
        assert after[name]["genres"] == voted(artists[name])
        assert after[name]["genres_ask_again"] is None
    for name in silent - found:
        assert (after[name]["genres"], after[name]["genres_source"]) == ([], None)
        assert after[name]["genres_ask_again"] is not None
        # Unknown there, without votes, or of a name that others have too.
        assert not knows(artists[name]) or not voted(artists[name]) or has_namesake(artists[name])
    asked = trial.requests()
    assert asked == run["output"]["enrich"]["requests"]
    assert set(asked) == {"musicbrainz/isrc/{id}", "musicbrainz/artist", "musicbrainz/artist/{id}"}
    tracks = [catalogue.tracks[row["track_id"]] for row in trial.rows("tracks")]
    by_isrc = sum(1 for one in tracks if has_isrc(one, catalogue.artists))
    assert 0 < asked["musicbrainz/isrc/{id}"] <= len(silent)
    assert by_isrc > 0
    assert sum(asked.values()) <= 3 * len(silent)
    trial.check_raw()


def test_what_was_told_is_asked_and_written_no_second_time(trial: Trial) -> None:
    met(trial)
    assert trial.run("daily")["status"] == "SUCCEEDED"
    before = trial.objects("lake/artists/", "raw/genres/")
    trial.stack.spotify("DELETE", "requests")

    assert trial.run("daily")["status"] == "SUCCEEDED"

    assert trial.requests() == {}
    assert trial.objects("lake/artists/", "raw/genres/") == before


@pytest.mark.parametrize(
    ("fault", "note"),
    [
        ({"kind": "500"}, "MusicBrainz answered 500"),
        # No longer, or all tests after this one would be held too.
        ({"kind": "503", "retry_after": 300}, "MusicBrainz's rate limit: wait 300 s"),
        ({"kind": "one_a_second"}, "MusicBrainz's rate limit: wait 30 s"),
        ({"kind": "html"}, "the answer is not JSON"),
        ({"kind": "error_inside"}, "MusicBrainz' ISRC: isrc: field required"),
        ({"kind": "renamed_fields", "fields": ["genres"]}, "artist: genres: field required"),
    ],
    ids=lambda value: str(value["kind"]) if isinstance(value, dict) else "",
)
def test_whatever_musicbrainz_does_the_run_goes_well_and_loses_nothing(
    fault: dict[str, Any], note: str, trial: Trial
) -> None:
    met(trial)
    before = by_name(trial)
    trial.stack.spotify("POST", "faults", json={"path": EVERYTHING, **fault})

    run = trial.run("daily")

    assert run["status"] == "SUCCEEDED", run["cause"]
    notes = run["output"]["enrich"]["notes"]
    assert [each for each in notes if note in each]
    after = by_name(trial)
    assert {name: row for name, row in after.items() if row["genres_source"] == "spotify"} == {
        name: row for name, row in before.items() if row["genres_source"] == "spotify"
    }
    assert "musicbrainz" not in {row["genres_source"] for row in after.values()}


def test_killed_in_mid_write_it_is_as_if_nothing_had_been(
    trial: Trial, undisturbed: dict[str, bytes]
) -> None:
    met(trial)
    kills = [
        Kill("enrich", "amid", r"raw/genres/musicbrainz/.*\.gz$"),
        Kill("publish", "amid", "lake/artists/"),
    ]
    trial.kill(*kills)

    run = trial.run("daily")

    assert run["status"] == "SUCCEEDED", run["cause"]
    assert [kill.killed for kill in kills] == [1] * len(kills)
    after = trial.objects(*ZONES)
    tables = {key: body for key, body in after.items() if key.startswith("lake/")}
    assert tables.keys() == {key for key in undisturbed if key.startswith("lake/")}
    assert genres_of(after) == genres_of(undisturbed)
    trial.check_raw()


def genres_of(objects: dict[str, bytes]) -> list[tuple[Any, ...]]:
    """Each artist's genres, whoever told them."""
    rows = [
        row
        for key, body in sorted(objects.items())
        if key.startswith("lake/artists/")
        for row in pq.read_table(BytesIO(body)).to_pylist()
    ]
    return [(row["artist_id"], row["genres"], row["genres_source"]) for row in rows]
