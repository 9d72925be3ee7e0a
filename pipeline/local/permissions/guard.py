"""Refuses what the role of a function does not allow, as the services do."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from typing import Any

from pipeline.local.http_messages import Request, Response
from pipeline.local.permissions.callers import role_of
from pipeline.local.permissions.calls import calls_of, operation_of
from pipeline.local.permissions.policies import Call, Policy, Statement

_XML = ("s3", "sns", "sts", "iam")
_NOTHING: Mapping[str, Any] = {"Statement": []}
_ROLES = ["Role", "LocalManagedPolicy", "AWSManagedPolicy"]


class Guard:
    """Knows the roles by IAM's API. `client` gives the boto3 client of a service, by one who is trusted."""

    def __init__(self, client: Callable[[str], Any], account_id: str, region: str) -> None:
        self._client = client
        self._account_id = account_id
        self._region = region
        self._lock = threading.Lock()
        self._roles: dict[str, Policy] | None = None

    @contextmanager
    def changing_roles(self) -> Iterator[None]:
        """While roles change nobody asks for them, which moto does not stand; afterwards IAM is asked again."""
        with self._lock:
            try:
                yield
            finally:
                self._roles = None

    def changes_roles(self, request: Request) -> bool:
        """Whether a request to IAM may change what a role allows."""
        return not operation_of(request)[0].startswith(("Get", "List"))

    def refuse(self, request: Request, service: str, place: tuple[str, str]) -> Response | None:
        """What to answer a request that the role of its caller does not allow; None where it may go on."""
        role = role_of(request)
        if role is None:
            return None
        policy = self._policy(role)
        if policy is None:
            return None
        for call in calls_of(request, service, place, self._region, self._account_id):
            if not policy.allows(call):
                return self._refusal(request, service, role, call)
        return None

    def hide(self, request: Request, service: str, place: tuple[str, str], response: Response) -> Response:
        """What to answer in place of "there is no such object" where its caller may not list: AccessDenied.

        Amazon S3 API Reference, "GetObject". The key is the prefix that the permission to list is asked for.
        """
        role = role_of(request) if response.status == 404 and service == "s3" and place[1] else None
        policy = self._policy(role) if role else None
        if role is None or policy is None or not _names_no_object(response):
            return response
        for call in calls_of(request, service, place, self._region, self._account_id):
            if call.action.startswith("s3:Get"):
                bucket, _, key = call.resource.removeprefix("arn:aws:s3:::").partition("/")
                listing = Call("s3:ListBucket", f"arn:aws:s3:::{bucket}", (("s3:prefix", key),))
                if not policy.allows(listing):
                    return self._refusal(request, service, role, listing)
        return response

    def _policy(self, role: str) -> Policy | None:
        """What a role may do; None where there is none of that name."""
        with self._lock:
            if self._roles is None:
                self._roles = self._ask()
            return self._roles.get(role)

    def _ask(self) -> dict[str, Policy]:
        """What every role may do, in one call: policy by policy, a role's take as long as all roles' at once."""
        pages = self._client("iam").get_paginator("get_account_authorization_details").paginate(Filter=_ROLES)
        roles: list[Any] = []
        managed: dict[str, Any] = {}
        for page in pages:
            roles += page["RoleDetailList"]
            for policy in page["Policies"]:
                versions = {version["VersionId"]: version["Document"] for version in policy["PolicyVersionList"]}
                managed[policy["Arn"]] = versions[policy["DefaultVersionId"]]
        return {
            role["RoleName"]: Policy(
                statement
                for document in (
                    *(inline["PolicyDocument"] for inline in role["RolePolicyList"]),
                    # AWS deletes no policy that is attached; moto does.
                    *(managed.get(attached["PolicyArn"], _NOTHING) for attached in role["AttachedManagedPolicies"]),
                )
                for statement in _statements(document)
            )
            for role in roles
        }

    def _refusal(self, request: Request, service: str, role: str, call: Call) -> Response:
        message = (
            f"User: arn:aws:sts::{self._account_id}:assumed-role/{role}/function is not authorized to perform: "
            f'{call.action} on resource: "{call.resource}" because no identity-based policy allows '
            f"the {call.action} action"
        )
        code = {"s3": "AccessDenied", "sts": "AccessDenied", "sns": "AuthorizationError"}.get(
            service, "AccessDeniedException"
        )
        if service not in _XML:
            headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", code)]
            return Response(400, headers, json.dumps({"__type": code, "message": message}).encode())
        told = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
        request_id = f"<RequestId>{uuid.uuid4()}</RequestId>"
        document = (
            f"<Error>{told}{request_id}</Error>"
            if service == "s3"
            else f"<ErrorResponse><Error><Type>Sender</Type>{told}</Error>{request_id}</ErrorResponse>"
        )
        body = b"" if request.method == "HEAD" else document.encode()
        return Response(403, [("Content-Type", "application/xml")], body)


def _names_no_object(response: Response) -> bool:
    """Whether it is an object that is not there: of a bucket or an upload that is not, everybody is told.

    An answer to HEAD has its body until the server leaves it out.
    """
    return isinstance(response.body, bytes) and b"<Code>NoSuchKey</Code>" in response.body


def _statements(document: Mapping[str, Any]) -> list[Statement]:
    statements = document["Statement"]
    return statements if isinstance(statements, list) else [statements]
