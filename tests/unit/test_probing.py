"""Probe: all abilities told by four to six requests, kept with evidence; what is odd stays open."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from soundlake import access, asking
from soundlake.abilities import Ability
from soundlake.charts import parse_chart_list
from soundlake.probing import ALBUMS, PLAYLISTS, TRACK, playlists
from soundlake.refusals import SECRETLESS
from soundlake.store.budget import Budget

from tests.unit.helpers import (
    CLIENT_ID,
    NOW,
    OWNER,
    PREFIX,
    FakeSpotify,
    Row,
    Zones,
    chart_list,
    chart_row,
    full_album,
    invoke,
    playlist,
    playlist_id,
    spend_quota,
)

START = "2026-11-21T09:18:00.000Z"
FIRST, SECOND = playlist_id("dNO"), playlist_id("dSE")
FEATURES = "/v1/audio-features"
ANALYSIS = f"/v1/audio-analysis/{TRACK}"
SEVERAL = "/v1/albums"
ALBUM = f"/v1/albums/{ALBUMS[0]}"
FORBIDDEN = {"error": {"status": 403, "message": "Forbidden"}}
ALL = dict.fromkeys(Ability, True)
DEVELOPMENT = dict.fromkeys(Ability, False) | {Ability.CATALOGUE: True}

Probe = Callable[[], Row]


def probe() -> Row:
    return invoke("probe", {"start_time": START})


def told(result: Row) -> dict[str, bool]:
    return {each["ability"]: each["allowed"] for each in result["findings"]}


def evidence(result: Row) -> dict[str, str]:
    return {each["ability"]: each["evidence"] for each in result["findings"]}


def refuse(spotify: FakeSpotify, *paths: str, status: int = 403, body: Any = FORBIDDEN) -> None:
    for path in paths:
        spotify.reply(path, status, body)


@pytest.fixture
def app(zones: Zones, spotify: FakeSpotify) -> FakeSpotify:
    """Spotify as it answers an extended app, and a chart list of two charts."""
    text = chart_list(chart_row("daily-NO"), chart_row("daily-SE"))
    zones.put("config/charts.csv", text.encode())
    spotify.playlists |= {each: [playlist([], each)] for each in (FIRST, SECOND)}
    spotify.analyses[TRACK] = {"track": {"duration": 1.0}}
    return spotify


@pytest.fixture
def development(app: FakeSpotify) -> FakeSpotify:
    """Spotify as it answers an app in development mode."""
    app.playlists.clear()
    refuse(app, FEATURES, ANALYSIS, SEVERAL)
    app.reply(ALBUM, 200, full_album(1, id=ALBUMS[0]))
    return app


#### WHAT IS ASKED, AND WHAT IT TELLS ##############################################################


def test_an_extended_app_is_told_by_four_requests(app: FakeSpotify) -> None:
    result = probe()

    assert app.api_requests() == [
        f"GET /v1/playlists/{FIRST}",
        f"GET {FEATURES}",
        f"GET {ANALYSIS}",
        f"GET {SEVERAL}",
    ]
    assert (result["status"], result["mode"], result["refused"]) == ("probed", "extended", [])
    assert result["probed_at"] == START
    assert told(result) == ALL
    assert {each["at"] for each in result["findings"]} == {START}
    assert evidence(result)["charts"] == f"/v1/playlists/{FIRST}: 200"
    assert evidence(result)["catalogue"] == evidence(result)["several"]
    assert result["counts"] == {"requests": 5}
    assert result["requests"]["api/token"] == 1


def test_a_development_app_is_told_by_six(development: FakeSpotify) -> None:
    result = probe()

    assert development.api_requests() == [
        f"GET /v1/playlists/{FIRST}",
        f"GET /v1/playlists/{SECOND}",
        f"GET {FEATURES}",
        f"GET {ANALYSIS}",
        f"GET {SEVERAL}",
        f"GET {ALBUM}",
    ]
    assert (result["status"], result["mode"]) == ("probed", "development")
    assert told(result) == DEVELOPMENT
    assert evidence(result) == {
        "charts": f"Spotify answers 404 for /v1/playlists/{FIRST} and /v1/playlists/{SECOND}",
        "audio_features": f"Spotify refused {FEATURES} with 403: Forbidden",
        "audio_analysis": f"Spotify refused {ANALYSIS} with 403: Forbidden",
        "several": f"Spotify refused {SEVERAL} with 403: Forbidden",
        "catalogue": f"{ALBUM}: 200",
    }


def test_an_app_of_2025_is_a_mixture(app: FakeSpotify) -> None:
    app.playlists.clear()
    refuse(app, FEATURES, ANALYSIS)

    result = probe()

    assert result["mode"] == "no charts, no audio_features, no audio_analysis, several, catalogue"
    assert len(app.api_requests()) == 5


def test_an_app_whose_own_token_may_ask_nothing_is_told_by_five(app: FakeSpotify) -> None:
    refuse(app, f"/v1/playlists/{FIRST}", FEATURES, ANALYSIS, SEVERAL, ALBUM)

    result = probe()

    assert result["status"] == "probed"
    assert told(result) == dict.fromkeys(Ability, False)
    assert len(app.api_requests()) == 5


def test_one_playlist_that_is_gone_hides_nothing(app: FakeSpotify) -> None:
    del app.playlists[FIRST]

    result = probe()

    assert result["mode"] == "extended"
    assert evidence(result)["charts"] == f"/v1/playlists/{SECOND}: 200"


def test_a_playlist_without_its_contents_is_withheld(app: FakeSpotify) -> None:
    app.reply(f"/v1/playlists/{FIRST}", 200, {"id": FIRST, "name": "A chart"})

    result = probe()

    assert told(result)["charts"] is False
    assert evidence(result)["charts"].endswith(": 200, without its contents")


def test_examples_need_not_be_known(app: FakeSpotify) -> None:
    app.analyses.clear()
    refuse(app, SEVERAL)

    result = probe()

    assert result["status"] == "probed"
    assert told(result) == ALL | {Ability.SEVERAL: False}
    assert evidence(result)["catalogue"] == (
        f"Spotify answers 404 for {ALBUM}, for an example it need not know"
    )


def test_the_worlds_charts_and_those_switched_on_are_asked_for() -> None:
    rows = [
        chart_row("daily-NO", enabled="false"),
        chart_row("daily-SE"),
        chart_row("daily-GLOBAL", enabled="false"),
        chart_row("weekly-GLOBAL"),
        chart_row("daily-FI", playlist_id=""),
    ]

    def chosen(*numbers: int) -> list[str]:
        return playlists(parse_chart_list(chart_list(*(rows[each] for each in numbers))))

    assert chosen(0, 1, 2, 3) == [playlist_id("wGLOBAL"), playlist_id("dSE")]
    assert chosen(0, 2) == [playlist_id("dGLOBAL"), playlist_id("dNO")]
    assert chosen(1) == chosen(1, 4) == [playlist_id("dSE"), PLAYLISTS[0]]
    assert playlists(()) == [*PLAYLISTS]


@pytest.mark.parametrize("text", [None, b"no chart list", b"\xff\xfe"])
def test_without_a_chart_list_playlists_that_everybody_knows_are_asked_for(
    text: bytes | None, app: FakeSpotify, zones: Zones
) -> None:
    zones.s3.delete_object(Bucket=zones.bucket.name, Key="config/charts.csv")
    if text is not None:
        zones.put("config/charts.csv", text)

    probe()

    assert app.api_requests()[:2] == [f"GET /v1/playlists/{each}" for each in PLAYLISTS]


#### WHAT IS KEPT ##################################################################################


def test_what_was_found_is_known_from_then_on(development: FakeSpotify) -> None:
    asking.found(Ability.SEVERAL, allowed=True, evidence="before")
    asking.found(Ability.SEVERAL, allowed=False, evidence="a contradiction")
    assert asking.abilities().probe_wanted

    probe()

    known = asking.abilities()
    assert known.mode == "development"
    assert not known.probe_wanted
    assert known.probe_due(NOW) is None
    assert known.findings[Ability.SEVERAL].evidence.endswith("403: Forbidden")


@pytest.mark.parametrize(
    ("ability", "path", "body"),
    [
        (Ability.CHARTS, f"/v1/playlists/{FIRST}", {"error": "sorry"}),
        (Ability.CHARTS, f"/v1/playlists/{FIRST}", {"id": SECOND, "tracks": {"items": []}}),
        (Ability.CHARTS, f"/v1/playlists/{FIRST}", b"<html>"),
        (Ability.AUDIO_FEATURES, FEATURES, {"error": {"status": 500}}),
        (Ability.AUDIO_FEATURES, FEATURES, ["features"]),
        (Ability.AUDIO_ANALYSIS, ANALYSIS, {"error": "sorry"}),
        (Ability.SEVERAL, SEVERAL, {"albums": None}),
        (Ability.SEVERAL, SEVERAL, b"no JSON"),
    ],
)
def test_an_odd_answer_tells_nothing_of_its_ability_and_does_not_hide_the_others(
    ability: Ability, path: str, body: Any, app: FakeSpotify
) -> None:
    app.reply(path, 200, body)
    app.reply(ALBUM, 200, full_album(1, id=ALBUMS[0]))

    result = probe()

    assert result["status"] == "incomplete"
    assert result["error"].startswith(f"Not told: {ability}: ")
    assert path in result["error"]
    assert told(result) == {each: True for each in Ability if each is not ability}
    assert result["probed_at"] is None
    assert asking.abilities().probe_due(NOW) is not None


@pytest.mark.parametrize("status", [400, 404])
def test_another_status_tells_nothing_either(status: int, app: FakeSpotify) -> None:
    refuse(app, FEATURES, status=status, body={"error": {"status": status, "message": "odd"}})

    result = probe()

    assert result["status"] == "incomplete"
    assert f"{status} for {FEATURES}" in result["error"]
    assert Ability.AUDIO_FEATURES not in told(result)


def test_another_album_than_asked_for_tells_nothing(app: FakeSpotify) -> None:
    refuse(app, SEVERAL)
    app.reply(ALBUM, 200, full_album(1))

    result = probe()

    assert result["status"] == "incomplete"
    assert "catalogue: " in result["error"]


def test_what_was_known_stays_where_a_probe_cannot_tell(app: FakeSpotify) -> None:
    probe()
    app.reply(FEATURES, 200, {"error": "sorry"})

    result = probe()

    assert result["status"] == "incomplete"
    assert (result["mode"], result["probed_at"]) == ("extended", START)


#### WHAT ENDS IT ##################################################################################


@pytest.mark.parametrize("path", [f"/v1/playlists/{FIRST}", FEATURES, ANALYSIS, SEVERAL])
def test_a_rate_limit_ends_it_and_leaves_what_was_told(path: str, app: FakeSpotify) -> None:
    app.reply(path, 429, {}, {"Retry-After": "7"})

    result = probe()

    assert (result["status"], result["retry_after"]) == ("rate_limited", 7)
    assert result["error"] == "Spotify's rate limit: wait 7 s."
    assert app.api_requests()[-1] == f"GET {path}"
    assert len(told(result)) == len(app.api_requests()) - 1
    assert asking.abilities().probe_due(NOW) is not None


def test_while_spotify_may_not_be_asked_nothing_is(app: FakeSpotify) -> None:
    until = NOW.replace(hour=23)
    asking.budgets().block(Budget(CLIENT_ID, OWNER), until, None, now=NOW)

    result = probe()

    assert result["status"] == "rate_limited"
    assert app.asked == []


def test_what_captures_need_is_left_to_them(app: FakeSpotify) -> None:
    spend_quota(800)

    result = probe()

    assert result["status"] == "rate_limited"
    assert "captures need" in result["error"]
    assert app.api_requests() == []


def test_an_outage_is_named(app: FakeSpotify) -> None:
    app.reply(f"/v1/playlists/{FIRST}", error=requests.ConnectionError("gone"))

    result = probe()

    assert result["status"] == "unreachable"
    assert "could not be reached" in result["error"]
    assert result["findings"] == []


@pytest.mark.parametrize(
    ("path", "status", "body", "sentence"),
    [
        (
            "/api/token",
            400,
            {"error": "invalid_client"},
            "Spotify does not know this client id and secret; write the right ones with "
            "./soundlake app.",
        ),
        (
            f"/v1/playlists/{FIRST}",
            403,
            {"error": {"message": "Active premium subscription required for the owner"}},
            f"Spotify refused /v1/playlists/{FIRST} with 403: Active premium subscription "
            "required for the owner. See what the app may do at "
            "https://developer.spotify.com/dashboard.",
        ),
    ],
)
def test_what_is_about_the_app_as_a_whole_tells_nothing_of_its_abilities(
    path: str, status: int, body: Row, sentence: str, app: FakeSpotify
) -> None:
    refuse(app, path, status=status, body=body)

    result = probe()

    assert (result["status"], result["error"]) == ("failed", sentence)
    assert (result["mode"], result["findings"]) == ("unknown", [])
    assert len(app.api_requests()) <= 1


def test_a_token_that_spotify_does_not_take_ends_it(app: FakeSpotify) -> None:
    refuse(app, *[f"/v1/playlists/{FIRST}"] * 2, status=401, body={"error": {"message": "No"}})

    result = probe()

    assert result["status"] == "failed"
    assert "with 401: No." in result["error"]
    assert result["findings"] == []
    assert len(app.api_requests()) == 2  # once more with a new token


def test_without_an_app_it_says_how_to_write_one(app: FakeSpotify, ssm: Any) -> None:
    ssm.delete_parameter(Name=f"{PREFIX}/spotify/app")

    result = probe()

    assert result["status"] == "failed"
    assert "write it with ./soundlake app" in result["error"]
    assert result["counts"] == {"requests": 0}


def test_an_app_without_a_secret_is_not_asked_about(app: FakeSpotify, ssm: Any) -> None:
    value = json.dumps({"client_id": CLIENT_ID, "client_secret": ""})
    name = f"{PREFIX}/spotify/app"
    ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    result = probe()

    assert app.asked == []
    assert result["status"] == "probed"
    assert told(result) == dict.fromkeys(Ability, False)
    assert set(evidence(result).values()) == {SECRETLESS}


def test_another_app_is_asked_about_as_soon_as_it_is_stored(app: FakeSpotify, ssm: Any) -> None:
    assert probe()["mode"] == "extended"
    value = json.dumps({"client_id": "another", "client_secret": ""})
    name = f"{PREFIX}/spotify/app"
    ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    assert set(evidence(probe()).values()) == {SECRETLESS}


def test_evidence_stays_small_and_tells_no_secret(
    app: FakeSpotify, tell_tales: Callable[[object], list[str]]
) -> None:
    refuse(app, FEATURES, body={"error": {"message": "no " * 500}})

    result = probe()

    assert len(evidence(result)["audio_features"]) <= access.ERROR
    assert tell_tales(result) == []
