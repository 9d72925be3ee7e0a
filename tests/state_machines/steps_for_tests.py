"""Steps that do what the name of a run says, so that the state machine's ways of failing can be walked.

They are deployed in place of steps/*.py by test_batch_behaviour.py, and run in Lambda workers.
"""

# The names are those of pipeline/errors.py: they arrive as error names in the state machine.
# ruff: noqa: N818

import os
from pathlib import Path


class InvalidRunInput(Exception):
    pass


class RunDoesNotAddUp(Exception):
    pass


def break_at(state, name):
    """Fail in this state of an execution that is to be redriven, for as long as there is a file of its name."""
    if name == f"redriven-{state}" and Path(os.environ["BROKEN"], name).exists():
        raise OSError("not yet")


def start_run(event, context):
    if not isinstance(event["input"], dict):
        raise InvalidRunInput("the input: expected a JSON object")
    name = event["input"]["name"]
    break_at("StartRun", name)
    return {
        "run_id": name,
        "bucket": os.environ["RESULTS"],
        "key": f"runs/{name}/run.json",
        "sources": [source(name)],
        "engine": "processing",
        "model": "tiny",
        "contract_digest": "digest",
        "top_k": 5,
        "execution_arn": event["execution"]["arn"],
        "claimed": name != "claimed",
        "note": "" if name != "claimed" else "another execution has this run",
    }


def source(name):
    where = {"index": 0, "bucket": os.environ["IMAGES"]}
    if name == "listed":
        return {**where, "kind": "listing", "listing": {"bucket": os.environ["IMAGES"], "key": "listed.jsonl"}}
    return {**where, "kind": "prefix", "prefix": f"{name}/"}


def validate_images(event, context):
    keys = [item["Key"] for item in event["items"]]
    break_at("ForEachSource", keys[0].partition("/")[0])
    if "condemn" not in event and any(key.endswith("poison") for key in keys):
        os._exit(1)
    return {"batch": keys[0], "keys": keys, "condemned": event.get("condemn")}


def plan_inference(event, context):
    name = event["run"]["run_id"]
    break_at("PlanInference", name)
    if name.startswith("unplannable"):
        raise RunDoesNotAddUp("1 of 2 images is missing")
    results = f"s3://{os.environ['RESULTS']}/runs/{name}"
    volume = {} if name.startswith("transform-") else {"VolumeSizeInGB": 1}
    partition = {
        "id": "p0000",
        "job_name": name,
        "manifest": f"{results}/plan/p0000.manifest",
        "predictions": f"{results}/predictions/p0000/",
        "instance_type": "ml.c7i.xlarge",
        "instance_count": 1,
        "max_runtime_seconds": 1 if name == "transform-endless" else 60,
        "resources": {"InstanceType": "ml.c7i.xlarge", "InstanceCount": 1, **volume},
        "next": None,
    }
    if name == "transform-refused":
        partition["job_name"] = "no_name_for_a_job"
    engine = "processing" if name == "failing-job" else "transform" if name.startswith("transform-") else "none"
    return {
        "key": f"runs/{name}/plan.json",
        "engine": engine,
        "counts": {},
        "transform": {
            "MaxConcurrentTransforms": 1,
            "MaxPayloadInMB": 6,
            "ContentType": "text/plain",
            "Accept": "text/plain",
            "Environment": {},
        },
        "partitions": [] if engine == "none" else [partition],
        "max_concurrency": 1,
        "network": {"EnableNetworkIsolation": True},
    }


def plan_retry(event, context):
    name, partition = event["run"]["run_id"], event["partition"]
    if name == "transform-unplannable":
        raise OSError("nothing can be listed")
    return partition | {
        "job_name": f"{name}-retry",
        "retry_of": partition["job_name"],
        "missing": 0 if name == "transform-complete" else 1,
    }


def aggregate_predictions(event, context):
    break_at("AggregatePredictions", event["run"]["run_id"])
    return {
        "summary": {"partitions": event["partitions"]},
        "results": "s3://results/",
        "message": {"subject": f"{event['run']['run_id']} finished", "body": '{"default": "all is well"}'},
    }


def write_report(event, context):
    if event["run"]["run_id"] == "unreportable":
        raise OSError("no room for a page")
    return {"message": {**event["message"], "body": '{"default": "all is well, and there is a report"}'}}
