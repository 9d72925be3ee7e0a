"""One Batch Transform job: every object of its input goes to a model server, and comes back as `<key>.out`.

Each instance is a server of its own, and the objects are dealt out among them by key (Developer Guide, "Batch transform
for inference"), so an instance for which there is no object is not started. One object is one request (`SplitType`
None), and at most MaxConcurrentTransforms of them are under way at a server.

An object that fails does not end the job: the others are sent all the same, what they gave stays in S3, and the job is
Failed in the end (API reference, TransformOutput). Which object and why stands in the job's log. A server that ends,
for whatever reason, ends the job.
"""

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from pipeline.local.processes import Processes
from pipeline.local.sagemaker.containers import Images, UnknownImageError
from pipeline.local.sagemaker.invocations import Invocations
from pipeline.local.sagemaker.jobs import Job, JobFailedError, now
from pipeline.local.sagemaker.serving import ModelServer, NoReplyError, ServerFailedError
from pipeline.local.sagemaker.transfers import InputObject, input_objects, share
from pipeline.local.sagemaker.transform_log import TransformLog
from pipeline.local.sagemaker.transform_settings import (
    ExecutionParameters,
    ExecutionParametersError,
    TransformSettings,
)

# Seconds; an engineer of SageMaker's in amazon-sagemaker-examples #815.
PING_LIMIT = 1800


class TransformJob(Job):
    """A transform job from its creation on."""

    kind = "Transform"

    def __init__(
        self,
        request: Mapping[str, Any],
        arn: str,
        *,
        container: Mapping[str, Any],
        folder: Path,
        images: Images,
        environment: Mapping[str, str],
        s3: Any,
        processes: Processes,
    ) -> None:
        super().__init__(request, arn, folder)
        self._container = container
        self._images = images
        self._environment = environment
        self._s3 = s3
        self._processes = processes
        self._stopping = threading.Event()
        # The same, for who waits for futures.
        self._stop_asked: Future[None] = Future()

    @property
    def instances(self) -> tuple[str, int]:
        resources = self._request["TransformResources"]
        return resources["InstanceType"], resources["InstanceCount"]

    def _interrupt(self) -> None:
        self._stopping.set()
        self._stop_asked.set_result(None)

    def _work(self) -> str | None:
        objects = input_objects(self._s3, self._request["TransformInput"]["DataSource"]["S3DataSource"])
        _, count = self.instances
        servers = [self._server(f"algo-{number}") for number in range(1, min(count, len(objects)) + 1)]
        log = TransformLog(self.log_path)
        self._tell(TransformStartTime=now())
        try:
            for server in servers:
                server.start()
            for server in servers:
                server.wait_until_ready(PING_LIMIT, self._stopping)
            if self._stopping.is_set():
                return None
            settings = TransformSettings.settle(self._request, _execution_parameters(servers[0]))
            log.write(str(settings))
            invocations = Invocations(self._s3, self._request, settings, log, self._stopping)
            return self._transform(objects, servers, invocations)
        except ServerFailedError as error:
            raise JobFailedError(f"AlgorithmError: {error}") from error
        finally:
            _stop(servers)

    def _server(self, host: str) -> ModelServer:
        try:
            image = self._images.find(self._container["Image"])
        except UnknownImageError as error:
            raise JobFailedError(f"ClientError: {error}") from error
        asked = ExecutionParameters.of_request(self._request)
        variables = {**self._request.get("Environment", {}), **asked.variables(), "SAGEMAKER_BATCH": "true"}
        return ModelServer(
            self._container,
            image,
            environment=self._environment,
            variables=variables,
            root=self._folder / host,
            log=self.log_path,
            processes=self._processes,
            s3=self._s3,
        )

    def _transform(
        self, objects: Sequence[InputObject], servers: Sequence[ModelServer], invocations: Invocations
    ) -> str | None:
        """Send every object; the reason of a failure, or None."""
        blamed: list[str] = []

        def send_all(waiting: deque[InputObject], server: ModelServer) -> None:
            for item in _taken(waiting):
                if self._stopping.is_set():
                    return
                error = invocations.transform(item, server)
                if error is not None:
                    blamed.append(error)

        concurrency = invocations.settings.max_concurrent_transforms
        with ThreadPoolExecutor(len(servers) * concurrency) as pool:
            senders: set[Future[None]] = set()
            for number, server in enumerate(servers):
                waiting = deque(share(objects, "ShardedByS3Key", number, len(servers)))
                count = min(concurrency, len(waiting))
                senders |= {pool.submit(send_all, waiting, server) for _ in range(count)}
            try:
                self._watch(senders)
            finally:
                # Whatever is still under way is not waited for: its server goes.
                self._stopping.set()
                _stop(servers)
        if not blamed or self.status == "Stopping":
            return None
        return f"{blamed[0]}: See job logs for more information"

    def _watch(self, senders: set[Future[None]]) -> None:
        """Wait until all have ended, or the job is to stop, or one has failed: raises what it has raised."""
        while senders:
            done, _ = wait({*senders, self._stop_asked}, return_when=FIRST_COMPLETED)
            if self._stop_asked in done:
                return
            for sender in done:
                sender.result()
            senders = senders - done


def _execution_parameters(server: ModelServer) -> ExecutionParameters:
    """What a container says of the requests that it wants; it need not say anything.

    Raises:
        ServerFailedError: what it says does not read.
    """
    try:
        reply = server.get("/execution-parameters")
        return ExecutionParameters.of_answer(reply.body) if reply.status == 200 else ExecutionParameters()
    except NoReplyError:
        return ExecutionParameters()
    except ExecutionParametersError as error:
        raise ServerFailedError(str(error)) from error


def _stop(servers: Sequence[ModelServer]) -> None:
    """Stop servers side by side."""
    for server in servers:
        server.terminate()
    for server in servers:
        server.stop()


def _taken(waiting: deque[InputObject]) -> Iterator[InputObject]:
    """Take objects one by one; threads may share what waits."""
    while True:
        try:
            yield waiting.popleft()
        except IndexError:
            return
