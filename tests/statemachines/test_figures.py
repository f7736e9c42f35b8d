"""The figures of many days, on a small part that never changes: what docs/requests.md promises."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from moto import mock_aws
from soundlake.store.objects import Bucket, ConflictError

from local.spotify.settings import Mode
from tests.figures import budget, counted, least, report
from tests.figures.counted import Case, Charts, Line
from tests.figures.days import (
    HEAPS,
    NEW_SHARE,
    PLAYS_A_DAY,
    DaysWorld,
    Listening,
    charted,
    days_world,
    made_up_file,
)
from tests.figures.lake import DaysLake, Sent
from tests.figures.memory import MemoryBucket
from tests.statemachines.engine import client
from tests.template.translated import REGION

CHARTS = ("NO", "SE")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_file(tmp_path_factory.mktemp("figures") / "made-up-day.csv")


# Requests.


def test_a_small_day_and_the_next_ask_the_least(day: Path) -> None:
    first, second = counted.days(day, "extended", "spotify", CHARTS)

    assert first.wrong() == second.wrong() == []
    assert {line.endpoint: line.counted for line in first.lines} == {
        "playlists/{id}": 2 + 1,  # one of each kind is the probe's
        "audio-features": 1 + 1,
        "albums": 2 + 1,
        "artists": 1,
        "audio-analysis/{id}": 35 + 1,
        "api/token": 3,
    }
    assert (first.more, second.more) == (0, 0)
    assert second.counted < first.counted


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("mode", "charts", "asked"),
    [
        (
            "development_2025",
            "files",
            {"tracks": 1, "albums": 2 + 1, "artists": 1, "playlists/{id}": 2, "audio-features": 1}
            | {"audio-analysis/{id}": 1, "reccobeats/audio-features": 1, "api/token": 3},
        ),
        (
            "development",
            "files",
            {"tracks/{id}": 35, "albums/{id}": 35 + 1, "artists/{id}": 13, "albums": 1}
            | {"playlists/{id}": 2, "audio-features": 1, "audio-analysis/{id}": 1}
            | {"reccobeats/audio-features": 1, "api/token": 3},
        ),
        (
            "development",
            "kworb",
            {"kworb.net/country": 2, "kworb.net/robots.txt": 1}
            | {"tracks/{id}": 73, "albums/{id}": 73 + 1, "artists/{id}": 14, "albums": 1}
            | {"playlists/{id}": 2, "audio-features": 1, "audio-analysis/{id}": 1}
            | {"reccobeats/audio-features": 2, "api/token": 3},
        ),
    ],
)
def test_in_development_mode_too(
    mode: Mode, charts: Charts, asked: dict[str, int], day: Path
) -> None:
    first, second = counted.days(day, mode, charts, CHARTS)

    assert first.wrong() == second.wrong() == []
    assert (first.more, second.more) == (0, 0)
    assert {line.endpoint: line.counted for line in first.lines} == asked


def line(least: int, counted: int, ours: int | None = None) -> Line:
    return Line("albums", least, "ceil(9 / 20)", counted, counted if ours is None else ours)


@pytest.mark.parametrize(
    ("lines", "sentences"),
    [
        ([line(100, 105)], []),
        ([line(100, 106)], ["day: 6 requests more than the 100 that would do."]),
        ([line(0, 1)], ["day: 1 requests more than the 0 that would do."]),
        # What was not asked makes up for nothing.
        ([line(100, 90)], ["day: 10 requests to albums were not made."]),
        ([line(9, 9, 8)], ["day: of albums Soundlake counted 8, its provider 9."]),
    ],
)
def test_what_is_wrong_with_a_case_is_said(lines: list[Line], sentences: list[str]) -> None:
    assert Case("day", lines).wrong() == sentences
    assert Case("day", lines, 1, ["Incomplete: no"]).wrong() == [
        "day: a run failed: Incomplete: no",
        *sentences,
    ]


def test_the_least_of_a_day_counts_each_id_once(day: Path) -> None:
    world = days_world(day, 2)
    first, second = sorted(world.pages)
    extended, single = (
        least.Truth(world, mode, analyses=9) for mode in ("extended", "development")
    )

    asked = {one.endpoint: one.formula for one in extended.run(charted(world, first))}
    same_day = extended.run(charted(world, first))
    extended.begin_day()
    again = {one.endpoint: one.count for one in extended.run(charted(world, first))}
    later = {one.endpoint: one.formula for one in extended.run(charted(world, second))}
    named = {one.endpoint: one.count for one in single.run((), charted(world, first))}

    assert asked == {
        "audio-features": "ceil(67 / 100)",
        "albums": "ceil(67 / 20)",
        "artists": "ceil(13 / 50)",
        "audio-analysis/{id}": "min(67, 9)",
    }
    assert same_day == []
    assert again == {"audio-analysis/{id}": 9}  # the only ones that are left over
    assert later["audio-features"] == "ceil(3 / 100)"
    assert named == {
        "tracks/{id}": 67,
        "reccobeats/audio-features": 2,
        "albums/{id}": 67,
        "artists/{id}": 13,
    }


def test_what_an_answer_carries_is_not_looked_up(day: Path) -> None:
    world = days_world(day, 1)
    tracks = charted(world, min(world.pages))
    truth = least.Truth(world, "development", analyses=0)

    asked = {one.endpoint: one.count for one in truth.run(tracks[:60], tracks)}

    assert asked["tracks/{id}"] == 7
    assert asked["albums/{id}"] == 67


# The budget.


@pytest.mark.timeout(300)
def test_three_days_under_a_quota_ask_nothing_in_vain_and_miss_no_capture(day: Path) -> None:
    plan = budget.Plan("so", days=3, quota=210, told=200, older=60, only=("NO",))

    lived = list(budget.simulate(day, plan))

    assert plan.broken(lived) == []
    assert [(one.refused, one.failed, one.captures) for one in lived] == [(0, [], 72)] * 3
    assert [one.believed for one in lived] == [200] * 3
    for one in lived:
        # All of it but for the tokens, which Spotify does not count: no more, and hardly less.
        asked = sum(one.calls[kind] for kind in budget.SPOTIFYS)
        assert one.most <= 200
        assert asked >= 190 or sum(one.waiting.values()) <= 30
    first, _, last = lived
    assert last.share("albums") > first.share("albums")
    assert last.share("tracks") > 0.9


@pytest.mark.timeout(300)
def test_a_quota_that_falls_costs_captures_and_is_learned_and_kept_to(day: Path) -> None:
    plan = budget.Plan(
        "so", days=3, quota=200, told=200, falls_on=2, falls_to=120, older=60, only=("NO",)
    )

    lived = list(budget.simulate(day, plan))

    assert plan.broken(lived) == []  # nothing was asked while blocked
    assert lived[0].missed == 0
    assert lived[1].refused > 0
    assert lived[1].missed > 0
    assert lived[2].believed is not None
    assert lived[2].believed < 200


def test_the_most_in_24_hours_is_of_a_days_own_requests() -> None:
    at = datetime(2025, 3, 5, 12, tzinfo=UTC)
    sent = [
        _sent(at - timedelta(hours=24)),
        _sent(at - timedelta(hours=23, minutes=59)),
        _sent(at - timedelta(hours=1), endpoint="api/token"),
        _sent(at - timedelta(hours=1), provider="reccobeats"),
        _sent(at),
    ]

    assert list(budget.most_in_24_hours(sent, at.date())) == [2]
    assert list(budget.most_in_24_hours(sent, at.date() - timedelta(days=1))) == [1, 2]


def _sent(at: datetime, provider: str = "spotify", endpoint: str = "albums/{id}") -> Sent:
    return Sent(at, provider, endpoint, 200, "Enrich", blocked=False)


def test_a_month_fails_by_a_request_while_blocked_or_a_capture_missed_without_cause() -> None:
    plan, falling = budget.Plan("so", told=500), budget.Plan("so", falls_on=2, falls_to=9)
    day = budget.Day(1, date(2025, 3, 5), 800, while_blocked=1, captures=72, missed=2)

    assert plan.broken([day]) == [
        "1 requests were made while blocked.",
        "2 captures were missed.",
    ]
    assert falling.broken([day]) == ["1 requests were made while blocked."]
    assert budget.Plan("so", told=800).broken([day]) == falling.broken([day])
    assert [falling.quota_on(number) for number in (1, 2)] == [800, 9]


def test_requests_are_of_the_kind_that_they_are_for() -> None:
    kinds = {
        "me/player/recently-played": "captures",
        "api/token": "tokens",
        "tracks/{id}": "tracks",
        "albums": "albums",
        "playlists/{id}": "others",
        "audio-features": "others",
        "reccobeats/audio-features": "ReccoBeats",
        "musicbrainz/ws/2/artist": "MusicBrainz",
    }
    assert {each: budget.kind_of(each) for each in kinds} == kinds


# What they are made of.


def test_later_days_have_so_many_new_tracks_and_are_the_same_each_time(day: Path) -> None:
    world, again = days_world(day, 4, older=9), days_world(day, 4, older=9)

    assert world == again
    days = sorted(world.pages)
    for before, after in pairwise(days):
        old = {one.id for one in charted(world, before)}
        new = {one.id for one in charted(world, after)}
        assert len(new) == len(old)
        assert len(new - old) == round(NEW_SHARE * len(old))
        assert new <= world.catalogue.tracks.keys()
        for country, page in world.pages[after].items():
            earlier = world.pages[before][country]
            assert page.places != earlier.places
            assert page.places.count(None) == earlier.places.count(None)
    assert len(world.catalogue.tracks) == 67 + 3 * 3 + 9
    for one in world.catalogue.tracks.values():
        assert one.id in world.catalogue.albums[one.album_id].track_ids
        assert set(one.artist_ids) <= world.catalogue.artists.keys()


def test_before_the_first_day_and_after_the_last_charts_stand_still(day: Path) -> None:
    world: DaysWorld = days_world(day, 2)
    first, last = min(world.pages), max(world.pages)
    chart = world.charts[0]

    assert world.chart_page(chart, first - timedelta(days=2)) == world.chart_page(chart, first)
    assert world.chart_page(chart, last + timedelta(days=2)) == world.chart_page(chart, last)


def test_a_listener_finds_new_tracks_as_heaps_law_has_it(day: Path) -> None:
    world = days_world(day, 3, older=300)
    listening = Listening(world, 3)
    listener, begin = world.listeners[0], min(world.pages)

    for number in (1, 2, 3):
        plays = listening.of_day(listener, begin + timedelta(days=number - 1))
        assert len(plays) == PLAYS_A_DAY
        heard = len(listening.seen_by(plays[-1].played_at))
        assert heard == pytest.approx((number * PLAYS_A_DAY) ** HEAPS, abs=1)
    assert listening.of_day(listener, begin + timedelta(days=3)) == ()


def test_a_bucket_in_memory_keeps_what_a_bucket_promises() -> None:
    at = datetime(2025, 3, 5, 12, tzinfo=UTC)
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        s3 = client("s3")
        s3.create_bucket(Bucket="made-up", CreateBucketConfiguration={"LocationConstraint": REGION})
        told = [
            _story(bucket)
            for bucket in (Bucket("made-up", s3), MemoryBucket("made-up", lambda: at, "none/"))
        ]

    assert told[0] == told[1]


def _story(bucket: Bucket) -> list[object]:
    """What comes of writing, reading and listing."""

    def put(key: str, body: bytes, etag: str | None = None, *, overwrite: bool = False) -> str:
        try:
            bucket.put(key, body, etag=etag, overwrite=overwrite, metadata={"of": key[-1]})
        except ConflictError as error:
            return f"conflict over {error}"
        return "written"

    told: list[object] = [bucket.get("a/1"), put("a/1", b"one"), put("a/1", b"other")]
    first = bucket.get("a/1")
    assert first is not None
    told += [first, put("a/1", b"two", first.etag), put("a/1", b"three", first.etag)]
    told += [put("a/2", b"x", first.etag), put("a/1", b"four", overwrite=True)]
    told += [put("ab/1", b""), put("a/0", b"nil"), put("a/3", b"three", overwrite=True)]
    told += [bucket.get("a/1"), list(bucket.keys("a/")), list(bucket.keys("a/", "a/1"))]
    return [*told, list(bucket.keys("none/")), list(bucket.written("a/"))]


def test_pages_show_every_figure(day: Path, tmp_path: Path) -> None:
    case = Case("some day", [line(100, 103)], 1, ["Incomplete: no"])
    lived = budget.Day(
        1,
        date(2025, 3, 5),
        800,
        calls=dict.fromkeys(budget.KINDS, 7),
        captures=72,
        wanted=dict.fromkeys((*budget.DETAILS, *budget.COVERAGE), 4),
        known=dict.fromkeys((*budget.DETAILS, *budget.COVERAGE), 3),
    )

    requests = report.requests_page([case], {"date": "2025-03-05"})
    page = report.budget_page({"so": [lived]}, [budget.Plan("so")], {"date": "2025-03-05"})

    assert "| some day | 1 | 100 | 103 | 3 | 3.0 % |" in requests
    assert "| albums | 100 | ceil(9 / 20) | 103 | 103 |" in requests
    assert "A run failed: Incomplete: no" in requests
    assert "| date | 2025-03-05 |" in requests
    assert "1 days, 42 requests to Spotify, 42 a day, 0 of them refused" in page
    assert "72 of 72 captures made. 4 of 100 plays kept. At the end of what was shown" in page
    assert "| 1 | 800 |  | 7 | 7 | 7 | 7 | 7 | 7 | 7 | 7 | 0 | 0 | 0 | 0 of 72 | 4 | 75 |" in page


def test_a_lake_of_days_tells_what_is_asked_while_blocked(day: Path) -> None:
    lake = DaysLake(days_world(day, 1))
    with lake.opened():
        begin = lake.time.now
        path = "/v1/me/player/recently-played"
        lake.control.fault(path=path, kind="429", times=1, retry_after=3600)
        captured = [
            lake.capture(begin + timedelta(minutes=20 * number)).status for number in (1, 2)
        ]
        late = lake.capture(begin + timedelta(hours=2)).status

    assert captured == ["rate_limited", "rate_limited"]  # the second asks nobody
    assert late == "captured"
    asked = [(one.endpoint, one.status, one.blocked) for one in lake.providers.sent]
    page = "me/player/recently-played"
    assert asked == [
        ("api/token", 200, False),
        (page, 429, False),
        ("api/token", 200, False),
        (page, 200, False),
    ]
