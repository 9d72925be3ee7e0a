"""The stacks that were deployed, what happens to them, and the file that keeps them for a later cloud."""

import datetime
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.local.deploy import Stack

_CREATED, _UPDATED = "CREATE_COMPLETE", "UPDATE_COMPLETE"


@dataclass(frozen=True)
class Deployed:
    """A stack as it was deployed last, and as CloudFormation describes it."""

    stack: "Stack"
    created: datetime.datetime
    updated: datetime.datetime | None
    tags: Mapping[str, str]

    @property
    def last(self) -> datetime.datetime:
        """When it was deployed last."""
        return self.updated or self.created

    @property
    def status(self) -> str:
        return _UPDATED if self.updated else _CREATED

    @property
    def summary(self) -> dict[str, Any]:
        """What descriptions and listings both have."""
        return {
            "StackId": self.stack.id,
            "StackName": self.stack.name,
            "CreationTime": self.created,
            "LastUpdatedTime": self.updated,
            "StackStatus": self.status,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        }

    @property
    def resources(self) -> Iterator[dict[str, Any]]:
        for logical_id, physical_id in self.stack.resources.items():
            yield {
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": physical_id,
                "ResourceType": self.stack.types[logical_id],
                "ResourceStatus": self.status,
                "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
            }

    @property
    def description(self) -> dict[str, Any]:
        stack = self.stack
        return {
            **self.summary,
            "Description": stack.description or None,
            "Parameters": _pairs("Parameter", stack.parameters),
            "Outputs": [
                {"OutputKey": name, "OutputValue": value, "Description": stack.output_descriptions.get(name)}
                for name, value in stack.outputs.items()
            ],
            "DisableRollback": False,
            "NotificationARNs": [],
            "Capabilities": [],
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
            "EnableTerminationProtection": False,
        }


def event(stack: str, stack_id: str, status: str, reason: str | None, token: str | None) -> dict[str, Any]:
    """What happens to a stack at this moment, as DescribeStackEvents has it."""
    return {
        "StackId": stack_id,
        "EventId": str(uuid.uuid4()),
        "StackName": stack,
        "LogicalResourceId": stack,
        "PhysicalResourceId": stack_id,
        "ResourceType": "AWS::CloudFormation::Stack",
        "Timestamp": datetime.datetime.now(datetime.UTC),
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "ClientRequestToken": token,
    }


def load(path: Path) -> dict[str, Deployed]:
    """The stacks that a file keeps, by their names; none where there is no file."""
    if not path.exists():
        return {}
    from pipeline.local.deploy import Stack  # with the translator of SAM, which only a deployment needs

    stacks = {}
    for name, entry in json.loads(path.read_text(encoding="utf-8")).items():
        fields = entry["stack"]
        created, updated = (datetime.datetime.fromisoformat(entry[when]) for when in ("created", "told"))
        stack = Stack(**{**fields, "ignored": tuple(fields["ignored"])})
        stacks[name] = Deployed(stack, created, updated, entry.get("tags", {}))
    return stacks


def save(stacks: Mapping[str, Deployed], path: Path) -> None:
    """Keep them in a file, which is there whole or not at all."""
    document = {
        name: {
            "created": deployed.created.isoformat(),
            "told": deployed.last.isoformat(),
            "stack": asdict(deployed.stack),
            "tags": deployed.tags,
        }
        for name, deployed in stacks.items()
    }
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path)


def _pairs(kind: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{f"{kind}Key": name, f"{kind}Value": value} for name, value in values.items()]
