"""Connecting, listing and ending accounts, against AWS in this process."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import boto3
import pytest
from click.testing import CliRunner
from moto import mock_aws
from soundlake.accounts import Account, State, connected, connecting, to_item
from soundlake.store.abilities import AbilitiesTable

from cli import __main__ as cli
from cli import accounts, athena, connect, listeners
from cli.errors import Misuse, Trouble
from cli.target import Target
from cli.world import Facts
from local.spotify.made_up import made_up_world
from local.spotify.server import running
from local.spotify.settings import CLIENT_ID, CLIENT_SECRET, Settings
from tests.cli.conftest import free_port
from tests.interruptions import When, interrupted

NOW = datetime(2026, 11, 21, 9, 18, tzinfo=UTC)
MINE, OTHER = "a12345678901", "b12345678901"
BUCKET, TABLE, PREFIX = "the-bucket", "the-accounts", "/soundlake/test"
BUDGET, UPLOADS = "the-budget", "the-uploads"
TOKEN = f"{PREFIX}/accounts/{MINE}/token"
CODE = "a code"


class FakeConnect:
    """The stack's Connect function: what it was handed, and what it answers."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.answer: Any = {"status": "connected", "account": MINE, "name": "Solveig"}
        self.failed = False

    def invoke(self, **given: Any) -> dict[str, Any]:
        assert given["FunctionName"] == "the-connect-function"
        self.events.append(json.loads(given["Payload"]))
        error = {"FunctionError": "Unhandled"} if self.failed else {}
        return {"Payload": BytesIO(json.dumps(self.answer).encode()), **error}


@pytest.fixture
def function() -> FakeConnect:
    return FakeConnect()


@pytest.fixture
def target(function: FakeConnect) -> Iterator[Target]:
    """A deployed stack with two accounts and their tokens."""
    with mock_aws():
        session = boto3.Session("testing", "testing", region_name="eu-north-1")
        stack = Target(session, "soundlake-test")
        stack.__dict__["outputs"] = {
            "AccountsTable": TABLE,
            "AuthorizeUrl": "https://accounts.spotify.test/authorize",
            "BudgetTable": BUDGET,
            "ConnectFunction": "the-connect-function",
            "DataBucket": BUCKET,
            "ParameterPrefix": PREFIX,
            "UploadsBucket": UPLOADS,
        }
        stack.__dict__["functions"] = function
        for bucket in (BUCKET, UPLOADS):
            stack.s3.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-north-1"}
            )
        stack.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for name, key in ((TABLE, "account"), (BUDGET, "holder")):
            stack.dynamodb.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        for name, listener in ((MINE, "solveig"), (OTHER, "mateo")):
            accounts.table(stack).create(connected(name, listener, listener.title(), NOW))
            secret(stack, f"{PREFIX}/accounts/{name}/token", {"refresh_token": "x"})
        secret(stack, f"{PREFIX}/spotify/app", {"client_id": CLIENT_ID, "client_secret": "s"})
        yield stack


def secret(stack: Target, name: str, value: Any) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    stack.ssm.put_parameter(Name=name, Value=text, Type="SecureString", Overwrite=True)


def answer(address: str, **query: str) -> int:
    """What a browser does that comes back with an answer; the status that it gets."""
    try:
        with urllib.request.urlopen(f"{address}?{urlencode(query)}", timeout=5) as page:
            assert b"Soundlake" in page.read()
            return int(page.status)
    except urllib.error.HTTPError as error:
        return error.code


def agree(address: str, **changes: str) -> None:
    """A listener who agrees in the browser."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    answer(query["redirect_uri"], **{"code": CODE, "state": query["state"], **changes})


def put(stack: Target, key: str, body: bytes = b"x") -> None:
    stack.s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def versions(stack: Target) -> set[str]:
    """The keys of all versions and delete markers."""
    found = stack.s3.list_object_versions(Bucket=BUCKET)
    return {one["Key"] for one in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]}


#### CONNECT #######################################################################################


def test_what_the_browser_brings_back_is_handed_to_the_stack(
    target: Target, function: FakeConnect
) -> None:
    seen: list[str] = []

    result = connect.connect(target, lambda url: seen.append(url) or agree(url), port=0)

    asked = {name: values[0] for name, values in parse_qs(urlsplit(seen[0]).query).items()}
    assert seen[0].startswith("https://accounts.spotify.test/authorize?")
    assert result["account"] == MINE
    assert asked["redirect_uri"].startswith("http://127.0.0.1:")
    assert asked["redirect_uri"].endswith("/callback")
    assert len(asked["state"]) >= 32
    assert {name: asked[name] for name in asked if name not in {"redirect_uri", "state"}} == {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "scope": "user-read-recently-played user-read-private",
    }
    assert function.events == [
        {"code": CODE, "redirect_uri": asked["redirect_uri"], "state": asked["state"]}
    ]


def test_without_a_secret_pkce_proves_who_asked(target: Target, function: FakeConnect) -> None:
    secret(target, f"{PREFIX}/spotify/app", {"client_id": CLIENT_ID, "client_secret": ""})
    seen: list[str] = []

    connect.connect(target, lambda url: seen.append(url) or agree(url), port=0, account=OTHER)

    asked = parse_qs(urlsplit(seen[0]).query)
    (event,) = function.events
    assert connect.challenge(event["verifier"]) == {
        "code_challenge": asked["code_challenge"][0],
        "code_challenge_method": "S256",
    }
    assert event["account"] == OTHER
    assert event["verifier"] not in seen[0]


def test_only_an_answer_to_our_own_question_counts(target: Target, function: FakeConnect) -> None:
    statuses: list[int] = []

    def forged_first(url: str) -> None:
        back = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        statuses.append(answer(back, code="a stranger's", state="guessed"))
        statuses.append(answer(back, code="a stranger's"))
        statuses.append(answer(back.replace("callback", "elsewhere"), code="a stranger's"))
        agree(url)
        statuses.append(answer(back, code="another"))

    connect.connect(target, forged_first, port=0)

    assert statuses == [400, 400, 404, 404]
    assert function.events[0]["code"] == CODE


def test_every_consent_has_a_state_of_its_own(target: Target, function: FakeConnect) -> None:
    for _ in range(2):
        connect.connect(target, agree, port=0)

    assert len({event["state"] for event in function.events}) == 2


@pytest.mark.parametrize(
    ("error", "says"), [("access_denied", "was not allowed"), ("invalid_scope", "'invalid_scope'")]
)
def test_a_refusal_is_one_sentence(
    error: str, says: str, target: Target, function: FakeConnect
) -> None:
    def refuse(url: str) -> None:
        query = parse_qs(urlsplit(url).query)
        answer(query["redirect_uri"][0], error=error, state=query["state"][0])

    with pytest.raises(Trouble, match=says):
        connect.connect(target, refuse, port=0)

    assert function.events == []


def test_nobody_is_waited_for_for_ever(target: Target) -> None:
    with pytest.raises(Trouble, match="Nobody agreed in time"):
        connect.connect(target, lambda _: None, port=0, seconds=0.01)


def test_nothing_listens_afterwards(target: Target) -> None:
    seen: list[str] = []
    connect.connect(target, lambda url: seen.append(url) or agree(url), port=0)

    with pytest.raises(urllib.error.URLError):
        answer(parse_qs(urlsplit(seen[0]).query)["redirect_uri"][0])
    assert not [one for one in threading.enumerate() if "serve_forever" in one.name]


def test_a_port_that_is_taken_is_named(target: Target) -> None:
    with (
        connect.listening(connect.Callback("x"), 0) as address,
        pytest.raises(Misuse, match="is in use by another program; choose another with --port"),
    ):
        connect.connect(target, agree, port=int(address.split(":")[2].split("/")[0]))


@pytest.mark.parametrize(
    ("stored", "says"),
    [(None, "There is no Spotify app yet"), ("{", "is damaged"), ("[]", "is damaged")],
)
def test_without_an_app_nobody_is_asked(stored: str | None, says: str, target: Target) -> None:
    name = f"{PREFIX}/spotify/app"
    if stored is None:
        target.ssm.delete_parameter(Name=name)
    else:
        secret(target, name, stored)

    with pytest.raises(Trouble, match=rf"{says}.*\./soundlake app"):
        connect.connect(target, agree, port=0)


@pytest.mark.parametrize(
    ("answered", "failed", "says"),
    [
        ({"status": "failed", "error": "A sentence."}, False, "^A sentence.$"),
        ({"status": "rate_limited", "error": "Wait 9 s."}, False, "^Wait 9 s.$"),
        ({"errorMessage": "boom"}, True, "soundlake logs connect"),
    ],
)
def test_what_the_stack_answers_is_told(
    answered: Any, failed: bool, says: str, target: Target, function: FakeConnect
) -> None:
    function.answer, function.failed = answered, failed

    with pytest.raises(Trouble, match=says):
        connect.connect(target, agree, port=0)


#### ON THIS MACHINE ###############################################################################


@pytest.fixture
def world(target: Target) -> Iterator[Facts]:
    """The local Spotify, with the app that the stack has."""
    with running(made_up_world(1), Settings()) as service:
        target.__dict__["outputs"]["AuthorizeUrl"] = f"{service.url}/authorize"
        client = {"id": CLIENT_ID, "secret": CLIENT_SECRET}
        listed = service.control.describe()["listeners"]
        yield Facts("made up", True, NOW, client, listed, [])


@pytest.mark.parametrize("has_secret", [True, False])
def test_the_local_listeners_agree_at_once(
    has_secret: bool, world: Facts, target: Target, function: FakeConnect
) -> None:
    app = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET if has_secret else ""}
    secret(target, f"{PREFIX}/spotify/app", app)

    connect.connect(target, connect.visit, port=0, extra={"listener": "madeup-aiko"})

    assert function.events[0]["code"].startswith("local-code-")
    with pytest.raises(Trouble, match="There is no listener 'nobody'"):
        connect.connect(target, connect.visit, port=0, extra={"listener": "nobody"})
    with pytest.raises(Trouble, match="was not allowed"):
        connect.connect(target, connect.visit, port=0, extra={"deny": "1"})


def test_a_listener_whom_the_world_does_not_have_is_answered_with_those_it_has(
    world: Facts,
) -> None:
    listeners.check(world, "madeup-aiko")
    with pytest.raises(Misuse, match="there are madeup-solveig, madeup-mateo, madeup-aiko"):
        listeners.check(world, "nobody")


def test_the_first_listener_is_connected_once_and_by_the_same_name(
    world: Facts, target: Target, function: FakeConnect, tmp_path: Any
) -> None:
    first = world.listeners[0]["id"]

    listeners.connect_first(target, world, tmp_path)
    accounts.table(target).delete(MINE)
    accounts.table(target).create(connected(MINE, first, "Solveig", NOW))
    listeners.connect_first(target, world, tmp_path)
    assert len(function.events) == 1
    assert "account" not in function.events[0]

    accounts.table(target).delete(MINE)  # as an embedded AWS that lost its state
    listeners.connect_first(target, world, tmp_path)
    assert function.events[1]["account"] == MINE

    accounts.table(target).create(connected("c12345678901", first, "Solveig", NOW))
    secret(target, f"{PREFIX}/accounts/c12345678901/token", {"refresh_token": "x"})
    listeners.connect_first(target, world, tmp_path)  # a person connected them by another name
    accounts.table(target).delete("c12345678901")
    listeners.connect_first(target, world, tmp_path)
    assert function.events[2]["account"] == "c12345678901"


@pytest.mark.parametrize(
    ("state", "token", "asked"),
    [
        (State.ACTIVE, True, 0),
        (State.ACTIVE, False, 1),
        (State.NOT_ALLOWED, True, 0),
        (State.NEEDS_CONSENT, True, 1),
        (State.DISCONNECTED, False, 0),
    ],
)
def test_only_who_is_not_connected_is_asked(  # noqa: PLR0917
    state: State,
    token: bool,
    asked: int,
    world: Facts,
    target: Target,
    function: FakeConnect,
    tmp_path: Any,
) -> None:
    accounts.table(target).delete(MINE)
    first = world.listeners[0]["id"]
    accounts.table(target).create(Account(MINE, first, "Solveig", state, NOW, NOW))
    if not token:
        target.ssm.delete_parameter(Name=TOKEN)

    listeners.connect_first(target, world, tmp_path)

    assert len(function.events) == asked


#### LISTING #######################################################################################


@pytest.fixture
def run(target: Target, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a verb on the stack, at a fixed time; Click's result."""
    monkeypatch.setattr(cli, "choose", lambda *_: target)
    monkeypatch.setattr(cli.machines, "now", lambda: NOW + timedelta(days=180))
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str, answers: str = "") -> Any:
        return CliRunner().invoke(cli.main, list(arguments), input=answers)

    return invoke


def test_accounts_are_listed_with_what_to_do(
    run: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(target, "lake/plays/month=2026-11/x.parquet")
    result = athena.Result(["account", "plays"], [[MINE, "1234"]])
    monkeypatch.setattr(accounts.athena, "run", lambda *_: result)

    text = run("accounts").output
    found = json.loads(run("accounts", "--json").output)

    assert "1,234" in text
    assert "1 day left" in text
    assert f"{MINE}: Consent ends on 2027-05-21, in 1 day: without a new one" in text
    assert [one["account"] for one in found] == [MINE, OTHER]
    assert found[0] == {
        "account": MINE,
        "name": "Solveig",
        "state": "active",
        "what_to_do": "Captured by every run; nothing is to be done.",
        "since": "2026-11-21T09:18:00.000Z",
        "last_capture_at": None,
        "plays": 1234,
        "consent_ends": "2027-05-21T09:18:00.000Z",
        "consent_days_left": 1,
        "warning": found[0]["warning"],
        "time_zone": None,
    }
    assert found[1]["plays"] == 0


def test_a_terminal_of_80_columns_cuts_no_id_and_no_state(
    run: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = accounts.table(target)
    mine = accounts.find(target, MINE)
    away = replace(mine, name="Somebody With a Long Name", state=State.NEEDS_CONSENT)
    zone = "America/Argentina/Buenos_Aires"
    known.replace(mine, replace(away, last_capture_at=NOW, time_zone=zone))
    monkeypatch.setattr(accounts, "_plays", lambda _: {MINE: 1_234_567})
    monkeypatch.setenv("COLUMNS", "80")

    lines = run("accounts").output.splitlines()

    (row,) = (line for line in lines if line.strip().startswith(f"{MINE} "))
    assert "needs_consent" in row
    assert "1,234,567" in row
    assert max(map(len, lines[: lines.index(row) + 1])) <= 80
    assert "…" not in "".join(lines)


def test_an_account_whose_plays_alone_are_here_is_lost_and_can_be_made_anew(
    run: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a stack over a bucket that came without its tables."""
    accounts.table(target).delete(MINE)
    accounts.table(target).delete(OTHER)
    put(target, "lake/plays/month=2026-11/x.parquet")
    result = athena.Result(["account", "plays"], [[MINE, "1234"]])
    monkeypatch.setattr(accounts.athena, "run", lambda *_: result)

    text = run("accounts").output
    (found,) = json.loads(run("accounts", "--json").output)

    assert f"./soundlake connect --account {MINE} --time-zone ZONE" in text
    assert "1,234" in text
    assert (found["account"], found["state"], found["plays"]) == (MINE, "lost", 1234)


def test_without_accounts_the_next_step_is_said(run: Any, target: Target) -> None:
    for name in (MINE, OTHER):
        accounts.table(target).delete(name)

    assert "connect one with ./soundlake connect" in run("accounts").output
    assert json.loads(run("accounts", "--json").output) == []


#### MADE BY AN IMPORT #############################################################################


def test_an_imported_account_is_listed_without_a_consent(run: Any, target: Target) -> None:
    name = accounts.table(target).new_imported(NOW).account

    text = run("accounts").output
    found = {one["account"]: one for one in json.loads(run("accounts", "--json").output)}
    one = found[name]

    assert f"{name}: Its history was imported; ./soundlake connect captures what it hears" in text
    assert "none" in next(line for line in text.splitlines() if line.strip().startswith(f"{name} "))
    assert {key: one[key] for key in ("name", "state", "consent_ends", "consent_days_left")} == {
        "name": None,
        "state": "imported",
        "consent_ends": None,
        "consent_days_left": None,
    }
    assert one["warning"] is None


def test_the_status_counts_what_was_imported_apart(target: Target) -> None:
    accounts.table(target).new_imported(NOW)

    found = accounts.summary(target, NOW)

    assert (found["connected"], found["imported"], found["waiting"]) == (2, 1, [])
    assert list(accounts.lines(found)) == ["2 of 2 captured; 1 imported, without a consent."]
    for name in (MINE, OTHER):
        accounts.table(target).delete(name)
    assert list(accounts.lines(accounts.summary(target, NOW))) == [
        "None is connected yet; connect one with ./soundlake connect; 1 imported, without a "
        "consent."
    ]


def test_a_consent_can_be_for_an_imported_account(
    run: Any, target: Target, function: FakeConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "asked_by", lambda *_, **__: agree)
    name = accounts.table(target).new_imported(NOW).account
    function.answer = {"status": "connected", "account": name, "name": "Aiko"}

    result = run("connect", "--account", name, "--port", str(free_port()))

    assert result.exit_code == 0, result.output
    assert f"Connected Aiko as account {name}." in result.output
    assert function.events[0]["account"] == name


@pytest.mark.parametrize("is_theirs", [True, False])
def test_whom_a_consent_is_for_is_asked_where_one_account_has_none(
    is_theirs: bool, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = accounts.table(target).new_imported(NOW).account
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(
        listeners.click, "confirm", lambda text, **_: asked.append(text) or is_theirs
    )

    assert listeners.chosen(target) == (name if is_theirs else None)
    assert asked == [f"The account {name} has an imported history and no consent; is it for that?"]


class Terminal(StringIO):
    """An input at which a person sits."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("many", [1, 2])
def test_whom_a_consent_is_not_for_is_said_where_nobody_can_be_asked(
    many: int, target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = sorted(accounts.table(target).new_imported(NOW).account for _ in range(many))
    monkeypatch.setattr("sys.stdin", StringIO() if many == 1 else Terminal())

    assert listeners.chosen(target) is None
    assert capsys.readouterr().err.strip() == (
        f"This is not for the imported history of {', '.join(names)}; "
        "./soundlake connect --account NAME is."
    )


def test_without_an_imported_account_nothing_is_said(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listeners.chosen(target) is None
    assert capsys.readouterr().err == ""


def test_an_imported_account_can_be_deleted_and_is_not_ended(run: Any, target: Target) -> None:
    name = accounts.table(target).new_imported(NOW).account

    assert run("disconnect", name).exit_code == 0
    kept = accounts.table(target).get(name)
    assert kept is not None
    assert kept.state is State.IMPORTED
    assert run("disconnect", name, "--delete-data", "--yes").exit_code == 0
    assert accounts.left(target, name).nothing


#### THE TIME ZONE #################################################################################


def test_where_a_listener_lives_is_set_and_shown(run: Any, target: Target) -> None:
    result = run("accounts", "--time-zone", "europe/oslo", MINE)

    assert result.exit_code == 0, result.output
    assert f"The time zone of {MINE} is Europe/Oslo" in result.output
    zones = {one.account: one.time_zone for one in accounts.listed(target)}
    assert zones == {MINE: "Europe/Oslo", OTHER: None}
    assert accounts.summary(target, NOW)["time_zones"] == zones
    assert "Europe/Oslo" in run("accounts").output
    assert json.loads(run("accounts", "--json").output)[0]["time_zone"] == "Europe/Oslo"


def test_the_only_account_need_not_be_named(run: Any, target: Target) -> None:
    several = run("accounts", "--time-zone", "Europe/Oslo")
    assert several.exit_code == 2
    assert f"Say which account is meant: {MINE}, {OTHER}." in several.output
    accounts.table(target).delete(OTHER)

    assert run("accounts", "--time-zone", "Europe/Oslo").exit_code == 0
    assert [one.time_zone for one in accounts.listed(target)] == ["Europe/Oslo"]
    accounts.table(target).delete(MINE)
    assert "There is no account yet" in run("accounts", "--time-zone", "Europe/Oslo").output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("accounts", "--time-zone", "Europe/Olso", MINE), "did you mean Europe/Oslo?"),
        (("connect", "--time-zone", "UTC"), "is not the time zone of a place"),
        (("accounts", MINE), "An account is named to set its --time-zone"),
        (("accounts", "--time-zone", "Europe/Oslo", "nobody"), "There is no account 'nobody'"),
    ],
)
def test_what_is_no_zone_and_no_account_is_refused(
    arguments: tuple[str, ...], says: str, run: Any
) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert says in " ".join(result.output.split())


def test_a_damaged_account_has_no_place(run: Any, target: Target) -> None:
    damage(target)

    result = run("accounts", "--time-zone", "Europe/Oslo", BROKEN)

    assert result.exit_code == 1
    assert SENTENCE in result.output


def test_a_capture_at_the_same_time_does_not_undo_the_zone(target: Target) -> None:
    table = accounts.table(target)
    stale = table.get(MINE)
    assert stale is not None
    noted = replace(stale, rejected_at=NOW, rejected_by="run-1")

    with interrupted(1, "after", lambda: table.replace(stale, noted)) as read:
        accounts.move(target, MINE, "Europe/Oslo")

    assert read.happened == "GetItem"
    assert table.get(MINE) == replace(noted, time_zone="Europe/Oslo")


def test_a_consent_may_say_where_the_listener_lives(
    run: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "asked_by", lambda *_, **__: agree)

    result = run("connect", "--time-zone", "Europe/Oslo", "--port", str(free_port()))

    assert result.exit_code == 0, result.output
    (mine, _) = accounts.listed(target)
    assert mine.time_zone == "Europe/Oslo"


#### DAMAGE ########################################################################################

BROKEN = "c12345678901"
SENTENCE = (
    f"The item of the account {BROKEN} cannot be read (its 'state' is wrong: 'asleep' is not a "
    "valid State); correct or delete it in the table of accounts."
)


def damage(target: Target, listener: str = "aiko") -> None:
    """An account whose item cannot be read, with its token and data."""
    item = to_item(connected(BROKEN, listener, "Aiko", NOW)) | {"state": "asleep"}
    target.dynamodb.put_item(
        TableName=TABLE, Item={name: {"S": text} for name, text in item.items()}
    )
    secret(target, f"{PREFIX}/accounts/{BROKEN}/token", {"refresh_token": "x"})


def test_a_damaged_account_is_named_beside_the_others(
    run: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(target)
    put(target, "lake/plays/month=2026-11/x.parquet")
    result = athena.Result(["account", "plays"], [[BROKEN, "12"]])
    monkeypatch.setattr(accounts.athena, "run", lambda *_: result)

    text = run("accounts").output
    found = json.loads(run("accounts", "--json").output)

    assert SENTENCE in text
    assert [one["state"] for one in found] == ["active", "active", "damaged"]
    assert found[2]["what_to_do"] == SENTENCE
    assert (found[2]["account"], found[2]["plays"], found[2]["name"]) == (BROKEN, 12, None)
    assert set(found[2]) == set(found[0])


def test_a_consent_that_was_cut_off_is_told(run: Any, target: Target) -> None:
    accounts.table(target).create(connecting(BROKEN, "aiko", "Aiko", NOW))

    text = run("accounts").output

    assert "not stored yet" in text
    assert f"{BROKEN}: Its consent is being stored; if that lasts longer" in text


def test_the_status_names_what_is_damaged_alone(target: Target) -> None:
    damage(target)

    found = accounts.summary(target, NOW)

    assert found["connected"] == found["captured"] + 1
    assert found["waiting"] == [{"account": BROKEN, "state": "damaged", "what_to_do": SENTENCE}]
    assert list(accounts.lines(found))[1:] == [f"{BROKEN}: {SENTENCE}"]


@pytest.mark.parametrize("known_by", ["item", "claim"])
def test_a_damaged_first_listener_is_named_and_not_asked(  # noqa: PLR0917
    known_by: str,
    world: Facts,
    target: Target,
    function: FakeConnect,
    tmp_path: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = world.listeners[0]["id"]
    if known_by == "claim":
        accounts.table(target).create(connected(BROKEN, first, "Solveig", NOW))
    damage(target, "?" if known_by == "claim" else first)

    listeners.connect_first(target, world, tmp_path)

    assert function.events == []
    assert capsys.readouterr().err.strip() == SENTENCE


#### THE APP #######################################################################################


def test_a_new_app_is_stored_and_tried_by_the_next_run(
    run: Any, target: Target, tmp_path: Any
) -> None:
    damage(target)
    (mine, _) = accounts.listed(target)
    waiting = replace(mine, state=State.WRONG_APP, retry_at=NOW + timedelta(hours=6))
    assert accounts.table(target).replace(mine, waiting)
    path = tmp_path / "app.json"
    path.write_text(json.dumps({"client_id": "another-app", "client_secret": "very-secret"}))

    refused = run("app", "--file", str(path), answers="n\n")
    assert "Nothing was changed" in refused.output
    assert accounts.table(target).get(MINE) == waiting
    result = run("app", "--file", str(path), "--yes")

    assert result.exit_code == 0, result.output
    assert f"Stored {PREFIX}/spotify/app." in result.output
    assert "http://127.0.0.1:4591/callback" in result.output
    assert "very-secret" not in result.output
    assert connect.stored_app(target) == connect.App("another-app", True)
    assert accounts.table(target).get(MINE) == replace(waiting, retry_at=None)
    assert AbilitiesTable(BUDGET, target.dynamodb).abilities("another-app", NOW).probe_wanted


#### THE END #######################################################################################

KEPT = [
    f"raw/recently-played/{OTHER}/month=2026-11/1.json.gz",
    f"lake/plays/month=2026-11/{OTHER}.parquet",
    f"lake/plays/month=2026-11/{MINE}b.parquet",
    f"raw/imports/{OTHER}/0123456789abcdef/0001.parquet",
    f"lake/import_rows/month=2026-11/{OTHER}.0123456789abcdef-0001.parquet",
    f"lake/import_rows/month=2026-11/{MINE}b.0123456789abcdef-0001.parquet",
    "lake/tracks/month=2026-11/tracks.parquet",
    f"config/{MINE}.csv",
    f"scratch/audit/some-run/2026-11/plays-{OTHER}.jsonl",
    f"scratch/audit/some-run/2026-11/plays-{MINE}b.jsonl",
]
GONE = [
    f"raw/recently-played/{MINE}/month=2026-11/1.json.gz",
    f"raw/recently-played/{MINE}/month=2026-11/2.json.gz.asked.json",
    f"lake/plays/month=2026-11/{MINE}.parquet",
    f"lake/music_activity/month=2026-10/{MINE}.parquet",
    f"marts/listening/account={MINE}/2026.parquet",
    f"raw/imports/{MINE}/0123456789abcdef/0001.parquet",
    f"raw/imports/{MINE}/0123456789abcdef/001-begun.json",
    f"lake/imports/month=2026-11/{MINE}.parquet",
    f"lake/import_rows/month=2026-11/{MINE}.0123456789abcdef-0001.parquet",
    f"lake/import_rows/month=2026-11/{MINE}.0123456789abcdef-others.parquet",
    "athena/some-query.csv",
    f"scratch/audit/some-run/lake/plays/month=2026-11/{MINE}.parquet",
    f"scratch/audit/some-run/2026-11/plays-{MINE}.jsonl",
    f"scratch/audit/some-run/2026-11/import-{MINE}-0123456789abcdef.jsonl",
]


@pytest.fixture
def full(target: Target) -> Target:
    """A stack with data of both accounts: several versions, and one that is deleted already."""
    for key in (*KEPT, *GONE):
        put(target, key)
        put(target, key, b"y")
    target.s3.delete_object(Bucket=BUCKET, Key=GONE[2])
    return target


def test_disconnecting_ends_capture_and_keeps_the_data(run: Any, full: Target) -> None:
    before = versions(full)

    result = run("disconnect", MINE)

    one = accounts.table(full).get(MINE)
    assert result.exit_code == 0, result.output
    assert "is no longer captured, and its tokens are deleted" in result.output
    assert one is not None
    assert one.state is State.DISCONNECTED
    assert not accounts.has_parameter(full, TOKEN)
    assert versions(full) == before
    assert run("disconnect", MINE).exit_code == 0


def test_a_refresh_that_runs_now_loses_its_right(run: Any, full: Target) -> None:
    now = datetime.now(UTC)
    assert accounts.table(full).lease(MINE, "run-1", now)

    run("disconnect", MINE)

    assert not accounts.table(full).renew(MINE, "run-1", now)


def test_deleting_leaves_nothing_and_says_so(run: Any, full: Target) -> None:
    result = run("disconnect", MINE, "--delete-data", answers="y\n")

    assert result.exit_code == 0, result.output
    assert f"Delete all data of {MINE} (Solveig) for good" in result.output
    # Two versions of each, and one delete marker.
    assert f"Deleted {2 * len(GONE) + 1} versions of objects" in result.output
    assert f"no item and no token of {MINE} is left" in result.output
    assert versions(full) == set(KEPT)
    assert accounts.table(full).get(MINE) is None
    assert accounts.left(full, MINE).nothing
    assert not accounts.left(full, OTHER).nothing
    assert accounts.table(full).get(OTHER) is not None


def test_deleting_is_asked_for(run: Any, full: Target) -> None:
    before = versions(full)

    result = run("disconnect", MINE, "--delete-data", answers="n\n")

    assert "Nothing was changed" in result.output
    assert versions(full) == before
    one = accounts.table(full).get(MINE)
    assert one is not None
    assert one.state is State.ACTIVE
    assert run("disconnect", MINE, "--delete-data", "--yes").exit_code == 0


def test_what_is_left_of_an_account_can_be_deleted_later(run: Any, full: Target) -> None:
    accounts.table(full).delete(MINE)

    assert run("disconnect", MINE, "--delete-data", "--yes").exit_code == 0
    assert versions(full) == set(KEPT)

    again = run("disconnect", MINE, "--delete-data", "--yes")
    assert again.exit_code == 2
    assert f"There is no account '{MINE}'" in again.output


def test_what_was_dropped_into_its_folder_is_deleted_too(run: Any, full: Target) -> None:
    for key in (f"{MINE}/a.zip", f"{OTHER}/a.zip", "command-line/x/a.zip"):
        full.s3.put_object(Bucket=UPLOADS, Key=key)

    run("disconnect", MINE, "--delete-data", "--yes")

    listed = full.s3.list_objects_v2(Bucket=UPLOADS)["Contents"]
    assert [each["Key"] for each in listed] == [f"{OTHER}/a.zip", "command-line/x/a.zip"]


def test_a_run_that_still_writes_is_caught_up_with(
    full: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An audit's report comes late, too."""
    delete, late = accounts._delete, iter([(GONE[0], GONE[-1]), (GONE[2],)])

    def deleted(*given: Any) -> None:
        delete(*given)
        for key in next(late, ()):
            put(full, key)

    monkeypatch.setattr(accounts, "_delete", deleted)
    accounts.erase(full, MINE)
    assert accounts.left(full, MINE).nothing
    assert versions(full) == set(KEPT)

    monkeypatch.setattr(accounts, "_delete", lambda *_: None)
    put(full, GONE[0])
    with pytest.raises(Trouble, match="Something still writes data"):
        accounts.erase(full, MINE)


def test_many_objects_are_deleted_in_batches(full: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_BATCH", 2)

    accounts.erase(full, MINE)

    assert versions(full) == set(KEPT)


def test_an_object_that_s3_does_not_delete_is_named(
    full: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {"Errors": [{"Key": GONE[0], "Code": "AccessDenied"}]}
    monkeypatch.setattr(full.s3, "delete_objects", lambda **_: refused)

    with pytest.raises(Trouble, match=r"did not delete 1 objects, like .*AccessDenied"):
        accounts.erase(full, MINE)


def test_a_capture_that_changes_the_account_meanwhile_does_not_save_it(full: Target) -> None:
    table = accounts.table(full)
    stale = table.get(MINE)
    assert stale is not None
    fresh = Account(MINE, "solveig", "Solveig", State.NOT_ALLOWED, NOW, NOW, retry_at=NOW)

    with interrupted(2, "after", lambda: table.replace(stale, fresh)) as read:
        accounts.stop(full, MINE, NOW)

    ended = table.get(MINE)
    assert read.happened == "GetItem"
    assert ended is not None
    assert (ended.state, ended.retry_at) == (State.DISCONNECTED, None)


def test_a_damaged_account_loses_its_tokens_and_its_item_is_named(run: Any, full: Target) -> None:
    damage(full)

    result = run("disconnect", BROKEN)

    assert result.exit_code == 1
    assert f"The tokens of {BROKEN} are deleted, but its state is as it was. {SENTENCE}" in (
        result.output
    )
    assert not accounts.has_parameter(full, f"{PREFIX}/accounts/{BROKEN}/token")


def test_all_of_a_damaged_account_can_be_deleted(run: Any, full: Target) -> None:
    damage(full)
    put(full, f"lake/plays/month=2026-11/{BROKEN}.parquet")

    result = run("disconnect", BROKEN, "--delete-data", answers="y\n")

    assert result.exit_code == 0, result.output
    assert f"Delete all data of {BROKEN} for good" in result.output
    assert accounts.left(full, BROKEN).nothing
    assert [one.account for one in accounts.listed(full)] == [MINE, OTHER]


def test_tokens_without_an_account_are_deleted(run: Any, full: Target) -> None:
    secret(full, f"{PREFIX}/accounts/{BROKEN}/token", {"refresh_token": "x"})

    assert run("disconnect", BROKEN).exit_code == 0
    assert accounts.left(full, BROKEN).nothing


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("broken", [False, True])
def test_an_end_that_was_killed_anywhere_is_made_whole_by_the_next(
    broken: bool, when: When, run: Any, full: Target
) -> None:
    name = BROKEN if broken else MINE
    token = f"{PREFIX}/accounts/{name}/token"
    seen = []
    for number in count(1):
        begin_again(full, broken=broken)

        with interrupted(number, when) as kill:
            CliRunner().invoke(cli.main, ["disconnect", name])

        held = accounts.has_parameter(full, token)
        if not broken:
            left = accounts.table(full).get(name)
            assert left is not None
            assert held or left.state is State.DISCONNECTED  # never active without
        assert run("disconnect", name).exit_code == int(broken)
        assert not accounts.has_parameter(full, token)
        if not kill.happened:
            break
        seen.append(kill.happened)
    assert {"UpdateItem", "DeleteParameter"} <= set(seen)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("broken", [False, True])
def test_a_deletion_that_was_killed_anywhere_is_made_whole_by_the_next(
    broken: bool, when: When, run: Any, full: Target
) -> None:
    name = BROKEN if broken else MINE
    seen = []
    for number in count(1):
        begin_again(full, broken=broken)

        with interrupted(number, when) as kill:
            CliRunner().invoke(cli.main, ["disconnect", name, "--delete-data", "--yes"])

        gone = accounts.left(full, name).nothing
        again = run("disconnect", name, "--delete-data", "--yes")
        assert again.exit_code == (2 if gone else 0), again.output
        assert accounts.left(full, name).nothing
        assert accounts.table(full).claimed_by("aiko" if broken else "solveig") is None
        assert accounts.table(full).get(OTHER) is not None
        if not kill.happened:
            break
        seen.append(kill.happened)
    assert {"DeleteObjects", "DeleteParameter", "DeleteItem"} <= set(seen)


def begin_again(target: Target, *, broken: bool) -> None:
    """An account with its token and data, whatever the trial before left."""
    name, listener = (BROKEN, "aiko") if broken else (MINE, "solveig")
    accounts.table(target).delete(name)
    assert accounts.table(target).create(connected(name, listener, listener.title(), NOW))
    if broken:
        damage(target)
    secret(target, f"{PREFIX}/accounts/{name}/token", {"refresh_token": "x"})
    for key in (f"raw/recently-played/{name}/1.json.gz", f"lake/plays/{name}.parquet"):
        put(target, key)
