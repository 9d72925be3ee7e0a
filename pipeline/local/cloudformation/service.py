"""What CloudFormation says of the stacks that were deployed: their outputs, parameters and resources.

    aws cloudformation describe-stacks --stack-name imagebatch

Stacks are made by pipeline/local/deploy: by the cloud itself, which tells this service of it, or by a change set
(change_sets.py). CreateStack and UpdateStack are refused by name. Deploying a stack again replaces what is told of it.
What is told is kept in a file, for a later cloud in the same folder: it deploys the stack anew, and what the stack no
longer has goes.
"""

import datetime
import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.local.cloudformation import change_sets
from pipeline.local.cloudformation.change_sets import ChangeSet, invalid
from pipeline.local.cloudformation.stacks import Deployed, event, load, save
from pipeline.local.protocol import ServiceError
from pipeline.local.query import QueryService

if TYPE_CHECKING:
    from pipeline.local.deploy import Cloud, Made, Stack

_log = logging.getLogger(__name__)
_DELETING = "DELETE_IN_PROGRESS"
_NO_CHANGES = "The submitted information didn't contain changes."


class CloudFormationService(QueryService):
    """The stacks of one cloud, kept in the file `path`. Safe to call from any thread."""

    service: ClassVar[str] = "cloudformation"
    signing_name: ClassVar[str] = "cloudformation"

    def __init__(self, path: Path, cloud: "Cloud") -> None:
        self._path = path
        self._cloud = cloud
        self._made: dict[str, Made] = {}
        self._change_sets: dict[str, ChangeSet] = {}
        self._under_way: dict[str, str] = {}
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._tokens: dict[str, str | None] = {}
        self._stacks = load(path)
        self._lock = threading.RLock()

    def register(self, stack: "Stack", made: "Made | None" = None) -> None:
        """Tell of a stack from now on, in place of an earlier one of its name."""
        now = datetime.datetime.now(datetime.UTC)
        with self._lock:
            if made is not None:
                self._made[stack.name] = made
            before = self._stacks.get(stack.name)
            self._stacks[stack.name] = (
                replace(before, stack=stack, updated=now) if before else Deployed(stack, now, None, {})
            )
            save(self._stacks, self._path)

    def stack(self, name: str) -> "Stack | None":
        """The stack of a name as it was deployed last, by this cloud or by an earlier one in its folder."""
        with self._lock:
            deployed = self._stacks.get(name)
        return deployed.stack if deployed else None

    def describe_stacks(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters.get("StackName")
        if name is not None and (unmade := self._not_made_yet(name)):
            return {"Stacks": [unmade]}
        described = [deployed.description for deployed in self._chosen(name)]
        with self._lock:
            return {"Stacks": [each | self._now(each["StackName"]) for each in described]}

    def _not_made_yet(self, name: str) -> dict[str, Any] | None:
        """A stack of which there is a change set, and nothing else so far."""
        with self._lock:
            for change_set in self._change_sets.values():
                if name in (change_set.stack, change_set.stack_id) and change_set.stack not in self._stacks:
                    status = self._under_way.get(change_set.stack, "REVIEW_IN_PROGRESS")
                    return {
                        "StackName": change_set.stack,
                        "StackId": change_set.stack_id,
                        "CreationTime": change_set.created,
                        "StackStatus": status,
                    }
        return None

    def _now(self, name: str) -> dict[str, str]:
        """What a change that is under way, or has failed, makes of a stack's status."""
        status = self._under_way.get(name)
        return {"StackStatus": status} if status else {}

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
            raise invalid("Exactly one of StackName and PhysicalResourceId must be specified")
        chosen = self._chosen(name)
        if physical_id is not None:
            chosen = [deployed for deployed in chosen if physical_id in deployed.stack.resources.values()]
            if not chosen:
                raise invalid(f"Stack for {physical_id} does not exist")
        (deployed,) = chosen[:1]
        logical_id = parameters.get("LogicalResourceId")
        found = [
            {"StackName": deployed.stack.name, "StackId": deployed.stack.id, "Timestamp": deployed.last, **resource}
            for resource in deployed.resources
            if logical_id in (None, resource["LogicalResourceId"])
        ]
        if not found:
            raise invalid(f"Resource {logical_id} does not exist for stack {deployed.stack.name}")
        return {"StackResources": found}

    def list_stack_resources(self, parameters: dict[str, Any]) -> dict[str, Any]:
        (deployed,) = self._chosen(parameters["StackName"])
        return {
            "StackResourceSummaries": [
                {**resource, "LastUpdatedTimestamp": deployed.last} for resource in deployed.resources
            ]
        }

    def create_change_set(self, parameters: dict[str, Any]) -> dict[str, Any]:
        stack, kind = parameters["StackName"].rpartition("stack/")[2].split("/")[0], parameters.get("ChangeSetType")
        parameters["StackName"] = stack
        exists = self.stack(stack) is not None
        if exists == (kind == "CREATE"):
            what = "already exists and cannot be created again" if exists else "does not exist"
            raise change_sets.invalid(f"Stack [{stack}] {what}")
        with self._lock:
            before = self._made.get(stack)
        prepared, changes = change_sets.prepare(parameters, self._cloud, before)
        number = change_sets.new_id(self._cloud, parameters["ChangeSetName"])
        stack_id = str(prepared.scope.values["AWS::StackId"])
        made = ChangeSet(number, parameters["ChangeSetName"], stack, stack_id, prepared, changes)
        if "Tags" in parameters:
            made.tags = {tag["Key"]: tag["Value"] for tag in parameters["Tags"]}
        if not changes and exists:
            made.reason = (
                "The submitted information didn't contain changes. Submit different information to create a change set."
            )
        with self._lock:
            self._change_sets[number] = made
        if not exists:
            self._note(stack, stack_id, "REVIEW_IN_PROGRESS", "User Initiated")
        return {"Id": number, "StackId": stack_id}

    def describe_change_set(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = self._change_set(parameters)
        return {
            "ChangeSetName": found.name,
            "ChangeSetId": found.id,
            "StackId": found.stack_id,
            "StackName": found.stack,
            "CreationTime": found.created,
            "Status": "FAILED" if found.reason else "CREATE_COMPLETE",
            "ExecutionStatus": "EXECUTE_COMPLETE" if found.executed else "UNAVAILABLE" if found.reason else "AVAILABLE",
            "StatusReason": found.reason,
            "Changes": found.changes,
        }

    def delete_change_set(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = self._change_set(parameters)
        with self._lock:
            self._change_sets.pop(found.id, None)
        return {}

    def execute_change_set(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = self._change_set(parameters)
        if found.executed or found.reason or found.prepared is None:
            message = f"ChangeSet [{found.id}] cannot be executed in its current status"
            raise ServiceError("InvalidChangeSetStatus", message, status=400)
        prepared, exists = found.prepared, self.stack(found.stack) is not None
        verb = "UPDATE" if exists else "CREATE"
        self._begin(found.stack, found.stack_id, f"{verb}_IN_PROGRESS", parameters.get("ClientRequestToken"))
        found.executed = True
        with self._lock:  # they tell what the stack as it was would become
            for other in [each.id for each in self._change_sets.values() if each.stack == found.stack]:
                if other != found.id:
                    self._change_sets.pop(other)

        def work() -> None:
            from pipeline.local.deploy import TemplateError, make

            try:
                make(self._cloud, prepared, found.stack, self._made.get(found.stack))
            except TemplateError as error:
                self._end(found.stack, found.stack_id, f"{verb}_FAILED", "; ".join(error.problems))
            except Exception as error:  # noqa: BLE001 - whatever it is, who waits for the stack is to hear of it
                _log.exception("the stack %s could not be changed", found.stack)
                self._end(found.stack, found.stack_id, f"{verb}_FAILED", repr(error))
            else:
                self._tag(found)
                self._end(found.stack, found.stack_id, f"{verb}_COMPLETE", None)

        change_sets.in_the_background(work)
        return {}

    def delete_stack(self, parameters: dict[str, Any]) -> dict[str, Any]:
        chosen = [each for each in self._chosen(None) if parameters["StackName"] in (each.stack.name, each.stack.id)]
        if not chosen:
            return {}  # as AWS answers for a stack that is gone
        stack = chosen[0].stack
        with self._lock:
            if self._under_way.get(stack.name) == _DELETING:
                return {}

        def work() -> None:
            from pipeline.local.deploy import delete

            try:
                delete(self._cloud, stack, self._made.get(stack.name))
            except Exception as error:  # noqa: BLE001 - the same
                _log.exception("the stack %s could not be deleted", stack.name)
                self._end(stack.name, stack.id, "DELETE_FAILED", repr(error))
                return
            with self._lock:
                self._stacks.pop(stack.name, None)
                self._made.pop(stack.name, None)
                self._under_way.pop(stack.name, None)
                for gone in [each.id for each in self._change_sets.values() if each.stack == stack.name]:
                    self._change_sets.pop(gone)
                save(self._stacks, self._path)
                self._note(stack.name, stack.id, "DELETE_COMPLETE", None)

        self._begin(stack.name, stack.id, _DELETING, parameters.get("ClientRequestToken"))
        change_sets.in_the_background(work)
        return {}

    def describe_stack_events(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["StackName"].rpartition("stack/")[2].split("/")[0]
        with self._lock:
            known = name in self._events
        if not known:  # deployed by another way, or by an earlier cloud: the latest event is known
            (deployed,) = self._chosen(name)
            self._note(name, deployed.stack.id, deployed.status, None)
        with self._lock:
            return {"StackEvents": list(reversed(self._events[name]))}

    def _tag(self, made: ChangeSet) -> None:
        """A change that names no tags leaves those that the stack has."""
        with self._lock:
            if made.tags is not None:
                self._stacks[made.stack] = replace(self._stacks[made.stack], tags=made.tags)
                save(self._stacks, self._path)

    def _begin(self, stack: str, stack_id: str, status: str, token: str | None) -> None:
        """Raises ServiceError where the stack is being changed already."""
        with self._lock:
            now = self._under_way.get(stack, "")
            if now.endswith("_IN_PROGRESS"):
                raise invalid(f"Stack:{stack_id} is in {now} state and can not be updated.")
            self._under_way[stack] = status
            self._tokens[stack] = token
        self._note(stack, stack_id, status, None)

    def _end(self, stack: str, stack_id: str, status: str, reason: str | None) -> None:
        # At once: who has read the event may change the stack again.
        with self._lock:
            self._under_way.pop(stack, None)
            if status.endswith("_FAILED"):
                self._under_way[stack] = status
            self._note(stack, stack_id, status, reason)

    def _note(self, stack: str, stack_id: str, status: str, reason: str | None) -> None:
        with self._lock:
            noted = event(stack, stack_id, status, reason, self._tokens.get(stack))
            self._events.setdefault(stack, []).append(noted)

    def _change_set(self, parameters: dict[str, Any]) -> ChangeSet:
        with self._lock:
            for found in self._change_sets.values():
                if parameters["ChangeSetName"] in (found.id, found.name):
                    return found
        message = f"ChangeSet [{parameters['ChangeSetName']}] does not exist"
        raise ServiceError("ChangeSetNotFound", message, status=404)

    def _chosen(self, name: str | None) -> list[Deployed]:
        """The stack with a name or id, or all of them, newest first."""
        with self._lock:
            stacks = sorted(self._stacks.values(), key=lambda deployed: deployed.created, reverse=True)
        if name is None:
            return stacks
        found = [deployed for deployed in stacks if name in (deployed.stack.name, deployed.stack.id)]
        if not found:
            raise invalid(f"Stack with id {name} does not exist")
        return found
