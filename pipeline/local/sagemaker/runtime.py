"""Amazon SageMaker Runtime: InvokeEndpoint, passed on to the endpoint's model server.

What the server answers with a status other than 2xx, or not in time, is a ModelError, with the status and the words of
the server (SageMaker Runtime API reference, InvokeEndpoint, "Errors"). Without an answer the status is 0, and the words
are SageMaker's.
"""

from collections.abc import Callable, Mapping
from typing import Any

from urllib3.exceptions import ReadTimeoutError

from pipeline.local.protocol import RestJsonService, ServiceError
from pipeline.local.sagemaker.endpoints import Endpoint
from pipeline.local.sagemaker.serving import NoReplyError, Reply, ServerFailedError

INVOCATION_LIMIT = 60.0  # seconds; API reference, InvokeEndpoint: "must respond to requests within 60 seconds"
_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
# The members of a request that travel in headers, and go on to the container.
_HEADERS = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": _ATTRIBUTES,
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
}
_LATE = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for each"
    " container in Amazon CloudWatch, resolve the issue, and try again."
)
# aws/amazon-sagemaker-examples, issue 2815: what is said where a worker of the container is terminated.
_BROKEN = (
    "Amazon SageMaker could not get a response from the {} endpoint. This can occur when CPU or memory utilization is"
    " high. To check your utilization, see Amazon CloudWatch. To fix this problem, use an instance type with more CPU"
    " capacity or memory."
)
_UNSERVED = ("TargetModel", "TargetContainerHostname", "InferenceComponentName", "EnableExplanations", "SessionId")


class SageMakerRuntimeService(RestJsonService):
    """Invocations of the endpoints of one account.

    Args:
        find: gives the endpoint of a name, if there is one.
    """

    service = "sagemaker-runtime"
    signing_name = "sagemaker"

    def __init__(self, find: Callable[[str], Endpoint | None], account_id: str, region: str) -> None:
        self._find = find
        self._account_id = account_id
        self._region = region

    def handle(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        limit = self.model.shape_for("BodyBlob").metadata["max"]
        if len(parameters.get("Body", b"")) > limit:
            raise ServiceError("413", f"HTTP content length exceeded {limit} bytes.", status=413)
        try:
            return super().handle(operation, parameters)
        except ServiceError as error:
            if error.code == "ValidationException":  # which this service calls otherwise
                raise ServiceError("ValidationError", error.message) from error
            raise

    def invoke_endpoint(self, parameters: dict[str, Any]) -> dict[str, Any]:
        endpoint = self._endpoint(parameters)
        server = endpoint.server
        if server is None:
            raise ServiceError("ServiceUnavailable", f"The container of {endpoint.name} is starting again", status=503)
        headers = {header: parameters[member] for member, header in _HEADERS.items() if member in parameters}
        try:
            reply = server.invoke(parameters["Body"], headers, timeout=INVOCATION_LIMIT)
        except NoReplyError as error:
            is_late = isinstance(error.__cause__, ReadTimeoutError)
            raise self._model_error(endpoint, 0, _LATE if is_late else _BROKEN.format(endpoint.name)) from error
        except ServerFailedError as error:
            raise self._model_error(endpoint, 500, str(error)) from error
        if not 200 <= reply.status < 300:
            raise self._model_error(endpoint, reply.status, reply.body.decode(errors="replace"))
        return self._answer(endpoint, reply)

    def _endpoint(self, parameters: Mapping[str, Any]) -> Endpoint:
        for member in _UNSERVED:
            if member in parameters:
                raise ServiceError("ValidationError", f"{member} is not served: an endpoint here has one container")
        name = parameters["EndpointName"]
        endpoint = self._find(name)
        # API reference, CreateEndpoint: names ignore case there, "but the case is preserved and must be matched in
        # InvokeEndpoint".
        if endpoint is None or endpoint.name != name or endpoint.status not in ("InService", "Updating"):
            raise ServiceError("ValidationError", f"Endpoint {name} of account {self._account_id} not found.")
        variant = endpoint.variant["VariantName"]
        if parameters.get("TargetVariant", variant) != variant:
            raise ServiceError(
                "ValidationError", f"Variant {parameters['TargetVariant']} not found for endpoint {name}"
            )
        return endpoint

    def _answer(self, endpoint: Endpoint, reply: Reply) -> dict[str, Any]:
        return {
            "Body": reply.body,
            "ContentType": reply.headers.get("content-type", "application/octet-stream"),
            "InvokedProductionVariant": endpoint.variant["VariantName"],
            "CustomAttributes": reply.headers.get(_ATTRIBUTES.lower()),
        }

    def _model_error(self, endpoint: Endpoint, status: int, said: str) -> ServiceError:
        group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
        whose = "client" if 400 <= status < 500 else "server"
        console = f"https://{self._region}.console.aws.amazon.com/cloudwatch/home?region={self._region}"
        return ServiceError(
            "ModelError",
            f'Received {whose} error ({status}) from primary with message "{said}". See {console}#logEventViewer:'
            f"group={group} in account {self._account_id} for more information.",
            OriginalStatusCode=status,
            OriginalMessage=said,
            LogStreamArn=f"arn:aws:logs:{self._region}:{self._account_id}:log-group:{group}",
        )
