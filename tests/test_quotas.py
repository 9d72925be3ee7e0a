"""What an account's quotas are read as, and that nobody fails over them."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from pipeline import quotas

NAMES = [quotas.of_type("ml.g5.xlarge", "transform"), quotas.of_all_types("transform")]


@pytest.fixture
def client() -> Any:
    return boto3.client("service-quotas", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="s")


@pytest.fixture
def service(client: Any) -> Iterator[Stubber]:
    """What Service Quotas answers, held to botocore's model; every answer has to be asked for."""
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def answer(
    service: Stubber, *quotas: tuple[str, float], token: str | None = None, following: str | None = None
) -> None:
    listed = [{"QuotaName": name, "QuotaCode": f"L-{n:08}", "Value": value} for n, (name, value) in enumerate(quotas)]
    asked = {"ServiceCode": "sagemaker", "MaxResults": 100, **({"NextToken": token} if token else {})}
    service.add_response(
        "list_service_quotas", {"Quotas": listed, **({"NextToken": following} if following else {})}, asked
    )


def test_quotas_are_found_by_their_names(client: Any, service: Stubber) -> None:
    answer(service, ("ml.g5.xlarge for endpoint usage", 7), (NAMES[0], 4.0), (NAMES[1], 20.0))
    found = quotas.read(client, NAMES)
    assert ([quota.value for quota in found.known.values()], found.note) == ([4, 20], "")


def test_reading_ends_when_all_are_found(client: Any, service: Stubber) -> None:
    answer(service, (NAMES[0], 4.0), following="next")
    answer(service, (NAMES[1], 20.0), token="next", following="there-would-be-more")
    assert set(quotas.read(client, NAMES).known) == set(NAMES)


def test_a_quota_that_is_not_listed_is_named(client: Any, service: Stubber) -> None:
    answer(service, (NAMES[1], 20.0))
    found = quotas.read(client, NAMES)
    assert set(found.known) == {NAMES[1]}
    assert found.note == f"Planned without these quotas: '{NAMES[0]}'. Service Quotas does not list them."


def test_a_role_that_may_not_read_quotas_is_told(client: Any, service: Stubber) -> None:
    service.add_client_error("list_service_quotas", "AccessDeniedException", "not authorized", 400)
    found = quotas.read(client, NAMES)
    assert found.known == {}
    assert "could not be read (An error occurred (AccessDeniedException)" in found.note


def test_what_was_read_before_an_error_counts(client: Any, service: Stubber) -> None:
    answer(service, (NAMES[0], 0.0), following="next")
    service.add_client_error("list_service_quotas", "TooManyRequestsException", "slow down", 400)
    found = quotas.read(client, NAMES)
    assert ([quota.value for quota in found.known.values()], NAMES[1] in found.note) == ([0], True)


def test_no_way_to_the_service_is_told() -> None:
    class Unreachable:
        def get_paginator(self, operation: str) -> Any:
            raise EndpointConnectionError(endpoint_url="https://servicequotas")

    assert "Could not connect" in quotas.read(Unreachable(), NAMES).note
