"""Who is asked beside Spotify's own records, by the stack's parameters, and on what terms."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from soundlake.abilities import Ability
from soundlake.sources.charts import ordered

from cli.errors import Misuse
from cli.target import Target, stack_parameters


@dataclass(frozen=True)
class Source:
    """One source of one kind of thing; `parameter` of the template names those that are on.

    Without a `parameter` it is on wherever somebody uses it. `ability` is what an app must be
    allowed for it. `terms` is a clause.
    """

    name: str
    gives: str
    terms: str
    parameter: str | None = None
    ability: Ability | None = None
    wants_contact: bool = False


_SPOTIFY: Final = (
    "its policy wants attribution and a link back, and forbids to train models on what it gives "
    "(https://developer.spotify.com/policy)"
)

# A new source is a line here.
SOURCES: Final = (
    Source("spotify", "charts", _SPOTIFY, "ChartSources", Ability.CHARTS),
    Source("files", "charts", "downloaded by hand at charts.spotify.com, for your own use"),
    Source(
        "kworb",
        "charts",
        "a hobby site, whose owner lets its data be used for graphs of one's own "
        "(https://kworb.net/faq.html); name it where you show them, and leave its server in peace: "
        "one request in 1.5 s, as its robots.txt allows; the numbers are Spotify's",
        "ChartSources",
        wants_contact=True,
    ),
    Source("spotify", "audio features", _SPOTIFY, "FeatureSources", Ability.AUDIO_FEATURES),
    Source(
        "reccobeats",
        "audio features",
        "free and without a key; its limit is unpublished (https://reccobeats.com/docs)",
        "FeatureSources",
    ),
    Source("spotify", "genres", _SPOTIFY, "GenreSources", Ability.CATALOGUE),
    Source(
        "musicbrainz",
        "genres",
        "its genres are under CC BY-NC-SA 3.0: name MusicBrainz, earn no money by them, and share "
        "alike (https://musicbrainz.org/doc/About/Data_License)",
        "GenreSources",
        wants_contact=True,
    ),
)


def facts(target: Target, refused: Collection[str]) -> list[dict[str, Any]]:
    """Return every source that the stack knows, and whether it is on.

    `refused` has the abilities that Spotify refuses to the app.
    """
    given = stack_parameters(target)
    contact = given.get("Contact", "none") != "none"
    return [
        {
            "source": one.name,
            "gives": one.gives,
            "on": one.parameter is None or one.name in given[one.parameter].split(","),
            "refused": one.ability in refused,
            "lacks_contact": one.wants_contact and not contact,
            "parameter": one.parameter,
            "terms": one.terms,
        }
        for one in SOURCES
        if one.parameter is None or one.parameter in given
    ]


def contact(target: Target) -> str | None:
    """Return how open sources can reach the stack's owner; None where that is not told."""
    given = stack_parameters(target).get("Contact", "none")
    return None if given == "none" else given


def lines(found: list[Mapping[str, Any]]) -> Iterator[str]:
    """Say `facts`, a line each; terms that several have, the first time."""
    told = set[str]()
    for one in found:
        how = "on" if one["on"] else f"off (not in {one['parameter']})"
        if one["on"] and one["refused"]:
            how = "on, but Spotify refuses it to this app"
        elif one["on"] and one["lacks_contact"]:
            how = "on, but not asked without a Contact"
        terms = "" if one["terms"] in told else f"; {one['terms']}"
        told.add(one["terms"])
        yield f"{one['gives']} from {one['source']}: {how}{terms}."


CONTACT: Final = re.compile(r"none|[!-'*-?A-~]+@[!-'*-?A-~]+\.[!-'*-?A-~]+|https://[!-'*-~]+")


def choices(chart_sources: str | None, contact: str | None) -> dict[str, str]:
    """Return what a person chooses of the template's parameters; raise Misuse where it is wrong."""
    found = {}
    if chart_sources is not None:
        try:
            ordered(chart_sources)
        except ValueError as error:
            raise Misuse(f"--chart-sources: {error}") from error
        found["ChartSources"] = chart_sources
    if contact is not None:
        if not CONTACT.fullmatch(contact):
            raise Misuse(
                f"--contact {contact!r} is no e-mail address, no https address, and not none."
            )
        found["Contact"] = contact
    return found


def chosen(fresh: Mapping[str, str], contact: str) -> Iterator[str]:
    """Say the terms of the sources that were chosen just now; Spotify's go without saying.

    And which of them are not asked, where `contact` is none.
    """
    for parameter, names in fresh.items():
        for one in SOURCES:
            if one.parameter == parameter and one.name in names.split(",") and one.ability is None:
                yield f"You chose {one.gives} from {one.name}: {one.terms}."
                if one.wants_contact and contact == "none":
                    yield "It is not asked before it can reach you: --contact you@example.org."
