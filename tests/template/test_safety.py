"""What holds for everything of a kind: encrypted, not public, by TLS alone, and nothing logged."""

import ast
import re
from typing import Any

import pytest

from tests.template.translated import DEFAULT, REPO, functions, machines

BUCKETS = list(DEFAULT.of_type("AWS::S3::Bucket"))
QUEUES = list(DEFAULT.of_type("AWS::SQS::Queue"))
TOPICS = list(DEFAULT.of_type("AWS::SNS::Topic"))
PYTHON = sorted(
    [
        *(REPO / "functions").glob("*/*.py"),
        *(REPO / "layers" / "soundlake").rglob("soundlake/**/*.py"),
    ]
)


def _own_policies(kind: str, about: str) -> dict[str, list[dict[str, Any]]]:
    """The statements of a kind's policies, by what they are about."""
    found: dict[str, list[dict[str, Any]]] = {}
    for properties in DEFAULT.of_type(kind).values():
        named = properties[about] if isinstance(properties[about], list) else [properties[about]]
        for name in named:
            found.setdefault(name, []).extend(properties["PolicyDocument"]["Statement"])
    return found


def _without_tls(statements: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """What is denied to everybody without TLS: actions and resources."""
    return [
        (each["Action"], each["Resource"])
        for each in statements
        if (each["Effect"], each["Principal"]) == ("Deny", "*")
        and each["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]


#### ENCRYPTED, AND NOT PUBLIC #####################################################################


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_is_encrypted_by_s3_and_public_to_nobody(name: str) -> None:
    properties = DEFAULT.properties(name)
    assert properties["BucketEncryption"] == {
        "ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        ]
    }
    assert properties["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert properties["OwnershipControls"] == {
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
    }
    assert not {"AccessControl", "WebsiteConfiguration"} & set(properties)


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_is_encrypted_by_sqs(name: str) -> None:
    properties = DEFAULT.properties(name)
    assert properties["SqsManagedSseEnabled"] is True
    assert "KmsMasterKeyId" not in properties


def test_nothing_has_a_key_of_its_own() -> None:
    """Which costs a dollar a month. Logs and tables are encrypted by keys of AWS's own."""
    assert [kind for kind in _kinds() if kind.startswith("AWS::KMS::")] == []
    text = str(DEFAULT.template["Resources"])
    assert [name for name in ("KmsKeyId", "KmsKeyArn", "KMSMasterKeyId") if name in text] == []


def test_answers_of_queries_are_encrypted_by_s3() -> None:
    for properties in DEFAULT.of_type("AWS::Athena::WorkGroup").values():
        settings = properties["WorkGroupConfiguration"]
        assert settings["EnforceWorkGroupConfiguration"] is True
        encrypted = settings["ResultConfiguration"]["EncryptionConfiguration"]
        assert encrypted == {"EncryptionOption": "SSE_S3"}


def test_nothing_can_be_reached_from_outside_but_by_who_signs() -> None:
    open_doors = ("AWS::Lambda::Url", "AWS::Lambda::Permission", "AWS::ApiGateway")
    assert [kind for kind in _kinds() if kind.startswith(open_doors)] == []
    for kind, about in (
        ("AWS::S3::BucketPolicy", "Bucket"),
        ("AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::TopicPolicy", "Topics"),
    ):
        for statements in _own_policies(kind, about).values():
            for each in statements:
                if each["Effect"] == "Deny":
                    continue
                assert list(each["Principal"]) == ["Service"]
                # EventBridge names no source to SNS, and a condition would refuse it.
                to_topic = (each["Action"], each["Principal"]["Service"])
                assert each.get("Condition") or to_topic == ("sns:Publish", "events.amazonaws.com")


def _kinds() -> set[str]:
    return {resource["Type"] for resource in DEFAULT.template["Resources"].values()}


#### BY TLS ALONE ##################################################################################


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_answers_by_tls_alone(name: str) -> None:
    bucket = DEFAULT.properties(name)["BucketName"]
    (denied,) = _without_tls(_own_policies("AWS::S3::BucketPolicy", "Bucket")[bucket])
    assert denied == ("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_answers_by_tls_alone(name: str) -> None:
    arn = DEFAULT.resolve({"Fn::GetAtt": [name, "Arn"]})
    (denied,) = _without_tls(_own_policies("AWS::SQS::QueuePolicy", "Queues")[name])
    assert denied == ("sqs:*", arn)


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_is_told_by_tls_alone(name: str) -> None:
    arn = DEFAULT.resolve({"Ref": name})
    (denied,) = _without_tls(_own_policies("AWS::SNS::TopicPolicy", "Topics")[arn])
    assert denied == ("sns:Publish", arn)
    assert "KmsMasterKeyId" not in DEFAULT.properties(name)  # CloudWatch could not publish


#### NOTHING LOGGED ################################################################################


def test_every_group_of_logs_ends_what_it_keeps() -> None:
    groups = DEFAULT.of_type("AWS::Logs::LogGroup")
    assert len(groups) >= len(functions()) + len(machines())
    assert {properties["RetentionInDays"] for properties in groups.values()} == {30}


@pytest.mark.parametrize("verb", sorted(functions()))
def test_a_function_writes_to_the_stacks_groups_and_makes_none(verb: str) -> None:
    """AWS's own policy allows every group, so what is more is denied."""
    denied = [
        (each["Action"], each.get("NotResource"), each.get("Resource"))
        for each in DEFAULT.statements(DEFAULT.role_of(f"{verb}Function"))
        if each["Effect"] == "Deny"
    ]
    group = "arn:aws:logs:eu-north-1:123456789012:log-group:/aws/lambda/soundlake-dev-*"
    assert denied == [
        (["logs:CreateLogStream", "logs:PutLogEvents"], [group], None),
        (["logs:CreateLogGroup"], None, ["*"]),
    ], "give it the policy *LogsOfTheStack"


@pytest.mark.parametrize("machine", sorted(machines()))
def test_a_machine_logs_no_payload(machine: str) -> None:
    assert machines()[machine]["LoggingConfiguration"]["IncludeExecutionData"] is False


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(REPO)))
def test_no_code_logs_an_event_or_a_response(path: Any) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg in {"log_event", "capture_response"}:
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False


def test_no_setting_makes_functions_log_events_or_responses() -> None:
    for properties in functions().values():
        variables = set(properties["Environment"]["Variables"])
        assert not [name for name in variables if "LOG_EVENT" in name or "TRACER" in name]
        assert not [name for name in variables if "SECRET" in name or "TOKEN" in name]


#### THE LINTER ####################################################################################


def _without_reason(text: str) -> list[str]:
    """Exemptions of cfn-lint, each on a line of its own, with no comment there or just above."""
    lines = text.splitlines()
    exempt = [
        number
        for number, line in enumerate(lines)
        if re.fullmatch(r"\s*- [EWI]\d{4}\b.*", line) or "ignore_checks: [" in line
    ]
    return [
        lines[number].strip()
        for number in exempt
        if "#" not in lines[number] and not lines[number - 1].strip().startswith("#")
    ]


def test_an_exemption_of_the_linter_has_a_reason() -> None:
    templates = [
        path
        for folder in (REPO, REPO / ".github")
        for path in folder.glob("**/*.yaml" if folder.name == ".github" else "*.yaml")
    ]
    assert REPO / "template.yaml" in templates
    for path in templates:
        assert _without_reason(path.read_text(encoding="utf-8")) == [], path.name
    # Exempt for all templates is exempt without a reason.
    assert not [name for name in (".cfnlintrc", ".cfnlintrc.yaml") if (REPO / name).exists()]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("ignore_checks:\n  - W3005\n", ["- W3005"]),
        ("ignore_checks: [W3005]\n", ["ignore_checks: [W3005]"]),
        ("ignore_checks:\n  # It waits for nothing else.\n  - W3005\n", []),
        ("ignore_checks:\n  - W3005 # it waits for nothing else\n", []),
    ],
)
def test_an_exemption_without_a_reason_would_be_noticed(text: str, missing: list[str]) -> None:
    assert _without_reason(text) == missing
