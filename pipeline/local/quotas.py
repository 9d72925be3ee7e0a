"""Service Quotas: how many instances of SageMaker's an account may run at once (pipeline/quotas.py).

    aws service-quotas list-service-quotas --service-code sagemaker
    aws service-quotas request-service-quota-increase --service-code sagemaker --quota-code L-... --desired-value 2

There are the quotas of jobs' instances, each of 20 at first. A request is granted at once, and may ask for less: so a
large machine is a small account. What was granted lasts as long as the cloud. Codes are made of the names, and are not
AWS's own.
"""

import datetime
import threading
import uuid
from collections.abc import Callable
from functools import cached_property
from hashlib import sha256
from typing import Any, ClassVar

from botocore.model import ServiceModel

from pipeline import quotas
from pipeline.local.protocol import JsonService, ServiceError

_AT_FIRST = 20
_PAGE = 100  # ListServiceQuotas, `MaxResults`
# What a quota is for, and which shape of SageMaker's model lists the types.
_USES = {"processing": "ProcessingInstanceType", "transform": "TransformInstanceType"}


class QuotasService(JsonService):
    """The quotas of one account. Safe to use from any thread.

    Args:
        sagemaker: gives SageMaker's model, which knows the instance types.
        account_id, region: what ARNs say.
    """

    service: ClassVar[str] = "service-quotas"
    signing_name: ClassVar[str] = "servicequotas"

    def __init__(self, sagemaker: Callable[[], ServiceModel], account_id: str, region: str) -> None:
        self._sagemaker = sagemaker
        self._account_id = account_id
        self._region = region
        self._granted: dict[str, float] = {}
        self._lock = threading.Lock()

    def limit(self, name: str) -> int:
        """The quota of this name, in instances."""
        with self._lock:
            return int(self._granted.get(name, _AT_FIRST))

    def list_service_quotas(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self._check_service(parameters)
        token = parameters.get("NextToken", "0")
        if not token.isdecimal():
            raise ServiceError("InvalidPaginationTokenException", f"The pagination token {token!r} is not valid.")
        start, count = int(token), parameters.get("MaxResults", _PAGE)
        names = list(self._names)
        answer: dict[str, Any] = {"Quotas": [self._describe(name) for name in names[start : start + count]]}
        if start + count < len(names):
            answer["NextToken"] = str(start + count)
        return answer

    def get_service_quota(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"Quota": self._describe(self._find(parameters))}

    def request_service_quota_increase(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = self._find(parameters)
        with self._lock:
            self._granted[name] = parameters["DesiredValue"]
        described = self._describe(name)
        now = datetime.datetime.now(datetime.UTC)
        kept = ("ServiceCode", "ServiceName", "QuotaCode", "QuotaName", "QuotaArn", "GlobalQuota", "Unit")
        return {
            "RequestedQuota": {
                "Id": uuid.uuid4().hex,
                "DesiredValue": parameters["DesiredValue"],
                "Status": "APPROVED",
                "Created": now,
                "LastUpdated": now,
                "QuotaRequestedAtLevel": "ACCOUNT",
                **{member: described[member] for member in kept},
            }
        }

    @cached_property
    def _names(self) -> dict[str, str]:
        """The code of each quota, by its name."""
        names = [quotas.of_all_types(use) for use in _USES]
        for use, shape in _USES.items():
            names += [quotas.of_type(each, use) for each in self._sagemaker().shape_for(shape).metadata["enum"]]
        return {name: f"L-{sha256(name.encode()).hexdigest()[:8].upper()}" for name in names}

    def _find(self, parameters: dict[str, Any]) -> str:
        self._check_service(parameters)
        code = parameters["QuotaCode"]
        for name, known in self._names.items():
            if known == code:
                return name
        raise ServiceError("NoSuchResourceException", f"There is no quota {code} of {quotas.SERVICE}.")

    def _check_service(self, parameters: dict[str, Any]) -> None:
        code = parameters["ServiceCode"]
        if code != quotas.SERVICE:
            raise ServiceError("NoSuchResourceException", f"The service {code} has no quotas here.")

    def _describe(self, name: str) -> dict[str, Any]:
        code = self._names[name]
        return {
            "ServiceCode": quotas.SERVICE,
            "ServiceName": "Amazon SageMaker",
            "QuotaArn": f"arn:aws:servicequotas:{self._region}:{self._account_id}:{quotas.SERVICE}/{code}",
            "QuotaCode": code,
            "QuotaName": name,
            "Value": float(self.limit(name)),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
