"""Nothing is lost: an event ends with an answer, with another try, or among the dead letters with its reason.

A caller waits, and gets the answer or the error. Nobody waits for an event of S3 or EventBridge: what is wrong with it
for good goes to the dead letters, in the form that the state machine uses; what may pass is raised, so that Lambda
calls again (twice, and sends it there after that: AWS::Lambda::EventInvokeConfig).
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from pipeline import aws
from pipeline.errors import ImageBatchError
from pipeline.single.events import is_from_a_service, separate

logger = logging.getLogger(__name__)

Serve = Callable[[Any], dict[str, Any]]


def deliver(event: Any, serve: Serve, dead_letters: str) -> dict[str, Any]:
    """What `serve` answers to a caller; `{"results": [...]}` for an event, which is served record by record.

    `dead_letters` is the URL of the queue. Raises to a caller whatever `serve` does, and for an event what a retry may
    help (an endpoint that is busy, a fault of a service), when its other records have been served.
    """
    if not is_from_a_service(event):
        return serve(event)
    results: list[dict[str, Any]] = []
    may_pass: Exception | None = None
    for part in separate(event):
        try:
            results.append(serve(part))
        except Exception as error:  # noqa: BLE001 - whatever it is, the other records are served
            if isinstance(error, ImageBatchError) and not error.worth_a_retry:
                results.append(_give_up(part, error, dead_letters))
            else:
                may_pass = error
    if may_pass:
        raise may_pass
    return {"results": results}


def _give_up(event: Any, error: ImageBatchError, dead_letters: str) -> dict[str, Any]:
    reason = {"Error": type(error).__name__, "Cause": str(error)}
    logger.error("%s: %s", reason["Error"], reason["Cause"])
    aws.client("sqs").send_message(
        QueueUrl=dead_letters,
        # In ASCII: SQS refuses some characters that a key may have, U+FFFE for one.
        MessageBody=json.dumps({"event": event, "error": reason}),
        MessageAttributes={"ERROR_CODE": {"DataType": "String", "StringValue": reason["Error"]}},
    )
    return {"outcome": "failed", "error": reason}
