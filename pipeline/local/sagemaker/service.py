"""SageMaker's API as far as the pipeline goes: Processing jobs, transform jobs, models, endpoints and tags.

Requests are held to the service's model (names, instance types, limits) before anything starts. Names of jobs are used
up for ever, as in an account. What a process of this machine cannot do, such as reading from a Redshift cluster, is
refused rather than ignored; what only concerns storage and networks of AWS (encryption keys, volumes, VPCs) means
nothing here.
"""

from functools import cached_property

from pipeline.local.http_messages import Request, Response
from pipeline.local.protocol import ServiceError
from pipeline.local.sagemaker.api.endpoints import EndpointOperations
from pipeline.local.sagemaker.api.models import ModelOperations
from pipeline.local.sagemaker.api.processing import ProcessingOperations
from pipeline.local.sagemaker.api.tags import TagOperations
from pipeline.local.sagemaker.api.transform import TransformOperations
from pipeline.local.sagemaker.jobs import Job
from pipeline.local.sagemaker.runtime import SageMakerRuntimeService


class SageMakerService(ProcessingOperations, TransformOperations, ModelOperations, EndpointOperations, TagOperations):
    """Jobs, models and endpoints of one account, and the invocations of the endpoints."""

    @cached_property
    def runtime(self) -> SageMakerRuntimeService:
        """What answers the requests to endpoints."""
        return SageMakerRuntimeService(self.find_endpoint, self.account_id, self.region)

    def serve(self, request: Request) -> Response:
        # Both services are signed for "sagemaker"; only the runtime's requests have a path.
        if request.path.startswith("/endpoints/"):
            return self.runtime.serve(request)
        return super().serve(request)

    def log(self, job_name: str) -> str:
        """Everything that the processes of a job have printed so far. A Processing job and a transform job may have the
        same name: theirs follow each other."""
        named = [self.processing_jobs.find(job_name), self.transform_jobs.find(job_name)]
        jobs = [job for job in named if job is not None]
        if not jobs:
            raise ServiceError("ResourceNotFound", f"Could not find requested job with name: {job_name}")
        return "".join(job.log_path.read_text(errors="replace") for job in jobs if job.log_path.exists())

    def endpoint_log(self, endpoint_name: str) -> str:
        """Everything that the servers of an endpoint have printed so far."""
        endpoint = self.find_endpoint(endpoint_name)
        if endpoint is None:
            raise ServiceError("ValidationException", f"Could not find endpoint {endpoint_name!r}")
        return endpoint.log_path.read_text(errors="replace") if endpoint.log_path.exists() else ""

    def stop(self) -> None:
        """Ask every job and every endpoint to stop."""
        for job in self._all_jobs():
            job.stop()
        for endpoint in list(self.endpoints.values()):
            endpoint.delete()

    def join(self) -> None:
        """Wait until every job and every endpoint has ended."""
        for job in self._all_jobs():
            job.join()
        for endpoint in list(self.endpoints.values()):
            endpoint.join()

    def _all_jobs(self) -> list[Job]:
        return [*self.processing_jobs.all(), *self.transform_jobs.all()]
