"""The Python runtime of the local Lambda: runs in a worker process, one function, one invocation at a time.

A client of the Lambda Runtime API (Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes") with
nothing but the standard library: the worker must start as fast as Python does, and run wherever Python runs. What a
handler sees and what becomes of its errors is what AWS's own runtime for Python does (`awslambdaric`).

Run as a script: `python -P runtime.py SHOWN_ROOT`, where SHOWN_ROOT stands for the task root in stack traces. The
environment has the variables that Lambda documents, and IMAGEBATCH_MEMORY_CEILING, in bytes.
"""

import decimal
import http.client
import importlib
import json
import logging
import os
import resource
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

_API = "/2018-06-01/runtime"
_LOG_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"

Handler = Callable[[Any, "Context"], Any]


class StartError(Exception):
    """The handler cannot be had: `Runtime.ImportModuleError`, `Runtime.HandlerNotFound` and their like."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.report = {"errorMessage": message, "errorType": kind, "requestId": "", "stackTrace": trace or []}


class Identity:
    """Who a mobile application's invocation is for; always empty here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class Context:
    """The second argument of a handler (Lambda Developer Guide, "Lambda context object in Python")."""

    identity = Identity()
    client_context = None

    def __init__(self, request_id: str, deadline_ms: int, function_arn: str) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = function_arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline_ms - round(time.time() * 1000))


class RuntimeApi:
    """The service that hands out invocations and takes their results, over one connection that stays open."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def next(self) -> tuple[Context, bytes]:
        headers, body = self._call("GET", "/invocation/next")
        context = Context(
            headers["Lambda-Runtime-Aws-Request-Id"],
            int(headers["Lambda-Runtime-Deadline-Ms"]),
            headers["Lambda-Runtime-Invoked-Function-Arn"],
        )
        return context, body

    def respond(self, request_id: str, body: bytes) -> None:
        self._call("POST", f"/invocation/{request_id}/response", body)

    def fail(self, request_id: str, report: dict[str, Any]) -> None:
        _log(report)
        self._call("POST", f"/invocation/{request_id}/error", _dump(report), report["errorType"])

    def fail_start(self, report: dict[str, Any]) -> None:
        _log(report)
        self._call("POST", "/init/error", _dump(report), report["errorType"])

    def _call(
        self, method: str, path: str, body: bytes | None = None, error_type: str | None = None
    ) -> tuple[Any, bytes]:
        headers = {"Content-Type": "application/json"}
        if error_type:
            headers["Lambda-Runtime-Function-Error-Type"] = error_type
        self._connection.request(method, _API + path, body, headers)
        answer = self._connection.getresponse()
        return answer.headers, answer.read()


class LogFilter(logging.Filter):
    """Gives every log record the id of the request that is being served."""

    request_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.request_id
        return True


def load_handler(name: str) -> Handler:
    """The function that `module.function` names; folders of the module may be separated by slashes."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise StartError(
            "Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise StartError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module '{module_name}': {error}"
        raise StartError("Runtime.UserCodeSyntaxError", message, trace) from error
    handler: Handler | None = getattr(module, function_name, None)
    if handler is None:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise StartError("Runtime.HandlerNotFound", message)
    return handler


def serve(api: RuntimeApi, handler: Handler, log_filter: LogFilter, shown_root: str) -> None:
    """Serve invocations for ever."""
    while True:
        context, body = api.next()
        log_filter.request_id = context.aws_request_id
        try:
            result = handler(json.loads(body or b"{}"), context)
        except MemoryError:
            _die_of_memory()
        except Exception as error:  # noqa: BLE001 - whatever the handler raises is the invocation's result
            api.fail(context.aws_request_id, report(error, context.aws_request_id, shown_root))
        else:
            _answer(api, context.aws_request_id, result)
        sys.stdout.flush()


def report(error: BaseException, request_id: str, shown_root: str) -> dict[str, Any]:
    """An exception as Lambda reports it, without the frames of this file, and the task root shown as `shown_root`."""
    root = os.environ["LAMBDA_TASK_ROOT"]
    frames = traceback.extract_tb(_user_part(error.__traceback__))
    for frame in frames:
        if frame.filename.startswith(root):
            frame.filename = shown_root + frame.filename[len(root) :]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_list(frames),
    }


def _answer(api: RuntimeApi, request_id: str, result: Any) -> None:
    try:
        body = result if isinstance(result, bytes) else _dump(result)
    except (TypeError, ValueError) as error:
        message = f"Unable to marshal response: {error}"
        marshal_error = {
            "errorMessage": message,
            "errorType": "Runtime.MarshalError",
            "requestId": request_id,
            "stackTrace": [],
        }
        api.fail(request_id, marshal_error)
    else:
        api.respond(request_id, body)


def _log(report: dict[str, Any]) -> None:
    """An error as AWS's runtime writes it to the function's log."""
    lines = [f"[ERROR] {report['errorType']}: {report['errorMessage']}"]
    if report["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        lines.extend(frame.rstrip("\n") for frame in report["stackTrace"])
    print("\n".join(lines), flush=True)


def _user_part(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=_jsonable).encode("utf-8", "backslashreplace")


def _jsonable(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _die_of_memory() -> None:
    """End as the kernel ends a function that outgrows its memory: there is none left to report with."""
    os.kill(os.getpid(), signal.SIGKILL)


def _limit_memory(ceiling: int) -> None:
    try:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))
    except (OSError, ValueError):
        pass  # a lower limit than this is in force already, or the system knows no such limit


def _set_up_logging() -> LogFilter:
    log_filter = LogFilter()
    handler = logging.StreamHandler(sys.stdout)
    formatter = logging.Formatter(_LOG_FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(log_filter)
    logging.getLogger().addHandler(handler)
    return log_filter


def main() -> None:
    shown_root = sys.argv[1]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    sys.path.insert(0, task_root)
    # AWS's runtime has boto3 without awscrt, unless a function brings it. Botocore would load it wherever it is
    # installed, and take 30 ms longer to start.
    if not os.path.exists(f"{task_root}/awscrt"):  # noqa: PTH110
        sys.modules["awscrt"] = None  # type: ignore[assignment]
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    log_filter = _set_up_logging()
    _limit_memory(int(os.environ["IMAGEBATCH_MEMORY_CEILING"]))
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except StartError as error:
        api.fail_start(error.report)
        sys.exit(1)
    except MemoryError:
        _die_of_memory()
    except Exception as error:  # noqa: BLE001 - a module may raise anything while it is imported
        api.fail_start(report(error, "", shown_root))
        sys.exit(1)
    serve(api, handler, log_filter, shown_root)


if __name__ == "__main__":
    try:
        main()
    except (ConnectionError, http.client.HTTPException):
        sys.exit(0)  # the cloud is gone, and nobody is left to serve
