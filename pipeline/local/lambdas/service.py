"""AWS Lambda's API: create, describe, update, delete and invoke functions.

Functions are written in Python and run on this interpreter, whichever `python3.x` they name. Their code is a zip file
(in the request, or an object of a bucket), or a folder of this machine that runs in place, which is an extension:
`Code={"S3Bucket": "local-source", "S3Key": "<absolute folder>"}`.
"""

import base64
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.local.database import Database
from pipeline.local.delivery import Deliveries
from pipeline.local.faults import Faults
from pipeline.local.faults.functions import invoked
from pipeline.local.lambdas.asynchronous import AsynchronousOperations
from pipeline.local.lambdas.functions import CONFIGURABLE, VERSION, Code, Function, in_place, unpack
from pipeline.local.lambdas.urls import UrlOperations
from pipeline.local.lambdas.versions import VersionOperations
from pipeline.local.lambdas.workers import Result, WorkerPool
from pipeline.local.processes import Processes
from pipeline.local.protocol import ServiceError
from pipeline.local.timers import Timers

LOCAL_SOURCE = "local-source"
# Lambda Developer Guide, "Lambda quotas": invocation payload, synchronous and asynchronous.
MAX_SYNCHRONOUS = 6 * 1024 * 1024
MAX_ASYNCHRONOUS = 1024 * 1024
# The same page; the model allows more, for functions on managed instances.
_LIMITS = {"Timeout": 900, "MemorySize": 10_240}

_NAME = re.compile(r"(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:)?(?:\d{12}:)?(?:function:)?([a-zA-Z0-9_-]+)(?::(.+))?")
_MAX_NAME = 64


class LambdaService(UrlOperations, AsynchronousOperations, VersionOperations):
    """Functions, their URLs, the events that wait for them, and the workers that run them.

    Args:
        processes: starts the workers.
        environment: what every worker's environment begins with, such as PATH and the cloud's endpoint.
        state_dir: where code is unpacked and logs are kept.
        clients: gives the boto3 client of a service of this cloud, to fetch code from a bucket.
        concurrency: how many workers one function may have at the same time.
        database, timers, deliveries: for asynchronous invocations; the first one also for published versions.
        faults: what goes wrong on purpose.
    """

    service = "lambda"
    signing_name = "lambda"

    def __init__(
        self,
        *,
        processes: Processes,
        environment: Callable[[], Mapping[str, str]],
        state_dir: Path,
        clients: Callable[[str], Any],
        concurrency: int,
        account_id: str,
        region: str,
        database: Database,
        timers: Timers,
        deliveries: Deliveries,
        faults: Faults | None = None,
    ) -> None:
        UrlOperations.__init__(self, lambda: environment()["AWS_ENDPOINT_URL"], account_id, region)
        self._processes = processes
        self._environment = environment
        self._code_dir = state_dir / "code"
        self._logs_dir = state_dir / "logs"
        self._clients = clients
        self._concurrency = concurrency
        self._arn_prefix = f"arn:aws:lambda:{region}:{account_id}:function:"
        self._pools: dict[str, WorkerPool] = {}
        self._faults = faults
        self._lock = threading.Lock()
        self._background = ThreadPoolExecutor(max_workers=32, thread_name_prefix="lambda-warm")
        AsynchronousOperations.__init__(self, database, timers, deliveries)
        VersionOperations.__init__(self, database)

    def create_function(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = self._name(parameters["FunctionName"])
        with self._lock:
            if name in self._pools:
                raise ServiceError("ResourceConflictException", f"Function already exist: {name}", Type="User")
        settings = {key: parameters[key] for key in CONFIGURABLE if key in parameters}
        _check(parameters, settings)
        function = Function(name, self._arn_prefix + name, settings, self._fetch(name, parameters["Code"]))
        self._replace(function)
        if parameters.get("Publish"):
            return self.publish_version({"FunctionName": name})
        return function.configuration()

    def update_function_configuration(self, parameters: dict[str, Any]) -> dict[str, Any]:
        old = self.pool(parameters["FunctionName"]).function
        settings = {**old.settings, **{key: parameters[key] for key in CONFIGURABLE if key in parameters}}
        _check({}, settings)
        function = Function(old.name, old.arn, settings, old.code)
        self._replace(function)
        return function.configuration()

    def update_function_code(self, parameters: dict[str, Any]) -> dict[str, Any]:
        old = self.pool(parameters["FunctionName"]).function
        function = Function(old.name, old.arn, old.settings, self._fetch(old.name, parameters))
        if not parameters.get("DryRun"):
            self._replace(function)
        return function.configuration()

    def get_function(self, parameters: dict[str, Any]) -> dict[str, Any]:
        pool = self.pool(parameters["FunctionName"], parameters.get("Qualifier"))
        location = pool.function.code.root.as_uri()
        return {
            "Configuration": pool.function.configuration(),
            "Code": {"RepositoryType": "S3", "Location": location},
            "Tags": {},
        }

    def get_function_configuration(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self.pool(parameters["FunctionName"], parameters.get("Qualifier")).function.configuration()

    def list_functions(self, parameters: dict[str, Any]) -> dict[str, Any]:
        marker, limit = parameters.get("Marker", ""), parameters.get("MaxItems", 50)
        with self._lock:
            names = sorted(name for name in self._pools if name > marker)
            page = [self._pools[name].function.configuration() for name in names[:limit]]
        return {"Functions": page, "NextMarker": names[limit - 1] if len(names) > limit else None}

    def delete_function(self, parameters: dict[str, Any]) -> dict[str, Any]:
        pool = self.pool(parameters["FunctionName"], parameters.get("Qualifier"))
        if pool.function.version != VERSION:
            self.forget_version(pool.function.name, pool.function.version)
            return {"StatusCode": 204}
        with self._lock:
            self._pools.pop(pool.function.name, None)
        self.forget_versions(pool.function.name)
        self.forget_url(pool.function.arn)
        self.forget_events_of(pool.function.arn)
        pool.close()
        return {"StatusCode": 204}

    def invoke(self, parameters: dict[str, Any]) -> dict[str, Any]:
        kind = parameters.get("InvocationType", "RequestResponse")
        pool = self.pool(parameters["FunctionName"], parameters.get("Qualifier"))
        payload = parameters.get("Payload") or b"{}"
        _check_payload(payload, MAX_ASYNCHRONOUS if kind == "Event" else MAX_SYNCHRONOUS)
        if kind == "DryRun":
            return {"StatusCode": 204}
        if kind == "Event":
            self.invoke_later(pool.function, payload)
            return {"StatusCode": 202}
        result = self.serve_event(pool, payload)
        answer: dict[str, Any] = {
            "StatusCode": 200,
            "Payload": result.payload,
            "ExecutedVersion": pool.function.version,
        }
        if result.failed:
            answer["FunctionError"] = "Unhandled"
        if parameters.get("LogType") == "Tail":
            answer["LogResult"] = base64.b64encode(result.log_tail).decode()
        return answer

    def serve_event(self, pool: WorkerPool, payload: bytes, request_id: str | None = None) -> Result:
        """What a function answers. Raises ServiceError where it is throttled, which only a plan of faults does."""
        strike = self._faults.strike("function", pool.function.name) if self._faults else None
        return invoked(lambda crash: pool.invoke(payload, request_id, crash)[1], strike)

    def function_arn(self, name: str, qualifier: str | None = None) -> str:
        return self.pool(name, qualifier).function.arn

    def warm(self, names: Iterable[str]) -> None:
        """Start one worker of each function in the background."""
        for name in names:
            self._background.submit(self.pool(name).warm)

    def cool(self) -> None:
        """Stop every idle worker in the background."""
        for pool in self._all_pools():
            self._background.submit(pool.cool)

    def logs(self, name: str) -> str:
        """Everything that the function's workers have written so far, worker by worker."""
        streams = sorted((self._logs_dir / self._name(name)).glob("*"))
        return "".join(stream.read_text(errors="replace") for stream in streams)

    def close(self) -> None:
        """Stop every worker; invocations under way end with an error."""
        self.close_events()
        # Together: the system takes its time to put a process away. One that starts at this moment is ended by whoever
        # closes processes.
        list(self._background.map(WorkerPool.close, self._all_pools()))
        self._background.shutdown(wait=False, cancel_futures=True)

    def new_pool(self, function: Function) -> WorkerPool:
        logs = self._logs_dir / function.name
        return WorkerPool(function, self._processes, self._environment(), logs, self._concurrency)

    def _all_pools(self) -> list[WorkerPool]:
        with self._lock:
            return [*self._pools.values(), *self.version_pools()]

    def _replace(self, function: Function) -> None:
        pool = self.new_pool(function)
        with self._lock:
            old = self._pools.get(function.name)
            self._pools[function.name] = pool
        if old is not None:
            old.close()

    def _fetch(self, name: str, code: Mapping[str, Any]) -> Code:
        if code.get("S3Bucket") == LOCAL_SOURCE:
            return in_place(Path(code.get("S3Key", "")))
        if "ImageUri" in code:
            raise ServiceError("InvalidParameterValueException", "Container images do not run here: give a zip file")
        archive = code.get("ZipFile")
        if archive is None:
            try:
                answer = self._clients("s3").get_object(Bucket=code.get("S3Bucket", ""), Key=code.get("S3Key", ""))
            except ClientError as error:
                message = f"Error occurred while GetObject: {error.response['Error']['Message']}"
                raise ServiceError("InvalidParameterValueException", message) from error
            archive = answer["Body"].read()
        return unpack(archive, self._code_dir / name / uuid.uuid4().hex)

    def _name(self, given: str) -> str:
        match = _NAME.fullmatch(given)
        if match is None or len(match[1]) > _MAX_NAME:
            raise ServiceError(
                "ValidationException",
                f"{given!r} names no function: expected an ARN, or at most {_MAX_NAME} letters, digits, - and _",
            )
        return match[1]

    def pool(self, given: str, qualifier: str | None = None) -> WorkerPool:
        name = self._name(given)
        match = _NAME.fullmatch(given)
        asked = qualifier or (match[2] if match else None)
        with self._lock:
            pool = self._pools.get(name)
        if pool is not None and asked not in (None, VERSION):
            pool = self.version_pool(name, asked)
        if pool is None:
            suffix = f":{asked}" if asked else ""
            raise ServiceError(
                "ResourceNotFoundException", f"Function not found: {self._arn_prefix}{name}{suffix}", Type="User"
            )
        return pool


def _check(request: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    if request.get("PackageType") == "Image":
        raise ServiceError("InvalidParameterValueException", "Container images do not run here: give a zip file")
    for member in ("Runtime", "Handler"):
        if not settings.get(member):
            raise ServiceError("InvalidParameterValueException", f"{member} is mandatory for functions in zip files")
    for member, limit in _LIMITS.items():
        if settings.get(member, 0) > limit:
            raise ServiceError(
                "InvalidParameterValueException", f"{member} {settings[member]} is above Lambda's limit of {limit}"
            )
    if not settings["Runtime"].startswith("python3"):
        raise ServiceError(
            "InvalidParameterValueException",
            f"The runtime {settings['Runtime']} does not run here: functions are in Python (python3.x)",
        )


def _check_payload(payload: bytes, limit: int) -> None:
    if len(payload) > limit:
        raise ServiceError(
            "RequestTooLargeException",
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
            Type="User",
        )
    try:
        json.loads(payload)
    except ValueError as error:
        raise ServiceError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}", Type="User"
        ) from error
