"""What a deployed stack refuses: deeds, who may do each, and how it is tried.

Each is tried under every role of the stack. A try is one that AWS turns down for another reason
where it is allowed (an object that is not there, a condition that does not hold), so it changes
nothing. `{names}` are filled in from the stack (tests/stack/test_refusals.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.template.translated import DEFAULT

NOBODY: Final[tuple[str, ...]] = ()
KEY: Final = {"Bucket": "{data}", "Key": ""}

# What each function writes in the lake. Every table has one writer.
TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "Derive": (
        *("observations", "plays", "captures", "gaps", "account_days"),
        *("imports", "import_rows"),
    ),
    "Load": ("chart_entries",),
    "Verify": ("data_quality",),
    "Publish": (
        *("tracks", "track_names", "albums", "artists", "audio_features", "track_sections"),
        *("track_segments", "country_profiles", "music_activity", "chart_days"),
    ),
}
# And elsewhere in the bucket.
KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "Capture": ("raw/recently-played/x.json.gz",),
    "Extract": ("raw/charts/spotify/x.json.gz", "raw/charts/kworb/x.html.gz", "raw/robots/x.txt"),
    "Enrich": (
        *(f"raw/{kind}/x.json.gz" for kind in ("audio-features", "audio-analysis", "tracks")),
        *(f"raw/{kind}/x.json.gz" for kind in ("albums", "artists", "genres", "names")),
        "queue/enrichment.parquet",
    ),
    "Import": ("raw/charts/files/x.csv.gz", "raw/imports/x.json"),
    "Read": ("raw/imports/x.parquet",),
    "Transform": ("staging/daily/x.json", "staging/files/x.json"),
    "Audit": ("scratch/audit/x.jsonl",),
}
ASK_SPOTIFY: Final = ("Capture", "Connect", "Plan", "Probe", "Extract", "Enrich")
COUNT: Final = ("Capture", "Connect", "Select", "Probe", "Extract", "Enrich")
STARTERS: Final[Mapping[str, str]] = {
    "capture": "the schedule of capture",
    "daily": "the schedule of daily",
    "import": "the rule of import",
    "audit": "the schedule of audit",
}


@dataclass(frozen=True)
class Try:
    """One request to AWS."""

    service: str
    operation: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Deed:
    """What may be done by some, each of its tries by all of them, and by nobody else."""

    what: str
    may: tuple[str, ...]
    tries: tuple[Try, ...]
    # Not tried by who may: the embedded AWS starts a machine whatever its input, and it would run.
    by_others: bool = False


def word(role: str) -> str:
    """A role's name in words, by its logical id: `Capture`, `the machine capture`."""
    name = role.removesuffix("Role")
    if name.endswith("Function"):
        return name.removesuffix("Function")
    machine, of_machine, event = name.partition("StateMachine")
    if not of_machine:
        return name
    if not event:
        return f"the machine {machine.lower()}"
    kind = DEFAULT.template["Resources"][name]["Type"]
    return f"the {'rule' if kind == 'AWS::Events::Rule' else 'schedule'} of {machine.lower()}"


def _s3(operation: str, *keys: str, bucket: str = "{data}", **more: Any) -> tuple[Try, ...]:
    return tuple(Try("s3", operation, {"Bucket": bucket, "Key": key, **more}) for key in keys)


def _write(*keys: str, bucket: str = "{data}") -> tuple[Try, ...]:
    """Writes that only take the place of an object that is not there."""
    return _s3("put_object", *keys, bucket=bucket, Body=b"", IfMatch='"none"')


def _table(name: str, operation: str, **more: Any) -> Try:
    key = {"account" if name == "{accounts}" else "holder": {"S": "nobody"}}
    there = {"ConditionExpression": "attribute_exists(nothing)"}
    given: dict[str, dict[str, Any]] = {
        "get_item": {"Key": key},
        "batch_get_item": {"RequestItems": {name: {"Keys": [key]}}},
        "put_item": {"Item": key, **there},
        "update_item": {"Key": key, **there},
        "delete_item": {"Key": key, **there},
        "scan": {"Limit": 1},
    }
    about = {} if operation == "batch_get_item" else {"TableName": name}
    return Try("dynamodb", operation, {**about, **given[operation], **more})


def _in_the_lake() -> Iterable[Deed]:
    for verb, tables in TABLES.items():
        places = [f"lake/{table}/month=2026-11/nobody.parquet" for table in tables]
        named = ", ".join(f"`lake/{table}/`" for table in tables)
        yield Deed(f"write in {named}", (verb,), _write(*places))
    for verb, keys in KEPT.items():
        named = ", ".join(f"`{_place(key)}`" for key in keys)
        yield Deed(f"write in {named}", (verb,), _write(*keys))


def _place(key: str) -> str:
    """Where an object is: a folder, or what there ends so where two write in one."""
    folder, _, name = key.rpartition("/")
    if name.startswith("x."):
        return key.replace("/x.", "/*.") if folder == "raw/imports" else f"{folder}/"
    return key


def _deeds() -> Iterable[Deed]:
    token = "{prefix}/accounts/{account}/token"
    app = "{prefix}/spotify/app"
    # They are there, and are not to be replaced.
    there = {"Value": "none", "Type": "SecureString", "Overwrite": False}
    yield Deed(
        "read a listener's token",
        ("Capture",),
        (Try("ssm", "get_parameter", {"Name": token, "WithDecryption": True}),),
    )
    yield Deed(
        "write a listener's token",
        ("Capture", "Connect"),
        (Try("ssm", "put_parameter", {"Name": token, **there}),),
    )
    yield Deed(
        "read the app's id and secret",
        ASK_SPOTIFY,
        (Try("ssm", "get_parameter", {"Name": app, "WithDecryption": True}),),
    )
    yield Deed(
        "write the app's id and secret, delete or list parameters",
        NOBODY,
        (
            Try("ssm", "put_parameter", {"Name": app, **there}),
            Try("ssm", "delete_parameter", {"Name": "{prefix}/nobody"}),
            Try("ssm", "get_parameters_by_path", {"Path": "{prefix}/", "Recursive": True}),
        ),
    )
    yield from _in_the_lake()
    yield Deed(
        "write the chart list or answers of queries, or anywhere else in the bucket",
        NOBODY,
        _write("config/charts.csv", "athena/x.csv", "lake/x.parquet", "raw/x.json", "x"),
    )
    yield Deed(
        "delete an object or a version in the data bucket",
        NOBODY,
        (
            *_s3("delete_object", "lake/plays/month=2026-11/nobody.parquet", "raw/nobody.json"),
            *_s3("delete_object", "lake/plays/month=2026-11/nobody.parquet", VersionId="0"),
        ),
    )
    yield Deed(
        "read what Spotify answered about a listener",
        ("Capture", "Derive", "Publish", "Audit"),
        _s3("get_object", "raw/recently-played/nobody.json.gz"),
    )
    yield Deed(
        "read the rows of an imported history", ("Derive", "Read", "Audit"),
        _s3("get_object", "raw/imports/nobody.parquet"),
    )  # fmt: skip
    yield Deed(
        "read plays", ("Derive", "Enrich", "Publish", "Audit"),
        _s3("get_object", "lake/plays/month=2026-11/nobody.parquet"),
    )  # fmt: skip
    uploads = "{uploads}"
    yield Deed("read an upload", ("Import", "Read"), _s3("get_object", "nobody", bucket=uploads))
    yield Deed(
        "list the uploads",
        ("Import", "Read"),
        (Try("s3", "list_objects_v2", {"Bucket": uploads, "MaxKeys": 1}),),
    )
    yield Deed("delete an upload", ("Import",), _s3("delete_object", "nobody", bucket=uploads))
    yield Deed("write an upload", NOBODY, _write("nobody", bucket=uploads))
    yield Deed(
        "change a bucket's policy, versions or life cycle",
        NOBODY,
        tuple(
            Try("s3", operation, {"Bucket": bucket, **more})
            for bucket in ("{data}", "{uploads}")
            for operation, more in (
                ("put_bucket_policy", {"Policy": "none"}),
                ("delete_bucket_policy", {}),
                ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "none"}}),
                ("put_bucket_lifecycle_configuration", {"LifecycleConfiguration": {"Rules": []}}),
            )
        ),
    )
    yield from _of_tables_in_dynamodb()
    yield from _of_the_rest()


def _of_tables_in_dynamodb() -> Iterable[Deed]:
    accounts, budget = "{accounts}", "{budget}"
    makers = ("Connect", "Import")
    yield Deed(
        "read an account",
        ("Audit", "Capture", "Connect", "Derive", "Import"),
        (_table(accounts, "get_item"),),
    )
    yield Deed("list accounts", ("Select", *makers), (_table(accounts, "scan"),))
    yield Deed("make an account", makers, (_table(accounts, "put_item"),))
    yield Deed("change an account", ("Capture", "Connect"), (_table(accounts, "update_item"),))
    yield Deed(
        "delete an account, list or delete what is asked of Spotify",
        NOBODY,
        (
            _table(accounts, "delete_item"),
            _table(budget, "scan"),
            _table(budget, "put_item"),
            _table(budget, "delete_item"),
        ),
    )
    yield Deed(
        "count what is asked of Spotify",
        COUNT,
        (_table(budget, "batch_get_item"), _table(budget, "update_item")),
    )
    yield Deed(
        "read what the app may do",
        ("Plan", "Probe", "Extract", "Enrich"),
        (_table(budget, "get_item"),),
    )


def _of_the_rest() -> Iterable[Deed]:
    for machine, starter in STARTERS.items():
        arn = f"{{{machine}}}"
        started = Try("stepfunctions", "start_execution", {"stateMachineArn": arn, "input": "none"})
        yield Deed(f"start the machine {machine}", (starter,), (started,), by_others=True)
    yield from (
        Deed(
            f"invoke {verb}",
            machines,
            (
                Try(
                    "lambda",
                    "invoke",
                    {"FunctionName": f"{{stack}}-{verb.lower()}", "InvocationType": "DryRun"},
                ),
            ),
        )
        for verb, machines in _invokers().items()
    )
    yield Deed(
        "keep a start that could not be delivered",
        (STARTERS["capture"], STARTERS["daily"], STARTERS["audit"]),
        (
            Try(
                "sqs",
                "send_message",
                {"QueueUrl": "{dead_letters}", "MessageBody": "x", "DelaySeconds": 9999},
            ),
        ),
    )
    yield Deed(
        "read dead letters, or speak to the alarms' topic",
        NOBODY,
        (
            Try("sqs", "receive_message", {"QueueUrl": "{dead_letters}"}),
            Try("sns", "publish", {"TopicArn": "{topic}", "Message": "x"}),
        ),
    )
    yield Deed(
        "make a group of logs, read logs, or write outside the functions' groups",
        NOBODY,
        (
            Try("logs", "create_log_group", {"logGroupName": "/aws/lambda/{stack}-nobody"}),
            Try(
                "logs",
                "create_log_stream",
                {"logGroupName": "/aws/lambda/another", "logStreamName": "x"},
            ),
            Try("logs", "filter_log_events", {"logGroupName": "/aws/lambda/{stack}-capture"}),
        ),
    )
    trust = '{{"Version": "2012-10-17", "Statement": []}}'
    yield Deed(
        "take or make another role, change a function, run a query",
        NOBODY,
        (
            Try("sts", "assume_role", {"RoleArn": "{role}", "RoleSessionName": "nobody"}),
            Try("iam", "create_role", {"RoleName": "x", "AssumeRolePolicyDocument": trust}),
            Try(
                "iam",
                "put_role_policy",
                {"RoleName": "nobody", "PolicyName": "x", "PolicyDocument": trust},
            ),
            Try(
                "lambda",
                "update_function_configuration",
                {"FunctionName": "{stack}-nobody", "Timeout": 3},
            ),
            Try("athena", "start_query_execution", {"QueryString": "x", "WorkGroup": "nobody"}),
            Try("cloudformation", "delete_stack", {"StackName": "nobody"}),
        ),
    )


def _invokers() -> dict[str, tuple[str, ...]]:
    capture, daily, imports, audits = (f"the machine {name}" for name in STARTERS)
    return {
        "Connect": NOBODY,  # the command line does, with a person's own rights
        "Select": (capture,),
        "Capture": (capture,),
        "Derive": (capture, imports),
        **dict.fromkeys(("Plan", "Probe", "Extract", "Enrich"), (daily,)),
        **dict.fromkeys(("Transform", "Load", "Verify", "Publish"), (daily, imports)),
        **dict.fromkeys(("Import", "Read"), (imports,)),
        "Audit": (audits,),
    }


DEEDS: Final = tuple(_deeds())
