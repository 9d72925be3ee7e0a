"""How a service's errors are named and worded when they reach a state machine.

Optimised integrations speak as the AWS SDK for Java 1 does (`SQS.QueueDoesNotExistException`,
`DynamoDB.AmazonDynamoDBException` for what the service's model does not name), `aws-sdk` ones as version 2
(`S3.NoSuchBucketException`, `DynamoDb.DynamoDbException`).
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, EndpointConnectionError

from pipeline.local.states.errors import StateError


@dataclass(frozen=True, slots=True)
class Naming:
    """How one optimised service names its errors.

    Args:
        prefix: what error names begin with, such as `SQS`.
        label: how causes call the service, such as `AmazonSQS`.
        generic: the name of an error that the service's model does not know.
        missing: code and wording for a parameter that is missing, where they are not the common ones.
    """

    prefix: str
    label: str
    generic: str
    missing: tuple[str, str] | None = None

    def error(self, name: str, message: str, status: int, code: str, request_id: str) -> StateError:
        cause = (
            f"{message} (Service: {self.label}; Status Code: {status}; Error Code: {code}; "
            f"Request ID: {request_id}; Proxy: null)"
        )
        return StateError(f"{self.prefix}.{name}", cause)

    def invalid(self, broken: Sequence[str], missing: Sequence[str]) -> StateError:
        """The error for parameters that break the rules in `broken`; `missing` names those that are absent."""
        if missing and self.missing:
            code, wording = self.missing
            return self.error(self.generic, wording.format(missing[0]), 400, code, str(uuid.uuid4()))
        return self.error(self.generic, validation_message(broken), 400, "ValidationException", str(uuid.uuid4()))


@dataclass(frozen=True, slots=True)
class SdkNaming(Naming):
    """How an `aws-sdk` integration names its errors."""

    def error(self, name: str, message: str, status: int, code: str, request_id: str) -> StateError:
        # S3 answers with two ids.
        extended = f", Extended Request ID: {request_id}" if self.prefix == "S3" else ""
        cause = f"{message} (Service: {self.label}, Status Code: {status}, Request ID: {request_id}{extended})"
        return StateError(f"{self.prefix}.{name}", f"{cause} (SDK Attempt Count: 1)")


def sdk_naming(service_id: str) -> SdkNaming:
    """The naming of an `aws-sdk` service from its id in botocore's model: "DynamoDB" gives `DynamoDb`."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", service_id)
    name = "".join(word.capitalize() for word in words)
    return SdkNaming(name, name, f"{name}Exception")


def state_error(error: ClientError | BotoCoreError, naming: Naming) -> StateError:
    """What boto3 raised, as the state machine sees it."""
    if not isinstance(error, ClientError):
        return StateError(f"{naming.prefix}.SdkClientException", _client_cause(error))
    answer = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    code = answer.get("Code", "Unknown")
    # boto3 makes a class of its own for every error that the service's model knows.
    modelled = type(error).__name__ if type(error) is not ClientError else None
    name = _exception_name(modelled) if modelled else naming.generic
    message = answer.get("Message", "")
    return naming.error(
        name, message, metadata.get("HTTPStatusCode", 400), code, metadata.get("RequestId") or str(uuid.uuid4())
    )


def validation_message(broken: Sequence[str]) -> str:
    """The message of a ValidationException."""
    return f"{len(broken)} validation error{'s' * (len(broken) > 1)} detected: {'; '.join(broken)}"


def _exception_name(modelled: str) -> str:
    return modelled if modelled.endswith("Exception") else f"{modelled}Exception"


def _client_cause(error: BotoCoreError) -> str:
    if isinstance(error, (EndpointConnectionError, ConnectionError)):
        return f"Unable to execute HTTP request: {error}"
    return str(error)
