"""Enrich and the genres of artists: who is asked about whom, and what MusicBrainz may do wrong."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from soundlake import asking
from soundlake.abilities import Ability
from soundlake.enriching import run
from soundlake.enriching.genres import Told
from soundlake.settings import settings
from soundlake.store.budget import Budget, Known
from soundlake.store.objects import Bucket
from soundlake.store.queue import QueueStore

from tests.unit.helpers import (
    CLIENT_ID,
    MONTH,
    NORWAY_CHART,
    OWNER,
    TODAY,
    FakeMusicBrainz,
    FakeSpotify,
    Hurried,
    Killed,
    Row,
    Zones,
    artist,
    enrich,
    full_artist,
    invoke,
    kept_answers,
    load,
    mbid,
    musicbrainz_isrc,
    publish,
    track,
)

RAW = f"raw/genres/musicbrainz/month={MONTH}/{TODAY}/"
ALL = "genres/musicbrainz"

pytestmark = pytest.mark.usefixtures("musicbrainz", "no_analyses")


def setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    settings.cache_clear()


def artist_id(number: int) -> str:
    return str(artist(number)["id"])


def isrc(number: int) -> str:
    return f"NOABC26{number:05d}"


def chart(zones: Zones, numbers: Iterable[int]) -> Row:
    return load(zones, [track(number) for number in numbers])


def silent(spotify: FakeSpotify, numbers: Iterable[int]) -> None:
    """Spotify knows these artists, but no genres of theirs."""
    for number in numbers:
        spotify.artists[artist_id(number)] = full_artist(number, genres=[])


def known(zones: Zones, spotify: FakeSpotify, numbers: Iterable[int]) -> Row:
    """A chart of these tracks, whose artists are in the table and have no genres of Spotify's."""
    numbers = list(numbers)
    silent(spotify, numbers)
    charted = chart(zones, numbers)
    enrich()
    assert publish(charted)["status"] == "published"
    return charted


def rows(zones: Zones) -> dict[str, Row]:
    return {row["name"]: row for row in zones.rows("artists")}


# Who is asked.


def test_whom_spotify_names_no_genres_of_is_asked_of_musicbrainz(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    spotify.artists[artist_id(1)] = full_artist(1)
    silent(spotify, (2, 3))
    musicbrainz.knows("Artist 2", isrc(2), joik=1, pop=3)
    charted = chart(zones, (1, 2, 3, 4))

    first = enrich()
    publish(charted)
    second = enrich()
    publish(charted)

    assert (first["asked"].get(ALL), first["notes"]) == (None, [])
    assert (second["status"], second["notes"], second["asked"]) == ("enriched", [], {ALL: 3})
    assert second["counts"]["genres_musicbrainz"] == 3
    assert musicbrainz.asked == [
        isrc(2),
        mbid("Artist 2"),
        isrc(3),
        'artist:"Artist 3"',
        isrc(4),
        'artist:"Artist 4"',
    ]
    assert second["requests"] == {
        "musicbrainz/isrc/{id}": 3,
        "musicbrainz/artist": 2,
        "musicbrainz/artist/{id}": 1,
    }
    assert second["counts"]["requests"] == 6
    found = rows(zones)
    assert [found[f"Artist {n}"]["genres"] for n in (1, 2, 3, 4)] == [
        ["rock"],
        ["pop", "joik"],
        [],
        None,
    ]
    assert [found[f"Artist {n}"]["genres_source"] for n in (1, 2, 3, 4)] == [
        "spotify",
        "musicbrainz",
        None,
        None,
    ]
    assert [str(found[f"Artist {n}"]["genres_ask_again"]) for n in (1, 2, 3)] == [
        "None",
        "None",
        "2026-12-21",
    ]


def test_requests_are_a_second_apart(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    known(zones, spotify, (1, 2))

    enrich()

    assert musicbrainz.slept == [1.0] * 3


def test_nothing_is_asked_twice_before_and_after_it_is_published(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    charted = known(zones, spotify, (1, 2))
    musicbrainz.knows("Artist 1", isrc(1), pop=1)
    enrich()
    asked = list(musicbrainz.asked)

    again = enrich()
    publish(charted)
    later = enrich("2026-12-20")

    assert (again["asked"], later["asked"]) == ({}, {})
    assert musicbrainz.asked == asked


def test_whom_nobody_knows_is_asked_about_again_when_the_day_has_come(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    charted = known(zones, spotify, (1, 2))
    enrich()
    publish(charted)
    musicbrainz.knows("Artist 2", isrc(2), pop=1)

    enrich("2026-12-21")
    assert publish(day="2026-12-21")["status"] == "published"

    first, second = rows(zones).values()
    assert (first["genres_source"], str(first["genres_ask_again"])) == (None, "2027-02-19")
    assert len(first["genres_asked"]) == 5
    assert (second["genres"], second["genres_ask_again"]) == (["pop"], None)
    assert zones.rows("artists", "2026-12") == []


def test_whom_spotify_tells_of_months_later_is_asked_about_then_after_those_who_are_heard(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    silent(spotify, (1, 2))
    publish(chart(zones, (1, 2)))
    spotify.pass_time(days=75)
    asking._client.cache_clear()
    load(zones, [track(2)], day="2027-02-04")

    assert enrich("2027-02-04")["asked"][ALL] == 2
    assert musicbrainz.asked[::2] == [isrc(2), isrc(1)]


def test_whom_nobody_knows_is_asked_about_again_though_not_heard_any_more(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    charted = known(zones, spotify, (1,))
    enrich()
    publish(charted)
    spotify.pass_time(days=75)
    asking._client.cache_clear()

    assert enrich("2027-02-04")["asked"][ALL] == 1


def test_artists_of_one_track_share_its_isrc(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    silent(spotify, (1, 2, 3))
    both = track(3, artists=[artist(1), artist(2), artist(3)])
    charted = load(zones, [track(1), track(2), both])
    enrich()
    publish(charted)
    for number in (1, 2, 3):
        musicbrainz.knows(f"Artist {number}", isrc(3), pop=number)

    enrich()

    names = [mbid(f"Artist {number}") for number in (1, 2, 3)]
    assert musicbrainz.asked == [isrc(3), *names]


def test_an_isrcs_answer_that_is_kept_nowhere_tells_nothing_of_another_artist(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    silent(spotify, (1, 2))
    both = track(3, artists=[artist(1), artist(2)])
    charted = load(zones, [both])
    enrich()
    publish(charted)
    for number in (1, 2):
        musicbrainz.knows(f"Artist {number}", isrc(3), pop=number)
    musicbrainz.reply(200, b"<html>", after=1)

    assert enrich()["asked"] == {ALL: 1}

    first, second = (mbid(f"Artist {number}") for number in (1, 2))
    assert musicbrainz.asked == [isrc(3), first, isrc(3), second]
    assert len(kept_answers(zones, "genres")) == 2


def test_the_order_can_be_the_other_way_round(
    zones: Zones,
    spotify: FakeSpotify,
    musicbrainz: FakeMusicBrainz,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setting(monkeypatch, "GENRE_SOURCES", "musicbrainz,spotify")
    for number in (1, 2):
        spotify.artists[artist_id(number)] = full_artist(number)
    musicbrainz.knows("Artist 1", isrc(1), pop=1)
    charted = chart(zones, (1, 2))
    enrich()
    publish(charted)
    enrich()
    publish(charted)

    first, second = rows(zones).values()
    assert (first["genres"], first["genres_source"]) == (["pop"], "musicbrainz")
    assert (second["genres"], second["genres_source"]) == (["rock"], "spotify")


def test_musicbrainz_can_be_switched_off_and_its_answers_are_published(
    zones: Zones,
    spotify: FakeSpotify,
    musicbrainz: FakeMusicBrainz,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    charted = known(zones, spotify, (1, 2))
    musicbrainz.knows("Artist 1", isrc(1), pop=1)
    enrich()
    setting(monkeypatch, "GENRE_SOURCES", "spotify")

    assert (enrich()["asked"], enrich()["notes"]) == ({}, [])
    assert publish(charted)["status"] == "published"
    assert rows(zones)["Artist 1"]["genres"] == ["pop"]


def test_without_a_contact_nobody_is_asked_and_one_note_says_what_to_do(
    zones: Zones,
    spotify: FakeSpotify,
    musicbrainz: FakeMusicBrainz,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known(zones, spotify, (1, 2))
    setting(monkeypatch, "CONTACT", "none")

    result = enrich()

    assert (result["status"], result["asked"], musicbrainz.asked) == ("enriched", {}, [])
    assert result["left"] == {}
    (note,) = result["notes"]
    assert note == (
        "musicbrainz was not asked for the genres of 2 artists: it wants to know whom it may write "
        "to. Set the parameter Contact, or leave it out of GenreSources."
    )


def test_no_table_is_read_more_often_than_it_takes(
    zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for the queue, and once for the genres where these need it."""
    known(zones, spotify, (1, 2))
    contact = settings().contact
    setting(monkeypatch, "CONTACT", "none")
    enrich()  # the queue has seen all parts
    get, read = Bucket.get, Counter[str]()

    def noted(self: Bucket, key: str) -> Any:
        read[key] += 1
        return get(self, key)

    def reads() -> list[int]:
        read.clear()
        enrich()
        return [read[f"lake/{each}/month={MONTH}/{each}.parquet"] for each in ("artists", "tracks")]

    monkeypatch.setattr(Bucket, "get", noted)

    assert reads() == [2, 1]
    setting(monkeypatch, "CONTACT", contact)
    assert reads() == [2, 2]


def test_without_anybody_to_ask_about_there_is_no_note(
    zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting(monkeypatch, "CONTACT", "none")
    spotify.artists[artist_id(1)] = full_artist(1)
    publish(chart(zones, (1,)))
    enrich()

    assert enrich()["notes"] == []


# Spotify is asked first, or refuses.


def silent_for_long(spotify: FakeSpotify, path: str = "artists") -> None:
    """Spotify answers nothing about artists, and wants no request for two hours."""
    spotify.reply(f"/v1/{path}", 429, {}, {"Retry-After": "7200"})


def test_who_has_no_name_is_nobody_to_ask_about(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    """Spotify did not know an artist whom no track has shown."""
    charted = known(zones, spotify, [1])
    zones.lake.replace(
        "artists",
        MONTH,
        "artists",
        lambda before: [*before, {**dict.fromkeys(before[0]), "artist_id": artist_id(9)}],
    )
    load(zones, [track(9)], NORWAY_CHART | {"chart": "daily-SE"})

    told = enrich()

    assert told["status"] == "enriched"
    assert artist_id(9) in {row["artist_id"] for row in zones.rows("artists")}
    assert publish(charted)["status"] == "published"


@pytest.mark.parametrize("several", [True, False])
def test_an_artist_waits_for_spotifys_answer(
    several: bool, zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    if not several:
        asking.found(Ability.SEVERAL, allowed=False, evidence="403")
    silent_for_long(spotify, "artists" if several else f"artists/{artist_id(1)}")
    charted = chart(zones, (1,))
    enrich()
    publish(charted)

    enrich()
    assert musicbrainz.asked == []

    spotify.pass_time(hours=2)
    asked = enrich()["asked"]
    assert (asked["artists"], asked[ALL]) == (1, 1)


def test_where_spotify_may_not_be_asked_about_artists_musicbrainz_is(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    for ability in (Ability.SEVERAL, Ability.CATALOGUE):
        asking.found(ability, allowed=False, evidence="403")
    charted = chart(zones, (1,))
    enrich()
    publish(charted)
    musicbrainz.knows("Artist 1", isrc(1), pop=1)

    result = enrich()
    publish(charted)

    assert result["asked"] == {ALL: 1}
    (row,) = rows(zones).values()
    assert (row["genres"], row["genres_source"], row["detail_raw_key"]) == (
        ["pop"],
        "musicbrainz",
        None,
    )


def test_while_the_machine_waits_for_spotify_nobody_else_is_asked(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    known(zones, spotify, (1,))
    chart(zones, (1, 2))
    spotify.reply("/v1/albums", 429, {}, {"Retry-After": "7"})

    assert enrich()["status"] == "rate_limited"
    assert musicbrainz.asked == []
    assert enrich()["asked"][ALL] == 1


def test_spotifys_long_wait_leaves_musicbrainz_to_be_asked(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    known(zones, spotify, (1,))
    chart(zones, (1, 2))
    spotify.reply("/v1/albums", 429, {}, {"Retry-After": "7200"})

    result = enrich()

    assert (result["status"], result["asked"][ALL]) == ("enriched", 1)
    (note,) = result["notes"]
    assert note.startswith("Spotify's rate limit: wait 7200 s.")
    assert result["left"] == {"albums": 1}


# MusicBrainz is limited, down or lying.


def test_a_limit_ends_the_asking_and_the_next_run_goes_on(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    known(zones, spotify, (1, 2))
    musicbrainz.reply(503, {"error": "Your requests are exceeding the limit."}, after=2)

    first = enrich()
    second = enrich()

    assert (first["status"], first["asked"]) == ("enriched", {ALL: 1})
    assert (first["left"], second["left"]) == ({"genres": 1}, {})
    assert first["notes"] == ["MusicBrainz's rate limit: wait 30 s. The next run asks again."]
    assert (second["notes"], second["asked"]) == ([], {ALL: 1})
    assert musicbrainz.asked.count(isrc(1)) == 1


def test_what_spotify_was_asked_is_settled_before_others_are_asked_for_minutes(
    zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking.found(Ability.SEVERAL, False, "GET /v1/albums?ids=: 403")
    chart(zones, (1,))
    seen: list[Known] = []

    def ask(*_: Any, **__: Any) -> Told:
        seen.append(asking.budgets().known(Budget(CLIENT_ID, OWNER), spotify.now))
        return Told()

    monkeypatch.setattr(run, "ask_genres", ask)

    requests = enrich()["requests"]

    (known,) = seen
    assert known.draws == {}
    assert sum(each.total() for each in known.calls.values()) == sum(requests.values()) > 2


def test_a_long_wait_is_kept_to_by_other_processes(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    known(zones, spotify, (1,))
    musicbrainz.reply(503, {}, {"Retry-After": "3600"})

    first = enrich()
    asking._keyless.cache_clear()  # another process
    asking.budgets.cache_clear()
    second = enrich()
    spotify.pass_time(hours=1)
    third = enrich()

    assert [each["status"] for each in (first, second, third)] == ["enriched"] * 3
    assert (first["notes"], second["notes"], third["notes"]) == (
        ["MusicBrainz's rate limit: wait 3600 s. The next run asks again."],
        ["MusicBrainz's rate limit: wait 3600 s. The next run asks again."],
        [],
    )
    assert musicbrainz.asked == [isrc(1), isrc(1), 'artist:"Artist 1"']


@pytest.mark.parametrize(
    ("status", "times", "said"),
    [(500, 3, "answered 500 for isrc/{id}"), (403, 1, "refused isrc/{id} with 403")],
)
def test_down_or_refusing_it_is_asked_once_and_the_run_goes_well(
    status: int, times: int, said: str, zones: Zones, spotify: FakeSpotify
) -> None:
    charted = known(zones, spotify, range(1, 6))
    before = rows(zones)
    for _ in range(times):
        spotify.musicbrainz.reply(status)

    result = enrich()

    assert (result["status"], result["asked"]) == ("enriched", {})
    assert result["notes"] == [f"MusicBrainz {said}. The next run asks again."]
    assert spotify.musicbrainz.asked == [isrc(1)] * times
    assert publish(charted)["status"] == "published"
    assert rows(zones) == before
    assert enrich()["asked"] == {ALL: 5}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<html>", "MusicBrainz's isrc/{id}: the answer is not JSON"),
        ({"error": "Something is wrong"}, "MusicBrainz' ISRC: isrc: field required"),
        (musicbrainz_isrc(isrc(9), "Artist 1"), f"{isrc(9)} in the place of {isrc(1)}"),
    ],
)
def test_what_is_no_answer_is_a_note_kept_nowhere_and_asked_again(
    body: Any, text: str, zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    charted = known(zones, spotify, (1,))
    musicbrainz.knows("Artist 1", isrc(1), pop=1)
    musicbrainz.reply(200, body)

    first = enrich()
    assert kept_answers(zones, "genres") == []
    second = enrich()
    publish(charted)

    assert first["status"] == "enriched"
    (note,) = first["notes"]
    assert text in note
    assert (second["notes"], rows(zones)["Artist 1"]["genres"]) == ([], ["pop"])


def test_who_answers_badly_three_times_is_not_asked_any_more(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    known(zones, spotify, range(1, 8))
    for _ in range(4):
        musicbrainz.reply(200, b"<html>")

    result = enrich()

    assert musicbrainz.asked == [isrc(1), isrc(2), isrc(3)]
    assert result["notes"] == [
        "MusicBrainz's isrc/{id}: the answer is not JSON. The next run asks again."
    ]


def test_a_bad_answer_now_and_then_does_not_stop_it(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    known(zones, spotify, range(1, 8))
    for _ in range(2):
        musicbrainz.reply(200, b"<html>")
        musicbrainz.reply(200, b"<html>")
        musicbrainz.reply(404, {"error": "Not Found"})
        musicbrainz.reply(200, {"artists": []})

    result = enrich()

    assert result["asked"] == {ALL: 3}
    assert len(result["notes"]) == 1
    assert enrich()["asked"] == {ALL: 4}


def test_who_is_answered_badly_each_time_stands_in_nobodys_way(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    known(zones, spotify, range(1, 8))
    musicbrainz.knows("Artist 5", isrc(5), pop=1)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(musicbrainz, "_hits", lambda _: {"oops": 1})
        runs = [enrich() for _ in range(3)]
    last = enrich()

    # Who was answered badly longest ago comes first of those.
    asked = (1, 2, 3), (4, 5, 6, 7, 1), (2, 3, 4), (6, 7, 1, 2, 3, 4)
    assert [each for each in musicbrainz.asked if each.startswith("NO")] == [
        isrc(number) for run in asked for number in run
    ]
    assert [each["left"]["genres"] for each in runs] == [7, 6, 6]
    assert (last["left"], last["asked"]) == ({}, {ALL: 6})
    assert QueueStore(zones.bucket).read().bad == []


def test_where_time_is_up_the_next_run_goes_on(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    known(zones, spotify, range(1, 6))

    first = invoke("enrich", {"date": TODAY, "requests": {}}, Hurried(20_000))
    second = enrich()

    assert first["notes"] == ["Time was up for musicbrainz's genres: the next run goes on."]
    assert (first["asked"], second["asked"]) == ({ALL: 3}, {ALL: 2})
    assert (first["left"], second["left"]) == ({"genres": 2}, {})
    assert first["counts"]["queue"] == 2


def test_who_is_heard_most_is_asked_about_first_and_then_who_is_charted_most(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    known(zones, spotify, range(1, 6))
    load(zones, [track(2)], NORWAY_CHART | {"chart": "daily-SE", "country": "SE"})
    for month, *heard in (("2026-10", 3), (MONTH, 5, 4, 4), ("2026-09", 1, 1, 1)):
        plays = [
            {
                "account": "main",
                "played_at": f"{month}-20T09:{minute:02}:00Z",
                "uri": "spotify:track:x",
                "artist_ids": [artist_id(number)],
            }
            for minute, number in enumerate(heard)
        ]
        zones.lake.replace("plays", month, "main", lambda _, plays=plays: plays)

    enrich()

    assert musicbrainz.asked[::2] == [isrc(number) for number in (4, 3, 5, 2, 1)]


def test_whom_a_chart_file_shows_is_asked_about_by_the_track_that_was_looked_up(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    known(zones, spotify, (1, 2))
    (key,) = zones.lake.keys("chart_entries")
    name = key.rpartition("/")[2].removesuffix(".parquet")
    as_of_a_file = {"artist_ids": None, "album_id": None}
    zones.lake.replace(
        "chart_entries", MONTH, name, lambda found: [each | as_of_a_file for each in found]
    )

    enrich()

    assert musicbrainz.asked[::2] == [isrc(1), isrc(2)]


# Ended in between.


def test_killed_in_between_nobody_was_asked_in_vain(
    zones: Zones,
    spotify: FakeSpotify,
    musicbrainz: FakeMusicBrainz,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    charted = known(zones, spotify, (1,))
    musicbrainz.knows("Artist 1", isrc(1), pop=1)
    put = Bucket.put
    written: list[str] = []

    def dies(self: Bucket, key: str, *args: Any, **options: Any) -> Any:
        if key.startswith(RAW):
            if written:
                raise Killed
            written.append(key)
        return put(self, key, *args, **options)

    monkeypatch.setattr(Bucket, "put", dies)
    with pytest.raises(Killed):
        enrich()
    monkeypatch.setattr(Bucket, "put", put)

    again = enrich()
    publish(charted)

    assert again["asked"] == {}
    assert rows(zones)["Artist 1"]["genres"] == ["pop"]


def test_a_damaged_table_is_a_note_beside_the_failure(
    zones: Zones, spotify: FakeSpotify, musicbrainz: FakeMusicBrainz
) -> None:
    known(zones, spotify, (1,))
    zones.damage(f"lake/artists/month={MONTH}/artists.parquet")

    result = enrich()

    assert result["status"] == "failed"
    assert result["notes"][-1].startswith("No more genres were asked for: lake/artists/")
