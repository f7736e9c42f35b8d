"""Publish and the genres of artists: into the artist's row, and nothing known lost."""

import json
from typing import Any

import pytest
from soundlake.store.answers import GENRES, Answers
from soundlake.store.objects import Bucket, pack
from soundlake.store.raw import Raw

from tests.unit.helpers import (
    MONTH,
    TODAY,
    FakeMusicBrainz,
    FakeSpotify,
    Killed,
    Row,
    Zones,
    artist,
    enrich,
    full_artist,
    keep_raw,
    kept_answers,
    load,
    musicbrainz_artist,
    publish,
    track,
    without,
)

ISRC = "NOABC2600001"
NEW = ("genres_source", "genres_asked", "genres_ask_again")

pytestmark = pytest.mark.usefixtures("musicbrainz", "no_analyses")


@pytest.fixture
def charted(zones: Zones, spotify: FakeSpotify) -> Row:
    """A chart's outcome: its one artist is in the table, and Spotify names no genres."""
    ident = str(artist(1)["id"])
    spotify.artists[ident] = full_artist(1, genres=[])
    outcome = load(zones, [track(1)])
    enrich()
    assert publish(outcome)["status"] == "published"
    return outcome


def row(zones: Zones) -> Row:
    (found,) = zones.rows("artists")
    return found


def keep(zones: Zones, day: str, number: int, **votes: int) -> str:
    """Keep an answer of MusicBrainz about the artist; its key."""
    key = f"raw/genres/musicbrainz/month={day[:7]}/{day}/0-{number:03d}.json.gz"
    keep_raw(zones, key, musicbrainz_artist("Artist 1", **votes))
    zones.change_metadata(key, asked=json.dumps([artist(1)["id"]]))
    return key


def test_genres_go_into_the_row_with_who_told_them_and_all_else_stays(
    zones: Zones, charted: Row, musicbrainz: FakeMusicBrainz
) -> None:
    before = row(zones)
    musicbrainz.knows("Artist 1", ISRC, joik=1, pop=3)
    enrich()

    published = publish(charted)

    after = row(zones)
    assert (published["status"], published["rows"]["artists"]) == ("published", 1)
    assert after["genres"] == ["pop", "joik"]
    assert after["genres_source"] == "musicbrainz"
    assert after["genres_asked"] == [before["detail_raw_key"], *kept_answers(zones, "genres")]
    assert after["genres_ask_again"] is None
    assert without(after, "genres", *NEW) == without(before, "genres", *NEW)


def test_publishing_again_changes_nothing(
    zones: Zones, charted: Row, musicbrainz: FakeMusicBrainz
) -> None:
    musicbrainz.knows("Artist 1", ISRC, pop=1)
    enrich()
    publish(charted)
    before = zones.versions("lake/artists/")

    assert publish(charted)["written"] == 0

    assert zones.versions("lake/artists/") == before


def test_a_row_of_before_there_were_several_sources_is_filled_in(
    zones: Zones, charted: Row, musicbrainz: FakeMusicBrainz
) -> None:
    def older(before: list[Row]) -> list[Row]:
        return [each | dict.fromkeys(NEW) for each in before]

    zones.lake.replace("artists", MONTH, "artists", older)
    musicbrainz.knows("Artist 1", ISRC, pop=1)

    assert enrich()["asked"] == {"genres/musicbrainz": 1}
    publish(charted)

    after = row(zones)
    assert (after["genres"], after["genres_source"]) == (["pop"], "musicbrainz")
    assert after["genres_asked"][0] == after["detail_raw_key"]


def test_spotifys_later_answer_wins_and_takes_nothing_away(
    zones: Zones, spotify: FakeSpotify
) -> None:
    """MusicBrainz had answered before Spotify did, as where the order was another."""
    for genres, expected in (([], ["pop"]), (["rock"], ["rock"])):
        ident = str(artist(1)["id"])
        spotify.artists.pop(ident, None)
        spotify.reply("/v1/artists", 429, {}, {"Retry-After": "7200"})
        charted = load(zones, [track(1)])
        enrich()
        publish(charted)
        keep(zones, TODAY, 1, pop=1)
        publish(charted)
        assert (row(zones)["genres"], row(zones)["detail_raw_key"]) == (["pop"], None)

        spotify.artists[ident] = full_artist(1, genres=genres)
        spotify.pass_time(hours=2)
        enrich()
        publish(charted)

        assert row(zones)["genres"] == expected
        assert row(zones)["popularity"] == 61
        for key in zones.keys(""):
            zones.s3.delete_object(Bucket=zones.bucket.name, Key=key)


def test_of_two_answers_the_first_one_stays(zones: Zones, charted: Row) -> None:
    keys = [keep(zones, TODAY, 1, joik=1), keep(zones, TODAY, 2, pop=1)]

    publish(charted)

    assert row(zones)["genres"] == ["joik"]
    assert row(zones)["genres_asked"][1:] == keys


def test_a_damaged_answer_is_named_and_the_others_are_published(zones: Zones, charted: Row) -> None:
    key = keep(zones, TODAY, 1, pop=1)
    zones.put(key, b"damaged", {"at": "2026-11-21T09:18:00Z", "asked": '["somebody else"]'})
    keep(zones, TODAY, 2, joik=1)

    result = publish(charted)

    assert (result["status"], row(zones)["genres"]) == ("failed", ["joik"])
    assert key in result["error"]


def test_a_damaged_answer_that_another_one_replaces_is_not_named(
    zones: Zones, charted: Row
) -> None:
    zones.damage(keep(zones, TODAY, 1, pop=1))
    keep(zones, TODAY, 2, joik=1)

    assert publish(charted)["status"] == "published"
    assert row(zones)["genres"] == ["joik"]


def test_what_is_none_of_its_answers_is_named(zones: Zones, charted: Row) -> None:
    key = keep(zones, TODAY, 1, pop=1)
    body = pack(json.dumps({"error": "busy"}).encode())
    zones.put(key, body, {"at": "2026-11-21T09:18:00Z", "asked": '["x"]'})

    result = publish(charted)

    assert result["status"] == "failed"
    assert "no genres, recordings or artists" in result["error"]


def test_an_answer_of_last_month_is_published(zones: Zones, charted: Row) -> None:
    keep(zones, "2026-10-31", 1, pop=1)

    publish(charted)

    assert row(zones)["genres"] == ["pop"]


def test_an_answer_is_pending_until_the_row_names_it(
    zones: Zones, charted: Row, musicbrainz: FakeMusicBrainz, monkeypatch: pytest.MonkeyPatch
) -> None:
    musicbrainz.knows("Artist 1", ISRC, pop=1)
    enrich()
    put = Bucket.put

    def dies(self: Bucket, key: str, *args: Any, **options: Any) -> Any:
        if key.startswith("lake/artists/"):
            raise Killed
        return put(self, key, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "put", dies)
        with pytest.raises(Killed):
            publish(charted)
    pending = Answers(GENRES["musicbrainz"], Raw(zones.bucket), zones.lake).pending(MONTH)
    assert pending == kept_answers(zones, "genres")
    publish(charted)

    assert row(zones)["genres"] == ["pop"]
    assert Answers(GENRES["musicbrainz"], Raw(zones.bucket), zones.lake).pending(MONTH) == []
