"""Countries: every code that could have a chart, and the seasons of both halves of the Earth."""

import csv
import re
from datetime import date, timedelta
from itertools import pairwise

import pytest
from soundlake.charts import WORLD
from soundlake.countries import COUNTRIES, Hemisphere, season

from local.spotify.countries import COUNTRIES as CHARTED
from tests.unit.helpers import REPO

DATA = REPO.parent / "shared" / "data"
# M49's regions and the subregions in them.
REGIONS = {
    "Africa": {"Northern", "Eastern", "Middle", "Southern", "Western"},
    "Americas": {"Caribbean", "Central", "Northern", "South"},
    "Asia": {"Central", "Eastern", "South-eastern", "Southern", "Western"},
    "Europe": {"Eastern", "Northern", "Southern", "Western"},
    "Oceania": {"Australia and New Zealand", "Melanesia", "Micronesia", "Polynesia"},
}


def test_there_are_all_of_iso_3166_and_kosovo() -> None:
    assert len(COUNTRIES) == 249 + 1
    assert all(re.fullmatch("[A-Z]{2}", code) for code in COUNTRIES)
    assert all(country.code == code for code, country in COUNTRIES.items())
    names = {country.name for country in COUNTRIES.values()}
    assert len(names) == len(COUNTRIES)
    assert all(name.strip() == name != "" for name in names)


def test_regions_are_m49s() -> None:
    found: dict[str, set[str]] = {}
    for country in COUNTRIES.values():
        if country.region is None:
            assert (country.code, country.subregion) == ("AQ", None)
            continue
        subregion = str(country.subregion)
        for suffix in (country.region, country.region.removesuffix("s")):
            subregion = subregion.removesuffix(f" {suffix}")
        found.setdefault(country.region, set()).add(subregion)
    assert found == REGIONS


def test_every_country_that_has_a_chart_is_known_by_its_name() -> None:
    assert len(CHARTED) > 70
    assert {code: COUNTRIES[code].name for code in CHARTED} == CHARTED
    assert WORLD not in COUNTRIES


def test_every_country_of_the_charts_data_is_known() -> None:
    if not DATA.is_dir():
        pytest.skip("the real charts are not there: ../shared/data")
    codes = set()
    for path in DATA.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                codes.add(row.get("country_code") or row.get("country") or WORLD)
    assert len(codes) > 70
    assert codes - set(COUNTRIES) == {WORLD}


@pytest.mark.parametrize(
    ("code", "region", "subregion", "hemisphere"),
    [
        ("NO", "Europe", "Northern Europe", "north"),
        ("BR", "Americas", "South America", "south"),
        ("CO", "Americas", "South America", "north"),
        ("EC", "Americas", "South America", "south"),
        ("ID", "Asia", "South-eastern Asia", "south"),
        ("SG", "Asia", "South-eastern Asia", "north"),
        ("CY", "Asia", "Western Asia", "north"),
        ("TW", "Asia", "Eastern Asia", "north"),
        ("MX", "Americas", "Central America", "north"),
        ("KE", "Africa", "Eastern Africa", "south"),
        ("NG", "Africa", "Western Africa", "north"),
        ("ZA", "Africa", "Southern Africa", "south"),
        ("NZ", "Oceania", "Australia and New Zealand", "south"),
        ("KI", "Oceania", "Micronesia", "north"),
        ("XK", "Europe", "Southern Europe", "north"),
    ],
)
def test_where_a_country_lies(
    code: str, region: str, subregion: str, hemisphere: Hemisphere
) -> None:
    country = COUNTRIES[code]

    assert (country.region, country.subregion) == (region, subregion)
    assert country.hemisphere == hemisphere


def test_the_south_is_where_it_is() -> None:
    """Europe, North America and Central Asia have nobody south of the equator."""
    southern = {one.subregion for one in COUNTRIES.values() if one.hemisphere == "south"}

    assert southern == {
        "Eastern Africa",
        "Middle Africa",
        "Southern Africa",
        "Western Africa",
        "South America",
        "South-eastern Asia",
        "Australia and New Zealand",
        "Melanesia",
        "Micronesia",
        "Polynesia",
        None,
    }


@pytest.mark.parametrize(
    ("day", "north", "south"),
    [
        ("2026-12-01", "winter", "summer"),
        ("2024-02-29", "winter", "summer"),
        ("2026-03-01", "spring", "autumn"),
        ("2026-05-31", "spring", "autumn"),
        ("2026-06-01", "summer", "winter"),
        ("2026-08-31", "summer", "winter"),
        ("2026-09-01", "autumn", "spring"),
        ("2026-11-30", "autumn", "spring"),
    ],
)
def test_seasons_begin_with_their_month(day: str, north: str, south: str) -> None:
    assert season(date.fromisoformat(day), "north") == north
    assert season(date.fromisoformat(day), "south") == south
    assert season(date.fromisoformat(day), None) is None


@pytest.mark.parametrize(
    ("hemisphere", "order"),
    [
        ("north", ["winter", "spring", "summer", "autumn", "winter"]),
        ("south", ["summer", "autumn", "winter", "spring", "summer"]),
    ],
)
def test_a_year_has_four_seasons_in_their_order(hemisphere: Hemisphere, order: list[str]) -> None:
    found = [season(date(2027, 1, 1) + timedelta(days), hemisphere) for days in range(365)]

    changes = [later for earlier, later in pairwise(found) if later != earlier]
    assert [found[0], *changes] == order
