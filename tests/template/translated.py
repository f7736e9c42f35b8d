"""`template.yaml` as CloudFormation would see it: translated by SAM's own translator, and resolved.

Nothing is asked of AWS. Code and definitions point to a dummy bucket, since only their content is
missing here. `Stack` resolves parameters, conditions and references to plain values, with made-up
account and region, so that tests compare what would really be deployed.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

REPO = Path(__file__).resolve().parents[2]
TEMPLATE = REPO / "template.yaml"

ACCOUNT_ID = "123456789012"
REGION = "eu-north-1"
PARTITION = "aws"
NO_VALUE = object()
_PSEUDO = {
    "AWS::AccountId": ACCOUNT_ID,
    "AWS::Region": REGION,
    "AWS::Partition": PARTITION,
    "AWS::NoValue": NO_VALUE,
}
_URIS = ("CodeUri", "ContentUri", "DefinitionUri")
# What AWS names after the resource's kind: the last part of an ARN, and where the name stands.
_ARNS = {
    "AWS::S3::Bucket": ("BucketName", "arn:{p}:s3:::{name}"),
    "AWS::Lambda::Function": ("FunctionName", "arn:{p}:lambda:{r}:{a}:function:{name}"),
    "AWS::StepFunctions::StateMachine": (
        "StateMachineName",
        "arn:{p}:states:{r}:{a}:stateMachine:{name}",
    ),
    "AWS::Logs::LogGroup": ("LogGroupName", "arn:{p}:logs:{r}:{a}:log-group:{name}:*"),
    "AWS::SQS::Queue": ("QueueName", "arn:{p}:sqs:{r}:{a}:{name}"),
    "AWS::Events::Rule": ("Name", "arn:{p}:events:{r}:{a}:rule/{name}"),
    "AWS::DynamoDB::Table": ("TableName", "arn:{p}:dynamodb:{r}:{a}:table/{name}"),
    "AWS::IAM::Role": ("RoleName", "arn:{p}:iam::{a}:role/{name}"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "arn:{p}:iam::{a}:policy/{name}"),
    "AWS::SNS::Topic": ("TopicName", "arn:{p}:sns:{r}:{a}:{name}"),
    "AWS::CloudWatch::Alarm": ("AlarmName", "arn:{p}:cloudwatch:{r}:{a}:alarm:{name}"),
}
# What `Ref` gives, where it is not the logical id: a name, or for machines and topics the ARN.
_REF_IS_ARN = {
    "AWS::IAM::ManagedPolicy",
    "AWS::SNS::Topic",
    "AWS::StepFunctions::StateMachine",
}
_REF_NAMES = {
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::Athena::WorkGroup": ("Name",),
    "AWS::Glue::Database": ("DatabaseInput", "Name"),
    "AWS::Lambda::Function": ("FunctionName",),
    "AWS::DynamoDB::Table": ("TableName",),
}


@cache
def _source() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    return parsed


def source() -> dict[str, Any]:
    """The template as written, its short forms (`!Ref`) spelt out."""
    return deepcopy(_source())


@cache
def _translated() -> dict[str, Any]:
    template = source()
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for name in _URIS:
            if name in properties:
                properties[name] = f"s3://dummy/{properties[name]}"
    # The policies are written out in the template, so the map of AWS's managed ones stays empty.
    session = boto3.Session(region_name=REGION)  # asked for its region only
    translator = Translator({}, Parser(), boto_session=session)
    result: dict[str, Any] = translator.translate(template, {})
    return result


@dataclass(frozen=True)
class Stack:
    """The translated template with these parameters (the others at their defaults)."""

    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def template(self) -> dict[str, Any]:
        return _translated()

    def value(self, name: str) -> Any:
        """A parameter's value."""
        if name in self.parameters:
            return self.parameters[name]
        return self.template["Parameters"][name]["Default"]

    def resource(self, name: str) -> dict[str, Any]:
        """A resource, resolved."""
        resolved: dict[str, Any] = self.resolve(self.template["Resources"][name])
        return resolved

    def properties(self, name: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.resource(name)["Properties"]
        return properties

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The resolved properties of every resource of a type, by logical id."""
        names = [
            name
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == kind
            and ("Condition" not in resource or self.condition(resource["Condition"]))
        ]
        return {name: self.properties(name) for name in names}

    def resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            resolved = [self.resolve(each) for each in value]
            return [each for each in resolved if each is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            function = getattr(self, f"_{name.replace('::', '_').lower()}", None)
            if name == "Ref" or name.startswith("Fn::"):
                if function is None:
                    raise AssertionError(f"the tests cannot resolve {name}; teach them")
                return function(argument)
        resolved_items = {key: self.resolve(each) for key, each in value.items()}
        return {key: each for key, each in resolved_items.items() if each is not NO_VALUE}

    def condition(self, name: str) -> bool:
        return bool(self.resolve(self.template["Conditions"][name]))

    def _ref(self, name: str) -> Any:
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self.template["Parameters"]:
            return self.value(name)
        resource = self._there(name)
        if resource["Type"] in _REF_IS_ARN:
            return self._arn(name)
        found: Any = resource.get("Properties", {})
        for step in _REF_NAMES.get(resource["Type"], ()):
            found = found[step]
        return self.resolve(found) if resource["Type"] in _REF_NAMES else name

    def _there(self, name: str) -> dict[str, Any]:
        """A resource that may be referred to: one that these parameters make."""
        resource: dict[str, Any] = self.template["Resources"][name]
        if "Condition" in resource and not self.condition(resource["Condition"]):
            raise AssertionError(f"something refers to {name}, which is not there")
        return resource

    def _arn(self, name: str) -> str:
        resource = self._there(name)
        name_property, form = _ARNS[resource["Type"]]
        given = self.resolve(resource.get("Properties", {}).get(name_property, name))
        return form.format(p=PARTITION, r=REGION, a=ACCOUNT_ID, name=given)

    def _fn_getatt(self, argument: list[str] | str) -> str:
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        if attribute == "QueueName":
            return self._arn(name).rpartition(":")[2]
        if attribute != "Arn":
            raise AssertionError(f"the tests cannot resolve {name}.{attribute}; teach them")
        return self._arn(name)

    def _fn_sub(self, argument: Any) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in given:
                return str(self.resolve(given[name]))
            return str(self._fn_getatt(name) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", replace, text)

    def _fn_if(self, argument: list[Any]) -> Any:
        condition, then, otherwise = argument
        return self.resolve(then if self.condition(condition) else otherwise)

    def _fn_not(self, argument: list[Any]) -> bool:
        (one,) = self.resolve(argument)
        return not one

    def _fn_or(self, argument: list[Any]) -> bool:
        return any(self.resolve(argument))

    def _fn_equals(self, argument: list[Any]) -> bool:
        left, right = self.resolve(argument)
        return bool(left == right)

    def role_of(self, name: str) -> str:
        """The logical id of the role that a function, machine, schedule or rule runs under."""
        properties = self.template["Resources"][name]["Properties"]
        role = properties.get("Role") or properties.get("RoleArn")
        role = role or properties.get("Target", {}).get("RoleArn")
        role = role or properties.get("Targets", [{}])[0].get("RoleArn")
        logical_id, _ = role["Fn::GetAtt"]
        return str(logical_id)

    def statements(self, role: str) -> list[dict[str, Any]]:
        """The statements of a role's own policies: actions and resources always lists."""
        found = []
        for policy in self.properties(role).get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                each = dict(statement)
                for name in {"Action", "Resource", "NotResource"} & set(each):
                    each[name] = [each[name]] if isinstance(each[name], str) else each[name]
                found.append(each)
        return found

    def grants(self, role: str) -> Iterator[tuple[str, str]]:
        """Every allowed (action, resource) of a role."""
        for statement in self.statements(role):
            if statement["Effect"] != "Allow":
                continue
            for action in statement["Action"]:
                for resource in statement["Resource"]:
                    yield action, resource


DEFAULT = Stack()


def functions() -> dict[str, dict[str, Any]]:
    """The functions' resolved properties, by verb (`Capture`)."""
    found = DEFAULT.of_type("AWS::Lambda::Function")
    return {name.removesuffix("Function"): properties for name, properties in found.items()}


def machines() -> dict[str, dict[str, Any]]:
    """The machines' resolved properties, by name (`capture`)."""
    found = DEFAULT.of_type("AWS::StepFunctions::StateMachine")
    return {name.removesuffix("StateMachine").lower(): each for name, each in found.items()}
