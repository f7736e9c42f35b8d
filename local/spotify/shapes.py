"""The Web API's JSON objects, from a world's entities.

Every function takes `base`, the service's own root with "/v1", for the `href` fields; web
addresses and images are Spotify's own forms (for made-up ids they lead nowhere).
"""

from typing import Any

from local.spotify import ids
from local.spotify.clock import iso_ms, to_ms
from local.spotify.countries import COUNTRIES
from local.spotify.settings import PlaylistShape
from local.spotify.world import (
    Album,
    Artist,
    Catalogue,
    Features,
    Listener,
    Play,
    Playlist,
    Track,
)

Json = dict[str, Any]

_SIZES = (640, 300, 64)
# Covers and portraits have kinds of their own, one per size, at the start of an image's name.
_COVERS = ("ab67616d0000b273", "ab67616d00001e02", "ab67616d00004851")
_PORTRAITS = ("ab6761610000e5eb", "ab67616100005174", "ab6761610000f178")


def _common(kind: str, base: str, spotify_id: str) -> Json:
    return {
        "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{spotify_id}"},
        "href": f"{base}/{kind}s/{spotify_id}",
        "id": spotify_id,
        "type": kind,
        "uri": f"spotify:{kind}:{spotify_id}",
    }


def _images(prefixes: tuple[str, ...], spotify_id: str) -> list[Json]:
    name = ids.hex_id(24, "image", spotify_id)
    return [
        {"url": f"https://i.scdn.co/image/{prefix}{name}", "height": size, "width": size}
        for prefix, size in zip(prefixes, _SIZES, strict=True)
    ]


def simple_artist(base: str, artist: Artist) -> Json:
    """SimplifiedArtistObject."""
    return {**_common("artist", base, artist.id), "name": artist.name}


def artist(base: str, one: Artist) -> Json:
    """ArtistObject."""
    return {
        **simple_artist(base, one),
        "followers": {"href": None, "total": one.followers},
        "genres": list(one.genres),
        "images": _images(_PORTRAITS, one.id),
        "popularity": one.popularity,
    }


def _artists(base: str, catalogue: Catalogue, artist_ids: tuple[str, ...]) -> list[Json]:
    return [simple_artist(base, catalogue.artists[one]) for one in artist_ids]


def simple_album(base: str, catalogue: Catalogue, one: Album) -> Json:
    """SimplifiedAlbumObject."""
    return {
        **_common("album", base, one.id),
        "album_type": one.album_type,
        "artists": _artists(base, catalogue, one.artist_ids),
        "available_markets": list(COUNTRIES),
        "images": _images(_COVERS, one.id),
        "name": one.name,
        "release_date": one.release_date,
        "release_date_precision": one.precision,
        "total_tracks": len(one.track_ids),
    }


def simple_track(base: str, catalogue: Catalogue, one: Track) -> Json:
    """SimplifiedTrackObject."""
    return {
        **_common("track", base, one.id),
        "artists": _artists(base, catalogue, one.artist_ids),
        "available_markets": list(COUNTRIES),
        "disc_number": 1,
        "duration_ms": one.duration_ms,
        "explicit": one.explicit,
        "is_local": False,
        "name": one.name,
        "preview_url": None,
        "track_number": one.track_number,
    }


def track(base: str, catalogue: Catalogue, one: Track) -> Json:
    """TrackObject."""
    return {
        "album": simple_album(base, catalogue, catalogue.albums[one.album_id]),
        **simple_track(base, catalogue, one),
        "external_ids": {"isrc": one.isrc},
        "popularity": one.popularity,
    }


def album(base: str, catalogue: Catalogue, one: Album) -> Json:
    """AlbumObject with the first 50 of its tracks."""
    href = f"{base}/albums/{one.id}/tracks"
    return {
        **simple_album(base, catalogue, one),
        "copyrights": [{"text": one.label or one.name, "type": "P"}],
        "external_ids": {"upc": f"{ids.number(10**12, 'upc', one.id):012d}"},
        "genres": [],
        "label": one.label,
        "popularity": one.popularity,
        "tracks": page(href, album_tracks(base, catalogue, one), limit=50, offset=0),
    }


def album_tracks(base: str, catalogue: Catalogue, one: Album) -> list[Json]:
    """All of an album's tracks, simplified."""
    return [simple_track(base, catalogue, catalogue.tracks[each]) for each in one.track_ids]


def audio_features(base: str, one: Track, features: Features) -> Json:
    """AudioFeaturesObject."""
    return {
        "danceability": features.danceability,
        "energy": features.energy,
        "key": features.key,
        "loudness": features.loudness,
        "mode": features.mode,
        "speechiness": features.speechiness,
        "acousticness": features.acousticness,
        "instrumentalness": features.instrumentalness,
        "liveness": features.liveness,
        "valence": features.valence,
        "tempo": features.tempo,
        "type": "audio_features",
        "id": one.id,
        "uri": f"spotify:track:{one.id}",
        "track_href": f"{base}/tracks/{one.id}",
        "analysis_url": f"{base}/audio-analysis/{one.id}",
        "duration_ms": one.duration_ms,
        "time_signature": features.time_signature,
    }


def page(href: str, entries: list[Json], *, limit: int, offset: int) -> Json:
    """A PagingObject over `entries`, which are all there are."""

    def at(start: int) -> str:
        return f"{href}{'&' if '?' in href else '?'}offset={start}&limit={limit}"

    return {
        "href": at(offset),
        "items": entries[offset : offset + limit],
        "limit": limit,
        "next": at(offset + limit) if offset + limit < len(entries) else None,
        "offset": offset,
        "previous": at(max(0, offset - limit)) if offset > 0 else None,
        "total": len(entries),
    }


def playlist_entries(
    base: str, catalogue: Catalogue, one: Playlist, shape: PlaylistShape
) -> list[Json]:
    """The PlaylistTrackObjects of a playlist; a hole is an entry whose track is null."""
    key = "track" if shape == "tracks" else "item"
    return [
        {
            "added_at": f"{one.changed.isoformat()}T00:00:00Z",
            "added_by": _common("user", base, one.owner_id),
            "is_local": False,
            "primary_color": None,
            key: None if each is None else track(base, catalogue, each),
            "video_thumbnail": {"url": None},
        }
        for each in one.places
    ]


def playlist(base: str, one: Playlist) -> Json:
    """PlaylistObject without its contents, which `playlist_contents` are."""
    cover = "https://charts-images.scdn.co/assets/" + ids.hex_id(40, "image", one.id)
    return {
        **_common("playlist", base, one.id),
        "collaborative": False,
        "description": one.description,
        "followers": {"href": None, "total": ids.number(10**6, "followers", one.id)},
        "images": [{"url": cover, "height": None, "width": None}] if one.by_spotify else [],
        "name": one.name,
        "owner": {**_common("user", base, one.owner_id), "display_name": one.owner_name},
        "primary_color": None,
        "public": True,
        "snapshot_id": ids.hex_id(48, one.id, str(one.changed)),
    }


def playlist_contents(base: str, catalogue: Catalogue, one: Playlist, shape: PlaylistShape) -> Json:
    """The first 100 of a playlist's entries, under `tracks` or `items`."""
    href = f"{base}/playlists/{one.id}/{shape}"  # /tracks and /items are named like the shapes
    entries = playlist_entries(base, catalogue, one, shape)
    return {shape: page(href, entries, limit=100, offset=0)}


def me(base: str, one: Listener) -> Json:
    """PrivateUserObject."""
    return {
        **_common("user", base, one.id),
        "account_id": ids.base62_id("account", one.id),
        "country": one.country,
        "display_name": one.display_name,
        "email": f"{one.id}@example.invalid",
        "explicit_content": {"filter_enabled": False, "filter_locked": False},
        "followers": {"href": None, "total": 0},
        "images": [],
        "product": "premium",
    }


def play(base: str, catalogue: Catalogue, one: Play) -> Json:
    """PlayHistoryObject; `context` may be null."""
    context = None
    if one.context is not None:
        _, kind, spotify_id = one.context.split(":")
        context = _common(kind, base, spotify_id)
        del context["id"]
    return {
        "track": track(base, catalogue, one.track),
        "played_at": iso_ms(one.played_at),
        "context": context,
    }


def recently_played(
    base: str, catalogue: Catalogue, plays: list[Play], *, limit: int, href: str
) -> Json:
    """CursorPagingPlayHistoryObject; `next` leads backwards while pages are full."""
    if not plays:
        return {"items": [], "next": None, "cursors": None, "limit": limit, "href": href}
    newest, oldest = to_ms(plays[0].played_at), to_ms(plays[-1].played_at)
    following = f"{base}/me/player/recently-played?before={oldest}&limit={limit}"
    return {
        "items": [play(base, catalogue, one) for one in plays],
        "next": following if len(plays) == limit else None,
        "cursors": {"after": str(newest), "before": str(oldest)},
        "limit": limit,
        "href": href,
    }
