"""What the functions asked of AWS in all scenarios, held against their roles in the template.

moto asks nobody for permission, so this does: every request must be allowed to the function that
made it, and nothing may be allowed that no scenario needs.
"""

from fnmatch import fnmatchcase
from functools import cache

import pytest

from tests.statemachines.scenarios import SCENARIOS, story
from tests.statemachines.world import BUCKET, BY_HAND, UPLOADS, VERBS, Call, World, event
from tests.template.translated import DEFAULT

# The first test waits for every run of every scenario.
pytestmark = pytest.mark.timeout(300)

BUCKET_ARN = f"arn:aws:s3:::{BUCKET}"
# Allowed although these never list: with the right to list, S3 answers 404 for a missing object,
# and without it 403, which the functions would take for something else.
ONLY_FOR_404 = dict.fromkeys(("Capture", "Probe", "Transform", "Load"), BUCKET_ARN) | (
    dict.fromkeys(("Import", "Read"), f"arn:aws:s3:::{UPLOADS}")
)

# Asked for where another run makes the same account at the same moment.
ONLY_IN_A_RACE = {"Import": "dynamodb:GetItem"}


@cache
def _connected() -> list[Call]:
    """What Connect, which no machine invokes, asks for a known listener and for a new one."""
    world = World()
    with world.opened():
        for listener in ("made-up-listener", "another"):
            world.spotify.user = {"id": listener}
            assert world.engine.call("Connect", event("connect"))["status"] == "connected"
    return world.story.calls


def _calls(verb: str) -> set[Call]:
    if verb in BY_HAND:
        return {call for call in _connected() if call.verb == verb}
    return {call for name in SCENARIOS for call in story(name).calls if call.verb == verb}


def _allows(grant: tuple[str, str], call: Call) -> bool:
    action, resource = grant
    return action == call.action and fnmatchcase(call.resource, resource)


def _grants(verb: str) -> list[tuple[str, str]]:
    return list(DEFAULT.grants(DEFAULT.role_of(f"{verb}Function")))


@pytest.mark.parametrize("verb", VERBS)
def test_everything_that_a_function_asks_for_is_allowed(verb: str) -> None:
    calls = _calls(verb)
    assert calls
    grants = _grants(verb)
    refused = {call for call in calls if not any(_allows(grant, call) for grant in grants)}
    assert refused == set()


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_allowed_that_no_function_asks_for(verb: str) -> None:
    calls = _calls(verb)
    unasked = {grant for grant in _grants(verb) if not any(_allows(grant, call) for call in calls)}
    rare = ONLY_IN_A_RACE.get(verb)
    assert {action for action, _ in unasked if action == rare} == ({rare} if rare else set())
    unasked = {(action, resource) for action, resource in unasked if action != rare}
    listed = ONLY_FOR_404.get(verb)
    assert unasked == ({("s3:ListBucket", listed)} if listed else set())


def test_a_request_outside_a_role_would_be_noticed() -> None:
    (own, *_) = [call for call in _calls("Load") if call.action == "s3:PutObject"]
    assert any(_allows(grant, own) for grant in _grants("Load"))
    assert not any(_allows(grant, own) for grant in _grants("Transform"))
