"""botocore's models of AWS's services, each read once in a process.

Reading one takes 5 to 100 ms, and several parts of the local cloud ask for the same: clients, the services that are
served here, the check of a state machine's tasks.
"""

from functools import lru_cache

from botocore.loaders import Loader
from botocore.model import ServiceModel

LOADER = Loader()
"""Keeps what it has read. What it gives is shared: to be read only."""


@lru_cache
def service_model(service: str) -> ServiceModel:
    """The model of a service, by botocore's name for it. Raises botocore's UnknownServiceError."""
    return ServiceModel(LOADER.load_service_model(service, "service-2"), service)
