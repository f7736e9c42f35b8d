"""Everything that can happen to a run, each told once.

A scenario is a function of a new world. Tests ask for its story by name; `test_coverage.py` plays
all of them and looks whether any edge of a machine was left out.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError
from soundlake import access, asking
from soundlake.abilities import Ability
from soundlake.deriving import captures
from soundlake.probing import TRACK
from soundlake.quota import QUOTA_EXCEEDED, SAFE
from soundlake.settings import settings
from soundlake.store.budget import Budget
from soundlake.times import parse_time

from tests.statemachines.engine import client
from tests.statemachines.fake_spotify import (
    ALBUMS,
    CLIENT_ID,
    FEATURES,
    MUSICBRAINZ,
    PLAYED,
    RECCOBEATS,
    REFRESH_TOKEN,
    TOKEN,
    answer,
    play,
    refused,
    too_many,
    track,
    unavailable,
)
from tests.statemachines.world import (
    ACCOUNT,
    CHARTS,
    DAY,
    MONTH,
    NEXT_DAY,
    UPLOADS,
    Hook,
    Story,
    World,
    event,
    playlist_id,
)
from tests.unit.chart_csv import chart_csv, file_row, top
from tests.unit.exported_rows import evening, file_of, heard, zip_of
from tests.unit.kworb_pages import kworb_page, page_rows

Scenario = Callable[[World], None]

SCENARIOS: dict[str, Scenario] = {}
_told: dict[str, Story] = {}

HOURLY = {"scheduled_time": "2025-03-05T12:07:00Z"}
OF_DAY = {"date": DAY}
ONE = {"date": DAY, "charts": ["NO"]}
TWO = {"date": DAY, "charts": ["NO", "SE"]}
QUOTED = 'it broke: "{a} $b"'  # a text that a careless template would break on


def scenario(tell: Scenario) -> Scenario:
    assert tell.__name__ not in SCENARIOS
    SCENARIOS[tell.__name__] = tell
    return tell


def story(name: str) -> Story:
    """What became of a scenario; told once, so nobody may change it."""
    if name not in _told:
        world = World()
        with world.opened():
            SCENARIOS[name](world)
        _told[name] = world.story
    return _told[name]


def raising(error: Exception, times: int | None = None, chart: str | None = None) -> Hook:
    """A hook that raises, always or the first times, for every event or one chart's."""
    left = [times]

    def hook(given: dict[str, Any]) -> None:
        if chart is not None and chart_of(given) != chart:
            return
        if left[0] is not None:
            if left[0] == 0:
                return
            left[0] -= 1
        raise error

    return hook


def raising_on_withdrawal(error: Exception, chart: str) -> Hook:
    def hook(given: dict[str, Any]) -> None:
        if chart in [each["chart"] for each in given.get("withdraw", ())]:
            raise error

    return hook


def at(day: str, time: str = "12:30") -> dict[str, str]:
    """A schedule's input: what is left of a day, seen from this time of it."""
    return {"scheduled_time": f"{day}T{time}:00Z"}


def chart_of(given: dict[str, Any]) -> str:
    chart = given["chart"]
    return str(chart["chart"] if isinstance(chart, dict) else chart)


def playlist(chart: str) -> str:
    return f"playlists/{playlist_id(chart)}"


def chart_key(chart: str, table: str = "chart_entries") -> str:
    return f"lake/{table}/month={MONTH}/{chart}.parquet"


#### THE CAPTURE MACHINE ###########################################################################


@scenario
def captured(world: World) -> None:
    world.run("capture", HOURLY)


@scenario
def captured_by_an_unreplaced_schedule(world: World) -> None:
    world.run("capture", event("capture-schedule"))
    world.run("capture")


@scenario
def captured_while_somebody_listens(world: World) -> None:
    """Another play is shown at the second look, and the third one is limited for a while."""
    page = world.spotify.plays

    def listening(given: dict[str, Any]) -> None:
        if given["round"] == 1:
            world.spotify.plays = [play(8, world.spotify.now), *page]
        if given["round"] == 2:
            world.spotify.next_answers(PLAYED, too_many(7))

    world.before("Select", listening)
    world.run("capture", event("capture-schedule"))


@scenario
def captured_by_a_schedule_with_derive_throwing(world: World) -> None:
    """At the first look; nothing else is shown after it."""
    world.before("Derive", raising(RuntimeError(QUOTED), times=3))
    world.run("capture", event("capture-schedule"))


@scenario
def captured_by_a_schedule_with_nothing_played(world: World) -> None:
    world.spotify.plays = []
    world.run("capture", event("capture-schedule"))


@scenario
def captured_without_input(world: World) -> None:
    world.run("capture")


@scenario
def captured_twice(world: World) -> None:
    world.run("capture", HOURLY)
    world.run("capture", HOURLY)


@scenario
def captured_without_accounts(world: World) -> None:
    world.disconnect(ACCOUNT)
    world.run("capture", HOURLY)


@scenario
def two_accounts_one_without_consent(world: World) -> None:
    """The first refusal is not believed, the second is, and then nobody asks any more."""
    world.connect("other", "made-up-token-of-nobody")
    world.run("capture", HOURLY)
    world.run("capture", {"scheduled_time": "2025-03-05T13:07:00Z"})
    world.run("capture", {"scheduled_time": "2025-03-05T14:07:00Z"})


@scenario
def two_accounts_one_damaged(world: World) -> None:
    """In all three rounds; then somebody corrects it."""
    world.damage("other")
    world.run("capture", event("capture-schedule"))
    world.damage("other", state="disconnected")
    world.run("capture", HOURLY)


@scenario
def two_accounts_one_damaged_and_one_failing(world: World) -> None:
    """The damage comes between the rounds, and mends after one of them."""
    turns = iter(["active", "?", "active"])
    world.before("Select", lambda _: world.damage("other", state=next(turns)))
    world.run("capture", event("capture-schedule"))


@scenario
def all_accounts_damaged(world: World) -> None:
    world.damage(ACCOUNT)
    world.damage("other")
    world.run("capture", HOURLY)


@scenario
def captured_after_days_without(world: World) -> None:
    """Spotify shows none of the plays that the first page showed."""
    world.run("capture", HOURLY)
    world.spotify.now += timedelta(days=4)
    world.spotify.plays = [play(8, world.spotify.now - timedelta(hours=1))]
    world.begin_anew()
    world.run("capture", {"scheduled_time": "2025-03-09T12:07:00Z"})


@scenario
def empty(world: World) -> None:
    world.spotify.plays = []
    world.run("capture", HOURLY)


@scenario
def capture_limited_once(world: World) -> None:
    world.spotify.next_answers(PLAYED, too_many(7))
    world.run("capture", HOURLY)


@scenario
def capture_unavailable_for_a_while(world: World) -> None:
    world.spotify.next_answers(PLAYED, *(unavailable() for _ in range(3)))
    world.run("capture", HOURLY)


@scenario
def capture_limited_always(world: World) -> None:
    world.spotify.next_answers(PLAYED, *(too_many(n) for n in (7, 8, 9, 10)))
    world.run("capture", HOURLY)


@scenario
def capture_limited_for_five_minutes(world: World) -> None:
    world.spotify.next_answers(PLAYED, too_many(300))
    world.run("capture", HOURLY)


@scenario
def capture_limited_for_longer(world: World) -> None:
    world.spotify.next_answers(PLAYED, too_many(301))
    world.run("capture", HOURLY)


@scenario
def capture_limited_at_the_token(world: World) -> None:
    world.spotify.next_answers(TOKEN, too_many(11))
    world.run("capture", HOURLY)


@scenario
def select_throws_twice(world: World) -> None:
    world.before("Select", raising(RuntimeError("made up"), times=2))
    world.run("capture", HOURLY)


@scenario
def capture_throws_twice(world: World) -> None:
    world.before("Capture", raising(RuntimeError("made up"), times=2))
    world.run("capture", HOURLY)


@scenario
def capture_throws(world: World) -> None:
    world.before("Capture", raising(RuntimeError(QUOTED)))
    world.run("capture", HOURLY)


@scenario
def capture_throws_with_a_long_text(world: World) -> None:
    world.before("Capture", raising(RuntimeError("x" * 3000)))
    world.run("capture", HOURLY)


@scenario
def capture_throws_after_it_kept_the_page(world: World) -> None:
    """With a real kill: tests/stack."""
    world.after("Capture", raising(RuntimeError("made up"), times=1))
    world.run("capture", HOURLY)


@scenario
def capture_throws_always_after_it_kept_the_page(world: World) -> None:
    """Then another run, with a Capture that works again."""
    world.after("Capture", raising(RuntimeError("made up"), times=3))
    world.run("capture")
    world.run("capture")


@scenario
def capture_times_out(world: World) -> None:
    world.before("Capture", raising(TimeoutError()))
    world.run("capture", HOURLY)


def _lambda_refuses(code: str, message: str) -> ClientError:
    """Lambda's own error, which says that no function was run."""
    answered: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 429, "RequestId": "made-up"},
    }
    return ClientError(answered, "Invoke")


@scenario
def capture_is_throttled(world: World) -> None:
    refusal = _lambda_refuses("TooManyRequestsException", "Rate Exceeded.")
    world.before("Capture", raising(refusal, times=4))
    world.run("capture", HOURLY)


@scenario
def capture_is_being_updated(world: World) -> None:
    """As it may be said of a function in an update of the stack, or that nobody ran for long."""
    refusal = _lambda_refuses("ResourceConflictException", "An update is in progress.")
    world.before("Capture", raising(refusal, times=4))
    world.run("capture", HOURLY)


@scenario
def capture_refused(world: World) -> None:
    world.spotify.next_answers(PLAYED, refused())
    world.run("capture", HOURLY)


@scenario
def capture_with_wrong_app(world: World) -> None:
    world.spotify.client_secret = "another"
    world.run("capture", HOURLY)


@scenario
def capture_with_ended_consent(world: World) -> None:
    world.spotify.refresh_tokens = set()
    world.run("capture", HOURLY)


@scenario
def capture_with_a_rotated_token(world: World) -> None:
    world.spotify.rotate_to = "made-up-second-token"
    world.run("capture", HOURLY)
    world.spotify.rotate_to = None
    world.run("capture", {"scheduled_time": "2025-03-05T13:07:00Z"})


@scenario
def capture_with_a_wrong_field(world: World) -> None:
    world.run("capture", {"when": "now"})


@scenario
def capture_with_a_wrong_time(world: World) -> None:
    world.run("capture", {"scheduled_time": "12:07"})


@scenario
def capture_of_something_else(world: World) -> None:
    world.spotify.next_answers(PLAYED, answer(200, {"items": "nonsense"}))
    world.run("capture", HOURLY)


@scenario
def derive_throws(world: World) -> None:
    world.before("Derive", raising(RuntimeError(QUOTED), times=3))
    world.run("capture", HOURLY)
    world.run("capture", {"scheduled_time": "2025-03-05T13:07:00Z"})


@scenario
def derive_finds_a_corrupt_object(world: World) -> None:
    world.put(chart_key("main", "observations"), b"not Parquet")
    world.run("capture", HOURLY)


#### THE DAILY MACHINE #############################################################################


@scenario
def day(world: World) -> None:
    world.run("daily", OF_DAY)


@scenario
def day_twice(world: World) -> None:
    world.run("daily", OF_DAY)
    world.run("daily", OF_DAY)


@scenario
def day_by_an_unreplaced_schedule(world: World) -> None:
    def same_day(given: dict[str, Any]) -> None:
        world.spotify.now = parse_time(given["start_time"])

    world.before("Plan", same_day)
    world.run("daily", event("schedule"))


@scenario
def day_of_an_operator(world: World) -> None:
    world.run("daily", event("daily-input"))


@scenario
def day_after_a_capture(world: World) -> None:
    """One of the tracks played is in no chart."""
    world.spotify.plays.append(play(9, world.spotify.now - timedelta(hours=1)))
    world.run("capture", HOURLY)
    world.run("daily", OF_DAY)


@scenario
def two_charts_one_withheld(world: World) -> None:
    del world.spotify.playlists[playlist_id("daily-SE")]
    world.run("daily", TWO)


@scenario
def chart_limited_twice(world: World) -> None:
    world.spotify.next_answers(playlist("daily-SE"), too_many(4), too_many(5))
    world.run("daily", TWO)


@scenario
def chart_unavailable_for_a_while(world: World) -> None:
    # Three tries each, and no answer to two of the function's invocations.
    world.spotify.next_answers(playlist("daily-SE"), *(unavailable() for _ in range(6)))
    world.run("daily", TWO)


@scenario
def chart_limited_always(world: World) -> None:
    world.spotify.next_answers(playlist("daily-SE"), *(too_many(n) for n in (4, 5, 6, 7)))
    world.run("daily", TWO)


@scenario
def chart_limited_for_longer(world: World) -> None:
    world.spotify.next_answers(playlist("daily-SE"), too_many(301))
    world.run("daily", {"date": DAY, "charts": ["SE"]})


@scenario
def extract_throws(world: World) -> None:
    world.before("Extract", raising(RuntimeError(QUOTED), chart="daily-SE"))
    world.run("daily", TWO)


@scenario
def extract_throws_after_it_kept_the_answer(world: World) -> None:
    """With a real kill: tests/stack."""
    world.after("Extract", raising(RuntimeError("made up"), times=1, chart="daily-SE"))
    world.run("daily", TWO)


@scenario
def transform_finds_another_charts_answer(world: World) -> None:
    """Between Extract and Transform the kept answer is replaced by another chart's."""

    def swap(given: dict[str, Any]) -> None:
        if chart_of(given) == "daily-SE":
            here = f"raw/charts/spotify/daily-SE/{DAY}/001/page-01.json.gz"
            world.put_copy(here.replace("daily-SE", "daily-NO"), here)

    world.run("daily", {"date": DAY, "charts": ["NO"]})
    world.after("Extract", swap)
    world.run("daily", TWO)


@scenario
def transform_finds_no_track(world: World) -> None:
    world.spotify.playlists[playlist_id("daily-SE")] = [None, None]
    world.run("daily", TWO)


@scenario
def transform_throws(world: World) -> None:
    world.before("Transform", raising(RuntimeError(QUOTED), chart="daily-SE"))
    world.run("daily", TWO)


@scenario
def load_finds_a_corrupt_object(world: World) -> None:
    world.put(chart_key("daily-SE"), b"not Parquet")
    world.run("daily", TWO)


@scenario
def load_throws(world: World) -> None:
    world.before("Load", raising(RuntimeError(QUOTED), chart="daily-SE"))
    world.run("daily", TWO)


@scenario
def load_dies_after_it_wrote(world: World) -> None:
    """Its rows are there when it is tried again. With a real kill: tests/stack."""
    world.after("Load", raising(RuntimeError("made up"), times=1, chart="daily-SE"))
    world.run("daily", TWO)


@scenario
def two_runs_of_a_day_at_once(world: World) -> None:
    """Whatever this run's functions are about to do, another run's have just done. With two real
    runs: tests/stack."""

    def first_by_another(verb: str) -> Hook:
        inside: list[str] = []

        def hook(given: dict[str, Any]) -> None:
            if not inside:
                inside.append(verb)
                world.engine.call(verb, given)
                inside.clear()

        return hook

    for verb in ("Extract", "Transform", "Load", "Enrich", "Verify", "Publish"):
        world.before(verb, first_by_another(verb))
    world.run("daily", TWO)


#### DAY AFTER DAY #################################################################################


@scenario
def nothing_left_to_do(world: World) -> None:
    world.run("daily", at(DAY))
    world.run("daily", at(DAY, "16:30"))


@scenario
def weekly_chart_unchanged(world: World) -> None:
    """It is read on the first day, and on the third, when it has changed."""
    world.charts(off=set(CHARTS) - {"weekly-SE"})
    world.run("daily", at(DAY))
    world.tomorrow()
    world.run("daily", at(NEXT_DAY))
    world.tomorrow()
    world.spotify.playlists[playlist_id("weekly-SE")].reverse()
    world.run("daily", at("2025-03-07"))


@scenario
def chart_not_renewed_yet(world: World) -> None:
    """On the second day it shows the first day's positions, until the afternoon."""
    world.charts(off=set(CHARTS) - {"daily-NO"})
    world.run("daily", at(DAY))
    world.tomorrow()
    world.run("daily", at(NEXT_DAY))
    world.spotify.playlists[playlist_id("daily-NO")].reverse()
    world.run("daily", at(NEXT_DAY, "16:30"))


@scenario
def chart_deferred(world: World) -> None:
    """Told to wait an hour: the next run comes too early, the one after it does the chart."""
    world.charts(off=set(CHARTS) - {"daily-NO"})
    world.spotify.next_answers(playlist("daily-NO"), too_many(3600))
    world.run("daily", at(DAY))
    world.begin_anew()
    world.run("daily", at(DAY, "12:40"))
    world.begin_anew()
    world.spotify.now += timedelta(hours=4)
    world.run("daily", at(DAY, "16:30"))


def spend_quota(world: World, calls: int, quota: int) -> None:
    """Spotify once refused for a quota, and 23 hours ago so many requests of it were made."""
    table, owner = asking.budgets(), settings().quota_owner
    then = world.spotify.now - timedelta(days=3)
    mine = Budget(CLIENT_ID, owner)
    taught = -(-quota * 100 // SAFE)  # of which a little less is asked for
    table.block(mine, then + timedelta(hours=9), QUOTA_EXCEEDED, now=then, uncounted=taught)
    table.count(owner, world.spotify.now - timedelta(hours=23), {ALBUMS: calls})


@scenario
def chart_left_to_captures(world: World) -> None:
    """Of a known quota captures need the rest: they go on; the chart is read when there is room."""
    world.charts(off=set(CHARTS) - {"daily-NO"})
    spend_quota(world, 100, 100)
    world.run("daily", at(DAY))
    world.run("capture", HOURLY)
    world.begin_anew()
    world.spotify.now += timedelta(hours=4)
    world.run("daily", at(DAY, "16:30"))


@scenario
def enrichment_left_to_captures(world: World) -> None:
    """There is room for a token and the chart alone."""
    world.charts(off=set(CHARTS) - {"daily-NO"})
    spend_quota(world, 98, 100)
    world.run("daily", at(DAY))
    world.begin_anew()
    world.spotify.now += timedelta(hours=4)
    world.run("daily", at(DAY, "16:30"))


@scenario
def yesterdays_chart_is_made_up_for(world: World) -> None:
    world.before("Load", raising(RuntimeError("made up"), times=3, chart="daily-NO"))
    world.run("daily", at(DAY))
    world.next_day_of_other_tracks()
    world.run("daily", at(NEXT_DAY))


@scenario
def yesterdays_chart_is_lost(world: World) -> None:
    kept = world.spotify.playlists.pop(playlist_id("daily-NO"))
    world.run("daily", at(DAY))
    world.spotify.playlists[playlist_id("daily-NO")] = kept
    world.next_day_of_other_tracks()
    world.run("daily", at(NEXT_DAY))
    world.run("daily", at(NEXT_DAY, "16:30"))


#### VERIFY ########################################################################################


def one_table_for_two(world: World) -> None:
    """Norway's and Sweden's charts show the same ten tracks."""
    for chart in ("daily-NO", "daily-SE"):
        world.spotify.playlists[playlist_id(chart)] = [track(number) for number in range(10, 20)]


@scenario
def charts_withdrawn(world: World) -> None:
    one_table_for_two(world)
    world.run("daily", OF_DAY)


@scenario
def withdraw_throws(world: World) -> None:
    one_table_for_two(world)
    world.before("Load", raising_on_withdrawal(RuntimeError(QUOTED), "daily-SE"))
    world.run("daily", TWO)


@scenario
def withdraw_finds_a_corrupt_object(world: World) -> None:
    one_table_for_two(world)

    def spoil(_: dict[str, Any]) -> None:
        world.put(chart_key("daily-SE"), b"not Parquet")

    world.after("Verify", spoil)
    world.run("daily", TWO)


@scenario
def verify_throws(world: World) -> None:
    world.before("Verify", raising(RuntimeError(QUOTED)))
    world.run("daily", ONE)


@scenario
def verify_finds_a_corrupt_object(world: World) -> None:
    world.put(chart_key("data_quality", "data_quality"), b"not Parquet")
    world.run("daily", ONE)


#### WHAT FAILS AS A WHOLE #########################################################################


@scenario
def every_chart_withheld(world: World) -> None:
    world.spotify.playlists.clear()
    world.run("daily", OF_DAY)


@scenario
def unknown_country(world: World) -> None:
    world.run("daily", {"date": DAY, "charts": ["NO", "ZZ"]})


@scenario
def all_switched_off(world: World) -> None:
    """All else is done."""
    world.charts(off=set(CHARTS))
    world.run("capture", HOURLY)
    world.run("daily", OF_DAY)


@scenario
def day_without_a_chart_list(world: World) -> None:
    """As of a new stack."""
    world.delete("config/charts.csv")
    world.run("capture", HOURLY)
    world.run("daily", at(DAY))


@scenario
def chart_list_that_is_gone(world: World) -> None:
    world.run("daily", at(DAY))
    world.delete("config/charts.csv")
    world.run("daily", at(DAY, "16:30"))


@scenario
def day_of_the_future(world: World) -> None:
    world.run("daily", {"date": "2999-01-01"})


@scenario
def day_with_a_wrong_field(world: World) -> None:
    world.run("daily", {"date": DAY, "country": "NO"})


@scenario
def day_that_is_past(world: World) -> None:
    world.run("daily", {"date": "2025-03-04"})


@scenario
def plan_throws(world: World) -> None:
    world.before("Plan", raising(RuntimeError(QUOTED)))
    world.run("daily", TWO)


@scenario
def day_of_an_app_nobody_knows(world: World) -> None:
    """Spotify refuses it nothing; the second run knows that."""
    world.unprobed()
    world.run("daily", at(DAY))
    world.run("daily", at(DAY, "16:30"))


@scenario
def day_of_a_development_app(world: World) -> None:
    """Spotify hides its playlists from it, and refuses it all but single look-ups."""
    world.unprobed()
    world.charts(off=set(CHARTS) - {"daily-NO"})
    world.spotify.playlists.clear()
    for path in (FEATURES, ALBUMS, f"audio-analysis/{TRACK}"):
        world.spotify.next_answers(path, refused())
    world.run("daily", at(DAY))


@scenario
def day_of_charts_that_nobody_may_be_asked_for(world: World) -> None:
    """One playlist was kept while Spotify still showed it."""
    world.run("daily", at(DAY) | {"charts": ["NO"]})
    world.knows(Ability.CHARTS)
    world.run("daily", at(DAY))


def kworb_shows(world: World, day: str, *charts: str) -> None:
    """Its pages are of this day, each of tracks of its own."""
    names = {"no": "Norway", "se": "Sweden", "fi": "Finland"}
    for number, chart in enumerate(charts):
        country, cadence = chart.split("_")
        rows = page_rows(60, 100 * (number + 1) + 7 * int(day[-2:]))
        page = kworb_page(day, rows, name=names[country], cadence=cadence)
        world.spotify.kworb.pages[f"country/{chart}.html"] = page


@scenario
def days_of_kworb(world: World) -> None:
    """Twice a day; on the second one, Norway's page is new only in the afternoon."""
    world.knows(Ability.CHARTS)
    world.chart_sources("spotify,kworb")
    kworb_shows(world, "2025/03/03", "no_daily", "se_daily")
    world.run("daily", at(DAY))
    world.spotify.now += timedelta(days=1)
    kworb_shows(world, "2025/03/04", "se_daily")
    world.begin_anew()
    world.run("daily", at(NEXT_DAY))
    kworb_shows(world, "2025/03/04", "no_daily")
    world.run("daily", at(NEXT_DAY, "16:30"))
    world.run("daily", at(NEXT_DAY, "20:30"))


@scenario
def day_of_kworb_that_spotify_has_shown(world: World) -> None:
    """Its playlist of that day stays, though kworb.net has 60 places of it."""
    world.run("daily", at(DAY) | {"charts": ["NO"]})
    world.knows(Ability.CHARTS)
    world.chart_sources("spotify,kworb")
    world.spotify.now += timedelta(days=2)
    kworb_shows(world, "2025/03/05", "no_daily")
    world.begin_anew()
    world.run("daily", at("2025-03-07") | {"charts": ["NO"]})


@scenario
def kworb_in_trouble(world: World) -> None:
    """Down for a minute, and a page under another country's name."""
    world.knows(Ability.CHARTS)
    world.chart_sources("spotify,kworb")
    world.charts(off={"daily-FI", "weekly-SE"})
    kworb_shows(world, "2025/03/03", "no_daily", "se_daily")
    pages = world.spotify.kworb.pages
    pages["country/se_daily.html"] = pages["country/no_daily.html"]
    for _ in range(6):
        world.spotify.kworb.reply(503)
    world.run("daily", at(DAY))


@scenario
def kworb_in_turn(world: World) -> None:
    """Others have the next turns; each time that it is looked again, a second has passed."""
    world.knows(Ability.CHARTS)
    world.chart_sources("kworb")
    others_have_the_turns(world)


@scenario
def kworb_in_turn_for_a_lost_playlist(world: World) -> None:
    world.knows()
    world.chart_sources("spotify,kworb")
    del world.spotify.playlists[playlist_id("daily-NO")]
    others_have_the_turns(world)


def others_have_the_turns(world: World) -> None:
    world.charts(off=set(CHARTS) - {"daily-NO"})
    kworb_shows(world, "2025/03/03", "no_daily")
    theirs = Budget("kworb.net", "kworb.net")
    asking.budgets().take_turns(theirs, 5, timedelta(seconds=1.5), world.spotify.now)
    world.before("Extract", lambda _: world.pass_seconds(1))
    world.run("daily", at(DAY))


@scenario
def tracks_of_kworb_looked_up(world: World) -> None:
    """Publish fails the run that looks them up, and the next one makes up for it."""
    world.knows(Ability.CHARTS)
    world.chart_sources("kworb")
    world.charts(off=set(CHARTS) - {"daily-NO"})
    kworb_shows(world, "2025/03/03", "no_daily")
    world.before("Publish", raising(RuntimeError("made up"), times=3))
    world.run("daily", at(DAY))
    world.run("daily", at(DAY))


@scenario
def charts_of_kworb_with_one_table(world: World) -> None:
    """Two countries show one table: both days are taken out again."""
    world.knows(Ability.CHARTS)
    world.chart_sources("kworb")
    world.charts(off={"daily-FI", "weekly-SE"})
    for name, country in (("Norway", "no"), ("Sweden", "se")):
        world.spotify.kworb.pages[f"country/{country}_daily.html"] = kworb_page(
            "2025/03/03", name=name
        )
    world.run("daily", at(DAY))


@scenario
def day_after_an_answer_contradicted_what_was_known(world: World) -> None:
    world.knows(Ability.SEVERAL)
    asking.found(Ability.SEVERAL, allowed=True, evidence="/v1/albums?ids=: 200")
    world.run("daily", at(DAY) | {"charts": ["NO"]})


@scenario
def day_without_an_app(world: World) -> None:
    client("ssm").delete_parameter(Name=world.app_parameter)
    world.run("daily", at(DAY) | {"charts": ["NO"]})


@scenario
def probe_limited(world: World) -> None:
    """Nobody waits for it: the charts are read, and the next run asks again."""
    world.unprobed()
    world.spotify.next_answers(FEATURES, too_many(4))
    world.run("daily", at(DAY) | {"charts": ["NO"]})
    world.run("daily", at(DAY, "16:30"))


@scenario
def probe_throws(world: World) -> None:
    world.unprobed()
    world.before("Probe", raising(RuntimeError(QUOTED)))
    world.run("daily", at(DAY) | {"charts": ["NO"]})


@scenario
def enrich_limited_twice(world: World) -> None:
    world.spotify.next_answers(FEATURES, too_many(6), too_many(8))
    world.run("daily", ONE)


@scenario
def enrich_limited_always(world: World) -> None:
    world.spotify.next_answers(FEATURES, *(too_many(n) for n in (6, 7, 8, 9)))
    world.run("daily", ONE)


@scenario
def enrich_refused(world: World) -> None:
    """Nobody tells any features."""
    world.spotify.next_answers(FEATURES, refused())
    world.spotify.next_answers(RECCOBEATS, refused())
    world.run("daily", ONE)


@scenario
def features_from_reccobeats(world: World) -> None:
    """Then the same day twice more: as before, and when a probe has found that Spotify answers."""
    world.spotify.next_answers(FEATURES, refused())
    world.run("daily", ONE)
    world.run("daily", ONE)
    world.knows()
    world.run("daily", ONE)


@scenario
def reccobeats_limited(world: World) -> None:
    world.spotify.next_answers(FEATURES, refused())
    world.spotify.next_answers(RECCOBEATS, too_many(6))
    world.run("daily", ONE)


@scenario
def reccobeats_limited_for_long(world: World) -> None:
    """The next run keeps to it, and the one after may ask."""
    world.knows(Ability.AUDIO_FEATURES)
    world.spotify.next_answers(RECCOBEATS, too_many(7200))
    world.run("daily", at(DAY))
    for hour in ("13:30", "16:30"):
        world.begin_anew()
        world.spotify.now = parse_time(f"{DAY}T{hour}:00Z")
        world.run("daily", at(DAY, hour))


@scenario
def reccobeats_down(world: World) -> None:
    world.spotify.next_answers(FEATURES, refused())
    world.spotify.next_answers(RECCOBEATS, *(unavailable() for _ in range(3)))
    world.run("daily", ONE)


@scenario
def reccobeats_lies(world: World) -> None:
    world.spotify.next_answers(FEATURES, refused())
    world.spotify.next_answers(RECCOBEATS, answer(200, "<html>"))
    world.run("daily", ONE)


def silent_about_genres(world: World) -> None:
    """Spotify names nobody's genres, and MusicBrainz may be asked; a day's first run was."""
    world.told(CONTACT="me@example.org", SOURCE_SPACING="0")
    world.spotify.genres = []
    world.run("daily", ONE)


@scenario
def genres_from_musicbrainz(world: World) -> None:
    """Publish fails the run that asks, and the next one makes up for it."""
    silent_about_genres(world)
    world.before("Publish", raising(RuntimeError("made up"), times=3))
    world.run("daily", ONE)
    world.run("daily", ONE)


@scenario
def musicbrainz_busy_and_lying(world: World) -> None:
    silent_about_genres(world)
    world.spotify.next_answers(MUSICBRAINZ, unavailable())
    world.run("daily", ONE)
    world.spotify.next_answers(MUSICBRAINZ, *(answer(200, {"error": "broken"}) for _ in range(3)))
    world.run("daily", ONE)
    world.run("daily", ONE)


@scenario
def genres_without_a_contact(world: World) -> None:
    world.spotify.genres = []
    world.run("daily", ONE)
    world.run("daily", ONE)


@scenario
def enrich_throws(world: World) -> None:
    world.before("Enrich", raising(RuntimeError(QUOTED)))
    world.run("daily", ONE)


@scenario
def publish_finds_a_corrupt_object(world: World) -> None:
    world.put(chart_key("chart_days", "chart_days"), b"not Parquet")
    world.run("daily", ONE)


@scenario
def everything_fails(world: World) -> None:
    del world.spotify.playlists[playlist_id("daily-NO")]
    world.before("Load", raising(RuntimeError("made up"), chart="daily-SE"))
    world.spotify.next_answers(ALBUMS, answer(200, {}))
    world.before("Publish", raising(RuntimeError("made up")))
    world.run("daily", OF_DAY)


@scenario
def publish_throws(world: World) -> None:
    """Then the same day once more, when it works again."""
    world.before("Publish", raising(RuntimeError(QUOTED), times=3))
    world.run("daily", ONE)
    world.run("daily", ONE)


#### THE IMPORT MACHINE ############################################################################

FILE = f"regional-no-daily-{DAY}.csv"
CHART = chart_csv(top(200))


def refuse_to_forget(given: dict[str, Any]) -> None:
    if "forget" in given:
        raise RuntimeError(QUOTED)


@scenario
def file_imported(world: World) -> None:
    world.run("import", world.upload(FILE, CHART))


@scenario
def file_imported_of_an_event(world: World) -> None:
    world.upload(FILE, CHART)
    world.run("import", event("upload"))


@scenario
def file_imported_twice(world: World) -> None:
    world.run("import", world.upload(FILE, CHART))
    world.run("import", world.upload(FILE, CHART))


@scenario
def file_imported_as_a_person_says(world: World) -> None:
    said = {"chart": "weekly-GLOBAL", "date": "2025-03-06"}
    world.run("import", world.upload("chart.csv", chart_csv(top(9), "weekly")) | said)


@scenario
def upload_told_of_twice(world: World) -> None:
    given = world.upload(FILE, CHART)
    world.run("import", given)
    world.run("import", given)


@scenario
def file_that_is_no_chart(world: World) -> None:
    world.run("import", world.upload("history.json", b"[]"))


@scenario
def file_with_a_row_that_cannot_be_read(world: World) -> None:
    world.run("import", world.upload(FILE, chart_csv([file_row(1), file_row(2, streams="many")])))


@scenario
def file_that_errs(world: World) -> None:
    world.run("import", world.upload(FILE, chart_csv([file_row(1), file_row(3)])))


@scenario
def file_of_a_day_that_the_playlist_has(world: World) -> None:
    world.run("daily", ONE)
    world.run("import", world.upload(FILE, CHART))


@scenario
def playlist_of_a_day_that_a_file_has(world: World) -> None:
    world.run("import", world.upload(FILE, CHART))
    world.run("daily", ONE)


@scenario
def file_of_a_day_that_failed(world: World) -> None:
    """Its playlist was kept: the next run makes up for it."""
    world.before("Load", raising(RuntimeError("made up"), times=3))
    world.run("daily", ONE)
    world.run("import", world.upload(FILE, CHART))
    world.run("daily", at(DAY))


@scenario
def nothing_to_import_in_the_input(world: World) -> None:
    world.run("import", {})


@scenario
def import_throws(world: World) -> None:
    world.before("Import", raising(RuntimeError(QUOTED)))
    world.run("import", world.upload(FILE, CHART))


@scenario
def import_throws_twice(world: World) -> None:
    world.before("Import", raising(RuntimeError(QUOTED), times=2))
    world.run("import", world.upload(FILE, CHART))


@scenario
def import_finds_a_damaged_file(world: World) -> None:
    world.run("import", world.upload(FILE, CHART))
    (key,) = [key for key in world.versions() if key.startswith("raw/charts/files/")]
    world.put(key, b"damaged")
    world.run("import", world.upload(FILE, CHART))


@scenario
def transform_of_a_file_throws(world: World) -> None:
    world.before("Transform", raising(RuntimeError(QUOTED)))
    world.run("import", world.upload(FILE, CHART))


@scenario
def load_of_a_file_throws(world: World) -> None:
    world.before("Load", raising(RuntimeError(QUOTED)))
    world.run("import", world.upload(FILE, CHART))


@scenario
def load_of_a_file_dies_after_it_wrote(world: World) -> None:
    world.after("Load", raising(RuntimeError(QUOTED), times=1))
    world.run("import", world.upload(FILE, CHART))


@scenario
def verify_of_a_file_throws(world: World) -> None:
    world.before("Verify", raising(RuntimeError(QUOTED)))
    world.run("import", world.upload(FILE, CHART))


@scenario
def publish_of_a_file_throws(world: World) -> None:
    world.before("Publish", raising(RuntimeError(QUOTED)))
    world.run("import", world.upload(FILE, CHART))


@scenario
def forget_throws(world: World) -> None:
    world.before("Import", refuse_to_forget)
    world.run("import", world.upload(FILE, CHART))


@scenario
def another_file_comes_while_one_is_imported(world: World) -> None:
    later = chart_csv(top(200, first=2))

    def replace(_: dict[str, Any]) -> None:
        world.upload(FILE, later)

    world.after("Publish", replace)
    world.run("import", world.upload(FILE, CHART))
    world.run("import", world.upload(FILE, later))


#### THE IMPORT MACHINE, OF A HISTORY ##############################################################

PACKAGE = "my_spotify_data.zip"
NAMES = "Streaming_History_Audio_2023-2025_0.json", "Streaming_History_Audio_2025_1.json"
# Half a year lies between them, so the months are in two groups for nobody's sake but time's.
WINTER = evening(datetime(2024, 12, 31, 23, 50, tzinfo=UTC), range(1, 6))
SUMMER = evening(datetime(2025, 7, 5, 20, 0, tzinfo=UTC), range(3, 7))
ODD = [heard(7, datetime(2001, 1, 1, tzinfo=UTC)), SUMMER[0]]  # before Spotify; said once more
HISTORY = zip_of({NAMES[0]: file_of(WINTER), NAMES[1]: file_of(SUMMER + ODD)})
TORN = file_of(SUMMER)[:-20]
# In a country of several time zones.
HISTORY_ABROAD = zip_of(
    {NAMES[0]: file_of(row | {"conn_country": "US"} for row in WINTER + SUMMER)}
)


def in_step(step: str, hook: Hook, *, withdrawn: bool | None = None) -> Hook:
    """A hook for one of the steps that Derive does of an import."""

    def hooked(given: dict[str, Any]) -> None:
        if step in given and withdrawn in {None, given.get("withdrawn")}:
            hook(given)

    return hooked


def import_of(world: World) -> str:
    """The import's id, of the only one that the raw zone has."""
    (found,) = {key.split("/")[3] for key in world.versions() if key.startswith("raw/imports/")}
    return found


def undo(world: World) -> None:
    world.run("import", {"undo": {"import_id": import_of(world)}})


@scenario
def history_imported(world: World) -> None:
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def history_imported_after_a_capture(world: World) -> None:
    """The last play that was captured is in the history too."""
    world.run("capture", HOURLY)
    plays = [row for row in world.spotify.plays if row["track"]]
    last = parse_time(plays[0]["played_at"])
    track_ = plays[0]["track"]
    row = heard(1, last, spotify_track_uri=track_["uri"], ms_played=track_["duration_ms"])
    world.run("import", world.upload(NAMES[0], file_of([row])))


@scenario
def history_of_names_alone(world: World) -> None:
    """The daily machine looks the name up; Publish fails that run, and the next makes up for it."""
    said = {"artistName": "Somebody", "trackName": "Something", "msPlayed": 180_000}
    rows = [said | {"endTime": f"{DAY} 10:00"}]
    world.run("import", world.upload("StreamingHistory_music_0.json", file_of(rows)))
    world.before("Publish", raising(RuntimeError("made up"), times=3))
    for _ in range(3):
        world.begin_anew()
        world.run("daily", ONE)


@scenario
def history_imported_twice(world: World) -> None:
    world.run("import", world.upload(PACKAGE, HISTORY))
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def history_taken_back(world: World) -> None:
    """And once more, which does the same."""
    world.run("import", world.upload(PACKAGE, HISTORY))
    undo(world)
    undo(world)


@scenario
def history_taken_back_and_imported_again(world: World) -> None:
    world.run("import", world.upload(PACKAGE, HISTORY))
    undo(world)
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def nothing_to_take_back(world: World) -> None:
    world.run("import", {"undo": {"import_id": "0123456789abcdef"}})


@scenario
def plays_derived_anew(world: World) -> None:
    """The listener has said where they live since; and somebody asks it of nobody."""
    world.run("import", world.upload(PACKAGE, HISTORY_ABROAD))
    kept = access.accounts_table()
    before = kept.get(ACCOUNT)
    assert before is not None
    assert kept.replace(before, replace(before, time_zone="America/Los_Angeles"))
    world.run("import", {"derive": {"account": ACCOUNT}})
    world.run("import", {"derive": {"account": "nobody"}})


@scenario
def history_with_a_file_that_cannot_be_read(world: World) -> None:
    world.run("import", world.upload(PACKAGE, zip_of({NAMES[0]: file_of(WINTER), NAMES[1]: TORN})))


@scenario
def history_with_a_file_that_cannot_be_read_twice(world: World) -> None:
    package = zip_of({NAMES[0]: file_of(WINTER), NAMES[1]: TORN})
    world.run("import", world.upload(PACKAGE, package))
    world.run("import", world.upload(PACKAGE, package))


@scenario
def history_that_cannot_be_read(world: World) -> None:
    world.run("import", world.upload(NAMES[1], TORN))


@scenario
def history_of_two_people(world: World) -> None:
    """Of which only the last rows tell."""
    rows = evening(datetime(2024, 12, 1, tzinfo=UTC), range(300))
    files = {
        name: file_of([*rows[:-1], rows[-1] | {"username": who}])
        for name, who in zip(NAMES, ("anna31", "bertil77"), strict=True)
    }
    world.run("import", world.upload(PACKAGE, zip_of(files)))


@scenario
def history_without_plays(world: World) -> None:
    world.run("import", world.upload(NAMES[0], file_of(ODD[:1])))


@scenario
def history_of_a_span(world: World) -> None:
    """Then it is asked for whole, which is refused until it is taken back."""
    said = {"since": "2025-01-01", "until": "2025-07-05"}
    world.run("import", world.upload(PACKAGE, HISTORY) | said)
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def history_of_one_of_two_accounts(world: World) -> None:
    """Nobody says whose; then somebody does, and then the folder of the upload says it."""
    world.connect("other", "made-up-token")
    world.run("import", world.upload(PACKAGE, HISTORY))
    world.run("import", world.upload(PACKAGE, HISTORY) | {"account": "other"})
    world.run("import", world.upload(f"{ACCOUNT}/{PACKAGE}", HISTORY))


@scenario
def history_of_nobody_yet(world: World) -> None:
    world.nobody()
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def read_throws(world: World) -> None:
    """Then the same file once more, when it works again."""
    world.before("Read", raising(RuntimeError(QUOTED), times=3))
    world.run("import", world.upload(PACKAGE, HISTORY))
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def read_dies_after_it_kept(world: World) -> None:
    world.after("Read", raising(RuntimeError(QUOTED), times=1))
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def upload_goes_before_it_is_read(world: World) -> None:
    def lose(given: dict[str, Any]) -> None:
        client("s3").delete_object(Bucket=UPLOADS, Key=given["upload"]["key"])

    world.before("Read", lose)
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def group_throws(world: World) -> None:
    world.before("Derive", in_step("group", raising(RuntimeError(QUOTED))))
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def merge_throws(world: World) -> None:
    world.before("Derive", in_step("merge", raising(RuntimeError(QUOTED))))
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def merge_finds_damaged_rows(world: World) -> None:
    def damage(given: dict[str, Any]) -> None:
        world.put(f"{given['import']['raw_prefix']}0001.parquet", b"damaged")

    world.after("Read", damage)
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def play_throws(world: World) -> None:
    """Then the same file once more, when it works again."""
    world.before("Derive", in_step("play", raising(RuntimeError(QUOTED), times=3)))
    world.run("import", world.upload(PACKAGE, HISTORY))
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def play_finds_a_corrupt_object(world: World) -> None:
    world.put(f"lake/plays/month=2025-01/{ACCOUNT}.parquet", b"not Parquet")
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def conclude_throws(world: World) -> None:
    world.before("Derive", in_step("conclude", raising(RuntimeError(QUOTED))))
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def conclude_finds_a_corrupt_object(world: World) -> None:
    def damage(given: dict[str, Any]) -> None:
        month = given["import"]["at"][:7]
        world.put(f"lake/imports/month={month}/{ACCOUNT}.parquet", b"not Parquet")

    world.before("Derive", in_step("conclude", damage))
    world.run("import", world.upload(PACKAGE, HISTORY))


@scenario
def taking_back_fails(world: World) -> None:
    """Then it is taken back once more, when it works again."""
    world.run("import", world.upload(PACKAGE, HISTORY))
    breaks = raising(RuntimeError(QUOTED), times=3)
    world.before("Derive", in_step("conclude", breaks, withdrawn=True))
    undo(world)
    undo(world)


@scenario
def history_taken_back_while_it_is_imported(world: World) -> None:
    """By a person who then does it once more, as the run says."""

    def take_back(given: dict[str, Any]) -> None:
        undone = {"import_id": given["import"]["import_id"]}
        told = {"input": {"undo": undone}, "start_time": given["import"]["at"]}
        assert world.engine.call("Import", told)["status"] == "withdrawn"

    world.after("Derive", in_step("play", take_back, withdrawn=False))
    world.run("import", world.upload(PACKAGE, HISTORY))
    undo(world)


#### THE AUDIT MACHINE #############################################################################


@scenario
def audited(world: World) -> None:
    """All that captures and a day's charts left follows from the raw zone."""
    day_after_a_capture(world)
    world.run("audit", {"month": MONTH})


@scenario
def audited_after_an_import(world: World) -> None:
    history_of_names_alone(world)
    world.run("audit", {"all": True})


@scenario
def audit_of_nothing(world: World) -> None:
    """As the schedule starts it: this month and the last one."""
    world.run("audit", event("schedule"))


@scenario
def audit_of_a_month_that_is_none(world: World) -> None:
    world.run("audit", {"month": "March"})


@scenario
def audit_finds_five_faults(world: World) -> None:
    """A row deleted, one added, one changed, an object deleted, and one of somebody else."""
    world.connect("other", REFRESH_TOKEN)
    day_after_a_capture(world)
    world.change("plays", ACCOUNT, lambda rows: rows[1:])
    world.change("observations", ACCOUNT, lambda rows: [*rows, rows[0] | {"track_name": "Added"}])
    world.change("chart_entries", "daily-NO", lambda rows: [rows[0] | {"popularity": 1}, *rows[1:]])
    world.delete(chart_key("daily-SE"))
    world.put_copy(chart_key("other", "captures"), chart_key(ACCOUNT, "captures"))
    world.run("audit", {"month": MONTH})


@scenario
def audit_throws_twice(world: World) -> None:
    world.run("capture", HOURLY)
    world.before("Audit", raising(RuntimeError("made up"), times=2))
    world.run("audit", {"month": MONTH})


@scenario
def audit_of_a_part_throws_always(world: World) -> None:
    """The other parts are looked at all the same."""
    world.run("capture", HOURLY)

    def throw(given: dict[str, Any]) -> None:
        if given.get("part", {}).get("kind") == "activity":
            raise RuntimeError(QUOTED)

    world.before("Audit", throw)
    world.run("audit", {"month": MONTH})


@scenario
def audit_of_kept_rows_that_are_damaged(world: World) -> None:
    world.run("import", world.upload(PACKAGE, HISTORY))
    (key, *_) = [key for key in world.versions() if key.endswith("0001.parquet")]
    world.put(key, b"not Parquet any more")
    world.run("audit", {"all": True})


@scenario
def audit_while_a_page_waits_for_derive(world: World) -> None:
    """Derive broke off; the next capture makes up for it, and no row is missing."""
    with patch.object(captures, "record", side_effect=RuntimeError("made up")):
        world.run("capture")
    world.run("audit", {"month": MONTH})
