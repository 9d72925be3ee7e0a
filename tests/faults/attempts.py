"""A run brought to its end: started, resumed as often as it fails, and waited for, also while its cloud is down."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from clouds import BOUND, Cloud

from pipeline.deployed import executions, history, resumption
from pipeline.deployed.executions import Execution
from pipeline.deployed.stack import Deployment

T = TypeVar("T")
_MOST = 8


class Attempts:
    """The executions of one run.

    Args:
        takes_over: whether a new execution takes the run over, where it has begun, instead of a redrive.
    """

    def __init__(self, cloud: Cloud, run_input: dict[str, Any], *, takes_over: bool) -> None:
        self._cloud = cloud
        self._input = run_input
        self._takes_over = takes_over
        self._deployment = Deployment(
            cloud.outputs["StateMachineArn"],
            cloud.outputs["ResultsBucket"],
            alias=cloud.outputs["StateMachineAliasArn"],
        )
        self._run_id: str | None = None
        self.ways: list[str] = []
        """How it went on after each end but the last, and where that was."""

    def to_the_end(self) -> Execution:
        """The execution that succeeded; after eight that did not, the last one."""
        arn = self._start(self._input)
        for _ in range(_MOST):
            ended = self._ended(arn)
            if ended.succeeded:
                break
            arn = self._go_on(ended)
        return ended

    def _start(self, document: dict[str, Any]) -> str:
        """Start an execution, also where the cloud is killed meanwhile: by the same name it is the same execution."""
        name = f"trial-{uuid.uuid4().hex[:12]}"
        started = self._insist(lambda: executions.start(self._states, self._deployment, document, name))
        return started.execution

    def _ended(self, arn: str) -> Execution:
        deadline = time.monotonic() + BOUND
        while (execution := self._insist(lambda: executions.describe(self._states, arn))).is_running:
            assert time.monotonic() < deadline, f"the run does not end: {self._last_state(arn)}"
            time.sleep(0.05)
        return execution

    def _go_on(self, ended: Execution) -> str:
        """What goes on with the run: as `imagebatch resume` does it, or as the same command does after a fortnight."""
        where = f"({self._last_state(ended.arn)} {ended.error})"
        pointer = self._insist(lambda: history.find_pointer(self._states, ended.arn))
        self._run_id = pointer["run_id"] if pointer else self._run_id
        if self._takes_over and self._run_id and ended.error != "InvalidRunInput":
            arn = self._taken_over(self._run_id)
            # Of a run that has its results nothing is left but to tell of them, and that takes a redrive.
            if arn != ended.arn:
                self.ways.append(f"taken over {where}")
                return arn
        try:
            resumed = resumption.resume(self._states, self._s3, self._deployment, ended)
        except BotoCoreError:
            self.ways.append(f"resumed while the cloud was killed {where}")
            return ended.arn  # who waits for it sees that it is aborted
        if resumed.execution is None:
            self.ways.append(f"started again {where}: {resumed.told}")
            return self._start(self._input)
        self.ways.append(f"{'redriven' if resumed.execution == ended.arn else 'taken over'} {where}")
        return resumed.execution

    def _taken_over(self, run_id: str) -> str:
        """The execution that has the run now: where StartRun was killed after it had claimed it, an earlier one."""
        arn = self._start({"resume": run_id})
        ended = self._ended(arn)
        if ended.succeeded and json.loads(ended.output or "{}").get("note"):
            return self._insist(lambda: executions.find(self._states, self._s3, self._deployment, run_id)).arn
        return arn

    @property
    def _states(self) -> Any:
        return self._cloud.client("stepfunctions")

    @property
    def _s3(self) -> Any:
        return self._cloud.client("s3")

    def _insist(self, call: Callable[[], T]) -> T:
        """Call until there is an answer. A cloud that was killed meanwhile is started again."""
        deadline = time.monotonic() + BOUND
        while True:
            try:
                return call()
            except BotoCoreError:
                assert time.monotonic() < deadline, "the cloud does not answer"
                if not self._cloud.is_up():
                    self._cloud.come_again()

    def _last_state(self, arn: str) -> str:
        try:
            events = self._states.get_execution_history(
                executionArn=arn, reverseOrder=True, maxResults=100, includeExecutionData=False
            )["events"]
        except (BotoCoreError, ClientError):
            return "?"
        entered = (event["stateEnteredEventDetails"] for event in events if event["type"].endswith("StateEntered"))
        return next((details["name"] for details in entered if details), "?")
