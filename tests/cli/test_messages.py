"""Every foreseeable problem is one sentence, with the right exit code."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from rich.console import Console

from cli import (
    app_secrets,
    chart_lists,
    deploy,
    errors,
    local_lake,
    logs,
    machines,
    samconfig,
    target,
)
from cli.errors import Misuse, Trouble
from cli.follow import Outcome

Command = Callable[..., tuple[int, str, str]]


def refused(code: str, message: str = "said so") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "StartExecution")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused("ExpiredToken"), "have expired"),
        (refused("InvalidClientTokenId"), "does not accept these credentials"),
        (refused("AccessDeniedException"), "may not do StartExecution: said so"),
        (refused("Throttling"), r"StartExecution failed: said so \(Throttling\)"),
        (boto.NoCredentialsError(), "no usable AWS credentials"),
        (boto.NoRegionError(), "no AWS region; name one with --region"),
        (boto.ProfileNotFound(profile="ghost"), "ghost"),
        (
            boto.EndpointConnectionError(endpoint_url="http://127.0.0.1:4566"),
            "4566 does not answer",
        ),
        (boto.ParamValidationError(report="bad"), "AWS's client says"),
    ],
)
def test_what_awss_client_raises_becomes_a_sentence(error: Exception, expected: str) -> None:
    import re

    text = errors.sentence(error)
    assert text is not None
    assert re.search(expected, text)
    assert text.endswith(".") or text.endswith(").")
    assert "\n" not in text


def test_other_errors_are_not_dressed_up() -> None:
    assert errors.sentence(KeyError("x")) is None


def test_nothing_running_says_what_to_do(command: Command) -> None:
    code, out, err = command("status")
    assert (code, out) == (1, "")
    assert "./soundlake up" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_deployed_stack_is_named_before_or_after_the_verb(command: Command, where: str) -> None:
    option = ["--region", "eu-north-1", "--profile", "ghost"]
    code, _, err = command(*option, "status") if where == "before" else command("status", *option)
    assert code == 1
    assert "ghost" in err
    assert "Traceback" not in err


def test_aws_without_a_region_or_credentials(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = command("status", "--stage", "elsewhere")
    assert code == 2
    assert err == "samconfig.toml has no stage 'elsewhere'; name one that it has, or a --region.\n"
    monkeypatch.setattr(samconfig, "region", lambda _: None)
    code, _, err = command("status", "--stage", "prod")
    assert (code, err) == (1, "There is no AWS region; name one with --region.\n")
    monkeypatch.undo()
    for option in (), ("--region", "eu-north-1"):
        code, _, err = command("status", "--stage", "prod", *option)
        assert code == 1
        assert err.startswith("There are no usable AWS credentials")


def test_a_deployed_stage_is_where_samconfig_puts_it() -> None:
    assert samconfig.region("prod") == "eu-north-1"
    assert samconfig.region("elsewhere") is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("up", "--world", "none.csv"), "There is no file none.csv"),
        (("up", "--port", "4580"), "cannot listen on port 4580"),
        (("up", "--access", "mixed"), "'mixed' is not one of 'extended', 'development_2025'"),
        (("query",), "Give either one query"),
        (("query", "SELECT 1", "--saved", "top"), "Give either one query"),
        (("query", "SELECT 1", "--counts", "any"), "--counts and --year are for saved queries"),
        (("query", "SELECT 1", "--year", "2025"), "--counts and --year are for saved queries"),
        (("query", "--saved", "top", "--counts", "most"), "'most' is not one of '30s', 'to-end'"),
        (("logs", "--since", "soon"), "is no span of time"),
        (("dance",), "No such command"),
    ],
)
def test_misuse_is_told_and_exits_2(
    command: Command, arguments: tuple[str, ...], expected: str
) -> None:
    code, _, err = command(*arguments)
    assert code == 2
    assert expected in err
    assert "Traceback" not in err


def test_an_unforeseen_error_points_to_the_switch_and_the_switch_shows_it(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("cli.__main__.choose", broken)
    code, _, err = command("status")
    assert code == 1
    assert "SOUNDLAKE_DEBUG=1" in err
    assert "Traceback" not in err
    monkeypatch.setenv("SOUNDLAKE_DEBUG", "1")
    assert "Traceback" in command("status")[2]


def test_ctrl_c_is_one_sentence(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.__main__.choose", interrupted)
    code, _, err = command("status")
    assert (code, err.strip()) == (130, "Stopped.")


def test_dates() -> None:
    today = date(2026, 11, 21)
    assert machines.check_date("2026-11-21", today) == "2026-11-21"
    assert machines.check_date(None, today) is None
    with pytest.raises(Misuse, match="'yesterday' is not a date; write it like"):
        machines.check_date("yesterday", today)
    with pytest.raises(Misuse, match="2026-11-22 lies in the future"):
        machines.check_date("2026-11-22", today)


LIST = (
    "chart,country,country_name,cadence,playlist_id,enabled\n"
    "daily-NO,NO,Norway,daily,37i9dQZEVXbJvfa0Yxg7E7,true\n"
)


class FakeStack:
    """A stack with a chart list and a machine that may be running."""

    def __init__(self, listed: str | None = LIST) -> None:
        self.listed = listed
        self.local = True

    def output(self, name: str) -> str:
        return name

    @property
    def s3(self) -> "FakeStack":
        return self

    @property
    def states(self) -> "FakeStack":
        return self

    def get_object(self, **request: str) -> dict[str, Any]:
        assert request == {"Bucket": "DataBucket", "Key": "config/charts.csv"}
        if self.listed is None:
            raise refused("NoSuchKey")
        return {"Body": io.BytesIO(self.listed.encode())}

    def list_executions(self, **_: object) -> dict[str, Any]:
        from datetime import UTC, datetime

        return {
            "executions": [
                {"executionArn": "arn", "startDate": datetime(2026, 11, 21, 9, 30, tzinfo=UTC)}
            ]
        }


def test_charts_are_checked_against_the_list() -> None:
    stack: Any = FakeStack()
    assert machines.check_charts("NO", stack) == ["NO"]
    assert machines.check_charts(None, stack) is None
    with pytest.raises(Misuse, match="XX"):
        machines.check_charts("NO,XX", stack)
    with pytest.raises(Misuse, match="names no chart"):
        machines.check_charts(" , ", stack)
    assert machines.check_charts("XX", FakeStack(None)) == ["XX"]  # type: ignore[arg-type]


def test_a_machine_that_runs_is_not_started_again() -> None:
    with pytest.raises(Trouble, match=r"already running since 09:30:00 UTC.*soundlake status"):
        machines.start(FakeStack(), "daily", {})  # type: ignore[arg-type]


def test_what_enrichment_left_undone_is_said_though_the_run_went_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ended(_: object, outcome: Outcome, **__: object) -> Outcome:
        outcome.status, outcome.enrich = "SUCCEEDED", {"notes": ["Left to captures [1]."]}
        return outcome

    monkeypatch.setattr(machines, "follow", ended)
    console = Console(file=io.StringIO(), width=80)

    machines.finish_earlier(FakeStack(), "daily", console)  # type: ignore[arg-type]

    assert isinstance(console.file, io.StringIO)
    *_, verdict, note = console.file.getvalue().splitlines()
    assert verdict.startswith("✓ daily")
    assert note == "  ! Left to captures [1]."


def test_what_the_app_may_do_is_said_once_beneath_the_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ended(_: object, outcome: Outcome, **__: object) -> Outcome:
        outcome.status = "SUCCEEDED"
        outcome.access = {"mode": "several", "in_words": "a mixture [of 1]", "sentences": ["Why."]}
        return outcome

    monkeypatch.setattr(machines, "follow", ended)
    console = Console(file=io.StringIO(), width=80)

    machines.finish_earlier(FakeStack(), "daily", console)  # type: ignore[arg-type]

    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[-2:] == [
        "  ! Access: a mixture [of 1].",
        "  ! Why.",
    ]


PLAYLISTS = "country_code,country_name,playlist_id\nNO,Norway,37i9dQZEVXbJvfa0Yxg7E7\n"


def test_chart_lists_of_both_forms(tmp_path: Path) -> None:
    own, playlists = tmp_path / "own.csv", tmp_path / "playlists.csv"
    own.write_text(LIST)
    playlists.write_text("\ufeff" + PLAYLISTS, encoding="utf-8")
    charts = chart_lists.read([own], None) + chart_lists.read([playlists], "weekly")
    assert [one.chart for one in charts] == ["daily-NO", "weekly-NO"]
    assert chart_lists.as_csv(charts[:1]) == LIST
    with pytest.raises(Misuse, match="add --cadence"):
        chart_lists.read([playlists], None)
    with pytest.raises(Trouble, match=r"playlists\.csv: daily-NO is listed a second time"):
        chart_lists.read([own, playlists], "daily")


def test_discontinued_charts_are_off_unless_somebody_wants_them(tmp_path: Path) -> None:
    own, playlists = tmp_path / "own.csv", tmp_path / "playlists.csv"
    playlists.write_text(PLAYLISTS + "RU,Russia,37i9dQZEVXbJvfa0Yxg7E8\n")
    own.write_text(LIST.replace("NO", "RU").replace("Norway", "Russia"))

    listed, wanted = chart_lists.read([playlists], "weekly"), chart_lists.read([own], None)

    assert {one.chart: one.enabled for one in listed} == {"weekly-NO": True, "weekly-RU": False}
    assert [one.enabled for one in wanted] == [True]
    assert chart_lists.off_by_default(listed) == (
        "weekly-RU is off: Spotify has discontinued Russia's charts."
    )
    both = [*listed, *(replace(one, enabled=False) for one in wanted)]
    assert str(chart_lists.off_by_default(both)).startswith("weekly-RU, daily-RU are off: ")
    assert chart_lists.off_by_default(wanted) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LIST.replace("true", "maybe"), r"row 2.*enabled|enabled.*row 2"),
        (LIST.replace("37i9", "!!"), r"row 2.*playlist_id|playlist_id.*row 2"),
        (LIST.replace("playlist_id", "playlist"), "playlist_id"),
        ("", "lacks the column"),
    ],
)
def test_a_wrong_chart_list_names_file_row_and_field(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(Trouble, match=rf"wrong\.csv: .*(?:{expected})"):
        chart_lists.read([path], None)


def test_a_list_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    path.write_bytes(b"chart\xff\xfe")
    with pytest.raises(Trouble, match="not UTF-8"):
        chart_lists.read([path], None)


SECRET = "s3cr3t-s3cr3t"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "is not JSON"),
        ("[]", "one JSON object"),
        (json.dumps({"client_id": "abcdefgh", "client_secret": f"{SECRET} x"}), "client_secret"),
        (json.dumps({"client_secret": SECRET}), "client_id"),
        (json.dumps({"client_id": "abcdefgh"}), "client_secret"),
        (json.dumps({"client_id": SECRET + " ", "client_secret": None}), "client_secret"),
    ],
)
def test_a_wrong_app_file_names_the_field_and_never_a_value(
    tmp_path: Path, content: str, expected: str
) -> None:
    path = tmp_path / "app.json"
    path.write_text(content)
    with pytest.raises(Trouble, match=expected) as raised:
        app_secrets.from_file(path)
    assert SECRET not in str(raised.value)


def test_an_app_may_have_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "app.json"
    given = {"client_id": " abcdefgh\n", "client_secret": ""}
    path.write_text(json.dumps(given))

    assert app_secrets.from_file(path) == {"client_id": "abcdefgh", "client_secret": ""}


def test_log_lines_are_readable() -> None:
    said = {"level": "INFO", "message": "Loaded", "service": "soundlake", "chart": "daily-NO"}
    event = {"message": json.dumps(said), "timestamp": 1_763_715_600_000}
    line = logs.readable("Load", event)
    assert line is not None
    assert line.plain == "2025-11-21 09:00:00 Load       Loaded chart=daily-NO"
    metrics = {"message": '{"_aws": {}, "Rows": 1}', "timestamp": 0}
    assert logs.readable("Load", metrics) is None
    assert logs.readable("Load", {"message": "REPORT RequestId: 1", "timestamp": 0}) is None
    plain = logs.readable("Load", {"message": "Traceback", "timestamp": 0})
    assert plain is not None
    assert plain.plain.endswith("Traceback")


def test_parameters_are_whole_and_of_this_host(tmp_path: Path) -> None:
    given = dict(one.split("=", 1) for one in deploy.parameters("http://127.0.0.1:9", tmp_path))
    assert given["SpotifyApiUrl"] == "http://127.0.0.1:9/v1"
    assert given["SpotifyAccountsUrl"] == "http://127.0.0.1:9"
    assert given["Architecture"] in {"x86_64", "arm64"}
    assert given["Stage"] == "local"
    assert given["KworbUrl"] == "http://127.0.0.1:9/kworb/spotify"
    assert given["Schedules"] == "DISABLED"
    assert given["Contact"] == "nobody@example.invalid"
    assert "ChartSources" not in given


def test_what_a_person_chose_stays_until_they_choose_otherwise(tmp_path: Path) -> None:
    def given() -> list[str]:
        listed = deploy.parameters("http://127.0.0.1:9", tmp_path)
        return sorted(one for one in listed if one.startswith(("ChartSources", "Contact")))

    assert deploy.choose(tmp_path, {"ChartSources": "kworb"}) == {"ChartSources": "kworb"}
    assert deploy.choose(tmp_path, {}) == {}
    assert deploy.choose(tmp_path, {"ChartSources": "kworb", "Contact": "me@example.org"}) == {
        "Contact": "me@example.org"
    }
    assert given() == ["ChartSources=kworb", "Contact=me@example.org"]
    deploy.choose(tmp_path, {"ChartSources": "spotify"})
    assert given() == ["ChartSources=spotify", "Contact=me@example.org"]


def test_the_fingerprint_follows_the_sources(tmp_path: Path) -> None:
    tmp_path.joinpath("functions").mkdir()
    tmp_path.joinpath("template.yaml").write_text("a")
    tmp_path.joinpath("samconfig.toml").write_text("a")
    app = tmp_path / "functions" / "app.py"
    app.write_text("a")
    before = deploy.fingerprint(["A=1"], tmp_path)
    cache = tmp_path / "functions" / "__pycache__" / "app.pyc"
    cache.parent.mkdir()
    cache.write_text("compiled")
    assert deploy.fingerprint(["A=1"], tmp_path) == before
    assert deploy.fingerprint(["A=2"], tmp_path) != before
    app.write_text("b")
    assert deploy.fingerprint(["A=1"], tmp_path) != before


def test_sam_sees_no_real_account() -> None:
    from cli.services import Running

    state = Running("made-up", None, "eu-north-1", 4566, 4580)
    shell = {"AWS_PROFILE": "real", "AWS_SESSION_TOKEN": "real", "PATH": "/bin", "PIP_CERT": "/ca"}
    env = deploy.environment(state, shell)
    assert "real" not in env.values()
    assert env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert "AWS_CA_BUNDLE" not in env
    strict = deploy.environment(replace(state, enforced=True), shell)
    assert strict["AWS_ENDPOINT_URL"] == "https://127.0.0.1:4566"
    assert strict["AWS_CA_BUNDLE"].endswith("certificate.pem")
    assert env["PIP_CERT"] == "/ca"
    assert env["PATH"].endswith(":/bin")


def test_a_failed_build_never_deploys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path
) -> None:
    from cli.services import Running

    ran: list[str] = []

    def sam(arguments: list[str], **_: object) -> float:
        ran.append(arguments[0])
        raise Trouble("sam build failed")

    monkeypatch.setattr(deploy, "_sam", sam)
    with pytest.raises(Trouble):
        deploy.deploy(Running("made-up", None, "eu-north-1", 1, 2), print)
    assert ran == ["build"]
    assert not home.joinpath("worlds", "made-up", "deployed.json").exists()


@pytest.mark.parametrize(
    ("status", "expected"),
    [(None, "is not deployed; run ./soundlake up"), ("ROLLBACK_FAILED", "mend it")],
)
def test_a_stack_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, status: str | None, expected: str
) -> None:
    lake = target.local_target("http://127.0.0.1:1", "eu-north-1", "soundlake-local")
    monkeypatch.setattr(target, "stack_state", lambda _: (status, {}))
    with pytest.raises(Trouble, match=expected):
        lake.output("DataBucket")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, "There is no stack soundlake-prod in eu-north-1; deploy it with `sam build && sam "),
        (
            "ROLLBACK_COMPLETE",
            "first deployment failed, .* `sam delete --stack-name soundlake-prod",
        ),
        ("UPDATE_IN_PROGRESS", "wait until"),
        ("UPDATE_ROLLBACK_FAILED", "deploy it again"),
    ],
)
def test_a_deployed_stack_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, status: str | None, expected: str
) -> None:
    deployed = target.Target(boto3.Session(region_name="eu-north-1"), "soundlake-prod")
    monkeypatch.setattr(target, "stack_state", lambda _: (status, {}))
    with pytest.raises(Trouble, match=expected):
        deployed.output("DataBucket")


def test_the_resources_of_a_stack_that_is_not_there() -> None:
    session = boto3.Session("made-up", "made-up", region_name="eu-north-1")
    deployed = target.Target(session, "soundlake-prod")
    with Stubber(deployed.cloudformation) as stubbed:
        message = "Stack with id soundlake-prod does not exist"
        stubbed.add_client_error("list_stack_resources", "ValidationError", message)
        with pytest.raises(Trouble, match="no stack soundlake-prod in eu-north-1; deploy it"):
            target.resources(deployed, "AWS::Lambda::Function")
        stubbed.add_client_error("list_stack_resources", "AccessDenied", "no")
        with pytest.raises(ClientError):
            target.resources(deployed, "AWS::Lambda::Function")


@pytest.mark.parametrize(
    ("set_to", "options", "stage"),
    [
        ("prod", (), "prod"),
        ("prod", ("--stage", "dev"), "dev"),
        ("", ("--stage", "dev"), "dev"),
        ("", (), None),
    ],
)
def test_a_stage_can_be_set_for_all_commands(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    set_to: str,
    options: tuple[str, ...],
    stage: str | None,
) -> None:
    def choose(profile: str | None, region: str | None, stage: str | None) -> None:
        raise Trouble(f"{profile} {region} {stage}")

    monkeypatch.setattr("cli.__main__.choose", choose)
    monkeypatch.setenv("SOUNDLAKE_STAGE", set_to)
    for words in (*options, "accounts"), ("accounts", *options):
        _, _, err = command(*words)
        assert err == f"None None {stage}\n"


def test_services_that_were_started_end_with_a_failed_deployment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from rich.console import Console

    stopped: list[object] = []

    def broken(*_: object, **__: object) -> None:
        raise Trouble("no")

    monkeypatch.setattr(local_lake.services, "up", lambda plan, say: (object(), True))
    monkeypatch.setattr(local_lake, "_deployed", broken)
    monkeypatch.setattr(local_lake.services, "down", stopped.append)
    with pytest.raises(Trouble):
        local_lake.up(None, Console())  # type: ignore[arg-type]
    assert len(stopped) == 1
