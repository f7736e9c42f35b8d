"""The listening history: the window of 50, its cursors, and how listeners listen."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from local.spotify.charts_csv import charts_world
from local.spotify.clock import from_ms, iso_ms, to_ms
from local.spotify.listening import History
from local.spotify.world import World
from tests.local.helpers import Api, row, write_csv

PATH = "me/player/recently-played"
ME = "madeup-solveig"


def _times(page: dict) -> list[int]:  # type: ignore[type-arg]
    return [to_ms(datetime.fromisoformat(item["played_at"])) for item in page["items"]]


@pytest.fixture
def newest(made: Api) -> list[int]:
    """When the 50 newest plays ended, newest first, by the service's own account."""
    return [to_ms(play.played_at) for play in reversed(made.control.plays(ME))][:50]


def test_the_newest_come_first_and_20_by_default(made: Api, newest: list[int]) -> None:
    page = made.json(PATH, listener=ME)

    assert _times(page) == newest[:20]
    assert page["limit"] == 20
    assert page["cursors"] == {"after": str(newest[0]), "before": str(newest[19])}


def test_next_leads_backwards_to_the_wall(made: Api, newest: list[int]) -> None:
    seen, path = [], f"{PATH}?limit=20"
    while path:
        page = made.json(path, listener=ME)
        seen += _times(page)
        assert page["next"] is None or "before=" in page["next"]
        path = page["next"] and page["next"].removeprefix(f"{made.url}/v1/")

    assert seen == newest
    beyond = made.json(PATH, listener=ME, before=newest[-1])
    assert [beyond["items"], beyond["next"], beyond["cursors"]] == [[], None, None]


@pytest.mark.parametrize("index", [0, 7, 49])
def test_cursors_are_exclusive(made: Api, newest: list[int], index: int) -> None:
    at = newest[index]

    def ask(**cursor: int) -> list[int]:
        return _times(made.json(PATH, listener=ME, limit=50, **cursor))

    assert ask(after=at) == newest[:index]
    assert ask(after=at - 1) == newest[: index + 1]
    assert ask(before=at) == newest[index + 1 :]
    assert ask(before=at + 1) == newest[index:]


def test_only_full_pages_have_a_next(made: Api, newest: list[int]) -> None:
    full = made.json(PATH, listener=ME, after=newest[7], limit=7)
    assert full["next"] == f"{made.url}/v1/{PATH}?before={newest[6]}&limit=7"
    partial = made.json(PATH, listener=ME, after=newest[7], limit=8)
    assert [len(partial["items"]), partial["next"]] == [7, None]


def test_after_an_old_cursor_only_the_newest_come(made: Api, newest: list[int]) -> None:
    assert _times(made.json(PATH, listener=ME, after=0, limit=3)) == newest[:3]


def test_after_now_there_is_nothing(made: Api, newest: list[int]) -> None:
    page = made.json(PATH, listener=ME, after=newest[0])
    assert [page["items"], page["next"], page["cursors"]] == [[], None, None]


def test_a_play_appears_when_the_clock_reaches_it(made: Api) -> None:
    play = made.control.plays(ME)[-5]
    made.control.set_clock(play.played_at)
    page = made.json(PATH, listener=ME, limit=1)
    assert page["items"][0]["played_at"] == iso_ms(play.played_at)

    made.control.set_clock(play.played_at - timedelta(milliseconds=1))
    page = made.json(PATH, listener=ME, limit=1)
    assert _times(page)[0] < to_ms(play.played_at)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=51",
        "limit=-1",
        "limit=ten",
        "limit=",
        "after=-1",
        "after=1.5",
        "before=yesterday",
        "before=99999999999999999",
        "after=1&before=2",
        "after=0&before=0",
    ],
)
def test_bad_parameters(made: Api, query: str) -> None:
    answer = made.get(f"{PATH}?{query}", listener=ME)

    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == 400


def test_limits_at_their_ends(made: Api) -> None:
    assert len(made.json(PATH, listener=ME, limit=1)["items"]) == 1
    assert len(made.json(PATH, listener=ME, limit=50)["items"]) == 50


def test_an_app_has_no_history(made: Api) -> None:
    for path in (PATH, "me"):
        answer = made.get(path)
        assert answer.status_code == 401
        assert answer.json() == {
            "error": {"status": 401, "message": "Valid user authentication required"}
        }


def test_contexts(made: Api) -> None:
    found = {None: 0, "playlist": 0, "album": 0}
    for listener in made.control.world.listeners:
        for play in made.control.plays(listener.id):
            found[play.context.split(":")[1] if play.context else None] += 1
    assert all(count > 50 for count in found.values())

    items = [
        item
        for listener in made.control.world.listeners
        for item in made.json(PATH, listener=listener.id, limit=50)["items"]
    ]
    assert any(item["context"] is None for item in items)
    for context in (item["context"] for item in items if item["context"]):
        kind, spotify_id = context["uri"].split(":")[1:]
        assert context["type"] == kind
        assert context["href"] == f"{made.url}/v1/{kind}s/{spotify_id}"
        assert made.get(f"{kind}s/{spotify_id}").status_code == 200


def test_the_truth_over_http(made: Api) -> None:
    truth = made.call("GET", "plays", params={"listener": ME}).json()["plays"]
    window = made.json(PATH, listener=ME, limit=50)["items"]

    assert [one["played_at"] for one in reversed(truth[-50:])] == [i["played_at"] for i in window]
    assert [one["track_id"] for one in reversed(truth[-50:])] == [i["track"]["id"] for i in window]
    third, last = truth[-3]["played_at_ms"], truth[-1]["played_at_ms"]
    params = {"listener": ME, "after": third, "before": last}
    assert made.call("GET", "plays", params=params).json()["plays"] == [truth[-2]]

    for wrong in (
        {"listener": "nobody"},
        {"listener": ME, "after": "x"},
        {"listener": ME, "after": 0},
    ):
        answer = made.call("GET", "plays", params=wrong)
        assert answer.status_code == 400
        assert answer.json()["error"]


@pytest.mark.parametrize("name", ["made_world", "small_world"])
def test_how_listeners_listen(request: pytest.FixtureRequest, name: str) -> None:
    world: World = request.getfixturevalue(name)
    end = datetime(2024, 5, 6, 23, 59, tzinfo=UTC)
    for listener in world.listeners:
        plays = History(world).between(listener, end - timedelta(days=90), end)
        times = [play.played_at for play in plays]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert min(gaps) >= timedelta(seconds=30)
        assert len(plays) > 400
        assert all(from_ms(to_ms(t)) == t for t in times)  # whole milliseconds
        assert any(t.microsecond for t in times)
        counts = sorted(sum(p.track.id == i for p in plays) for i in {p.track.id for p in plays})
        assert counts[-1] >= 4  # some are played again and again


def test_plays_of_very_short_tracks_keep_apart(tmp_path: Path) -> None:
    rows = [row(n, "NO", n, duration_ms=str(9000 + n)) for n in range(1, 51)]
    world = charts_world(write_csv(tmp_path / "short.csv", rows))
    end = datetime(2024, 5, 6, 23, 59, tzinfo=UTC)
    for listener in world.listeners:
        plays = History(world).between(listener, end - timedelta(days=30), end)
        gaps = [later.played_at - earlier.played_at for earlier, later in pairwise(plays)]
        assert timedelta(seconds=30) < min(gaps) < timedelta(seconds=40)


def test_habits(made_world: World) -> None:
    history = History(made_world)
    days = [date(2025, 1, 6) + timedelta(days=n) for n in range(364)]

    def mean(listener_id: str, *, weekend: bool, before_noon: bool) -> float:
        listener = made_world.listener(listener_id)
        assert listener is not None
        chosen = [d for d in days if (d.weekday() >= 5) == weekend]
        offset = timedelta(hours=listener.utc_offset_h)
        count = sum(
            (play.played_at + offset).hour < 12 or not before_noon
            for day in chosen
            for play in history.of_day(listener, day)
        )
        return count / len(chosen)

    # Weekends differ, and Aiko is the one who listens in the morning.
    for listener in made_world.listeners:
        working = mean(listener.id, weekend=False, before_noon=False)
        assert mean(listener.id, weekend=True, before_noon=False) > 1.2 * working
    assert mean("madeup-aiko", weekend=False, before_noon=True) > 2
    assert mean("madeup-mateo", weekend=False, before_noon=False) > mean(
        "madeup-aiko", weekend=False, before_noon=False
    )


def test_history_does_not_depend_on_when_it_is_asked(
    serve: Callable[..., Api], made_world: World
) -> None:
    morning = serve(made_world, datetime(2025, 3, 5, 8, tzinfo=UTC))
    evening = serve(made_world, datetime(2025, 3, 6, 22, tzinfo=UTC))
    since = datetime(2025, 3, 1, tzinfo=UTC)

    early = morning.control.plays(ME, since)
    late = evening.control.plays(ME, since)
    assert early
    assert late[: len(early)] == early
    assert len(late) > len(early)
