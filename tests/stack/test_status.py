"""The lake at a glance, of a real stack: everything is told, and nothing is a problem."""

import json
from datetime import UTC, datetime

from cli import status
from tests.stack.conftest import FirstRun, Stack


def test_status_tells_what_the_first_runs_did(stack: Stack, first: FirstRun) -> None:
    found = status.facts(stack.lake.target, datetime.now(UTC))

    assert [name for name in found if "problem" in found[name]] == []
    # The others run where a test has wanted them, before this one or not.
    others = {"import", "audit"}
    assert {one["machine"] for one in found["runs"]} - others == {"capture", "daily"}
    assert found["accounts"]["connected"] >= 1
    asked = found["requests"]["last_24_hours"]
    assert asked["captures"] >= first.requests["me/player/recently-played"]
    assert asked["charts"] >= first.requests["playlists/{id}"]
    assert asked["enrichment"] >= first.requests["audio-features"]
    assert asked["tokens"] >= 1
    assert found["requests"]["app_problem"] is None
    assert found["requests"]["captures_a_day"]["interval_minutes"] == 20
    assert found["lake"]["tables"]["plays"]["rows"] > 0
    json.dumps(found)
