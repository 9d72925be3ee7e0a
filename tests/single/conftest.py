"""A package in the results bucket, and the settings that point at it."""

import json
from typing import Any

import pytest

from pipeline.contract import ModelContract
from pipeline.single.settings import ValidationSettings

IMAGES, RESULTS = "example-images", "example-results"


@pytest.fixture
def settings(s3: Any, contract: ModelContract) -> ValidationSettings:
    """Settings of a deployment whose package `tiny` has two labels."""
    s3.put_object(Bucket=RESULTS, Key="models/tiny/contract.json", Body=json.dumps(contract.to_json()).encode())
    s3.put_object(Bucket=RESULTS, Key="models/tiny/labels.txt", Body=b"cat\ndog\n")
    return ValidationSettings(IMAGES, RESULTS, "tiny")
