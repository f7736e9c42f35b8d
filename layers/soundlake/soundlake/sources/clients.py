"""Whom a source may ask through: what `soundlake.asking` gives, seen from a source."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from soundlake.abilities import Abilities
    from soundlake.sources.keyless import KeylessApi
    from soundlake.sources.site import Site
    from soundlake.spotify.client import Spotify


class Clients(Protocol):
    """One invocation's clients, each made when it is first asked for."""

    def spotify(self) -> "Spotify":
        """Spotify, with what captures leave of its quota."""

    def abilities(self) -> "Abilities":
        """What is known of what Spotify lets the app do."""

    def keyless(
        self,
        source: str,
        base: str,
        spacing_s: float,
        contact: str | None = None,
        limited_by: int = 429,
    ) -> "KeylessApi":
        """A source without keys at an address, asked at most once in so many seconds.

        `contact` is told to it, for its operators to reach us; `limited_by` is the status that it
        limits by.
        """

    def site(self, name: str, base: str, spacing_s: float, contact: str) -> "Site":
        """A web site that robots may visit, asked as `keyless` does."""
