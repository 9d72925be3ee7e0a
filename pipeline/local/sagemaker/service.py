"""SageMaker's API as far as the pipeline goes: Processing jobs, models and tags.

Requests are held to the service's model (names, instance types, limits) before anything starts. Names of jobs are used
up for ever, as in an account. What a process of this machine cannot do, such as reading from a Redshift cluster, is
refused rather than ignored.
"""

import datetime
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.local.processes import Processes
from pipeline.local.protocol import JsonService, ServiceError
from pipeline.local.sagemaker.processing import ProcessingJob

_PAGE = 10
_PROCESSING_FOLDER = "/opt/ml/processing"
_JOB_SUMMARY = (
    "ProcessingJobName",
    "ProcessingJobArn",
    "CreationTime",
    "ProcessingEndTime",
    "LastModifiedTime",
    "ProcessingJobStatus",
    "FailureReason",
    "ExitMessage",
)


class SageMakerService(JsonService):
    """Jobs and models of one account.

    Args:
        processes: starts the jobs' processes.
        environment: what a job's environment begins with.
        state_dir: where each job has its folder.
        image_root: the working directory of a job's processes, which stands for the container image's.
        clients: gives the boto3 client of a service of this cloud.
    """

    service = "sagemaker"
    signing_name = "sagemaker"

    def __init__(
        self,
        *,
        processes: Processes,
        environment: Callable[[], Mapping[str, str]],
        state_dir: Path,
        image_root: Path,
        clients: Callable[[str], Any],
        account_id: str,
        region: str,
    ) -> None:
        self._processes = processes
        self._environment = environment
        self._state_dir = state_dir
        self._image_root = image_root
        self._clients = clients
        self._arn_prefix = f"arn:aws:sagemaker:{region}:{account_id}:"
        self._jobs: dict[str, ProcessingJob] = {}
        self._models: dict[str, dict[str, Any]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def create_processing_job(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["ProcessingJobName"]
        _check_job(parameters)
        arn = f"{self._arn_prefix}processing-job/{name.lower()}"
        folder = self._state_dir / "processing" / name.lower()
        job = ProcessingJob(
            parameters,
            arn,
            folder=folder,
            image_root=self._image_root,
            environment=self._environment(),
            s3=self._clients("s3"),
            processes=self._processes,
        )
        with self._lock:
            # Names that differ in case only would share a folder on some systems, and share an ARN on AWS.
            if name.lower() in self._jobs:
                raise ServiceError("ResourceInUse", f"Job name must be unique within an AWS account and region: {arn}")
            folder.mkdir(parents=True)
            job.start()
            self._jobs[name.lower()] = job
            self._tags[arn] = _tags(parameters)
        return {"ProcessingJobArn": arn}

    def describe_processing_job(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._job(parameters["ProcessingJobName"]).describe()

    def stop_processing_job(self, parameters: dict[str, Any]) -> dict[str, Any]:
        job = self._job(parameters["ProcessingJobName"])
        if job.status in ("Completed", "Failed", "Stopped"):
            raise ServiceError(
                "ValidationException", f"The request was rejected because the processing job is {job.status}: {job.arn}"
            )
        job.stop()
        return {}

    def list_processing_jobs(self, parameters: dict[str, Any]) -> dict[str, Any]:
        described = [job.describe() for job in self._all_jobs()]
        kept = [job for job in described if _is_listed(job, "ProcessingJob", parameters)]
        page, token = _page(kept, "ProcessingJob", parameters)
        summaries = [{key: job[key] for key in _JOB_SUMMARY if key in job} for job in page]
        return {"ProcessingJobSummaries": summaries, "NextToken": token}

    def create_model(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["ModelName"]
        arn = f"{self._arn_prefix}model/{name.lower()}"
        if not parameters.get("PrimaryContainer") and not parameters.get("Containers"):
            raise ServiceError("ValidationException", f"The model {name!r} names no container: give PrimaryContainer")
        with self._lock:
            if name in self._models:
                raise ServiceError("ValidationException", f"Cannot create already existing model {arn!r}.")
            described = {key: value for key, value in parameters.items() if key != "Tags"}
            self._models[name] = {**described, "ModelArn": arn, "CreationTime": datetime.datetime.now(datetime.UTC)}
            self._tags[arn] = _tags(parameters)
        return {"ModelArn": arn}

    def describe_model(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._model(parameters["ModelName"])

    def delete_model(self, parameters: dict[str, Any]) -> dict[str, Any]:
        model = self._model(parameters["ModelName"])
        with self._lock:
            self._models.pop(model["ModelName"], None)
            self._tags.pop(model["ModelArn"], None)
        return {}

    def list_models(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            models = list(self._models.values())
        summaries = [{key: model[key] for key in ("ModelName", "ModelArn", "CreationTime")} for model in models]
        page, token = _page([m for m in summaries if _is_listed(m, "Model", parameters)], "Model", parameters)
        return {"Models": page, "NextToken": token}

    def add_tags(self, parameters: dict[str, Any]) -> dict[str, Any]:
        tags = self._tags_of(parameters["ResourceArn"])
        with self._lock:
            tags.update(_tags(parameters))
            return {"Tags": _as_list(tags)}

    def delete_tags(self, parameters: dict[str, Any]) -> dict[str, Any]:
        tags = self._tags_of(parameters["ResourceArn"])
        with self._lock:
            for key in parameters["TagKeys"]:
                tags.pop(key, None)
        return {}

    def list_tags(self, parameters: dict[str, Any]) -> dict[str, Any]:
        tags = self._tags_of(parameters["ResourceArn"])
        with self._lock:
            return {"Tags": _as_list(tags)}

    def log(self, job_name: str) -> str:
        """Everything that a job's processes have printed so far."""
        path = self._job(job_name).log_path
        return path.read_text(errors="replace") if path.exists() else ""

    def stop_jobs(self) -> None:
        """Ask every job that runs to stop."""
        for job in self._all_jobs():
            job.stop()

    def join(self) -> None:
        """Wait until every job has ended."""
        for job in self._all_jobs():
            job.join()

    def _all_jobs(self) -> list[ProcessingJob]:
        with self._lock:
            return list(self._jobs.values())

    def _job(self, name: str) -> ProcessingJob:
        with self._lock:
            job = self._jobs.get(name.lower())
        if job is None:
            raise ServiceError("ResourceNotFound", f"Could not find requested job with name: {name}")
        return job

    def _model(self, name: str) -> dict[str, Any]:
        with self._lock:
            model = self._models.get(name)
        if model is None:
            raise ServiceError("ValidationException", f'Could not find model "{self._arn_prefix}model/{name.lower()}".')
        return model

    def _tags_of(self, arn: str) -> dict[str, str]:
        with self._lock:
            tags = self._tags.get(arn)
        if tags is None:
            raise ServiceError("ValidationException", f"There is no resource {arn} that could have tags")
        return tags


def _check_job(request: Mapping[str, Any]) -> None:
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


def _is_listed(item: Mapping[str, Any], kind: str, parameters: Mapping[str, Any]) -> bool:
    created = item["CreationTime"]
    modified = item.get("LastModifiedTime", created)
    return (
        parameters.get("NameContains", "").lower() in item[f"{kind}Name"].lower()
        and parameters.get("StatusEquals") in (None, item.get(f"{kind}Status"))
        and ("CreationTimeAfter" not in parameters or created > parameters["CreationTimeAfter"])
        and ("CreationTimeBefore" not in parameters or created < parameters["CreationTimeBefore"])
        and ("LastModifiedTimeAfter" not in parameters or modified > parameters["LastModifiedTimeAfter"])
        and ("LastModifiedTimeBefore" not in parameters or modified < parameters["LastModifiedTimeBefore"])
    )


def _page(
    items: list[dict[str, Any]], kind: str, parameters: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], str | None]:
    """One page of a listing in the order that was asked for, newest first by default, and the token of the next."""
    sort_by = {"Name": f"{kind}Name", "Status": f"{kind}Status"}.get(parameters.get("SortBy", ""), "CreationTime")
    descending = parameters.get("SortOrder", "Descending") == "Descending"
    ordered = sorted(items, key=lambda item: item[sort_by], reverse=descending)
    token = parameters.get("NextToken", "0")
    if not token.isdecimal():
        raise ServiceError("ValidationException", "NextToken is none that this service gave")
    start, count = int(token), parameters.get("MaxResults", _PAGE)
    more = start + count < len(ordered)
    return ordered[start : start + count], str(start + count) if more else None


def _tags(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in parameters.get("Tags", ())}


def _as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
