"""Spotify's own exports of a made-up life, of every generation."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from tests.exports.lives import ADDRESSES, AGENT, PLACE, USER, Play

# By generation: the folder in the zip, and the name that files have.
GENERATIONS = {
    "oldest": ("MyData", "endsong"),  # with places
    "endsong": ("MyData", "endsong"),  # to 2022: with user names, addresses and agents
    "2023": ("MyData", "Streaming_History"),  # the same keys under new names
    "2024": ("Spotify Extended Streaming History", "Streaming_History"),  # 19 keys
    "2025": ("Spotify Extended Streaming History", "Streaming_History"),  # 23 keys: audiobooks
}
ROWS_A_FILE = 16_000
ACCOUNT_ROWS_A_FILE = 10_000


def extended_row(play: Play, generation: str = "2025") -> dict[str, Any]:
    """The row of Extended streaming history of a play."""
    item, shown = play.item, not play.hidden
    track, episode = item.kind == "track", item.kind == "episode"
    chapter = item.kind == "chapter"
    address = ADDRESSES[play.end % 2]
    stamp = {
        "s": (play.offline_at or 0) // 1000,
        "ms": play.offline_at,
        "0": 0,
        "null": None,
    }[play.offline_form]
    row: dict[str, Any] = {
        "ts": datetime.fromtimestamp(play.end // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "username": USER,
        "platform": play.platform,
        "ms_played": play.ms_played,
        "conn_country": play.country,
        "ip_addr_decrypted": address,
        "user_agent_decrypted": AGENT if play.end % 3 else None,
        **PLACE,
        "ip_addr": address,
        "master_metadata_track_name": item.name if track and shown else None,
        "master_metadata_album_artist_name": item.artists[0] if track and shown else None,
        "master_metadata_album_album_name": item.album if track and shown else None,
        "spotify_track_uri": play.uri if track else None,
        "episode_name": item.name if episode and shown else None,
        "episode_show_name": item.album if episode and shown else None,
        "spotify_episode_uri": play.uri if episode else None,
        "audiobook_title": item.album if chapter and shown else None,
        "audiobook_uri": f"spotify:show:{item.album_id}" if chapter else None,
        "audiobook_chapter_uri": play.uri if chapter else None,
        "audiobook_chapter_title": item.name if chapter and shown else None,
        "reason_start": play.reason_start,
        "reason_end": play.reason_end,
        "shuffle": play.shuffle,
        "skipped": play.skipped,
        "offline": play.offline,
        "offline_timestamp": stamp,
        "incognito_mode": play.incognito,
    }
    for key in _LEFT_OUT[generation]:
        del row[key]
    return row


_OLDER = ("username", "ip_addr_decrypted", "user_agent_decrypted")
_BOOKS = ("audiobook_title", "audiobook_uri", "audiobook_chapter_uri", "audiobook_chapter_title")
_LEFT_OUT = {
    "oldest": (*_BOOKS, "ip_addr"),
    "endsong": (*_BOOKS, "ip_addr", *PLACE),
    "2023": (*_BOOKS, "ip_addr", *PLACE),
    "2024": (*_BOOKS, *_OLDER, *PLACE),
    "2025": (*_OLDER, *PLACE),
}


def fits(play: Play, generation: str) -> bool:
    """Whether exports of a generation have a play: audiobooks came late."""
    return play.item.kind != "chapter" or generation == "2025"


def extended(plays: Iterable[Play], generation: str = "2025") -> Iterator[tuple[str, list[Play]]]:
    """The files of a package, by path, with the plays that each has, in order."""
    folder, name = GENERATIONS[generation]
    audio: list[Play] = []
    videos: list[Play] = []
    number = 0
    for play in plays:
        if fits(play, generation):
            (videos if play.video else audio).append(play)
        if len(audio) == ROWS_A_FILE:
            yield f"{folder}/{_file(name, audio, number)}", audio
            audio, number = [], number + 1
    if audio:
        yield f"{folder}/{_file(name, audio, number)}", audio
    if videos:
        yield f"{folder}/{_file(name, videos, None)}", videos


def _file(name: str, plays: list[Play], number: int | None) -> str:
    if name == "endsong":
        return "endvideo.json" if number is None else f"endsong_{number}.json"
    years = [datetime.fromtimestamp(one.end // 1000, UTC).year for one in (plays[0], plays[-1])]
    span = "-".join(map(str, dict.fromkeys(years)))
    return f"{name}_Video_{span}.json" if number is None else f"{name}_Audio_{span}_{number}.json"


def extended_file(plays: Iterable[Play], generation: str = "2025") -> bytes:
    """The text of one file: indented by two spaces, as Spotify writes it."""
    return indented([extended_row(play, generation) for play in plays])


def account_row(play: Play) -> dict[str, Any]:
    """The row of Account data of a play; podcasts and audiobooks have keys of their own."""
    item = play.item
    names = {
        "track": {"artistName": item.artists[0], "trackName": item.name},
        "episode": {"podcastName": item.album, "episodeName": item.name},
        "chapter": {
            "authorName": item.artists[0],
            "audiobookName": item.album,
            "chapterName": item.name,
        },
    }[item.kind]
    end = datetime.fromtimestamp(play.end // 1000, UTC).strftime("%Y-%m-%d %H:%M")
    return {"endTime": end, **names, "msPlayed": play.ms_played}


def account(plays: Iterable[Play]) -> Iterator[tuple[str, list[Play]]]:
    """The files of history of a package, by path, with the plays that each has."""
    names = {"track": "music", "episode": "podcast", "chapter": "audiobook"}
    sorts: dict[str, list[Play]] = {kind: [] for kind in names}
    for play in plays:
        sorts[play.item.kind].append(play)
    for kind, found in sorts.items():
        for number, at in enumerate(range(0, len(found), ACCOUNT_ROWS_A_FILE)):
            path = f"Spotify Account Data/StreamingHistory_{names[kind]}_{number}.json"
            yield path, found[at : at + ACCOUNT_ROWS_A_FILE]


def account_file(plays: Iterable[Play]) -> bytes:
    """The text of one file."""
    return indented([account_row(play) for play in plays])


# What else is in a package of Account data.
ACCOUNT_OTHERS = {
    "Spotify Account Data/Userdata.json": msgspec.json.encode({"username": USER, "country": "NO"}),
    "Spotify Account Data/Playlist1.json": b'{"playlists": []}',
    "Spotify Account Data/SearchQueries.json": b'[{"platform": "IPHONE", "searchQuery": "x"}]',
    "Spotify Account Data/ReadMeFirst.pdf": b"%PDF-1.4 made up",
}


def indented(rows: list[dict[str, Any]]) -> bytes:
    """JSON indented by two spaces."""
    return msgspec.json.format(msgspec.json.encode(rows), indent=2)
