"""Integrations that are one call of a service's API: the optimised ones, and any API by `aws-sdk`."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import OperationModel

from pipeline.local.models import service_model
from pipeline.local.states.documents import dump
from pipeline.local.states.errors import StateError
from pipeline.local.states.integrations import responses
from pipeline.local.states.integrations.base import Attempt, ServiceIntegration, UnknownResourceError
from pipeline.local.states.integrations.errors import Naming, sdk_naming, state_error
from pipeline.local.states.integrations.shaping import request_of
from pipeline.local.states.scope import Json
from pipeline.service_models import LOADER

_BOTO_NAMES = {
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "directory": "ds",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearch": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
}
"""What `aws-sdk` ARNs call services which botocore calls otherwise; the rest differ in hyphens at most."""

_ON_REQUEST = {"ReturnConsumedCapacity": "ConsumedCapacity", "ChecksumMode": "Checksum"}
"""Parameters that ask for members of a response: moto gives the first unasked, boto3 asks for the second itself."""

_TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]+|arn:.+")


class ApiCall(ServiceIntegration):
    """An optimised integration whose request-response form is a plain call of the API.

    Args:
        service, action, pattern: as in the ARN.
        client: boto3's name for the service.
        naming: how its errors are named.
    """

    def __init__(self, service: str, action: str, pattern: str, *, client: str, naming: Naming) -> None:
        super().__init__(service, action, pattern)
        self.client = client
        self.naming = naming

    async def request(self, attempt: Attempt) -> Json:
        client = attempt.client(self.client)
        operation = operation_of(client, self.action)
        request = request_of(attempt.parameters, operation.input_shape, self.naming, blobs_as_json=False)
        return await attempt.call(self._call, client, operation, self.prepare(request, attempt))

    def prepare(self, request: dict[str, Any], attempt: Attempt) -> dict[str, Any]:
        """Complete the request as Step Functions does."""
        return request

    def _call(self, client: Any, operation: OperationModel, request: dict[str, Any]) -> Json:
        response = call_api(client, operation, request, self.naming)
        return responses.optimised(response, operation.output_shape)


class SendMessage(ApiCall):
    """`sqs:sendMessage`."""

    def prepare(self, request: dict[str, Any], attempt: Attempt) -> dict[str, Any]:
        host, _, path = request["QueueUrl"].partition("://")[2].partition("/")
        if not path:
            # boto3 would send it to its own endpoint; the SDK of Step Functions goes where the URL points.
            cause = f"Unable to execute HTTP request: {host}: Name or service not known"
            raise StateError("SQS.SdkClientException", cause)
        return request


class ItemCall(ApiCall):
    """`dynamodb:putItem`, `getItem`, `updateItem` and `deleteItem`."""

    def prepare(self, request: dict[str, Any], attempt: Attempt) -> dict[str, Any]:
        name = request["TableName"]
        if not _TABLE_NAME.fullmatch(name):
            # botocore's model allows any text here, since it may be an ARN; DynamoDB does not.
            rule = f"Member must satisfy regular expression pattern: {_TABLE_NAME.pattern.partition('|')[0]}"
            raise self.naming.invalid([f"Value '{name}' at 'tableName' failed to satisfy constraint: {rule}"], [])
        return request


class PutEvents(ApiCall):
    """`events:putEvents`: every entry names the execution, and an entry that is refused fails the task."""

    def prepare(self, request: dict[str, Any], attempt: Attempt) -> dict[str, Any]:
        execution = attempt.frame.execution.record
        ours = [execution.arn, execution.machine_arn]
        entries = [entry | {"Resources": [*entry.get("Resources", ()), *ours]} for entry in request["Entries"]]
        return request | {"Entries": entries}

    def _call(self, client: Any, operation: OperationModel, request: dict[str, Any]) -> Json:
        entries = request["Entries"]
        malformed = [position for position, entry in enumerate(entries) if not _is_object(entry.get("Detail", "{}"))]
        request = request | {"Entries": [entry for n, entry in enumerate(entries) if n not in malformed]}
        response: dict[str, Any] = {"FailedEntryCount": 0, "Entries": []}
        if request["Entries"]:
            response = super()._call(client, operation, request)
        for position in malformed:
            failure = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
            response["Entries"].insert(position, failure)
        response["FailedEntryCount"] += len(malformed)
        if response["FailedEntryCount"]:
            outcome = {name: response[name] for name in ("Entries", "FailedEntryCount")}
            raise StateError("EventBridge.FailedEntry", dump(outcome))
        return response


class AwsSdk(ServiceIntegration):
    """`aws-sdk:SERVICE:ACTION`: any API call."""

    def __init__(self, service: str, action: str, pattern: str) -> None:
        super().__init__(service, action, pattern)
        services = LOADER.list_available_services("service-2")
        known = {name.replace("-", ""): name for name in services} | _BOTO_NAMES
        name = service.removeprefix("aws-sdk:")
        if name not in known:
            raise UnknownResourceError(f"there is no service {name!r} among the AWS SDK integrations")
        self._client = known[name]
        if responses.pascal_case(action) not in service_model(self._client).operation_names:
            raise UnknownResourceError(f"the service {name!r} has no action {action!r}")

    async def request(self, attempt: Attempt) -> Json:
        client = attempt.client(self._client)
        operation = operation_of(client, self.action)
        naming = sdk_naming(client.meta.service_model.service_id)
        request = request_of(attempt.parameters, operation.input_shape, naming, blobs_as_json=True)

        def call() -> Json:
            return responses.aws_sdk(call_api(client, operation, request, naming), operation.output_shape)

        return await attempt.call(call)


def operation_of(client: Any, action: str) -> OperationModel:
    """The model of an API action."""
    operation: OperationModel = client.meta.service_model.operation_model(responses.pascal_case(action))
    return operation


def call_api(client: Any, operation: OperationModel, request: Mapping[str, Any], naming: Naming) -> dict[str, Any]:
    """Call an API through boto3. Raises StateError, named by `naming`."""
    method: Callable[..., dict[str, Any]] = getattr(client, xform_name(operation.name))
    try:
        response = method(**request)
    except (ClientError, BotoCoreError) as error:
        raise state_error(error, naming) from error
    known = operation.input_shape.members if operation.input_shape else {}
    unasked = tuple(prefix for wish, prefix in _ON_REQUEST.items() if wish in known and wish not in request)
    return {name: value for name, value in response.items() if not name.startswith(unasked)}


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
