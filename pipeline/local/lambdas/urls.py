"""Function URLs: an HTTP address for a function, `<endpoint>/lambda-url/<id>/`.

In AWS a URL is a host of its own, `https://<id>.lambda-url.<region>.on.aws/`. A machine knows no such hosts, so the id
stands in the path here, and the function sees what comes after it. An id is a hash of the function's ARN: a cloud that
is started again gives the same address.

With AuthType AWS_IAM a request has to be signed for the service "lambda" in this region. Signatures are not recomputed
and policies not evaluated, here as everywhere in the local cloud: there is one user.
"""

import base64
import datetime
import hashlib
import json
import logging
import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.local.http_messages import Body, Request, Response
from pipeline.local.lambdas.url_payloads import UnreadableAnswerError, event_of, response_of
from pipeline.local.protocol import RestJsonService, ServiceError

PREFIX = "/lambda-url/"
# Lambda Developer Guide, "Lambda quotas": the invocation payload, which the request with its base64 body becomes.
MAX_PAYLOAD = 6 * 1024 * 1024

_TROUBLESHOOTING = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)
_CREDENTIAL = re.compile(
    r"Credential=(?P<key>[^/,]+)/[0-9]{8}/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request\b", re.IGNORECASE
)
_PATH = re.compile(re.escape(PREFIX) + r"(?P<id>[a-z0-9]+)(?P<path>/.*)?")

_log = logging.getLogger(__name__)


class UrlOperations(RestJsonService):
    """The operations on function URLs, and the requests to them.

    Args:
        endpoint_url: gives the address of the cloud.
    """

    def __init__(self, endpoint_url: Callable[[], str], account_id: str, region: str) -> None:
        self._endpoint_url = endpoint_url
        self._account_id = account_id
        self._region = region
        self._urls: dict[str, dict[str, Any]] = {}  # by function ARN

    @abstractmethod
    def function_arn(self, name: str, qualifier: str | None = None) -> str:
        """The ARN of a function. Raises ServiceError: ResourceNotFoundException."""

    @abstractmethod
    def invoke(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function."""

    def serve(self, request: Request) -> Response:
        if request.path.startswith(PREFIX):
            return self._serve_url(request)
        return super().serve(request)

    def create_function_url_config(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = self._arn(parameters)
        if arn in self._urls:
            raise ServiceError(
                "ResourceConflictException",
                f"Failed to create function url config for [functionArn = {arn}]. Error message:  FunctionUrlConfig "
                "exists for this Lambda function",
                Type="User",
            )
        _check(parameters)
        now = _timestamp()
        self._urls[arn] = {
            "FunctionUrl": f"{self._endpoint_url()}{PREFIX}{_id_of(arn)}/",
            "FunctionArn": arn,
            "AuthType": parameters["AuthType"],
            "CreationTime": now,
            "LastModifiedTime": now,
            "InvokeMode": parameters.get("InvokeMode", "BUFFERED"),
        }
        return {name: value for name, value in self._urls[arn].items() if name != "LastModifiedTime"}

    def get_function_url_config(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._config(parameters)

    def list_function_url_configs(self, parameters: dict[str, Any]) -> dict[str, Any]:
        config = self._urls.get(self._arn(parameters))
        return {"FunctionUrlConfigs": [config] if config else []}

    def update_function_url_config(self, parameters: dict[str, Any]) -> dict[str, Any]:
        config = self._config(parameters)
        _check(parameters)
        changes: dict[str, Any] = {name: parameters[name] for name in ("AuthType", "InvokeMode") if name in parameters}
        config.update(changes, LastModifiedTime=_timestamp())
        return config

    def delete_function_url_config(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.forget_url(self._config(parameters)["FunctionArn"])
        return {}

    def forget_url(self, arn: str) -> None:
        """Let the function of this ARN have no URL any more, if it had one."""
        self._urls.pop(arn, None)

    def _arn(self, parameters: Mapping[str, Any]) -> str:
        return self.function_arn(parameters["FunctionName"], parameters.get("Qualifier"))

    def _config(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        arn = self._arn(parameters)
        if arn not in self._urls:
            raise ServiceError(
                "ResourceNotFoundException", f"There is no function URL of {arn}: create one first", Type="User"
            )
        return self._urls[arn]

    def _serve_url(self, request: Request) -> Response:
        asked = _PATH.fullmatch(request.path)
        config = next(
            (url for url in list(self._urls.values()) if asked and _id_of(url["FunctionArn"]) == asked["id"]), None
        )
        if asked is None or config is None:
            return _message(404, f"There is no function URL {request.path}")
        caller = None
        if config["AuthType"] == "AWS_IAM":
            try:
                caller = self._caller(request)
            except ServiceError as error:
                return _message(403, error.message)
        body = _read(request.body)
        if body is None:
            return _message(413, f"Request must be smaller than {MAX_PAYLOAD} bytes for the InvokeFunction operation")
        event = event_of(
            request,
            asked["path"] or "/",
            body,
            url_id=asked["id"],
            domain=f"{asked['id']}.lambda-url.{self._region}.on.aws",
            caller=caller,
        )
        return self._ask(config["FunctionArn"], event)

    def _ask(self, arn: str, event: Mapping[str, Any]) -> Response:
        try:
            answer = self.invoke({"FunctionName": arn, "Payload": json.dumps(event).encode()})
        except ServiceError as error:
            return _message(error.status or (413 if error.code == "RequestTooLargeException" else 400), error.message)
        if "FunctionError" in answer:
            return _bad_gateway()
        try:
            return response_of(answer["Payload"])
        except UnreadableAnswerError as error:
            _log.warning("%s answered no HTTP response: %s", arn, error)
            return _bad_gateway()

    def _caller(self, request: Request) -> dict[str, Any]:
        """Who signed. Raises ServiceError: nobody did, or for something else."""
        authorization = request.headers.get("authorization", "")
        if not authorization:
            raise ServiceError("AccessDeniedException", _TROUBLESHOOTING)
        credential = _CREDENTIAL.search(authorization)
        signed = all(f"{part}=" in authorization for part in ("SignedHeaders", "Signature"))
        if credential is None or not signed or not authorization.startswith("AWS4-HMAC-SHA256"):
            raise ServiceError("IncompleteSignatureException", f"Authorization header is no signature: {authorization}")
        if "x-amz-date" not in request.headers and "date" not in request.headers:
            raise ServiceError(
                "IncompleteSignatureException",
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
                f"Authorization={authorization}",
            )
        if credential["service"] != "lambda":
            raise ServiceError(
                "InvalidSignatureException", "Credential should be scoped to correct service: 'lambda'. "
            )
        if credential["region"] != self._region:
            raise ServiceError("InvalidSignatureException", "Credential should be scoped to a valid region. ")
        return {
            "iam": {
                "accessKey": credential["key"],
                "accountId": self._account_id,
                "callerId": credential["key"],
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": f"arn:aws:iam::{self._account_id}:user/local",
                "userId": credential["key"],
            }
        }


def _id_of(arn: str) -> str:
    return base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode().lower()[:32]


def _check(parameters: Mapping[str, Any]) -> None:
    """What is not served here."""
    if parameters.get("InvokeMode") == "RESPONSE_STREAM":
        raise ServiceError(
            "InvalidParameterValueException", "Answers are not streamed here: leave InvokeMode at BUFFERED"
        )
    if parameters.get("Cors"):
        raise ServiceError("InvalidParameterValueException", "Cors is not served: set the headers in the function")


def _read(body: Body) -> bytes | None:
    """The whole body; None where it is larger than any payload."""
    parts: list[bytes] = []
    left = MAX_PAYLOAD
    while left >= 0 and (part := body.read(left + 1)):
        parts.append(part)
        left -= len(part)
    return None if left < 0 else b"".join(parts)


def _timestamp() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _message(status: int, text: str) -> Response:
    return Response(status, [("Content-Type", "application/json")], json.dumps({"Message": text}).encode())


def _bad_gateway() -> Response:
    """What a URL answers when the function fails; why is in the function's log."""
    return Response(502, [("Content-Type", "application/json")], b"Internal Server Error")
