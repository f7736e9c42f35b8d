"""The spans of which an export of Spotify's own holds everything."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.importing.covering import FileSpan, covered, span_of
from soundlake.importing.packages import recognise
from soundlake.importing.reading import entries, keep

from tests.exports import expected, packages
from tests.exports.lives import life
from tests.unit.helpers import NOW
from tests.unit.histories import kept, row, text

DAY = datetime.fromisoformat("2024-05-01")


def at(day: float) -> datetime:
    return DAY + timedelta(days=day)


def file(
    name: str, first: float, last: float, *, ordered: bool = True, kind: str = "spotify_extended"
) -> FileSpan:
    return FileSpan(kind, name, at(first), at(last), ordered)


def spans(*found: FileSpan) -> list[tuple[float, float]]:
    return [
        ((first - DAY) / timedelta(days=1), (last - DAY) / timedelta(days=1))
        for first, last in covered(found)
    ]


def test_files_whose_numbers_follow_each_other_are_joined() -> None:
    one, two = file("Streaming_History_Audio_2024_0.json", 0, 5), file("endsong_9.json", 70, 80)
    after = file("Streaming_History_Audio_2024_1.json", 7, 9)
    later = file("Streaming_History_Audio_2024-2025_3.json", 20, 30)
    assert spans(later, two, one, after) == [(0, 9), (20, 30), (70, 80)]


def test_spans_that_overlap_are_one() -> None:
    account = file("StreamingHistory_music_0.json", 4, 8, kind="spotify_account")
    assert spans(file("endsong_0.json", 0, 5), account) == [(0, 8)]


def test_nothing_is_covered_without_files() -> None:
    assert covered([]) == []


def test_files_out_of_order_cover_together_or_not_at_all() -> None:
    found = [
        file(f"endsong_{number}.json", number, 50 + number, ordered=False) for number in range(3)
    ]
    assert spans(*found) == [(0, 52)]
    assert spans(*found[1:]) == []
    assert spans(found[0], found[2]) == []


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 90), st.integers(0, 9)), max_size=6))
def test_spans_are_in_order_apart_and_hold_every_file(drawn: list[tuple[int, int, int]]) -> None:
    found = [file(f"endsong_{number}.json", first, first + days) for number, first, days in drawn]
    result = covered(found)
    assert all(before[1] < after[0] for before, after in pairwise(result))
    for one in found:
        assert any(first <= one.first and one.last <= last for first, last in result)
    assert covered(reversed(found)) == result


@pytest.mark.parametrize("kind", ["spotify_extended", "spotify_account"])
def test_a_package_covers_what_its_music_spans(kind: str) -> None:
    plays = list(life(900, seed=2))
    files = list(packages.files(kind, plays))
    zipped = packages.zipped([(path, body) for path, body, _ in files])
    found = []
    for member in recognise(zipped, "x").files:
        read = entries(keep(zipped, member), member.kind, member.name, now=NOW)
        found.append(span_of(read, member.kind, member.name))
    audio = [play for path, _, told in files if "Audio" in path or "music" in path for play in told]
    unit = 1000 if kind == "spotify_extended" else 60_000
    ends = sorted(expected.at(play.end, unit) for play in audio)
    assert covered(filter(None, found)) == [(ends[0], ends[-1])]
    assert found.count(None) == len(files) - 1


def span(
    *times: str, name: str = "endsong_0.json", kind: str = "spotify_extended"
) -> FileSpan | None:
    read = entries(kept(text(*[row(ts=each) for each in times])), "spotify_extended", name, now=NOW)
    return span_of(read, kind, name)


def test_a_span_is_of_the_plays_and_not_of_what_is_invalid() -> None:
    valid = ["2024-05-01T00:00:00Z", "2024-05-03T00:00:00Z"]
    found = span("1999-01-01T00:00:00Z", *valid, "2031-01-01T00:00:00Z")
    assert found == file("endsong_0.json", 0, 2)
    assert span("1999-01-01T00:00:00Z") is None
    newest_first = span(*valid[::-1])
    assert newest_first == found
    assert span() is None


def test_order_is_of_most_rows_in_either_direction() -> None:
    days = [f"2024-05-{day:02d}T00:00:00Z" for day in range(1, 25)]
    mixed = days[::2] + days[1::2]
    shuffled = [days[at * 7 % 24] for at in range(24)]
    assert [
        found.ordered for each in (days, days[::-1], mixed, shuffled) if (found := span(*each))
    ] == [
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Streaming_History_Video_2018-2025.json", "spotify_extended"),
        ("endvideo.json", "spotify_extended"),
        ("StreamingHistory_podcast_0.json", "spotify_account"),
        ("StreamingHistory_audiobook_0.json", "spotify_account"),
        ("listens.jsonl", "listenbrainz"),
        ("observations-2024-05.jsonl", "soundlake"),
    ],
)
def test_what_covers_nothing(name: str, kind: str) -> None:
    assert span("2024-05-01T00:00:00Z", "2024-05-02T00:00:00Z", name=name, kind=kind) is None
