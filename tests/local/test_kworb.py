"""The local kworb.net against what is known of the real one, and Soundlake's reader against it."""

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from soundlake.charts import Chart
from soundlake.settings import Settings, settings
from soundlake.sources.chart_source import NotServedError, Shown, Wanted
from soundlake.sources.keyless import KeylessApi
from soundlake.sources.kworb import Kworb
from soundlake.sources.site import Site
from soundlake.spotify.errors import (
    BadAnswerError,
    RateLimitedError,
    RefusedError,
    UnavailableError,
)
from soundlake.store.raw import RawAnswer

from local.kworb.app import PLACES, PREFIX
from local.spotify.world import World
from tests.local.helpers import Api

AGENT = {"User-Agent": "Soundlake-Tests/1 (+https://example.org)"}
TODAY, SHOWN, ENDED = date(2025, 3, 5), "2025/03/03", "2025/02/27"  # a Wednesday, Monday, Thursday
KEY = "raw/charts/kworb/x/2025-03-05/001/page-01.html.gz"
ME = "madeup-solveig"


def get(api: Api, page: str = "no_daily", **headers: str) -> requests.Response:
    url = f"{api.url}{PREFIX}/country/{page}.html"
    return requests.get(url, headers=AGENT | headers, timeout=5)


def html(api: Api, page: str = "no_daily") -> str:
    answer = get(api, page)
    assert answer.status_code == 200, answer.text
    return answer.content.decode()


def chart_of(world: World, name: str) -> Chart:
    cadence, _, country = name.partition("-")
    found = next(
        each for each in world.charts if (each.cadence, each.country) == (cadence, country)
    )
    return Chart(name, country, found.country_name, found.cadence, found.playlist_id, enabled=True)


def read(world: World, body: bytes, name: str = "daily-NO") -> Shown:
    answer = RawAnswer(KEY, None, datetime(2025, 3, 5, 18, tzinfo=UTC), body)
    return Kworb().read([answer], chart_of(world, name), None)


# What it shows.


@pytest.mark.parametrize(
    ("page", "heading", "last"),
    [
        ("no_daily", f"Spotify Daily Chart - Norway - {SHOWN}", "Total"),
        ("cz_daily", f"Spotify Daily Chart - Czech Republic - {SHOWN}", "Total"),
        ("global_daily", f"Spotify Daily Chart - Global - {SHOWN}", "Total"),
        ("no_weekly", f"Spotify Weekly Chart - Norway - {ENDED}", "Total"),
    ],
)
def test_a_page_says_whose_chart_it_is_and_of_which_day(
    page: str, heading: str, last: str, made: Api
) -> None:
    text = html(made, page)

    assert f'<span class="pagetitle">{heading} | ' in text
    names = re.findall("<th>(.*?)</th>", text)
    daily = [*("Days", "Pk", "(x?)", "Streams", "Streams+", "7Day", "7Day+"), last]
    weekly = [*("Wks", "Pk", "(x?)", "Streams", "Streams+"), last]
    assert names == [
        *("Pos", "P+", "Artist and Title"),
        *(daily if page.endswith("daily") else weekly),
    ]
    assert text.count("<tr>") == 1 + PLACES


def test_the_first_places_are_the_charts_and_each_track_stands_once(
    made: Api, made_world: World
) -> None:
    chart = next(one for one in made_world.charts if (one.country, one.cadence) == ("NO", "daily"))
    own = [
        one.id for one in made_world.chart_page(chart, date(2025, 3, 3)).places if one is not None
    ]

    linked = re.findall(r'<a href="\.\./track/(\w{22})\.html">', html(made))

    assert linked[: len(own)] == own
    assert len(set(linked)) == len(linked) == PLACES


def test_moves_lead_from_the_page_before(made: Api, made_world: World) -> None:
    made.control.set_clock(made.control.clock.now() - timedelta(days=1))
    before = read(made_world, html(made).encode())
    made.control.set_clock(made.control.clock.now() + timedelta(days=1))
    now = read(made_world, html(made).encode())

    places = {row["track_id"]: row["position"] for row in before.entries}
    moved = {row["track_id"]: row["previous_position"] for row in now.entries}
    assert {row["chart_date"] for row in before.entries} == {"2025-03-02"}
    assert moved == {each: places.get(each) for each in moved}
    assert len({each for each, place in moved.items() if place is None}) < PLACES / 2
    assert any(row["position"] != row["previous_position"] for row in now.entries)


def test_a_days_page_is_always_the_same(made: Api) -> None:
    assert html(made) == html(made)


def test_the_clock_is_the_worlds_and_no_encoding_is_named(made: Api) -> None:
    answer = get(made)

    now = made.control.clock.now().replace(microsecond=0)
    assert parsedate_to_datetime(answer.headers["Date"]) == now
    assert answer.headers["Content-Type"] == "text/html"


@pytest.mark.parametrize("agent", ["python-requests/2.32", "Mozilla/5.0", "Soundlake/1", ""])
def test_who_gives_no_contact_is_refused(agent: str, made: Api) -> None:
    assert get(made, **{"User-Agent": agent}).status_code == 403
    robots = requests.get(f"{made.url}/robots.txt", headers={"User-Agent": agent}, timeout=5)
    assert (robots.status_code, robots.text) == (200, "User-agent: *\nDisallow:\n")


@pytest.mark.parametrize("page", ["ru_daily", "xx_daily", "NO_daily", "no_hourly", "ni_weekly"])
def test_a_chart_that_there_is_not_has_no_page(page: str, made: Api) -> None:
    assert get(made, page).status_code == 404


def test_requests_are_counted_beside_spotifys_and_need_no_token(made: Api) -> None:
    get(made)
    get(made, "xx_daily")
    requests.get(f"{made.url}/robots.txt", timeout=5)

    counted = made.control.requests.summary()

    assert counted["by_endpoint"] == {"kworb.net/country": 2, "kworb.net/robots.txt": 1}
    assert counted["by_status"] == {"200": 2, "404": 1}
    assert made.control.access()["counted"] == 0


# What it may do wrong.


def faulty(api: Api, **fault: Any) -> str:
    api.control.fault(path="^/kworb/", times=1, **fault)
    return html(api)


def test_faults_change_pages(made: Api) -> None:
    good = html(made)

    assert "<th>new Streams</th>" in faulty(made, kind="renamed_fields", fields=["Streams"])
    assert "Daily Chart - Norway" not in faulty(made, kind="other_chart")
    assert "Daily Chart - Norway - 2025/03/02" in faulty(made, kind="earlier_day")
    assert faulty(made, kind="fewer_rows", count=7).count("<tr>") == 1 + 7
    assert "Upstream error" in faulty(made, kind="html")
    assert "</table>" not in faulty(made, kind="broken_json")
    assert html(made) == good
    assert all(one["fired"] == 1 for one in made.call("GET", "faults").json()["faults"])


def test_faults_of_pages_leave_spotify_alone(made: Api) -> None:
    for kind in ("other_chart", "earlier_day", "fewer_rows", "disallow"):
        made.control.fault(path=".", kind=kind)

    assert made.get("me/player/recently-played", listener=ME).ok
    assert [one["fired"] for one in made.call("GET", "faults").json()["faults"]] == [0] * 4


def test_a_limit_on_demand_says_how_long_to_wait(made: Api) -> None:
    made.control.fault(path="^/kworb/", kind="429", retry_after=7, times=1)

    answer = get(made)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.headers["Content-Type"] == "text/html"


def test_a_slow_page_is_a_page(made_world: World, serve: Any) -> None:
    slept: list[float] = []
    api = serve(made_world, sleep=slept.append)
    api.control.fault(path="^/kworb/", kind="slow", delay_ms=1500, times=1)

    assert "Norway" in html(api)
    assert slept == [1.5]


# Soundlake's own source.


class NoRaw:
    """A raw zone that keeps nothing."""

    def keys(self, _: str) -> list[str]:
        return []

    def write(self, *_: Any) -> bool:
        return True


@pytest.fixture
def address(made: Api, monkeypatch: pytest.MonkeyPatch) -> str:
    """A function's environment, as far as the source reads it."""
    for name in Settings.__dataclass_fields__:
        monkeypatch.setenv(name.upper(), "unused")
    base = f"{made.url}{PREFIX}"
    monkeypatch.setenv("KWORB_URL", base)
    monkeypatch.setenv("CONTACT", "https://example.org")
    settings.cache_clear()
    return base


@pytest.fixture
def clients(address: str) -> Any:
    """Gives a client of the local kworb.net that does not sleep."""

    def site(name: str, base: str, spacing_s: float, contact: str) -> Site:
        assert (name, base, spacing_s) == ("kworb.net", address, 1.5)
        api = KeylessApi(
            name, base, spacing_s=0.0, told=lambda _: None, contact=contact, backoff_s=0.0
        )
        return Site(name, base, spacing_s, api, NoRaw())  # type: ignore[arg-type]

    return SimpleNamespace(site=site)


def ask(clients: Any, world: World, name: str = "daily-NO") -> Shown:
    chart = chart_of(world, name)
    answer = Kworb().ask(clients, Wanted(chart, TODAY), [])
    assert answer is not None
    page = RawAnswer(KEY, None, answer.at, answer.body)
    assert Kworb().ask(clients, Wanted(chart, TODAY), [page]) is None
    return Kworb().read([page], chart, TODAY)


@pytest.mark.parametrize("name", ["daily-NO", "daily-CZ", "daily-GLOBAL", "weekly-SE"])
def test_the_source_reads_what_it_asked(name: str, clients: Any, made_world: World) -> None:
    shown = ask(clients, made_world, name)

    assert shown.chart_date.isoformat() == ("2025-02-27" if name == "weekly-SE" else "2025-03-03")
    assert [row["position"] for row in shown.entries] == list(range(1, PLACES + 1))
    known = made_world.catalogue
    for row in shown.entries:
        track = known.tracks[row["track_id"]]
        assert row["track_name"] == track.name
        assert row["artist_ids"] == list(track.artist_ids)
        assert row["artist_names"] == [known.artists[one].name for one in track.artist_ids]
        assert row["peak_position"] <= row["position"]
    streams = [row["streams"] for row in shown.entries]
    assert streams == sorted(streams, reverse=True)


def test_every_chart_of_the_world_but_russias_can_be_read(
    clients: Any, made: Api, made_world: World
) -> None:
    read_all = 0
    for each in made_world.charts:
        if each.country == "RU":
            continue
        name = f"{each.cadence}-{each.country}"
        country = "global" if each.country == "GLOBAL" else each.country.lower()
        page = read(made_world, get(made, f"{country}_{each.cadence}").content, name)
        assert len(page.entries) == PLACES
        read_all += 1
    assert read_all == len(made_world.charts) - 2


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        ({"kind": "html"}, BadAnswerError, "has no heading"),
        ({"kind": "empty_body"}, BadAnswerError, "has no heading"),
        ({"kind": "error_inside"}, BadAnswerError, "has no heading"),
        ({"kind": "broken_json"}, BadAnswerError, "is cut off"),
        ({"kind": "renamed_fields", "fields": ["Pk"]}, BadAnswerError, "with the columns Pk"),
        ({"kind": "other_chart"}, BadAnswerError, "and not 'Norway'"),
        ({"kind": "fewer_rows", "count": 49}, BadAnswerError, "has 49 rows"),
        ({"kind": "404"}, NotServedError, "has no page of daily-NO"),
        ({"kind": "403"}, RefusedError, "refused country with 403"),
        ({"kind": "429", "retry_after": 7}, RateLimitedError, "wait 7 s"),
        ({"kind": "503"}, UnavailableError, "answered 503"),
        ({"kind": "drop"}, UnavailableError, "could not be reached"),
    ],
)
def test_whatever_it_does_wrong_is_told(
    fault: dict[str, Any],
    error: type[Exception],
    text: str,
    clients: Any,
    made: Api,
) -> None:
    made.control.fault(path="^/kworb/", **fault)

    with pytest.raises(error, match=re.escape(text)):
        ask(clients, made.control.world)


def test_a_closed_site_is_left_alone(clients: Any, made: Api, made_world: World) -> None:
    made.control.fault(path=r"^/robots\.txt", kind="disallow")

    with pytest.raises(NotServedError, match=r"robots\.txt forbids robots this page"):
        ask(clients, made_world)

    assert made.control.requests.summary()["by_endpoint"] == {"kworb.net/robots.txt": 1}


def test_a_repeated_day_is_read_as_what_it_is(clients: Any, made: Api, made_world: World) -> None:
    made.control.fault(path="^/kworb/", kind="earlier_day")

    assert ask(clients, made_world).chart_date.isoformat() == "2025-03-02"


def test_a_page_of_a_real_days_world_can_be_read_too(serve: Any, real_world: World) -> None:
    api = serve(real_world)
    answer = RawAnswer(KEY, None, api.control.clock.now(), get(api, "fi_daily").content)

    shown = Kworb().read([answer], chart_of(real_world, "daily-FI"), None)

    assert shown.chart_date.isoformat() == "2025-02-16"
    assert shown.holes == []
    assert len(shown.entries) == PLACES
