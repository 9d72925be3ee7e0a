"""Amazon SageMaker: Processing jobs, run as processes of this machine, and models."""

from pipeline.local.sagemaker.service import SageMakerService

__all__ = ["SageMakerService"]
