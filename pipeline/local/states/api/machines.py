"""State machines: create, update, describe, list, delete, validate."""

import json
import uuid
from typing import Any

from pipeline.local.protocol import ServiceError
from pipeline.local.states import definition
from pipeline.local.states.api.base import PAGE, check_arn, check_name, page
from pipeline.local.states.api.versions import VersionOperations
from pipeline.local.states.errors import DefinitionError
from pipeline.local.states.records import MachineRecord
from pipeline.local.states.resources import check_resources

_OPTIONS = ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")


class MachineOperations(VersionOperations):
    """Operations on state machines."""

    def create_state_machine(self, parameters: dict[str, Any]) -> dict[str, Any]:
        check_name(parameters["name"])
        _check_definition(parameters["definition"])
        now = self.engine.clock()
        machine = MachineRecord(
            arn=self.engine.arn("stateMachine", parameters["name"]),
            name=parameters["name"],
            type=parameters.get("type", "STANDARD"),
            definition=parameters["definition"],
            role_arn=parameters["roleArn"],
            revision_id=str(uuid.uuid4()),
            created=now,
            updated=now,
            options=_options(parameters),
        )
        existing = self.store.machine(machine.arn)
        if existing is None:
            self.store.save_machine(machine)
            self.store.tag(machine.arn, {tag["key"]: tag.get("value", "") for tag in parameters.get("tags", ())})
        elif _same(existing, machine):
            machine = existing
        else:
            raise ServiceError("StateMachineAlreadyExists", f"State Machine Already Exists: '{machine.arn}'")
        return {
            "stateMachineArn": machine.arn,
            "creationDate": machine.created,
            "stateMachineVersionArn": self._version_asked_for(machine, parameters),
        }

    def update_state_machine(self, parameters: dict[str, Any]) -> dict[str, Any]:
        machine = self.existing_machine(parameters["stateMachineArn"])
        if not {"definition", "roleArn", *_OPTIONS} & parameters.keys():
            raise ServiceError(
                "MissingRequiredParameter", "Either the definition, the role ARN or a configuration must be specified"
            )
        if "definition" in parameters:
            _check_definition(parameters["definition"])
            machine.definition = parameters["definition"]
        machine.role_arn = parameters.get("roleArn", machine.role_arn)
        machine.options = json.dumps(json.loads(machine.options) | json.loads(_options(parameters)))
        machine.revision_id = str(uuid.uuid4())
        machine.updated = self.engine.clock()
        self.store.save_machine(machine)
        return {
            "updateDate": machine.updated,
            "revisionId": machine.revision_id,
            "stateMachineVersionArn": self._version_asked_for(machine, parameters),
        }

    def _version_asked_for(self, machine: MachineRecord, parameters: dict[str, Any]) -> str | None:
        if not parameters.get("publish"):
            return None
        return self._published(machine, parameters.get("versionDescription", "")).arn

    def describe_state_machine(self, parameters: dict[str, Any]) -> dict[str, Any]:
        machine, version, alias = self.startable(parameters["stateMachineArn"])
        return {
            "stateMachineArn": alias or version or machine.arn,
            "name": machine.name,
            "status": "ACTIVE",
            "definition": machine.definition,
            "roleArn": machine.role_arn,
            "type": machine.type,
            "creationDate": machine.created,
            "revisionId": machine.revision_id,
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
            "tracingConfiguration": {"enabled": False},
            **json.loads(machine.options),
        }

    def list_state_machines(self, parameters: dict[str, Any]) -> dict[str, Any]:
        machines, token = page(parameters, "", self.store.machines, lambda machine: machine.arn)
        return {
            "stateMachines": [
                {
                    "stateMachineArn": machine.arn,
                    "name": machine.name,
                    "type": machine.type,
                    "creationDate": machine.created,
                }
                for machine in machines
            ],
            "nextToken": token,
        }

    def delete_state_machine(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Delete; executions under way go on to their end, as on AWS."""
        check_arn(parameters["stateMachineArn"], "stateMachine")
        self.store.delete_machine(parameters["stateMachineArn"])
        return {}

    def validate_state_machine_definition(self, parameters: dict[str, Any]) -> dict[str, Any]:
        try:
            check_resources(definition.parse(parameters["definition"]))
            problems = []
        except DefinitionError as error:
            problems = error.problems
        limit = parameters.get("maxResults") or PAGE
        return {
            "result": "FAIL" if problems else "OK",
            "diagnostics": [
                {"severity": "ERROR", "code": problem.code, "message": problem.message, "location": problem.path}
                for problem in problems[:limit]
            ],
            "truncated": len(problems) > limit,
        }

    def describe_state_machine_for_execution(self, parameters: dict[str, Any]) -> dict[str, Any]:
        check_arn(parameters["executionArn"], "execution", "express")
        record = self.store.execution(parameters["executionArn"])
        revision = self.store.revision(record.revision_id) if record else None
        if record is None or revision is None:
            arn = parameters["executionArn"]
            raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        text, role_arn, created = revision
        return {
            "stateMachineArn": record.machine_arn,
            "name": record.machine_arn.rpartition(":")[2],
            "definition": text,
            "roleArn": role_arn,
            "updateDate": created,
            "revisionId": record.revision_id,
            "mapRunArn": record.map_run_arn,
            "label": record.machine_arn.rpartition(":")[2].partition("/")[2] or None,
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
            "tracingConfiguration": {"enabled": False},
        }


def _check_definition(text: str) -> None:
    try:
        check_resources(definition.parse(text))
    except DefinitionError as error:
        problems = "; ".join(map(str, error.problems))
        raise ServiceError("InvalidDefinition", f"Invalid State Machine Definition: '{problems}'") from error


def _options(parameters: dict[str, Any]) -> str:
    return json.dumps({name: parameters[name] for name in _OPTIONS if name in parameters})


def _same(one: MachineRecord, other: MachineRecord) -> bool:
    """Whether creating `other` where `one` exists is a repetition (API reference, CreateStateMachine)."""
    names = ("type", "definition", "role_arn", "options")
    return all(getattr(one, name) == getattr(other, name) for name in names)
