"""What a POST through a function URL is answered."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import errors
from pipeline.single.http import respond

EVENT = json.loads((Path(__file__).parents[1] / "data/events/function_url.json").read_text(encoding="utf-8"))


def ask(document: dict[str, Any] | Exception, event: Any = EVENT) -> dict[str, Any]:
    def predict(data: bytes) -> dict[str, Any]:
        if isinstance(document, Exception):
            raise document
        return document

    return respond(event, predict)


def test_a_prediction_is_answered_as_json() -> None:
    answer = ask({"outcome": "predicted", "labels": []})
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "application/json")
    assert json.loads(answer["body"]) == {"outcome": "predicted", "labels": []}


def test_the_bytes_of_the_body_are_the_image() -> None:
    seen: list[bytes] = []
    event = {**EVENT, "body": base64.b64encode(b"\x00\xff").decode()}
    respond(event, lambda data: seen.append(data) or {"outcome": "predicted"})
    assert seen == [b"\x00\xff"]


def test_a_bad_image_is_no_success() -> None:
    assert ask({"outcome": "rejected", "reason": "truncated"})["statusCode"] == 422


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.EndpointTimeout, 504),
        (errors.EndpointUnavailable, 503),
        (errors.EndpointFailed, 502),
        (errors.EndpointRefused, 502),
        (errors.EndpointNotFound, 502),
        (errors.UnexpectedAnswer, 502),
        (errors.ImageTooLarge, 413),
        (errors.InvalidEvent, 400),
        (errors.RejectedImage, 422),
        (errors.UnknownModel, 500),
    ],
)
def test_an_error_has_a_status_and_its_name(error: type[Exception], status: int) -> None:
    answer = ask(error("photos is not there"))
    assert answer["statusCode"] == status
    assert json.loads(answer["body"]) == {"error": error.__name__, "message": "photos is not there"}


@pytest.mark.parametrize("error", [errors.EndpointUnavailable, errors.EndpointFailed, errors.EndpointTimeout])
def test_what_may_pass_is_worth_another_try(error: type[Exception]) -> None:
    assert ask(error("busy"))["headers"]["retry-after"] == "1"


def test_another_method_is_refused() -> None:
    event = json.loads(json.dumps(EVENT).replace('"POST"', '"GET"'))
    answer = ask({}, event)
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "POST")


def test_a_request_without_a_body_is_refused() -> None:
    assert ask({}, {name: value for name, value in EVENT.items() if name != "body"})["statusCode"] == 400
