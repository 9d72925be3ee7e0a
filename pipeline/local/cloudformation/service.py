"""What CloudFormation says of the stacks that were deployed: their outputs, parameters and resources.

    aws cloudformation describe-stacks --stack-name imagebatch

Stacks are made by pipeline/local/deploy and told to this service; to make, change or delete one through this API is
refused by name. Deploying a stack again replaces what is told of it. What is told is kept in a file, for a later cloud
in the same folder: it deploys the stack anew, and what the stack no longer has goes.
"""

import datetime
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.local.protocol import ServiceError
from pipeline.local.query import QueryService

if TYPE_CHECKING:
    from pipeline.local.deploy import Stack

_CREATED, _UPDATED = "CREATE_COMPLETE", "UPDATE_COMPLETE"


@dataclass(frozen=True)
class _Deployed:
    stack: "Stack"
    created: datetime.datetime
    updated: datetime.datetime | None

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


class CloudFormationService(QueryService):
    """The stacks of one cloud, kept in the file `path`. Safe to call from any thread."""

    service: ClassVar[str] = "cloudformation"
    signing_name: ClassVar[str] = "cloudformation"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stacks = _load(path)
        self._lock = threading.Lock()

    def register(self, stack: "Stack") -> None:
        """Tell of a stack from now on, in place of an earlier one of its name."""
        now = datetime.datetime.now(datetime.UTC)
        with self._lock:
            before = self._stacks.get(stack.name)
            self._stacks[stack.name] = _Deployed(stack, before.created if before else now, now if before else None)
            _save(self._stacks, self._path)

    def stack(self, name: str) -> "Stack | None":
        """The stack of a name as it was deployed last, by this cloud or by an earlier one in its folder."""
        with self._lock:
            deployed = self._stacks.get(name)
        return deployed.stack if deployed else None

    def describe_stacks(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"Stacks": [_description(deployed) for deployed in self._chosen(parameters.get("StackName"))]}

    def list_stacks(self, parameters: dict[str, Any]) -> dict[str, Any]:
        wanted = parameters.get("StackStatusFilter", ())
        return {
            "StackSummaries": [
                {**deployed.summary, "TemplateDescription": deployed.stack.description or None}
                for deployed in self._chosen(None)
                if not wanted or deployed.status in wanted
            ]
        }

    def describe_stack_resources(self, parameters: dict[str, Any]) -> dict[str, Any]:
        physical_id, name = parameters.get("PhysicalResourceId"), parameters.get("StackName")
        if (physical_id is None) == (name is None):
            raise _invalid("Exactly one of StackName and PhysicalResourceId must be specified")
        chosen = self._chosen(name)
        if physical_id is not None:
            chosen = [deployed for deployed in chosen if physical_id in deployed.stack.resources.values()]
            if not chosen:
                raise _invalid(f"Stack for {physical_id} does not exist")
        (deployed,) = chosen[:1]
        logical_id = parameters.get("LogicalResourceId")
        found = [
            {"StackName": deployed.stack.name, "StackId": deployed.stack.id, "Timestamp": _last(deployed), **resource}
            for resource in deployed.resources
            if logical_id in (None, resource["LogicalResourceId"])
        ]
        if not found:
            raise _invalid(f"Resource {logical_id} does not exist for stack {deployed.stack.name}")
        return {"StackResources": found}

    def list_stack_resources(self, parameters: dict[str, Any]) -> dict[str, Any]:
        (deployed,) = self._chosen(parameters["StackName"])
        return {
            "StackResourceSummaries": [
                {**resource, "LastUpdatedTimestamp": _last(deployed)} for resource in deployed.resources
            ]
        }

    def _chosen(self, name: str | None) -> list[_Deployed]:
        """The stack with a name or id, or all of them, newest first."""
        with self._lock:
            stacks = sorted(self._stacks.values(), key=lambda deployed: deployed.created, reverse=True)
        if name is None:
            return stacks
        found = [deployed for deployed in stacks if name in (deployed.stack.name, deployed.stack.id)]
        if not found:
            raise _invalid(f"Stack with id {name} does not exist")
        return found


def _load(path: Path) -> dict[str, _Deployed]:
    if not path.exists():
        return {}
    from pipeline.local.deploy import Stack  # with the translator of SAM, which only a deployment needs

    stacks = {}
    for name, entry in json.loads(path.read_text(encoding="utf-8")).items():
        fields = entry["stack"]
        created, updated = (datetime.datetime.fromisoformat(entry[when]) for when in ("created", "told"))
        stacks[name] = _Deployed(Stack(**{**fields, "ignored": tuple(fields["ignored"])}), created, updated)
    return stacks


def _save(stacks: Mapping[str, _Deployed], path: Path) -> None:
    document = {
        name: {
            "created": deployed.created.isoformat(),
            "told": _last(deployed).isoformat(),
            "stack": asdict(deployed.stack),
        }
        for name, deployed in stacks.items()
    }
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path)


def _description(deployed: _Deployed) -> dict[str, Any]:
    stack = deployed.stack
    return {
        **deployed.summary,
        "Description": stack.description or None,
        "Parameters": _pairs("Parameter", stack.parameters),
        "Outputs": [
            {"OutputKey": name, "OutputValue": value, "Description": stack.output_descriptions.get(name)}
            for name, value in stack.outputs.items()
        ],
        "DisableRollback": False,
        "NotificationARNs": [],
        "Capabilities": [],
        "Tags": [],
        "EnableTerminationProtection": False,
    }


def _pairs(kind: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{f"{kind}Key": name, f"{kind}Value": value} for name, value in values.items()]


def _last(deployed: _Deployed) -> datetime.datetime:
    return deployed.updated or deployed.created


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationError", message, status=400)
