"""Lambda: a function's ARN as Resource, and the optimised `arn:aws:states:::lambda:invoke`.

A function that fails gives the task its `errorType` as error and the JSON text of its answer as cause.
Source: Developer Guide, "Invoke an AWS Lambda function with Step Functions".
"""

import json
import re
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.states.documents import dump, load
from pipeline.local.states.errors import StateError
from pipeline.local.states.integrations.api_calls import operation_of
from pipeline.local.states.integrations.base import Attempt, Integration, ServiceIntegration
from pipeline.local.states.integrations.errors import Naming, state_error
from pipeline.local.states.integrations.responses import metadata
from pipeline.local.states.integrations.shaping import request_of
from pipeline.local.states.scope import Json

_QUALIFIED = re.compile(r"(arn:aws[a-z-]*:lambda:[^:]+:\d{12}:function:|\d{12}:function:)?[\w-]+:[\w$-]+")

NAMING = Naming("Lambda", "AWSLambda", "AWSLambdaException")


class LambdaFunction(Integration):
    """A function's ARN as Resource: the task's input is the event, the function's answer the result."""

    events: ClassVar[str] = "LambdaFunction"

    def __init__(self, arn: str) -> None:
        self.name = "lambda"
        self._arn = arn

    def announce(self, attempt: Attempt, timeout: int | None, credentials: Json) -> None:
        attempt.frame.record(
            "LambdaFunctionScheduled",
            resource=self._arn,
            input=dump(attempt.parameters),
            timeoutInSeconds=timeout,
        )

    def turn(self, attempt: Attempt) -> str | None:
        return self._arn.split(":function:")[-1]

    async def run(self, attempt: Attempt) -> Json:
        request = {"FunctionName": self._arn, "Payload": dump(attempt.parameters).encode()}
        response, payload = await attempt.call(_invoke, attempt.client("lambda"), request)
        if "FunctionError" in response:
            raise _function_error(payload, payload)
        return _parse(payload)


class LambdaInvoke(ServiceIntegration):
    """`lambda:invoke`, with `.waitForTaskToken`: the parameters are those of the API's Invoke."""

    def turn(self, attempt: Attempt) -> str | None:
        if self.waits_for_token:
            return None  # the answer may depend on invocations that come later
        name = attempt.parameters.get("FunctionName") if isinstance(attempt.parameters, dict) else None
        return name.split(":function:")[-1] if isinstance(name, str) else None

    async def request(self, attempt: Attempt) -> Json:
        client = attempt.client("lambda")
        shape = operation_of(client, self.action).input_shape
        request = request_of(attempt.parameters, shape, NAMING, blobs_as_json=False)
        if not _QUALIFIED.fullmatch(request["FunctionName"]):
            request.setdefault("Qualifier", "$LATEST")
        response, payload = await attempt.call(_invoke, client, request)
        if "FunctionError" in response:
            raise _function_error(payload, _compact(payload))
        names = ("ExecutedVersion", "LogResult", "StatusCode")
        result = {name: response[name] for name in names if name in response}
        return {**result, "Payload": _parse(payload), **metadata(response)}


def _invoke(client: Any, request: dict[str, Any]) -> tuple[dict[str, Any], str]:
    try:
        response = client.invoke(**request)
        return response, response["Payload"].read().decode()
    except (ClientError, BotoCoreError) as error:
        raise state_error(error, NAMING) from error


def _function_error(payload: str, cause: str) -> StateError:
    answer = _parse(payload)
    error = answer.get("errorType") if isinstance(answer, dict) else None
    return StateError(error or "Lambda.Unknown", cause)


def _parse(payload: str) -> Json:
    try:
        return load(payload) if payload else None
    except ValueError:
        return payload


def _compact(payload: str) -> str:
    return dump(json.loads(payload)) if payload.lstrip().startswith("{") else payload
