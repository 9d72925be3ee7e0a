"""What Step Functions says of executions: an event for EventBridge whenever the status of one changes.

Source: Step Functions Developer Guide, "EventBridge (CloudWatch Events) for Step Functions execution status changes".
Express executions and children of a distributed map send none.
"""

import json
from typing import Any

from pipeline.local.events.bus import Bus
from pipeline.local.states.records import ExecutionRecord

_LONGEST = 248 * 1024
"""Bytes of input and output, escaped, that an event has room for. The input is left out first."""


class ExecutionEvents:
    """Tells the bus of an execution as its status is now."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def __call__(self, record: ExecutionRecord) -> None:
        if record.express or record.map_run_arn:
            return
        event = self._bus.event("aws.states", "Step Functions Execution Status Change", detail_of(record), [record.arn])
        self._bus.publish(event)


def detail_of(record: ExecutionRecord) -> dict[str, Any]:
    """The event's detail. Times are milliseconds since 1970; what is too long is null, and its details say so."""
    output_bytes = _escaped(record.output)
    has_output = output_bytes <= _LONGEST
    has_input = _escaped(record.input) + (output_bytes if has_output else 0) <= _LONGEST
    return {
        "executionArn": record.arn,
        "stateMachineArn": record.machine_arn,
        "name": record.name,
        "status": record.status,
        "startDate": round(record.started * 1000),
        "stopDate": None if record.stopped is None else round(record.stopped * 1000),
        "input": record.input if has_input else None,
        "inputDetails": {"included": has_input},
        "output": record.output if has_output else None,
        "outputDetails": None if record.output is None else {"included": has_output},
        "error": record.error,
        "cause": record.cause,
    }


def _escaped(text: str | None) -> int:
    """The bytes of `text` as a JSON string."""
    return 0 if text is None else len(json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass"))
