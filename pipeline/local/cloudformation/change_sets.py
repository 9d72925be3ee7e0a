"""Change sets: what would change, and the change itself, made by pipeline/local/deploy in a thread of its own.

Source: CloudFormation API reference. A change that fails stays where it got to, as with DisableRollback; the next one
goes on from there.
"""

import datetime
import json
import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline.local.protocol import ServiceError

if TYPE_CHECKING:
    from pipeline.local.deploy import Cloud, Made, Prepared

_log = logging.getLogger(__name__)
_ROLES = {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}


@dataclass
class ChangeSet:
    """One change set of a stack."""

    id: str
    name: str
    stack: str
    stack_id: str
    prepared: "Prepared | None"
    changes: list[dict[str, Any]]
    reason: str | None = None
    executed: bool = False
    tags: dict[str, str] | None = None
    """Of the stack; None where the request names none."""
    created: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))


def template_of(parameters: dict[str, Any], cloud: "Cloud") -> dict[str, Any]:
    """The template that a request names, by its text or by its address. Raises ServiceError."""
    from pipeline.deploying.templates import parsed

    text = parameters.get("TemplateBody")
    if text is None:
        bucket, _, key = parameters["TemplateURL"].split("://", 1)[-1].partition("/")[2].partition("/")
        try:
            text = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        except ClientError as error:
            raise invalid(f"S3 error: {error.response['Error']['Message']}") from error
    elif len(text.encode()) > 51_200:
        raise invalid("Member must have length less than or equal to 51200")
    return parsed(text, "TemplateBody")


def check_capabilities(template: dict[str, Any], given: list[str]) -> None:
    """Raises ServiceError where the request does not acknowledge what the template does.

    A transform needs no acknowledgement: a change set shows what came of it (API reference, CreateChangeSet).
    """
    roles = any(str(entry["Type"]).startswith("AWS::IAM::") for entry in template["Resources"].values())
    if roles and not _ROLES & set(given):
        raise ServiceError("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]", status=400)


def prepare(
    parameters: dict[str, Any], cloud: "Cloud", before: "Made | None"
) -> "tuple[Prepared, list[dict[str, Any]]]":
    """A request understood, and its changes but for the physical ids. Raises ServiceError."""
    from pipeline.local.cloudformation.differences import changes
    from pipeline.local.deploy import TemplateError
    from pipeline.local.deploy import prepare as understand

    try:
        template = (
            json.loads(json.dumps(before.prepared.source))
            if parameters.get("UsePreviousTemplate") and before
            else template_of(parameters, cloud)
        )
        check_capabilities(template, parameters.get("Capabilities", []))
        given = _given(parameters.get("Parameters", []), before)
        prepared = understand(cloud, template, given, parameters["StackName"])
    except TemplateError as error:
        raise invalid(f"Template error: {'; '.join(error.problems)}") from error
    resources = {name: created.ref for name, created in before.created.items()} if before else {}
    return prepared, list(changes(before.prepared if before else None, resources, prepared))


def in_the_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name="cloudformation", daemon=True)
    thread.start()
    return thread


def new_id(cloud: "Cloud", name: str) -> str:
    return f"arn:aws:cloudformation:{cloud.region}:{cloud.account_id}:changeSet/{name}/{uuid.uuid4()}"


def invalid(message: str) -> ServiceError:
    return ServiceError("ValidationError", message, status=400)


def _given(parameters: list[dict[str, Any]], before: "Made | None") -> dict[str, str]:
    given = {}
    for parameter in parameters:
        name = parameter["ParameterKey"]
        if not parameter.get("UsePreviousValue"):
            given[name] = parameter.get("ParameterValue", "")
        elif before is None or name not in before.prepared.values:
            raise invalid(f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a "
                          "parameter key not in the previous template")  # fmt: skip
        elif name in before.prepared.given:
            given[name] = before.prepared.given[name]
    return given
