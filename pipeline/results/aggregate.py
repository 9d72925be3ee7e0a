"""Gather what a run came to: reconcile every batch, write the tables and the summary, and see whether it adds up.

    plan.json ──► batch by batch: its verdicts, its shards' predictions ──► reconciled ──► Parquet, CSV, summary.json
                                  its shards' arrays, where the task is raw ──────────────► arrays/
                                  its photos' answers, of a container that is not ours
    results that are safe, of a run that did not fail ──► the tables over all runs, the ledger

One batch is in memory at a time, and a few are read ahead. What grows with a run is its plan: some 130 MB while that is
read, for ten million images. The results are always written before a run is failed here, so that what was predicted is
kept.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.costs.account import account_for
from pipeline.deployed.executions import console_url
from pipeline.deployed.running_time import running_seconds
from pipeline.errors import CorruptVerdicts, RunDoesNotAddUp, TooManyFailed
from pipeline.inference.predictions import ShardFailure
from pipeline.read_ahead import read_ahead
from pipeline.results import message_forms, publishing, remembering, tables
from pipeline.results.originals import OriginalAnswers
from pipeline.results.reconcile import Answers, reconcile
from pipeline.results.shard_results import StoredPredictions, failure_of_job, fetch_shard
from pipeline.results.summary import Tally, summarise
from pipeline.runs import keys, unaccounted
from pipeline.runs.gathered import PUBLISHED
from pipeline.runs.planning import Plan, load_plan
from pipeline.runs.run import Run
from pipeline.telemetry import run_metrics
from pipeline.validation import verdicts
from pipeline.validation.batches import Batch, BatchShard
from pipeline.validation.verdicts import Accepted, Verdict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_READING_THREADS = 8
# Of a batch of originals every image has an answer of its own to read; as many as S3's client has connections.
_ANSWER_THREADS = 32
_BATCHES_AHEAD = 16
_BYTES_AHEAD = 32_000_000
"""Of predictions, of which an embedding has many more than a classification."""
_READ_AHEAD = 4
"""Batches whose lines are read while one is written."""
_PROBLEMS_TOLD = 3
_RESUME = "`imagebatch resume` makes it anew, and keeps what is whole."


_Ended = StoredPredictions | ShardFailure | Answers
_Read = tuple[Sequence[Verdict], Mapping[str, _Ended]]


def aggregate_predictions(
    run: Run,
    partitions: Sequence[Mapping[str, Any]],
    s3: "S3Client",
    dynamodb: Any = None,
    planned: Mapping[str, Any] = MappingProxyType({}),
    sagemaker: Any = None,
    stepfunctions: Any = None,
) -> dict[str, Any]:
    """Write the results of a run, and answer with its counts, where they lie, and the message about them.

    `partitions` says how each job ended: `{"id", "status": "Completed"}` or `{"id", "status": "Failed", "error",
    "cause"}`; `planned` are the counts of the plan when it was made. Raises CorruptArtifact and CorruptVerdicts where
    what the run kept does not read back; and, after the results were written, RunDoesNotAddUp where an image was lost
    or counted twice, and TooManyFailed above the run's `max_failed_fraction`. `dynamodb` is the client for a run that
    has a ledger, to which a run that failed adds nothing; `sagemaker` the one that is asked how long jobs ran, without
    which nothing is said of costs; `stepfunctions` the one that is asked how long the run stood still.
    """
    began = time.monotonic()
    plan = load_plan(s3, run)
    _check_plan(run, plan, planned)
    with TemporaryFile() as predicted, TemporaryFile() as rejected:
        tally = _write_tables(run, plan, partitions, s3, predicted, rejected)
        _count_up(run, plan, tally, s3)
        now = datetime.now(UTC)
        summary = summarise(run, plan, tally, partitions, now, _seconds(run, stepfunctions, now))
        if sagemaker is not None:
            summary["cost"] = account_for(run, plan, s3, sagemaker, began, now, summary["seconds"])
        _put_summary(s3, run, summary)
        run_metrics.tell_fractions(summary)
        _check(run, summary)
        published = {keys.PREDICTIONS_TABLE: predicted, keys.REJECTED_TABLE: rejected}
        summary[PUBLISHED] = publishing.publish(run, published, s3)
        if run.ledger is not None:
            summary["ledger"] = remembering.remember_run(run, run.ledger, predicted, dynamodb)
        _put_summary(s3, run, summary)
    run_metrics.count_once(run, summary, s3)
    return {
        "summary": {"run_id": run.run_id, **summary["counts"]},
        "results": summary["results"],
        "message": message_forms.finished(summary, console_url(s3, run.execution_arn)),
    }


def _seconds(run: Run, stepfunctions: Any, now: datetime) -> float:
    if stepfunctions is None:
        return max((now - run.started_at).total_seconds(), 0.0)
    return running_seconds(stepfunctions, (*run.earlier_executions, run.execution_arn), run.started_at, now)


def _put_summary(s3: "S3Client", run: Run, summary: Mapping[str, Any]) -> None:
    objects.put_json(s3, run.bucket, keys.result_key(run.run_id, keys.SUMMARY), summary)


def _write_tables(
    run: Run,
    plan: Plan,
    partitions: Sequence[Mapping[str, Any]],
    s3: "S3Client",
    predicted_parquet: BinaryIO,
    rejected_parquet: BinaryIO,
) -> Tally:
    """Write predictions.parquet; rejected.csv; and, where there is something to put in it, failed.csv.

    What was predicted, and what was rejected, then is in the files `..._parquet`, too.
    """
    tally = Tally()
    with ExitStack() as files:
        rejected_file, failed_file = (files.enter_context(TemporaryFile()) for _ in range(2))
        rejected = tables.CsvTable(rejected_file, tables.REJECTED_COLUMNS)
        failed = tables.CsvTable(failed_file, tables.FAILED_COLUMNS)
        with (
            tables.PredictionsTable(predicted_parquet) as predictions,
            tables.RejectedTable(rejected_parquet, run.run_id) as rejected_table,
        ):
            for batch, batch_verdicts, shards in _read_batches(run, plan, partitions, s3):
                found = {
                    id: shard.predictions if isinstance(shard, StoredPredictions) else shard
                    for id, shard in shards.items()
                }
                outcomes = reconcile(batch, batch_verdicts, found)
                tally.add(outcomes)
                tally.add_verdicts(batch_verdicts)
                for shard in shards.values():
                    if isinstance(shard, StoredPredictions):
                        predictions.add(shard.predictions, shard.stored_at)
                    elif isinstance(shard, Answers):
                        predictions.add_unpacked(shard.predicted, shard.stored_at)
                rejected.add_rejected(outcomes.rejected)
                rejected_table.add(outcomes.rejected)
                failed.add_failed(outcomes.failed)
        rejected.close()
        failed.close()
        _upload(s3, run, keys.PREDICTIONS, predicted_parquet, publishing.PARQUET)
        _upload(s3, run, keys.REJECTED, rejected_file, "text/csv; charset=utf-8")
        # Over what an execution before this one left there: the images that failed in it have not, in this one.
        if tally.failed or run.resumed:
            _upload(s3, run, keys.FAILED, failed_file, "text/csv; charset=utf-8")
    return tally


def _upload(s3: "S3Client", run: Run, name: str, file: IO[bytes], content_type: str) -> None:
    objects.upload(s3, run.bucket, keys.result_key(run.run_id, name), file, content_type)


def _read_batches(
    run: Run, plan: Plan, partitions: Sequence[Mapping[str, Any]], s3: "S3Client"
) -> Iterator[tuple[Batch, Sequence[Verdict], Mapping[str, _Ended]]]:
    ended = {partition["id"]: partition for partition in partitions}
    # Listed once, not asked for one by one: a thousand keys a request, and one that is missing costs none.
    written = {item.key: item for item in objects.list_objects(s3, run.bucket, keys.predictions_prefix(run.run_id))}
    by_partition: dict[str, list[str]] = defaultdict(list)
    for key in written:
        by_partition[keys.partition_of(run.run_id, key)].append(key)
    transformed = {partition: keys.transform_outputs(found) for partition, found in by_partition.items()}

    def predictions(shard: BatchShard) -> str:
        """Where a job of either engine has put the predictions of a shard, or would have."""
        return transformed.get(shard.partition, {}).get(shard.id) or keys.predictions_key(
            run.run_id, shard.partition, shard.id
        )

    payload, answer = run.contract.payload, run.contract.output.answer
    answers = OriginalAnswers(run, payload, answer, written, s3) if payload and answer else None
    threads = _READING_THREADS if answers is None else _ANSWER_THREADS
    batches_ahead = _BATCHES_AHEAD if answers is None else threads

    def fetch(batch: Batch) -> Callable[[], _Read]:
        lines, jobs = _fetch_verdicts(s3, run, batch), [ended.get(shard.partition, {}) for shard in batch.shards]
        if answers is None:
            shards = {
                shard.id: fetch_shard(s3, run, shard, predictions(shard), written, job)
                for shard, job in zip(batch.shards, jobs, strict=True)
            }
            return lambda: (_read_verdicts(run, batch, lines), {id: read() for id, read in shards.items()})
        found, read_answers = _read_verdicts(run, batch, lines), {}
        for shard, job in zip(batch.shards, jobs, strict=True):
            rows = [each.row for each in found if isinstance(each, Accepted) and each.shard == shard.id]
            read_answers[shard.id] = answers.read(shard, rows, failure_of_job(shard, job, "an answer for this photo"))
        return lambda: (found, read_answers)

    def weight(batch: Batch) -> int:
        bytes_written = sum(written[key].size for key in map(predictions, batch.shards) if key in written)
        return max(bytes_written, _BYTES_AHEAD // batches_ahead)

    # Many threads wait for S3; one reads, beside whoever takes what is read (shard_results.fetch_shard).
    fetched = read_ahead(fetch, plan.batches, threads=threads, budget=_BYTES_AHEAD, weight=weight)
    for (batch, _), (found, shards) in read_ahead(lambda each: each[1](), fetched, threads=1, budget=_READ_AHEAD):
        yield batch, found, shards


def _fetch_verdicts(s3: "S3Client", run: Run, batch: Batch) -> bytes:
    """The lines of a batch. Raises CorruptVerdicts where they are not there."""
    key = keys.verdicts_key(run.run_id, batch.id)
    try:
        return objects.get_bytes(s3, run.bucket, key)
    except ClientError as error:
        if not objects.is_out_of_reach(error):
            raise
        where = objects.s3_uri(run.bucket, key)
        raise CorruptVerdicts(f"{where} is gone, which ValidateImages wrote. {_RESUME}") from error


def _read_verdicts(run: Run, batch: Batch, lines: bytes) -> Sequence[Verdict]:
    """Raises CorruptVerdicts where a line is no verdict."""
    try:
        return [verdicts.from_json(line) for line in objects.parse_lines(lines)]
    except (CorruptVerdicts, ValueError) as error:
        where = objects.s3_uri(run.bucket, keys.verdicts_key(run.run_id, batch.id))
        raise CorruptVerdicts(
            f"{where} does not read as ValidateImages wrote it. Start the run again. {error}"
        ) from error


def _check_plan(run: Run, plan: Plan, planned: Mapping[str, Any]) -> None:
    """What travelled between the states is the witness of what lay in S3 meanwhile."""
    changed = [
        f"{name}: {count:,}, then {now:,}"
        for name, now in asdict(plan.counts).items()
        if (count := planned.get(name, now)) != now
    ]
    if changed:
        raise RunDoesNotAddUp(
            f"s3://{run.bucket}/{keys.plan_key(run.run_id)} is not what PlanInference wrote; its counts differ"
            f" ({'; '.join(changed)}). {_RESUME}"
        )


def _count_up(run: Run, plan: Plan, tally: Tally, s3: "S3Client") -> None:
    """`listed = predicted + rejected + failed + skipped`, where listed is what the map runs were given."""
    counted = tally.predicted + tally.rejected + tally.failed + tally.skipped
    if counted != plan.counts.listed:
        if which := unaccounted.of_plan(run, plan.batches, s3):
            tally.add_problem(which, first=True)
        tally.add_problem(
            f"{plan.counts.listed:,} images were listed, and {counted:,} have an end: {tally.predicted:,} predicted, "
            f"{tally.rejected:,} rejected, {tally.failed:,} failed, and {tally.skipped:,} skipped",
            first=True,
        )


def _check(run: Run, summary: Mapping[str, Any]) -> None:
    counts = summary["counts"]
    if not summary["adds_up"]:
        raise RunDoesNotAddUp(
            f"Run {run.run_id} does not add up. Problems: {summary['problem_count']}. "
            f"{'; '.join(summary['problems'][:_PROBLEMS_TOLD])}. summary.json has more, and the results so far are in "
            f"{summary['results']}."
        )
    images = counts["predicted"] + counts["failed"]
    if images and counts["failed"] / images > run.max_failed_fraction:
        errors = ", ".join(f"{error} ({count:,})" for error, count in summary["failed_by_error"].items())
        raise TooManyFailed(
            f"{counts['failed']:,} of {images:,} images could not be predicted, and max_failed_fraction allows "
            f"{run.max_failed_fraction:.1%}: {errors}. The first: {summary['failed_examples'][0]['detail']} "
            f"The others' results, and failed.csv, are in {summary['results']}."
        )
