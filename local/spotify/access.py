"""What an app may ask and is told, by Spotify's access modes as they are in 2026.

``extended``: everything. ``development_2025``: an app in development mode made before 2026-02-11,
which still looks up several at once; audio features and analysis, and the playlists that Spotify
owns, are withheld since 2024-11-27. ``development``: made since; also fewer endpoints and fields,
and of playlists only the user's own with their contents. Where nothing certain is known of an app
of 2025, it is answered as an extended one.
"""

from collections.abc import Mapping
from typing import Any, Final

from local.spotify.auth import Bearer
from local.spotify.errors import ApiError
from local.spotify.settings import Mode, PlaylistShape, Settings
from local.spotify.world import Playlist

# As Spotify words its refusals: of what was withheld in 2024 with a status alone.
_WITHHELD: Final[Mapping[str, str | None]] = dict.fromkeys(
    ("audio-features", "audio-features/{id}", "audio-analysis/{id}")
)
_REMOVED: Final[Mapping[str, str | None]] = dict.fromkeys(
    ("tracks", "albums", "artists", "playlists/{id}/tracks"), "Forbidden"
)
_REFUSED: Final[Mapping[Mode, Mapping[str, str | None]]] = {
    "extended": {},
    "development_2025": _WITHHELD,
    "development": {**_WITHHELD, **_REMOVED},
}
# By the "type" of an object.
REMOVED_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "track": frozenset({"available_markets", "linked_from", "popularity"}),
    "album": frozenset({"album_group", "available_markets", "label", "popularity"}),
    "artist": frozenset({"followers", "popularity"}),
    "user": frozenset({"country", "email", "explicit_content", "followers", "product"}),
    "show": frozenset({"available_markets", "publisher"}),
}


def check_endpoint(settings: Settings, endpoint: str, bearer: Bearer) -> None:
    """Let a request to an endpoint of ours ("tracks/{id}") pass.

    Raises:
        ApiError: 403, where the mode has no such endpoint, or, by the settings, none for an app's
            own token (what is a user's is refused by itself).
    """
    refused = _REFUSED[settings.mode]
    if endpoint in refused:
        raise ApiError(403, refused[endpoint])
    withheld = settings.mode != "extended" and not settings.client_credentials
    if withheld and bearer.listener is None and not f"{endpoint}/".startswith("me/"):
        raise ApiError(403, "Forbidden")


def found_per_search(settings: Settings) -> tuple[int, int]:
    """How many of each type a search shows unless told otherwise, and at most."""
    return (5, 10) if settings.mode == "development" else (20, 50)


def playlist_shape(settings: Settings) -> PlaylistShape:
    """How a playlist's contents are shaped."""
    return "items" if settings.mode == "development" else settings.playlist_shape


def check_found(settings: Settings, playlist: Playlist | None) -> Playlist:
    """The playlist, if the app may know of it.

    Raises:
        ApiError: 404; what is withheld cannot be told from what does not exist.
    """
    if playlist is None or (playlist.by_spotify and settings.mode != "extended"):
        raise ApiError(404, "Resource not found")
    return playlist


def shows_contents(settings: Settings, playlist: Playlist, bearer: Bearer) -> bool:
    """Whether a playlist is told with its contents; every playlist here has one owner alone."""
    if settings.mode != "development":
        return True
    return bearer.listener is not None and bearer.listener.id == playlist.owner_id


def check_user(settings: Settings, bearer: Bearer) -> None:
    """Let pass who may ask for the pages of a playlist at all.

    Raises:
        ApiError: 401 for an app's own token in development mode.
    """
    if settings.mode == "development" and bearer.listener is None:
        raise ApiError(401, "Valid user authentication required")


def without_removed(value: Any) -> Any:
    """A decoded body without the fields that development mode lost in February 2026."""
    if isinstance(value, list):
        return [without_removed(one) for one in value]
    if not isinstance(value, dict):
        return value
    gone = REMOVED_FIELDS.get(str(value.get("type")), frozenset())
    return {name: without_removed(one) for name, one in value.items() if name not in gone}
