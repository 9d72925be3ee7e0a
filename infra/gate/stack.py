"""The template as the checks look at it."""

import copy
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.local.deploy.conditions import apply_conditions
from pipeline.local.deploy.graph import references
from pipeline.local.deploy.intrinsics import Scope, resolve
from pipeline.local.deploy.template import load, package, translate

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"
ARTIFACTS = TEMPLATE.with_name("artifacts.yaml")
"""What `imagebatch deploy` makes ahead of a stack: the bucket for what it uploads."""
REGION, ACCOUNT = "us-east-1", "123456789012"
STATE_MACHINE = "AWS::Serverless::StateMachine"

# What Ref gives that is no name: an ARN, or a URL.
_ARNS: Mapping[str, str] = {
    "AWS::ECR::Repository": "ecr:{region}:{account}:repository/{name}",
    "AWS::StepFunctions::StateMachineAlias": "states:{region}:{account}:stateMachine:machine:{name}",
    "AWS::StepFunctions::StateMachineVersion": "states:{region}:{account}:stateMachine:{name}:1",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::Events::Rule": "events:{region}:{account}:rule/{name}",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::KMS::Key": "kms:{region}:{account}:key/12345678-1234-1234-1234-123456789012",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:/aws/lambda/{name}:*",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::SageMaker::Endpoint": "sagemaker:{region}:{account}:endpoint/{name}",
    "AWS::Scheduler::ScheduleGroup": "scheduler:{region}:{account}:schedule-group/{name}",
    "AWS::StepFunctions::StateMachine": "states:{region}:{account}:stateMachine:{name}",
}
_REF_IS_AN_ARN = {
    "AWS::StepFunctions::StateMachineAlias",
    "AWS::StepFunctions::StateMachineVersion",
    "AWS::IAM::ManagedPolicy",
    "AWS::SNS::Topic",
    "AWS::SageMaker::Endpoint",
    "AWS::StepFunctions::StateMachine",
}
# Parameters that policies are made of, where their default is empty.
_PARAMETERS: Mapping[str, str] = {
    "ContainerImageUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/models:1",
    "ContainerRepositoryArn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/models",
    "EndpointArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/photos",
    "EndpointName": "photos",
    "KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012",
    "OtherImages": "arn:aws:s3:::archive/2026/*",
    "OtherImagesBuckets": "arn:aws:s3:::archive",
    "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
    "ProcessingBucket": "copies",
    "SubnetIds": "subnet-0a1b",
    "SecurityGroupIds": "sg-0a1b",
    "RouteTableIds": "rtb-0a1b",
    "VpcId": "vpc-0a1b",
}


@dataclass(frozen=True)
class Stack:
    """A template, and the text of each state machine's definition by logical id."""

    source: Mapping[str, Any]
    definitions: Mapping[str, str]
    path: Path = TEMPLATE

    @classmethod
    def read(cls, path: Path = TEMPLATE) -> "Stack":
        source = load(path)
        machines = {name: entry for name, entry in source["Resources"].items() if entry["Type"] == STATE_MACHINE}
        texts = {
            name: (path.parent / entry["Properties"]["DefinitionUri"]).read_text(encoding="utf-8")
            for name, entry in machines.items()
        }
        return cls(source, texts, path)

    @cached_property
    def translated(self) -> dict[str, Any]:
        """CloudFormation alone: SAM translated, and each definition in its DefinitionString."""
        translated = translate(package(copy.deepcopy(dict(self.source)), self.path.parent), {}, REGION)
        for name, text in self.definitions.items():
            properties = translated["Resources"][name]["Properties"]
            properties.pop("DefinitionS3Location", None)
            properties["DefinitionString"] = json.dumps(json.loads(text))
        return translated

    def decided(self) -> Iterator[dict[str, Any]]:
        """The resources with every function evaluated: where each condition holds, where none does, and as often again
        as it takes for each choice of the template to be made each way.

        Names and ARNs are made up, in the forms that the services give them.
        """
        for truths in self._truths():
            chosen = apply_conditions(self.translated, truths)["Resources"]
            scope = self._scope()
            yield {name: resolve(entry, scope, f"Resources.{name}") for name, entry in chosen.items()}

    def _truths(self) -> list[dict[str, bool]]:
        """What conditions may be so that every branch of every Fn::If is in one of them. Not each is possible."""
        conditions = self.translated.get("Conditions", {})
        found = [dict.fromkeys(conditions, True), dict.fromkeys(conditions, False)]
        for entry in self.translated["Resources"].values():
            only_if = {entry["Condition"]: True} if "Condition" in entry else {}
            for path in _paths(entry.get("Properties", {}), only_if):
                fitting = (
                    each for each in found if all(each.get(name, truth) == truth for name, truth in path.items())
                )
                each = next(fitting, None)
                if each is None:
                    found.append(path)
                else:
                    each.update(path)
        return [dict.fromkeys(conditions, True) | each for each in found]

    def _scope(self) -> Scope:
        declared = self.translated.get("Parameters", {})
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/imagebatch/1",
            "AWS::StackName": "imagebatch",
            "AWS::URLSuffix": "amazonaws.com",
        }
        scope = Scope({**{name: str(entry.get("Default", "")) for name, entry in declared.items()}, **pseudo})
        scope.values.update({name: value for name, value in _PARAMETERS.items() if name in declared})
        resources = self.translated["Resources"]
        for name, entry in resources.items():
            arn = _arn(name, entry["Type"])
            scope.values[name] = arn if entry["Type"] in _REF_IS_AN_ARN else name.lower()
            scope.attributes[name, "Arn"] = arn
        everything = itertools.chain(resources.items(), self.translated.get("Outputs", {}).items())
        for place, entry in everything:
            for reference in references(entry, place):
                if reference.attribute is not None:
                    scope.attributes.setdefault((reference.name, reference.attribute), reference.name.lower())
        return scope


def _paths(node: Any, taken: dict[str, bool]) -> Iterator[dict[str, bool]]:
    """By which conditions each branch below a node is come to, where those of `taken` brought us to the node."""
    match node:
        case {"Fn::If": [str(name), holds, holds_not]}:
            for truth, branch in ((True, holds), (False, holds_not)):
                if taken.get(name, truth) == truth:
                    path = {**taken, name: truth}
                    yield path
                    yield from _paths(branch, path)
        case dict() | list():
            for each in node.values() if isinstance(node, dict) else node:
                yield from _paths(each, taken)


def _arn(name: str, kind: str) -> str:
    form = _ARNS.get(kind)
    return f"arn:aws:{form.format(region=REGION, account=ACCOUNT, name=name.lower())}" if form else name.lower()


def listed(value: Any) -> list[Any]:
    """What may stand alone, or in a list."""
    return value if isinstance(value, list) else [value]
