"""Models: Spotify's answers, read leniently where it matters and named where they are wrong."""

from typing import Any

import pytest
from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import (
    Albums,
    Artists,
    AudioAnalysis,
    AudioFeaturesBatch,
    PlayedItem,
    Playlist,
    PlaylistEntry,
    RecentlyPlayed,
    Segments,
    Token,
    Track,
)

from tests.unit.helpers import (
    APP_TOKEN,
    NEW_SHAPE,
    OLD_SHAPE,
    REFRESH_TOKEN,
    entry,
    features_of,
    full_album,
    full_artist,
    playlist,
    track,
    track_id,
    without,
)


def test_unknown_fields_are_ignored() -> None:
    answer = track(1, is_playable=True, brand_new=True)

    assert Track.read(answer, "a track") == Track.read(track(1), "a track")


def test_fields_that_not_every_app_gets_may_be_missing() -> None:
    bare = without(track(1), "popularity", "external_ids", "disc_number", "track_number", "type")

    read = Track.read(bare, "a track")

    assert read.popularity is None
    assert read.external_ids.isrc is None
    assert (read.disc_number, read.track_number) == (None, None)


def test_the_error_names_the_place_and_the_field_and_not_the_value() -> None:
    with pytest.raises(BadAnswerError) as refused:
        Track.read(track(1, duration_ms="three minutes"), "position 4")

    assert str(refused.value).startswith("position 4: duration_ms: input should be a valid integer")
    assert "three minutes" not in str(refused.value)


@pytest.mark.parametrize("value", [None, [], "text", 7])
def test_what_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(BadAnswerError, match=r"^recently played: the answer: "):
        RecentlyPlayed.read(value, "recently played")


@pytest.mark.parametrize("shape", [NEW_SHAPE, OLD_SHAPE])
def test_a_playlist_is_read_in_both_shapes(shape: str) -> None:
    read = Playlist.read(playlist([track(1)], shape=shape, following="https://next"), "it")

    assert len(read.page.items) == 1
    assert read.page.next == "https://next"
    assert PlaylistEntry.read(read.page.items[0], "entry").item == track(1)


def test_the_new_shape_wins_where_both_are_given() -> None:
    both = entry(track(1), NEW_SHAPE) | entry(track(2), OLD_SHAPE)

    assert PlaylistEntry.read(both, "entry").item == track(1)


def test_a_null_in_the_new_shape_does_not_hide_the_old_one() -> None:
    both = entry(None, NEW_SHAPE) | entry(track(2), OLD_SHAPE)

    assert PlaylistEntry.read(both, "entry").item == track(2)


def test_an_entry_without_item_or_track_is_null() -> None:
    assert PlaylistEntry.read({"added_at": None}, "entry").item is None


def test_a_play_may_lack_its_context() -> None:
    read = PlayedItem.read({"track": track(1), "played_at": "2026-11-21T09:00:00Z"}, "row")

    assert read.context is None


def test_features_may_be_null_in_their_place() -> None:
    batch = AudioFeaturesBatch.read(
        {"audio_features": [None, features_of(track_id(2), tempo=None)]}, "features"
    )

    assert batch.audio_features[0] is None
    assert batch.audio_features[1] is not None
    assert batch.audio_features[1].tempo is None
    assert batch.audio_features[1].energy == 0.25


def test_albums_and_artists_may_be_null_in_their_place() -> None:
    albums = Albums.read({"albums": [None, full_album(2)]}, "albums").albums
    artists = Artists.read({"artists": [full_artist(1), None]}, "artists").artists

    assert albums[0] is None
    assert albums[1] is not None
    assert albums[1].external_ids is not None
    assert (albums[1].label, albums[1].external_ids.upc) == ("Label 2", "000000000002")
    assert artists[1] is None
    assert artists[0] is not None
    assert artists[0].followers is not None
    assert (artists[0].followers.total, artists[0].genres) == (5_000_000_001, ("rock",))


def test_a_track_says_what_it_stands_for() -> None:
    assert Track.read(track(1), "a track").linked_from is None
    linked = Track.read(track(1, linked_from={"id": track_id(2), "type": "track"}), "a track")
    assert linked.linked_from is not None
    assert linked.linked_from.id == track_id(2)


def test_an_analysis_may_leave_out_everything() -> None:
    empty = AudioAnalysis.read({}, "an analysis")
    part = AudioAnalysis.read({"track": {}, "sections": [{}], "segments": [{}]}, "an analysis")

    assert (empty.track, empty.sections, empty.segments) == (None, None, None)
    assert part.track is not None
    assert part.track.duration is None
    assert part.sections is not None
    assert set(part.sections[0].model_dump().values()) == {None}
    assert part.segments == ({},)
    parts = Segments.read({"segments": [{}]}, "an analysis")
    assert parts.segments is not None
    assert set(parts.segments[0].model_dump().values()) == {None}


@pytest.mark.parametrize("name", ["\ud83c", "a\udfffb"])
def test_half_a_character_is_refused_wherever_a_text_stands(name: str) -> None:
    """JSON can write it, and no file can hold it."""
    artists = [{"id": "x", "name": name}]

    with pytest.raises(BadAnswerError, match=r"^a track: name: "):
        Track.read(track(1, name=name), "a track")
    with pytest.raises(BadAnswerError, match=r"^a track: artists\.0\.name: "):
        Track.read(track(1, artists=artists), "a track")
    with pytest.raises(BadAnswerError, match=r"^artists: artists\.0\.genres\.0: "):
        Artists.read({"artists": [full_artist(1, genres=[name])]}, "artists")


def test_a_token_never_shows_itself() -> None:
    token = Token.read(
        {"access_token": APP_TOKEN, "refresh_token": REFRESH_TOKEN, "expires_in": 3600}, "a token"
    )

    assert token.access_token == APP_TOKEN
    assert APP_TOKEN not in f"{token!r} {token}"
    assert REFRESH_TOKEN not in f"{token!r} {token}"


def test_a_wrong_token_never_shows_itself_in_the_error() -> None:
    with pytest.raises(BadAnswerError) as refused:
        Token.read({"access_token": APP_TOKEN, "expires_in": "soon"}, "Spotify's token")

    assert str(refused.value).startswith("Spotify's token: expires_in: ")
    assert APP_TOKEN not in str(refused.value)
