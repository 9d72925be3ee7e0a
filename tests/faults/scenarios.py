"""What goes wrong in the run of a seed: a plan of faults, and the engine, drawn from the seed alone."""

import random
from dataclasses import dataclass
from typing import Any

FUNCTIONS = ("start-run", "validate-images", "validate-images", "plan-inference", "aggregate-predictions")
READS = ("GetObject", "HeadObject", "ListObjectsV2")
WRITES = ("PutObject", "UploadPart", "CompleteMultipartUpload")
# A function that dies four times over one image has it rejected, as it should: fewer deaths than that strike at random.
MOST_DEATHS = 2
RETRY_PACE = 0.03


@dataclass(frozen=True)
class Scenario:
    """The run of a seed."""

    seed: int
    engine: str
    rules: tuple[dict[str, Any], ...]
    takes_over: bool
    """Whether a new execution takes over what has failed, where it could be redriven, too."""
    knows: bool
    """Whether the ledger knows some of the images beforehand."""

    @property
    def kills_the_cloud(self) -> bool:
        return any(rule["fault"] == "cloud_killed" for rule in self.rules)

    @property
    def plan(self) -> dict[str, Any]:
        return {"seed": self.seed, "retry_pace": RETRY_PACE, "faults": list(self.rules)}


def scenario(seed: int) -> Scenario:
    """Every eighth seed kills the cloud, every third runs transform jobs, and in every fourth the ledger fails."""
    draw = random.Random(seed)
    engine = "transform" if seed % 3 == 0 else "processing"
    rules = [_reads(draw), _writes(draw), _reads(draw), *_functions(draw)]
    rules += draw.sample([_jobs(draw, engine), _calls(draw, engine), _topic(draw), _stopped(draw), _stale(draw)], 3)
    rules += [_ledger(draw), _ledger(draw)] if seed % 4 == 1 else []
    rules += [_killed(draw)] if seed % 8 == 0 else []
    # Of the seeds that kill the cloud, too, each other one.
    takes_over = (seed + seed // 8) % 2 == 0
    return Scenario(seed, engine, tuple(rules), takes_over, knows=seed % 4 < 2)


def _reads(draw: random.Random) -> dict[str, Any]:
    fault = draw.choice(("internal_error", "unavailable", "throttled", "slow", "reset", "answer_lost"))
    return _s3(draw, draw.choice(READS), fault)


def _writes(draw: random.Random) -> dict[str, Any]:
    fault = draw.choice(("internal_error", "unavailable", "throttled", "reset", "answer_lost"))
    return _s3(draw, draw.choice(WRITES), fault)


def _s3(draw: random.Random, operation: str, fault: str) -> dict[str, Any]:
    rule = {"on": "request", "service": "s3", "operation": operation, "fault": fault}
    return {**rule, "probability": 0.3, "times": draw.randint(2, 4), "seconds": [0, 0.3]}


def _functions(draw: random.Random) -> list[dict[str, Any]]:
    return [_function(draw) for _ in range(MOST_DEATHS)]


def _function(draw: random.Random) -> dict[str, Any]:
    fault = draw.choice(("killed", "out_of_memory", "timed_out", "throttled", "twice"))
    name = draw.choice(FUNCTIONS)
    return {"on": "function", "name": f"*-{name}", "fault": fault, "occurrences": [1], "seconds": [0, 0.4]}


def _jobs(draw: random.Random, engine: str) -> dict[str, Any]:
    fault = draw.choice(("killed", "stopped", "no_capacity", "hanging"))
    return {"on": f"{engine}_job", "fault": fault, "occurrences": [draw.randint(1, 2)], "seconds": [0, 0.8]}


def _calls(draw: random.Random, engine: str) -> dict[str, Any]:
    operation = draw.choice(("Create*", "Describe*"))
    fault = draw.choice(("throttled", "internal_error", *(["limit_exceeded"] if operation == "Create*" else [])))
    return {
        "on": "request",
        "service": "sagemaker",
        "operation": operation,
        "fault": fault,
        "probability": 0.5,
        "times": 3,
    }


def _topic(draw: random.Random) -> dict[str, Any]:
    fault = draw.choice(("throttled", "internal_error", "answer_lost"))
    return {
        "on": "request",
        "service": "sns",
        "operation": "Publish",
        "fault": fault,
        "occurrences": list(range(1, draw.randint(2, 4))),
    }


def _ledger(draw: random.Random) -> dict[str, Any]:
    fault = draw.choice(("throttled", "internal_error", "unavailable", "reset", "answer_lost", "slow"))
    operation = draw.choice(("BatchGetItem", "BatchWriteItem"))
    rule = {"on": "request", "service": "dynamodb", "operation": operation, "fault": fault}
    return {**rule, "occurrences": list(range(1, draw.randint(2, 6))), "seconds": [0, 0.3]}


def _stopped(draw: random.Random) -> dict[str, Any]:
    return {**_somewhere(draw), "fault": "executions_stopped"}


def _killed(draw: random.Random) -> dict[str, Any]:
    return {**_somewhere(draw), "fault": "cloud_killed"}


def _somewhere(draw: random.Random) -> dict[str, Any]:
    """A call that happens in every run, and a moment behind it."""
    rule = {"on": "request", "service": "s3", "operation": "PutObject", "occurrences": [draw.randint(1, 12)]}
    return {**rule, "seconds": [0, 0.5]}


def _stale(draw: random.Random) -> dict[str, Any]:
    what = draw.choice(("verdicts", "predictions", "plan"))
    rule = {"on": "request", "service": "s3", "operation": "GetObject", "name": f"*/runs/*/{what}*"}
    return {**rule, "fault": "old_version", "probability": 0.7, "times": draw.randint(1, 3)}
