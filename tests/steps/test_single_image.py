"""The handlers for a single image, with what the state machine hands from one to the next."""

import base64
import importlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.stub import Stubber

from pipeline import aws
from pipeline.contract import ModelContract
from pipeline.errors import MissingSetting

IMAGES, RESULTS = "example-images", "example-results"
ENVIRONMENT = {
    "IMAGES_BUCKET": IMAGES,
    "RESULTS_BUCKET": RESULTS,
    "SINGLE_MODEL": "tiny",
    "ENDPOINT_NAME": "photos",
    "TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:predictions",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters",
    "PROCESSING_BUCKET": RESULTS,
    "CONTAINER_IMAGE_URI": "imagebatch:latest",
    "JOB_ROLE_ARN": "arn:aws:iam::123456789012:role/jobs",
    "MODEL_URI": f"s3://{RESULTS}/models/tiny/",
    "INSTANCE_TYPE": "ml.c7i.large",
    "AWS_DEFAULT_REGION": "us-east-1",
}
STEPS = ("validate_image", "invoke_endpoint", "rank_prediction", "predict_image", "process_image")
STATE_BYTES = 262_144
URL_EVENT = Path(__file__).parents[1] / "data/events/function_url.json"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Every step, as a cold start in its function's environment leaves it."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return {name: importlib.reload(importlib.import_module(f"steps.{name}")) for name in STEPS}


@pytest.fixture
def call(steps: dict[str, ModuleType], context: object) -> Callable[[str, Any], Any]:
    """Calls a step as Lambda does: JSON in, JSON out."""
    return lambda step, event: json.loads(json.dumps(steps[step].handler(json.loads(json.dumps(event)), context)))


@pytest.fixture
def key(s3: Any, contract: ModelContract, photo: Callable[..., bytes]) -> str:
    """The key of a photo, in a deployment whose package has 20,000 labels."""
    labels = "".join(f"label {n}\n" for n in range(20_000)).encode()
    s3.put_object(Bucket=RESULTS, Key="models/tiny/contract.json", Body=json.dumps(contract.to_json()).encode())
    s3.put_object(Bucket=RESULTS, Key="models/tiny/labels.txt", Body=labels)
    s3.put_object(Bucket=IMAGES, Key="single/a.jpg", Body=photo())
    return "single/a.jpg"


@pytest.fixture
def _endpoint(s3: Any) -> Iterator[None]:
    """An endpoint that answers once, with 20,000 probabilities: the highest is that of label 7."""
    scores = [0.00001] * 20_000
    scores[7] = 0.8
    body = json.dumps({"probabilities": scores}).encode()
    with Stubber(aws.endpoint_client(30)) as stubber:
        stubber.add_response("invoke_endpoint", {"Body": io.BytesIO(body), "ContentType": "application/json"})
        yield


@pytest.mark.usefixtures("_endpoint")
def test_an_image_goes_through_every_step(call: Callable[[str, Any], Any], key: str) -> None:
    validated = call("validate_image", {"key": key})
    assert validated["verdict"] == "accepted"
    answered = call("invoke_endpoint", {"image": validated["image"]})
    told = call("rank_prediction", answered)
    assert told["message"]["subject"] == "imagebatch: [a.jpg] is a: label 7 (0.80)"
    assert told["result"]["labels"][0]["label"] == "label 7"


@pytest.mark.usefixtures("_endpoint")
def test_an_answer_of_20000_scores_fits_a_state(call: Callable[[str, Any], Any], key: str) -> None:
    answered = call("invoke_endpoint", {"image": call("validate_image", {"key": key})["image"]})
    assert len(json.dumps(answered)) < STATE_BYTES / 10


def test_a_rejected_image_comes_with_its_message(call: Callable[[str, Any], Any], key: str, s3: Any) -> None:
    s3.put_object(Bucket=IMAGES, Key=key, Body=b"hello")
    validated = call("validate_image", {"key": key})
    assert (validated["verdict"], validated["result"]["reason"]) == ("rejected", "not_an_image")
    assert set(validated["message"]) == {"subject", "body", "outcome", "id"}


@pytest.mark.usefixtures("_endpoint")
def test_an_image_that_is_posted_is_answered_by_http(
    call: Callable[[str, Any], Any], key: str, photo: Callable[..., bytes]
) -> None:
    event = json.loads(URL_EVENT.read_text(encoding="utf-8"))
    event |= {"body": base64.b64encode(photo()).decode(), "isBase64Encoded": True}
    answer = call("predict_image", event)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["labels"][0]["label"] == "label 7"


def test_an_upload_that_is_not_called_like_an_image_gets_no_job(call: Callable[[str, Any], Any], s3: Any) -> None:
    event = json.loads((URL_EVENT.parent / "object_created.json").read_text(encoding="utf-8"))
    event["detail"]["object"]["key"] = "single/notes.txt"
    assert call("process_image", event) == {"results": [{"outcome": "ignored"}]}


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("validate_image", "SINGLE_MODEL"),
        ("invoke_endpoint", "ENDPOINT_NAME"),
        ("predict_image", "TOPIC_ARN"),
        ("process_image", "PROCESSING_BUCKET"),
    ],
)
def test_a_function_without_a_setting_says_so_at_cold_start(
    steps: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, step: str, name: str
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(MissingSetting, match=f"{name} is not set"):
        importlib.reload(steps[step])
