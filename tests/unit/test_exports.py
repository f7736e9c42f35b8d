"""The made-up exports that other tests and the benchmarks import."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from tests.exports import __main__ as command
from tests.exports import packages, spotify
from tests.exports.lives import PRIVATE, life


def test_a_life_is_decided_by_its_seed() -> None:
    assert list(life(300, seed=4)) == list(life(300, seed=4))
    assert list(life(300, seed=4)) != list(life(300, seed=5))


def test_a_life_has_the_oddities_of_real_exports() -> None:
    plays = list(life(20_000, seed=1))
    ends = [play.end for play in plays]
    assert ends == sorted(ends)
    assert all(play.end - play.start == play.ms_played for play in plays)
    share = {
        "short": sum(play.ms_played < 30_000 for play in plays) / len(plays),
        "other ids": sum(play.uri == play.item.other_uri for play in plays) / len(plays),
        "no metadata": sum(play.hidden for play in plays) / len(plays),
        "no track": sum(play.item.kind != "track" for play in plays) / len(plays),
        "null skipped": sum(play.skipped is None for play in plays) / len(plays),
        "no milliseconds": sum(play.ms_played == 0 for play in plays) / len(plays),
    }
    assert 0.1 < share["short"] < 0.25
    assert 0.1 < share["other ids"] < 0.12
    assert 0.01 < share["no metadata"] < 0.03
    assert 0.005 < share["no track"] < 0.2
    assert 0.15 < share["null skipped"] < 0.25
    assert 0 < share["no milliseconds"] < 0.05
    assert {play.offline_form for play in plays} == {"s", "ms", "0", "null"}
    assert {"NO", "ZZ"} < {play.country for play in plays}
    assert {play.item.kind for play in plays} == {"track", "episode", "chapter"}


def test_rows_may_stand_twice_and_times_may_be_wrong() -> None:
    plays = list(life(4_000, repeated=0.1, wrong_times=0.08))
    again = sum(one is other for one, other in pairwise(plays))
    earlier = sum(other.end < one.end for one, other in pairwise(plays))
    assert len(plays) == 4_000
    assert 300 < again < 500
    assert 150 < earlier < 500


def test_a_plain_life_has_none() -> None:
    plays = list(life(2_000, quirks=False))
    assert {play.item.kind for play in plays} == {"track"}
    assert not any(play.hidden or play.video or play.uri != play.item.uri for play in plays)
    assert None not in {play.skipped for play in plays}


@pytest.mark.parametrize(
    ("generation", "keys"),
    [("oldest", 26), ("endsong", 21), ("2023", 21), ("2024", 19), ("2025", 23)],
)
def test_generations_have_their_keys(generation: str, keys: int) -> None:
    _, body, _ = next(packages.files("spotify_extended", life(50), generation))
    rows = json.loads(body)
    assert {len(row) for row in rows} == {keys}
    assert body.startswith(b'[\n  {\n    "ts": "')
    assert any(secret.encode() in body for secret in PRIVATE)


def test_long_lives_are_cut_into_files_as_spotify_does() -> None:
    plays = life(2 * spotify.ROWS_A_FILE + 50, quirks=False)
    files = [(path.rpartition("_")[2], len(found)) for path, found in spotify.extended(plays)]
    assert files == [("0.json", 16_000), ("1.json", 16_000), ("2.json", 50)]


@pytest.mark.parametrize("name", ["made-up.zip", "folder"])
def test_the_command_writes_a_zip_or_a_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / name
    monkeypatch.setattr(
        "sys.argv", ["exports", "--kind", "koito", "--rows", "9", "--out", str(out)]
    )
    command.main()
    assert out.is_file() if name.endswith(".zip") else (out / "koito_export.json").is_file()
