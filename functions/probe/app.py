"""Probe: what Spotify lets this app do, asked with the fewest requests, and kept with evidence."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access, asking
from soundlake.abilities import Abilities
from soundlake.charts import ChartListError, parse_chart_list
from soundlake.observability import function, logger
from soundlake.probing import Probed, playlists, probe, without_secret
from soundlake.refusals import SECRETLESS, sentences
from soundlake.settings import settings
from soundlake.spotify.client import Spotify
from soundlake.store import secrets
from soundlake.store.chart_list import chart_list
from soundlake.times import format_time, parse_time


@function("Probe")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{start_time}` to `{status: probed, mode, in_words, refused, probed_at, findings, requests}`.

    `findings` is all that is known now: `{ability, allowed, at, evidence}` each, times in UTC;
    `sentences` says what each refusal means. What could not be told stays as it was known, and is
    asked again by the next daily run: then `error` says why, and the status is `incomplete` where
    Spotify answered something odd, `rate_limited` or `unreachable`, or `failed` where somebody must
    see to the app.
    """
    spotify: Spotify | None = None
    result: dict[str, Any] = _told(Abilities())
    try:
        at = parse_time(event["start_time"])
        secrets.forget()  # a person may have stored another app just now
        app = secrets.app_credentials(settings().parameter_prefix)
        if app.client_secret:
            spotify = asking.spotify(beside_captures=True)
            probed = probe(spotify, _playlists(), at)
        else:
            probed = without_secret(SECRETLESS, at)
        result |= _keep(app.client_id, probed, at)
        if probed.stopped is not None:
            result |= access.failure(probed.stopped)
        elif not probed.whole:
            error = access.small(f"Not told: {'; '.join(probed.unclear)}")
            result |= {"status": "incomplete", "error": error}
        else:
            result["status"] = "probed"
    except access.FORESEEN as error:
        result |= access.failure(error)
    return result | asking.counted(spotify)


def _playlists() -> list[str]:
    """Which of Spotify's playlists to ask for: those of the chart list, where there is one."""
    try:
        text = chart_list(access.bucket())
        return playlists(parse_chart_list(text) if text else ())
    except ChartListError as error:
        logger.warning(str(error))  # Plan says it in the run's own words
        return playlists(())


def _keep(client_id: str, probed: Probed, at: datetime) -> dict[str, Any]:
    """Note what was found; what is known then."""
    table = access.abilities_table()
    findings = [replace(each, evidence=access.small(each.evidence)) for each in probed.findings]
    if probed.whole:
        table.probed(client_id, findings, at)
    else:
        for each in findings:
            table.found(client_id, each)
    return _told(table.abilities(client_id, at))


def _told(known: Abilities) -> dict[str, Any]:
    return access.told(known) | {
        "findings": [
            {
                "ability": each.ability,
                "allowed": each.allowed,
                "at": format_time(each.at),
                "evidence": each.evidence,
            }
            for each in known.findings.values()
        ],
        "sentences": sentences(known),
    }
