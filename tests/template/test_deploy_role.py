"""The roles that deploy from GitHub: who may take them, and that they suffice and no more.

What CloudFormation needs for a kind of resource stands in its own schemas, and what an action can
be limited to in IAM's own list; cfn-lint brings both along. What a role of the stack is granted is
in template.yaml.
"""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from samcli.yamlhelper import yaml_parse

from tests.template.test_roles import MANAGED, PRINCIPALS
from tests.template.translated import REPO, Stack

TEMPLATE: dict[str, Any] = yaml_parse(
    (REPO / ".github" / "deploy-role.yaml").read_text(encoding="utf-8")
)
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
SUBJECT = "repo:someone@123/soundlake@456"
STAGES = ("dev", "prod")
GITHUB = "token.actions.githubusercontent.com"
# What resources that the template has need only for what it does not use.
UNUSED = {
    "keys of one's own": {"kms:*", "logs:*KmsKey"},
    "roles' tags, which GetRole gives": {"iam:ListRoleTags"},
    "streams, imports, exports and replicas of tables": {
        *("dynamodb:*Item", "dynamodb:Query", "dynamodb:Scan", "dynamodb:ImportTable"),
        *("dynamodb:*KinesisStreamingDestination", "dynamodb:*TableReplica", "kinesis:*"),
        *("dynamodb:UpdateContributorInsights", "iam:CreateServiceLinkedRole"),
        *("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
        *("s3:GetObjectMetadata", "dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy"),
    },
    "networks, file systems, signatures, scaling and versions of functions": {
        *("ec2:*", "elasticfilesystem:*", "s3files:*", "lambda:*CodeSigningConfig"),
        *("lambda:AssociateRuntimeAlias", "lambda:PassCapacityProvider", "lambda:PublishVersion"),
        *("lambda:PutFunctionRecursionConfig", "lambda:PutFunctionScalingConfig"),
        "lambda:PutRuntimeManagementConfig",
    },
    "connections, versions of schemas and Lake Formation": {
        *("glue:*Connection", "glue:GetSchemaVersion", "lakeformation:*"),
    },
    "deliveries, indexes and policies of log groups": {
        *("firehose:*", "logs:DeleteIndexPolicy", "logs:PutIndexPolicy", "s3:REST.PUT.OBJECT"),
        *("logs:PutResourcePolicy", "logs:DeleteResourcePolicy", "logs:PutDataProtectionPolicy"),
        *("logs:PutBearerTokenAuthentication", "logs:PutLogGroupDeletionProtection"),
    },
    "a topic's data protection": {"sns:PutDataProtectionPolicy"},
    "a result that Athena writes when it is asked": {"s3:*Multipart*", "s3:PutObject"},
    "what buckets can do beside keeping objects": {
        *("s3:*BucketMetadata*", "s3tables:*", "s3:*Acl", "s3:PutBucketAbac", "s3:DeleteObject"),
        *("s3:PutAccelerateConfiguration", "s3:PutAnalyticsConfiguration", "s3:PutBucketCORS"),
        *("s3:PutBucketLogging", "s3:PutBucketObjectLockConfiguration", "s3:PutBucketReplication"),
        *("s3:PutBucketWebsite", "s3:PutIntelligentTieringConfiguration"),
        *("s3:PutInventoryConfiguration", "s3:PutMetricsConfiguration"),
        *("s3:PutObjectLockConfiguration", "s3:PutReplicationConfiguration"),
        # APIs that have no action of their own: removing is allowed by the Put.
        *("s3:DeleteBucketAnalyticsConfiguration", "s3:DeleteBucketCors", "s3:DeleteBucketWebsite"),
        *("s3:DeleteBucketEncryption", "s3:DeleteBucketLifecycle", "s3:DeleteBucketReplication"),
        *("s3:DeleteBucketMetricsConfiguration", "s3:DeleteBucketTagging"),
    },
    "getting rid of the boundary, which nobody may": {"iam:DeleteRolePermissionsBoundary"},
}
# What template.yaml may have and does not by default.
BY_CONDITION = {"AWS::Budgets::Budget", "AWS::CloudWatch::Dashboard"}
# What AWS lets the policies do that SAM attaches.
ATTACHED = {
    "AWSLambdaBasicExecutionRole": {
        "logs:CreateLogStream": "arn:aws:logs:eu-north-1:123456789012:log-group:{group}:*",
        "logs:PutLogEvents": "arn:aws:logs:eu-north-1:123456789012:log-group:{group}:*",
    },
    "AWSXrayWriteOnlyAccess": {
        "xray:PutTraceSegments": "*",
        "xray:PutTelemetryRecords": "*",
        "xray:GetSamplingRules": "*",
        "xray:GetSamplingTargets": "*",
        "xray:GetSamplingStatisticSummaries": "*",
    },
}


# What a call to make or change each kind of resource is about.
HERE = "eu-north-1:123456789012"
ARNS = {
    "AWS::Athena::NamedQuery": [f"arn:aws:athena:{HERE}:workgroup/{{WorkGroup}}"],
    "AWS::Athena::WorkGroup": [f"arn:aws:athena:{HERE}:workgroup/{{Name}}"],
    "AWS::Budgets::Budget": ["arn:aws:budgets::123456789012:budget/{Budget[BudgetName]}"],
    "AWS::CloudWatch::Alarm": [f"arn:aws:cloudwatch:{HERE}:alarm:{{AlarmName}}"],
    "AWS::CloudWatch::Dashboard": [
        "arn:aws:cloudwatch::123456789012:dashboard/{DashboardName}",
    ],
    "AWS::DynamoDB::Table": [f"arn:aws:dynamodb:{HERE}:table/{{TableName}}"],
    "AWS::Events::Rule": [f"arn:aws:events:{HERE}:rule/{{made}}"],
    "AWS::Glue::Database": [f"arn:aws:glue:{HERE}:database/{{DatabaseInput[Name]}}"],
    "AWS::Glue::Table": [
        f"arn:aws:glue:{HERE}:database/{{DatabaseName}}",
        f"arn:aws:glue:{HERE}:table/{{DatabaseName}}/{{TableInput[Name]}}",
    ],
    "AWS::IAM::Role": ["arn:aws:iam::123456789012:role/{made}"],
    "AWS::Lambda::Function": [f"arn:aws:lambda:{HERE}:function:{{FunctionName}}"],
    "AWS::Lambda::LayerVersion": [f"arn:aws:lambda:{HERE}:layer:{{LayerName}}:1"],
    # IAM writes a group's streams behind it.
    "AWS::Logs::LogGroup": [
        f"arn:aws:logs:{HERE}:log-group:{{LogGroupName}}",
        f"arn:aws:logs:{HERE}:log-group:{{LogGroupName}}:log-stream:",
    ],
    "AWS::S3::Bucket": ["arn:aws:s3:::{BucketName}"],
    "AWS::S3::BucketPolicy": ["arn:aws:s3:::{Bucket}"],
    "AWS::Scheduler::Schedule": [f"arn:aws:scheduler:{HERE}:schedule/default/{{made}}"],
    "AWS::SNS::Subscription": ["{TopicArn}"],
    "AWS::SNS::Topic": [f"arn:aws:sns:{HERE}:{{TopicName}}"],
    "AWS::SNS::TopicPolicy": ["{Topics[0]}"],
    "AWS::SQS::Queue": [f"arn:aws:sqs:{HERE}:{{made}}"],
    "AWS::SQS::QueuePolicy": [f"arn:aws:sqs:{HERE}:{{made}}"],
    "AWS::StepFunctions::StateMachine": [
        f"arn:aws:states:{HERE}:stateMachine:{{StateMachineName}}",
    ],
}
SERVICES = {"StepFunctions": "states"}


def service(kind: str) -> str:
    """IAM's word for the service of a kind of resource."""
    word = kind.split("::")[1]
    return SERVICES.get(word, word.lower())


def about(kind: str, action: str, stage: str) -> Iterator[str]:
    """What calls of this action would be about, in a stack that has everything."""
    parameters = {"Stage": stage, "MonthlyBudget": 5, "AlarmEmail": "a@example.org"}
    # Dev has no alarms; and SAM gives a layer its name as it translates, here for dev.
    fixed = {"AWS::CloudWatch": "prod", "AWS::Lambda::LayerVersion": "dev"}
    there = next((each for word, each in fixed.items() if kind.startswith(word)), stage)
    own = Stack(parameters | {"Stage": there}).of_type(kind)
    assert own, kind
    for name, properties in own.items():
        # What the template does not name, CloudFormation names after the stack.
        made = f"soundlake-{stage}-{name}-1ABCDEFGHIJK"
        for form in ARNS[kind]:
            arn = form.format(made=made, **properties)
            arn = arn.replace(f"soundlake-{there}", f"soundlake-{stage}")
            yield arn.removesuffix(":1") if action == "lambda:PublishLayerVersion" else arn


@cache
def actions() -> dict[str, Any]:
    """IAM's list of actions by service, all lower case, each with what it can be limited to."""
    path = files("cfnlint").joinpath("data/AdditionalSpecs/Policies.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {name: each["Actions"] for name, each in found.items()}


def known(action: str) -> bool:
    name, _, what = action.lower().partition(":")
    return what in actions()[name]


def limitable(action: str) -> bool:
    """Whether IAM lets an action be allowed on some resources and not on others."""
    name, _, what = action.lower().partition(":")
    return bool(actions()[name].get(what, {}).get("Resources"))


class Roles(Stack):
    """The deploy roles' template, resolved as the stack's is."""

    @property
    def template(self) -> dict[str, Any]:
        return TEMPLATE


def roles(stage: str) -> Roles:
    return Roles({"Stage": stage, "Subject": SUBJECT, "OidcProviderArn": PROVIDER})


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def boundary(stage: str) -> list[dict[str, Any]]:
    document = roles(stage).properties("Boundary")["PolicyDocument"]
    return list(document["Statement"])


def allows(statements: list[dict[str, Any]], action: str, resource: str) -> bool:
    return any(
        any(fnmatchcase(action.lower(), each.lower()) for each in listed(one["Action"]))
        and any(fnmatchcase(resource, each) for each in listed(one["Resource"]))
        for one in statements
    )


def grants(statements: list[dict[str, Any]], action: str) -> list[dict[str, Any]]:
    """The statements that allow an action, on whatever."""
    return [
        one
        for one in statements
        if any(fnmatchcase(action, each) for each in listed(one["Action"]))
    ]


#### WHO ###########################################################################################


@pytest.mark.parametrize(
    ("stage", "what"), [("dev", "ref:refs/heads/main"), ("prod", "environment:prod")]
)
def test_one_repository_may_deploy_and_of_it_one_branch_or_environment(
    stage: str, what: str
) -> None:
    document = roles(stage).properties("DeployRole")["AssumeRolePolicyDocument"]
    (statement,) = document["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": PROVIDER},
        "Condition": {
            "StringEquals": {
                f"{GITHUB}:aud": "sts.amazonaws.com",
                f"{GITHUB}:ref": "refs/heads/main",
                f"{GITHUB}:sub": f"{SUBJECT}:{what}",
            }
        },
    }


def test_the_account_gets_a_provider_where_it_has_none() -> None:
    without = Roles({"Stage": "dev", "Subject": SUBJECT})
    (provider,) = without.of_type("AWS::IAM::OIDCProvider").values()
    assert provider == {"Url": f"https://{GITHUB}", "ClientIdList": ["sts.amazonaws.com"]}
    assert roles("dev").of_type("AWS::IAM::OIDCProvider") == {}


@pytest.mark.parametrize(
    ("subject", "good"),
    [
        ("repo:someone/soundlake", True),
        ("repo:someone@123/sound.lake@456", True),
        ("repo:someone_company/soundlake", True),
        ("someone/soundlake", False),
        ("repo:someone/*", False),
        ("repo:*/soundlake", False),
        ("repo:someone/soundlake:*", False),
        ("repo:someone/soundlake:ref:refs/heads/main", False),
        ("", False),
    ],
)
def test_a_subject_names_one_repository(subject: str, good: bool) -> None:
    pattern = TEMPLATE["Parameters"]["Subject"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, subject)) == good


@pytest.mark.parametrize("stage", STAGES)
def test_only_cloudformation_takes_the_execution_role(stage: str) -> None:
    """Without a condition: a key that CloudFormation does not send would keep it out, too."""
    document = roles(stage).properties("ExecutionRole")["AssumeRolePolicyDocument"]
    (statement,) = document["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "cloudformation.amazonaws.com"},
    }


#### THE WORKFLOW'S ROLE ###########################################################################


@pytest.mark.parametrize("stage", STAGES)
def test_cloudformation_works_for_the_workflow_under_its_role_alone(stage: str) -> None:
    statements = roles(stage).statements("DeployRole")
    stack = f"arn:aws:cloudformation:eu-north-1:123456789012:stack/soundlake-{stage}/*"
    execution = f"arn:aws:iam::123456789012:role/execute-soundlake-{stage}"
    (planning,) = [one for one in statements if one["Sid"] == "PlanTheStack"]
    assert planning["Resource"] == [stack]
    assert planning["Condition"] == {"StringEquals": {"cloudformation:RoleArn": execution}}
    for action in ("CreateStack", "UpdateStack", "DeleteStack", "SetStackPolicy"):
        assert grants(statements, f"cloudformation:{action}") == []
    (passing,) = [one for one in statements if "iam:PassRole" in one["Action"]]
    assert passing["Resource"] == [execution]
    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}
    }


@pytest.mark.parametrize("stage", STAGES)
def test_the_workflow_reaches_no_data(stage: str) -> None:
    """No object but SAM's builds, in dev a sample's upload, and nothing of another service."""
    statements = roles(stage).statements("DeployRole")
    services = {action.partition(":")[0] for one in statements for action in one["Action"]}
    assert services == {"cloudformation", "iam", "s3"} | ({"states"} if stage == "dev" else set())
    samples = f"arn:aws:s3:::soundlake-{stage}-uploads-123456789012-eu-north-1/command-line/*"
    places = {
        resource
        for one in grants(statements, "s3:PutObject")
        for resource in one["Resource"]
        if not resource.startswith("arn:aws:s3:::aws-sam-cli-managed-default-")
    }
    assert places == ({samples} if stage == "dev" else set())
    for stage_name in STAGES:
        bucket = f"arn:aws:s3:::soundlake-{stage_name}-123456789012-eu-north-1"
        assert not allows(statements, "s3:GetObject", f"{bucket}/raw/x")


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_is_on_everything_but_what_names_no_resource(stage: str) -> None:
    named = {
        action
        for role in ("DeployRole", "ExecutionRole")
        for one in roles(stage).statements(role)
        for action in one["Action"]
        if "*" in one["Resource"]
    }
    assert named == {
        "cloudformation:GetTemplateSummary",
        "cloudwatch:DescribeAlarms",
        "logs:CreateLogDelivery",
        "logs:DescribeIndexPolicies",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:ListLogDeliveries",
        "states:ValidateStateMachineDefinition",
    }


#### CLOUDFORMATION'S ROLE #########################################################################


def schemas() -> Iterator[dict[str, Any]]:
    for one in files("cfnlint").joinpath("data/schemas/resources").iterdir():
        if one.name.endswith(".json"):
            yield json.loads(one.read_text(encoding="utf-8"))


@cache
def handlers() -> dict[str, set[str]]:
    """What CloudFormation asks for to make, read, change and delete each kind of resource."""
    wanted = {resource["Type"] for resource in Stack().template["Resources"].values()}
    found = {}
    for schema in schemas():
        if schema["typeName"] in wanted | BY_CONDITION:
            asked = [each for name, each in schema["handlers"].items() if name != "list"]
            asked.append(schema.get("tagging", {}))
            found[schema["typeName"]] = {
                permission for each in asked for permission in each.get("permissions", ())
            }
    assert set(found) == wanted | BY_CONDITION
    return found


@cache
def needed(kind: str) -> frozenset[str]:
    """What of that is asked for where the stack has such a resource."""
    unused = [each.lower() for those in UNUSED.values() for each in those]
    return frozenset(
        one
        for one in handlers()[kind]
        if not any(fnmatchcase(one.lower(), each) for each in unused)
    )


def lacking(allowed: set[str]) -> dict[str, list[str]]:
    patterns = {each.lower() for each in allowed}
    missing = {
        kind: sorted(
            one
            for one in needed(kind)
            if not any(fnmatchcase(one.lower(), each) for each in patterns)
        )
        for kind in handlers()
    }
    return {kind: those for kind, those in missing.items() if those}


def of_execution() -> set[str]:
    return {action for one in roles("dev").statements("ExecutionRole") for action in one["Action"]}


def test_cloudformation_may_do_what_every_resource_of_the_stack_needs() -> None:
    assert lacking(of_execution()) == {}


def test_a_missing_action_would_be_noticed() -> None:
    assert lacking(of_execution() - {"sqs:SetQueueAttributes"}) == {
        kind: ["sqs:SetQueueAttributes"] for kind in ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy")
    }


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("kind", sorted(ARNS))
def test_it_may_do_it_to_every_resource_of_this_stage_and_of_no_other(
    stage: str, kind: str
) -> None:
    """IAM matches what a call is about, and an action that is about nothing matches `*` alone."""
    statements = roles(stage).statements("ExecutionRole")
    anywhere = [one for one in statements if "*" in one["Resource"]]
    own = {action for action in needed(kind) if action.startswith(f"{service(kind)}:")}
    if kind == "AWS::Lambda::Function":
        own.remove("lambda:GetLayerVersion")  # is about layers: see below
    assert own
    for each in STAGES:
        for action in own:
            if not limitable(action):
                assert allows(anywhere, action, "*"), action
            elif not allows(anywhere, action, "*"):
                for arn in about(kind, action, each):
                    assert allows(statements, action, arn) == (each == stage), (action, arn)


@pytest.mark.parametrize("stage", STAGES)
def test_it_reads_the_build_and_the_layers(stage: str) -> None:
    statements = roles(stage).statements("ExecutionRole")
    bucket = "arn:aws:s3:::aws-sam-cli-managed-default-samclisourcebucket-1abc"
    for action in ("s3:GetObject", "s3:GetObjectVersion"):
        for each in STAGES:
            assert allows(statements, action, f"{bucket}/soundlake-{each}/x") == (each == stage)
    stack = Stack({"Stage": stage})
    managed = {
        layer
        for function in stack.of_type("AWS::Lambda::Function").values()
        for layer in function["Layers"]
        if layer.startswith("arn:")
    }
    assert len(managed) == 2
    for layer in managed:
        assert allows(statements, "lambda:GetLayerVersion", layer)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("role", ["DeployRole", "ExecutionRole", "Boundary"])
def test_what_is_allowed_on_names_can_be(role: str, stage: str) -> None:
    """IAM knows every action, and one that names no resource is not allowed on names in vain."""
    own = boundary(stage) if role == "Boundary" else roles(stage).statements(role)
    exact = {
        (action, "*" in listed(one["Resource"]))
        for one in own
        for action in listed(one["Action"])
        if "*" not in action
    }
    assert {action for action, _ in exact if not known(action)} == set()
    assert {action for action, anywhere in exact if not (anywhere or limitable(action))} == set()


def test_an_action_that_names_no_resource_would_be_noticed() -> None:
    assert known("logs:DescribeIndexPolicies")
    assert not limitable("logs:DescribeIndexPolicies")
    assert limitable("logs:PutRetentionPolicy")
    assert not known("s3:GetObjectMetadata")


@pytest.mark.parametrize("stage", STAGES)
def test_no_role_is_made_without_the_boundary_or_gets_rid_of_it(stage: str) -> None:
    statements = roles(stage).statements("ExecutionRole")
    arn = f"arn:aws:iam::123456789012:policy/boundary-soundlake-{stage}"
    for action in ("CreateRole", "PutRolePolicy", "AttachRolePolicy", "PutRolePermissionsBoundary"):
        (one,) = grants(statements, f"iam:{action}")
        assert one["Condition"]["StringEquals"] == {"iam:PermissionsBoundary": arn}
    (attaching,) = grants(statements, "iam:AttachRolePolicy")
    attached = {policy for those in MANAGED.values() for policy in those}
    assert set(attaching["Condition"]["ArnEquals"]["iam:PolicyARN"]) == attached
    for action in (
        "DeleteRolePermissionsBoundary",
        *("CreatePolicy", "CreatePolicyVersion", "SetDefaultPolicyVersion", "DeletePolicy"),
        *("CreateUser", "CreateAccessKey", "CreateLoginProfile", "CreateOpenIDConnectProvider"),
    ):
        assert grants(statements, f"iam:{action}") == []


@pytest.mark.parametrize("stage", STAGES)
def test_it_cannot_change_what_binds_it(stage: str) -> None:
    own = roles(stage)
    statements = own.statements("ExecutionRole") + own.statements("DeployRole")
    for name in ("DeployRole", "ExecutionRole", "Boundary"):
        for action in ("UpdateRole", "PutRolePolicy", "UpdateAssumeRolePolicy", "DeleteRole"):
            assert not allows(statements, f"iam:{action}", own._arn(name))


@pytest.mark.parametrize("stage", STAGES)
def test_roles_are_given_to_the_services_that_the_stack_uses(stage: str) -> None:
    (one,) = grants(roles(stage).statements("ExecutionRole"), "iam:PassRole")
    assert set(one["Condition"]["StringEquals"]["iam:PassedToService"]) == set(PRINCIPALS.values())


#### THE BOUNDARY ##################################################################################


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("role", MANAGED)
def test_a_role_may_do_what_it_is_granted_within_the_boundary(role: str, stage: str) -> None:
    stack = Stack({"Stage": stage})
    queue = stack._arn("ScheduleDeadLetters")
    named = queue.replace("ScheduleDeadLetters", f"soundlake-{stage}-ScheduleDeadLetters-1ABC")
    granted = {(action, resource.replace(queue, named)) for action, resource in stack.grants(role)}
    for policy in MANAGED[role]:
        group = f"/aws/lambda/soundlake-{stage}-{role.removesuffix('FunctionRole').lower()}"
        for action, resource in ATTACHED[policy.rpartition("/")[2]].items():
            granted.add((action, resource.format(group=group)))
    outside = {each for each in granted if not allows(boundary(stage), *each)}
    assert outside == set()


def test_the_boundary_keeps_out_what_no_role_is_to_do() -> None:
    bucket = "arn:aws:s3:::soundlake-prod-123456789012-eu-north-1"
    table = "arn:aws:dynamodb:eu-north-1:123456789012:table/soundlake-prod-accounts"
    for action, resource in {
        "s3:DeleteObject": f"{bucket}/raw/x",
        "s3:DeleteBucket": bucket,
        "s3:PutBucketPolicy": bucket,
        "dynamodb:DeleteTable": table,
        "dynamodb:DeleteItem": table,
        "iam:CreateRole": "arn:aws:iam::123456789012:role/soundlake-prod-x",
        "sts:AssumeRole": "arn:aws:iam::123456789012:role/other",
        "ssm:GetParametersByPath": "arn:aws:ssm:eu-north-1:123456789012:parameter/soundlake/prod",
    }.items():
        assert not allows(boundary("prod"), action, resource)
    for action, resource in Stack({"Stage": "dev"}).grants("CaptureFunctionRole"):
        assert not allows(boundary("prod"), action, resource)


@pytest.mark.parametrize("stage", STAGES)
def test_the_boundary_leaves_alone_the_keys_that_aws_keeps(stage: str) -> None:
    """Their own policies let roles use them, and a boundary without them might take that away."""
    (one,) = [each for each in boundary(stage) if "kms:Decrypt" in each["Action"]]
    assert one["Action"] == ["kms:Decrypt", "kms:Encrypt"]
    services = [f"{each}.eu-north-1.amazonaws.com" for each in ("lambda", "ssm")]
    assert one["Condition"] == {"StringEquals": {"kms:ViaService": services}}
    # No role is granted it, so none has more than the key's policy gives.
    stack = Stack({"Stage": stage})
    assert not [each for role in MANAGED for each in stack.grants(role) if "kms:" in each[0]]


#### ITSELF ########################################################################################


@pytest.mark.parametrize("stage", STAGES)
def test_policies_fit_into_what_iam_takes(stage: str) -> None:
    """10,240 characters of all policies in a role, 6,144 of a managed one; blanks do not count."""

    def size(document: Any) -> int:
        return len(json.dumps(document, separators=(",", ":")))

    own = roles(stage)
    for role in ("DeployRole", "ExecutionRole"):
        policies = own.properties(role)["Policies"]
        assert sum(size(each["PolicyDocument"]) for each in policies) < 10_240
    assert size(own.properties("Boundary")["PolicyDocument"]) < 6_144


@pytest.mark.parametrize("stage", STAGES)
def test_no_name_begins_like_the_stacks_own(stage: str) -> None:
    own = roles(stage)
    names = [own.properties(role)["RoleName"] for role in ("DeployRole", "ExecutionRole")]
    names.append(own.properties("Boundary")["ManagedPolicyName"])
    assert names == [f"{what}-soundlake-{stage}" for what in ("deploy", "execute", "boundary")]


def test_it_is_read_by_the_console_too() -> None:
    """Which takes no aliases of YAML."""
    text = (REPO / ".github" / "deploy-role.yaml").read_text(encoding="utf-8")
    assert re.findall(r"(?:: |- )[&*]\w", text) == []
