"""Executions: start, stop, describe, list, and their history."""

import uuid
from typing import Any

from pipeline.local.protocol import ServiceError
from pipeline.local.states.api.base import check_arn, check_name, page
from pipeline.local.states.api.versions import VersionOperations
from pipeline.local.states.documents import LIMIT_BYTES, Document, byte_length
from pipeline.local.states.execution import Execution
from pipeline.local.states.history import LIMIT, Event, present
from pipeline.local.states.records import ExecutionRecord, MachineRecord
from pipeline.local.states.redrive import REDRIVABLE_SECONDS


class ExecutionOperations(VersionOperations):
    """Operations on executions."""

    def start_execution(self, parameters: dict[str, Any]) -> dict[str, Any]:
        execution = self._start(parameters)
        return {"executionArn": execution.arn, "startDate": execution.started}

    def start_sync_execution(self, parameters: dict[str, Any]) -> dict[str, Any]:
        machine, _, _ = self.startable(parameters["stateMachineArn"])
        if machine.type != "EXPRESS":
            raise _not_for_this_type()
        name, text = _name_and_input(parameters)

        async def start_and_wait() -> ExecutionRecord:
            execution = await self.engine.start(machine, name, text)
            await execution.wait()
            return execution.record

        record = self.engine.call(start_and_wait())
        assert record.stopped is not None  # noqa: S101  (it has been waited for)
        return {
            **_outcome(record),
            "billingDetails": {
                "billedMemoryUsedInMB": 64,
                "billedDurationInMilliseconds": max(100, round((record.stopped - record.started) * 1000)),
            },
        }

    def stop_execution(self, parameters: dict[str, Any]) -> dict[str, Any]:
        record = self._existing(parameters["executionArn"])
        self.engine.call(self.engine.stop(record.arn, parameters.get("error"), parameters.get("cause")))
        return {"stopDate": self._existing(record.arn).stopped}

    def describe_execution(self, parameters: dict[str, Any]) -> dict[str, Any]:
        record = self._existing(parameters["executionArn"])
        version, alias = self.store.started_as(record.arn)
        return {
            **_outcome(record),
            "stateMachineVersionArn": version,
            "stateMachineAliasArn": alias,
            "mapRunArn": record.map_run_arn,
            "redriveCount": record.redrive_count,
            "redriveDate": record.redriven,
            **self._redrive_status(record),
        }

    def redrive_execution(self, parameters: dict[str, Any]) -> dict[str, Any]:
        record = self._existing(parameters["executionArn"])
        if record.express:
            raise _not_for_this_type()
        redriven = self.engine.call(self._redrive_once(record.arn, parameters.get("clientToken")))
        return {"redriveDate": redriven}

    async def _redrive_once(self, arn: str, token: str | None) -> float:
        """Redrive unless it runs; on the loop without a pause, so that two callers cannot both redrive."""
        record = self._existing(arn)
        if token is not None and self.engine.redrive_tokens.get(token) == (arn, record.redriven):
            assert record.redriven is not None  # noqa: S101  (the token was kept when it was redriven)
            return record.redriven
        status = self._redrive_status(record)
        if status["redriveStatus"] != "REDRIVABLE":
            reason = status.get("redriveStatusReason", "It is a child of a map run: redrive the parent execution")
            raise ServiceError("ExecutionNotRedrivable", f"{reason}: '{arn}'")
        machine = self.existing_machine(record.machine_arn)
        execution = await self.engine.redrive(record, machine)
        if token is not None:
            self.engine.redrive_tokens[token] = (arn, execution.record.redriven)
        assert execution.record.redriven is not None  # noqa: S101  (just now)
        return execution.record.redriven

    def _redrive_status(self, record: ExecutionRecord) -> dict[str, str]:
        """Source: API reference, DescribeExecution, redriveStatus and redriveStatusReason."""
        if record.status in ("RUNNING", "SUCCEEDED"):
            return _not_redrivable(f"Execution is {record.status} and cannot be redriven")
        if record.stopped is not None and self.engine.clock() - record.stopped > REDRIVABLE_SECONDS:
            return _not_redrivable("Execution redrivable period exceeded")
        if self.store.last_event(record.id) >= LIMIT - 1:
            return _not_redrivable("Execution history event limit exceeded")
        return {"redriveStatus": "REDRIVABLE_BY_MAP_RUN" if record.map_run_arn else "REDRIVABLE"}

    def list_executions(self, parameters: dict[str, Any]) -> dict[str, Any]:
        parents = [name for name in ("stateMachineArn", "mapRunArn") if name in parameters]
        if len(parents) != 1:
            raise ServiceError("ValidationException", "Specify either stateMachineArn or mapRunArn, and not both")
        parent: str = parameters[parents[0]]
        if parents == ["mapRunArn"]:
            self.existing_map_run(parent)
        elif self.existing_machine(parent).type == "EXPRESS":
            raise _not_for_this_type()
        column = "map_run_arn" if parents == ["mapRunArn"] else "machine_arn"
        status = parameters.get("statusFilter")

        def fetch(after: int, limit: int) -> list[ExecutionRecord]:
            return self.store.executions(column, parent, status=status, after=after or None, limit=limit)

        records, token = page(parameters, 0, fetch, lambda record: record.id)
        return {"executions": [_summary(record) for record in records], "nextToken": token}

    def get_execution_history(self, parameters: dict[str, Any]) -> dict[str, Any]:
        record = self._existing(parameters["executionArn"])
        reverse = parameters.get("reverseOrder", False)

        def fetch(after: int, limit: int) -> list[Event]:
            return self.store.events(record.id, after=after, limit=limit, reverse=reverse)

        events, token = page(parameters, 0, fetch, lambda event: event.id)
        include_data = parameters.get("includeExecutionData", True)
        return {"events": [present(event, include_data=include_data) for event in events], "nextToken": token}

    def _start(self, parameters: dict[str, Any]) -> ExecutionRecord:
        machine, version, alias = self.startable(parameters["stateMachineArn"])
        name, text = _name_and_input(parameters)
        record = self.engine.call(self._start_once(machine, name, text, named="name" in parameters))
        if version:
            self.store.remember_start(record.arn, version, alias)
        # Whoever is told that it started finds it again, even if this process is killed the moment after.
        self.store.flush()
        return record

    async def _start_once(self, machine: MachineRecord, name: str, text: str, *, named: bool) -> ExecutionRecord:
        """Start unless the name is taken; runs on the loop without a pause, so that two callers cannot both start."""
        if named and machine.type == "STANDARD":
            existing = self._record(self.engine.arn("execution", f"{machine.name}:{name}"))
            if existing is not None:
                if existing.status == "RUNNING" and existing.input == text:
                    return existing
                raise ServiceError("ExecutionAlreadyExists", f"Execution Already Exists: '{existing.arn}'")
        return (await self.engine.start(machine, name, text)).record

    def _existing(self, arn: str) -> ExecutionRecord:
        """The execution with an ARN. Raises ServiceError: InvalidArn, ExecutionDoesNotExist."""
        check_arn(arn, "execution", "express")
        record = self._record(arn)
        if record is None or (record.express and record.map_run_arn is None):
            raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return record

    def _record(self, arn: str) -> ExecutionRecord | None:
        running: Execution | None = self.engine.running.get(arn)
        return running.record if running else self.store.execution(arn)


def _name_and_input(parameters: dict[str, Any]) -> tuple[str, str]:
    name = parameters.get("name") or str(uuid.uuid4())
    check_name(name)
    text = parameters.get("input", "{}")
    if byte_length(text) > LIMIT_BYTES:
        raise ServiceError(
            "InvalidExecutionInput", f"Invalid State Machine Execution Input: more than {LIMIT_BYTES} bytes of UTF-8"
        )
    try:
        Document.parse(text)
    except ValueError as error:
        raise ServiceError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'") from error
    return name, text


def _not_redrivable(reason: str) -> dict[str, str]:
    return {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}


def _not_for_this_type() -> ServiceError:
    return ServiceError("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")


def _outcome(record: ExecutionRecord) -> dict[str, Any]:
    return {
        "executionArn": record.arn,
        "stateMachineArn": record.machine_arn,
        "name": record.name,
        "status": record.status,
        "startDate": record.started,
        "stopDate": record.stopped,
        "input": record.input,
        "inputDetails": {"included": True},
        "output": record.output,
        "outputDetails": {"included": True} if record.output is not None else None,
        "error": record.error,
        "cause": record.cause,
    }


def _summary(record: ExecutionRecord) -> dict[str, Any]:
    return {
        "executionArn": record.arn,
        "stateMachineArn": record.machine_arn,
        "name": record.name,
        "status": record.status,
        "startDate": record.started,
        "stopDate": record.stopped,
        "mapRunArn": record.map_run_arn,
        "itemCount": record.item_count if record.map_run_arn else None,
        "redriveCount": record.redrive_count,
        "redriveDate": record.redriven,
    }
