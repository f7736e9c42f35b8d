"""The stack's saved queries after the first run, held against the file behind it."""

from collections import Counter, defaultdict
from itertools import combinations
from math import sqrt
from statistics import mean, pstdev
from typing import Any

import pytest

from cli.athena import run, saved
from tests.stack.conftest import FirstRun, Stack
from tests.template.test_queries import COLUMNS

# Two days, or something that went wrong, is what these tell of.
NONE_YET = {"climbers", "new-entries", "missed-days", "certainty-by-month", "open-gaps"} | {
    "my-podcasts"  # recently played tracks show none
}


def answer(stack: Stack, name: str) -> list[dict[str, Any]]:
    return stack.ask(saved(stack.lake.target)[name].sql)


def charts(stack: Stack) -> dict[str, list[dict[str, str]]]:
    """The file's rows by country, without the world's."""
    found = defaultdict(list)
    for row in stack.rows:
        if row["country"] not in {"", "GLOBAL"}:
            found[row["country"]].append(row)
    return found


@pytest.fixture
def names(stack: Stack, first: FirstRun) -> dict[str, str]:
    """The countries' codes by name."""
    assert first.daily["status"] == "SUCCEEDED"
    return {one["country_name"]: one["country"] for one in stack.lake.facts.charts}


def test_the_stack_has_the_templates_queries(stack: Stack) -> None:
    assert set(saved(stack.lake.target)) == set(COLUMNS)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_saved_query_answers(name: str, stack: Stack, first: FirstRun) -> None:
    assert (first.capture["status"], first.daily["status"]) == ("SUCCEEDED", "SUCCEEDED")

    query = saved(stack.lake.target)[name]
    result = run(stack.lake.target, query.sql, query.database)

    assert [column.name for column in result.columns] == COLUMNS[name].split()
    if name in NONE_YET:
        assert result.rows == []
    elif name != "data-quality":
        assert len(result.rows) > 0
    # A number that the API gives as a decimal would come out as a text.
    assert not [column for column in result.columns if column.type.startswith("decimal")]


def test_songs_in_most_countries(stack: Stack, names: dict[str, str]) -> None:
    rows = answer(stack, "songs-in-most-countries")

    by_country = charts(stack)
    counts = Counter(
        one for entries in by_country.values() for one in {row["spotify_id"] for row in entries}
    )
    expected = [count for _, count in counts.most_common(20)]
    assert [row["countries"] for row in rows] == expected
    assert [row["percent"] for row in rows] == [
        pytest.approx(100 * count / len(by_country), abs=0.051) for count in expected
    ]
    known = {row["name"] for row in stack.rows}
    assert {row["track"] for row in rows} <= known


def test_top_artists(stack: Stack, names: dict[str, str]) -> None:
    places = Counter(
        row["artists"].split(", ")[0] for rows in charts(stack).values() for row in rows
    )

    rows = answer(stack, "top-artists")
    assert [row["places"] for row in rows] == [count for _, count in places.most_common(20)]
    assert {row["artist"]: row["places"] for row in rows} == {
        row["artist"]: places[row["artist"]] for row in rows
    }


def test_explicit_share_by_country(stack: Stack, names: dict[str, str]) -> None:
    expected = {
        country: (len(rows), sum(row["is_explicit"] == "True" for row in rows))
        for country, rows in charts(stack).items()
    }

    rows = answer(stack, "explicit-share-by-country")
    assert {names[row["name"]]: (row["places"], row["explicit_places"]) for row in rows} == expected
    shares = [row["percent"] for row in rows]
    assert shares == sorted(shares, reverse=True)


def test_release_decades(stack: Stack, names: dict[str, str]) -> None:
    places = Counter(
        int(row["album_release_date"][:4]) // 10 * 10
        for rows in charts(stack).values()
        for row in rows
        if row["album_release_date"]
    )

    rows = answer(stack, "release-decades")
    found = {row["decade"]: row["places"] for row in rows if row["decade"] is not None}
    assert found == dict(places)
    assert sum(row["percent"] for row in rows) == pytest.approx(100, abs=0.05 * len(rows))


def test_country_distance(stack: Stack, names: dict[str, str]) -> None:
    features = ["danceability", "energy", "loudness", "speechiness", "acousticness"]
    features += ["instrumentalness", "liveness", "valence", "tempo"]
    means = {
        country: [mean(float(row[name]) for row in rows if row[name]) for name in features]
        for country, rows in charts(stack).items()
    }
    spread = [pstdev(values) for values in zip(*means.values(), strict=True)]
    distances = {
        frozenset(pair): sqrt(
            sum(((a - b) / s) ** 2 for a, b, s in zip(*map(means.get, pair), spread, strict=True))
        )
        for pair in combinations(means, 2)
    }

    rows = answer(stack, "country-distance")
    ordered = sorted(distances.values())
    expected = [*ordered[:5], *ordered[-5:]]
    assert [row["distance"] for row in rows] == pytest.approx(expected, abs=0.0006)
    for row in rows:
        pair = frozenset({names[row["country"]], names[row["other"]]})
        assert row["distance"] == pytest.approx(distances[pair], abs=0.0006)


def test_listening_adds_up(stack: Stack, names: dict[str, str]) -> None:
    (count,) = stack.ask("SELECT count(*) AS plays FROM plays")

    assert sum(row["plays"] for row in answer(stack, "my-listening-by-hour")) == count["plays"]
    assert sum(row["plays"] for row in answer(stack, "mood-of-my-days")) == count["plays"]
    by_month = answer(stack, "my-plays-by-month")
    assert sum(row["plays"] for row in by_month) == count["plays"]
    assert {row["known"] for row in by_month} == {"at least"}  # one page proves nothing yet


def test_captures_by_day(stack: Stack, names: dict[str, str]) -> None:
    known = stack.ask("SELECT new, late, outcome FROM captures")

    rows = answer(stack, "captures-by-day")
    assert sum(row["attempts"] for row in rows) == len(known)
    assert sum(row["new_plays"] for row in rows) == sum(row["new"] or 0 for row in known)
    assert sum(row["late_plays"] for row in rows) == sum(row["late"] or 0 for row in known)
    failed = [row for row in known if row["outcome"] not in {"captured", "empty"}]
    assert sum(row["without_page"] for row in rows) == len(failed)
