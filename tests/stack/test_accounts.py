"""Accounts on the whole stack: from a consent to its end, function by function."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli import accounts, connect
from cli.errors import Trouble
from tests.stack.conftest import Stack

PAGE, TOKEN = "/v1/me/player/recently-played", "/api/token"


@pytest.fixture(autouse=True)
def no_faults_left(stack: Stack) -> Iterator[None]:
    yield
    stack.spotify("DELETE", "faults")
    stack.spotify("DELETE", "revocations")


@pytest.fixture
def account(stack: Stack) -> Iterator[str]:
    """Another listener's account, which nobody else uses, as new as a consent just given."""
    ident = consent(stack)
    yield ident
    accounts.erase(stack.lake.target, ident)


def consent(stack: Stack, **extra: str) -> str:
    extra = {"listener": stack.lake.facts.listeners[1]["id"], **extra}
    result = connect.connect(stack.lake.target, connect.visit, port=0, extra=extra)
    return str(result["account"])


def at(minutes: int) -> str:
    when = datetime(2025, 2, 18, 18, tzinfo=UTC) + timedelta(minutes=minutes)
    return when.isoformat().replace("+00:00", "Z")


def capture(stack: Stack, account: str, run: str, minutes: int = 0) -> dict[str, Any]:
    event = {"account": account, "captured_at": at(minutes), "execution": run, "requests": {}}
    answer = stack.lake.target.functions.invoke(
        FunctionName="soundlake-local-capture", Payload=json.dumps(event).encode()
    )
    result: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, result
    return result


def state(stack: Stack, account: str) -> str:
    (found,) = [one for one in accounts.listed(stack.lake.target) if one.account == account]
    return found.state.value


def test_up_connects_the_first_listener_and_not_again(stack: Stack) -> None:
    (first,) = accounts.listed(stack.lake.target)

    assert first.spotify_id == stack.lake.facts.listeners[0]["id"]
    assert first.state.value == "active"


def test_a_token_serves_many_captures_and_each_is_kept(stack: Stack, account: str) -> None:
    stack.spotify("DELETE", "requests")

    results = [capture(stack, account, f"run-{number}", number) for number in range(3)]

    assert {one["status"] for one in results} == {"captured"}
    assert len({one["raw_key"] for one in results}) == 3
    asked = stack.spotify("GET", "requests")["by_endpoint"]
    assert asked == {"me/player/recently-played": 3}


def test_a_consent_that_is_refused_in_passing_is_not_believed(stack: Stack, account: str) -> None:
    forget_access_token(stack, account)
    stack.spotify("POST", "faults", json={"path": TOKEN, "kind": "invalid_grant", "times": 1})

    refused = capture(stack, account, "run-1")
    again = capture(stack, account, "run-2", 1)

    assert (refused["status"], again["status"]) == ("failed", "captured")
    assert state(stack, account) == "active"


def test_an_ended_consent_waits_for_its_listener_who_may_renew_it(
    stack: Stack, account: str
) -> None:
    stack.spotify("POST", "revocations", json={"listener": stack.lake.facts.listeners[1]["id"]})

    results = [capture(stack, account, f"run-{number}", number) for number in range(3)]

    assert [one["status"] for one in results] == ["failed", "waiting", "waiting"]
    assert results[2]["requests"] == {}
    assert state(stack, account) == "needs_consent"
    assert consent(stack) == account
    assert capture(stack, account, "run-4", 4)["status"] == "captured"


@pytest.mark.parametrize(
    ("kind", "expected"), [("not_registered", "not_allowed"), ("no_premium", "needs_premium")]
)
def test_a_403_waits_six_hours(stack: Stack, account: str, kind: str, expected: str) -> None:
    stack.spotify("POST", "faults", json={"path": PAGE, "kind": kind, "times": 1})

    first, soon, late = (
        capture(stack, account, f"run-{kind}-{minutes}", minutes) for minutes in (0, 359, 360)
    )

    assert [first["state"], soon["state"]] == [expected, expected]
    assert soon["requests"] == {}
    assert late["status"] == "captured"


def test_a_listener_who_refuses_gets_no_account(stack: Stack) -> None:
    before = accounts.listed(stack.lake.target)

    with pytest.raises(Trouble, match="was not allowed"):
        consent(stack, deny="1")

    assert accounts.listed(stack.lake.target) == before


def test_an_end_with_all_data_leaves_nothing(stack: Stack) -> None:
    target = stack.lake.target
    ident = consent(stack, listener=stack.lake.facts.listeners[2]["id"])
    key = capture(stack, ident, "run-1")["raw_key"]
    target.s3.delete_object(Bucket=stack.bucket, Key=key)
    target.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"once more")
    assert accounts.find(target, ident) is not None

    accounts.stop(target, ident, datetime.now(UTC))
    deleted = accounts.erase(target, ident)

    assert deleted >= 3
    assert accounts.left(target, ident).nothing
    listed = target.s3.list_object_versions(
        Bucket=stack.bucket, Prefix=f"raw/recently-played/{ident}"
    )
    assert not listed.get("Versions")
    assert not listed.get("DeleteMarkers")
    assert capture(stack, ident, "run-2")["status"] == "failed"


def test_two_first_consents_at_once_make_one_account(stack: Stack) -> None:
    target, listener = stack.lake.target, stack.lake.facts.listeners[2]["id"]

    with ThreadPoolExecutor(2) as pool:
        names = set(pool.map(lambda _: consent(stack, listener=listener), range(2)))

    (ident,) = names
    assert [one.state.value for one in accounts.listed(target) if one.spotify_id == listener] == [
        "active"
    ]
    assert capture(stack, ident, "run-1")["status"] == "captured"
    accounts.stop(target, ident, datetime.now(UTC))
    accounts.erase(target, ident)
    assert accounts.left(target, ident).nothing


def test_no_token_is_written_down_anywhere(stack: Stack, account: str) -> None:
    stack.spotify("POST", "faults", json={"path": TOKEN, "kind": "invalid_grant", "times": 1})
    with pytest.raises(Trouble, match="does not take this consent's code"):
        consent(stack)
    capture(stack, account, "run-1")

    seen, secrets = stack.said(), stack.secrets()

    assert len(secrets) > 6
    assert any(account in text for text in seen)
    assert any("Connect connected" in text for text in seen)
    for secret in secrets:
        assert not [text[:200] for text in seen if secret in text]


def forget_access_token(stack: Stack, account: str) -> None:
    """Leave the refresh token alone."""
    ssm = stack.lake.target.ssm
    name = f"{stack.lake.target.output('ParameterPrefix')}/accounts/{account}/token"
    value = json.loads(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    kept = json.dumps({"refresh_token": value["refresh_token"]})
    ssm.put_parameter(Name=name, Value=kept, Type="SecureString", Overwrite=True)
