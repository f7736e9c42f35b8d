"""What an upload is, told by its content; and what is refused, with a sentence that helps."""

import json
import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import pytest
from soundlake.importing import packages
from soundlake.importing.errors import EXPECTED, HistoryError
from soundlake.importing.packages import (
    HEAD,
    MOST_FILES,
    Member,
    file_number,
    recognise,
)
from soundlake.importing.reading import keep

from tests.unit.chart_csv import chart_csv
from tests.unit.histories import member, plain, refusal, row, text, upload


class Counting(BytesIO):
    """A file that counts the bytes which are read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        body = super().read(size)
        self.taken += len(body)
        return body


def test_files_are_numbered_by_their_own_numbers_and_not_by_name() -> None:
    names = [
        "Streaming_History_Audio_2013-2015_0.json",
        "Streaming_History_Audio_2015_1.json",
        "Streaming_History_Audio_2015-2016_2.json",
        "Streaming_History_Audio_2016_10.json",
        "Streaming_History_Video_2018-2025.json",
    ]
    zipped = upload({f"MyData/{name}": text(row()) for name in reversed(names)})
    files = recognise(zipped, "my_spotify_data.zip").files
    assert [one.name for one in files] == names
    assert files[3] == Member(4, 1, names[3], len(text(row())), files[0].kind, f"MyData/{names[3]}")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("endsong_12.json", 12),
        ("endsong_3 (1).json", 3),
        ("StreamingHistory7.json", 7),
        ("Streaming_History_Audio_2019_0.json", 0),
        ("Streaming_History_Video_2019.json", None),
        ("Streaming_History_Video_2018-2025.json", None),
        ("endvideo.json", None),
    ],
)
def test_the_number_of_a_file(name: str, number: int | None) -> None:
    assert file_number(name) == number


def test_a_package_is_of_the_kind_of_most_of_its_files_and_each_has_its_own() -> None:
    account = text(
        {"endTime": "2024-05-01 18:42", "artistName": "A", "trackName": "B", "msPlayed": 1}
    )
    zipped = upload(
        {
            "a/StreamingHistory_music_0.json": account,
            "a/endsong_0.json": text(row()),
            "a/endsong_1.json": text(row()),
            "a/Userdata.json": b'{"username": "somebody"}',
            "a/Read_Me_First.pdf": b"%PDF-1.7",
            "a/Notes.txt": "notes".encode("utf-16"),
        }
    )
    package = recognise(zipped, "both.zip")
    assert package.kind == "spotify_extended"
    assert [(one.number, one.name, one.kind) for one in package.files] == [
        (1, "StreamingHistory_music_0.json", "spotify_account"),
        (2, "endsong_0.json", "spotify_extended"),
        (3, "endsong_1.json", "spotify_extended"),
    ]
    assert package.others == ("a/Notes.txt", "a/Read_Me_First.pdf", "a/Userdata.json")


def test_what_macos_adds_to_a_zip_is_passed_over() -> None:
    zipped = upload(
        {
            "MyData/endsong_0.json": text(row()),
            "__MACOSX/MyData/._endsong_0.json": b"\0\5\x16\7resource",
            "MyData/._endsong_0.json": b"\0\5\x16\7resource",
            "MyData/.DS_Store": b"\0\0\0\1Bud1",
        }
    )
    package = recognise(zipped, "again.zip")
    assert [one.path for one in package.files] == ["MyData/endsong_0.json"]
    assert package.others == ()


def test_a_zip_may_have_the_separators_of_windows() -> None:
    zipped = tricked("MyData\\endsong_1.json", "MyData\\endsong_0.json", "MyData\\._endsong_0.json")
    names = [one.name for one in recognise(BytesIO(zipped), "x").files]
    assert names == ["endsong_0.json", "endsong_1.json"]


def test_a_damaged_file_that_is_called_a_history_is_none_of_the_others() -> None:
    zipped = upload({"endsong_0.json": text(row()), "endsong_1.json": b"<html>sign in</html>"})
    package = recognise(zipped, "my.zip")
    assert [one.name for one in package.files] == ["endsong_0.json", "endsong_1.json"]
    with pytest.raises(HistoryError, match=r"'endsong_1\.json' is no list of plays"):
        keep(zipped, package.files[1])


def test_little_of_an_upload_is_read() -> None:
    body = text(*[row(reason_end=str(at)) for at in range(20_000)])
    file = Counting(body)
    recognise(file, "endsong_0.json")
    assert file.taken == HEAD
    memory = Counting()
    with ZipFile(memory, "w", ZIP_STORED) as archive:
        archive.writestr("endsong_0.json", body)
        archive.writestr("endsong_1.json", body)
    memory.taken = 0
    recognise(memory, "my.zip")
    assert memory.taken < 5 * HEAD < len(body)


@pytest.mark.parametrize("shift", range(4))
def test_a_head_may_end_within_a_character(shift: int) -> None:
    title = "x" * shift + "💿" * HEAD
    body = json.dumps([row(), row(reason_end=title)], ensure_ascii=False).encode()
    assert plain(body)[1].kind == "spotify_extended"


def encrypted() -> bytes:
    body = bytearray(upload({"endsong_0.json": text(row())}).getvalue())
    for signature, flags in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        at = body.index(signature) + flags
        body[at : at + 2] = struct.pack("<H", 1)
    return bytes(body)


def tricked(*paths: str) -> bytes:
    memory = BytesIO()
    with ZipFile(memory, "w") as archive:
        for path in paths:
            archive.writestr(ZipInfo(path), text(row()))
    return memory.getvalue()


def bomb() -> bytes:
    return upload({"endsong_0.json": b"[" + b" " * 3_000_000 + b"]"}).getvalue()


def many() -> bytes:
    return upload({f"{at}.json": b"" for at in range(MOST_FILES + 1)}).getvalue()


def strangely_packed() -> bytes:
    body = bytearray(upload({"endsong_0.json": text(row())}).getvalue())
    at = body.index(b"PK\1\2") + 10
    body[at : at + 2] = struct.pack("<H", 9)
    return bytes(body)


def cut_within(path: str) -> bytes:
    """A zip whose file's own header is not where the directory says."""
    body = bytearray(upload({path: text(row())}).getvalue())
    body[:4] = b"PK\x03\x05"
    return b"PK\x03\x04" + bytes(body)


def renamed(path: str) -> bytes:
    """A zip whose file has another name in its own header."""
    body = upload({path: text(row())}).getvalue()
    return body.replace(path.encode(), b"b" + path.encode()[1:], 1)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (lambda: b"", "'x' is empty. Download it again."),
        (lambda: b"%PDF-1.7 ...", f"'x' is a PDF, and no listening history. {EXPECTED}"),
        (lambda: b"\n <!DOCTYPE html><html>", "'x' is a page of HTML, as a browser saves it"),
        (lambda: b"\x1f\x8b\x08", "'x' is a gzip archive, and no listening history."),
        (lambda: b"hello", f"'x' is no listening history that is known here. {EXPECTED}"),
        (lambda: b'{"playlists": []}', "'x' is no listening history that is known here."),
        (lambda: b"[ ]\n", "'x' is an empty list: there is no play in it."),
        (lambda: b"  \n", "'x' is empty."),
        (lambda: text(row()).decode().encode("utf-16"), "'x' is in UTF-16; expected is UTF-8"),
        (lambda: text(row()).decode().encode("utf-16-be"), "'x' is in UTF-16; expected is UTF-8"),
        (lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", f"'x' is no text. {EXPECTED}"),
        (lambda: b"\xff\xd8\xff\xe1" + b"\x01" * 90, f"'x' is no text. {EXPECTED}"),
        (lambda: '[{"ts": "é"}]'.encode("latin-1"), "'x' is not in UTF-8 (byte 10);"),
        (lambda: chart_csv([]), "'x' is a chart, and no listening history:"),
        (lambda: upload({"a.json": b"[]"}).getvalue(), "'x' is a zip without a file of listening"),
        (lambda: upload({}).getvalue(), "'x' is a zip without a file of listening history."),
        (
            lambda: upload({"endsong_0.json": text(row())}).getvalue()[:-30],
            "'x' is a zip that is cut off or damaged (File is not a zip file). Download it again.",
        ),
        (
            lambda: upload({"a/in.zip": upload({"b": b""}).getvalue()}).getvalue(),
            "'x' has a zip within it ('a/in.zip'). Unpack it and import what is in it.",
        ),
        (encrypted, "'x' is locked with a password ('endsong_0.json'). Unpack it and"),
        (strangely_packed, "'x' is packed in a way that is not read here ('endsong_0.json')."),
        (lambda: tricked("../endsong_0.json"), "'x' has a file that would lie outside of it"),
        (lambda: tricked("a/../../endsong_0.json"), "'x' has a file that would lie outside of it"),
        (lambda: tricked("/etc/endsong_0.json"), "'x' has a file that would lie outside of it"),
        (lambda: tricked("C:\\endsong_0.json"), "'x' has a file that would lie outside of it"),
        (lambda: tricked("..\\endsong_0.json"), "'x' has a file that would lie outside of it"),
        (bomb, "'x': 'endsong_0.json' unpacks to 3,000,002 bytes, over 200 times its size,"),
        (many, "'x' has 5,001 files; at most 5,000 are read."),
        (
            lambda: upload({"manifest.json": b'{"soundlake": "export", "version": 9}'}).getvalue(),
            "'x' is an export of a later Soundlake: of version 9, and this one reads 1.",
        ),
    ],
)
def test_what_is_refused_and_why(body: Callable[[], bytes], sentence: str) -> None:
    assert sentence in refusal(body(), "x")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused() -> None:
    said = refusal(tricked("endsong_0.json", "endsong_0.json"), "x")
    assert said.startswith("'x' has two files of one name ('endsong_0.json'):")


def test_a_file_of_two_gigabytes_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "endsong_0.json"
    with path.open("wb") as file:
        file.write(text(row())[:-1])
        file.truncate(2_000_000_000)
    with path.open("rb") as file, pytest.raises(HistoryError) as caught:
        recognise(file, path.name)
    assert str(caught.value) == (
        "'endsong_0.json' has 2,000,000,000 bytes, uncompressed; at most 1,000,000,000 of one file "
        "are read. Import the package as the service gave it, whose files are smaller, or split "
        "the file."
    )


def test_a_file_in_a_zip_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "LARGEST", len(text(row())) - 1)
    zipped = upload({"a/endsong_0.json": text(row()), "a/Userdata.json": text(*range(500))})
    assert refusal(zipped.getvalue(), "x").startswith(f"'endsong_0.json' has {len(text(row()))} by")
    monkeypatch.setattr(packages, "LARGEST", len(text(row())))
    assert len(recognise(zipped, "x").files) == 1


def test_all_of_a_zip_may_be_too_large() -> None:
    body = bytearray(upload({f"{at}.json": text(row()) for at in range(6)}).getvalue())
    at = -1
    while (at := body.find(b"PK\1\2", at + 1)) >= 0:
        body[at + 20 : at + 28] = struct.pack("<II", 4_000_000_000, 4_000_000_000)
    assert refusal(bytes(body), "x").startswith("'x' unpacks to 24,000,000,000 bytes;")


def test_files_that_name_two_people_are_refused_and_nobody_is_named() -> None:
    one, other = text(row(username="anna31")), text(row(username="bertil77"))
    with pytest.raises(HistoryError) as caught:
        recognise(upload({"a/endsong_0.json": one, "a/endsong_1.json": other}), "x")
    assert str(caught.value) == (
        "'endsong_0.json' and 'endsong_1.json' are the history of two people. Import each one's "
        "files by themselves, with --account."
    )
    said = refusal(text(row(username="anna31"), row(username="bertil77")), "x")
    assert said == "'x' is the history of two people, and cannot be told apart."


def test_files_of_one_person_may_leave_the_name_out() -> None:
    found = [row(username="anna31"), row(username=None), row(username=""), row()]
    zipped = upload({f"endsong_{at}.json": text(each) for at, each in enumerate(found)})
    assert len(recognise(zipped, "x").files) == 4
    assert len(plain(text(*found))[1].files) == 1


@pytest.mark.parametrize(
    ("name", "body", "called"),
    [
        ("anna.31", b"A,B,C,01 Jan 2020 12:34\n", "lastfm"),
        ("anna31.csv", b"A,B,C,01 Jan 2020 12:34\n", "lastfm.csv"),
        ("recenttracks-anna31-1700000000.CSV", b"A,B,C,01 Jan 2020 12:34\n", "lastfm.csv"),
        ("anna31_lb.jsonl", b'{"track_metadata": {}}\n', "listenbrainz.jsonl"),
        ("history of Anna31.json", text(row()), "spotify_extended.json"),
        ("endsong_0.json", text(row()), "endsong_0.json"),
        ("anna31_endsong_3 (1).json", text(row()), "endsong_3 (1).json"),
        (
            "Streaming_History_Audio_2021-2022_3-anna31",
            text(row()),
            "Streaming_History_Audio_2021-2022_3",
        ),
        ("endsong_0 and 12 more.json", text(row()), "endsong_0 and 12 more.json"),
    ],
)
def test_what_is_recorded_is_not_called_by_its_user(name: str, body: bytes, called: str) -> None:
    package = recognise(BytesIO(body), f"anna31/{name}")
    assert (package.name, package.files[0].name) == (called, called)


def test_files_of_a_package_are_known_by_their_place_where_their_name_may_be_a_persons() -> None:
    podcast = {"endTime": "2024-05-01 18:42", "podcastName": "A", "episodeName": "B", "msPlayed": 1}
    found = {
        "anna31/anna31-Streaming_History_Audio_2021_3.json": text(row()),
        "anna31/StreamingHistory_podcast_0.json": text(podcast),
        "anna31/listening.json": text(row()),
        "anna31/podcasts of anna.JSON": text(podcast),
    }
    files = recognise(upload(found), "anna31.zip").files
    assert [one.name for one in files] == [
        *("StreamingHistory_podcast_0.json", "Streaming_History_Audio_2021_3.json"),
        *("file 3.json", "podcast 4.json"),
    ]
    assert [file_number(one.name) for one in files] == [0, 3, None, None]
    assert [one.path for one in files] == [list(found)[at] for at in (1, 0, 2, 3)]


def test_no_two_files_of_a_package_are_called_the_same() -> None:
    listens = b'{"track_metadata": {}}\n'
    found = {f"listens/{year}/{month}.jsonl": listens for year in (2023, 2024) for month in (1, 11)}
    names = [one.name for one in recognise(upload(found), "x").files]
    assert sorted(names) == ["2023/1.jsonl", "2023/11.jsonl", "2024/1.jsonl", "2024/11.jsonl"]
    paths = ["a/endsong_0.json", "b/endsong_0.json", "b/endsong_0 (2).json", "c/anna31.json"]
    names = [one.name for one in recognise(upload(dict.fromkeys(paths, text(row()))), "x").files]
    assert sorted(names) == [
        *("endsong_0 (2).json", "endsong_0 (3).json", "endsong_0.json", "file 4.json")
    ]
    assert [file_number(name) for name in names[:2]] == [0, 0]


def test_a_zip_of_any_name_is_called_by_its_kind() -> None:
    zipped = upload({"a/endsong_0.json": text(row())})
    names = ["anna31.zip", "my_spotify_data (1).zip", "upload.zip", "MyData.zip"]
    assert [recognise(zipped, name).name for name in names] == [
        *("spotify_extended.zip", "my_spotify_data (1).zip", "spotify_extended.zip", "MyData.zip")
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "body",
    [
        lambda: upload({"anna31.zip": upload({"b": b""}).getvalue()}).getvalue(),
        lambda: tricked("../anna31.json"),
        lambda: tricked("anna31.json", "anna31.json"),
        lambda: upload({"anna31.json": b"[" + b" " * 3_000_000 + b"]"}).getvalue(),
        lambda: upload(
            {f"anna31/{who}.json": text(row(username=who)) for who in ("anna31", "bertil77")}
        ).getvalue(),
        lambda: cut_within("anna31.json"),
        lambda: renamed("anna31.json"),
    ],
)
def test_redacted_messages_have_no_names_of_files(body: Callable[[], bytes]) -> None:
    with pytest.raises(HistoryError) as full:
        recognise(BytesIO(body()), "x.zip")
    with pytest.raises(HistoryError) as caught:
        recognise(BytesIO(body()), "upload.zip", redacted=True)
    assert "anna31" not in str(caught.value)
    assert str(caught.value)[-20:] == str(full.value)[-20:]


def of_many_rows() -> bytes:
    rows = [row(reason_end=str(at)) for at in range(5_000)]
    return upload({"endsong_0.json": text(*rows)}).getvalue()


def damaged(*places: int) -> BytesIO:
    body = bytearray(of_many_rows())
    for place in places:
        body[place] ^= 0xFF
    return BytesIO(bytes(body))


def test_a_wrong_checksum_is_told_when_the_file_is_read() -> None:
    body = of_many_rows()
    file = damaged(body.index(b"PK\1\2") + 16, body.index(b"PK\3\4") + 14)
    found = recognise(file, "x").files[0]
    with pytest.raises(HistoryError) as caught:
        keep(file, found)
    assert str(caught.value).startswith("'endsong_0.json' cannot be unpacked (Bad CRC-32")
    assert str(caught.value).endswith("The zip is damaged: download it again.")


def test_a_wrong_checksum_of_a_csv_is_told_too() -> None:
    body = bytearray(upload({"a.csv": b"A,B,C,01 Jan 2020 12:34\n" * 9_000}).getvalue())
    body[body.index(b"PK\1\2") + 16] ^= 0xFF
    body[body.index(b"PK\3\4") + 14] ^= 0xFF
    file = BytesIO(bytes(body))
    with pytest.raises(HistoryError, match=r"^'file 1\.csv' cannot be unpacked \(Bad CRC-32\)"):
        keep(file, recognise(file, "x").files[0])


def test_a_zip_with_a_wrong_byte_is_refused_or_is_as_it_was() -> None:
    whole = of_many_rows()
    right = keep(BytesIO(whole), recognise(BytesIO(whole), "x").files[0])
    refused = 0
    for where in range(1, len(whole), len(whole) // 60):
        file = damaged(where)
        try:
            found = keep(file, recognise(file, "x").files[0])
        except HistoryError:
            refused += 1
        else:
            assert found.equals(right)
    assert refused > 40


def test_a_member_that_is_not_there_is_told() -> None:
    with pytest.raises(HistoryError, match="cannot be unpacked"):
        keep(upload({"endsong_0.json": b"[]"}), Member(1, 7, "gone.json", 1, member().kind))
