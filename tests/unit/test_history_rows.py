"""What is kept of a file's rows, and what becomes of odd and broken ones."""

import json
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from soundlake.importing import json_rows
from soundlake.importing.entries import AHEAD, ENTRIES, LONGEST
from soundlake.importing.errors import HistoryError
from soundlake.importing.formats import (
    koito,
    lastfm,
    listenbrainz,
    maloja,
    own,
    spotify_account,
    spotify_extended,
)
from soundlake.importing.packages import recognise
from soundlake.importing.reading import entries, keep, rows
from soundlake.importing.redaction import REDACTED, redact

from tests.exports.lives import PRIVATE
from tests.unit.helpers import NOW
from tests.unit.histories import ROW, broken, kept, member, read, row, text

KEYS = [name for name in spotify_extended.RAW.names if name != spotify_extended.OTHER]
UNKNOWN = ("new_key", "is_autoplay", "session", "description", "skipped_because", "")

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["203.0.113.9", "2001:db8::9", "0", "1.0", "},{", '"},\n  {"'])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*UNKNOWN, "user", "ip"]), inner, max_size=3)
    ),
    max_leaves=5,
)
ROWS = st.lists(
    st.dictionaries(st.sampled_from([*KEYS, *UNKNOWN, *sorted(REDACTED)]), VALUES, max_size=8)
    | VALUES,
    max_size=5,
)


naive = datetime.fromisoformat  # as tables keep times


def exact(value: Any) -> str:
    """A value with its types: 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


def without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: inner for key, inner in value.items() if inner is not None}


@given(ROWS)
@example([{"skipped": 0.0, "offline_timestamp": 1.0, "ms_played": True}, None, 5, [], {}])
def test_what_is_kept_is_every_row_without_what_is_redacted(given_rows: list[Any]) -> None:
    raw = kept(json.dumps(given_rows, indent=2).encode())
    wanted = [without_nulls(redact(value, KEYS)) for value in given_rows]
    assert list(map(exact, rows(raw, "spotify_extended"))) == list(map(exact, wanted))


@given(ROWS)
def test_every_row_is_one_entry_whatever_is_in_it(given_rows: list[Any]) -> None:
    raw = kept(json.dumps(given_rows).encode())
    found = entries(raw, "spotify_extended", "endsong_0.json", now=NOW)
    assert found.schema == ENTRIES
    assert found["row"].to_pylist() == list(range(1, len(given_rows) + 1))
    for value, entry in zip(given_rows, found.to_pylist(), strict=True):
        if not isinstance(value, dict):
            assert entry["problem"].startswith("the row is ")
        if entry["problem"] is None:
            assert entry["time"] is not None
            assert entry["uri"] or entry["track_name"]


_OTHER_KEYS = ("endTime", "msPlayed", "trackName", "listened_at", "track_metadata", "duration")
_OTHER_KEYS += ("artists", "date", "uts", "album", "@attr", "name", "artist", "additional_info")
FORMATS = (spotify_account, listenbrainz, lastfm, maloja, koito, own)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.SOURCE)
@given(
    found=st.lists(
        st.dictionaries(st.sampled_from([*ENTRIES.names, *_OTHER_KEYS]), VALUES, max_size=6),
        max_size=4,
    )
)
def test_of_every_format_a_row_is_kept_and_is_one_entry(form: Any, found: list[Any]) -> None:
    by_lines = b"".join(json.dumps(value).encode() + b"\n" for value in found)
    raw = kept(by_lines if form is own else text(*found), "x", form.SOURCE)
    wanted = [exact(redact(value, form.KNOWN)) for value in found]
    assert [exact(value) for value in rows(raw, form.SOURCE)] == wanted
    read_of_it = entries(raw, form.SOURCE, "x", now=NOW)
    assert read_of_it.schema == ENTRIES
    assert read_of_it.num_rows == len(found)


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=40),
    st.integers(16, 300),
)
@example(["},{", '"},\n{"', "\\", "]"], 16)
def test_where_pieces_end_does_not_matter(titles: list[str], piece: int) -> None:
    given_rows = [row(master_metadata_track_name=title) for title in titles]
    body = json.dumps(given_rows, indent=2, ensure_ascii=False).encode()
    found = json_rows.pieces(BytesIO(body), "x", json_rows.loose, piece)
    assert [one for each in found for one in each] == given_rows
    body = b"".join(json.dumps(each).encode() + b"\n" for each in given_rows)
    found = json_rows.lines(BytesIO(body), "x", json_rows.loose, piece)
    assert [one for each in found for one in each] == given_rows


def test_nothing_private_is_in_what_is_kept_wherever_a_file_puts_it() -> None:
    odd = {
        "clientIp": PRIVATE[1],
        "geo": {"lat": 1.5, "lon": 2.5, "ok": "stays"},
        "seen_at": [PRIVATE[1], "stays too", f"{PRIVATE[1]}:443"],
        "UserName": PRIVATE[0],
        "e_mail": "m@example.com",
        "home_address": "Nowhere 1",
        "hidden": PRIVATE[2],
        PRIVATE[1]: "as a key",
        "zipCode": "7731",
        "skip_reason": "stays",
        "description": "stays",
        "playlist": "stays",
        "platform_version": "stays",
    }
    raw = kept(text(row(**odd), row(username=PRIVATE[0], ip_addr=PRIVATE[1]), PRIVATE[1]))
    found = list(rows(raw, "spotify_extended"))
    assert found == [
        ROW
        | {
            "seen_at": ["stays too"],
            "skip_reason": "stays",
            "description": "stays",
            "playlist": "stays",
            "platform_version": "stays",
        },
        ROW,
        None,
    ]


def problem(**fields: Any) -> str | None:
    said: str | None = read(text(row(**fields)))[0]["problem"]
    return said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, None),
        ({"ts": None}, "ts is missing: when it was played is not told"),
        ({"ts": ""}, "ts is missing: when it was played is not told"),
        ({"ts": "yesterday"}, "ts is 'yesterday', expected a time like 2026-11-21T09:18:00Z"),
        (
            {"ts": "2024-02-30T00:00:00Z"},
            "ts is '2024-02-30T00:00:00Z', expected a time like 2026-11-21T09:18:00Z",
        ),
        ({"ts": 5}, "ts is '5', expected a time like 2026-11-21T09:18:00Z"),
        (
            {"ts": "2005-12-31T23:59:59Z"},
            "ts is '2005-12-31T23:59:59Z', before 2006, when there was no Spotify",
        ),
        ({"ts": "2006-01-01T00:00:00Z"}, None),
        ({"ts": "2026-11-22T09:18:00Z"}, None),
        (
            {"ts": "2026-11-22T09:18:01Z"},
            "ts is '2026-11-22T09:18:01Z', which lies in the future",
        ),
        ({"ms_played": -1}, "ms_played is -1, and less than nothing was not heard"),
        ({"ms_played": 0}, None),
        ({"ms_played": None}, None),
        ({"ms_played": LONGEST}, None),
        (
            {"ms_played": LONGEST + 1},
            "ms_played is 86,400,001, over 24 hours: longer than anything there is to hear at once",
        ),
        ({"ms_played": 2**70}, f"ms_played is {2**70}, expected a whole number of milliseconds"),
        ({"ms_played": 1.5}, "ms_played is 1.5, expected a whole number of milliseconds"),
        ({"ms_played": "many"}, "ms_played is 'many', expected a whole number of milliseconds"),
        ({"ms_played": 2000.0}, None),
        ({"master_metadata_track_name": None}, None),
        ({"spotify_track_uri": None}, None),
        ({"spotify_track_uri": "gone"}, None),
        (
            {"spotify_track_uri": None, "master_metadata_track_name": None},
            "master_metadata_track_name, spotify_track_uri, and all other names and URIs are null: "
            "what was played is not told",
        ),
        (
            {"spotify_track_uri": "gone", "master_metadata_track_name": ""},
            "spotify_track_uri is 'gone', expected a URI that begins with spotify:",
        ),
    ],
)
def test_why_a_row_is_no_play(fields: dict[str, Any], said: str | None) -> None:
    assert problem(**fields) == said


def test_null_everywhere_is_as_many_invalid_rows() -> None:
    found = read(text(dict.fromkeys(KEYS), {}, None))
    assert [one["problem"] for one in found] == [
        "ts is missing: when it was played is not told",
        "ts is missing: when it was played is not told",
        "the row is None, expected an object",
    ]


def one(**fields: Any) -> dict[str, Any]:
    return read(text(row(**fields)))[0]


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        (1_714_588_927, naive("2024-05-01T18:42:07")),
        (1_714_588_927_123, naive("2024-05-01T18:42:07.123")),
        (1_714_588_927.0, naive("2024-05-01T18:42:07")),
        (0, None),
        (None, None),
        (-1, None),
        (99, None),
        (2**62, None),
        ("soon", None),
    ],
)
def test_offline_timestamps_are_of_seconds_or_milliseconds(stamp: Any, at: datetime | None) -> None:
    assert one(offline_timestamp=stamp)["offline_at"] == at


@pytest.mark.parametrize(
    ("given_value", "taken"),
    [(0.0, False), (1.0, True), (1, True), (True, True), (None, None), (0.5, None), ("yes", None)],
)
def test_flags_may_be_numbers(given_value: Any, taken: bool | None) -> None:
    entry = one(skipped=given_value)
    assert entry["skipped"] is taken
    assert entry["problem"] is None


@pytest.mark.parametrize(
    ("code", "country"),
    [
        ("no", "NO"),
        ("NO", "NO"),
        (" se ", "SE"),
        ("ZZ", None),
        ("", None),
        ("Norway", None),
        ("4", None),
    ],
)
def test_countries_are_codes_or_unknown(code: str, country: str | None) -> None:
    assert one(conn_country=code)["country"] == country


@pytest.mark.parametrize(
    ("ts", "at"),
    [
        ("2024-05-01T18:42:07Z", naive("2024-05-01T18:42:07")),
        ("2024-05-01 18:42:07", naive("2024-05-01T18:42:07")),
        ("2024-05-01T20:42:07+02:00", naive("2024-05-01T18:42:07")),
        ("2024-05-01T18:42:07.250Z", naive("2024-05-01T18:42:07.250")),
    ],
)
def test_times_are_utc(ts: str, at: datetime) -> None:
    # Beside a time in the usual form, and without.
    assert read(text(row(ts=ts), row()))[0]["time"] == at
    assert one(ts=ts)["time"] == at


def test_what_a_row_names_decides_what_it_is() -> None:
    nothing = {"spotify_track_uri": None, "master_metadata_track_name": None}
    nothing |= {"master_metadata_album_artist_name": None}
    episode = {"episode_name": "An episode", "episode_show_name": "A show"}
    book = {"audiobook_title": "A book", "audiobook_chapter_title": "A chapter"}
    uris = {
        "track": "spotify:track:0123456789012345678901",
        "episode": "spotify:episode:0123456789012345678901",
        "book": "spotify:show:0123456789012345678901",
    }
    found = read(
        text(
            row(),
            row(spotify_track_uri=None),
            row(**nothing, **episode, spotify_episode_uri=uris["episode"]),
            row(**nothing, **episode),
            row(**nothing, **book, audiobook_chapter_uri=uris["episode"]),
            row(**nothing, **book, audiobook_uri=uris["book"]),
            row(**nothing, spotify_episode_uri=uris["episode"]),
            row(**episode, spotify_episode_uri=uris["episode"]),
        )
    )
    assert [each["problem"] for each in found] == [None] * 8
    wanted = ("kind", "uri", "track_name", "artist_names", "album_name")
    assert [tuple(each[name] for name in wanted) for each in found] == [
        ("track", uris["track"], "A title", ["An artist"], None),
        ("track", None, "A title", ["An artist"], None),
        ("episode", uris["episode"], "An episode", None, "A show"),
        ("episode", None, "An episode", None, "A show"),
        ("chapter", uris["episode"], "A chapter", None, "A book"),
        ("chapter", uris["book"], "A chapter", None, "A book"),
        ("episode", uris["episode"], None, None, None),
        ("track", uris["track"], "A title", ["An artist"], None),
    ]


def test_half_surrogates_become_the_replacement_character() -> None:
    body = text(row(master_metadata_track_name="X"), row())
    half = rb"\ud83d and \udc00, \ud83d\ude00 \\ud83d"
    for name in (half, rb"\ud83d", rb"\uDFFFx"):
        found = read(body.replace(b'"X"', b'"' + name + b'"'))
        shown = name.replace(rb"\ud83d\ude00", "😀".encode()).replace(rb"\\ud83d", b"!")
        for each in (rb"\ud83d", rb"\udc00", rb"\uDFFF"):
            shown = shown.replace(each, "\ufffd".encode())
        assert found[0]["track_name"] == shown.replace(b"!", rb"\ud83d").decode()
        assert found[1]["problem"] is None


def test_a_byte_order_mark_and_space_around_are_no_matter() -> None:
    body = b"\xef\xbb\xbf \n" + text(row()) + b"\n "
    file = BytesIO(body)
    assert len(keep(file, recognise(file, "x").files[0])) == 1
    file = BytesIO(b'\xef\xbb\xbf{"track_metadata": {}}\n\n{"track_metadata": {}}\n')
    assert len(keep(file, recognise(file, "x").files[0])) == 2
    file = BytesIO(b"\xef\xbb\xbfuts,artist,track\r\n1714588927,A,T\r\n")
    assert len(keep(file, recognise(file, "x").files[0])) == 1
    file = BytesIO(b'\xef\xbb\xbf{"scrobbles": [{"time": 1, "track": {"title": "T"}}]}')
    assert len(keep(file, recognise(file, "x").files[0])) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (text(row(), row())[:-20], "'endsong_0.json' is cut off in row 2. Download it again."),
        (text(row())[:-1], "'endsong_0.json' is cut off in row 1. Download it again."),
        (b"[", "'endsong_0.json' is cut off in row 1. Download it again."),
        (
            text(row(), row(), row()).replace(b"183000", b"183000 0", 2).replace(b" 0", b"", 1),
            "'endsong_0.json' is no JSON at byte 258 in row 2. Download it again, or take it as "
            "it was before it was edited.",
        ),
        (text(row()).replace(b"183000", b"NaN"), "'endsong_0.json' is no JSON at byte"),
        (text(row()) + b"x", "'endsong_0.json' is no JSON at byte"),
        (b'{"a": 1}', "'endsong_0.json' is no list of plays: expected is a JSON array of objects."),
        (b"", "'endsong_0.json' is no list of plays: expected is a JSON array of objects."),
        (text(row()).decode().encode("utf-16"), "'endsong_0.json' is in UTF-16; expected is UTF-8"),
        (
            text(row()).replace(b"A title", "é".encode("latin-1")),
            "'endsong_0.json' is not in UTF-8 (byte 85). Take the file as it was downloaded, or",
        ),
        (b"[" * 100_000 + b"]" * 100_000, "'endsong_0.json' is nested deeper"),
        (
            text(row(username="anna31"), row(), row(username="bertil77")),
            "'endsong_0.json' is the history of two people, and cannot be told apart.",
        ),
        (
            text(row(username="anna31", odd=1), row(), row(username="bertil77")),
            "'endsong_0.json' is the history of two people, and cannot be told apart.",
        ),
    ],
)
def test_a_broken_file_is_told_with_the_place(body: bytes, said: str) -> None:
    assert said in broken(body)


def test_the_place_is_that_of_the_whole_file_and_not_of_a_piece() -> None:
    many = [row(reason_end=str(at)) for at in range(20_000)]
    body = json.dumps(many, indent=2).encode()
    assert len(body) > 4 * json_rows.PIECE
    place = body.index(b'"15000"')
    spoilt = body[:place] + b"}" + body[place + 1 :]
    assert f"is no JSON at byte {place + 1:,} in row 15,001." in broken(spoilt)
    end = body.index(b'"19000"')
    assert "is cut off in row 19,001." in broken(body[:end])
    latin = body[:place] + b'"\xe9\xe900"' + body[place + 7 :]
    assert f"is not in UTF-8 (byte {place + 2:,})." in broken(latin)


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("listenbrainz", b'{"track_metadata": {}}\n{"track_meta', "'x' is no JSON in row 2"),
        (
            "listenbrainz",
            b'{"track_metadata": {}}\n{"track_metadata": "\xe9"}',
            "'x' is not in UTF-8",
        ),
        ("soundlake", b"{]\n", "'x' is no JSON in row 1"),
        ("maloja", b'{"scrobbles": [{"time": 1, ', "'x' is cut off before its end."),
        ("maloja", b"1714588927\tA\tB\n\xe9", "'x' is not in UTF-8 (byte 16);"),
        ("maloja", b'{"scrobbles": [}', "'x' is no JSON at byte 16."),
        ("maloja", b'{"other": []}', "'x' is no list of plays: expected is one under 'scrobbles'"),
        ("koito", b'{"listens": 5}', "'x' is no list of plays: expected is one under 'listens'."),
        ("lastfm", b'a,b,c,"01 Jan', "'x' is no CSV (unexpected end of data) in or after row 1."),
        ("lastfm", b"a,b,c,01 Jan 2020 12:34\n\xe9,", "'x' is not in UTF-8 "),
        (
            "listenbrainz",
            b'{"track_metadata": {}, "user_name": "Anna31"}\n{"user_name": "anna31"}\n'
            b'{"user_name": "bo"}',
            "'x' is the history of two people, and cannot be told apart.",
        ),
        (
            "lastfm",
            b'[{"track": [], "@attr": {"user": "anna31"}}, {"track": [], "@attr": {"user": "bo"}}]',
            "'x' is the history of two people, and cannot be told apart.",
        ),
        ("lastfm", b'{"recenttracks": {"track": ' + b"[" * 90_000, "'x' is nested deeper than any"),
    ],
)
def test_broken_files_of_other_formats(kind: str, body: bytes, said: str) -> None:
    assert said in broken(body, "x", kind)


def listen(**fields: Any) -> bytes:
    return text({"listened_at": 1_714_588_927, "track_metadata": {"track_name": "T"}, **fields})


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("listenbrainz", listen(), None),
        ("listenbrainz", listen(listened_at=None), "listened_at is missing: when it was played"),
        (
            "listenbrainz",
            listen(listened_at="x"),
            "listened_at is 'x', expected seconds since 1970",
        ),
        ("listenbrainz", listen(listened_at=1e30), "listened_at is '1e+30', expected seconds"),
        ("listenbrainz", listen(listened_at=5), "listened_at is '5', before 2006, when there was"),
        ("listenbrainz", listen(listened_at=4e9), "listened_at is '4000000000.0', which lies in"),
        ("listenbrainz", listen(track_metadata=5), "track_metadata.track_name is null, and no URI"),
        (
            "listenbrainz",
            listen(track_metadata={"track_name": "T", "additional_info": {"ms_played": -5}}),
            "ms_played is -5, and less than nothing was not heard",
        ),
        (
            "maloja",
            text({"time": 1_714_588_927, "track": {"title": "T"}, "duration": 90_000}),
            "duration is 90,000, over 24 hours: longer than anything there is to hear at once",
        ),
        (
            "lastfm",
            text({"name": "T", "artist": {"#text": "A"}, "@attr": {"nowplaying": "true"}}),
            "date is missing: it was playing when the file was made",
        ),
        ("lastfm", b"a,b,c,01 Jan 2020 12:34\na,b,c,01 Jam 2020 12:34\n", None),
        (
            "lastfm",
            b"uts,artist,track\n1714588927,a,b,c\n",
            "the row has more fields than it should",
        ),
        ("lastfm", b"uts,artist,track\n1714588927,a\n", "track is null: what was played is not"),
        (
            "spotify_account",
            text({"endTime": "2024-05-01", "trackName": "T", "msPlayed": 1}),
            "endTime is '2024-05-01', expected a time like 2026-11-21 09:18",
        ),
        (
            "spotify_account",
            text({"endTime": "2024-05-01 18:42", "trackName": "T", "msPlayed": "x"}),
            "msPlayed is 'x', expected a whole number of milliseconds",
        ),
        (
            "soundlake",
            b'{"source": "somebody", "time": "2024-05-01T18:42:07.000Z", "uri": "x"}',
            "source is 'somebody', expected spotify_recently_played or spotify_extended",
        ),
        (
            "soundlake",
            b'{"source": "koito", "time": "2024-05-01T18:42:07Z", "uri": "x"}',
            "time_meaning is missing",
        ),
    ],
)
def test_why_a_row_of_another_format_is_no_play(kind: str, body: bytes, said: str | None) -> None:
    found = read(body, "x", kind)[0]["problem"]
    assert found is None if said is None else (found or "").startswith(said), found


def test_what_lines_of_an_older_maloja_say() -> None:
    lines = [
        *("1714588927\tA␟B\tT #1\t-\t-\r", "", "1714588927\tA\tT", "1714588927\tA\tT\t\t12"),
        *("soon\tA\tT", "1714588927\tA", "1714588927\tA\tT\tL\t12\tmore"),
    ]
    found = read("\n".join(lines).encode(), "2024_5.tsv", "maloja")
    said = ("artist_names", "track_name", "album_name", "ms_played", "time_meaning")
    assert [tuple(each[name] for name in said) for each in found[:3]] == [
        (["A", "B"], "T #1", None, None, "start"),
        (["A"], "T", None, None, "start"),
        (["A"], "T", None, 12_000, "start"),
    ]
    assert {str(each["time"]) for each in found[:3]} == {"2024-05-01 18:42:07"}
    assert [each["problem"] for each in found[:3]] == [None] * 3
    assert [str(each["problem"]).split(",")[0] for each in found[3:]] == [
        "time is 'soon'",
        "track.title is null: what was played is not told",
        "the row has more fields than it should",
    ]


def test_a_row_of_minutes_that_is_no_date_is_invalid_by_itself() -> None:
    found = read(b"a,b,c,01 Jan 2020 12:34\na,b,c,01 Jam 2020 12:34\na,b\n", "x", "lastfm")
    assert [each["problem"] for each in found] == [
        None,
        "date is '01 Jam 2020 12:34', expected a time like 01 Jan 2020 12:34, or seconds since "
        "1970",
        "date is missing: when it was played is not told",
    ]


def test_what_listenbrainz_has_of_spotify_itself_may_be_ends() -> None:
    def meaning(**info: Any) -> Any:
        meta = {"track_name": "T", "additional_info": info}
        return read(listen(track_metadata=meta), "x", "listenbrainz")[0]["time_meaning"]

    assert meaning(submission_client="Spotify Archive Importer", ms_played=5) == "unknown"
    assert meaning(submission_client="Maloja Archive Importer") == "start"
    assert meaning(submission_client="a player", ms_played=5) == "start"
    spotify = {"music_service": "spotify.com"}
    assert meaning(submission_client="an import script", **spotify) == "unknown"
    assert meaning(submission_client="listenbrainz", **spotify) == "unknown"
    assert meaning(submission_client="listenbrainz") == "start"
    assert meaning(submission_client="a player", listening_from="spotify", **spotify) == "start"
    assert meaning(listening_from="spotify") == "unknown"
    assert meaning() == "start"


def test_what_maloja_took_from_spotifys_files_may_be_ends() -> None:
    scrobble = {"time": 1_714_588_927, "track": {"title": "T"}}
    found = read(text(scrobble, scrobble | {"origin": "import:spotify"}), "x", "maloja")
    found += read(b"1714588927\tA\tT", "spotifyimport.tsv", "maloja")
    assert [each["time_meaning"] for each in found] == ["start", "unknown", "unknown"]


def test_artists_of_listenbrainz_have_ids_only_if_each_has_one() -> None:
    def ids(*links: Any) -> Any:
        info = {"artist_names": ["A", "B"], "spotify_artist_ids": list(links)}
        meta = {"track_name": "T", "additional_info": info}
        return read(listen(track_metadata=meta), "x", "listenbrainz")[0]["artist_ids"]

    one, two = (f"https://open.spotify.com/artist/{each * 22}" for each in "ab")
    assert ids(one, two) == ["a" * 22, "b" * 22]
    assert ids(one) is None
    assert ids(one, "gone") is None
    assert ids(one, two, one) is None
    assert ids() is None


def test_podcasts_of_account_data_may_stand_under_the_keys_of_music() -> None:
    body = text({"endTime": "2024-05-01 18:42", "artistName": "S", "trackName": "E", "msPlayed": 1})
    names = ("kind", "track_name", "artist_names", "album_name")
    for name, wanted in (
        ("StreamingHistory_music_0.json", ("track", "E", ["S"], None)),
        ("StreamingHistory_podcast_0.json", ("episode", "E", None, "S")),
        ("StreamingHistory_audiobook_0.json", ("chapter", "E", None, "S")),
    ):
        (entry,) = read(body, name, "spotify_account")
        assert tuple(entry[key] for key in names) == wanted


def test_the_bound_of_the_future_is_the_imports_own_time() -> None:
    raw = kept(text(row(ts="2026-11-30T00:00:00Z")))
    later = datetime(2026, 11, 30, tzinfo=NOW.tzinfo) - AHEAD
    found = [
        entries(raw, "spotify_extended", "x", now=now)["problem"][0].as_py()
        for now in (NOW, later, later - timedelta(seconds=1))
    ]
    assert [each is None for each in found] == [False, True, False]


def test_an_unknown_kind_is_a_mistake_of_the_program() -> None:
    with pytest.raises((KeyError, HistoryError)):
        keep(BytesIO(b"[]"), member(kind="radio"))


def test_numbers_that_no_column_can_hold_are_kept_as_their_text() -> None:
    body = (
        text(row(), row(odd=5))
        .replace(b"183000", b"1e400", 1)
        .replace(b'"odd": 5', b'"odd": -1E999')
    )
    raw = kept(body)
    assert list(rows(raw, "spotify_extended")) == [
        ROW | {"ms_played": "1e400"},
        ROW | {"odd": "-1E999"},
    ]
    assert [one["problem"] for one in read(body)] == [
        "ms_played is '1e400', expected a whole number of milliseconds",
        None,
    ]
    for spoilt in (body.replace(b"-1E999", b"NaN"), body.replace(b"-1E999", b"-")):
        assert " in row 2. Download it again, or take it as it was" in broken(spoilt)


def test_a_row_without_end_is_not_looked_for_in_the_whole_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_rows, "LONGEST", 500)
    stream = BytesIO(text(row())[:-2] + b', "endless": "' + b"x" * 9_000)
    with pytest.raises(HistoryError, match="is cut off in row 1"):
        list(json_rows.pieces(stream, "x", json_rows.loose, 64))
    assert stream.tell() < 1_000


@pytest.mark.parametrize(
    ("line", "at", "precision"),
    [
        ("2024-05-01,18:42:07,A,T", "2024-05-01T18:42:07", "s"),
        ("2024-05-01,18:42,A,T", "2024-05-01T18:42:00", "min"),
        ('A,L,T,"01 May 2024, 18:42"', "2024-05-01T18:42:00", "min"),
    ],
)
def test_scrobbles_without_a_header(line: str, at: str, precision: str) -> None:
    file = BytesIO(f"{line}\n".encode())
    found = recognise(file, "x").files[0]
    (entry,) = entries(keep(file, found), found.kind, found.name, now=NOW).to_pylist()
    assert entry["problem"] is None
    assert entry["time"] == naive(at)
    assert entry["time_precision"] == precision
    assert (entry["artist_names"], entry["track_name"]) == (["A"], "T")


@pytest.mark.parametrize("date", ["32 Jan 2020 12:34", "01 Jan 2020 25:00", "01 Jan x 12:34", "?"])
def test_dates_that_there_are_not(date: str) -> None:
    body = f"a,b,c,01 Jan 2020 12:34\na,b,c,{date}\n".encode()
    said = read(body, "x", "lastfm")[1]["problem"]
    assert said.startswith(f"date is '{date}', expected a time")


def test_an_answer_of_listenbrainz_is_read_as_its_export() -> None:
    answer = {"payload": {"count": 1, "listens": json.loads(listen())}}
    for body in (json.dumps(answer).encode(), json.dumps(answer, indent=2).encode()):
        file = BytesIO(body)
        found = recognise(file, "x").files[0]
        assert found.kind == "listenbrainz"
        (entry,) = entries(keep(file, found), found.kind, found.name, now=NOW).to_pylist()
        assert (entry["problem"], entry["track_name"]) == (None, "T")


def test_a_file_that_is_no_list_at_all() -> None:
    assert "'x' is no list of plays" in broken(b"5", "x", "maloja")
    assert "'x' is no JSON" in broken(b"scrobbles", "x", "maloja")


def test_a_list_may_have_nothing_in_it() -> None:
    for kind, body in (
        ("spotify_extended", b"[]"),
        ("spotify_account", b" [ ] "),
        ("maloja", b'{"scrobbles": []}'),
        ("lastfm", b'[{"track": []}]'),
        ("soundlake", b"\n"),
    ):
        assert read(body, "x", kind) == []
