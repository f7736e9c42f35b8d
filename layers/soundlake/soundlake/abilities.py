"""Abilities: what Spotify lets an app do. It tells nobody beforehand, and changes what it lets do.

So it is asked, and what came is kept as findings, with date and evidence. Nothing here asks AWS or
Spotify, and nothing reads a clock. Times are aware UTC datetimes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# What is refused is asked for by nobody but a probe: so late a wider access is noticed at latest.
PROBE_AGAIN = timedelta(days=30)
# A playlist that is there no more leaves in doubt what a probe saw. It may be gone for good, so it
# costs no more than a probe a day.
DOUBT_AGAIN = timedelta(hours=20)


class Ability(StrEnum):
    """What an app may be allowed to do or not, in the order in which it is told."""

    CHARTS = "charts"  # playlists that Spotify owns, its charts among them
    AUDIO_FEATURES = "audio_features"
    AUDIO_ANALYSIS = "audio_analysis"
    SEVERAL = "several"  # several tracks, albums or artists in one request
    CATALOGUE = "catalogue"  # a track, an album or an artist


@dataclass(frozen=True, slots=True)
class Finding:
    """What an answer showed of an ability, when, and the request with what came of it."""

    ability: Ability
    allowed: bool
    at: datetime
    evidence: str


class Abilities:
    """What is known of an app's abilities; `probed_at` is when all were last looked at.

    `probe_wanted`: an answer has contradicted what was known.
    """

    def __init__(
        self,
        findings: Iterable[Finding] = (),
        *,
        probed_at: datetime | None = None,
        probe_wanted: bool = False,
    ) -> None:
        self.findings = {each.ability: each for each in findings}
        self.probed_at = probed_at
        self.probe_wanted = probe_wanted

    def may(self, ability: Ability) -> bool | None:
        """Whether the app is allowed to; None where nobody has seen yet."""
        found = self.findings.get(ability)
        return None if found is None else found.allowed

    @property
    def refused(self) -> list[Ability]:
        """What the app is known not to be allowed, in order."""
        return [each for each in Ability if self.may(each) is False]

    @property
    def mode(self) -> str:
        """`extended`, `development`, a mixture in words, or `unknown`."""
        if not self.findings:
            return "unknown"
        if len(self.findings) == len(Ability):
            if not self.refused:
                return "extended"
            if self.refused == [each for each in Ability if each is not Ability.CATALOGUE]:
                return "development"
        seen = [each for each in Ability if each in self.findings]
        return ", ".join(f"{'no ' * (each in self.refused)}{each}" for each in seen)

    def doubtful(self, now: datetime) -> bool:
        """Whether a doubt wants a probe that none wants yet: not so soon after the last one."""
        if self.probe_wanted:
            return False
        return self.probed_at is None or not timedelta(0) <= now - self.probed_at < DOUBT_AGAIN

    def probe_due(self, now: datetime) -> str | None:
        """Why all abilities are to be looked at again, or None."""
        if self.probed_at is None:
            return "nobody has looked yet at all that this app may do"
        if self.probe_wanted:
            return "an answer contradicted what was known"
        if now - self.probed_at >= PROBE_AGAIN:
            return f"the last probe is of {self.probed_at:%Y-%m-%d}"
        return None
