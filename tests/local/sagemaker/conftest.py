import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud
from pipeline.local.processes import Processes
from pipeline.local.sagemaker import Images, SageMakerService

MODEL_SERVERS = Path(__file__).parents[2] / "data"


@pytest.fixture
def service(tmp_path: Path, role: str) -> SageMakerService:
    """The service alone, with the model `net`: quicker than a cloud, for what is refused before anything runs."""
    service = SageMakerService(
        processes=Processes(),
        environment=dict,
        state_dir=tmp_path,
        image_root=tmp_path,
        images=Images({}),
        clients=lambda name, role: None,
        account_id="123456789012",
        region="us-east-1",
    )
    container = {"Image": "image"}
    service.handle("CreateModel", {"ModelName": "net", "PrimaryContainer": container, "ExecutionRoleArn": role})
    return service


@pytest.fixture
def s3(cloud: LocalCloud) -> Any:
    """The cloud's S3, with the bucket `data`."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="data")
    return s3


@pytest.fixture
def job_request(tmp_path: Path, role: str) -> Callable[..., dict[str, Any]]:
    """A CreateProcessingJob request for a job that runs a Python script; further arguments are members of it."""

    def make(script: str, name: str = "job", *, instances: int = 1, **members: Any) -> dict[str, Any]:
        path = tmp_path / f"{name}.py"
        path.write_text(script)
        return {
            "ProcessingJobName": name,
            "RoleArn": role,
            "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": ["python3", str(path)]},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": instances, "InstanceType": "ml.c5.xlarge", "VolumeSizeInGB": 10}
            },
            **members,
        }

    return make


@pytest.fixture
def finished(cloud: LocalCloud) -> Callable[..., dict[str, Any]]:
    """Waits for a job to end, and describes it."""

    def wait(name: str = "job") -> dict[str, Any]:
        client = cloud.client("sagemaker")
        waiter = client.get_waiter("processing_job_completed_or_stopped")
        try:
            waiter.wait(ProcessingJobName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 5000})
        except Exception as error:
            if "terminal failure state" not in str(error):
                raise
        described: dict[str, Any] = client.describe_processing_job(ProcessingJobName=name)
        return described

    return wait


@pytest.fixture
def run(
    cloud: LocalCloud, job_request: Callable[..., dict[str, Any]], finished: Callable[..., dict[str, Any]]
) -> Callable[..., dict[str, Any]]:
    """Runs a job to its end, and describes it; the arguments are those of `job_request`."""

    def start_and_wait(script: str, name: str = "job", **arguments: Any) -> dict[str, Any]:
        cloud.client("sagemaker").create_processing_job(**job_request(script, name, **arguments))
        return finished(name)

    return start_and_wait


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """Whoever opens it for reading waits until the model server has got the request "wait"."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def create_model(cloud: LocalCloud, tmp_path: Path, role: str, fifo: Path) -> Callable[..., str]:
    """Creates a model whose image runs tests/data/model_server.py, or a script of its own; variables are the
    container's environment."""

    def create(name: str = "net", script: str | None = None, data: str | None = None, **variables: str) -> str:
        folder, module = MODEL_SERVERS, "model_server"
        if script is not None:
            folder, module = tmp_path, f"serve_{name}"
            (folder / f"{module}.py").write_text(script)
        cloud.add_image(f"models/{name}", ["python3", "-m", module], folder)
        container = {
            "Image": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/models/{name}:1",
            "Environment": {"FIFO": str(fifo), **variables},
            **({"ModelDataUrl": data} if data else {}),
        }
        cloud.client("sagemaker").create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
        return name

    return create


@pytest.fixture
def packed() -> Callable[..., bytes]:
    """A model.tar.gz with these members: a name and content, or a TarInfo for what is no file."""

    def pack(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as opened:
            for member in members:
                if isinstance(member, tarfile.TarInfo):
                    opened.addfile(member)
                else:
                    info = tarfile.TarInfo(member[0])
                    info.size = len(member[1])
                    opened.addfile(info, io.BytesIO(member[1]))
        return archive.getvalue()

    return pack


@pytest.fixture
def transform_request() -> Callable[..., dict[str, Any]]:
    """A CreateTransformJob request over `in/` of the bucket `data`; further arguments are members of it."""

    def make(name: str = "job", model: str = "net", *, instances: int = 1, **members: Any) -> dict[str, Any]:
        return {
            "TransformJobName": name,
            "ModelName": model,
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/in/"}},
                "ContentType": "text/plain",
            },
            "TransformOutput": {"S3OutputPath": "s3://data/out", "Accept": "application/jsonlines"},
            "TransformResources": {"InstanceType": "ml.c5.xlarge", "InstanceCount": instances},
            "ModelClientConfig": {"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 0},
            **members,
        }

    return make


@pytest.fixture
def transformed(cloud: LocalCloud) -> Callable[..., dict[str, Any]]:
    """Waits for a transform job to end, and describes it."""

    def wait(name: str = "job") -> dict[str, Any]:
        client = cloud.client("sagemaker")
        waiter = client.get_waiter("transform_job_completed_or_stopped")
        try:
            waiter.wait(TransformJobName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 5000})
        except Exception as error:
            if "terminal failure state" not in str(error):
                raise
        described: dict[str, Any] = client.describe_transform_job(TransformJobName=name)
        return described

    return wait


@pytest.fixture
def transform(
    cloud: LocalCloud, transform_request: Callable[..., dict[str, Any]], transformed: Callable[..., dict[str, Any]]
) -> Callable[..., dict[str, Any]]:
    """Runs a transform job to its end, and describes it; the arguments are those of `transform_request`."""

    def start_and_wait(name: str = "job", **arguments: Any) -> dict[str, Any]:
        cloud.client("sagemaker").create_transform_job(**transform_request(name, **arguments))
        return transformed(name)

    return start_and_wait


@pytest.fixture
def put(s3: Any) -> Callable[..., None]:
    """Puts objects into the bucket `data`, by key and content."""

    def put_all(objects: dict[str, str | bytes]) -> None:
        for key, body in objects.items():
            s3.put_object(Bucket="data", Key=key, Body=body)

    return put_all


@pytest.fixture
def outputs(s3: Any) -> Callable[..., dict[str, str]]:
    """What lies below `out/` of the bucket `data`, by key without that."""

    def read() -> dict[str, str]:
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket="data", Prefix="out/").get("Contents", [])]
        return {key.removeprefix("out/"): s3.get_object(Bucket="data", Key=key)["Body"].read().decode() for key in keys}

    return read
