"""Enrich: ask once for what is to be known of the tracks, albums and artists in the lake.

Of tracks, albums, artists and analyses Spotify is asked; of audio features and of genres each
source in its turn.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.enriching.run import Run
from soundlake.observability import function
from soundlake.sources.web import LONG_WAIT_S
from soundlake.store.lake import Lake, SchemaError
from soundlake.times import parse_date


@function("Enrich")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """`{date, execution, requests}` to `{status: enriched, asked, left, notes, requests}`.

    `asked` counts ids by kind. Each answer is kept while the next is asked for: an invocation that
    ends early loses two at most, and the next one goes on where it stopped. What is not asked for
    now is `left`, by kind, in the queue for later runs. Analyses are one request each, so a day's
    runs ask for no more than the stack's parameter says, and only while that day lasts. What the
    app may not ask for is told in `notes`, and nothing fails; so it is where the rest of the quota
    is left to captures or time was up, and where a source of features refuses or cannot be reached
    while another one can be asked. Genres come last, and whatever a source of them does wrong is a
    note.
    """
    result: dict[str, Any] = {}
    run = Run(
        parse_date(event["date"]),
        Lake(access.bucket()),
        context.get_remaining_time_in_millis,
        event.get("execution"),
    )
    try:
        run.go()
        result["status"] = "failed" if run.problems else "enriched"
        if run.problems:
            result["error"] = "; ".join(dict.fromkeys(run.problems))
    except (*access.FORESEEN, SchemaError) as error:
        result |= access.failure(error)
    # Spotify's own genres came first, and a machine that waits for Spotify comes back soon.
    if result.get("retry_after", LONG_WAIT_S + 1) > LONG_WAIT_S:
        run.clients.settle()  # others take minutes, in which captures and charts want to know
        run.ask_genres()
    asked = dict(run.asked)
    counted = run.clients.counted(event["requests"])
    names = {name: name.replace("-", "_").replace("/", "_") for name in asked}
    counted["counts"] |= {names[name]: count for name, count in asked.items()}
    counted["counts"]["queue"] = sum(run.left.values())
    if (left := run.clients.budget_left()) is not None:
        counted["counts"]["budget_left"] = left
    return result | {"asked": asked, "left": run.left, "notes": run.notes} | counted
