"""Spotify's answers as typed models.

Unknown fields are ignored and fields that Spotify no longer gives to every app are optional, as
https://developer.spotify.com/documentation/web-api describes them. A playlist's entries come in
two shapes: `tracks`/`track`, and since February 2026 `items`/`item`.
"""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from soundlake.inputs import wrong
from soundlake.spotify.errors import BadAnswerError

# The endpoints' limits.
FEATURES_PER_REQUEST = 100
ALBUMS_PER_REQUEST = 20
FOUND_PER_SEARCH = 10  # at most for an app in development mode
ARTISTS_PER_REQUEST = 50
TRACKS_PER_REQUEST = 50

# Whole numbers as wide as the columns they go to: one that fits none would keep all rows out.
_Int = Annotated[int, Field(ge=-(2**31), lt=2**31)]
_Long = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class Decoded(BaseModel):
    """What an answer is to have, whoever sent it; all else in it is left alone."""

    # Any bound on texts makes pydantic look at their characters: half a pair fits no file.
    model_config = ConfigDict(extra="ignore", frozen=True, str_min_length=0)

    @classmethod
    def read(cls, value: Any, where: str) -> Self:
        """Validate one decoded JSON value; raises BadAnswerError, naming `where` and the field."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            field, why = wrong(error, "the answer")
            raise BadAnswerError(f"{where}: {field}: {why.lower()}") from error


class Image(Decoded):
    """A cover in one size; pixels, null where Spotify does not know them."""

    url: str
    height: _Int | None = None
    width: _Int | None = None


class Followers(Decoded):
    """How many follow an artist."""

    total: _Long | None = None


class ExternalIds(Decoded):
    """Identifiers from outside Spotify: the ISRC names the recording, the UPC the release."""

    isrc: str | None = None
    upc: str | None = None


class Artist(Decoded):
    """An artist. Inside a track or album it has an id and names alone; local files have no id.

    `popularity` is 0 to 100; `genres` may be an empty list where Spotify has not said any.
    """

    id: str | None = None
    name: str
    uri: str | None = None
    genres: tuple[str, ...] | None = None
    popularity: _Int | None = None
    followers: Followers | None = None
    images: tuple[Image, ...] | None = None


class Album(Decoded):
    """An album; `release_date` is as precise as it says.

    Inside a track it lacks what stands after `images`; `popularity` is 0 to 100.
    """

    id: str | None = None
    name: str
    uri: str | None = None
    album_type: str | None = None
    artists: tuple[Artist, ...] = ()
    release_date: str | None = None
    release_date_precision: str | None = None
    total_tracks: _Int | None = None
    images: tuple[Image, ...] | None = None
    label: str | None = None
    popularity: _Int | None = None
    external_ids: ExternalIds | None = None
    genres: tuple[str, ...] | None = None


class Albums(Decoded):
    """Albums in the order asked; null where Spotify knows none."""

    albums: tuple[Album | None, ...]


class Artists(Decoded):
    """Artists in the order asked; null where Spotify knows none."""

    artists: tuple[Artist | None, ...]


class LinkedFrom(Decoded):
    """The track that was asked for, where Spotify answers with another one in its place."""

    id: str | None = None


class Track(Decoded):
    """A track with its artists and album; `duration_ms` in ms, `popularity` 0 to 100 or null.

    `linked_from` is there where the track stands for one that is not to be had in a market.
    """

    id: str
    name: str
    uri: str
    type: str = "track"
    is_local: bool = False
    duration_ms: int
    explicit: bool
    popularity: int | None = None
    disc_number: int | None = None
    track_number: int | None = None
    artists: tuple[Artist, ...]
    album: Album
    external_ids: ExternalIds = ExternalIds()
    linked_from: LinkedFrom | None = None


class Tracks(Decoded):
    """Tracks in the order asked; null where Spotify knows none."""

    tracks: tuple[Track | None, ...]


class FoundTracks(Decoded):
    """The tracks that a search found, the likeliest first."""

    items: tuple[Track | None, ...]


class Search(Decoded):
    """What a search for tracks answers."""

    tracks: FoundTracks


class Page(Decoded):
    """One page of a list; `next` is the address of the following page, or null.

    `offset` is how many entries of the list lie before it, `total` how many the list has.
    """

    items: tuple[Any, ...]
    next: str | None = None
    offset: int | None = Field(default=None, ge=0)
    total: int | None = None


class PlaylistEntry(Decoded):
    """One place of a playlist; `item` is undecoded: a track, an episode, a local file, or null."""

    added_at: str | None = None
    is_local: bool = False
    item: Any = None

    @model_validator(mode="before")
    @classmethod
    def _either_shape(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("item") is None:
            return value | {"item": value.get("track")}
        return value


class Playlist(Decoded):
    """A playlist with the first page of its entries."""

    id: str
    name: str
    snapshot_id: str | None = None
    page: Page = Field(validation_alias="items")

    @model_validator(mode="before")
    @classmethod
    def _either_shape(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("items") is None and "tracks" in value:
            return value | {"items": value["tracks"]}
        return value


class Context(Decoded):
    """From where a track was played: a playlist, an album, an artist."""

    type: str | None = None
    uri: str | None = None


class PlayedArtist(Decoded):
    """An artist of what was played; those of a local file have no id."""

    id: str | None = None
    name: str | None = None


class PlayedFrom(Decoded):
    """The album, or the show, of what was played."""

    id: str | None = None
    name: str | None = None


class Played(Decoded):
    """What was played: a track, an episode, or a local file, which has no ids.

    Little has to be there: that something was played is worth more than what else is said of it.
    """

    id: str | None = None
    uri: str | None = None
    type: str = "track"
    name: str | None = None
    duration_ms: _Long | None = None
    explicit: bool | None = None
    artists: tuple[PlayedArtist | None, ...] | None = None
    album: PlayedFrom | None = None
    show: PlayedFrom | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.uri and not (self.id and self.type == "track"):
            raise ValueError("neither its uri nor its id is there")
        return self


class PlayedItem(Decoded):
    """One row of recently played; `played_at` is ISO 8601 UTC, start or end of the play."""

    track: Played
    played_at: str
    context: Context | None = None


class RecentlyPlayed(Decoded):
    """Recently played tracks, newest first; undecoded, so that each row may fail alone."""

    items: tuple[Any, ...]


Number = int | float  # a feature as it was answered: NaN or a fraction may stand anywhere


class AudioFeatures(Decoded):
    """A track's features: shares 0 to 1, loudness in dB, tempo in BPM, key 0 to 11 or -1."""

    id: str
    danceability: Number | None = None
    energy: Number | None = None
    key: Number | None = None
    loudness: Number | None = None
    mode: Number | None = None
    speechiness: Number | None = None
    acousticness: Number | None = None
    instrumentalness: Number | None = None
    liveness: Number | None = None
    valence: Number | None = None
    tempo: Number | None = None
    duration_ms: Number | None = None
    time_signature: Number | None = None


class AudioFeaturesBatch(Decoded):
    """Features in the order asked; null where Spotify knows none."""

    audio_features: tuple[AudioFeatures | None, ...]


class AnalysedTrack(Decoded):
    """A track as its audio analysis sees it; `duration` in seconds."""

    duration: float | None = None


class Section(Decoded):
    """A part of a track, like a verse: seconds, dB, BPM, key 0 to 11 or -1, mode 0, 1 or -1."""

    start: float | None = None
    loudness: float | None = None
    tempo: float | None = None
    key: int | None = None
    mode: int | None = None
    time_signature: int | None = None


class Segment(Decoded):
    """One sound of a track: seconds and dB; 12 shares of pitch classes, 12 numbers of timbre."""

    start: float | None = None
    duration: float | None = None
    confidence: float | None = None
    loudness_start: float | None = None
    loudness_max: float | None = None
    loudness_max_time: float | None = None
    loudness_end: float | None = None
    pitches: tuple[float | None, ...] | None = None
    timbre: tuple[float | None, ...] | None = None


class AudioAnalysis(Decoded):
    """How one track is built over time; a list that Spotify leaves out is null.

    Segments are many and undecoded, for whoever wants no more than the sections.
    """

    track: AnalysedTrack | None = None
    sections: tuple[Section, ...] | None = None
    segments: tuple[Any, ...] | None = None


class Segments(Decoded):
    """The segments of one audio analysis."""

    segments: tuple[Segment, ...] | None = None


class Token(Decoded):
    """An access token, living `expires_in` seconds; a new refresh token only where it rotated."""

    access_token: str = Field(repr=False)
    expires_in: int
    refresh_token: str | None = Field(default=None, repr=False)


class User(Decoded):
    """A user's own profile; Spotify need not know a name."""

    id: str = Field(min_length=1)
    display_name: str | None = None
