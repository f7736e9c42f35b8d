"""Who may do what: every role of the stack, held against tables written out here."""

from typing import Any

import pytest

from tests.statemachines.asl import MACHINES, definition, invoked, states, tasks
from tests.template.translated import DEFAULT, Stack, functions

BUCKET = f"arn:aws:s3:::{DEFAULT.properties('DataBucket')['BucketName']}"
UPLOADS = f"arn:aws:s3:::{DEFAULT.properties('UploadsBucket')['BucketName']}"
SECRETS = "arn:aws:ssm:eu-north-1:123456789012:parameter/soundlake/dev"
LAMBDA = "arn:aws:lambda:eu-north-1:123456789012:function:soundlake-dev-"
STATES = "arn:aws:states:eu-north-1:123456789012:stateMachine:soundlake-dev-"
APP, TOKEN = f"{SECRETS}/spotify/app", f"{SECRETS}/accounts/*/token"
DYNAMODB = "arn:aws:dynamodb:eu-north-1:123456789012:table/soundlake-dev-"
ACCOUNTS, BUDGET = f"{DYNAMODB}accounts", f"{DYNAMODB}budget"

# What each function may do beside listing the bucket: r reads, rw reads and writes, w writes.
FILES: dict[str, dict[str, str]] = {
    "Capture": {"raw/recently-played/*": "rw"},
    "Connect": {},
    "Select": {},
    "Derive": {
        "raw/recently-played/*": "r",
        "raw/imports/*.parquet": "r",
        "lake/observations/*": "rw",
        "lake/plays/*": "rw",
        "lake/captures/*": "rw",
        "lake/gaps/*": "rw",
        "lake/account_days/*": "rw",
        "lake/imports/*": "rw",
        "lake/import_rows/*": "rw",
    },
    "Import": {"raw/charts/files/*": "rw", "raw/imports/*.json": "rw"},
    "Read": {"raw/imports/*.parquet": "rw"},
    "Plan": {"config/charts.csv": "r", "lake/chart_days/*": "r"},
    "Probe": {"config/charts.csv": "r"},
    "Extract": {"raw/charts/spotify/*": "rw", "raw/charts/kworb/*": "rw", "raw/robots/*": "rw"},
    "Transform": {"raw/charts/*": "r", "staging/daily/*": "w", "staging/files/*": "w"},
    "Load": {"staging/daily/*": "r", "staging/files/*": "r", "lake/chart_entries/*": "rw"},
    "Enrich": {
        "lake/chart_entries/*": "r",
        "lake/observations/*": "r",
        "lake/plays/*": "r",
        "lake/tracks/*": "r",
        "lake/track_names/*": "r",
        "lake/albums/*": "r",
        "lake/artists/*": "r",
        "lake/audio_features/*": "r",
        "lake/track_sections/*": "r",
        "raw/audio-features/*": "rw",
        "queue/enrichment.parquet": "rw",
        "raw/audio-analysis/*": "rw",
        "raw/tracks/*": "rw",
        "raw/albums/*": "rw",
        "raw/artists/*": "rw",
        "raw/genres/*": "rw",
        "raw/names/*": "rw",
    },
    "Verify": {
        "staging/daily/*": "r",
        "staging/files/*": "r",
        "raw/audio-features/*": "r",
        "lake/chart_entries/*": "r",
        "lake/audio_features/*": "r",
        "lake/country_profiles/*": "r",
        "lake/data_quality/*": "rw",
    },
    "Audit": {
        "config/charts.csv": "r",
        "raw/recently-played/*": "r",
        "raw/imports/*": "r",
        "raw/charts/*": "r",
        "raw/audio-features/*": "r",
        "raw/audio-analysis/*": "r",
        **{
            f"lake/{table}/*": "r"
            for table in (
                *("observations", "plays", "captures", "gaps", "account_days"),
                *("imports", "import_rows", "chart_entries", "chart_days", "data_quality"),
                *("country_profiles", "music_activity", "tracks", "track_names", "albums"),
                *("audio_features", "track_sections", "track_segments"),
            )
        },
        "scratch/audit/*": "w",
    },
    "Publish": {
        "config/charts.csv": "r",
        "raw/charts/*": "r",
        "raw/recently-played/*": "r",
        "raw/audio-features/*": "r",
        "raw/audio-analysis/*": "r",
        "raw/tracks/*": "r",
        "raw/albums/*": "r",
        "raw/artists/*": "r",
        "raw/genres/*": "r",
        "raw/names/*": "r",
        "lake/chart_entries/*": "r",
        "lake/observations/*": "r",
        "lake/plays/*": "r",
        "lake/track_names/*": "rw",
        "lake/tracks/*": "rw",
        "lake/albums/*": "rw",
        "lake/artists/*": "rw",
        "lake/audio_features/*": "rw",
        "lake/track_sections/*": "rw",
        "lake/track_segments/*": "rw",
        "lake/country_profiles/*": "rw",
        "lake/music_activity/*": "rw",
        "lake/chart_days/*": "rw",
    },
}
PARAMETERS: dict[str, set[tuple[str, str]]] = {
    "Capture": {
        ("ssm:GetParameter", APP),
        ("ssm:GetParameter", TOKEN),
        ("ssm:PutParameter", TOKEN),
    },
    "Connect": {("ssm:GetParameter", APP), ("ssm:PutParameter", TOKEN)},
    "Plan": {("ssm:GetParameter", APP)},
    "Probe": {("ssm:GetParameter", APP)},
    "Extract": {("ssm:GetParameter", APP)},
    "Enrich": {("ssm:GetParameter", APP)},
}
USE_BUDGET = {("dynamodb:BatchGetItem", BUDGET), ("dynamodb:UpdateItem", BUDGET)}
READ_ABILITIES = {("dynamodb:GetItem", BUDGET)}
ITEMS: dict[str, set[tuple[str, str]]] = {
    "Capture": USE_BUDGET
    | {(f"dynamodb:{action}", ACCOUNTS) for action in ("GetItem", "UpdateItem")},
    "Connect": USE_BUDGET
    | {(f"dynamodb:{action}", ACCOUNTS) for action in ("GetItem", "PutItem", "Scan", "UpdateItem")},
    "Select": USE_BUDGET | {("dynamodb:Scan", ACCOUNTS)},
    "Derive": {("dynamodb:GetItem", ACCOUNTS)},
    "Audit": {("dynamodb:GetItem", ACCOUNTS)},
    "Import": {(f"dynamodb:{action}", ACCOUNTS) for action in ("GetItem", "PutItem", "Scan")},
    "Plan": READ_ABILITIES,
    "Probe": USE_BUDGET | READ_ABILITIES,
    "Extract": USE_BUDGET | READ_ABILITIES,
    "Enrich": USE_BUDGET | READ_ABILITIES,
}
# All of the uploads' bucket, and nobody else any of it.
OF_UPLOADS = {
    "Import": {
        ("s3:ListBucket", UPLOADS),
        ("s3:GetObject", f"{UPLOADS}/*"),
        ("s3:DeleteObject", f"{UPLOADS}/*"),
    },
    "Read": {("s3:ListBucket", UPLOADS), ("s3:GetObject", f"{UPLOADS}/*")},
}
WITHOUT_THE_BUCKET = {"Select", "Connect"}
ACTIONS = {"r": ("s3:GetObject",), "w": ("s3:PutObject",), "rw": ("s3:GetObject", "s3:PutObject")}

# The one statement on every resource: deliveries of logs have no resource that could be named.
LOG_DELIVERY = {
    ("logs:CreateLogDelivery", "*"),
    ("logs:DeleteLogDelivery", "*"),
    ("logs:DescribeLogGroups", "*"),
    ("logs:DescribeResourcePolicies", "*"),
    ("logs:GetLogDelivery", "*"),
    ("logs:ListLogDeliveries", "*"),
    ("logs:PutResourcePolicy", "*"),
    ("logs:UpdateLogDelivery", "*"),
}
# What SAM adds by itself: the function's own logs, and traces because Tracing is on.
XRAY = "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess"
LOGS = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
MANAGED = {
    **{f"{verb}FunctionRole": {LOGS, XRAY} for verb in FILES},
    "AuditStateMachineRole": {XRAY},
    "CaptureStateMachineRole": {XRAY},
    "DailyStateMachineRole": {XRAY},
    "ImportStateMachineRole": {XRAY},
    "AuditStateMachineWeeklyRole": set(),
    "CaptureStateMachineHourlyRole": set(),
    "DailyStateMachineDailyRole": set(),
    "ImportStateMachineUploadedRole": set(),
}
SCHEDULES = {
    "AuditStateMachineWeekly": f"{STATES}audit",
    "CaptureStateMachineHourly": f"{STATES}capture",
    "DailyStateMachineDaily": f"{STATES}daily",
}
PRINCIPALS = {
    "AWS::Lambda::Function": "lambda.amazonaws.com",
    "AWS::StepFunctions::StateMachine": "states.amazonaws.com",
    "AWS::Scheduler::Schedule": "scheduler.amazonaws.com",
    "AWS::Events::Rule": "events.amazonaws.com",
}
# It publishes by the topic's own policy, as alarms do.
WITHOUT_ROLE = {"RunFailed"}


def _grants(name: str) -> set[tuple[str, str]]:
    return set(DEFAULT.grants(DEFAULT.role_of(name)))


def _too_wide(grants: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """What names no exact action, or a resource that is not a place inside the bucket."""
    return {
        (action, resource)
        for action, resource in grants
        if "*" in action
        or ("*" in resource and not resource.startswith((TOKEN, f"{BUCKET}/", f"{UPLOADS}/")))
        # Not the whole bucket, not a whole zone: at least two folders deep.
        or (resource.startswith(f"{BUCKET}/") and "*" in "/".join(resource.split("/")[1:3]))
    }


def test_every_role_is_known() -> None:
    assert set(DEFAULT.of_type("AWS::IAM::Role")) == set(MANAGED)
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::User"):
        assert DEFAULT.of_type(kind) == {}


@pytest.mark.parametrize("role", MANAGED)
def test_nothing_is_allowed_on_everything(role: str) -> None:
    """But log delivery, to the machines."""
    expected = LOG_DELIVERY if role.endswith("MachineRole") else set()
    assert _too_wide(set(DEFAULT.grants(role))) == expected


@pytest.mark.parametrize(
    "grant",
    [
        ("s3:*", f"{BUCKET}/raw/charts/*"),
        ("s3:GetObject", "*"),
        ("s3:GetObject", f"{BUCKET}/*"),
        ("s3:GetObject", f"{BUCKET}/lake/*"),
        ("ssm:GetParameter", f"{SECRETS}/*"),
        ("ssm:GetParameter", f"{SECRETS}/accounts/*"),
        ("dynamodb:GetItem", f"{DYNAMODB}*"),
        ("dynamodb:*", ACCOUNTS),
        ("lambda:InvokeFunction", f"{LAMBDA}*"),
    ],
)
def test_wide_grants_would_be_noticed(grant: tuple[str, str]) -> None:
    assert _too_wide({grant}) == {grant}


@pytest.mark.parametrize("role", MANAGED)
def test_managed_policies_are_those_that_sam_adds(role: str) -> None:
    assert set(DEFAULT.properties(role).get("ManagedPolicyArns", [])) == MANAGED[role]


@pytest.mark.parametrize("kind", PRINCIPALS)
def test_a_role_is_assumed_by_its_own_service_only(kind: str) -> None:
    names = DEFAULT.of_type(kind).keys() - WITHOUT_ROLE
    assert names
    for name in names:
        (statement,) = DEFAULT.properties(DEFAULT.role_of(name))["AssumeRolePolicyDocument"][
            "Statement"
        ]
        assert statement["Principal"] == {"Service": [PRINCIPALS[kind]]}
        assert statement["Action"] == ["sts:AssumeRole"]


def test_everything_has_a_role_of_its_own() -> None:
    names = {name for kind in PRINCIPALS for name in DEFAULT.of_type(kind)} - WITHOUT_ROLE
    roles = [DEFAULT.role_of(name) for name in names]
    assert sorted(roles) == sorted(MANAGED)


def test_every_role_keeps_within_a_boundary_that_is_given() -> None:
    boundary = "arn:aws:iam::123456789012:policy/made-up"
    given = Stack({"PermissionsBoundary": boundary}).of_type("AWS::IAM::Role")
    assert {role.get("PermissionsBoundary") for role in given.values()} == {boundary}
    assert set(given) == set(MANAGED)
    # Who deploys by hand has none.
    assert not any("PermissionsBoundary" in DEFAULT.properties(role) for role in MANAGED)


#### FUNCTIONS #####################################################################################


@pytest.mark.parametrize("verb", FILES)
def test_a_function_may_do_this_and_no_more(verb: str) -> None:
    files = {
        (action, f"{BUCKET}/{place}")
        for place, how in FILES[verb].items()
        for action in ACTIONS[how]
    }
    listing = set() if verb in WITHOUT_THE_BUCKET else {("s3:ListBucket", BUCKET)}
    allowed = files | PARAMETERS.get(verb, set()) | ITEMS.get(verb, set()) | listing
    assert _grants(f"{verb}Function") == allowed | OF_UPLOADS.get(verb, set())


def test_the_table_has_every_function() -> None:
    assert set(FILES) == set(functions())


def test_a_place_in_the_lake_has_one_writer() -> None:
    writers: dict[str, list[str]] = {}
    for verb in functions():
        for action, resource in _grants(f"{verb}Function"):
            if action == "s3:PutObject":
                place = resource.removeprefix(f"{BUCKET}/").removesuffix("/*")
                writers.setdefault(place, []).append(verb)
    assert all(len(verbs) == 1 for verbs in writers.values()), writers
    tables = {place.removeprefix("lake/") for place in writers if place.startswith("lake/")}
    assert tables == {
        properties["TableInput"]["Name"]
        for properties in DEFAULT.of_type("AWS::Glue::Table").values()
    }


def test_only_capture_and_connect_reach_tokens() -> None:
    for verb in functions():
        grants = _grants(f"{verb}Function")
        reached = {action for action, resource in grants if "/accounts/" in resource}
        assert bool(reached) == (verb in {"Capture", "Connect"})


def test_nobody_may_delete_but_import_what_was_uploaded() -> None:
    for role in MANAGED:
        grants = set(DEFAULT.grants(role)) - LOG_DELIVERY
        deleting = {grant for grant in grants if "Delete" in grant[0]}
        of_import = role == "ImportFunctionRole"
        assert deleting == ({("s3:DeleteObject", f"{UPLOADS}/*")} if of_import else set())


@pytest.mark.parametrize("verb", FILES)
def test_who_reads_objects_of_a_bucket_may_list_it(verb: str) -> None:
    """Or a missing one is answered by 403, which the embedded AWS does not do."""
    grants = _grants(f"{verb}Function")
    read = {place.split("/")[0] for action, place in grants if action == "s3:GetObject"}
    assert read <= {place for action, place in grants if action == "s3:ListBucket"}


@pytest.mark.parametrize("verb", FILES)
def test_who_replaces_an_object_on_its_etag_may_read_it(verb: str) -> None:
    """S3 wants both for If-Match; what is only written here is written anew, whatever was there."""
    grants = _grants(f"{verb}Function")
    written = {place for action, place in grants if action == "s3:PutObject"}
    blind = written - {place for action, place in grants if action == "s3:GetObject"}
    assert all(place.startswith((f"{BUCKET}/staging/", f"{BUCKET}/scratch/")) for place in blind)


def test_another_stage_is_other_places() -> None:
    other = Stack({"Stage": "prod"})
    mine = {resource for _, resource in DEFAULT.grants("CaptureFunctionRole")}
    theirs = {resource for _, resource in other.grants("CaptureFunctionRole")}
    assert mine & theirs == set()


#### MACHINES AND SCHEDULES ########################################################################


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_may_invoke_what_it_invokes(machine: str) -> None:
    verbs = {invoked(state) for _, state in states(definition(machine))} - {None}
    allowed = {("lambda:InvokeFunction", f"{LAMBDA}{str(verb).lower()}") for verb in verbs}
    assert _grants(f"{machine.title()}StateMachine") == allowed | LOG_DELIVERY


def test_every_function_has_a_machine() -> None:
    allowed = {
        resource
        for machine in MACHINES
        for action, resource in _grants(f"{machine.title()}StateMachine")
        if action == "lambda:InvokeFunction"
    }
    assert allowed == {f"{LAMBDA}{verb.lower()}" for verb in tasks()}
    assert set(functions()) - set(tasks()) == {"Connect"}  # the command line invokes it


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_may_start_its_machine_and_write_to_its_dead_letters(schedule: str) -> None:
    queue: Any = DEFAULT.resolve({"Fn::GetAtt": ["ScheduleDeadLetters", "Arn"]})
    assert _grants(schedule) == {
        ("states:StartExecution", SCHEDULES[schedule]),
        ("sqs:SendMessage", queue),
    }


def test_the_rule_may_start_the_import_machine_alone() -> None:
    rule = DEFAULT.properties("ImportStateMachineUploaded")
    (target,) = rule["Targets"]
    assert target["RoleArn"].endswith(":role/ImportStateMachineUploadedRole")
    assert set(DEFAULT.grants("ImportStateMachineUploadedRole")) == {
        ("states:StartExecution", f"{STATES}import")
    }
