"""Steps that do what the key of an image says, so that the single image machine's ways can be walked.

They are deployed in place of steps/*.py by test_single_image_behaviour.py, and run in Lambda workers.
"""

# The names are those of pipeline/errors.py: they arrive as error names in the state machine.
# ruff: noqa: N818

import os
from pathlib import Path


class InvalidEvent(Exception):
    pass


class EndpointRefused(Exception):
    pass


class EndpointFailed(Exception):
    pass


def validate_image(event, context):
    if not isinstance(event, dict):
        raise InvalidEvent("the event is no JSON object")
    key = event["key"]
    image = {"key": key}
    if key == "rejected":
        return {"verdict": "rejected", "image": image, **told(key, "rejected")}
    return {"verdict": "ignored" if key == "ignored" else "accepted", "image": image}


def invoke_endpoint(event, context):
    key = event["image"]["key"]
    attempts = Path(os.environ["ATTEMPTS"]) / key
    before = attempts.read_text() if attempts.exists() else ""
    attempts.write_text(before + ".")
    if key == "refused":
        raise EndpointRefused("'refused' is nothing for the endpoint 'photos'")
    if key == "broken" or (key == "broken-once" and not before):
        raise EndpointFailed("500")
    return {"image": event["image"], "answer": {"labels": ["daisy"]}}


def rank_prediction(event, context):
    key = event["image"]["key"]
    subject = "x" * 101 if key == "unpublishable" else key
    return told(subject, "predicted") | {"result": {"key": key, **event["answer"]}}


def told(subject, outcome):
    message = {"subject": subject, "body": '{"default": "text", "sqs": "document"}', "outcome": outcome, "id": "1"}
    return {"message": message, "result": {"outcome": outcome}}
