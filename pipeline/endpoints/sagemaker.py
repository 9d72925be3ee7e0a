"""An endpoint of SageMaker's, asked through SageMaker Runtime.

What AWS words as errors of its own is told apart here (API reference, InvokeEndpoint, "Errors"): ModelError has the
container's status and words. Where the container did not answer, late or at all, the status is 0 and the words are
SageMaker's.
"""

from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError, ReadTimeoutError

from pipeline.endpoints.codec import Request, Response
from pipeline.endpoints.statuses import error_for, excerpt
from pipeline.errors import (
    EndpointNotFound,
    EndpointRefused,
    EndpointTimeout,
    EndpointUnavailable,
    ImageBatchError,
)

LIMIT = 6_291_456
"""Bytes of a body: the service model's BodyBlob."""

_LATE = "Your invocation timed out"
_BUSY = frozenset({"ServiceUnavailable", "ModelNotReadyException", "InternalFailure", "InternalDependencyException"})
_THROTTLED = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "ExpiredTokenException"})


class SageMakerEndpoint:
    """An endpoint of the client's account and region. The client's timeouts are the endpoint's."""

    def __init__(self, client: Any, name: str, limit: int = LIMIT) -> None:
        self.name = name
        self.limit = limit
        self._client = client

    def invoke(self, request: Request) -> Response:
        """Raises what Endpoint.invoke does, and botocore's own errors where nothing could be asked: no credentials."""
        try:
            answer = self._client.invoke_endpoint(
                EndpointName=self.name, Body=request.body, ContentType=request.content_type, Accept=request.accept
            )
            return Response(answer["Body"].read(), answer.get("ContentType", ""))
        except ClientError as error:
            raise self._named(error) from error
        except ReadTimeoutError as error:
            raise EndpointTimeout(f"endpoint {self.name} did not answer in time: {error}") from error
        except (ConnectionError, HTTPClientError) as error:
            raise EndpointUnavailable(f"endpoint {self.name} cannot be reached: {error}") from error
        except IncompleteReadError as error:
            raise EndpointUnavailable(f"endpoint {self.name} broke off its answer: {error}") from error

    def _named(self, error: ClientError) -> ImageBatchError:
        code, words = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code == "ModelError":
            return self._model_error(error)
        if code in ("ValidationError", "ValidationException") and "not found" in words.lower():
            return EndpointNotFound(f"endpoint {self.name} is not there, or not in service: {words}")
        if code in _DENIED:
            return EndpointRefused(
                f"endpoint {self.name} may not be invoked with these credentials ({code}: {words}). They need"
                " sagemaker:InvokeEndpoint on it."
            )
        if code in _BUSY or code in _THROTTLED:
            return EndpointUnavailable(f"endpoint {self.name} does not answer now ({code}): {words}")
        return error_for(status, f"endpoint {self.name}", f"{code}: {words}")

    def _model_error(self, error: ClientError) -> ImageBatchError:
        response: Any = error.response
        status = int(response.get("OriginalStatusCode", 500))
        words = response.get("OriginalMessage") or response["Error"].get("Message", "")
        if _LATE in response["Error"].get("Message", ""):
            return EndpointTimeout(f"the container of endpoint {self.name} did not answer in time: {excerpt(words)}")
        if status == 0:
            return EndpointUnavailable(f"the container of endpoint {self.name} did not answer: {excerpt(words)}")
        return error_for(status, f"endpoint {self.name}", words)
