"""The package's own client and models against the local Spotify, and against the contract."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from soundlake.entities import album_details, artist_details
from soundlake.names import name_key
from soundlake.sections import section_row, segment_row
from soundlake.spotify import models
from soundlake.spotify.client import Spotify
from soundlake.spotify.credentials import AppCredentials
from soundlake.spotify.errors import NotFoundError
from soundlake.spotify.models import ALBUMS_PER_REQUEST, ARTISTS_PER_REQUEST
from soundlake.store.lake import decode, encode_rows, to_parquet
from soundlake.store.schemas import SCHEMAS
from soundlake.track_matching import BY_ISRC, SEARCH, Name, Spelling, match, query
from soundlake.track_names import candidate, search_rows

from local.spotify.settings import CLIENT_ID, CLIENT_SECRET
from tests.local.helpers import CONTRACT, UNKNOWN_ID, Api

Json = dict[str, Any]

# Which of the description's schemas a model reads; what stands for two shapes is left out.
READ_FROM = {
    models.Image: "ImageObject",
    models.Followers: "FollowersObject",
    models.ExternalIds: "ExternalIdObject",
    models.Artist: "ArtistObject",
    models.Album: "AlbumObject",
    models.Track: "TrackObject",
    models.AudioFeatures: "AudioFeaturesObject",
    models.AudioAnalysis: "AudioAnalysisObject",
    models.Section: "SectionObject",
    models.Segment: "SegmentObject",
    models.LinkedFrom: "LinkedTrackObject",
}


@pytest.fixture
def client(made: Api) -> Spotify:
    credentials = AppCredentials(CLIENT_ID, CLIENT_SECRET)
    return Spotify(credentials, api_url=f"{made.url}/v1", accounts_url=made.url)


def test_a_search_by_isrc_and_by_names_finds_the_track(client: Spotify, made: Api) -> None:
    known = made.control.world.catalogue
    for one in list(known.tracks.values())[::50]:
        artists = tuple(known.artists[each].name for each in one.artist_ids)
        key = name_key(artists[0], one.name)
        assert key is not None
        spelling = Spelling(artists[:1], f"{one.name} - Remastered 2011")
        album = frozenset({known.albums[one.album_id].name})
        name = Name(key, (spelling,), album, frozenset({one.isrc}))

        for asked in (False, True):
            answer = client.search_tracks(query(name, asked=asked))
            (row,) = search_rows(answer.json, [key], fetched_at=answer.at, raw_key="raw/names")
            found = match(name, [candidate(track) for track in row["tracks"]], SEARCH)
            assert (found.track_id, found.certainty) == (one.id, BY_ISRC)

        (by_names,) = search_rows(
            client.search_tracks(query(name, asked=True)).json,
            [key],
            fetched_at=answer.at,
            raw_key="raw/names",
        )
        nameless = replace(name, isrcs=frozenset())
        found = match(nameless, [candidate(track) for track in by_names["tracks"]], SEARCH)
        assert found.track_id in {one.id, None}
        assert (found.track_id is None) == (found.candidates > 1 and found.certainty is None)


def test_a_search_that_finds_nothing(client: Spotify) -> None:
    answer = client.search_tracks('track:"no such title" artist:"nobody at all"')

    (row,) = search_rows(answer.json, ["key"], fetched_at=answer.at, raw_key="raw/names")
    assert row["tracks"] == []


def test_the_details_of_a_full_request_of_albums(client: Spotify, made: Api) -> None:
    known = list(made.control.world.catalogue.albums.values())[: ALBUMS_PER_REQUEST - 1]
    asked = [*(one.id for one in known), UNKNOWN_ID]

    answer = client.albums(asked)
    rows = album_details(answer.json, asked, fetched_at=answer.at, raw_key="raw/albums")
    details = {row["album_id"]: row for row in rows}

    assert answer.request.startswith("/v1/albums?ids=")
    assert [details[one.id]["label"] for one in known] == [one.label for one in known]
    assert [details[one.id]["popularity"] for one in known] == [one.popularity for one in known]
    assert all(details[one.id]["upc"] for one in known)
    assert set(details[UNKNOWN_ID]) == {"album_id", "detailed_at", "detail_raw_key"}
    assert encode_rows(rows, SCHEMAS["albums"], "albums").num_rows == ALBUMS_PER_REQUEST


def test_the_details_of_a_full_request_of_artists(client: Spotify, made: Api) -> None:
    known = list(made.control.world.catalogue.artists.values())[: ARTISTS_PER_REQUEST - 1]
    asked = [UNKNOWN_ID, *(one.id for one in known)]

    answer = client.artists(asked)
    rows = artist_details(answer.json, asked, fetched_at=answer.at, raw_key="raw/artists")
    details = {row["artist_id"]: row for row in rows}

    assert [details[one.id]["followers"] for one in known] == [one.followers for one in known]
    assert [details[one.id]["genres"] for one in known] == [list(one.genres) for one in known]
    assert all(details[one.id]["images"][0]["height"] == 640 for one in known)
    assert set(details[UNKNOWN_ID]) == {"artist_id", "detailed_at", "detail_raw_key"}
    assert encode_rows(rows, SCHEMAS["artists"], "artists").num_rows == ARTISTS_PER_REQUEST


def _from_its_file(table: str, row: Json) -> Json:
    schema = SCHEMAS[table]
    (read,) = decode(to_parquet(encode_rows([row], schema, "k")), schema, "k").to_pylist()
    found: Json = read
    return found


def test_an_analysis_becomes_rows_and_comes_back_from_its_file(client: Spotify, made: Api) -> None:
    track = next(t for t in made.control.world.catalogue.tracks.values() if t.features)

    answer = client.audio_analysis(track.id)
    row = section_row(answer.json, track.id, answer.at, "raw/analysis")
    read = _from_its_file("track_sections", row)
    segments = segment_row(answer.json, track.id, answer.at, "raw/analysis")
    sounds = _from_its_file("track_segments", segments)["segments"]

    assert client.requests["audio-analysis/{id}"] == 1
    assert read["duration"] == track.duration_ms / 1000
    assert read["sections"] == len(answer.json["sections"]) > 1
    assert read["start_sequence"] == [one["start"] for one in answer.json["sections"]]
    assert sounds == answer.json["segments"]
    assert all(earlier["start"] < later["start"] for earlier, later in pairwise(sounds))


def test_no_analysis_is_told_as_such(client: Spotify, made: Api) -> None:
    unknown = next(t for t in made.control.world.catalogue.tracks.values() if t.features is None)

    with pytest.raises(NotFoundError):
        client.audio_analysis(unknown.id)


def _properties(schemas: Json, schema: Json) -> Iterator[str]:
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    yield from schema.get("properties", {})
    for part in schema.get("allOf", ()):
        yield from _properties(schemas, part)


@pytest.mark.skipif(
    not CONTRACT.is_file(), reason=f"the contract is not there: {CONTRACT.name} in ../shared"
)
def test_no_model_reads_a_field_that_spotify_does_not_describe() -> None:
    """A misspelt optional field would be null for ever, and nobody would notice."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schemas = yaml.load(CONTRACT.read_text(encoding="utf-8"), Loader=loader)["components"][
        "schemas"
    ]

    def foreign(model: type[BaseModel], schema: Json) -> set[str]:
        return set(model.model_fields) - set(_properties(schemas, schema))

    assert {
        model.__name__: found
        for model, name in READ_FROM.items()
        if (found := foreign(model, schemas[name]))
    } == {}
    analysed = schemas["AudioAnalysisObject"]["properties"]["track"]
    assert foreign(models.AnalysedTrack, analysed) == set()
    assert foreign(models.Album, schemas["ArtistObject"]) != set()
