"""Service Quotas as a client of boto3 sees it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud

NAME = "ml.c7i.xlarge for processing job usage"


@pytest.fixture
def client(cloud: LocalCloud) -> Any:
    return cloud.client("service-quotas")


def listed(client: Any) -> dict[str, dict[str, Any]]:
    pages = client.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    return {quota["QuotaName"]: quota for page in pages for quota in page["Quotas"]}


def test_every_type_that_a_job_may_have_has_a_quota(client: Any, cloud: LocalCloud) -> None:
    model = cloud.client("sagemaker").meta.service_model
    names = listed(client)
    for use, shape in (("processing", "ProcessingInstanceType"), ("transform", "TransformInstanceType")):
        types = model.shape_for(shape).enum
        assert {f"{each} for {use} job usage" for each in types} <= set(names)
    assert "Number of instances across all transform jobs" in names


def test_codes_tell_quotas_apart(client: Any) -> None:
    found = listed(client)
    assert len({quota["QuotaCode"] for quota in found.values()}) == len(found)


def test_a_quota_is_found_by_its_code(client: Any) -> None:
    quota = listed(client)[NAME]
    assert client.get_service_quota(ServiceCode="sagemaker", QuotaCode=quota["QuotaCode"])["Quota"] == quota


@pytest.mark.parametrize("value", [64.0, 0.0])
def test_what_is_asked_for_is_granted_at_once(client: Any, value: float) -> None:
    before = listed(client)[NAME]
    asked = {"ServiceCode": "sagemaker", "QuotaCode": before["QuotaCode"], "DesiredValue": value}
    granted = client.request_service_quota_increase(**asked)["RequestedQuota"]
    after = listed(client)[NAME]
    client.request_service_quota_increase(**{**asked, "DesiredValue": before["Value"]})
    assert (granted["Status"], after["Value"]) == ("APPROVED", value)


@pytest.mark.parametrize(
    ("service", "code"), [("sagemaker", "L-00000000"), ("ec2", "L-1216C47A")], ids=["no code", "no service"]
)
def test_what_has_no_quota_is_refused_by_name(client: Any, service: str, code: str) -> None:
    with pytest.raises(ClientError, match=f"NoSuchResourceException.*{'L-0' if service == 'sagemaker' else service}"):
        client.get_service_quota(ServiceCode=service, QuotaCode=code)


def test_a_page_that_is_none_is_refused(client: Any) -> None:
    with pytest.raises(ClientError, match="InvalidPaginationToken"):
        client.list_service_quotas(ServiceCode="sagemaker", NextToken="elsewhere")
