"""The probe: what an app may do, told by the fewest requests that can show it.

Four where Spotify refuses nothing, and six at most: a playlist that is not there may simply be
gone, so two are asked for; who may look up several may look up one. Nothing here asks AWS, and
nothing reads a clock; Spotify is asked through the client that is given.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from soundlake.abilities import Ability, Finding
from soundlake.charts import WORLD, Chart
from soundlake.spotify.errors import (
    BadAnswerError,
    CredentialsError,
    ExpiredTokenError,
    NoPremiumError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    SpotifyError,
    UnavailableError,
)

if TYPE_CHECKING:
    from soundlake.sources.web import Answer
    from soundlake.spotify.client import Spotify

# Examples of Spotify's own documentation; an answer need not know them.
TRACK = "11dFghVXANMlKmJXsNCbNl"
ALBUMS = ("382ObEPsp2rxGrnsizN5TX", "1A2GTWGtFfWp7KSQTwWOyo")
# Spotify's own playlists, where the chart list has none to ask for.
PLAYLISTS = ("37i9dQZF1DXcBWIGoYBM5M", "37i9dQZF1DX0XUsuxWHRQd")
# What is about the app as a whole, and tells nothing of one ability.
_STOPS = (
    CredentialsError,
    ExpiredTokenError,
    NoPremiumError,
    RateLimitedError,
    UnavailableError,
)


@dataclass
class Probed:
    """What a probe found; `unclear` says of each ability that it could not tell why.

    `stopped` is what ended it early, and told nothing of what it had not asked for yet.
    """

    findings: list[Finding] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    stopped: SpotifyError | None = None

    @property
    def whole(self) -> bool:
        """Whether every ability was told."""
        return len(self.findings) == len(Ability)


def playlists(charts: Iterable[Chart]) -> list[str]:
    """The two playlists to ask for: the world's charts first, and those that are switched on."""
    ordered = sorted(charts, key=lambda each: (not each.enabled, each.country != WORLD))
    listed = dict.fromkeys([each.playlist_id for each in ordered if each.playlist_id])
    return [*listed, *PLAYLISTS][:2]


def without_secret(evidence: str, at: datetime) -> Probed:
    """What there is to know of an app without a secret: it has no token to ask with."""
    return Probed([Finding(each, False, at, evidence) for each in Ability])


def probe(spotify: "Spotify", playlist_ids: Sequence[str], at: datetime) -> Probed:
    """Ask for a little of everything; `at` is the time of the findings (UTC)."""
    probed = Probed()
    look = _Look(probed, at)
    try:
        _charts(look, spotify, playlist_ids)
        look(
            Ability.AUDIO_FEATURES,
            lambda: spotify.audio_features([TRACK]),
            lambda told: isinstance(told.get("audio_features"), list),
        )
        look(
            Ability.AUDIO_ANALYSIS,
            lambda: spotify.audio_analysis(TRACK),
            lambda told: bool({"track", "sections", "segments"} & told.keys()),
            may_be_unknown=True,
        )
        several = look(
            Ability.SEVERAL,
            lambda: spotify.albums(ALBUMS),
            lambda told: isinstance(told.get("albums"), list),
        )
        if several is not None and several.allowed:
            look.found(Ability.CATALOGUE, several.allowed, several.evidence)
        else:
            look(
                Ability.CATALOGUE,
                lambda: spotify.album(ALBUMS[0]),
                lambda told: told.get("id") == ALBUMS[0],
                may_be_unknown=True,
            )
    except _STOPS as error:
        probed.stopped = error
    return probed


class _Look:
    """One ability looked at by one request."""

    def __init__(self, probed: Probed, at: datetime) -> None:
        self._probed = probed
        self._at = at

    def found(self, ability: Ability, allowed: bool, evidence: str) -> Finding:
        finding = Finding(ability, allowed, self._at, evidence)
        self._probed.findings.append(finding)
        return finding

    def unclear(self, ability: Ability, why: str) -> None:
        self._probed.unclear.append(f"{ability}: {why}")

    def __call__(
        self,
        ability: Ability,
        ask: Callable[[], "Answer"],
        documented: Callable[[dict[str, Any]], bool],
        *,
        may_be_unknown: bool = False,
    ) -> Finding | None:
        """A finding, or None where the answer tells nothing. Raises what is about the app."""
        try:
            answer = ask()
        except _STOPS:
            raise
        except RefusedError as error:
            return self.found(ability, False, refused(error))
        except NotFoundError as error:
            if not may_be_unknown:
                self.unclear(ability, str(error))
                return None
            return self.found(ability, True, f"{answered(error)}, for an example it need not know")
        except (BadAnswerError, SpotifyError) as error:
            self.unclear(ability, str(error))
            return None
        if not isinstance(answer.json, dict) or not documented(answer.json):
            self.unclear(ability, f"{answer.request} answered 200, but with something else")
            return None
        return self.found(ability, True, f"{answer.request}: 200")


def _charts(look: _Look, spotify: "Spotify", playlist_ids: Sequence[str]) -> None:
    """Whether Spotify shows its own playlists: two that are not there are withheld."""
    for ident in playlist_ids:
        try:
            answer = spotify.playlist(ident)
        except NotFoundError:
            continue
        except _STOPS:
            raise
        except RefusedError as error:
            look.found(Ability.CHARTS, False, refused(error))
            return
        except (BadAnswerError, SpotifyError) as error:
            look.unclear(Ability.CHARTS, str(error))
            return
        told = answer.json if isinstance(answer.json, dict) else {}
        if told.get("id") != ident:
            look.unclear(Ability.CHARTS, f"{answer.request} answered 200, but with something else")
            return
        # In development mode a playlist of somebody else's may come without what is in it.
        shown = isinstance(told.get("items") or told.get("tracks"), dict)
        evidence = f"{answer.request}: 200" + ("" if shown else ", without its contents")
        look.found(Ability.CHARTS, shown, evidence)
        return
    hidden = " and ".join(f"/v1/playlists/{each}" for each in playlist_ids)
    look.found(Ability.CHARTS, False, f"Spotify answers 404 for {hidden}")


def answered(error: NotFoundError) -> str:
    """What came, as evidence: the request and its answer, without what it may mean."""
    return str(error).partition(": ")[0]


def refused(error: RefusedError) -> str:
    """A refusal as evidence: the request and what came of it, without what to do."""
    return str(error).partition(" See ")[0].rstrip(".")
