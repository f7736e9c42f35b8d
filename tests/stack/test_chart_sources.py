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
    switch(trial.stack, "development")
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
    run = kworb.run("daily")

    assert run["status"] == "SUCCEEDED", run["cause"]
    entries = kworb.rows("chart_entries")
    assert len(entries) == CHARTS * PLACES
    assert {row["chart"] for row in entries} == set(names(kworb))
    same = {(row["provider"], row["date_basis"], row["chart_date"]) for row in entries}
    assert same == {("kworb", "stated", shown(stack))}
    assert all(row["streams"] > 0 and row["artist_ids"] for row in entries)
    profiles = kworb.rows("country_profiles")
    assert {(row["chart"], row["chart_date"]) for row in profiles} == {
        (chart, shown(stack)) for chart in names(kworb)
    }
    assert all(0 < row["tracks_with_features"] < row["tracks"] == PLACES for row in profiles)
    assert {
        (str(row["chart_date"]), row["status"], row["shown_date"])
        for row in kworb.rows("chart_days")
    } == {(stack.date, "loaded", shown(stack))}
    asked = kworb.requests()
    assert asked["kworb.net/country"] == CHARTS
    assert 1 <= asked["kworb.net/robots.txt"] <= 2  # two charts are read at once
    assert asked["playlists/{id}"] == 2  # the probe's
    kworb.check_raw()


def test_what_is_there_is_not_written_again(stack: Stack, kworb: Trial) -> None:
    assert kworb.run("daily")["status"] == "SUCCEEDED"
    before = kworb.versions("lake/chart_entries/")
    stack.spotify("DELETE", "requests")

    again = kworb.run("daily", {"date": stack.date})

    assert again["status"] == "SUCCEEDED", again["cause"]
    assert {each["status"] for each in again["output"]["charts"]} == {"unchanged"}
    assert kworb.versions("lake/chart_entries/") == before
    assert not any(name.startswith("kworb") for name in kworb.requests())


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


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "other_chart"}, "is headed "),
        ({"kind": "renamed_fields", "fields": ["Streams"]}, "with the columns Streams"),
        ({"kind": "html"}, "has no heading"),
        ({"kind": "503"}, "kworb.net answered 503 for country."),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
def test_whatever_kworb_does_nothing_wrong_is_loaded_and_the_next_run_goes_on(
    fault: dict[str, Any], said: str, stack: Stack, kworb: Trial
) -> None:
    one = names(kworb)[0].partition("-")[2].lower()
    stack.spotify("POST", "faults", json={"path": f"^/kworb/.*/{one}_daily", **fault})

    failed = kworb.run("daily")
    stack.spotify("DELETE", "faults")

    assert failed["status"] == "FAILED"
    assert said in failed["cause"]
    assert {row["chart"] for row in kworb.rows("chart_entries")} == set(names(kworb)[1:])
    assert kworb.run("daily")["status"] == "SUCCEEDED"
    assert {row["chart"] for row in kworb.rows("chart_entries")} == set(names(kworb))
