"""A whole run on this machine: the deployed template, state machine, handlers and job scripts, in the local cloud.

    photos on disk, or an s3:// prefix ──► served as a bucket, in place ──► the batch state machine ──► out/<run_id>/

Nothing here knows what the state machine does. It deploys infra/template.yaml, uploads a model package, starts an
execution, watches it the way one watches it in AWS, and copies the results out.
"""

import json
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import objects
from pipeline.deployed.history import find_pointer
from pipeline.deployed.progress import RunWatcher
from pipeline.interrupts import checkpoint, held
from pipeline.laptop.deployment import CLOUD_LOG, deploy_stack, logging_to, open_model
from pipeline.laptop.run_request import RunRequest
from pipeline.laptop.scratch import removing_shards, scratch_folder
from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import Stack
from pipeline.local.faults import Faults, load_plan, refuse_end_of_cloud
from pipeline.local.sources import Source, open_source
from pipeline.runs.keys import REPORT, results_prefix, run_key, run_prefix
from pipeline.runs.run import load_run
from pipeline.runs.run_input import TRANSFORM
from pipeline.telemetry.reading import text_of
from pipeline.validation.quarantine_files import save_copies

if TYPE_CHECKING:
    from pipeline.laptop.live_run import LiveRun

_LOOKING = 100
"""Looking at how far a run is takes a hundredth of a core at most."""
_HEARD_WITHIN = 0.2
"""Seconds that an interrupt waits for, at most, while a run is waited for."""
_TOLD_WITHIN = 20
"""Seconds that the message of a run may come behind it."""
# What `imagebatch show` and `imagebatch report` read, and what is small. Shards are not: the report has the thumbnails.
_KEPT_BESIDE_RESULTS = ("verdicts/", "previews/")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class RunReport:
    """How a run ended. `summary` is results/summary.json; empty when the run failed before there was one."""

    status: str
    run_id: str | None
    results: Path | None
    summary: dict[str, Any]
    message: dict[str, str] | None
    error: str | None
    cause: str | None
    seconds: dict[str, float]
    notes: list[str] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    """What has gone wrong on purpose: the plan's rules, how many calls each has fitted, and how often it struck."""

    @property
    def succeeded(self) -> bool:
        return self.status == "SUCCEEDED"


def run_local(request: RunRequest, live: "LiveRun") -> RunReport:
    """Run the batch state machine over `request.source` and copy its results to `request.out / run_id`.

    `live` is told every now and then how far the run is. Raises UsageError when there is nothing that could be started.
    """
    with local_stack(request, live) as here:
        return here.run({"name": here.source.name, "prefixes": [here.prefix]}, live)


@contextmanager
def local_stack(request: RunRequest, live: "LiveRun") -> Iterator["LocalStack"]:
    """A local cloud with the stack deployed, the images served and the model uploaded, ready for a run."""
    started = time.perf_counter()
    model = open_model(request.model)
    plan = load_plan(request.faults) if request.faults else None
    faults = Faults() if plan else None
    if plan is not None:
        refuse_end_of_cloud(plan)
    source = open_source(request.source, results=request.out)
    with (
        held(),
        scratch_folder(request.out) as state,
        logging_to(state / CLOUD_LOG),
        LocalCloud(state, faults=faults) as cloud,
    ):
        live.note(f"local cloud: {cloud.endpoint_url}")
        for_sagemaker = request.engine == TRANSFORM
        # What a table would remember is gone with the cloud.
        parameters = {"Incremental": "no", **source.parameters, **request.parameters}
        stack = deploy_stack(cloud, [model], parameters, for_sagemaker=for_sagemaker, warm_functions=True)
        for ignored in stack.ignored:
            live.note(f"means nothing on one machine: {ignored}")
        prefix = source.serve(cloud, stack.outputs["ImagesBucket"])
        if faults is not None and plan is not None:
            faults.use(plan)
        yield LocalStack(request, model.name, source, prefix, cloud, stack, state / CLOUD_LOG, started, faults)


@dataclass(frozen=True)
class LocalStack:
    """A deployed stack on this machine, for one run."""

    request: RunRequest
    model: str
    source: Source
    prefix: str
    """Where the images are served: `s3://bucket/prefix`."""
    cloud: LocalCloud
    stack: Stack
    log: Path
    started: float
    faults: Faults | None = None

    def run(self, images: Mapping[str, Any], live: "LiveRun") -> RunReport:
        """Run the state machine; `images` are the fields of its input that say over what."""
        cloud, request = self.cloud, self.request
        inbox = _subscribe(cloud, self.stack)
        execution = _start(cloud, self.stack, {**_run_input(request, self.model), **images})
        running_since = time.perf_counter()
        try:
            described = _follow(cloud, execution, live)
        except BaseException:
            cloud.client("stepfunctions").stop_execution(executionArn=execution, cause="stopped from the terminal")
            raise
        running = time.perf_counter() - running_since
        pointer = find_pointer(cloud.client("stepfunctions"), execution)
        run_id = pointer["run_id"] if pointer else None
        s3, bucket = cloud.client("s3"), self.stack.outputs["ResultsBucket"]
        succeeded = described["status"] == "SUCCEEDED"
        if succeeded:  # of a failure, a function tells behind the run
            cloud.cool()
        with removing_shards(s3, bucket, run_id) if run_id and succeeded else nullcontext():
            report = _report(cloud, self.stack, described, run_id, request, inbox)
        report.seconds.update(startup=round(running_since - self.started, 3), run=round(running, 3))
        report.notes.extend(self.source.notes())
        report.faults.extend(self.faults.tally() if self.faults else ())
        if not report.succeeded:
            logs = request.out / (report.run_id or execution.rpartition(":")[2]) / "logs"
            _keep_logs(cloud, self.log, logs)
            report.notes.append("The run's cloud has ended with it: to go on, run it again.")
            report.notes.append(f"The logs of the local cloud, of every function and of every job are in {logs}")
        return report


def _subscribe(cloud: LocalCloud, stack: Stack) -> str:
    """A queue behind the stack's topic: the message is read as a subscriber gets it.

    Raw (SNS Developer Guide, "Amazon SNS raw message delivery"): the envelope has a signature, which takes a key, which
    takes moto a twentieth of a second and more to make.
    """
    sqs = cloud.client("sqs")
    inbox: str = sqs.create_queue(QueueName="imagebatch-terminal")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]
    cloud.client("sns").subscribe(
        TopicArn=stack.outputs["TopicArn"],
        Protocol="sqs",
        Endpoint=attributes["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
    )
    return inbox


def _keep_logs(cloud: LocalCloud, cloud_log: Path, folder: Path) -> None:
    functions = cloud.client("lambda").list_functions()["Functions"]
    logs = {function["FunctionName"]: cloud.logs(function["FunctionName"]) for function in functions}
    logs["local-cloud"] = cloud_log.read_text(encoding="utf-8")
    logs |= {job: cloud.job_log(job) for job in _jobs(cloud)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, log in logs.items():
        if log:
            (folder / f"{name}.log").write_text(text_of(log), encoding="utf-8")


def _jobs(cloud: LocalCloud) -> Iterator[str]:
    """The names of all jobs."""
    for kind in ("Processing", "Transform"):
        for page in cloud.client("sagemaker").get_paginator(f"list_{kind.lower()}_jobs").paginate():
            yield from (job[f"{kind}JobName"] for job in page[f"{kind}JobSummaries"])


def _run_input(request: RunRequest, model: str) -> dict[str, Any]:
    return {
        "model": model,
        "engine": request.engine,
        "limits": dict(request.limits),
        "quarantine": request.quarantine,
        **({} if request.top_k is None else {"top_k": request.top_k}),
        **({} if request.max_cost_usd is None else {"max_cost_usd": request.max_cost_usd}),
    }


def _start(cloud: LocalCloud, stack: Stack, run_input: dict[str, Any]) -> str:
    started = cloud.client("stepfunctions").start_execution(
        stateMachineArn=stack.outputs["StateMachineAliasArn"],
        name=f"terminal-{secrets.token_hex(6)}",
        input=json.dumps(run_input),
    )
    arn: str = started["executionArn"]
    return arn


def _follow(cloud: LocalCloud, execution: str, live: "LiveRun") -> dict[str, Any]:
    watcher = RunWatcher(cloud.client("stepfunctions"), cloud.client("s3"), execution)
    pause = live.pause
    while not _has_ended(cloud, execution, pause):
        before = time.thread_time()
        live.update(watcher.poll())
        pause = max(live.pause, _LOOKING * (time.thread_time() - before))
    live.update(watcher.poll())
    described: dict[str, Any] = cloud.client("stepfunctions").describe_execution(executionArn=execution)
    return described


def _has_ended(cloud: LocalCloud, execution: str, seconds: float) -> bool:
    """Whether an execution has ended: as soon as it has, or once `seconds` have passed."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if cloud.has_ended(execution, min(left, _HEARD_WITHIN)):
            return True
        checkpoint()
    return False


def _report(
    cloud: LocalCloud, stack: Stack, described: dict[str, Any], run_id: str | None, request: RunRequest, inbox: str
) -> RunReport:
    results = request.out / run_id if run_id else None
    summary: dict[str, Any] = {}
    if run_id and results:
        _download(cloud, stack.outputs["ResultsBucket"], results_prefix(run_id), results)
        if results.exists():
            for kept in _KEPT_BESIDE_RESULTS:
                _download(cloud, stack.outputs["ResultsBucket"], run_prefix(run_id) + kept, results / kept)
            request.save(results)
            save_copies(cloud.client("s3"), stack.outputs["ResultsBucket"], results / "quarantine", checkpoint)
        if (results / "summary.json").exists():
            summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
            if not (results / REPORT).exists():
                # The run failed behind its results. Its pixels and its history are gone with the cloud. Imported here:
                # charts, pictures and Parquet take a third of a second, and other runs have their report.
                from pipeline.report.writing import make_report

                run = load_run(cloud.client("s3"), {"bucket": stack.outputs["ResultsBucket"], "key": run_key(run_id)})
                (results / REPORT).write_bytes(make_report(run, cloud.client("s3"), cloud.client("stepfunctions")))
    return RunReport(
        status=described["status"],
        run_id=run_id,
        results=results if results and results.exists() else None,
        summary=summary,
        message=_receive(cloud, inbox),
        error=described.get("error"),
        cause=described.get("cause"),
        seconds={},
    )


def _download(cloud: LocalCloud, bucket: str, prefix: str, folder: Path) -> None:
    s3 = cloud.client("s3")
    for item in objects.list_objects(s3, bucket, prefix):
        checkpoint()
        path = folder / item.key.removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)

        def copy(key: str = item.key, path: Path = path) -> None:
            # Under its name only when it is whole, whoever stops the run.
            part = path.with_name(f".{path.name}.part")
            with closing(s3.get_object(Bucket=bucket, Key=key)["Body"]) as body, part.open("wb") as file:
                shutil.copyfileobj(body, file, _CHUNK)
            part.replace(path)

        # One after another, and each as it comes: download_file's threads cost more than such files.
        objects.unbroken(copy)


def _receive(cloud: LocalCloud, inbox: str) -> dict[str, str] | None:
    # A failure is told of behind the run: by a function, which a rule calls.
    for _ in range(_TOLD_WITHIN):
        received = cloud.client("sqs").receive_message(QueueUrl=inbox, MaxNumberOfMessages=1, WaitTimeSeconds=1)
        for message in received.get("Messages", []):
            told = json.loads(message["Body"])
            return {"subject": told["subject"], "body": told["text"]}
        checkpoint()
    return None
