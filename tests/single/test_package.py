"""The contract and the labels that an endpoint follows, out of the results bucket."""

import json
from typing import Any

import pytest
from botocore.stub import Stubber

from pipeline.contract import ModelContract
from pipeline.errors import InvalidContract, InvalidModelPackage, UnknownModel
from pipeline.single import package
from pipeline.single.package import read_package
from pipeline.single.settings import ValidationSettings

RESULTS = "example-results"


def put_contract(s3: Any, document: dict[str, Any]) -> None:
    s3.put_object(Bucket=RESULTS, Key="models/tiny/contract.json", Body=json.dumps(document).encode())


@pytest.mark.usefixtures("settings")
def test_a_package_needs_no_model(s3: Any, contract: ModelContract) -> None:
    found = read_package(s3, RESULTS, "tiny")
    assert (found.contract.digest, found.labels) == (contract.digest, ("cat", "dog"))


def test_a_package_that_is_not_there_is_named(s3: Any) -> None:
    with pytest.raises(UnknownModel, match=r"there is no s3://example-results/models/none/contract\.json"):
        read_package(s3, RESULTS, "none")


def test_a_package_that_is_not_there_is_named_to_who_may_not_list_the_bucket(s3: Any) -> None:
    stubber = Stubber(s3)
    stubber.add_client_error("get_object", service_error_code="AccessDenied", http_status_code=403)
    with stubber, pytest.raises(UnknownModel, match=r"there is no s3://example-results/models/gone/contract\.json"):
        read_package(s3, RESULTS, "gone")


@pytest.mark.usefixtures("settings")
def test_labels_that_are_missing_are_named(s3: Any) -> None:
    s3.delete_object(Bucket=RESULTS, Key="models/tiny/labels.txt")
    with pytest.raises(InvalidModelPackage, match=r"^s3://example-results/models/tiny/labels\.txt: the labels that"):
        read_package(s3, RESULTS, "tiny")


def test_a_contract_that_breaks_a_rule_is_named_with_the_field(s3: Any) -> None:
    put_contract(s3, {"version": 1})
    with pytest.raises(InvalidContract, match=r"models/tiny/contract\.json"):
        read_package(s3, RESULTS, "tiny")


def test_a_model_without_labels_has_nothing_to_say_of_an_image(s3: Any, contract: ModelContract) -> None:
    document = contract.to_json()
    document |= {"task": "embedding", "output": {"name": "vector", "activation": "none"}}
    put_contract(s3, document)
    with pytest.raises(InvalidModelPackage, match="the task embedding answers no labels"):
        read_package(s3, RESULTS, "tiny")


def test_another_package_counts_after_a_minute(
    s3: Any, settings: ValidationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(package.time, "monotonic", lambda: now)
    read_package(s3, RESULTS, settings.model)
    s3.put_object(Bucket=RESULTS, Key="models/tiny/labels.txt", Body=b"lynx\nwolf\n")
    assert read_package(s3, RESULTS, settings.model).labels == ("cat", "dog")
    now += 60
    assert read_package(s3, RESULTS, settings.model).labels == ("lynx", "wolf")
