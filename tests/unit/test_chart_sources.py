"""Where a chart comes from: the sources in their order, who may be asked, and what each refuses."""

from collections.abc import Callable
from datetime import date, timedelta
from gzip import decompress
from typing import Any

import pytest
from soundlake import access, asking
from soundlake.abilities import Ability, Finding
from soundlake.settings import settings
from soundlake.sources.charts import SOURCES, ordered, source_of
from soundlake.store.budget import Budget

from tests.unit.helpers import (
    CLIENT_ID,
    NORWAY,
    NORWAY_CHART,
    NOW,
    PREFIX,
    TODAY,
    FakeSpotify,
    Row,
    Zones,
    invoke,
    keep_chart,
    playlist,
    track,
)
from tests.unit.kworb_pages import CONTACT, FakeKworb, kworb_page, page_rows

PLAYLIST = f"/v1/playlists/{NORWAY}"
PAGE = "country/no_daily.html"
PATH = f"/spotify/{PAGE}"
KEPT = f"raw/charts/kworb/daily-NO/{TODAY}/001/page-01.html.gz"
ROBOTS = f"raw/robots/kworb.net/{TODAY}/200.txt.gz"
YESTERDAY = (date.fromisoformat(TODAY) - timedelta(days=1)).isoformat()


def extract(day: str = TODAY, **given: Any) -> Row:
    event = {"chart": NORWAY_CHART, "date": day, "again": False, "not_before": None}
    return invoke("extract", event | {"requests": {}} | given)


def choose(monkeypatch: pytest.MonkeyPatch, sources: str, contact: str = CONTACT) -> None:
    monkeypatch.setenv("CHART_SOURCES", sources)
    monkeypatch.setenv("CONTACT", contact)
    settings.cache_clear()


def found_out(allowed: bool) -> None:
    """What a probe would have noted the day before."""
    at = NOW - timedelta(days=1)
    finding = Finding(Ability.CHARTS, allowed, at, "GET playlists/{id}")
    access.abilities_table().probed(CLIENT_ID, [finding], at)


@pytest.fixture
def shown(kworb: FakeKworb) -> FakeKworb:
    """kworb.net with Norway's page; Spotify is known to show no charts."""
    kworb.pages[PAGE] = kworb_page()
    found_out(False)
    return kworb


def test_the_order_is_that_of_the_names() -> None:
    assert [each.name for each in ordered("kworb,spotify")] == ["kworb", "spotify"]
    assert list(SOURCES) == ["spotify", "kworb"]
    assert source_of(KEPT) is SOURCES["kworb"]
    with pytest.raises(ValueError, match="'apple' in 'apple' is not one of spotify, kworb"):
        ordered("apple")


def test_what_spotify_does_not_show_is_asked_of_the_next(
    shown: FakeKworb, spotify: FakeSpotify, zones: Zones
) -> None:
    result = extract()

    assert result == {
        "status": "extracted",
        "raw_keys": [KEPT],
        "earlier_keys": [],
        "requests": {"kworb.net/robots.txt": 1, "kworb.net/country": 1},
        "counts": {"requests": 2},
    }
    assert decompress(zones.body(KEPT)) == shown.pages[PAGE]
    assert spotify.asked == []
    assert shown.asked == ["/robots.txt", PATH]
    assert shown.agents == {f"Soundlake/1 (+{CONTACT})"}


def test_a_page_that_is_there_is_used_again_without_a_request(
    shown: FakeKworb, zones: Zones
) -> None:
    extract()
    versions = zones.versions()

    again = extract()

    assert (again["raw_keys"], again["requests"]) == ([KEPT], {})
    assert zones.versions() == versions


def test_a_page_that_was_not_new_is_asked_for_again(shown: FakeKworb, zones: Zones) -> None:
    extract()
    shown.pages[PAGE] = kworb_page("2026/11/20")

    again = extract(again=True)

    second = KEPT.replace("/001/", "/002/")
    assert again["raw_keys"] == [second]
    assert decompress(zones.body(second)) == shown.pages[PAGE]
    assert shown.asked == ["/robots.txt", PATH, PATH]
    assert extract()["raw_keys"] == [second]


def test_the_earlier_page_is_the_sources_own(shown: FakeKworb, zones: Zones) -> None:
    keep_chart(zones, [track(1)], day=YESTERDAY)

    assert extract()["earlier_keys"] == []


def test_a_playlist_that_is_not_found_sends_its_chart_on_and_wants_a_probe(
    kworb: FakeKworb, spotify: FakeSpotify
) -> None:
    """One may be lost; whether all are, a probe finds out."""
    found_out(True)
    kworb.pages[PAGE] = kworb_page()

    result = extract()

    assert result["raw_keys"] == [KEPT]
    assert spotify.api_requests() == [f"GET {PLAYLIST}"]
    known = asking.abilities()
    assert (known.may(Ability.CHARTS), known.probe_wanted) == (True, True)


def test_without_another_source_a_lost_playlist_fails_as_ever(spotify: FakeSpotify) -> None:
    result = extract()

    assert result["status"] == "failed"
    assert "404" in result["error"]
    assert asking.abilities().probe_wanted


def test_a_playlist_that_is_shown_is_not_looked_for_elsewhere(
    kworb: FakeKworb, spotify: FakeSpotify
) -> None:
    spotify.playlists[NORWAY] = [playlist([track(1)])]

    assert extract()["raw_keys"][0].startswith("raw/charts/spotify/")
    assert kworb.asked == []


def test_the_preferred_source_is_asked_first(
    shown: FakeKworb, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch, ssm: Any
) -> None:
    """And needs nothing of Spotify."""
    choose(monkeypatch, "kworb")
    ssm.delete_parameter(Name=f"{PREFIX}/spotify/app")
    asking.secrets.forget()

    assert extract()["raw_keys"] == [KEPT]


def test_without_an_app_the_next_one_is_asked(
    shown: FakeKworb, spotify: FakeSpotify, ssm: Any
) -> None:
    """It needs none; where it does not have the chart, the missing app is what failed."""
    extract()
    ssm.delete_parameter(Name=f"{PREFIX}/spotify/app")
    asking.secrets.forget()

    assert extract(again=True)["raw_keys"] == [KEPT.replace("/001/", "/002/")]
    shown.pages.clear()
    neither = extract(chart=NORWAY_CHART | {"chart": "daily-SE", "country": "SE"})
    assert (neither["status"], neither["error"]) == (
        "failed",
        f"There is no SecureString {PREFIX}/spotify/app; write it with ./soundlake app.",
    )
    assert spotify.asked == []


def test_without_an_app_a_kept_playlist_counts(zones: Zones, ssm: Any) -> None:
    key = keep_chart(zones, [track(1)])
    ssm.delete_parameter(Name=f"{PREFIX}/spotify/app")
    asking.secrets.forget()

    assert extract(again=True)["raw_keys"] == [key]


def test_a_kept_playlist_counts_though_spotify_shows_none_any_more(
    shown: FakeKworb, zones: Zones
) -> None:
    key = keep_chart(zones, [track(1)])

    assert extract()["raw_keys"] == [key]
    assert extract(again=True)["raw_keys"] == [key]
    assert shown.asked == []


# Nobody may be asked.

HAND = "Download it at charts.spotify.com and ./soundlake import it"


NOT_SHOWN = "Spotify does not show its charts to this app."
NO_CONTACT = (
    "kworb.net is asked by nobody whom it cannot reach: set the parameter Contact (./soundlake up "
    "--contact you@example.org)."
)


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        ("spotify", f"{NOT_SHOWN} {HAND}, or choose kworb (docs/sources.md)."),
        ("spotify,kworb", f"{NOT_SHOWN} {NO_CONTACT} {HAND}."),
        ("kworb", f"{NO_CONTACT} {HAND}."),
    ],
)
def test_a_chart_that_nobody_may_be_asked_for_says_what_to_do(
    sources: str,
    sentence: str,
    shown: FakeKworb,
    spotify: FakeSpotify,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose(monkeypatch, sources, "none")

    result = extract()

    assert (result["status"], result["error"]) == ("unserved", sentence)
    assert (result["requests"], spotify.asked, shown.asked) == ({}, [], [])


def test_a_chart_without_a_playlist_is_asked_of_others(
    kworb: FakeKworb, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    found_out(True)
    kworb.pages[PAGE] = kworb_page()
    listed = NORWAY_CHART | {"playlist_id": ""}

    assert extract(chart=listed)["raw_keys"] == [KEPT]
    choose(monkeypatch, "spotify")
    assert extract(chart=listed)["error"] == (
        f"The chart list has no playlist of daily-NO. {HAND}, or choose kworb (docs/sources.md)."
    )
    assert spotify.asked == []


def test_an_app_whose_owner_has_no_premium_wants_no_probe(
    kworb: FakeKworb, spotify: FakeSpotify
) -> None:
    """That is about all it asks, and is told by every other answer too."""
    kworb.pages[PAGE] = kworb_page()
    message = "Active premium subscription required for the owner of the app."
    spotify.reply(PLAYLIST, 403, {"error": {"status": 403, "message": message}})

    assert extract()["raw_keys"] == [KEPT]
    assert not asking.abilities().probe_wanted
    spotify.reply(PLAYLIST, 403, {"error": {"status": 403, "message": "Forbidden"}})
    assert extract(again=True)["raw_keys"] == [KEPT.replace("/001/", "/002/")]
    assert asking.abilities().probe_wanted


def test_a_site_that_refuses_its_page_says_nothing_of_the_app(shown: FakeKworb) -> None:
    extract()
    shown.reply(403)

    refused = extract(again=True)

    assert (refused["status"], refused["error"]) == (
        "failed",
        "kworb.net refused country with 403.",
    )
    assert not asking.abilities().probe_wanted


def test_a_token_that_spotify_refuses_sends_no_chart_on(
    kworb: FakeKworb, spotify: FakeSpotify
) -> None:
    """It says nothing of the playlist, and the next try has a new one."""
    found_out(True)
    kworb.pages[PAGE] = kworb_page()
    for _ in range(2):
        spotify.reply(PLAYLIST, 401, {"error": {"status": 401, "message": "Words"}})

    result = extract()

    assert (result["status"], "with 401" in result["error"]) == ("failed", True)
    assert kworb.asked == []
    assert not asking.abilities().probe_wanted


def test_a_chart_that_a_source_does_not_have_is_not_served(shown: FakeKworb) -> None:
    shown.pages.clear()

    result = extract()

    assert (result["status"], result["error"]) == (
        "unserved",
        f"Spotify does not show its charts to this app. kworb.net has no page of daily-NO (404). "
        f"{HAND}.",
    )


# robots.txt.


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (b"User-agent: *\nDisallow: /", "kworb.net's robots.txt forbids robots this page."),
        (b"User-agent: soundlake\nDisallow: /spotify/", "kworb.net's robots.txt forbids "),
        (
            b"User-agent: *\nCrawl-delay: 10\nAllow: /",
            "kworb.net's robots.txt wants 10 s between requests, and a run waits 1.5 s.",
        ),
    ],
)
def test_what_robots_txt_forbids_is_not_asked_for(rules: bytes, why: str, shown: FakeKworb) -> None:
    shown.robots = (200, rules)

    result = extract()

    assert result["status"] == "unserved"
    assert why in result["error"]
    assert shown.asked == ["/robots.txt"]


def test_what_it_forbids_of_all_charts_is_one_reason(shown: FakeKworb) -> None:
    """A run's end says each reason once."""
    shown.robots = (200, b"User-agent: *\nDisallow: /")
    sweden = NORWAY_CHART | {"chart": "daily-SE", "country": "SE"}

    assert extract(chart=sweden)["error"] == extract()["error"]


@pytest.mark.parametrize(
    ("status", "rules"),
    [
        (200, b""),
        (200, b"\xff\xfe"),
        (200, b"User-agent: *\nCrawl-delay: 1\nDisallow: /private/"),
        (200, b"User-agent: *\nDisallow: /\nUser-agent: Soundlake\nAllow: /spotify/"),
        (404, b"User-agent: *\nDisallow: /"),
    ],
)
def test_what_it_allows_is_asked_for(status: int, rules: bytes, shown: FakeKworb) -> None:
    shown.robots = (status, rules)

    assert extract()["status"] == "extracted"


def test_robots_txt_is_asked_for_once_a_day_and_kept(
    shown: FakeKworb, spotify: FakeSpotify, zones: Zones
) -> None:
    extract()
    asking._keyless.cache_clear()  # another process
    extract(again=True)
    spotify.pass_time(days=1)
    extract((NOW + timedelta(days=1)).date().isoformat())

    assert shown.asked == ["/robots.txt", PATH, PATH, "/robots.txt", PATH]
    assert decompress(zones.body(ROBOTS)) == shown.robots[1]
    assert len(zones.keys("raw/robots/")) == 2


@pytest.mark.parametrize(
    ("status", "became"), [(503, "unreachable"), (429, "rate_limited"), (403, "failed")]
)
def test_where_it_cannot_be_read_nothing_is_asked(
    status: int, became: str, shown: FakeKworb
) -> None:
    shown.robots = (status, b"")

    assert extract()["status"] == became
    assert PATH not in shown.asked


# What may go wrong.


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<html><title>Error</title>", "has no heading"),
        (kworb_page(name="Sweden"), "is headed 'Sweden'"),
        (kworb_page(rows=page_rows(3)), "has 3 rows"),
        (kworb_page(ending=""), "is cut off"),
    ],
)
def test_a_page_that_is_none_is_named_and_not_kept(
    body: bytes, text: str, shown: FakeKworb, zones: Zones
) -> None:
    good, shown.pages[PAGE] = shown.pages[PAGE], body

    failed = extract()
    shown.pages[PAGE] = good

    assert (failed["status"], text in failed["error"]) == ("failed", True)
    assert zones.keys("raw/") == [ROBOTS]
    assert extract()["raw_keys"] == [KEPT]


def test_down_it_is_left_to_the_machine_to_wait(shown: FakeKworb) -> None:
    extract()
    shown.reply(503)
    shown.reply(503)
    shown.reply(503)

    result = extract(again=True)

    assert (result["status"], result["retry_after"]) == ("unreachable", 60)
    assert result["error"] == "kworb.net answered 503 for country."
    assert "not_before" not in result


def test_its_waits_are_its_own(shown: FakeKworb, spotify: FakeSpotify) -> None:
    """Nobody asks it before, in any process; Spotify is asked all the same."""
    extract()
    shown.reply(429, **{"Retry-After": "3600"})
    limited = extract(again=True)
    asking._keyless.cache_clear()
    asking.budgets.cache_clear()
    asked = list(shown.asked)

    still = extract(again=True)

    assert (limited["status"], limited["retry_after"]) == ("rate_limited", 3600)
    assert "not_before" not in limited
    assert (still["status"], still["retry_after"]) == ("rate_limited", 3600)
    assert shown.asked == asked
    spotify.playlists[NORWAY] = [playlist([track(1)])]
    found_out(True)
    assert extract(again=True)["raw_keys"][0].startswith("raw/charts/spotify/")


def waited(limited: Row) -> Row:
    """What the machine hands to the next try after a wait."""
    return {name: limited[name] for name in ("requests", "passed")}


def test_a_source_that_does_not_have_it_is_not_asked_again_after_a_wait(
    kworb: FakeKworb, spotify: FakeSpotify
) -> None:
    """Else each wait for the second one's turn would be a request to the first."""
    found_out(True)
    kworb.pages[PAGE] = kworb_page()
    asking.budgets().take_turns(Budget("kworb.net", "kworb.net"), 2, timedelta(seconds=1.5), NOW)

    waiting = extract()
    again = extract(**waited(waiting))
    spotify.pass_time(seconds=3)
    result = extract(**waited(again))

    assert [each["status"] for each in (waiting, again)] == ["rate_limited"] * 2
    assert waiting["passed"].keys() == {"spotify"}
    assert result["raw_keys"] == [KEPT]
    assert spotify.api_requests() == [f"GET {PLAYLIST}"]


@pytest.mark.parametrize(
    ("playlist_status", "became"), [(404, "failed"), (403, "failed"), (None, "unserved")]
)
def test_what_it_said_is_told_where_nobody_has_the_chart_after_a_wait(
    playlist_status: int | None, became: str, kworb: FakeKworb, spotify: FakeSpotify
) -> None:
    found_out(playlist_status is not None)
    if playlist_status == 403:
        spotify.reply(PLAYLIST, 403, {"error": {"status": 403, "message": "Forbidden"}})
    kworb.reply(429, **{"Retry-After": "9"})
    limited = extract()
    said = limited["passed"]["spotify"]["error"]
    asked = list(spotify.asked)

    result = extract(**waited(limited))

    assert (limited["status"], result["status"]) == ("rate_limited", became)
    assert result["error"].startswith(said)
    assert (str(playlist_status) if playlist_status else NOT_SHOWN) in said
    assert spotify.asked == asked


def test_a_day_that_the_first_does_not_show_is_unavailable_after_the_seconds_wait(
    shown: FakeKworb, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, "kworb,spotify")
    found_out(True)
    spotify.reply("/api/token", 429, {}, {"Retry-After": "9"})
    limited = extract(YESTERDAY)
    asked = list(shown.asked)

    result = extract(YESTERDAY, **waited(limited))

    assert (limited["status"], result["status"]) == ("rate_limited", "unavailable")
    assert result["error"] == limited["passed"]["kworb"]["error"]
    assert result["error"].startswith("kworb.net shows only its latest page")
    assert shown.asked == asked


@pytest.mark.parametrize("status", [429, 503])
def test_its_wait_is_not_spotifys_though_spotify_was_asked_first(
    status: int, kworb: FakeKworb, spotify: FakeSpotify
) -> None:
    found_out(True)
    for _ in range(3):
        kworb.reply(status, **{"Retry-After": "9"})

    result = extract()

    assert result["status"] == ("rate_limited" if status == 429 else "unreachable")
    assert spotify.api_requests() == [f"GET {PLAYLIST}"]
    assert "not_before" not in result


def test_a_turn_that_others_have_is_told_from_a_wait(shown: FakeKworb) -> None:
    """The machine waits for it as often as it takes: nobody was asked, and it comes soon."""
    theirs = Budget("kworb.net", "kworb.net")
    asking.budgets().take_turns(theirs, 2, timedelta(seconds=1.5), NOW)

    waiting = extract()
    asking.budgets().block(theirs, NOW + timedelta(seconds=400), None, now=NOW)
    blocked = extract()

    assert (waiting["status"], waiting["retry_after"], waiting["turn"]) == ("rate_limited", 3, True)
    assert (blocked["status"], blocked["retry_after"]) == ("rate_limited", 400)
    assert "turn" not in blocked
    assert shown.asked == []


def test_spotifys_wait_holds_no_other_source(shown: FakeKworb) -> None:
    assert extract(not_before="2026-11-21T12:00:00.000Z")["status"] == "extracted"


# Other days.


def test_a_past_day_is_not_made_of_what_is_shown_now(
    shown: FakeKworb, spotify: FakeSpotify, zones: Zones
) -> None:
    first, second = extract(YESTERDAY), extract(YESTERDAY)

    assert first["status"] == second["status"] == "unavailable"
    assert first["error"] == (
        f"kworb.net shows only its latest page ({TODAY}, UTC) and none of {YESTERDAY} was kept, so "
        "that day is unavailable."
    )
    assert zones.keys("raw/charts/") == []
    assert shown.asked == ["/robots.txt"]  # its answer told the time


def test_its_own_clock_counts_and_not_this_machines(
    shown: FakeKworb, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Midnight comes between robots.txt and the page."""
    extract()
    asking._keyless.cache_clear()
    monkeypatch.setattr(shown, "_clock", lambda: NOW + timedelta(days=1))

    result = extract(again=True)

    assert result["raw_keys"] == [KEPT]
    assert zones.keys("raw/charts/") == [KEPT]


def test_a_kept_page_can_be_read_on_any_later_day(
    shown: FakeKworb, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract()
    spotify.pass_time(days=40)
    asked = list(shown.asked)

    assert extract()["raw_keys"] == [KEPT]
    choose(monkeypatch, "kworb", "none")
    assert extract()["raw_keys"] == [KEPT]
    assert shown.asked == asked


def test_a_damaged_page_is_superseded(shown: FakeKworb, zones: Zones) -> None:
    extract()
    zones.damage(KEPT)

    assert extract()["raw_keys"] == [KEPT.replace("/001/", "/002/")]


def test_nothing_is_given_away(shown: FakeKworb, tell_tales: Callable[[object], list[str]]) -> None:
    assert tell_tales(extract()) == []
