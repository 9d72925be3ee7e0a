"""Copy and process: an uploaded image gets a Processing job of its own. A batch does the same for a fraction.

    <processing bucket>/processing/<job>/input/image.jpg      the copy; its name is ours, since a key may be any text
                                        /input/source.json    where it was uploaded
                                        /output/              what the job leaves

The name of a job is made of the upload, so an event that comes again finds the job that it has already started.
"""

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.errors import InvalidSetting, UnreadableImage
from pipeline.runs import volumes
from pipeline.runs.job_network import JobNetwork
from pipeline.settings import JOB_NAME_PREFIX, positive, required
from pipeline.single.events import NAME_ENDINGS, meant_image
from pipeline.single.images import why_refused

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "processing/"
_FOLDER = "/opt/ml/processing"
_PREDICT = ("python3", "-m", "processing_scripts.entrypoint", "predict")


@dataclass(frozen=True)
class ProcessSettings:
    """IMAGES_BUCKET, PROCESSING_BUCKET, CONTAINER_IMAGE_URI, JOB_ROLE_ARN, MODEL_URI, INSTANCE_TYPE,
    DEAD_LETTER_QUEUE_URL; JOB_NAME_PREFIX, JOB_KEY_ARN, CONTAINER_ENTRYPOINT, JOB_ENVIRONMENT, MAX_RUNTIME_SECONDS,
    JOB_SUBNET_IDS, JOB_SECURITY_GROUP_IDS."""

    images_bucket: str
    processing_bucket: str
    container_image: str
    job_role: str
    model_uri: str
    """s3:// of the folder of a model package."""
    instance_type: str
    dead_letters: str
    """The URL of the queue for what cannot be served."""
    job_name_prefix: str = JOB_NAME_PREFIX
    job_key_arn: str = ""
    """What the job's output and its volume are encrypted with; empty for AWS's keys."""
    entrypoint: tuple[str, ...] = ()
    """The command of the container; empty for ours, which predicts the image (processing_scripts/predict.py)."""
    environment: Mapping[str, str] = field(default_factory=dict)
    max_runtime_seconds: int = 3600
    network: JobNetwork = field(default_factory=JobNetwork)

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            images_bucket=required(environment, "IMAGES_BUCKET"),
            processing_bucket=required(environment, "PROCESSING_BUCKET"),
            container_image=required(environment, "CONTAINER_IMAGE_URI"),
            job_role=required(environment, "JOB_ROLE_ARN"),
            model_uri=required(environment, "MODEL_URI"),
            instance_type=required(environment, "INSTANCE_TYPE"),
            dead_letters=required(environment, "DEAD_LETTER_QUEUE_URL"),
            job_name_prefix=environment.get("JOB_NAME_PREFIX") or cls.job_name_prefix,
            job_key_arn=environment.get("JOB_KEY_ARN", ""),
            entrypoint=_command(environment.get("CONTAINER_ENTRYPOINT", "")),
            environment=_variables(environment.get("JOB_ENVIRONMENT", "")),
            max_runtime_seconds=positive(environment, "MAX_RUNTIME_SECONDS", cls.max_runtime_seconds),
            network=JobNetwork.from_env(environment),
        )


def process_image(event: Any, settings: ProcessSettings, s3: "S3Client", sagemaker: Any) -> dict[str, Any]:
    """Start the job of the one image that an event is about, or find it.

    Answers `{"outcome": "processed", "job_name", "job_arn", "status", "started", "output"}`, or `{"outcome":
    "ignored"}` where nobody meant the object to be predicted. Raises InvalidEvent; UnreadableImage where S3 does not
    give the image out; and whatever SageMaker answers but "exists already".
    """
    image = meant_image(event, settings.images_bucket)
    if image is None:
        return {"outcome": "ignored"}
    try:
        etag = s3.head_object(Bucket=image.bucket, Key=image.key)["ETag"]
        name = names.image_job_name(
            settings.job_name_prefix, image.key, json.dumps([image.bucket, image.key, etag, image.sequencer])
        )
        folder = f"{PREFIX}{name}/"
        s3.copy_object(
            Bucket=settings.processing_bucket,
            Key=f"{folder}input/image{_ending(image.key)}",
            CopySource={"Bucket": image.bucket, "Key": image.key},
            CopySourceIfMatch=etag,
        )
    except ClientError as error:
        if why := why_refused(error) or _why_replaced(error):
            raise UnreadableImage(f"{image.uri!a} cannot be copied: {why}") from error
        raise
    source = {"image_uri": image.uri, "etag": etag.strip('"')}
    objects.put_json(s3, settings.processing_bucket, f"{folder}input/source.json", source)
    place = objects.s3_uri(settings.processing_bucket, folder)
    started = _start(sagemaker, _request(name, place, settings))
    described = sagemaker.describe_processing_job(ProcessingJobName=name)
    return {
        "outcome": "processed",
        "job_name": name,
        "job_arn": described["ProcessingJobArn"],
        "status": described["ProcessingJobStatus"],
        "started": started,
        "output": f"{place}output/",
    }


def _start(sagemaker: Any, request: Mapping[str, Any]) -> bool:
    """Whether this call started the job; an earlier one with this name is the same job."""
    try:
        sagemaker.create_processing_job(**request)
    except ClientError as error:
        # ResourceInUse by the API reference; ValidationException has been seen for it as well.
        said = str(error.response.get("Error", {}).get("Message", ""))
        if objects.error_code(error) == "ResourceInUse" or "must be unique" in said:
            return False
        raise
    return True


def _request(name: str, place: str, settings: ProcessSettings) -> dict[str, Any]:
    """CreateProcessingJob's parameters."""
    machine = {"InstanceCount": 1, "InstanceType": settings.instance_type, "VolumeSizeInGB": 30}
    return {
        "ProcessingJobName": name,
        "RoleArn": settings.job_role,
        "AppSpecification": {
            "ImageUri": settings.container_image,
            "ContainerEntrypoint": list(settings.entrypoint or _PREDICT),
        },
        "Environment": dict(settings.environment),
        "ProcessingInputs": [_input("image", f"{place}input/"), _input("model", settings.model_uri)],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "prediction",
                    "S3Output": {
                        "S3Uri": f"{place}output/",
                        "LocalPath": f"{_FOLDER}/output/prediction",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ],
            **({"KmsKeyId": settings.job_key_arn} if settings.job_key_arn else {}),
        },
        "ProcessingResources": {
            "ClusterConfig": machine | volumes.encryption(settings.instance_type, settings.job_key_arn)
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": settings.max_runtime_seconds},
        # Our own command needs no network; somebody else's may.
        "NetworkConfig": settings.network.config(isolated=not settings.entrypoint),
    }


def _input(name: str, uri: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"{_FOLDER}/input/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def _ending(key: str) -> str:
    """The ending by which a program may know a format."""
    return next((ending for ending in NAME_ENDINGS if key.lower().endswith(ending)), "")


def _why_replaced(error: ClientError) -> str:
    replaced = objects.error_code(error) in {"PreconditionFailed", "412"}
    return "It was replaced meanwhile; its new upload is an event of its own." if replaced else ""


def _command(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise InvalidSetting(
            f"The environment variable CONTAINER_ENTRYPOINT is no command: {error}: {text!r}"
        ) from error


def _variables(text: str) -> dict[str, str]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InvalidSetting(f"The environment variable JOB_ENVIRONMENT must be a JSON object of texts, not {text!r}.")
    return found
