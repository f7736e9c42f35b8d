"""What other services export of a made-up life. None of them knows more than tracks."""

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import msgspec

from tests.exports.lives import ADDRESSES, USER, Play

_HEADER = [
    "uts",
    "utc_time",
    "artist",
    "artist_mbid",
    "album",
    "album_mbid",
    "track",
    "track_mbid",
]


def listenbrainz_row(play: Play) -> dict[str, Any]:
    """A listen, as ListenBrainz exports it; every other one came with what Spotify says."""
    item = play.item
    info: dict[str, Any] = {
        "recording_msid": "00000000-0000-4000-8000-000000000000",
        "submission_client": "made up",
        "media_player_version": "7.7",
        "listening_ip": ADDRESSES[0],
        "user_name": USER,
    }
    if play.start // 1000 % 2:
        info |= {
            "artist_names": list(item.artists),
            "duration_ms": item.duration_ms,
            "isrc": item.isrc,
            "music_service": "spotify.com",
            "origin_url": f"https://open.spotify.com/track/{play.uri[-22:]}",
            "spotify_id": f"https://open.spotify.com/track/{play.uri[-22:]}",
            "spotify_album_id": f"https://open.spotify.com/album/{item.album_id}",
            "spotify_artist_ids": [
                f"https://open.spotify.com/artist/{each}" for each in item.artist_ids
            ],
        }
    return {
        "inserted_at": play.end / 1000,
        "listened_at": play.start // 1000,
        "track_metadata": {
            "track_name": item.name,
            "artist_name": ", ".join(item.artists),
            "release_name": item.album,
            "mbid_mapping": None,
            "additional_info": info,
        },
    }


def listenbrainz(plays: Iterable[Play]) -> dict[str, tuple[bytes, list[Play]]]:
    """The files of listens in the zip, by path: one for each month."""
    months: dict[str, list[Play]] = {}
    for play in plays:
        at = datetime.fromtimestamp(play.start // 1000, UTC)
        months.setdefault(f"listens/{at.year}/{at.month}.jsonl", []).append(play)
    return {
        path: (lines(listenbrainz_row(play) for play in found), found)
        for path, found in months.items()
    }


LISTENBRAINZ_OTHERS = {
    "user.json": msgspec.json.encode({"user_id": 7731, "username": USER}) + b"\n",
    "feedback.jsonl": b'{"recording_msid": null, "score": 1, "created": 1700000000}\n',
}


def lastfm_plain(plays: Iterable[Play]) -> bytes:
    """CSV without a header, to the minute."""
    return _csv([[*_names(play, (0, 2, 1)), _minute(play, " ")] for play in plays])


def lastfm_header(plays: Iterable[Play]) -> bytes:
    """CSV with `uts`, every field in quotes."""
    rows = []
    for play in plays:
        artist, album, track = _names(play, (0, 2, 1))
        uts = str(play.start // 1000)
        rows.append([uts, _minute(play, ", "), artist, "", album, "", track, ""])
    return _csv([_HEADER, *rows], quoting=csv.QUOTE_ALL)


def lastfmstats(plays: Iterable[Play]) -> bytes:
    """CSV with semicolons; the name of its last column has the user's."""
    head = ["Artist", "Album", "AlbumId", "Track", f"Date#{USER}"]
    rows = [
        [play.item.artists[0], play.item.album, "", play.item.name, str(play.start // 1000 * 1000)]
        for play in plays
    ]
    return _csv([head, *rows], delimiter=";", quoting=csv.QUOTE_ALL)


def lastfmstats_json(plays: Iterable[Play]) -> bytes:
    """One object with the user's name, and the scrobbles."""
    rows = [
        {
            "track": play.item.name,
            "artist": play.item.artists[0],
            "album": play.item.album,
            "albumId": "",
            "date": play.start // 1000 * 1000,
        }
        for play in plays
    ]
    return msgspec.json.encode({"username": USER, "scrobbles": rows})


def lastfm_pages(plays: Iterable[Play], page: int = 200) -> bytes:
    """Pages of `user.getRecentTracks`, as its API answers them."""
    rows = [_recent(play) for play in plays]
    about = {"user": USER, "perPage": str(page), "total": str(len(rows))}
    pages = [
        {"track": rows[at : at + page], "@attr": about | {"page": str(1 + at // page)}}
        for at in range(0, max(len(rows), 1), page)
    ]
    return msgspec.json.encode(pages)


def _recent(play: Play) -> dict[str, Any]:
    return {
        "artist": {"mbid": "", "#text": play.item.artists[0]},
        "streamable": "0",
        "image": [{"size": "small", "#text": "https://example.com/i.png"}],
        "mbid": "",
        "album": {"mbid": "", "#text": play.item.album},
        "name": play.item.name,
        "url": "https://www.last.fm/music/made/_/up",
        "date": {"uts": str(play.start // 1000), "#text": _minute(play, ", ")},
    }


def maloja_row(play: Play) -> dict[str, Any]:
    """A scrobble of Maloja."""
    item = play.item
    return {
        "time": play.start // 1000,
        "track": {
            "artists": list(item.artists),
            "title": item.name,
            "album": {"artists": list(item.artists[:1]), "albumtitle": item.album},
            "length": item.duration_ms // 1000,
        },
        "duration": play.ms_played // 1000,
        "origin": "client:made_up",
    }


def maloja(plays: Iterable[Play]) -> bytes:
    """The file that `maloja export` writes."""
    rows = [maloja_row(play) for play in plays]
    text = msgspec.json.encode({"maloja": {"export_time": 1_790_000_000}, "scrobbles": rows})
    return msgspec.json.format(text, indent=3)


def maloja_api(plays: Iterable[Play]) -> bytes:
    """An answer of Maloja's API."""
    return msgspec.json.encode({"status": "ok", "list": [maloja_row(play) for play in plays]})


def maloja_lines(plays: Iterable[Play]) -> bytes:
    """A file of scrobbles as Maloja kept them before it had a database."""
    fields = (
        (
            str(play.start // 1000),
            "␟".join(play.item.artists),
            play.item.name,
            play.item.album,
            str(play.ms_played // 1000),
        )
        for play in plays
    )
    return "".join("\t".join(each) + "\n" for each in fields).encode()


def koito_row(play: Play) -> dict[str, Any]:
    """A listen of Koito; names have aliases, the primary one not always first."""
    item = play.item
    return {
        "listened_at": datetime.fromtimestamp(play.start // 1000, UTC).strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        ),
        "client": "made up",
        "track": {
            "mbid": None,
            "duration": item.duration_ms // 1000,
            "aliases": _aliases(item.name, "another title"),
        },
        "album": {
            "image_url": "",
            "mbid": None,
            "aliases": _aliases(item.album),
            "various_artists": False,
        },
        "artists": [
            {"image_url": "", "mbid": None, "is_primary": not at, "aliases": _aliases(artist)}
            for at, artist in enumerate(item.artists)
        ],
    }


def koito(plays: Iterable[Play]) -> bytes:
    """The file that Koito exports."""
    document = {
        "version": "1",
        "exported_at": "2026-11-01T00:00:00Z",
        "user": USER,
        "listens": [koito_row(play) for play in plays],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """An object in each line."""
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _aliases(primary: str, other: str | None = None) -> list[dict[str, Any]]:
    found = [{"alias": primary, "source": "Canonical", "is_primary": True}]
    if other:
        found.insert(0, {"alias": other, "source": "MusicBrainz", "is_primary": False})
    return found


def _names(play: Play, order: tuple[int, ...]) -> list[str]:
    names = (play.item.artists[0], play.item.name, play.item.album)
    return [names[at] for at in order]


def _minute(play: Play, between: str) -> str:
    at = datetime.fromtimestamp(play.start // 1000, UTC)
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{at.day:02d} {months[at.month - 1]} {at.year}{between}{at.hour:02d}:{at.minute:02d}"


def _csv(rows: Iterable[list[str]], **how: Any) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\n", **how).writerows(rows)
    return text.getvalue().encode()
