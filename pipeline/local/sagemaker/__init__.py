"""Amazon SageMaker: Processing jobs, Batch Transform and endpoints, run as processes of this machine."""

from pipeline.local.sagemaker.containers import Image, Images
from pipeline.local.sagemaker.service import SageMakerService

__all__ = ["Image", "Images", "SageMakerService"]
