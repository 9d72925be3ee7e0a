"""How far a run has come, seen from outside: from its execution, its map runs, and the objects it has written so far.

Nothing reports progress; it is read from what is there anyway: watching works the same in AWS and changes nothing.

    state        the execution's history: the state entered last; with the definition, the whole course
    listed       the map runs' item counts; so is validated
    rejected     metadata of the verdict objects; once there is a plan, what that says
    predicted    the prediction objects that are there, counted by the rows that plan.json says they have, or by
                 themselves, where photos are sent one by one; to Step Functions a job is one opaque task

A run that another execution took over still has the plan, the failures and the summary of the one before. So a plan
counts once this execution has made it, failures in the folders of its jobs, and a summary that is its own.

Watching stays cheap beside the run: what costs one request is asked at each poll; listings, which grow with the run,
only so often that they take a small share of time.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.deployed import course, history
from pipeline.deployed.course import Step
from pipeline.deployed.history import Stage
from pipeline.inference.predictions import FAILURE_SUFFIX, PREDICTIONS_SUFFIX, TRANSFORM_SUFFIX
from pipeline.runs import keys
from pipeline.runs.planning import Plan

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PAUSE_PER_SECOND_OF_LISTING = 20
_VERDICTS_A_POLL = 50
_VERDICTS_AT_ONCE = 16
_REFUSALS = {"AccessDenied", "AccessDeniedException"}
_PLANS, _GATHERS = "PlanInference", "AggregatePredictions"


@dataclass(frozen=True)
class Progress:
    """One look at a run. Counts are of images; until there is a plan, `listed` grows, and counts folders too."""

    state: str | None = None
    run_id: str | None = None
    listed: int = 0
    validated: int = 0
    rejected: int = 0
    predicted: int = 0
    failed: int = 0
    fraction: float = 0.0
    """How much of the run is done, from 0 to 1. It never falls from one poll to the next."""
    batches: int = 0
    """Children of the map runs so far, each of which validates a batch."""
    batches_done: int = 0
    shards: int = 0
    """Shards that are planned; 0 while there is no plan."""
    shards_predicted: int = 0
    shards_failed: int = 0
    skipped: int = 0
    """Known and unchanged, as the plan counts them."""
    accepted: int = 0
    """Images that are to be predicted; 0 while there is no plan."""
    steps: tuple[Step, ...] = ()
    """The states of the run, those to come among them. Empty where the definition may not be read."""


@dataclass(frozen=True)
class _Mapped:
    """What map runs were given and have done: items, and the batches that they make of them."""

    listed: int = 0
    validated: int = 0
    batches: int = 0
    batches_done: int = 0

    def __add__(self, other: "_Mapped") -> "_Mapped":
        return _Mapped(
            self.listed + other.listed,
            self.validated + other.validated,
            self.batches + other.batches,
            self.batches_done + other.batches_done,
        )


def is_of(summary: Mapping[str, Any] | None, execution_arn: str) -> bool:
    """Whether this summary.json is what the execution came to, and not one that had the run before."""
    return summary is not None and summary.get("execution_arn") == execution_arn


def _is_left(stages: Mapping[str, Stage], state: str) -> bool:
    return state in stages and not stages[state].is_open


class RunWatcher:
    """Watches one execution. Each `poll` is one look at it.

    `verdicts_a_poll` bounds how many new verdict objects a look asks about; None asks about all there are.
    """

    def __init__(
        self,
        stepfunctions: Any,
        s3: "S3Client",
        execution_arn: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        verdicts_a_poll: int | None = _VERDICTS_A_POLL,
    ) -> None:
        self._stepfunctions = stepfunctions
        self._s3 = s3
        self._execution = execution_arn
        self._clock = clock
        self._verdicts_a_poll = verdicts_a_poll
        self._listing_due = clock()
        self._history = history.StageReader(stepfunctions, execution_arn)
        self._definition: Mapping[str, Any] | None = None
        self._definition_refused = False
        self._run: Mapping[str, Any] | None = None
        self._ended_maps: dict[str, _Mapped] = {}
        self._mapped = _Mapped()
        self._rejected: dict[str, int] = {}
        self._plan: Plan | None = None
        self._rows: dict[str, int] = {}
        self._partitions: dict[str, str] = {}
        self._predicted: set[str] = set()
        self._answers = 0
        self._failed: set[str] = set()
        self._counts: Mapping[str, int] | None = None
        self._is_gathered = False
        self._fraction = 0.0

    def poll(self) -> Progress:
        stages = self._history.read()
        seen = self._look({stage.name: stage for stage in stages})
        return replace(seen, state=self._history.latest, steps=course.steps(self._read_definition(), stages))

    def _look(self, stages: Mapping[str, Stage]) -> Progress:
        self._run = self._run or history.find_pointer(self._stepfunctions, self._execution)
        if self._run is None:
            return Progress()
        if self._plan is None:
            self._mapped = self._count_items()
        if self._clock() >= self._listing_due:
            started = self._clock()
            self._look_at_objects(self._run, _is_left(stages, _PLANS))
            self._listing_due = self._clock() + _PAUSE_PER_SECOND_OF_LISTING * (self._clock() - started)
        # Where gathering fails, the summary may be there all the same.
        if _GATHERS in stages and not self._is_gathered:
            self._is_gathered = _is_left(stages, _GATHERS)
            self._counts = self._read_counts(self._run)
        return self._progress(self._run["run_id"])

    def _progress(self, run_id: str) -> Progress:
        plan, rows = self._plan, self._rows
        seen = Progress(
            run_id=run_id,
            listed=self._mapped.listed,
            validated=self._mapped.validated,
            # Verdicts are written before Step Functions counts their batch, and are kept by a run that is resumed.
            rejected=min(sum(self._rejected.values()), self._mapped.validated),
            predicted=sum(rows.get(shard, 0) for shard in self._predicted) + self._answers,
            failed=sum(rows.get(shard, 0) for shard in self._failed - self._predicted),
            batches=self._mapped.batches,
            batches_done=self._mapped.batches_done,
            shards=len(rows),
            shards_predicted=len(self._predicted & rows.keys()),
            shards_failed=len((self._failed - self._predicted) & rows.keys()),
        )
        if plan is not None:
            counts = plan.counts
            seen = replace(seen, listed=counts.listed, validated=counts.listed, rejected=counts.rejected)
            seen = replace(seen, accepted=counts.accepted, skipped=counts.skipped)
        if self._counts is not None:
            ends: dict[str, Any] = {name: self._counts[name] for name in ("predicted", "rejected", "failed", "skipped")}
            return replace(seen, **ends, listed=self._counts["listed"], validated=sum(ends.values()), fraction=1.0)
        # Decoding and predicting take about as long as each other; which it is depends on the photos and the model.
        ended = seen.predicted + seen.failed
        halves = (
            seen.validated / seen.listed if seen.listed else 0.0,
            ended / seen.accepted if seen.accepted else 0.0,
        )
        self._fraction = max(self._fraction, sum(halves) / 2)
        return replace(seen, fraction=self._fraction)

    def _read_definition(self) -> Mapping[str, Any] | None:
        """The definition that the execution runs; None where whoever watches may not read it."""
        if self._definition is None and not self._definition_refused:
            try:
                described = self._stepfunctions.describe_state_machine_for_execution(executionArn=self._execution)
                self._definition = json.loads(described["definition"])
            except ClientError as error:
                if objects.error_code(error) not in _REFUSALS:
                    raise
                self._definition_refused = True
        return self._definition

    def _count_items(self) -> _Mapped:
        """What the map runs have done."""
        counts = dict(self._ended_maps)
        for map_run in self._map_runs():
            if map_run not in self._ended_maps:
                described = self._stepfunctions.describe_map_run(mapRunArn=map_run)
                items, batches = described["itemCounts"], described["executionCounts"]
                counts[map_run] = _Mapped(items["total"], items["succeeded"], batches["total"], batches["succeeded"])
                if described["status"] != "RUNNING":
                    self._ended_maps[map_run] = counts[map_run]
        return sum(counts.values(), _Mapped())

    def _map_runs(self) -> Iterator[str]:
        pages = self._stepfunctions.get_paginator("list_map_runs").paginate(executionArn=self._execution)
        return (map_run["mapRunArn"] for page in pages for map_run in page["mapRuns"])

    def _look_at_objects(self, run: Mapping[str, Any], is_planned: bool) -> None:
        if is_planned and self._plan is None:
            self._plan = self._read_plan(run)
            if self._plan:
                shards = [shard for batch in self._plan.batches for shard in batch.shards if not shard.originals]
                self._rows = {shard.id: shard.rows for shard in shards}
                self._partitions = {shard.id: shard.partition for shard in shards}
        if self._plan is None:
            self._look_at_verdicts(run)
        if self._plan is not None and self._plan.partitions:
            answers = 0
            for item in objects.list_objects(self._s3, run["bucket"], keys.predictions_prefix(run["run_id"])):
                name, partition = item.key.rpartition("/")[2], keys.partition_of(run["run_id"], item.key)
                if name.endswith(FAILURE_SUFFIX):
                    self._add(self._failed, name.removesuffix(FAILURE_SUFFIX), partition)
                elif name.endswith((PREDICTIONS_SUFFIX, TRANSFORM_SUFFIX)):
                    shard = name.removesuffix(PREDICTIONS_SUFFIX).removesuffix(TRANSFORM_SUFFIX)
                    self._add(self._predicted, shard, partition)
                elif name.endswith(keys.OUT_SUFFIX):
                    answers += 1
            self._answers = answers

    def _add(self, ended: set[str], shard: str, partition: str) -> None:
        """Of a shard that has ended in the partition that has it now."""
        if self._partitions.get(shard) == partition:
            ended.add(shard)

    def _look_at_verdicts(self, run: Mapping[str, Any]) -> None:
        bucket = run["bucket"]
        listed = objects.list_objects(self._s3, bucket, keys.verdicts_prefix(run["run_id"]))
        new = (item.key for item in listed if item.key not in self._rejected)
        looked_at = list(itertools.islice(new, self._verdicts_a_poll))

        def rejected(key: str) -> int:
            return int(self._s3.head_object(Bucket=bucket, Key=key)["Metadata"].get("rejected", 0))

        with ThreadPoolExecutor(_VERDICTS_AT_ONCE) as pool:
            self._rejected.update(zip(looked_at, pool.map(rejected, looked_at), strict=True))

    def _read_plan(self, run: Mapping[str, Any]) -> Plan | None:
        document = self._read(run, keys.plan_key(run["run_id"]))
        return None if document is None else Plan.from_json(document)

    def _read_counts(self, run: Mapping[str, Any]) -> Mapping[str, int] | None:
        document = self._read(run, keys.result_key(run["run_id"], keys.SUMMARY))
        return document["counts"] if is_of(document, self._execution) else None

    def _read(self, run: Mapping[str, Any], key: str) -> Any:
        """A JSON object of the run, or None while there is none."""
        try:
            return objects.get_json(self._s3, run["bucket"], key)
        except ClientError as error:
            if objects.is_missing(error):
                return None
            raise
