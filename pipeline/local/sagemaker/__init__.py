"""Amazon SageMaker: Processing jobs and Batch Transform, run as processes of this machine, and models."""

from pipeline.local.sagemaker.containers import Image, Images
from pipeline.local.sagemaker.service import SageMakerService

__all__ = ["Image", "Images", "SageMakerService"]
