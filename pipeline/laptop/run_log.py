"""A line for each run that starts and each that ends, whoever started it: what `imagebatch up` shows."""

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.deployed import executions, history, overview, telling, triggers
from pipeline.deployed.executions import RUNNING, Execution
from pipeline.deployed.stack import Deployment
from pipeline.given import printable
from pipeline.results import causes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PAGE = 100
_LONGEST_LINE = 300


class RunLog:
    """The executions of the batch state machine since a moment. Each `poll` tells what has happened since the last.

    Args:
        say: gets the lines.
        since: executions that ended before are not told.
    """

    def __init__(
        self,
        stepfunctions: Any,
        s3: "S3Client",
        deployment: Deployment,
        say: Callable[[str], object],
        since: datetime,
    ) -> None:
        self._stepfunctions = stepfunctions
        self._s3 = s3
        self._deployment = deployment
        self._say = say
        self._since = since
        self._seen: set[str] = set()
        self._open: dict[str, bool] = {}
        """The executions that have not ended so far, by ARN: whether it was told that they started."""

    def poll(self) -> None:
        for arn in self._new():
            self._seen.add(arn)
            self._open[arn] = False
        for arn, is_told in list(self._open.items()):
            execution = executions.describe(self._stepfunctions, arn)
            if not is_told:
                self._open[arn] = self._tell_start(execution)
            if not execution.is_running:
                self._tell_end(execution)
                del self._open[arn]

    def interrupted(self) -> list[str]:
        """The ARNs of the executions that were under way when an earlier cloud ended: this one found and ended them."""
        ended = self._list("ABORTED")
        return [entry["executionArn"] for entry in ended if entry["stopDate"] >= self._since > entry["startDate"]]

    def under_way(self) -> list[str]:
        """The ARNs of the executions that have not ended."""
        return [entry["executionArn"] for entry in self._list(RUNNING)]

    def _new(self) -> list[str]:
        """Executions that started since the last look, the first one first, and those that were redriven."""
        latest = itertools.takewhile(
            lambda entry: entry["startDate"] >= self._since and entry["executionArn"] not in self._seen,
            self._list(None),
        )
        found = [entry["executionArn"] for entry in itertools.chain(latest, self._list(RUNNING))]
        return [arn for arn in dict.fromkeys(reversed(found)) if arn not in self._open]

    def _list(self, status: str | None) -> Iterator[Any]:
        return executions.executions(self._stepfunctions, self._deployment, status, _PAGE)

    def _tell_start(self, execution: Execution) -> bool:
        """Tell of a start once the run has a name, or ended without; whether that is now."""
        pointer = history.find_pointer(self._stepfunctions, execution.arn)
        if pointer is None and execution.is_running:
            return False
        if pointer is not None and history.is_claimed(pointer):
            trigger = triggers.TOLD[triggers.of(json.loads(execution.input))]
            self._tell(execution.started, f"{pointer['run_id']} started {trigger}")
        return True

    def _tell_end(self, execution: Execution) -> None:
        row = overview.row(self._stepfunctions, self._s3, execution)
        if row.status == overview.DUPLICATE:
            pointer = history.find_pointer(self._stepfunctions, execution.arn)
            self._tell(execution.stopped, f"{printable(execution.name)} had nothing to do: {telling.note(pointer)}")
            return
        words = [f"{row.run_id or printable(execution.name)} {telling.ended(execution)}"]
        counts = {name: getattr(row, name) for name in ("listed", "predicted", "rejected", "failed", "skipped")}
        words += [f"{count:,} {name}" for name, count in counts.items() if count or (count == 0 and name == "listed")]
        self._tell(execution.stopped, ", ".join(words))
        for line in _details(execution):
            self._say(f"         {printable(line)[:_LONGEST_LINE]}")

    def _tell(self, moment: datetime | None, sentence: str) -> None:
        self._say(f"{(moment or datetime.now(UTC)).astimezone():%H:%M:%S} {sentence}")


def _details(execution: Execution) -> Iterator[str]:
    """Where the results are of a run that succeeded; why another ended."""
    if execution.succeeded:
        lines = [json.loads(execution.output or "{}").get("results")]
    else:
        lines = [execution.error, *causes.readable(execution.cause).splitlines()]
    yield from filter(None, lines)
