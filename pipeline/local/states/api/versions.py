"""Versions and aliases of state machines: an execution keeps the version that it was started with.

Source: Step Functions Developer Guide, "Manage continuous deployments with versions and aliases". An alias routes to
one version here; weights between two are refused.
"""

from dataclasses import replace
from typing import Any

from pipeline.local.protocol import ServiceError
from pipeline.local.states.api.base import Operations, check_arn, check_name
from pipeline.local.states.records import AliasRecord, MachineRecord, VersionRecord


class VersionOperations(Operations):
    """Operations on versions and aliases."""

    def startable(self, arn: str) -> tuple[MachineRecord, str | None, str | None]:
        """The state machine as a version has it, where `arn` names one or an alias; and the ARNs of those.

        Raises ServiceError: InvalidArn, StateMachineDoesNotExist.
        """
        check_arn(arn, "stateMachine")
        alias = self.store.alias(arn)
        version = self.store.version(alias.version_arn if alias else arn)
        if version is None:
            return self.existing_machine(arn), None, None
        machine = self.existing_machine(version.machine_arn)
        revision = self.store.revision(version.revision_id)
        if revision is None:
            raise ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        text, role_arn, _ = revision
        as_published = replace(machine, definition=text, role_arn=role_arn, revision_id=version.revision_id)
        return as_published, version.arn, alias.arn if alias else None

    def publish_state_machine_version(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Publish the current revision; the version that is of it already, where there is one, as AWS does."""
        machine = self.existing_machine(parameters["stateMachineArn"])
        if parameters.get("revisionId") not in (None, machine.revision_id):
            raise ServiceError("ConflictException", "revisionId is not that of the state machine's current revision")
        version = self._published(machine, parameters.get("description", ""))
        return {"creationDate": version.created, "stateMachineVersionArn": version.arn}

    def list_state_machine_versions(self, parameters: dict[str, Any]) -> dict[str, Any]:
        machine = self.existing_machine(parameters["stateMachineArn"])
        return {
            "stateMachineVersions": [
                {"stateMachineVersionArn": version.arn, "creationDate": version.created}
                for version in self.store.versions(machine.arn)
            ]
        }

    def delete_state_machine_version(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = parameters["stateMachineVersionArn"]
        check_arn(arn, "stateMachine")
        users = [alias.name for alias in self.store.aliases(arn.rpartition(":")[0]) if alias.version_arn == arn]
        if users:
            raise ServiceError("ConflictException", f"Version to be deleted is used by the aliases {', '.join(users)}")
        self.store.delete_version(arn)
        return {}

    def create_state_machine_alias(self, parameters: dict[str, Any]) -> dict[str, Any]:
        check_name(parameters["name"])
        version = self._routed(parameters["routingConfiguration"])
        now = self.engine.clock()
        arn = f"{version.machine_arn}:{parameters['name']}"
        existing = self.store.alias(arn)
        if existing is not None and existing.version_arn != version.arn:
            raise ServiceError("ConflictException", f"The alias {parameters['name']} exists, with another version")
        alias = existing or AliasRecord(
            arn, version.machine_arn, parameters["name"], version.arn, parameters.get("description", ""), now, now
        )
        self.store.save_version(alias)
        return {"stateMachineAliasArn": arn, "creationDate": alias.created}

    def update_state_machine_alias(self, parameters: dict[str, Any]) -> dict[str, Any]:
        alias = self._alias(parameters["stateMachineAliasArn"])
        if "routingConfiguration" in parameters:
            alias.version_arn = self._routed(parameters["routingConfiguration"]).arn
        alias.description = parameters.get("description", alias.description)
        alias.updated = self.engine.clock()
        self.store.save_version(alias)
        return {"updateDate": alias.updated}

    def describe_state_machine_alias(self, parameters: dict[str, Any]) -> dict[str, Any]:
        alias = self._alias(parameters["stateMachineAliasArn"])
        return {
            "stateMachineAliasArn": alias.arn,
            "name": alias.name,
            "description": alias.description,
            "routingConfiguration": [{"stateMachineVersionArn": alias.version_arn, "weight": 100}],
            "creationDate": alias.created,
            "updateDate": alias.updated,
        }

    def list_state_machine_aliases(self, parameters: dict[str, Any]) -> dict[str, Any]:
        machine = self.existing_machine(parameters["stateMachineArn"])
        return {
            "stateMachineAliases": [
                {"stateMachineAliasArn": alias.arn, "creationDate": alias.created}
                for alias in self.store.aliases(machine.arn)
            ]
        }

    def delete_state_machine_alias(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.store.delete_version(self._alias(parameters["stateMachineAliasArn"]).arn)
        return {}

    def _published(self, machine: MachineRecord, description: str) -> VersionRecord:
        versions = self.store.versions(machine.arn)
        for version in versions:
            if version.revision_id == machine.revision_id:
                return version
        number = max((version.number for version in versions), default=0) + 1
        arn, now = f"{machine.arn}:{number}", self.engine.clock()
        version = VersionRecord(arn, machine.arn, number, machine.revision_id, description, now)
        self.store.save_version(version)
        return version

    def _routed(self, routes: list[dict[str, Any]]) -> VersionRecord:
        if len(routes) != 1:
            raise ServiceError("ValidationException", "An alias routes to one version here, with the weight 100")
        version = self.store.version(routes[0]["stateMachineVersionArn"])
        if version is None:
            arn = routes[0]["stateMachineVersionArn"]
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'")
        return version

    def _alias(self, arn: str) -> AliasRecord:
        check_arn(arn, "stateMachine")
        alias = self.store.alias(arn)
        if alias is None:
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'")
        return alias
