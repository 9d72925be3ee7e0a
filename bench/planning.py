"""Listing and planning of a run over a million keys, without a single image: seconds, the curve, memory.

    python -m bench.planning
    python -m bench.planning --keys 10000 100000 1000000 --json

validate    the distributed map ValidateImages of the deployed machine: it lists the prefix, cuts batches of 160, starts
            a child execution for each, and writes what they answer to S3. What the children do is replaced by a state
            that answers as validation does for a batch of good images
plan        the handler of PlanInference, in a process of its own, over what the map wrote
floor       the same listing page by page from the same S3 by boto3, and nothing else

Each number of keys is a process of its own, with a local cloud in it whose images bucket makes its listing up. Memory
is that of the whole tree at its peak, the S3 that lists among it; `function` is the planning handler's process alone.
Processor time, S3's included, is what a machine that does other things at the same time disturbs least.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

import boto3

from bench import sizes, step, synthetic
from bench.processes import ROOT
from bench.synthetic import IMAGES, PREFIX, RESULTS
from pipeline import objects
from pipeline.local.cloud import LocalCloud
from pipeline.runs import keys
from pipeline.runs.run import Run
from pipeline.validation.batches import Batch, BatchShard, Counts

MACHINE = ROOT / "state_machines" / "batch.asl.json"
ROLE = "arn:aws:iam::123456789012:role/bench"
KEYS = (10_000, 100_000, 1_000_000)

Json = dict[str, Any]


def main() -> None:
    arguments = sizes.parser(__doc__ or "", "keys", KEYS).parse_args()
    sizes.carry_out(arguments, "bench.planning", _measure, _print, "peak_bytes")


def _print(rows: list[Json]) -> None:
    print(
        f"{'keys':>10}{'floor':>10}{'validate':>10}{'plan':>9}{'both':>9}{'ratio':>7}{'a key':>11}"
        f"{'of processor':>14}{'floor':>10}{'peak memory':>14}{'function':>11}"
    )
    for row in rows:
        both = row["validate"] + row["plan"]
        print(
            f"{row['keys']:>10,}{row['floor']:>8.1f} s{row['validate']:>8.1f} s{row['plan']:>7.2f} s{both:>7.1f} s"
            f"{both / row['floor']:>7.2f}{both / row['keys'] * 1e6:>8.0f} us{row['cpu'] / row['keys'] * 1e6:>11.0f} us"
            f"{row['floor_cpu'] / row['keys'] * 1e6:>7.0f} us{row['peak_bytes'] / 1e6:>11.0f} MB"
            f"{row['function_bytes'] / 1e6:>8.0f} MB"
        )


def _measure(count: int) -> Json:
    run = synthetic.run()
    with LocalCloud() as cloud:
        cloud.mount(IMAGES, synthetic.MadeUpBucket(count))
        s3, states = cloud.client("s3"), cloud.client("stepfunctions")
        s3.create_bucket(Bucket=RESULTS)
        objects.put_json(s3, RESULTS, keys.run_key(run.run_id), run.to_json())
        cpu = time.process_time()
        floor = _list(cloud.environment(), count)
        floor_cpu, cpu = time.process_time() - cpu, time.process_time()
        validated = _validate(states, run)
        cpu = time.process_time() - cpu
        environment = cloud.environment() | {"DEFAULT_INSTANCE_TYPE": "ml.c7i.xlarge"}
        event = {"run": run.pointer, "validated": [validated["output"]]}
        planned = step.take("steps.plan_inference", event, environment)
    if planned.answer["counts"]["listed"] != count:
        raise SystemExit(f"{count} keys were listed, and the plan counts {planned.answer['counts']}")
    return {
        "keys": count,
        "floor": floor,
        "validate": validated["seconds"],
        "plan": planned.seconds,
        "cpu": cpu + planned.cpu_seconds,
        "floor_cpu": floor_cpu,
        "function_bytes": planned.peak_bytes,
    }


def _list(environment: Mapping[str, str], count: int) -> float:
    s3 = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    began = time.perf_counter()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=IMAGES, Prefix=PREFIX)
    if sum(page["KeyCount"] for page in pages) != count:
        raise SystemExit("the made-up bucket does not list its keys")
    return time.perf_counter() - began


def _validate(states: Any, run: Run) -> Json:
    """One execution of the machine's distributed map: its seconds and its output."""
    machine = states.create_state_machine(name="bench", definition=json.dumps(_definition(run)), roleArn=ROLE)
    source = {"index": 0, "bucket": IMAGES, "prefix": PREFIX}
    arn = states.start_execution(
        stateMachineArn=machine["stateMachineArn"], input=json.dumps({"run": run.pointer, "source": source})
    )["executionArn"]
    while (execution := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(0.1)
    if execution["status"] != "SUCCEEDED":
        raise SystemExit(f"the execution ended {execution['status']}: {execution.get('cause')}")
    seconds = (execution["stopDate"] - execution["startDate"]).total_seconds()
    return {"seconds": seconds, "output": json.loads(execution["output"])}


def _definition(run: Run) -> Json:
    """ValidateImages as it is deployed, with a stand-in for the function that its children invoke."""
    document = json.loads(MACHINE.read_text())
    map_state = _find(document, "ValidateImages")
    answer = Batch("", Counts(0, 0, 0, 0), ()).to_json(run.run_id)
    shard = BatchShard("", 0, 160 * run.contract.input.bytes_per_image).to_json(run.run_id)
    computed = {
        "batch": "States.Hash($.Items[0].Key, 'SHA-1')",
        "listed": "States.ArrayLength($.Items)",
        "accepted": "States.ArrayLength($.Items)",
    }
    of_shard = {
        "id": "States.Format('{}-0', States.Hash($.Items[0].Key, 'SHA-1'))",
        "rows": "States.ArrayLength($.Items)",
    }
    parameters = _computed(answer, computed) | {"shards": [_computed(shard, of_shard)]}
    stand_in = {"Type": "Pass", "Parameters": parameters, "End": True}
    config = map_state["ItemProcessor"]["ProcessorConfig"]
    processor = {"ProcessorConfig": config, "StartAt": "Answer", "States": {"Answer": stand_in}}
    map_state = {**map_state, "ItemProcessor": processor, "End": True}
    return {"StartAt": "ValidateImages", "States": {"ValidateImages": map_state}}


def _computed(literal: Json, expressions: dict[str, str]) -> Json:
    kept = {name: value for name, value in literal.items() if name not in expressions}
    return kept | {f"{name}.$": expression for name, expression in expressions.items()}


def _find(document: Json, name: str) -> Json:
    """The state called `name`, wherever in the machine."""
    for state_name, state in document.get("States", {}).items():
        if state_name == name:
            return dict(state)
        if found := _find(state.get("ItemProcessor", {}), name):
            return found
    return {}


if __name__ == "__main__":
    main()
