"""One Processing job: its description, and the thread that takes it from its inputs to its end.

Each instance is a process with a root folder of its own, in which it finds what the container would find under `/`
(Amazon SageMaker Developer Guide, "Build your own processing container"): `opt/ml/processing/...` with the inputs,
`opt/ml/config/{processingjobconfig,resourceconfig}.json`, and `opt/ml/output` for the message it leaves. The variable
IMAGEBATCH_ROOT names that folder, so that a job needs no privileges; the working directory is the one that the image
would have, the root of the source tree.
"""

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.local.forks import Kind
from pipeline.local.processes import Child, Processes
from pipeline.local.sagemaker.containers import command_here, exit_code, last_lines
from pipeline.local.sagemaker.jobs import MAX_REASON, Job, now
from pipeline.local.sagemaker.transfers import OutputUpload, download, input_objects, share

DEFAULT_MAX_RUNTIME = 86_400  # seconds; SageMaker quotas, "Longest run time for a processing job", when none is given
STOP_GRACE = 120  # seconds between SIGTERM and SIGKILL; SageMaker API reference, StopProcessingJob

# What the job's own configuration file repeats of the request.
_CONFIGURED = (
    "ProcessingJobName",
    "AppSpecification",
    "Environment",
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "RoleArn",
    "StoppingCondition",
)


class ProcessingJob(Job):
    """A Processing job from its creation on."""

    kind = "Processing"

    def __init__(
        self,
        request: Mapping[str, Any],
        arn: str,
        *,
        folder: Path,
        image_root: Path,
        environment: Mapping[str, str],
        s3: Any,
        processes: Processes,
    ) -> None:
        super().__init__(request, arn, folder)
        self._image_root = image_root
        self._environment = environment
        self._s3 = s3
        self._processes = processes
        # What the job's thread waits for: the end of a process (host, exit status), or None, the request to stop.
        self._events: queue.SimpleQueue[tuple[str, int] | None] = queue.SimpleQueue()

    @property
    def instances(self) -> tuple[str, int]:
        cluster = self._request["ProcessingResources"]["ClusterConfig"]
        return cluster["InstanceType"], cluster["InstanceCount"]

    def _interrupt(self) -> None:
        self._events.put(None)

    def _work(self) -> str | None:
        _, count = self.instances
        hosts = [f"algo-{number}" for number in range(1, count + 1)]
        self._prepare(hosts)
        if self.status == "Stopping":
            return None
        ended = threading.Event()
        uploads = self._uploads(hosts)
        continuous = [
            threading.Thread(target=upload.run, args=(ended,), daemon=True)
            for mode, upload in uploads
            if mode == "Continuous"
        ]
        self._tell(ProcessingStartTime=now())
        try:
            for thread in continuous:
                thread.start()
            failure = self._watch({host: self._start(host) for host in hosts})
        finally:
            ended.set()
        for thread in continuous:
            thread.join()
        for _, upload in uploads:
            upload.sweep(final=True)
        message = next(filter(None, map(self._message, hosts)), "")
        if message:
            self._tell(ExitMessage=message[:MAX_REASON])
        return failure

    def _prepare(self, hosts: list[str]) -> None:
        listed = []
        for entry in self._request.get("ProcessingInputs", ()):
            source = entry["S3Input"]
            listed.append((source, input_objects(self._s3, source)))
        for number, host in enumerate(hosts):
            root = self._root(host)
            for source, objects in listed:
                mine = share(objects, source.get("S3DataDistributionType", "FullyReplicated"), number, len(hosts))
                download(self._s3, mine, _inside(root, source["LocalPath"]))
            for output in self._outputs():
                _inside(root, output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
            self._write_configuration(root, host, hosts)

    def _write_configuration(self, root: Path, host: str, hosts: list[str]) -> None:
        configuration = {name: self._request.get(name) for name in _CONFIGURED}
        folder = root / "opt/ml/config"
        folder.mkdir(parents=True)
        (root / "opt/ml/output").mkdir(parents=True)
        (folder / "processingjobconfig.json").write_text(json.dumps({"ProcessingJobArn": self.arn, **configuration}))
        (folder / "resourceconfig.json").write_text(json.dumps({"current_host": host, "hosts": hosts}))

    def _start(self, host: str) -> Child:
        application = self._request["AppSpecification"]
        command = [*application["ContainerEntrypoint"], *application.get("ContainerArguments", ())]
        environment = {
            **self._environment,
            **Kind.JOB.variables,
            "PYTHONPATH": str(self._image_root),
            "IMAGEBATCH_ROOT": str(self._root(host)),
            **self._request.get("Environment", {}),
        }
        with self.log_path.open("ab") as log:
            return self._processes.start(
                command_here(command),
                environment=environment,
                folder=self._image_root,
                output=log,
                kind=Kind.JOB,
            )

    def _watch(self, children: Mapping[str, Child]) -> str | None:
        """Wait until every process has ended; the reason of a failure, or None.

        A process that fails takes the others with it. A job that is stopped, or that outlives its time limit, gets
        SIGTERM and, after the grace period, SIGKILL.
        """
        for host, child in children.items():
            threading.Thread(target=self._report_end, args=(host, child), daemon=True).start()
        limit = self._request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME)
        deadline: float | None = time.monotonic() + limit
        failure: str | None = None
        running = dict(children)
        while running:
            try:
                event = self._events.get(timeout=deadline and max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                if self.status == "Stopping":
                    _each(running, Child.kill)
                    deadline = None
                else:
                    failure = f"Job ran for longer than its MaxRuntimeInSeconds ({limit}) and was stopped"
                    self.stop()
                continue
            if event is None:
                _each(running, Child.terminate)
                deadline = time.monotonic() + STOP_GRACE
                continue
            host, status = event
            del running[host]
            if status and failure is None and self.status != "Stopping":
                failure = self._algorithm_error(host, status)
                _each(running, Child.kill)
        return failure

    def _report_end(self, host: str, child: Child) -> None:
        self._events.put((host, child.wait() or 0))

    def _algorithm_error(self, host: str, status: int) -> str:
        reason = self._message(host) or last_lines(self.log_path) or "See job logs for more information"
        ending = f", exit code: {exit_code(status)}"
        return f"AlgorithmError: {reason[: MAX_REASON - len('AlgorithmError: ') - len(ending)]}{ending}"

    def _message(self, host: str) -> str:
        try:
            return (self._root(host) / "opt/ml/output/message").read_text(errors="replace").strip()
        except FileNotFoundError:
            return ""

    def _uploads(self, hosts: list[str]) -> list[tuple[str, OutputUpload]]:
        return [
            (
                output["S3Output"]["S3UploadMode"],
                OutputUpload(
                    self._s3, _inside(self._root(host), output["S3Output"]["LocalPath"]), output["S3Output"]["S3Uri"]
                ),
            )
            for host in hosts
            for output in self._outputs()
        ]

    def _outputs(self) -> list[Mapping[str, Any]]:
        return list(self._request.get("ProcessingOutputConfig", {}).get("Outputs", ()))

    def _root(self, host: str) -> Path:
        return self._folder / host


def _inside(root: Path, container_path: str) -> Path:
    return root / container_path.lstrip("/")


def _each(children: Mapping[str, Child], action: Callable[[Child], None]) -> None:
    for child in children.values():
        action(child)
