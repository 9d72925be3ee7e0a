"""A Lambda function's handler in a process of its own, as it runs in AWS, measured.

    echo EVENT | python -m bench.step steps.plan_inference

Prints what the handler answered, its seconds (imports left out) and the most memory that the process held.
"""

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from bench.processes import ROOT, peak_rss

CONTEXT = SimpleNamespace(
    function_name="step", memory_limit_in_mb=3008, invoked_function_arn="arn:step", aws_request_id="measured"
)
"""What Lambda hands a handler beside the event."""


@dataclass(frozen=True)
class StepTaken:
    answer: Any
    seconds: float
    cpu_seconds: float
    peak_bytes: int


def take(step: str, event: Mapping[str, Any], environment: Mapping[str, str]) -> StepTaken:
    """Run the handler in the module `step` on `event`. Raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", "bench.step", step]
    done = subprocess.run(
        command, input=json.dumps(event), stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**environment}, check=True
    )
    return StepTaken(**json.loads(done.stdout))


def main() -> None:
    with redirect_stdout(sys.stderr):  # where the function's log goes
        handler = importlib.import_module(sys.argv[1]).handler
        event = json.load(sys.stdin)
        began, cpu = time.perf_counter(), time.process_time()
        answer = handler(event, CONTEXT)
    taken = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}
    print(json.dumps({"answer": answer, **taken, "peak_bytes": peak_rss()}))


if __name__ == "__main__":
    main()
