"""Enrich: ask once for the audio features of every track that the lake does not know."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access, asking
from soundlake.features import batches
from soundlake.observability import function
from soundlake.spotify.client import FEATURES_PER_REQUEST, Spotify
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.feature_answers import FeatureAnswers
from soundlake.store.lake import Lake, SchemaError
from soundlake.times import month_of, parse_date, shift_month


@function("Enrich")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{date}` to `{status: enriched, tracks, asked, requests}`.

    The tracks are those of the charts and plays of this month and the one before.

    Each answer is kept before the next is asked for: an invocation that ends early loses nothing,
    and the next one goes on where it stopped.
    """
    date = parse_date(event["date"])
    lake = Lake(access.bucket())
    answers = FeatureAnswers(access.raw(), lake)
    spotify: Spotify | None = None
    result: dict[str, Any] = {"tracks": 0}
    asked = 0
    problems: list[str] = []
    try:
        month = month_of(date)
        wanted = _in_table(lake, "chart_entries", month) | _in_table(lake, "plays", month)
        known = answers.known()
        kept, _ = answers.readable(answers.pending(month))
        known |= {row["track_id"] for rows in kept.values() for row in rows}
        result["tracks"] = len(wanted)
        for batch in batches(wanted, known, FEATURES_PER_REQUEST):
            spotify = spotify or asking.spotify()
            try:
                answers.keep(spotify.audio_features(batch), batch, date)
            except BadAnswerError as error:
                problems.append(str(error))  # one bad answer does not stand in the others' way
            else:
                asked += len(batch)
        result["status"] = "failed" if problems else "enriched"
        if problems:
            result["error"] = "; ".join(problems)
    except (*access.FORESEEN, SchemaError) as error:
        result |= access.failure(error)
    requests = dict(spotify.requests) if spotify else {}
    counts = {"tracks": asked, "requests": sum(requests.values())}
    return result | {"asked": asked, "requests": requests, "counts": counts}


def _in_table(lake: Lake, table: str, month: str) -> set[str]:
    """The tracks in a table's rows of this month and the one before.

    So what a failed run did not ask for is asked for by a later one.
    """
    keys = lake.keys(table, shift_month(month, -1)) + lake.keys(table, month)
    ids = lake.read(table, keys, ["track_id"]).column("track_id").to_pylist()
    return {track_id for track_id in ids if track_id}
