"""Processing jobs: what a request is held to, and what the register answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.local.protocol import ServiceError
from pipeline.local.sagemaker.api.base import Operations
from pipeline.local.sagemaker.processing import ProcessingJob

_PROCESSING_FOLDER = "/opt/ml/processing"


class ProcessingOperations(Operations):
    """Operations on Processing jobs."""

    def create_processing_job(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["ProcessingJobName"]
        _check(parameters)
        job = ProcessingJob(
            parameters,
            self.arn("processing-job", name),
            folder=self.processing_jobs.folder_of(name),
            image_root=self.image_root,
            environment=self.environment_of(
                parameters["RoleArn"],
                isolated=parameters.get("NetworkConfig", {}).get("EnableNetworkIsolation", False),
            ),
            s3=self.clients("s3", parameters["RoleArn"]),
            processes=self.processes_of("processing_job", name, self.processing_jobs.stop),
        )
        self.processing_jobs.start(job)
        self.tag(job.arn, parameters)
        return {"ProcessingJobArn": job.arn}

    def describe_processing_job(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self.processing_jobs.get(parameters["ProcessingJobName"]).describe()

    def stop_processing_job(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.processing_jobs.stop(parameters["ProcessingJobName"])
        return {}

    def list_processing_jobs(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self.processing_jobs.page(parameters, "ExitMessage")


def _check(request: Mapping[str, Any]) -> None:
    """What the service's model cannot say, and what does not run here."""
    cluster = request["ProcessingResources"]["ClusterConfig"]
    for member in ("InstanceCount", "InstanceType"):
        if member not in cluster:
            raise ServiceError("ValidationException", f"ProcessingResources.ClusterConfig.{member} is missing")
    if not request["AppSpecification"].get("ContainerEntrypoint"):
        raise ServiceError(
            "ValidationException",
            "AppSpecification.ContainerEntrypoint is missing: an image's own entrypoint cannot be known here",
        )
    for entry in request.get("ProcessingInputs", ()):
        source = entry.get("S3Input")
        if source is None:
            raise ServiceError("ValidationException", f"The input {entry['InputName']!r} is not an S3Input")
        for member, served in (("S3InputMode", "File"), ("S3CompressionType", "None")):
            if source.get(member, served) != served:
                message = f"{member} {source[member]} of the input {entry['InputName']!r} is not served: use {served}"
                raise ServiceError("ValidationException", message)
        _check_path(entry["InputName"], source)
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", ())
    for entry in outputs:
        if "S3Output" not in entry:
            raise ServiceError("ValidationException", f"The output {entry['OutputName']!r} is not an S3Output")
        _check_path(entry["OutputName"], entry["S3Output"])
    for kind, names in (
        ("input", [entry["InputName"] for entry in request.get("ProcessingInputs", ())]),
        ("output", [entry["OutputName"] for entry in outputs]),
    ):
        if len(set(names)) < len(names):
            raise ServiceError("ValidationException", f"Two {kind}s of the job have the same name: {sorted(names)}")


def _check_path(name: str, place: Mapping[str, Any]) -> None:
    path = place.get("LocalPath", "")
    if not path.startswith(f"{_PROCESSING_FOLDER}/") or ".." in Path(path).parts:
        raise ServiceError(
            "ValidationException", f"LocalPath {path!r} of {name!r} has to lie below {_PROCESSING_FOLDER}/"
        )
