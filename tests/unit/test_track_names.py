"""Plays that only name their track: the lake's own tracks first, then Spotify's search."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pytest
from soundlake import asking
from soundlake.abilities import Ability
from soundlake.names import name_key
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.names import LakeNames
from soundlake.store.queue import QueueStore
from soundlake.track_names import search_rows

from tests.unit.helpers import (
    ACCOUNT,
    MONTH,
    NOW,
    TODAY,
    FakeSpotify,
    Row,
    Zones,
    artist,
    enrich,
    features_of,
    full_album,
    full_artist,
    kept_answers,
    load,
    publish,
    spend_quota,
    track,
    track_id,
)

pytestmark = pytest.mark.usefixtures("no_analyses")

AT = datetime(2026, 11, 1, 12)  # noqa: DTZ001 - as tables keep times
NAMES = f"raw/names/spotify/month={MONTH}/{TODAY}/"


def said(artists: Sequence[str], title: str, album: str | None = None) -> Row:
    """A play as an import leaves it that knows no ids."""
    return {
        "account": ACCOUNT,
        "uri": None,
        "track_id": None,
        "track_name": title,
        "artist_names": list(artists),
        "album_name": album,
        "name_key": name_key(artists[0], title),
        "sources": ["lastfm"],
        "evidence": ["raw/imports/made-up"],
    }


def hear(zones: Zones, *plays: Row, month: str = MONTH) -> None:
    """Put these plays, a minute apart, in the place of a month's."""
    rows = [
        {**play, "played_at": AT.replace(year=int(month[:4]), month=int(month[5:]), minute=minute)}
        for minute, play in enumerate(plays)
    ]
    zones.lake.replace("plays", month, ACCOUNT, lambda _: rows)


def observe(zones: Zones, artists: Sequence[str], title: str, isrc: str) -> None:
    """An observation that names an ISRC."""
    row = {"account": ACCOUNT, "source": "listenbrainz", "time": AT, "isrc": isrc}
    names = {"track_name": title, "artist_names": list(artists)}
    zones.lake.replace("observations", MONTH, ACCOUNT, lambda before: [*before, row | names])


def know(spotify: FakeSpotify, *numbers: int) -> None:
    for number in numbers:
        spotify.tracks[track_id(number)] = track(number)
        spotify.features[track_id(number)] = features_of(track_id(number))
        spotify.albums[track(number)["album"]["id"]] = full_album(number)
        spotify.artists[artist(number)["id"]] = full_artist(number)


def query(number: int) -> str:
    return f'track:"track {number}" artist:"artist {number}"'


def table(zones: Zones) -> dict[str, Row]:
    return {row["name_key"]: row for row in zones.rows("track_names")}


def told(row: Row) -> tuple[Any, ...]:
    return row["track_id"], row["matched_by"], row["certainty"], row["candidates"]


def run(day: str = TODAY) -> tuple[Row, Row]:
    return enrich(day), publish(day=day)


# The lake first.


def test_a_track_of_the_lake_is_found_without_a_request(zones: Zones, spotify: FakeSpotify) -> None:
    load(zones, [track(1), track(2)])
    run()
    hear(zones, said(["ARTIST 1"], "Track 1 - Remastered 2011"))

    enriched, published = run()

    assert (enriched["status"], published["status"]) == ("enriched", "published")
    assert spotify.searched == []
    row = table(zones)["artist 1 / track 1"]
    assert told(row) == (track_id(1), "lake", 0.95, 1)
    assert (row["asked"], row["ask_again"], row["raw_key"], row["asked_at"]) == ([], *[None] * 3)
    assert row["spellings"] == ["ARTIST 1 \u2013 Track 1 - Remastered 2011"]
    (activity,) = zones.rows("music_activity", name=ACCOUNT)
    assert (activity["track_id"], activity["popularity"]) == (track_id(1), 50)
    assert zones.rows("plays", name=ACCOUNT)[0]["track_id"] is None  # they say what was observed


def test_a_play_with_its_id_tells_a_play_without(zones: Zones, spotify: FakeSpotify) -> None:
    known = said(["Artist 1"], "Track 1") | {"track_id": track_id(1), "name_key": None}
    hear(zones, known | {"uri": f"spotify:track:{track_id(1)}"}, month="2020-02")
    hear(zones, said(["Artist 1"], "Track 1"), said(["Artist 2"], "Track 2"))

    run()

    assert spotify.searched == [query(2)]
    assert table(zones)["artist 1 / track 1"]["track_id"] == track_id(1)


def test_a_chart_file_tells_too(zones: Zones, spotify: FakeSpotify) -> None:
    entry = {
        "chart": "daily-NO",
        "country": "NO",
        "chart_date": date(2026, 11, 20),
        "position": 1,
        "track_id": track_id(1),
        "track_name": "Track 1",
        "artist_credit": "Artist 1, Artist 2",
        "raw_key": "raw/charts/files/made-up",
    }
    zones.lake.replace("chart_entries", MONTH, "daily-NO", lambda _: [entry])
    hear(zones, said(["Artist 1 & Artist 2"], "Track 1"))

    run()

    assert spotify.searched == []
    assert told(table(zones)["artist 1 / track 1"])[:2] == (track_id(1), "lake")


def test_an_isrc_is_found_in_the_lake_whatever_the_title(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, 1)
    load(zones, [track(1)])
    run()
    hear(zones, said(["Artist 1"], "Another title"))
    observe(zones, ["Artist 1"], "Another title", "noabc2600001")

    run()

    assert spotify.searched == []
    assert told(table(zones)["artist 1 / another title"]) == (track_id(1), "isrc", 1.0, 1)


# Then Spotify's search.


def test_what_the_lake_does_not_have_is_searched_for_once(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, 1)
    spotify.found[query(1)] = [track(1)]
    hear(zones, said(["Artist 1"], "Track 1", "Album 1"))

    enriched, published = run()
    again, _ = run()

    assert enriched["asked"] == {"names": 1}
    assert enriched["requests"] == {"api/token": 1, "search": 1}
    assert spotify.searched == [query(1)]
    row = table(zones)["artist 1 / track 1"]
    assert told(row) == (track_id(1), "search", 0.98, 1)
    assert [row["raw_key"]] == row["asked"] == kept_answers(zones, "names")
    assert row["raw_key"].startswith(NAMES)
    assert (row["asked_at"], row["ask_again"]) == (NOW.replace(tzinfo=None), None)
    # The search has shown the track whole, so only what it left out is looked up.
    assert published["rows"]["tracks"] == published["rows"]["track_names"] == 1
    assert again["asked"] == {"audio-features": 1, "artists": 1, "albums": 1}
    assert not any("/tracks" in each for each in spotify.asked)
    (activity,) = zones.rows("music_activity", name=ACCOUNT)
    assert (activity["track_id"], activity["tempo"]) == (
        track_id(1),
        features_of(track_id(1))["tempo"],
    )


def test_the_most_played_come_first_and_no_more_than_are_drawn(
    zones: Zones, spotify: FakeSpotify
) -> None:
    plays = [said([f"Artist {n}"], f"Track {n}") for n in (3, 1, 2, 1, 2, 1)]
    hear(zones, *plays)
    asking.found(Ability.CHARTS, allowed=False, evidence="made up")
    spend_quota(100, of=103)

    enriched, _ = run()

    assert spotify.searched == [query(1), query(2)]
    assert enriched["left"] == {"track_names": 1}


def test_what_is_not_found_is_asked_for_again_after_180_days(
    zones: Zones, spotify: FakeSpotify
) -> None:
    hear(zones, said(["Artist 1"], "Track 1"))

    run()
    run()

    row = table(zones)["artist 1 / track 1"]
    assert told(row) == (None, None, None, 0)
    assert row["ask_again"] == date(2027, 5, 20)
    spotify.pass_time(days=179)
    run("2027-05-19")
    assert spotify.searched == [query(1)]
    spotify.found[query(1)] = [track(1)]
    spotify.pass_time(days=1)
    run("2027-05-20")
    assert spotify.searched == [query(1)] * 2
    row = table(zones)["artist 1 / track 1"]
    assert told(row) == (track_id(1), "search", 0.95, 1)
    assert (len(row["asked"]), row["ask_again"]) == (2, None)
    assert [each.partition("month=")[2][:7] for each in zones.keys("lake/track_names/")] == [MONTH]


def test_of_an_isrc_that_is_not_found_the_names_are_asked_for_next(
    zones: Zones, spotify: FakeSpotify
) -> None:
    spotify.found[query(1)] = [track(1)]
    hear(zones, said(["Artist 1"], "Track 1"))
    observe(zones, ["Artist 1"], "Track 1", "NOXXX2600001")

    run()
    assert table(zones)["artist 1 / track 1"]["ask_again"] == date.fromisoformat(TODAY)
    run()

    assert spotify.searched == ["isrc:NOXXX2600001", query(1)]
    assert told(table(zones)["artist 1 / track 1"])[:2] == (track_id(1), "search")


def test_an_isrc_that_is_found_is_certain(zones: Zones, spotify: FakeSpotify) -> None:
    spotify.found["isrc:NOABC2600001"] = [track(1, name="As Spotify spells it")]
    hear(zones, said(["Artist 1"], "Track 1"))
    observe(zones, ["Artist 1"], "Track 1", "NOABC2600001")

    run()

    assert told(table(zones)["artist 1 / track 1"])[:3] == (track_id(1), "isrc", 1.0)


def test_of_several_recordings_none_is_taken(zones: Zones, spotify: FakeSpotify) -> None:
    other = {"name": "Track 1", "artists": [artist(1)]}
    spotify.found[query(1)] = [track(1), track(2, **other)]
    hear(zones, said(["Artist 1"], "Track 1"))

    run()

    assert told(table(zones)["artist 1 / track 1"]) == (None, None, None, 2)
    assert zones.rows("tracks") == []


def test_another_spelling_decides_anew_of_what_was_answered(
    zones: Zones, spotify: FakeSpotify
) -> None:
    guests = {"name": "Track 1 (feat. B)", "artists": [artist(1), artist(2) | {"name": "B"}]}
    other = track(3, name="Track 1", artists=[artist(1)])
    spotify.found[query(1)] = [track(1, **guests), other]
    hear(zones, said(["Artist 1"], "Track 1 ft. B"))
    run()
    assert table(zones)["artist 1 / track 1"]["track_id"] == track_id(1)

    hear(zones, said(["Artist 1"], "Track 1 ft. B"), said(["Artist 1"], "Track 1"))
    run()

    assert spotify.searched == [query(1)]
    assert told(table(zones)["artist 1 / track 1"])[:2] == (None, None)
    assert [row["track_id"] for row in zones.rows("music_activity", name=ACCOUNT)] == [None, None]


def test_names_of_no_play_any_more_are_let_be(zones: Zones, spotify: FakeSpotify) -> None:
    hear(zones, said(["Artist 1"], "Track 1"))
    enrich()
    hear(zones)

    assert publish()["status"] == "published"
    run()

    assert len(spotify.searched) == 1
    assert told(table(zones)["artist 1 / track 1"])[0] is None


def test_an_episode_is_no_track_of_that_name(zones: Zones, spotify: FakeSpotify) -> None:
    load(zones, [track(1)])
    run()
    names = [said(["Artist 1"], "Track 1"), said(["Show"], "Episode")]
    hear(zones, names[0], *({**each, "kind": "episode"} for each in names))

    run()

    assert spotify.searched == []
    assert table(zones).keys() == {"artist 1 / track 1"}
    activity = zones.rows("music_activity", name=ACCOUNT)
    assert [row["track_id"] for row in activity] == [track_id(1), None, None]


# What goes wrong.


def test_an_app_that_may_not_search_goes_on_with_all_else(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, 2)
    forbidden = {"error": {"status": 403, "message": "Forbidden"}}
    spotify.reply("/v1/search", 403, forbidden)
    hear(zones, said(["Artist 1"], "Track 1"), said(["Artist 3"], "Track 3"))
    load(zones, [track(2)])

    enriched, _ = run()

    assert enriched["status"] == "enriched"
    assert any("No names were searched for" in each for each in enriched["notes"])
    assert spotify.asked.count("GET /v1/search") == 1
    assert enriched["left"]["track_names"] == 2
    assert enriched["asked"]["audio-features"] == 1


def test_a_search_that_spotify_has_nowhere_is_answered_with_nothing(
    zones: Zones, spotify: FakeSpotify
) -> None:
    missing = {"error": {"status": 404, "message": "Not found."}}
    spotify.reply("/v1/search", 404, missing)
    hear(zones, said(["Artist 1"], "Track 1"))

    enriched, _ = run()

    assert enriched["status"] == "enriched"
    assert table(zones)["artist 1 / track 1"]["ask_again"] == date(2027, 5, 20)


def test_a_query_that_spotify_does_not_take_stops_no_other(
    zones: Zones, spotify: FakeSpotify
) -> None:
    spotify.reply("/v1/search", 400, {"error": {"status": 400, "message": "No search query"}})
    spotify.found[query(2)] = [track(2)]
    hear(zones, *(said([f"Artist {n}"], f"Track {n}") for n in (1, 1, 2)))

    enriched, published = run()

    assert (enriched["status"], published["status"]) == ("failed", "published")
    assert "No search query" in enriched["error"]
    found = {key: (row["track_id"], row["asked"] != []) for key, row in table(zones).items()}
    assert found == {
        "artist 1 / track 1": (None, False),
        "artist 2 / track 2": (track_id(2), True),
    }


def test_a_damaged_answer_is_named_until_the_name_is_known(
    zones: Zones, spotify: FakeSpotify
) -> None:
    spotify.found[query(1)] = [track(1)]
    hear(zones, said(["Artist 1"], "Track 1"))
    enrich()
    (key,) = kept_answers(zones, "names")
    zones.damage(key)

    damaged = publish()
    enrich()
    made_up_for = publish()

    assert (damaged["status"], key in damaged["error"]) == ("failed", True)
    assert (made_up_for["status"], spotify.searched) == ("published", [query(1)] * 2)
    assert table(zones)["artist 1 / track 1"]["track_id"] == track_id(1)


def test_a_lake_without_names_has_no_such_kind(zones: Zones, spotify: FakeSpotify) -> None:
    know(spotify, 1)
    load(zones, [track(1)])
    run()

    (day,) = QueueStore(zones.bucket).read().days
    assert "track_names" not in day.left
    assert zones.keys("lake/track_names/") == []


def test_a_name_that_waits_has_a_row_and_finds_what_the_lake_learns(
    zones: Zones, spotify: FakeSpotify
) -> None:
    hear(zones, said(["Artist 1"], "Track 1"))
    publish()
    waiting = table(zones)["artist 1 / track 1"]

    load(zones, [track(1)])
    publish()
    enrich()

    assert (told(waiting), waiting["asked"], waiting["ask_again"]) == (
        (None, None, None, 0),
        [],
        None,
    )
    assert told(table(zones)["artist 1 / track 1"])[:2] == (track_id(1), "lake")
    assert spotify.searched == []


def test_plays_are_not_read_again_where_nothing_is_open(
    zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(zones, [track(1)])
    hear(zones, said(["Artist 1"], "Track 1"))
    hear(zones, said(["Artist 1"], "Track 1"), month="2020-02")
    publish()
    publish()
    looked: list[Any] = []
    usual = LakeNames.names

    def names(self: LakeNames, *args: Any, **parts: Any) -> Any:
        looked.append(parts.get("parts"))
        return usual(self, *args, **parts)

    monkeypatch.setattr(LakeNames, "names", names)
    monkeypatch.setattr("soundlake.publishing.names.newer_plays", lambda *_: [MONTH])

    publish()
    assert looked == [[f"lake/plays/month={MONTH}/{ACCOUNT}.parquet"]]
    hear(zones, said(["Artist 2"], "Track 2"))
    publish()
    assert looked[2:] == [None]


def test_nothing_new_writes_nothing(zones: Zones, spotify: FakeSpotify) -> None:
    spotify.found[query(1)] = [track(1)]
    know(spotify, 1)
    hear(zones, *(said([f"Artist {n}"], f"Track {n}") for n in (1, 2)))
    run()
    run()
    publish()

    assert publish()["written"] == 0


def test_an_answer_that_is_none_to_a_search_is_refused() -> None:
    for answer, names in (({}, ["a"]), ({"tracks": None}, ["a"]), ({"tracks": {"items": []}}, [])):
        with pytest.raises(BadAnswerError):
            search_rows(answer, names, fetched_at=NOW, raw_key=f"{NAMES}0-001.json.gz")
