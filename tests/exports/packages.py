"""Packages as services hand them out: files by path, and zips of them."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile

from tests.exports import services, spotify
from tests.exports.lives import Play

# By kind: whether it is a zip, or the one file's name.
SINGLE = {
    "lastfm": "scrobbles.csv",
    "lastfm_header": "lastfm-export.csv",
    "lastfm_pages": "recenttracks.json",
    "lastfmstats": "lastfmstats.csv",
    "lastfmstats_json": "lastfmstats.json",
    "maloja": "maloja_export_2026_11_01.json",
    "maloja_api": "scrobbles.json",
    "maloja_lines": "scrobbles/2026_10.tsv",
    "koito": "koito_export.json",
}
KINDS = ("spotify_extended", "spotify_account", "listenbrainz", *SINGLE)


def files(
    kind: str, plays: Iterable[Play], generation: str = "2025"
) -> Iterator[tuple[str, bytes, list[Play]]]:
    """The files of history of a package: path, text, and the plays in it, in order.

    Of services that know tracks alone only plays of these are taken.
    """
    if kind == "spotify_extended":
        for path, found in spotify.extended(plays, generation):
            yield path, spotify.extended_file(found, generation), found
        return
    if kind == "spotify_account":
        for path, found in spotify.account(plays):
            yield path, spotify.account_file(found), found
        return
    tracks = [play for play in plays if play.item.kind == "track"]
    if kind == "listenbrainz":
        for path, (body, found) in services.listenbrainz(tracks).items():
            yield path, body, found
        return
    name = "lastfm_plain" if kind == "lastfm" else kind
    yield SINGLE[kind], getattr(services, name)(tracks), tracks


def others(kind: str) -> dict[str, bytes]:
    """What else is in such a package, by path."""
    return {
        "spotify_extended": {
            "Spotify Extended Streaming History/ReadMeFirst_ExtendedStreamingHistory.pdf": b"%PDF-1"
        },
        "spotify_account": spotify.ACCOUNT_OTHERS,
        "listenbrainz": services.LISTENBRAINZ_OTHERS,
    }.get(kind, {})


def zipped(found: Iterable[tuple[str, bytes]], into: BinaryIO | Path | None = None) -> BytesIO:
    """A zip of files, by path; in memory unless `into` says where."""
    memory = BytesIO()
    with ZipFile(into or memory, "w", ZIP_DEFLATED, compresslevel=6) as archive:
        for path, body in found:
            archive.writestr(path, body)
    memory.seek(0)
    return memory
