"""The Step Functions API of the local cloud.

    service = StatesService(lambda service, role_arn: cloud.client(service), state_dir / "states.sqlite")
    service.handle("StartExecution", {"stateMachineArn": arn, "input": "{}"})
    service.close()

The operations are in files by what they act on; what an operation is held to before it is called (types, lengths,
patterns, enums) is botocore's model of the service.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.local.states.api.callbacks import CallbackOperations
from pipeline.local.states.api.executions import ExecutionOperations
from pipeline.local.states.api.machines import MachineOperations
from pipeline.local.states.api.map_runs import MapRunOperations
from pipeline.local.states.api.tags import TagOperations
from pipeline.local.states.api.versions import VersionOperations
from pipeline.local.states.engine import Engine
from pipeline.local.states.records import ExecutionRecord
from pipeline.local.states.store import Store

__all__ = ["StatesService"]


class StatesService(
    MachineOperations, ExecutionOperations, VersionOperations, MapRunOperations, CallbackOperations, TagOperations
):
    """Step Functions.

    Args:
        clients: gives the boto3 client of a service by boto3's name for it, in the role of a state machine by its ARN;
            called from many threads.
        store_path: the file that state machines and executions are kept in; None keeps them in memory.
        account_id, region: what ARNs say.
    """

    def __init__(
        self,
        clients: Callable[[str, str], Any],
        store_path: Path | None = None,
        account_id: str = "123456789012",
        region: str = "us-east-1",
    ) -> None:
        self.store = Store(store_path)
        self.engine = Engine(self.store, clients, account_id, region)

    def listen(self, listener: Callable[[ExecutionRecord], None]) -> None:
        """Call `listener` with each execution whose status has changed."""
        self.engine.listen(listener)

    def has_ended(self, arn: str, seconds: float) -> bool:
        """Whether an execution has ended: as soon as it has, or once `seconds` have passed."""
        ended: bool = self.engine.call(self.engine.has_ended(arn, seconds))
        return ended

    def job_ended(self, arn: str) -> None:
        """Say that a job has ended, which a task may wait for (`.sync`)."""
        self.engine.job_ended(arn)

    def stop_all(self) -> None:
        """Stop every execution that runs, as somebody does who stops them one by one."""
        running = [each.record.arn for each in list(self.engine.running.values()) if each.record.map_run_arn is None]
        for arn in running:
            self.engine.call(self.engine.stop(arn, None, "Stopped on purpose, as the plan of faults says"))

    def close(self) -> None:
        """Abort every execution and write what is known of them."""
        self.engine.close()
