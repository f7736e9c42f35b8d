"""Refusals: what an app is refused, since when, what is used instead, what it means for tables.

https://developer.spotify.com/blog has both announcements: 2024-11-27-changes-to-the-web-api, and
2026-02-06-update-on-developer-access-and-platform-security.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from soundlake.abilities import Abilities, Ability


@dataclass(frozen=True, slots=True)
class Refusal:
    """One ability's refusal, each part a clause; `since` says when, and which apps it hits."""

    name: str
    what: str
    since: str
    instead: str
    tables: str


_NEW_APPS = "2024-11-27, for apps without extended access at that time"

REFUSALS: Mapping[Ability, Refusal] = {
    Ability.CHARTS: Refusal(
        name="charts",
        what="Spotify hides its own playlists from this app, the charts among them",
        since=_NEW_APPS,
        instead="chart files that you download (./soundlake import), and what else ChartSources "
        "names",
        tables="chart_entries has only the days that these brought, provider says which; "
        "chart_days calls the others unavailable",
    ),
    Ability.AUDIO_FEATURES: Refusal(
        name="audio features",
        what="Spotify tells this app no audio features",
        since=_NEW_APPS,
        instead="ReccoBeats, where FeatureSources names it; it knows a part of all tracks",
        tables="audio_features has no time_signature and duration_ms, source says who knew the "
        "rest, and is null where nobody did",
    ),
    Ability.AUDIO_ANALYSIS: Refusal(
        name="audio analyses",
        what="Spotify tells this app no audio analysis",
        since=_NEW_APPS,
        instead="nothing, since nobody else has them",
        tables="track_sections and track_segments get no new rows; music_activity's sequences "
        "are null",
    ),
    Ability.SEVERAL: Refusal(
        name="several at once",
        what="Spotify lets this app look up one track, album or artist at a time",
        since="2026-02-11, for apps in development mode made since; later for some others",
        instead="single look-ups, the most played first, within the quota",
        tables="tracks, albums and artists fill more slowly, and lack what development mode "
        "leaves out: popularity, label, followers",
    ),
    Ability.CATALOGUE: Refusal(
        name="look-ups",
        what="Spotify lets this app's own token look nothing up",
        since="about 2026-03, for some apps in development mode, as their developers report",
        instead="what plays and charts carry of their tracks, albums and artists",
        tables="albums and artists have no more than these say",
    ),
}

_WITHOUT_SECRET = Refusal(
    name="look-ups",
    what="without a client secret this app has no token of its own, and may look nothing up",
    since="ever",
    instead="what plays carry of their tracks, albums and artists; store a secret with "
    "./soundlake app",
    tables="albums and artists have no more than plays say",
)
SECRETLESS = "no client secret is stored, so nothing was asked"  # the evidence then


def refusal(abilities: Abilities, ability: Ability) -> Refusal | None:
    """What is to be said of an ability; None where it is not refused."""
    found = abilities.findings.get(ability)
    if found is None or found.allowed:
        return None
    if ability is Ability.CATALOGUE and found.evidence == SECRETLESS:
        return _WITHOUT_SECRET
    return REFUSALS[ability]


def sentence(found: Refusal) -> str:
    """All that is to be said of a refusal, in one sentence."""
    what = found.what[0].upper() + found.what[1:]
    return f"{what} (since {found.since}). Instead: {found.instead}. In the tables: {found.tables}."


def sentences(abilities: Abilities) -> list[str]:
    """Every refusal's sentence, in order."""
    return [sentence(found) for each in Ability if (found := refusal(abilities, each)) is not None]


def mode_in_words(abilities: Abilities) -> str:
    """The access mode and what it comes to, like `development: no charts, ...`."""
    names = {each: REFUSALS[each].name for each in Ability}
    refused = [f"no {names[each]}" for each in abilities.refused]
    unknown = [names[each] for each in Ability if abilities.may(each) is None]
    doubt = f"; not known yet: {', '.join(unknown)}" if unknown else ""
    match abilities.mode:
        case "unknown":
            return "unknown: nobody has looked yet; ./soundlake doctor does"
        case "extended":
            return "extended: Spotify refuses this app nothing that Soundlake asks for"
        case "development":
            return f"development: {', '.join(refused)}"
        case _:
            said = ", ".join(refused) if refused else "nothing refused so far"
            return f"a mixture: {said}{doubt}"
