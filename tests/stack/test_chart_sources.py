"""Charts where Spotify shows them to nobody, as to nearly every app, on the whole stack."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from local.kworb.app import PLACES
from tests.stack import trials
from tests.stack.conftest import Stack
from tests.stack.test_development import forget, switch
from tests.stack.trials import CHARTS, Trial

CHOSEN = {"CHART_SOURCES": "spotify,kworb", "CONTACT": "https://example.org/soundlake"}


@pytest.fixture
def development(trial: Trial) -> Iterator[Trial]:
    """An empty lake, whose app is shown no charts; that is known to nobody yet."""
    forget(trial.stack)
    switch(trial.stack, "development_2025")
    yield trial
    switch(trial.stack, "extended")
    trials.begin_anew(trial.stack)


@pytest.fixture
def kworb(development: Trial) -> Iterator[Trial]:
    """kworb.net is chosen, by somebody whom it can reach."""
    with trials.choosing(development.stack, **CHOSEN):
        yield development


def names(trial: Trial) -> list[str]:
    """The charts that a trial's runs read, in order."""
    return sorted(f"daily-{country}" for country in trial.charts)


def shown(stack: Stack) -> date:
    """The day of the pages that are shown now."""
    return date.fromisoformat(stack.date) - timedelta(days=2)


def test_tables_fill_from_kworb_and_say_so(stack: Stack, kworb: Trial) -> None:
    # A made-up day has fewer tracks than a page has places.
    places = min(PLACES, len({row["spotify_id"] for row in stack.rows if row["spotify_id"]}))
    run = kworb.run("daily")

    assert run["status"] == "SUCCEEDED", run["cause"]
    entries = kworb.rows("chart_entries")
    assert len(entries) == CHARTS * places
    assert {row["chart"] for row in entries} == set(names(kworb))
    same = {(row["provider"], row["date_basis"], row["chart_date"]) for row in entries}
    assert same == {("kworb", "stated", shown(stack))}
    assert all(row["streams"] > 0 and row["artist_ids"] for row in entries)
    profiles = kworb.rows("country_profiles")
    assert {(row["chart"], row["chart_date"]) for row in profiles} == {
        (chart, shown(stack)) for chart in names(kworb)
    }
    assert all(0 < row["tracks_with_features"] < row["tracks"] == places for row in profiles)
    assert {
        (str(row["chart_date"]), row["status"], row["shown_date"])
        for row in kworb.rows("chart_days")
    } == {(stack.date, "loaded", shown(stack))}
    asked = kworb.requests()
    assert asked["kworb.net/country"] == CHARTS
    assert 1 <= asked["kworb.net/robots.txt"] <= 2  # two charts are read at once
    assert asked["playlists/{id}"] == 2  # the probe's
    kworb.check_raw()
    before = kworb.versions("lake/chart_entries/")
    stack.spotify("DELETE", "requests")

    again = kworb.run("daily", {"date": stack.date})

    assert again["status"] == "SUCCEEDED", again["cause"]
    assert {each["status"] for each in again["output"]["charts"]} == {"loaded"}
    assert kworb.versions("lake/chart_entries/") == before
    assert not any(name.startswith("kworb") for name in kworb.requests())


def test_a_development_app_looks_up_what_a_page_names(stack: Stack, kworb: Trial) -> None:
    """One at a time; so that this is soon done, the page is short."""
    switch(stack, "development")
    stack.spotify("POST", "faults", json={"path": "^/kworb/", "kind": "fewer_rows", "count": 50})
    one = {"scheduled_time": f"{stack.date}T18:00:00Z", "charts": kworb.charts[:1]}

    run = kworb.run("daily", one)

    assert run["status"] == "SUCCEEDED", run["cause"]
    entries = kworb.rows("chart_entries")
    assert {row["provider"] for row in entries} == {"kworb"}
    (profile,) = kworb.rows("country_profiles")
    assert (profile["tracks"], profile["chart_date"]) == (50, shown(stack))
    named = {row["track_id"] for row in entries}
    assert {row["track_id"] for row in kworb.rows("tracks")} == named


def test_without_a_source_charts_are_unavailable_and_the_run_succeeds(
    stack: Stack, development: Trial
) -> None:
    run = development.run("daily")

    assert run["status"] == "SUCCEEDED", run["cause"]
    assert development.rows("chart_entries") == []
    assert [(row["chart"], row["status"]) for row in development.rows("chart_days")] == [
        (chart, "unavailable") for chart in names(development)
    ]
    assert {each["error"] for each in run["output"]["charts"]} == {
        "Spotify does not show its charts to this app. Download it at charts.spotify.com and "
        "./soundlake import it, or choose kworb (docs/sources.md)."
    }
    assert development.requests().get("kworb.net/country") is None


def test_whatever_kworb_does_nothing_wrong_is_loaded_and_the_next_run_goes_on(
    stack: Stack, kworb: Trial
) -> None:
    faults: list[tuple[dict[str, Any], str]] = [
        ({"kind": "other_chart"}, "is headed "),
        ({"kind": "renamed_fields", "fields": ["Streams"]}, "with the columns Streams"),
        ({"kind": "503"}, "kworb.net answered 503 for country."),
    ]
    for country, (fault, _) in zip(kworb.charts, faults, strict=True):
        path = f"^/kworb/.*/{country.lower()}_daily"
        stack.spotify("POST", "faults", json={"path": path, **fault})

    failed = kworb.run("daily")
    stack.spotify("DELETE", "faults")

    assert failed["status"] == "FAILED"
    assert [said for _, said in faults if said not in failed["cause"]] == []
    assert kworb.rows("chart_entries") == []
    second = kworb.run("daily")
    assert second["status"] == "SUCCEEDED", second["cause"]
    assert {row["chart"] for row in kworb.rows("chart_entries")} == set(names(kworb))
