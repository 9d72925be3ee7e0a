"""Transform jobs: what a request is held to, and what the register answers."""

from collections.abc import Mapping
from typing import Any

from pipeline.local.protocol import ServiceError
from pipeline.local.sagemaker.api.base import Operations
from pipeline.local.sagemaker.containers import container_of
from pipeline.local.sagemaker.transform import TransformJob

# SageMaker API reference, CreateTransformJob and TransformResources.
_MOST_MEGABYTES = 100
_MOST_INSTANCES = 100
# The first is what SageMaker does too when a member is not given.
_SERVED = {
    "S3DataType": ("S3Prefix", "ManifestFile"),
    "SplitType": ("None",),
    "CompressionType": ("None",),
    "InputFilter": ("$",),
    "OutputFilter": ("$",),
    "JoinSource": ("None",),
}


class TransformOperations(Operations):
    """Operations on transform jobs."""

    def create_transform_job(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["TransformJobName"]
        _check(parameters)
        model = self.existing_model(parameters["ModelName"])
        job = TransformJob(
            parameters,
            self.arn("transform-job", name),
            container=container_of(model),
            folder=self.transform_jobs.folder_of(name),
            images=self.images,
            environment=self.environment_of(
                model["ExecutionRoleArn"], isolated=model.get("EnableNetworkIsolation", False)
            ),
            s3=self.clients("s3", model["ExecutionRoleArn"]),
            processes=self.processes_of("transform_job", name, self.transform_jobs.stop),
        )
        self.transform_jobs.start(job)
        self.tag(job.arn, parameters)
        return {"TransformJobArn": job.arn}

    def describe_transform_job(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self.transform_jobs.get(parameters["TransformJobName"]).describe()

    def stop_transform_job(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.transform_jobs.stop(parameters["TransformJobName"])
        return {}

    def list_transform_jobs(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self.transform_jobs.page(parameters)


def _check(request: Mapping[str, Any]) -> None:
    """What the service's model cannot say, and what does not run here."""
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    for members in (source, request["TransformInput"], request.get("DataProcessing", {})):
        for member, served in _SERVED.items():
            if members.get(member, served[0]) not in served:
                raise ServiceError(
                    "ValidationException", f"{member} {members[member]} is not served: use {' or '.join(served)}"
                )
    if "DataCaptureConfig" in request:
        raise ServiceError("ValidationException", "DataCaptureConfig is not served: leave it out")
    for member, uri in (("S3Uri", source["S3Uri"]), ("S3OutputPath", request["TransformOutput"]["S3OutputPath"])):
        if not uri.startswith("s3://"):
            raise ServiceError("ValidationException", f"{member} {uri!r} has to begin with s3://")
    instances = request["TransformResources"]["InstanceCount"]
    if instances > _MOST_INSTANCES:
        raise ServiceError("ValidationException", f"InstanceCount {instances} is over {_MOST_INSTANCES}")
    payload, concurrent = request.get("MaxPayloadInMB", 0), request.get("MaxConcurrentTransforms", 0)
    if payload > _MOST_MEGABYTES:
        raise ServiceError("ValidationException", f"MaxPayloadInMB {payload} is over {_MOST_MEGABYTES}")
    if payload * concurrent > _MOST_MEGABYTES:
        raise ServiceError(
            "ValidationException",
            f"MaxConcurrentTransforms {concurrent} times MaxPayloadInMB {payload} is over {_MOST_MEGABYTES} MB",
        )
