"""What a run may ask for: what is known of the app, and what the run finds out itself."""

from functools import cached_property

from soundlake import access, asking
from soundlake.abilities import Abilities, Ability
from soundlake.settings import settings
from soundlake.sources.base import FeatureSource
from soundlake.sources.features import ordered
from soundlake.spotify.errors import RefusedError

SPOTIFY = "spotify"


class Allowed:
    """Read when it is first needed: who has no questions needs no app."""

    def __init__(self) -> None:
        self._refused: set[Ability] = set()

    @cached_property
    def _abilities(self) -> Abilities:
        return asking.abilities()

    def may(self, *abilities: Ability) -> bool:
        """Whether the app may do all of this, as far as known. Raises MissingSecretError."""
        return all(
            each not in self._refused and self._abilities.may(each) is not False
            for each in abilities
        )

    def refuse(self, ability: Ability, error: RefusedError) -> None:
        """Take note of a refusal, for this run and all others."""
        self._refused.add(ability)
        asking.found(ability, allowed=False, evidence=str(error).partition(". See what ")[0])

    def sources(self) -> list[FeatureSource]:
        """The sources of audio features that may be asked, the preferred one first."""
        return [
            source
            for source in ordered(settings().feature_sources)
            if source.name != SPOTIFY or self.may(Ability.CATALOGUE, Ability.AUDIO_FEATURES)
        ]

    def analyses(self) -> bool:
        """Whether analyses may be asked for, and the stack wants any."""
        wanted = int(settings().analyses_per_day) > 0
        return wanted and self.may(Ability.CATALOGUE, Ability.AUDIO_ANALYSIS)

    def sentences(self) -> list[str]:
        """What was known to be refused before, and makes all of a kind stay unknown."""
        found = []
        catalogue = self._abilities.findings.get(Ability.CATALOGUE)
        if catalogue is not None and not catalogue.allowed:
            found.append(
                f"Spotify lets this app look nothing up, as of {catalogue.at:%Y-%m-%d} "
                f"({catalogue.evidence}): what it alone tells stays null."
            )
        features = self._abilities.findings.get(Ability.AUDIO_FEATURES)
        if features is not None and not features.allowed and not self.sources():
            found.append(
                f"Spotify refuses this app audio features, as of {features.at:%Y-%m-%d} "
                f"({features.evidence}), and FeatureSources names nobody else: they stay null."
            )
        return [access.small(each) for each in found]
