"""AWS's services as botocore models them, each understood once in a process: for the services that are served here, and
for the check of a state machine's tasks."""

from functools import lru_cache

from botocore.model import ServiceModel

from pipeline.service_models import LOADER


@lru_cache
def service_model(service: str) -> ServiceModel:
    """The model of a service, by botocore's name for it. Raises botocore's UnknownServiceError."""
    return ServiceModel(LOADER.load_service_model(service, "service-2"), service)
