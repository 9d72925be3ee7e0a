"""What may go wrong with a request to a service: it is refused, late, cut off, or answered with what was.

Errors are written as the service's protocol writes them, under the names that it has for them.
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from io import BytesIO
from urllib.parse import parse_qsl, unquote

from pipeline.local.buckets.s3api import operations
from pipeline.local.faults.injection import Faults, Strike
from pipeline.local.http_messages import Body, FilePart, Request, Response

Answer = Callable[[Request], Response]

OBSERVER = "imagebatch-observer"
"""In the user agent of who only watches the cloud: such a request never goes wrong."""

# What each service calls it when it throttles: its API reference, "Common Errors", and the operations' own pages.
_THROTTLED = {
    "dynamodb": (400, "ProvisionedThroughputExceededException"),
    "kms": (400, "ThrottlingException"),
    "lambda": (429, "TooManyRequestsException"),
    "s3": (503, "SlowDown"),
    "sns": (429, "Throttled"),
}
_INTERNAL = {"dynamodb": "InternalServerError"}
_XML = ("s3", "sns", "sts", "iam", "cloudformation", "ec2")
_CHUNK = 65_536
_LARGEST_KEPT = 64 * 1024 * 1024


@dataclass(frozen=True)
class _Asked:
    """What a request is for."""

    service: str
    operation: str
    name: str


class RequestFaults:
    """Stands between the endpoint of a cloud and its services."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._before: dict[str, Response | None] = {}
        self._lock = threading.Lock()
        self._hurried = threading.Event()

    def hurry(self) -> None:
        """Let no request be late any more, those that wait included."""
        self._hurried.set()

    def answer(self, request: Request, service: str, place: tuple[str, str], answer: Answer) -> Response:
        """Answer a request to `service` by `answer`, unless the plan says otherwise. `place` are its bucket and key."""
        if not self._faults.plan.rules or OBSERVER in request.headers.get("user-agent", ""):
            return answer(request)
        service = service or ("s3" if place[0] else "")
        asked = _asked(request, service, place)
        self._keep_version(request, asked, answer)
        strike = self._faults.strike("request", asked.name, asked.service, asked.operation)
        if strike is None:
            return answer(request)
        return self._disturbed(request, asked, strike, answer)

    def _disturbed(self, request: Request, asked: _Asked, strike: Strike, answer: Answer) -> Response:
        if strike.fault == "old_version":
            with self._lock:
                known = asked.name in self._before
                before = self._before.get(asked.name)
            if not known:
                return answer(request)
            strike.record()
            return _copy(before) if before is not None else _error(asked, 404, "NoSuchKey")
        strike.record()
        if strike.fault == "slow":
            self._hurried.wait(strike.seconds)
            return answer(request)
        if strike.fault == "reset":
            return _cut_off(request, answer)
        if strike.fault == "answer_lost":
            _drain(answer(request))
            raise ConnectionResetError("the answer is lost on purpose")
        return _error(asked, *_refusal(asked.service, strike.fault))

    def _keep_version(self, request: Request, asked: _Asked, answer: Answer) -> None:
        """Remember what an object was before it is written, where a rule may want to know."""
        if asked.service != "s3" or asked.operation not in ("PutObject", "CompleteMultipartUpload", "CopyObject"):
            return
        rules = self._faults.plan.rules
        if not any(rule.fault == "old_version" and fnmatchcase(asked.name, rule.name) for rule in rules):
            return
        path = request.target.partition("?")[0]
        headers = {name: value for name, value in request.headers.items() if name in ("host", "authorization")}
        read = answer(Request("GET", path, headers, Body(BytesIO(), 0)))
        before = _kept(read) if read.status == 200 else None
        with self._lock:
            self._before[asked.name] = before


def _asked(request: Request, service: str, place: tuple[str, str]) -> _Asked:
    if service == "s3":
        bucket, key = place
        query = operations.query_of(request)
        operation = (
            operations.operation_on_object(request, query) if key else operations.operation_on_bucket(request, query)
        )
        return _Asked(service, operation or "", f"{bucket}/{key or query.get('prefix', '')}")
    if target := request.headers.get("x-amz-target", ""):
        return _Asked(service, target.rpartition(".")[2], "")
    if request.method == "POST" and "x-www-form-urlencoded" in request.headers.get("content-type", ""):
        body = request.body.readall()
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        request.body = _replayed(body)
        return _Asked(service, form.get("Action", ""), form.get("TopicArn", "").rpartition(":")[2])
    return _Asked(service, "Invoke" if request.path.endswith("/invocations") else "", unquote(request.path))


def _replayed(body: bytes) -> Body:
    return Body(BytesIO(body), len(body))


def _refusal(service: str, fault: str) -> tuple[int, str]:
    match fault:
        case "throttled":
            return _THROTTLED.get(service, (400, "ThrottlingException"))
        case "limit_exceeded":
            return 400, "ResourceLimitExceeded"
        case "unavailable":
            return 503, "SlowDown" if service == "s3" else "ServiceUnavailable"
    return 500, _INTERNAL.get(service, "InternalError" if service in _XML else "InternalFailure")


def _error(asked: _Asked, status: int, code: str) -> Response:
    message = f"This fault is part of a plan ({asked.service} {asked.operation})"
    request_id = str(uuid.uuid4())
    if asked.service in _XML:
        told = f"<Code>{code}</Code><Message>{message}</Message>"
        document = (
            f"<Error>{told}<RequestId>{request_id}</RequestId></Error>"
            if asked.service == "s3"
            else f"<ErrorResponse><Error>{told}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Response(status, [("Content-Type", "application/xml")], document.encode())
    headers = [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("x-amzn-RequestId", request_id),
        ("x-amzn-ErrorType", code),
    ]
    return Response(status, headers, json.dumps({"__type": code, "message": message}).encode())


def _cut_off(request: Request, answer: Answer) -> Response:
    """Break the connection in the middle of the request's body, or of the answer's where the request has none."""
    if request.body.length > 1:
        left = request.body.length // 2
        while left > 0 and (read := request.body.read(min(left, _CHUNK))):
            left -= len(read)
        raise ConnectionResetError("the connection breaks on purpose")
    response = answer(request)
    whole = b"".join(_parts(response))
    if request.method == "HEAD" or not whole:
        raise ConnectionResetError("the connection breaks on purpose")
    headers = [(name, value) for name, value in response.headers if name.lower() != "content-length"]

    def half() -> Iterator[bytes]:
        yield whole[: len(whole) // 2]
        raise ConnectionResetError("the connection breaks on purpose")

    return Response(response.status, [*headers, ("Content-Length", str(len(whole)))], half())


def _parts(response: Response) -> Iterator[bytes]:
    body = response.body
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, FilePart):
        with body.file:
            body.file.seek(body.offset)
            yield body.file.read(body.length)
    else:
        yield from body


def _drain(response: Response) -> None:
    for _ in _parts(response):
        pass


def _kept(response: Response) -> Response | None:
    """The answer with its body in memory; None where that is too large to keep."""
    body = b"".join(_parts(response))
    return Response(response.status, response.headers, body) if len(body) <= _LARGEST_KEPT else None


def _copy(response: Response) -> Response:
    return Response(response.status, list(response.headers), response.body)
