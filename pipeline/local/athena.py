"""Athena's workgroups, as a template makes them. Queries are refused: an empty answer would pass for a true one.

Kept in memory: a stack that is deployed again makes them again.
"""

import threading
from datetime import UTC, datetime
from typing import Any

from pipeline.local.protocol import JsonService, ServiceError

Json = dict[str, Any]


class AthenaService(JsonService):
    """Workgroups of one account."""

    service = "athena"
    signing_name = "athena"

    def __init__(self) -> None:
        self._workgroups: dict[str, Json] = {}
        self._lock = threading.Lock()

    def create_work_group(self, parameters: Json) -> Json:
        name = parameters["Name"]
        with self._lock:
            if name in self._workgroups:
                raise ServiceError("InvalidRequestException", f"WorkGroup {name} is already created")
            made = {key: value for key, value in parameters.items() if key != "Tags"}
            self._workgroups[name] = {**made, "State": "ENABLED", "CreationTime": datetime.now(UTC)}
        return {}

    def get_work_group(self, parameters: Json) -> Json:
        return {"WorkGroup": self._workgroup(parameters["WorkGroup"])}

    def list_work_groups(self, parameters: Json) -> Json:
        shown = ("Name", "State", "Description", "CreationTime")
        with self._lock:
            found = [self._workgroups[name] for name in sorted(self._workgroups)]
        return {"WorkGroups": [{name: workgroup.get(name) for name in shown} for workgroup in found]}

    def delete_work_group(self, parameters: Json) -> Json:
        name = self._workgroup(parameters["WorkGroup"])["Name"]
        with self._lock:
            del self._workgroups[name]
        return {}

    def start_query_execution(self, parameters: Json) -> Json:
        raise ServiceError(
            "InvalidRequestException",
            "The local cloud runs no queries of Athena. The files are the same: ask DuckDB (docs/queries.md).",
        )

    def _workgroup(self, name: str) -> Json:
        with self._lock:
            found = self._workgroups.get(name)
        if found is None:
            raise ServiceError("InvalidRequestException", f"WorkGroup {name} is not found.")
        return found
