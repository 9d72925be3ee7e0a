"""Versions of functions and their aliases: what is published stays what it was, whatever becomes of $LATEST.

Versions are on disk, since definitions of executions name them: one that is redriven after a restart finds its own.
Functions and aliases are made again by their stack.

Source: Lambda Developer Guide, "Manage Lambda function versions" and "Create an alias for a Lambda function". An alias
has one version here: weights between two are refused.
"""

import uuid
from dataclasses import replace
from typing import Any

from pipeline.local.database import Database
from pipeline.local.lambdas.functions import VERSION, Function
from pipeline.local.lambdas.workers import WorkerPool
from pipeline.local.protocol import JsonService, ServiceError

_KIND = "function version"


class VersionOperations(JsonService):
    """Operations on versions and aliases. `pool` and `new_pool` are for whoever has the functions."""

    def pool(self, given: str, qualifier: str | None = None) -> WorkerPool:
        raise NotImplementedError

    def new_pool(self, function: Function) -> WorkerPool:
        raise NotImplementedError

    def __init__(self, database: Database) -> None:
        self._published = database
        self._versions: dict[str, dict[str, WorkerPool]] = {}
        for kept in database.documents(_KIND).values():
            function = Function.from_json(kept)
            self._versions.setdefault(function.name, {})[function.version] = self.new_pool(function)
        self._aliases: dict[str, dict[str, dict[str, Any]]] = {}

    def publish_version(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Publish $LATEST; where that is what was published last, say so again, as AWS does."""
        latest = self.pool(parameters["FunctionName"], VERSION).function
        if parameters.get("CodeSha256") not in (None, latest.code.sha256):
            raise ServiceError("PreconditionFailedException", "CodeSha256 is not that of $LATEST", Type="User")
        versions = self._versions.setdefault(latest.name, {})
        if versions:
            last = versions[max(versions, key=int)].function
            if (last.code.sha256, dict(last.settings)) == (latest.code.sha256, dict(latest.settings)):
                return last.configuration()
        number = str(max(map(int, versions), default=0) + 1)
        published = replace(latest, arn=f"{latest.arn}:{number}", version=number, revision=str(uuid.uuid4()))
        versions[number] = self.new_pool(published)
        self._published.put(_KIND, published.arn, published.to_json())
        return published.configuration()

    def list_versions_by_function(self, parameters: dict[str, Any]) -> dict[str, Any]:
        latest = self.pool(parameters["FunctionName"], VERSION).function
        published = self._versions.get(latest.name, {})
        functions = [latest, *(published[number].function for number in sorted(published, key=int))]
        return {"Versions": [function.configuration() for function in functions]}

    def create_alias(self, parameters: dict[str, Any]) -> dict[str, Any]:
        function = self.pool(parameters["FunctionName"], VERSION).function
        aliases = self._aliases.setdefault(function.name, {})
        if parameters["Name"] in aliases:
            raise ServiceError("ResourceConflictException", f"Alias already exists: {parameters['Name']}", Type="User")
        return self._save_alias(function, parameters, {})

    def update_alias(self, parameters: dict[str, Any]) -> dict[str, Any]:
        function = self.pool(parameters["FunctionName"], VERSION).function
        return self._save_alias(function, parameters, self._alias(function, parameters["Name"]))

    def get_alias(self, parameters: dict[str, Any]) -> dict[str, Any]:
        function = self.pool(parameters["FunctionName"], VERSION).function
        return self._alias(function, parameters["Name"])

    def list_aliases(self, parameters: dict[str, Any]) -> dict[str, Any]:
        function = self.pool(parameters["FunctionName"], VERSION).function
        return {"Aliases": list(self._aliases.get(function.name, {}).values())}

    def delete_alias(self, parameters: dict[str, Any]) -> dict[str, Any]:
        function = self.pool(parameters["FunctionName"], VERSION).function
        self._aliases.get(function.name, {}).pop(parameters["Name"], None)
        return {}

    def version_pool(self, name: str, qualifier: str) -> WorkerPool | None:
        """The workers of a version, by its number or an alias."""
        alias = self._aliases.get(name, {}).get(qualifier)
        return self._versions.get(name, {}).get(alias["FunctionVersion"] if alias else qualifier)

    def forget_version(self, name: str, version: str) -> None:
        pool = self._versions.get(name, {}).pop(version, None)
        if pool is not None:
            self._published.delete(_KIND, pool.function.arn)
            pool.close()

    def forget_versions(self, name: str) -> None:
        self._aliases.pop(name, None)
        for version in list(self._versions.get(name, ())):
            self.forget_version(name, version)

    def version_pools(self) -> list[WorkerPool]:
        """The workers of all versions, but for one that is published at this moment."""
        return [pool for versions in list(self._versions.values()) for pool in list(versions.values())]

    def _alias(self, function: Function, name: str) -> dict[str, Any]:
        alias = self._aliases.get(function.name, {}).get(name)
        if alias is None:
            raise ServiceError("ResourceNotFoundException", f"Alias not found: {function.arn}:{name}", Type="User")
        return alias

    def _save_alias(self, function: Function, given: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        if given.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
            raise ServiceError("InvalidParameterValueException", "An alias has one version here: give no weights")
        version = given.get("FunctionVersion", before.get("FunctionVersion", VERSION))
        self.pool(function.name, version)
        alias = {
            "AliasArn": f"{function.arn}:{given['Name']}",
            "Name": given["Name"],
            "FunctionVersion": version,
            "Description": given.get("Description", before.get("Description", "")),
            "RevisionId": str(uuid.uuid4()),
        }
        self._aliases.setdefault(function.name, {})[given["Name"]] = alias
        return alias
