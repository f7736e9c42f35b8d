"""A web site, visited as its robots.txt asks robots to.

What it said of a day is kept in `raw/robots/<site>/<day>/<status>.txt.gz`, and holds for that day.
"""

import re
from datetime import date
from math import ceil
from typing import TYPE_CHECKING
from urllib.parse import urljoin
from urllib.robotparser import RobotFileParser

from soundlake.sources.keyless import KeylessApi
from soundlake.spotify.errors import NotFoundError
from soundlake.store.raw import Raw

if TYPE_CHECKING:
    from soundlake.sources.web import Answer

ROBOT = "Soundlake"
_FRACTION = re.compile(r"^([ \t]*crawl-delay[ \t]*:[ \t]*)([0-9]*\.[0-9]+)", re.I | re.M)


class Site:
    """A site at a base address; `api` asks it, once in `spacing_s` seconds at most."""

    def __init__(self, name: str, base: str, spacing_s: float, api: KeylessApi, raw: Raw) -> None:
        self.api = api
        self._name = name
        self._base = base
        self._spacing_s = spacing_s
        self._raw = raw

    def forbids(self, path: str, day: date) -> str | None:
        """Why a path below the base may not be asked for on a day (UTC); None where it may.

        The sentence names no path, so that it is one for all that it is true of.
        Asks for the robots.txt where the day's was not kept yet. A site without one allows all; one
        that cannot say allows nothing now, and raises as `KeylessApi.page` does.
        """
        rules = self._rules(day)
        url = urljoin(f"{self._base}/", path)
        if not rules.can_fetch(ROBOT, url):
            return f"{self._name}'s robots.txt forbids robots this page."
        pause = _pause(rules)
        if pause > self._spacing_s:
            return (
                f"{self._name}'s robots.txt wants {pause:g} s between requests, and a run waits "
                f"{self._spacing_s:g} s."
            )
        return None

    def _rules(self, day: date) -> RobotFileParser:
        rules = RobotFileParser()
        for key in self._raw.keys(self._prefix(day)):
            return _read(rules, key, self._raw.need(key).body)
        status, answer = self._ask()
        key = f"{self._prefix(answer.at.date())}{status}.txt.gz"
        self._raw.write(key, answer)
        return _read(rules, key, answer.body)

    def _prefix(self, day: date) -> str:
        return f"raw/robots/{self._name}/{day}/"

    def _ask(self) -> "tuple[int, Answer]":
        try:
            return 200, self.api.page("/robots.txt", "robots.txt")
        except NotFoundError as error:
            if error.answer is None:
                raise
            return 404, error.answer


def _read(rules: RobotFileParser, key: str, body: bytes) -> RobotFileParser:
    if key.endswith("/404.txt.gz"):
        rules.parse([])
    else:
        text = body.decode("utf-8-sig", "replace")  # a mark before the first line would hide it
        rules.parse(_FRACTION.sub(_whole, text).splitlines())
    return rules


def _whole(delay: re.Match[str]) -> str:
    """A delay in fractions of a second, which the parser does not know, rounded up."""
    return f"{delay[1]}{ceil(float(delay[2]))}"


def _pause(rules: RobotFileParser) -> float:
    """How many seconds are wanted between two requests; 0 where nothing is."""
    pause, rate = float(rules.crawl_delay(ROBOT) or 0), rules.request_rate(ROBOT)
    return pause if rate is None else max(pause, rate.seconds / max(rate.requests, 1))
