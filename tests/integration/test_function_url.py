"""An image, posted to the address of a function that asks the endpoint of its stack."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pipeline.laptop.deployment import deploy_stack, open_model
from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import Stack

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples" / "models" / "efficientnet-lite0"
DAISY = ROOT / "examples" / "photos" / "garden" / "daisy.jpg"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The stack with an endpoint that it made of the example model, and an address."""
    with LocalCloud() as cloud:
        parameters = {"EndpointInstanceType": "ml.c7i.large", "PredictImageUrl": "yes"}
        yield deploy_stack(cloud, [open_model(MODEL)], parameters, for_sagemaker=True)


def post(stack: Stack, body: bytes, content_type: str = "image/jpeg") -> tuple[int, dict[str, Any]]:
    """Status and document of a signed request."""
    request = AWSRequest("POST", stack.outputs["PredictImageUrl"], {"Content-Type": content_type}, body)
    SigV4Auth(Credentials("key", "secret"), "lambda", "us-east-1").add_auth(request)
    answer = urllib3.request("POST", str(request.url), headers=dict(request.headers.items()), body=body, retries=False)
    return answer.status, answer.json()


def test_an_image_that_is_posted_is_answered_with_its_labels(stack: Stack) -> None:
    status, document = post(stack, DAISY.read_bytes())
    assert (status, document["outcome"], document["labels"][0]["label"]) == (200, "predicted", "daisy")
    assert document["endpoint"] == stack.outputs["EndpointName"]


def test_what_is_no_image_is_refused_with_the_reason(stack: Stack) -> None:
    status, document = post(stack, b"<html>")
    assert (status, document["outcome"], document["reason"]) == (422, "rejected", "not_an_image")


def test_an_image_above_the_limit_is_refused_with_the_limit(stack: Stack) -> None:
    status, document = post(stack, bytes(5_000_000))
    assert (status, "6291456" in document["Message"]) == (413, True)


def test_who_does_not_sign_gets_no_answer(stack: Stack) -> None:
    answer = urllib3.request("POST", stack.outputs["PredictImageUrl"], body=DAISY.read_bytes(), retries=False)
    assert (answer.status, answer.json()["Message"].partition(".")[0]) == (403, "Forbidden")


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_curl_signs_and_posts_as_the_documents_say(stack: Stack) -> None:
    command = ["curl", "--silent", "--aws-sigv4", "aws:amz:us-east-1:lambda", "--user", "key:secret"]
    file = ["--header", "Content-Type: image/jpeg", "--data-binary", f"@{DAISY}"]
    ended = subprocess.run(
        [*command, *file, stack.outputs["PredictImageUrl"]], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(ended.stdout)["labels"][0]["label"] == "daisy"
