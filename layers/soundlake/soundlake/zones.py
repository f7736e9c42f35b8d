"""Where and when, on the clocks there: the time zone of a play, and its local time.

Countries, their zones and the clocks' history come from the package tzdata, and nothing from the
machine's own database: Lambda has none, and a laptop's may be of another year.
"""

from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

# The zone of most people, where a country has several: by censuses and their estimates.
MOST_PEOPLE = {
    "AQ": "Antarctica/McMurdo",  # the largest station
    "AR": "America/Argentina/Buenos_Aires",
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Lubumbashi",  # the capital lies in the other, three of five people in this one
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "CY": "Asia/Nicosia",
    "DE": "Europe/Berlin",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "FM": "Pacific/Chuuk",
    "GL": "America/Nuuk",
    "ID": "Asia/Jakarta",
    "KI": "Pacific/Tarawa",
    "KZ": "Asia/Almaty",
    "MH": "Pacific/Majuro",
    "MN": "Asia/Ulaanbaatar",
    "MX": "America/Mexico_City",
    "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland",
    "PF": "Pacific/Tahiti",
    "PG": "Pacific/Port_Moresby",
    "PS": "Asia/Hebron",  # the West Bank
    "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "UM": "Pacific/Wake",  # nobody lives on the others
    "US": "America/New_York",  # nearly half of all
    "UZ": "Asia/Tashkent",
}
# What Spotify calls a country, and ISO 3166-1 does not.
_MORE = {"XK": ("Europe/Belgrade",)}


class ZoneError(ValueError):
    """A text that names no time zone; the sentence says what is expected."""


@cache
def countries() -> dict[str, tuple[str, ...]]:
    """The zones of every country, by its code (ISO 3166-1 alpha-2, and XK)."""
    zones: dict[str, tuple[str, ...]] = dict(_MORE)
    for line in _file("zone.tab").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            zones[country] = (*zones.get(country, ()), zone)
    return zones


def parse_zone(text: str) -> str:
    """The zone of a place (`Europe/Oslo`), in whatever case it is written. Raises ZoneError."""
    zones = {zone.casefold(): zone for each in countries().values() for zone in each}
    wanted = text.strip().replace(" ", "_").casefold()
    if wanted in zones:
        return zones[wanted]
    near = _renamed().get(wanted) or next(iter(get_close_matches(wanted, zones, 1)), "")
    hint = f"; did you mean {zones[near.casefold()]}?" if near.casefold() in zones else "."
    raise ZoneError(
        f"{text!r} is not the time zone of a place; write it like Europe/Oslo or "
        f"America/New_York{hint}"
    )


def zone_of(country: str | None, zone: str | None = None) -> str | None:
    """The zone of what was heard in a country by somebody whose own zone is `zone`.

    It is the country's; of several, their own where it is one of them, else that of most people.
    Without a country, or with a code that is none's, it is their own, or None.
    """
    zones = countries().get(country or "", ())
    if not zones or zone in zones:
        return zone
    return zones[0] if len(zones) == 1 else MOST_PEOPLE[country or ""]


def offset(name: str, second: int) -> int:
    """What a zone's clocks show beyond UTC (seconds) at a second since 1970."""
    offset = datetime.fromtimestamp(second, _zone(name)).utcoffset() or timedelta(0)
    return round(offset.total_seconds())


@cache
def _zone(name: str) -> ZoneInfo:
    with _file(name).open("rb") as file:
        return ZoneInfo.from_file(file, name)


@cache
def _renamed() -> dict[str, str]:
    """The zones that older names stand for."""
    lines = _file("tzdata.zi").read_text("utf-8").splitlines()
    links = [line.split() for line in lines if line.startswith("L ")]
    return {name.casefold(): zone for _, zone, name in links}


def _file(name: str) -> Any:
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
