"""Spotify's answers as typed models.

Unknown fields are ignored and fields that Spotify no longer gives to every app are optional, as
https://developer.spotify.com/documentation/web-api describes them. A playlist's entries come in
two shapes: `tracks`/`track`, and since February 2026 `items`/`item`.
"""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from soundlake.spotify.errors import BadAnswerError


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    @classmethod
    def read(cls, value: Any, where: str) -> Self:
        """Validate one decoded JSON value; raises BadAnswerError, naming `where` and the field."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise BadAnswerError(f"{where}: {field}: {first['msg'].lower()}") from error


class Image(_Answer):
    """A cover in one size; pixels, null where Spotify does not know them."""

    url: str
    height: int | None = None
    width: int | None = None


class Artist(_Answer):
    """An artist as it stands inside a track or album. Local files have no id."""

    id: str | None = None
    name: str
    uri: str | None = None


class Album(_Answer):
    """An album as it stands inside a track; `release_date` is as precise as it says."""

    id: str | None = None
    name: str
    uri: str | None = None
    album_type: str | None = None
    artists: tuple[Artist, ...] = ()
    release_date: str | None = None
    release_date_precision: str | None = None
    total_tracks: int | None = None
    images: tuple[Image, ...] = ()


class ExternalIds(_Answer):
    """Identifiers from outside Spotify; the ISRC names the recording."""

    isrc: str | None = None


class Track(_Answer):
    """A track with its artists and album; `duration_ms` in ms, `popularity` 0 to 100 or null."""

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


class Page(_Answer):
    """One page of a list; `next` is the address of the following page, or null."""

    items: tuple[Any, ...]
    next: str | None = None
    total: int | None = None


class PlaylistEntry(_Answer):
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


class Playlist(_Answer):
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


class Context(_Answer):
    """From where a track was played: a playlist, an album, an artist."""

    type: str | None = None
    uri: str | None = None


class PlayedItem(_Answer):
    """One row of recently played; `played_at` is ISO 8601 UTC, start or end of the play."""

    track: Track
    played_at: str
    context: Context | None = None


class RecentlyPlayed(_Answer):
    """Recently played tracks, newest first; undecoded, so that each row may fail alone."""

    items: tuple[Any, ...]


class AudioFeatures(_Answer):
    """A track's features: shares 0 to 1, loudness in dB, tempo in BPM, key 0 to 11 or -1."""

    id: str
    danceability: float | None = None
    energy: float | None = None
    key: int | None = None
    loudness: float | None = None
    mode: int | None = None
    speechiness: float | None = None
    acousticness: float | None = None
    instrumentalness: float | None = None
    liveness: float | None = None
    valence: float | None = None
    tempo: float | None = None
    duration_ms: int | None = None
    time_signature: int | None = None


class AudioFeaturesBatch(_Answer):
    """Features in the order asked; null where Spotify knows none."""

    audio_features: tuple[AudioFeatures | None, ...]


class Token(_Answer):
    """An access token, living `expires_in` seconds; a new refresh token only where it rotated."""

    access_token: str = Field(repr=False)
    expires_in: int
    refresh_token: str | None = Field(default=None, repr=False)
