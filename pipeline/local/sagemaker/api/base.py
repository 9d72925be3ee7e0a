"""What the operations share: the account's resources, and what they are made with."""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

from pipeline.local.faults import Faults
from pipeline.local.faults.jobs import DisturbedProcesses
from pipeline.local.permissions import credentials
from pipeline.local.processes import Processes
from pipeline.local.protocol import JsonService, ServiceError
from pipeline.local.sagemaker.containers import Images
from pipeline.local.sagemaker.endpoints import Endpoint
from pipeline.local.sagemaker.jobs import clear
from pipeline.local.sagemaker.processing import ProcessingJob
from pipeline.local.sagemaker.register import JobRegister
from pipeline.local.sagemaker.transform import TransformJob

_OF_THE_NETWORK = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Operations(JsonService):
    """Base of the groups of operations.

    Args:
        processes: starts the processes of jobs and endpoints.
        environment: what the environment of such a process begins with.
        state_dir: where each job and endpoint has its folder.
        image_root: the working directory of a Processing job's processes, which stands for the container image's.
        images: what the images of models come to.
        clients: gives the boto3 client of a service of this cloud, in the role with an ARN.
        account_id, region: what ARNs say.
        faults: what goes wrong on purpose.
        quota: says how many instances a quota of the account admits, by its name; None where nothing is limited.
    """

    service: ClassVar[str] = "sagemaker"
    signing_name: ClassVar[str] = "sagemaker"

    def __init__(
        self,
        *,
        processes: Processes,
        environment: Callable[[], Mapping[str, str]],
        state_dir: Path,
        image_root: Path,
        images: Images,
        clients: Callable[[str, str], Any],
        account_id: str,
        region: str,
        faults: Faults | None = None,
        quota: Callable[[str], int] | None = None,
    ) -> None:
        self.processes = processes
        self.environment = environment
        self.state_dir = state_dir
        self.image_root = image_root
        self.images = images
        self.clients = clients
        self.account_id = account_id
        self.region = region
        self.faults = faults
        for left in state_dir.glob("*/*"):  # by a cloud that was killed before it could clear up
            clear(left)
        self.processing_jobs: JobRegister[ProcessingJob] = JobRegister(
            "Processing", state_dir / "processing", self._job_ended, quota
        )
        self.transform_jobs: JobRegister[TransformJob] = JobRegister(
            "Transform", state_dir / "transform", self._job_ended, quota
        )
        self._listener: Callable[[str], None] = lambda arn: None
        self.models: dict[str, dict[str, Any]] = {}
        self.endpoint_configs: dict[str, dict[str, Any]] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.lock = Lock()
        """Guards models, endpoints, their configurations, and tags."""

    def listen(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the ARN of each job that has ended, from the job's own thread."""
        self._listener = listener

    def _job_ended(self, arn: str) -> None:
        self._listener(arn)

    def processes_of(self, kind: str, name: str, stop: Callable[[str], None]) -> Processes:
        """What starts the processes of a job: `kind` is processing_job or transform_job, `stop` stops one by name."""
        strike = self.faults.strike(kind, name) if self.faults else None
        return DisturbedProcesses(self.processes, strike, lambda: stop(name)) if strike else self.processes

    def environment_of(self, role_arn: str, *, isolated: bool) -> dict[str, str]:
        """What the environment of a container begins with: it speaks to AWS in its role, or, isolated, not at all."""
        given = {**self.environment(), **credentials(role_arn)}
        return {name: value for name, value in given.items() if not (isolated and name in _OF_THE_NETWORK)}

    def arn(self, resource: str, name: str) -> str:
        """The ARN of a resource; names are in lower case there."""
        return f"arn:aws:sagemaker:{self.region}:{self.account_id}:{resource}/{name.lower()}"

    def tag(self, arn: str, parameters: Mapping[str, Any]) -> None:
        """Keep the tags with which a resource was created."""
        with self.lock:
            self.tags[arn] = {tag["Key"]: tag["Value"] for tag in parameters.get("Tags", ())}

    def existing_model(self, name: str) -> dict[str, Any]:
        """The description of a model. Raises ServiceError: ValidationException."""
        with self.lock:
            model = self.models.get(name)
        if model is None:
            raise ServiceError("ValidationException", f'Could not find model "{self.arn("model", name)}".')
        return model
