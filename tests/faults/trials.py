"""One run under faults, brought to its end, and looked at: nothing lost, nothing twice, nothing wrong, nothing left."""

import io
import json
import re
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq
from attempts import Attempts
from clouds import PREFIXES, Cloud, photos
from scenarios import Scenario

from pipeline.deployed.executions import Execution
from pipeline.runs import keys as run_keys

KNOWN = PREFIXES[0]
"""The images that the ledger knows, where it knows some."""
TOLERANCE = 1e-5


@dataclass
class Trial:
    """What became of the run of a seed."""

    seed: int
    engine: str
    faults: dict[str, int] = field(default_factory=dict)
    ways: list[str] = field(default_factory=list)
    """How it went on after each end but the last: redriven, taken over, started again."""
    images: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.duplicated or self.wrong)


@dataclass(frozen=True)
class Truth:
    """What a run predicts to which nothing happens."""

    rows: dict[str, dict[str, Any]]
    """Of predictions.parquet, by key."""
    ledger: tuple[dict[str, Any], ...]
    """The items that it left in the ledger."""

    def of(self, cloud: Cloud, engine: str) -> "Truth":
        """The same in another cloud: under a key of KMS each write has an ETag of its own, and so has the model."""
        etags, model = cloud.etags(), {"S": cloud.model_digest(engine)}
        rows = {key: row | {"etag": etags[key]} for key, row in self.rows.items()}
        ledger = (item | {"etag": {"S": etags[_key(item)]}, "model_digest": model} for item in self.ledger)
        return Truth(rows, tuple(ledger))

    def without(self, known: Collection[str]) -> dict[str, dict[str, Any]]:
        return {key: row for key, row in self.rows.items() if key not in known}


def undisturbed(cloud: Cloud, engine: str) -> Truth:
    """The truth, which is the first night's: the ledger knows nothing."""
    cloud.fill_ledger(())
    ended = Attempts(cloud, _run_input(engine), takes_over=False).to_the_end()
    assert ended.succeeded, ended
    return Truth({row["key"]: row for row in _rows(cloud, ended)}, tuple(cloud.ledger()))


def bring_through(cloud: Cloud, scenario: Scenario, truth: Truth) -> Trial:
    """Start a run, and resume it until it has succeeded; then look at it."""
    trial = Trial(scenario.seed, scenario.engine, images=len(photos()))
    began = time.monotonic()
    truth = truth.of(cloud, scenario.engine)
    known = tuple(item for item in truth.ledger if f"/{KNOWN}" in item["image"]["S"]) if scenario.knows else ()
    cloud.fill_ledger(known)
    faults_before, told_before = len(cloud.injected()), len(cloud.inbox.successes())
    attempts = Attempts(cloud, _run_input(scenario.engine), takes_over=scenario.takes_over)
    ended = attempts.to_the_end()
    trial.ways = attempts.ways
    injected = cloud.injected()[faults_before:]
    trial.faults = dict(Counter(map(_kind, injected)))
    if not ended.succeeded:
        trial.lost.append(f"the run did not end well: {ended.error}: {ended.cause}"[:600])
    else:
        keys = set(map(_key, known))
        _look(cloud, ended, truth.without(keys), len(keys), trial)
        _look_into_ledger(cloud, ended, known, trial)
        told = cloud.inbox.successes()[told_before:]
        # A topic delivers at least once: who hears no answer publishes again.
        unheard = sum(each["operation"] == "sns:Publish" and each["fault"] == "answer_lost" for each in injected)
        if not 1 <= len(told) <= 1 + unheard or len(set(told)) > 1:
            trial.duplicated.append(f"{len(told)} messages of success: {told}")
    trial.seconds = time.monotonic() - began
    return trial


def _key(item: Mapping[str, Any]) -> str:
    """Of the image that an item of the ledger is about."""
    return str(item["image"]["S"].split("/", 3)[3])


def _run_input(engine: str) -> dict[str, Any]:
    return {"name": "campaign", "prefixes": list(PREFIXES), "engine": engine, "max_failed_fraction": 0.0}


def _kind(injected: Mapping[str, Any]) -> str:
    """What the table counts: of requests, whose they are, too, unless it befalls the whole cloud."""
    if injected["fault"] in ("executions_stopped", "cloud_killed"):
        return str(injected["fault"]).replace("_", " ")
    service = injected["operation"].partition(":")[0]
    on = f"request to {service}" if service else injected["on"]
    return f"{on}: {injected['fault']}"


def _rows(cloud: Cloud, ended: Execution) -> list[dict[str, Any]]:
    body = _read(cloud, f"{_output(ended)['results']}predictions.parquet")
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(body)).to_pylist()
    return rows


def _output(ended: Execution) -> dict[str, Any]:
    output: dict[str, Any] = json.loads(ended.output or "{}")
    return output


def _read(cloud: Cloud, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def _look(cloud: Cloud, ended: Execution, truth: Mapping[str, Any], known: int, trial: Trial) -> None:
    rows = _rows(cloud, ended)
    counted = Counter(row["key"] for row in rows)
    trial.lost += sorted(truth.keys() - counted.keys())
    trial.duplicated += sorted(key for key, count in counted.items() if count > 1)
    for row in rows:
        right = truth.get(row["key"])
        if right is None or row["etag"] != right["etag"] or row["labels"] != right["labels"]:
            trial.wrong.append(row["key"])
        elif any(abs(a - b) > TOLERANCE for a, b in zip(row["scores"], right["scores"], strict=True)):
            trial.wrong.append(f"{row['key']}: {row['scores']}")
    summary = json.loads(_read(cloud, f"{_output(ended)['results']}summary.json"))
    counts = summary["counts"]
    ends = sum(counts[name] for name in ("predicted", "rejected", "failed", "skipped"))
    right_counts = {"listed": len(photos()), "predicted": len(truth), "failed": 0, "skipped": known}
    if (
        not summary["adds_up"]
        or ends != counts["listed"]
        or right_counts != {name: counts[name] for name in right_counts}
    ):
        trial.wrong.append(f"it does not add up: {counts}")
    run_id = _output(ended)["summary"]["run_id"]
    trial.wrong += [f"left: {key}" for key in _left(cloud, run_id)]
    published = f"s3://{cloud.outputs['ResultsBucket']}/{run_keys.published_key('predictions', run_id)}"
    if pq.read_table(io.BytesIO(_read(cloud, published))).num_rows != len(rows):
        trial.wrong.append(f"{published} has other rows than the results")


def _look_into_ledger(cloud: Cloud, ended: Execution, known: Collection[Mapping[str, Any]], trial: Trial) -> None:
    """What was known is known as before, and each prediction of the run is remembered as it is."""
    there = {item["image"]["S"]: item for item in cloud.ledger()}
    run_id = _output(ended)["summary"]["run_id"]
    for item in known:
        if there.pop(item["image"]["S"], None) != item:
            trial.wrong.append(f"the ledger's item for {item['image']['S']} is another")
    for row in _rows(cloud, ended):
        entry = there.pop(row["image_uri"], None)
        told = entry and tuple(entry[name]["S"] for name in ("run", "etag", "label"))
        if told != (run_id, row["etag"], row["label"]):
            trial.wrong.append(f"the ledger says {told} of {row['image_uri']}")
    trial.wrong += [f"the ledger knows {image}" for image in there]


def _left(cloud: Cloud, run_id: str) -> list[str]:
    """What lies among the run's objects, and should not."""
    s3, bucket = cloud.client("s3"), cloud.outputs["ResultsBucket"]
    prefix = f"runs/{run_id}/"
    plan = json.loads(_read(cloud, f"s3://{bucket}/{prefix}plan.json"))
    batches = {batch["batch"] for batch in plan["batches"]}
    shards = {shard["id"] for batch in plan["batches"] for shard in batch["shards"]}
    known = [
        "run.json",
        "counted.json",
        "plan.json",
        r"plan/(r\d+)?p\d+(-retry)?\.manifest",
        r"map/\d+/[0-9a-f-]+/(manifest\.json|(SUCCEEDED|FAILED|PENDING)_\d+\.jsonl?)",
        r"results/(predictions\.parquet|rejected\.csv|failed\.csv|summary\.json|report\.html)",
        r"messages/.+\.json",
        r"batches/[0-9a-f]+\.json",
        *(rf"(verdicts|previews)/{batch}\.jsonl?" for batch in batches),
        *(rf"shards/{shard}\.safetensors" for shard in shards),
        *(rf"thumbnails/{shard}\.jpg" for shard in shards),
        # Of jobs that did not get there: what they say of why is kept beside what others predicted.
        *(rf"predictions/\w+/{shard}\.failed\.json" for shard in shards),
        # A job may end after the run was taken over: what it has predicted by then is nobody's, and right.
        *(rf"predictions/(r\d+)?p\d+/{shard}\.(jsonl|safetensors\.out)" for shard in shards),
    ]
    allowed = re.compile("|".join(f"(?:{pattern})" for pattern in known))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"].removeprefix(prefix) for page in pages for item in page.get("Contents", ())]
    # Called after what was listed alone; the batch, also after what the ledger knew of it.
    of_batches = [key for key in keys if key.startswith("batches/")]
    stray = [
        key for key in of_batches if json.loads(_read(cloud, f"s3://{bucket}/{prefix}{key}"))["batch"] not in batches
    ]
    uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
    failed = [
        line
        for key in keys
        if key == "results/failed.csv"
        for line in _read(cloud, f"s3://{bucket}/{prefix}{key}").splitlines()[1:]
    ]
    return (
        [key for key in keys if not allowed.fullmatch(key)]
        + stray
        + [f"failed: {line!r}" for line in failed]
        + [f"upload of {each['Key']}" for each in uploads]
    )
