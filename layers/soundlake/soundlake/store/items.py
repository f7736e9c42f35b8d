"""DynamoDB items as texts: this process's client, and the forms that it wants."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, UniversalAttributeValueTypeDef


@cache
def dynamodb_client() -> "DynamoDBClient":
    """The DynamoDB client of this process."""
    return boto3.client("dynamodb", config=Config(retries={"mode": "standard", "max_attempts": 5}))


def written(texts: Mapping[str, str]) -> "dict[str, UniversalAttributeValueTypeDef]":
    """Texts as DynamoDB takes them."""
    return {name: {"S": value} for name, value in texts.items()}


def read(item: "Mapping[str, AttributeValueTypeDef]") -> dict[str, str]:
    """The attributes of an item that are texts."""
    return {name: value["S"] for name, value in item.items() if "S" in value}


def unmet(error: ClientError) -> bool:
    """Whether a write was refused because its condition did not hold.

    So is a transaction that met another one over the same items: whoever reads again sees why.
    """
    if error.response["Error"]["Code"] == "TransactionCanceledException":
        reasons = {str(each.get("Code")) for each in error.response.get("CancellationReasons", ())}
        return reasons <= {"None", "ConditionalCheckFailed", "TransactionConflict"}
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"
