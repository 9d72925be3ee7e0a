"""The local cloud: AWS's services on one endpoint of this machine.

    with LocalCloud() as cloud:
        cloud.client("s3").create_bucket(Bucket="photos")
        subprocess.run(command, env=os.environ | cloud.environment())

moto keeps its state in the process, so one process holds one cloud at a time; processes side by side do not disturb
each other. State begins empty and is gone after `close`, except for what lies in `state_dir`: objects of buckets, state
machines and their executions are there again when a later cloud is given the same folder. What is not (functions,
models, topics) a stack has again when it is deployed again: docs/local.md says it all.
"""

import os
import tempfile
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from botocore.config import Config

from pipeline.cores import available_cores
from pipeline.deployed.cloud_file import ACCESS_KEY, client_environment
from pipeline.local import clients, forks
from pipeline.local.athena import AthenaService
from pipeline.local.buckets import Bucket
from pipeline.local.cloudformation import CloudFormationService
from pipeline.local.database import Database
from pipeline.local.delivery import Deliveries
from pipeline.local.direct_calls import answer_directly
from pipeline.local.dynamodb import DynamoDBService
from pipeline.local.events import EventsService, ExecutionEvents, ObjectEvents
from pipeline.local.faults import Faults
from pipeline.local.faults.requests import OBSERVER
from pipeline.local.gateway import Gateway
from pipeline.local.glue import GlueService
from pipeline.local.http_messages import Body, Request
from pipeline.local.lambdas import LambdaService
from pipeline.local.open_files import allow_many_files
from pipeline.local.permissions import Guard, access_key
from pipeline.local.processes import Processes
from pipeline.local.quotas import QuotasService
from pipeline.local.sagemaker import Image, Images, SageMakerService
from pipeline.local.scheduler import SchedulerService
from pipeline.local.states.api import StatesService
from pipeline.local.timers import Timers

if TYPE_CHECKING:
    from pipeline.local.deploy import Made, Stack

_SOURCES = Path(__file__).resolve().parents[2]
_OF_THE_SOURCES = Image(("python3", "-m", "processing_scripts.serve"), _SOURCES)
_in_this_process = threading.Lock()


class LocalCloud:
    """A cloud that runs from construction until `close`.

    Args:
        state_dir: where objects, executions, logs and job folders are kept; a temporary folder, removed at the end,
            when None.
        port: where the endpoint listens; any free port for 0.
        region: the region that clients are made for.
        account_id: the account that ARNs name.
        lambda_concurrency: how many workers one function may have at the same time; one more than there are cores
            when None, since each waits for S3 now and then.
        faults: what goes wrong on purpose. Whoever uses `client` only watches, and is spared.
        hold_events: deliver no events and fire no schedules, those of an earlier cloud among them, before `deliver`.

    Raises:
        RuntimeError: there is a cloud in this process already.
        OSError: the port is taken, or the folder cannot be written to.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        port: int = 0,
        region: str = "us-east-1",
        account_id: str = "123456789012",
        lambda_concurrency: int | None = None,
        faults: Faults | None = None,
        hold_events: bool = False,
    ) -> None:
        if not _in_this_process.acquire(blocking=False):
            raise RuntimeError(
                "there is a LocalCloud in this process already, and moto's state belongs to the process: "
                "close that one first, or start the second in a process of its own"
            )
        with ExitStack() as cleanup:
            cleanup.callback(_in_this_process.release)
            self._timers = Timers(held=True)
            self._faults = faults
            self._start(cleanup, state_dir, port, region, account_id, lambda_concurrency or available_cores() + 1)
            self._cleanup = cleanup.pop_all()
        if not hold_events:
            self.deliver()

    def _start(
        self, cleanup: ExitStack, state_dir: Path | None, port: int, region: str, account_id: str, concurrency: int
    ) -> None:
        """Bring everything up. What is torn down last is registered first, so that what fails here leaves nothing."""
        self.region = region
        self.account_id = account_id
        if state_dir is None:
            state_dir = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="imagebatch-cloud-")))
        self.state_dir = state_dir
        self.state_dir.mkdir(parents=True, exist_ok=True)
        allow_many_files()
        self._gateway = Gateway(self.state_dir / "s3", port, self._faults)
        self._reset_moto()
        cleanup.callback(self._reset_moto)
        # One session for all clients, so that what botocore reads of its own data is read once.
        self._session = clients.session(ACCESS_KEY, region)
        self._clients: dict[tuple[str, str | None, str], Any] = {}
        self._clients_lock = threading.Lock()
        cleanup.callback(self._close_clients)
        self._guard = Guard(self._service_client, account_id, region)
        self._gateway.protect(self._guard)
        self._gateway.start()
        cleanup.callback(self._gateway.close)
        for bucket in self._gateway.stored_buckets():
            self.create_bucket(bucket)
        processes = Processes(forks.take())
        self._images = Images({"imagebatch": _OF_THE_SOURCES})
        quotas = QuotasService(lambda: self._sagemaker.model, account_id, region)
        self._sagemaker = SageMakerService(
            processes=processes,
            environment=self._child_environment,
            state_dir=self.state_dir / "sagemaker",
            image_root=_SOURCES,
            images=self._images,
            clients=self._role_client,
            account_id=account_id,
            region=region,
            faults=self._faults,
            quota=quotas.limit,
        )
        # A job ends in three steps: it is told to, its processes are killed, and its thread sees that they are gone.
        cleanup.callback(self._sagemaker.join)
        cleanup.callback(processes.close)
        cleanup.callback(self._sagemaker.stop)
        database = Database(self.state_dir / "events.sqlite")
        cleanup.callback(database.close)
        deliveries = Deliveries(database, self._timers, self._role_client)
        self._lambda = LambdaService(
            processes=processes,
            environment=self._child_environment,
            state_dir=self.state_dir / "lambda",
            clients=self._service_client,
            concurrency=concurrency,
            account_id=account_id,
            region=region,
            database=database,
            timers=self._timers,
            deliveries=deliveries,
            faults=self._faults,
        )
        cleanup.callback(self._lambda.close)
        self._states = StatesService(self._role_client, self.state_dir / "states.sqlite", account_id, region)
        cleanup.callback(self._states.close)
        if faults := self._faults:
            faults.stop_executions = self._states.stop_all
            self._states.engine.retry_pace = lambda: faults.retry_pace
        self._cloudformation = CloudFormationService(self.state_dir / "stacks.json", self)
        self._gateway.add([self._cloudformation, self._lambda, quotas, self._sagemaker, self._states])
        self._gateway.add([AthenaService(), GlueService(account_id)])
        events = EventsService(database, deliveries, self._timers, account_id, region)
        schedules = SchedulerService(database, deliveries, self._timers, account_id, region)
        dynamodb = DynamoDBService(self.state_dir / "dynamodb.sqlite", self._gateway.moto, region)
        cleanup.callback(dynamodb.close)
        self._gateway.add([events, schedules, dynamodb])
        self._gateway.listen(ObjectEvents(events.bus, deliveries, account_id, region))
        self._states.listen(ExecutionEvents(events.bus))
        self._sagemaker.listen(self._states.job_ended)
        # Before the services that they call: what fails because those are gone has not failed.
        cleanup.callback(deliveries.close)
        cleanup.callback(self._timers.close)
        cleanup.callback(self._gateway.hurry)

    @property
    def endpoint_url(self) -> str:
        """What `AWS_ENDPOINT_URL` has to say."""
        return self._gateway.url

    def client(self, service: str) -> Any:
        """The boto3 client of a service at this endpoint. One client serves all threads, and is made once."""
        return self._client(service, OBSERVER if self._faults else None)

    def _service_client(self, service: str) -> Any:
        """The client by which the services of the cloud call each other."""
        return self._client(service, None)

    def _role_client(self, service: str, role_arn: str) -> Any:
        """The client by which a state machine or a job calls others, in its role."""
        return self._client(service, None, access_key(role_arn))

    def _client(self, service: str, agent: str | None, key: str = ACCESS_KEY) -> Any:
        with self._clients_lock:
            if (service, agent, key) not in self._clients:
                client = self._clients[service, agent, key] = self._session.client(
                    service,
                    aws_access_key_id=key,
                    aws_secret_access_key=ACCESS_KEY,
                    endpoint_url=self.endpoint_url,
                    config=Config(
                        inject_host_prefix=False,
                        max_pool_connections=100,
                        read_timeout=960,  # longer than the longest Lambda invocation
                        retries={"mode": "standard", "total_max_attempts": 2},
                        s3={"addressing_style": "path"},
                        # botocore makes its own of ten parts, anew for each request: a sixth of what one takes.
                        user_agent=agent or "imagebatch",
                    ),
                )
                answer_directly(client, self._gateway.answer)
            return self._clients[service, agent, key]

    def environment(self) -> dict[str, str]:
        """The variables that make any AWS client in a child process talk to this cloud."""
        return client_environment(self.endpoint_url, self.region)

    def create_bucket(self, name: str) -> None:
        """Create a bucket that is not there yet."""
        s3 = self.client("s3")
        location = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
        try:
            s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": location} if location else {}))
        except s3.exceptions.BucketAlreadyOwnedByYou:
            pass

    def mount(self, bucket_name: str, bucket: Bucket) -> None:
        """Serve the objects of a bucket from `bucket`, in place; the bucket is created if it is not there yet."""
        self.create_bucket(bucket_name)
        self._gateway.mount(bucket_name, bucket)

    def deliver(self) -> None:
        """Deliver events and fire schedules from now on, where `hold_events` kept them back."""
        self._timers.release()

    def warm(self, functions: Iterable[str]) -> None:
        """Start one worker of each Lambda function in the background, ahead of its first invocation."""
        self._lambda.warm(functions)

    def cool(self) -> None:
        """Stop the idle workers of all Lambda functions in the background: nobody is about to invoke any."""
        self._lambda.cool()

    def register(self, stack: "Stack", made: "Made | None" = None) -> None:
        """Let CloudFormation tell of a stack that was deployed here, and change it from what was made of it."""
        self._cloudformation.register(stack, made)

    def stack(self, name: str) -> "Stack | None":
        """The stack of a name as it was deployed here last, if it was: by this cloud, or by an earlier one in the same
        `state_dir`."""
        return self._cloudformation.stack(name)

    def has_ended(self, execution_arn: str, seconds: float) -> bool:
        """Whether an execution has ended: as soon as it has, or once `seconds` have passed. Asking for it again and
        again, as one has to in AWS, would cost a run a hundredth of its time."""
        return self._states.has_ended(execution_arn, seconds)

    def logs(self, function: str) -> str:
        """What a Lambda function has printed and logged so far."""
        return self._lambda.logs(function)

    def add_image(self, repository: str, serve: Sequence[str], folder: Path) -> None:
        """Say what a container image runs: models may name it then, whatever registry and tag stand around the
        repository's name. `serve` is the command behind `docker run IMAGE serve`, `folder` where it runs and finds its
        Python modules."""
        self._images.add(repository, Image(tuple(serve), folder))

    def build_image(self, repository: str) -> None:
        """Let a repository have the product's own image, as a stack's CodeBuild project builds it in AWS."""
        self._images.add(repository, _OF_THE_SOURCES)

    def job_log(self, job: str) -> str:
        """What the processes of a Processing job or a transform job have printed so far."""
        return self._sagemaker.log(job)

    def endpoint_log(self, endpoint: str) -> str:
        """What the model servers of a SageMaker endpoint have printed so far."""
        return self._sagemaker.endpoint_log(endpoint)

    def close(self) -> None:
        """Stop everything that runs, and forget everything outside `state_dir`."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _child_environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in forks.INHERITED if name in os.environ}
        return {**kept, **self.environment()}

    def _close_clients(self) -> None:
        for client in self._clients.values():
            client.close()

    def _reset_moto(self) -> None:
        self._gateway.moto(Request("POST", "/moto-api/reset", {}, Body(BytesIO(), 0)))
