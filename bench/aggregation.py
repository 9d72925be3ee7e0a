"""Aggregation of a million predictions: seconds, the curve, memory, against what pyarrow takes for the same files.

    python -m bench.aggregation
    python -m bench.aggregation --images 100000 1000000 --json

aggregate    the handler of AggregatePredictions in a process of its own, from a local cloud's S3 and back to it: every
             verdict and every prediction read, reconciled, written to Parquet and counted
floor        pyarrow parses the lines of the same verdicts and predictions, from files and on every core, and writes the
             predictions to Parquet: nothing is compared, nothing is counted, nothing goes through HTTP

The images are made up: 160 to a shard, each with a top-5 out of the example model's labels, one in a hundred rejected.
Memory is the handler's process at its peak; `tree` is that of the local cloud that serves it, too. Processor time is
that of the handler's process, and of the floor's: a machine that does other things at the same time disturbs it least.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq

from bench import sizes, step, synthetic
from bench.processes import measure
from bench.synthetic import BYTES, IMAGES, MODEL, RESULTS
from pipeline import objects
from pipeline.contract.packages import load_package
from pipeline.inference.predictions import Prediction, Ranked
from pipeline.local.cloud import LocalCloud
from pipeline.runs import keys
from pipeline.runs.planning import Plan, make_plan
from pipeline.runs.run import Run
from pipeline.settings import PlanInferenceSettings
from pipeline.shards import Row
from pipeline.validation import verdicts
from pipeline.validation.batches import Batch, BatchShard, Counts
from pipeline.validation.verdicts import Accepted, Rejected, Verdict

IMAGES_OF = (10_000, 100_000, 1_000_000)
BATCH, ONE_REJECTED_IN = 160, 100

Json = dict[str, Any]


def main() -> None:
    parser = sizes.parser(__doc__ or "", "images", IMAGES_OF)
    parser.add_argument("--floor", type=Path, help="measure the floor over the files in a folder, and print JSON")
    arguments = parser.parse_args()
    if arguments.floor:
        print(json.dumps(_floor(arguments.floor)))
        return
    sizes.carry_out(arguments, "bench.aggregation", _measure, _print, "tree_bytes")


def _print(rows: list[Json]) -> None:
    print(
        f"{'images':>10}{'floor':>10}{'aggregate':>11}{'ratio':>7}{'an image':>11}{'of processor':>14}{'floor':>8}"
        f"{'ratio':>7}{'memory':>10}{'tree':>10}"
    )
    for row in rows:
        cpu, floor_cpu = row["cpu_seconds"], row["floor_cpu_seconds"]
        print(
            f"{row['images']:>10,}{row['floor']:>8.2f} s{row['seconds']:>9.2f} s{row['seconds'] / row['floor']:>7.2f}"
            f"{row['seconds'] / row['images'] * 1e6:>8.0f} us{cpu / row['images'] * 1e6:>11.0f} us"
            f"{floor_cpu / row['images'] * 1e6:>5.0f} us{cpu / floor_cpu:>7.2f}{row['peak_bytes'] / 1e6:>7.0f} MB"
            f"{row['tree_bytes'] / 1e6:>7.0f} MB"
        )


def _measure(count: int) -> Json:
    run = synthetic.run()
    with LocalCloud() as cloud, tempfile.TemporaryDirectory() as folder:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket=RESULTS)
        objects.put_json(s3, RESULTS, keys.run_key(run.run_id), run.to_json())
        plan = _write_run(s3, run, count, Path(folder))
        floor = measure(["-m", "bench.aggregation", "--floor", folder]).printed
        ended = [{"id": partition.id, "status": "Completed"} for partition in plan.partitions]
        event = {"run": run.pointer, "plan": plan.between_states(run.run_id), "partitions": ended}
        taken = step.take("steps.aggregate_predictions", event, cloud.environment())
    if taken.answer["summary"]["predicted"] != plan.counts.accepted:
        raise SystemExit(f"{plan.counts.accepted} images should be predicted: {taken.answer['summary']}")
    return {
        "images": count,
        "floor": floor["seconds"],
        "floor_cpu_seconds": floor["cpu_seconds"],
        "seconds": taken.seconds,
        "cpu_seconds": taken.cpu_seconds,
        "peak_bytes": taken.peak_bytes,
    }


def _floor(folder: Path) -> Json:
    began, cpu = time.perf_counter(), time.process_time()
    for _ in ds.dataset(folder / "verdicts", format="json").to_batches():
        pass
    predictions = ds.dataset(folder / "predictions", format="json")
    with pq.ParquetWriter(folder / "floor.parquet", predictions.schema, compression="zstd") as writer:
        for batch in predictions.to_batches():
            writer.write_batch(batch)
    return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}


def _write_run(s3: Any, run: Run, count: int, folder: Path) -> Plan:
    """Everything that AggregatePredictions finds in S3, and its lines as files in `folder`; the run's plan."""
    batches = [_batch(run, start, min(BATCH, count - start)) for start in range(0, count, BATCH)]
    plan = make_plan(run, batches, PlanInferenceSettings("ml.c7i.xlarge"))
    objects.put_json(s3, RESULTS, keys.plan_key(run.run_id), plan.to_json(run.run_id))
    labels = (MODEL / "labels.txt").read_text().splitlines()
    digest = load_package(MODEL).contract.digest
    for kind in ("verdicts", "predictions"):
        (folder / kind).mkdir()
    for number, batch in enumerate(plan.batches):
        found = list(_verdicts(batch, number * BATCH, batch.counts.listed))
        lines = objects.dump_lines(map(verdicts.to_json, found))
        _write(s3, folder / "verdicts", keys.verdicts_key(run.run_id, batch.id), lines)
        (shard,) = batch.shards
        rows = [each.row for each in found if isinstance(each, Accepted)]
        predicted = "".join(
            Prediction(row, run.model, digest, run.run_id, shard.id, _top(row, labels)).to_line() for row in rows
        )
        key = keys.predictions_key(run.run_id, shard.partition, shard.id)
        _write(s3, folder / "predictions", key, predicted.encode())
    return plan


def _write(s3: Any, folder: Path, key: str, lines: bytes) -> None:
    objects.put_bytes(s3, RESULTS, key, lines)
    (folder / f"{key.rpartition('/')[2]}").write_bytes(lines)


def _batch(run: Run, start: int, listed: int) -> Batch:
    rejected = sum(number % ONE_REJECTED_IN == 0 for number in range(start, start + listed))
    accepted = listed - rejected
    id = synthetic.etag(str(start))
    shard = BatchShard(f"{id}-0", accepted, accepted * run.contract.input.bytes_per_image)
    counts = Counts(listed=listed, passed_over=0, accepted=accepted, rejected=rejected)
    return Batch(id, counts, (shard,))


def _verdicts(batch: Batch, start: int, count: int) -> Iterator[Verdict]:
    for number in range(start, start + count):
        key = synthetic.key(number)
        etag = synthetic.etag(key)
        if number % ONE_REJECTED_IN == 0:
            yield Rejected(IMAGES, key, etag, BYTES, "truncated", "image file is truncated (12 bytes not processed)")
        else:
            yield Accepted(Row(IMAGES, key, etag, BYTES, 500, 375), "JPEG", (), (), batch.shards[0].id)


def _top(row: Row, labels: list[str]) -> tuple[Ranked, ...]:
    """A top-5 that hangs on the image alone; its scores have as many digits as a float32 has."""
    first = int(row.etag[:8], 16)
    score = first / 2**32
    indices = [(first + 7919 * rank) % len(labels) for rank in range(5)]
    return tuple(Ranked(labels[index], index, score * 0.3**rank) for rank, index in enumerate(indices))


if __name__ == "__main__":
    main()
