"""A site's robots.txt: what of it is kept to."""

from datetime import date

import pytest
from soundlake import asking
from soundlake.settings import settings
from soundlake.sources.site import Site

from tests.unit.helpers import KWORB, NOW
from tests.unit.kworb_pages import CONTACT, FakeKworb

SPACING_S = 1.5
DAY = date(2026, 11, 21)
MARK = b"\xef\xbb\xbf"  # of UTF-8, which some editors write first


def site(spacing_s: float = SPACING_S) -> Site:
    return asking.InvocationClients().site("kworb.net", KWORB, spacing_s, CONTACT)


def wanted(seconds: str) -> str:
    return f"kworb.net's robots.txt wants {seconds} s between requests, and a run waits 1.5 s."


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (MARK + b"User-agent: *\nDisallow: /", "kworb.net's robots.txt forbids "),
        (MARK + b"User-agent: *\nCrawl-delay: 2", wanted("2")),
        (b"User-agent: *\nCrawl-delay: 2.5", wanted("3")),
        (b"user-agent: *\r\n crawl-Delay :\t1.51 # please\r\nDisallow:", wanted("2")),
        (b"User-agent: *\nCrawl-delay: .9", None),
        (b"User-agent: *\nRequest-rate: 1/10", wanted("10")),
        (b"User-agent: *\nRequest-rate: 4/7", wanted("1.75")),
        (b"User-agent: *\nRequest-rate: 4/6", None),
        (b"User-agent: *\nRequest-rate: 0/10", wanted("10")),
        (b"User-agent: *\nCrawl-delay: 3\nRequest-rate: 1/2", wanted("3")),
        (b"User-agent: *\nCrawl-delay: 1\nRequest-rate: 1/2", wanted("2")),
        (b"User-agent: Else\nCrawl-delay: 9.5", None),
        (b"User-agent: *\nCrawl-delay: soon\nRequest-rate: often", None),
    ],
)
def test_what_robots_txt_wants_is_kept_to(rules: bytes, why: str | None, kworb: FakeKworb) -> None:
    kworb.robots = (200, rules)

    asked = site()

    for _ in range(2):  # as it came, and as it was kept
        found = asked.forbids("page", DAY)
        assert (found and found[: len(why or "")]) == why
    assert kworb.asked == ["/robots.txt"]


@pytest.mark.parametrize(("percent", "why"), [("100", None), ("50", "a run waits 0.75 s.")])
def test_what_is_wanted_is_compared_with_what_is_really_waited(
    percent: str, why: str | None, kworb: FakeKworb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_SPACING", percent)
    settings.cache_clear()
    kworb.robots = (200, b"User-agent: *\nCrawl-delay: 1")

    assert NOW.date() == DAY
    found = site().forbids("page", DAY)

    assert (found and found[-len(why or "") :]) == why
