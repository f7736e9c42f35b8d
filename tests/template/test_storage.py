"""The buckets, and what is put there by name."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.template.translated import DEFAULT, Stack, source

BUCKET = DEFAULT.properties("DataBucket")
UPLOADS = DEFAULT.properties("UploadsBucket")


def _rules(stack: Stack = DEFAULT) -> dict[str, dict[str, Any]]:
    rules = stack.properties("DataBucket")["LifecycleConfiguration"]["Rules"]
    return {rule["Id"]: rule for rule in rules}


def test_the_bucket_is_encrypted() -> None:
    (rule,) = BUCKET["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in {"AES256", "aws:kms"}


def test_the_bucket_keeps_versions() -> None:
    assert BUCKET["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize(
    "block",
    ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"],
)
def test_the_bucket_is_not_public(block: str) -> None:
    assert BUCKET["PublicAccessBlockConfiguration"][block] is True


def test_everything_in_the_bucket_is_its_owners() -> None:
    assert BUCKET["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_the_bucket_outlives_the_stack() -> None:
    resource = DEFAULT.resource("DataBucket")
    # RetainExceptOnCreate: a deployment that fails at once leaves no empty bucket behind.
    assert resource["DeletionPolicy"] in {"Retain", "RetainExceptOnCreate"}
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_there_are_two_buckets_and_their_names_are_the_stages() -> None:
    assert list(DEFAULT.of_type("AWS::S3::Bucket")) == ["DataBucket", "UploadsBucket"]
    assert BUCKET["BucketName"] == "soundlake-dev-123456789012-eu-north-1"
    assert UPLOADS["BucketName"] == "soundlake-dev-uploads-123456789012-eu-north-1"
    # The longest stage and region that AWS has still make a name of at most 63 characters.
    assert len("soundlake-local-uploads-123456789012-ap-southeast-1") <= 63


def test_uploads_are_as_safe_as_the_lake() -> None:
    same = ("BucketEncryption", "PublicAccessBlockConfiguration", "OwnershipControls")
    assert {name: UPLOADS[name] for name in same} == {name: BUCKET[name] for name in same}
    resource = DEFAULT.resource("UploadsBucket")
    assert resource["DeletionPolicy"] in {"Retain", "RetainExceptOnCreate"}
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_an_upload_that_is_deleted_is_gone_and_each_ends_within_the_shortest_time() -> None:
    assert "VersioningConfiguration" not in UPLOADS
    (rule,) = UPLOADS["LifecycleConfiguration"]["Rules"]
    assert rule == {
        "Id": "ForgetUploads",
        "Status": "Enabled",
        "ExpirationInDays": 1,
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }


def test_uploads_are_told_to_eventbridge_and_nothing_else_is() -> None:
    told = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert UPLOADS["NotificationConfiguration"] == told
    assert "NotificationConfiguration" not in BUCKET


@pytest.mark.parametrize("bucket", ["DataBucket", "UploadsBucket"])
def test_only_tls_is_accepted(bucket: str) -> None:
    policy = DEFAULT.properties(f"{bucket}Policy")
    name = DEFAULT.properties(bucket)["BucketName"]
    assert policy["Bucket"] == name
    (statement,) = policy["PolicyDocument"]["Statement"]
    arn = f"arn:aws:s3:::{name}"
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Action"] == "s3:*"
    assert statement["Resource"] == [arn, f"{arn}/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_replaced_objects_can_be_brought_back_for_a_while() -> None:
    rule = _rules(Stack({"NoncurrentDays": 9}))["ForgetReplacedObjects"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 9}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert "Prefix" not in rule
    assert "ExpirationInDays" not in rule


def test_only_staged_rows_query_results_and_audits_end() -> None:
    """Raw answers, tables and the chart list stay until somebody deletes them."""
    ending = {rule["Prefix"]: rule for rule in _rules().values() if "ExpirationInDays" in rule}
    assert set(ending) == {"staging/", "athena/", "scratch/audit/"}
    assert all(rule["ExpirationInDays"] >= 1 for rule in ending.values())


def test_every_rule_is_on() -> None:
    assert all(rule["Status"] == "Enabled" for rule in _rules().values())


#### TABLES IN DYNAMODB ############################################################################


TABLES = {"AccountsTable": ("accounts", "account"), "BudgetTable": ("budget", "holder")}


def test_every_table_is_known() -> None:
    assert set(DEFAULT.of_type("AWS::DynamoDB::Table")) == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_paid_by_request_and_outlives_the_stack(name: str) -> None:
    resource, (word, key) = DEFAULT.resource(name), TABLES[name]
    properties = resource["Properties"]
    assert properties["TableName"] == f"soundlake-dev-{word}"
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["KeySchema"] == [{"AttributeName": key, "KeyType": "HASH"}]
    assert properties["AttributeDefinitions"] == [{"AttributeName": key, "AttributeType": "S"}]
    assert resource["DeletionPolicy"] in {"Retain", "RetainExceptOnCreate"}
    assert resource["UpdateReplacePolicy"] == "Retain"
    # AWS's own key, which is there without being asked for and costs nothing.
    assert "SSESpecification" not in properties


def test_only_the_budget_forgets() -> None:
    ending = {"AttributeName": "expires", "Enabled": True}
    assert DEFAULT.properties("BudgetTable")["TimeToLiveSpecification"] == ending
    assert "TimeToLiveSpecification" not in DEFAULT.properties("AccountsTable")


#### PREFIXES ######################################################################################

# A place in the bucket ends with a slash (as a folder), with /* (as a resource), or is one object.
_ENDS = re.compile(r".*(/|/\*|/[a-z-]+\.csv|/[a-z${A-Z}.]+\.parquet|/imports/\*\.(json|parquet))")
_PLACES = ("s3://${DataBucket}/", "${DataBucketArn}/")
_ITSELF = "arn:${AWS::Partition}:s3:::${DataBucket}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "Fn::Sub":
                yield each if isinstance(each, str) else each[0]
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def test_every_place_in_the_bucket_ends_properly() -> None:
    places = [text for text in _texts(source()) if "${DataBucket" in text and text != _ITSELF]
    assert len(places) > 20
    assert [place for place in places if not place.startswith(_PLACES)] == []
    assert [place for place in places if not _ENDS.fullmatch(place)] == []


@pytest.mark.parametrize(
    "place", ["s3://${DataBucket}/athena", "${DataBucketArn}/raw/charts*", "${DataBucketArn}/raw"]
)
def test_an_open_end_would_be_noticed(place: str) -> None:
    assert not _ENDS.fullmatch(place)


#### WHAT AN EARLIER STACK LEFT ####################################################################


OWNED = ("DataBucket", "AccountsTable", "BudgetTable")
KEPT = Stack({"ExistingDataBucket": "kept.lake-1", "ExistingTables": "KEPT"})


def _everything(stack: Stack) -> dict[str, Any]:
    """All resources and outputs that are there, resolved, but for what a stack may not own."""
    there = {
        name: stack.resource(name)
        for name, resource in stack.template["Resources"].items()
        if name not in OWNED
        and ("Condition" not in resource or stack.condition(resource["Condition"]))
    }
    return there | {"outputs": stack.resolve(stack.template["Outputs"])}


def test_a_stack_over_kept_data_owns_none_of_it() -> None:
    assert list(KEPT.of_type("AWS::S3::Bucket")) == ["UploadsBucket"]
    assert KEPT.of_type("AWS::DynamoDB::Table") == {}


def test_a_stack_over_kept_data_works_on_it_and_is_else_the_same() -> None:
    """Nothing refers to a bucket or table that is not there: that would not resolve."""
    own = json.dumps(_everything(DEFAULT), sort_keys=True)
    assert own.count(BUCKET["BucketName"]) > 100
    expected = own.replace(BUCKET["BucketName"], "kept.lake-1")
    assert json.dumps(_everything(KEPT), sort_keys=True) == expected


def test_bucket_and_tables_can_be_kept_one_without_the_other() -> None:
    tables = Stack({"ExistingDataBucket": "kept.lake-1"}).of_type("AWS::DynamoDB::Table")
    assert set(tables) == set(TABLES)
    buckets = Stack({"ExistingTables": "KEPT"}).of_type("AWS::S3::Bucket")
    assert list(buckets) == ["DataBucket", "UploadsBucket"]
