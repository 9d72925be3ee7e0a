"""SageMaker's API as far as the pipeline goes: Processing jobs, transform jobs, models and tags.

Requests are held to the service's model (names, instance types, limits) before anything starts. Names of jobs are used
up for ever, as in an account. What a process of this machine cannot do, such as reading from a Redshift cluster, is
refused rather than ignored; what only concerns storage and networks of AWS (encryption keys, volumes, VPCs) means
nothing here.
"""

from pipeline.local.protocol import ServiceError
from pipeline.local.sagemaker.api.models import ModelOperations
from pipeline.local.sagemaker.api.processing import ProcessingOperations
from pipeline.local.sagemaker.api.tags import TagOperations
from pipeline.local.sagemaker.api.transform import TransformOperations
from pipeline.local.sagemaker.jobs import Job


class SageMakerService(ProcessingOperations, TransformOperations, ModelOperations, TagOperations):
    """Jobs and models of one account."""

    def log(self, job_name: str) -> str:
        """Everything that the processes of a job have printed so far. A Processing job and a transform job may have the
        same name: theirs follow each other."""
        named = [self.processing_jobs.find(job_name), self.transform_jobs.find(job_name)]
        jobs = [job for job in named if job is not None]
        if not jobs:
            raise ServiceError("ResourceNotFound", f"Could not find requested job with name: {job_name}")
        return "".join(job.log_path.read_text(errors="replace") for job in jobs if job.log_path.exists())

    def stop_jobs(self) -> None:
        """Ask every job that runs to stop."""
        for job in self._all_jobs():
            job.stop()

    def join(self) -> None:
        """Wait until every job has ended."""
        for job in self._all_jobs():
            job.join()

    def _all_jobs(self) -> list[Job]:
        return [*self.processing_jobs.all(), *self.transform_jobs.all()]
