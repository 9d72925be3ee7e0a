"""What a handler sees, and what becomes of its result or its error, in real worker processes."""

import base64
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local import forks
from pipeline.local.cloud import LocalCloud
from pipeline.local.permissions import credentials

Create = Callable[..., Any]
Invoke = Callable[..., Any]


@pytest.fixture(params=["interpreter", "fork"])
def cloud(request: pytest.FixtureRequest) -> Iterator[LocalCloud]:
    """Workers are the same however they start."""
    if request.param == "fork":
        forks.prepare()
    with LocalCloud(lambda_concurrency=2) as cloud:
        yield cloud


@pytest.mark.skipif(sys.platform != "linux", reason="forks are had on Linux alone")
def test_a_worker_is_a_fork_where_that_was_prepared(
    create_function: Create, invoke: Invoke, request: pytest.FixtureRequest
) -> None:
    create_function("fork", "import sys\ndef handler(event, context): return 'pyarrow' in sys.modules")
    assert invoke("fork").payload is (request.node.callspec.params["cloud"] == "fork")


def test_a_handler_gets_its_event_and_its_result_is_the_payload(create_function: Create, invoke: Invoke) -> None:
    create_function("echo", "def handler(event, context): return {'got': event}")
    event = {"text": "ü 🙂", "n": [1, 2.5, None, True]}
    answer = invoke("echo", event)
    assert (answer.error, answer.payload) == (None, {"got": event})


def test_bytes_are_the_payload_as_they_are(create_function: Create, invoke: Invoke) -> None:
    create_function("raw", """def handler(event, context): return b'"text"'""")
    assert invoke("raw").payload == "text"


def test_decimals_become_numbers(create_function: Create, invoke: Invoke) -> None:
    create_function("decimals", "from decimal import Decimal\ndef handler(e, c): return [Decimal('3'), Decimal('0.5')]")
    assert invoke("decimals").payload == [3, 0.5]


def test_the_context_tells_about_the_invocation(create_function: Create, invoke: Invoke) -> None:
    members = (
        "function_name, function_version, memory_limit_in_mb, invoked_function_arn, log_group_name, log_stream_name"
    )
    source = f"""
def handler(event, context):
    values = {{name: getattr(context, name) for name in {members.split(", ")!r}}}
    return {{**values, "id": context.aws_request_id, "left": context.get_remaining_time_in_millis()}}
"""
    arn = create_function("context", source, Timeout=30, MemorySize=256)["FunctionArn"]
    seen = invoke("context").payload
    assert re.fullmatch(r"[0-9a-f-]{36}", seen["id"])
    assert 0 < seen["left"] <= 30_000
    assert seen["invoked_function_arn"] == arn
    assert (seen["function_name"], seen["function_version"], seen["memory_limit_in_mb"]) == (
        "context",
        "$LATEST",
        "256",
    )
    assert seen["log_group_name"] == "/aws/lambda/context"
    assert seen["log_stream_name"]


def test_a_worker_has_the_documented_variables_its_own_and_nothing_of_ours(
    create_function: Create, invoke: Invoke, cloud: LocalCloud, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "x")
    create_function(
        "variables",
        "import os\ndef handler(event, context): return dict(os.environ)",
        Environment={"Variables": {"BUCKET": "results"}},
    )
    seen = invoke("variables").payload
    assert seen["BUCKET"] == "results"
    assert seen["_HANDLER"] == "handler.handler"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "variables"
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"
    assert Path(seen["LAMBDA_TASK_ROOT"]).is_dir()
    assert (cloud.environment() | credentials(role)).items() <= seen.items()
    assert "SECRET_OF_THE_PARENT" not in seen


def test_botocore_signs_without_awscrt_as_in_awss_runtime_unless_a_function_brings_it(
    create_function: Create, invoke: Invoke, cloud: LocalCloud, role: str, tmp_path: Path
) -> None:
    source = "import botocore.compat\ndef handler(event, context): return botocore.compat.HAS_CRT"
    create_function("without", source)
    assert invoke("without").payload is False
    (tmp_path / "handler.py").write_text("import awscrt\ndef handler(event, context): return awscrt.MINE")
    (tmp_path / "awscrt").mkdir()
    (tmp_path / "awscrt" / "__init__.py").write_text("MINE = 'mine'")
    code = {"S3Bucket": "local-source", "S3Key": str(tmp_path)}
    cloud.client("lambda").create_function(
        FunctionName="with", Runtime="python3.12", Role=role, Handler="handler.handler", Code=code
    )
    assert invoke("with").payload == "mine"


def test_code_can_run_in_place_from_a_folder(cloud: LocalCloud, invoke: Invoke, role: str, tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "one.py").write_text("def run(event, context): return __file__")
    cloud.client("lambda").create_function(
        FunctionName="in-place",
        Runtime="python3.13",
        Role=role,
        Handler="steps.one.run",
        Code={"S3Bucket": "local-source", "S3Key": str(tmp_path)},
    )
    assert invoke("in-place").payload == str(tmp_path / "steps" / "one.py")


def test_an_exception_is_reported_as_aws_reports_it(create_function: Create, invoke: Invoke) -> None:
    create_function("fails", "def handler(event, context):\n    raise KeyError('colour')")
    answer = invoke("fails")
    assert answer.error == "Unhandled"
    assert list(answer.payload) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert answer.payload["errorMessage"] == "'colour'"
    assert answer.payload["errorType"] == "KeyError"
    assert answer.payload["stackTrace"] == [
        "  File \"/var/task/handler.py\", line 2, in handler\n    raise KeyError('colour')\n"
    ]


@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        ("import nix", "handler.handler", "Runtime.ImportModuleError", "Unable to import module 'handler': No module"),
        ("", "handler.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'handler'"),
        ("def", "handler.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'handler'"),
        ("", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        ("raise ValueError('early')", "handler.handler", "ValueError", "early"),
    ],
)
def test_a_handler_that_cannot_be_had_fails_each_invocation(
    create_function: Create, invoke: Invoke, source: str, handler: str, kind: str, message: str
) -> None:
    create_function("broken", source, Handler=handler)
    for _ in range(2):
        payload = invoke("broken").payload
        assert payload["errorType"] == kind
        assert payload["errorMessage"].startswith(message)


def test_a_result_that_is_no_json_is_a_marshal_error(create_function: Create, invoke: Invoke) -> None:
    create_function("sets", "def handler(event, context): return {1}")
    payload = invoke("sets").payload
    assert payload["errorType"] == "Runtime.MarshalError"
    assert payload["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


def test_a_result_over_six_megabytes_is_refused_and_the_worker_lives(create_function: Create, invoke: Invoke) -> None:
    create_function("large", "import os\ndef handler(event, context): return 'x' * event if event else os.getpid()")
    worker = invoke("large", 0).payload
    answer = invoke("large", 7 * 1024 * 1024)
    assert (answer.error, answer.payload["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
    assert invoke("large", 0).payload == worker


def test_a_function_that_takes_too_long_is_killed_and_the_next_starts_anew(
    create_function: Create, invoke: Invoke
) -> None:
    source = "import os, time\ndef handler(event, context):\n    if event: time.sleep(600)\n    return os.getpid()"
    create_function("slow", source, Timeout=1)
    worker = invoke("slow").payload
    answer = invoke("slow", "sleep")
    assert answer.payload["errorType"] == "Sandbox.Timedout"
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [0-9a-f-]{36} Task timed out after 1\.00 seconds",
        answer.payload["errorMessage"],
    )
    assert invoke("slow").payload != worker


@pytest.mark.skipif("sys.platform == 'darwin'", reason="macOS does not enforce RLIMIT_DATA")
def test_a_function_that_takes_too_much_memory_is_killed(create_function: Create, invoke: Invoke) -> None:
    create_function("hungry", "def handler(event, context): return len(bytes(600 * 1024 * 1024))", MemorySize=128)
    payload = invoke("hungry").payload
    assert payload["errorType"] == "Runtime.OutOfMemory"
    assert re.fullmatch(
        r"RequestId: [0-9a-f-]{36} Error: Runtime exited with error: signal: killed", payload["errorMessage"]
    )


@pytest.mark.parametrize(
    ("source", "ending"),
    [
        ("import sys\ndef handler(e, c): sys.exit(3)", "exit status 3"),
        ("import os\ndef handler(e, c): os.abort()", "signal: aborted"),
    ],
)
def test_a_process_that_ends_in_an_invocation_is_an_exit_error(
    create_function: Create, invoke: Invoke, source: str, ending: str
) -> None:
    create_function("exits", source)
    payload = invoke("exits").payload
    assert payload["errorType"] == "Runtime.ExitError"
    assert payload["errorMessage"].endswith(f"Error: Runtime exited with error: {ending}")


def test_an_error_of_a_handler_stands_in_its_log(create_function: Create, invoke: Invoke, cloud: LocalCloud) -> None:
    create_function("fails", "def handler(event, context): raise KeyError('colour')")
    invoke("fails")
    log = cloud.logs("fails")
    assert "[ERROR] KeyError: 'colour'\nTraceback (most recent call last):\n" in log
    assert "in handler" in log


def test_what_a_handler_prints_and_logs_is_kept(create_function: Create, invoke: Invoke, cloud: LocalCloud) -> None:
    source = """
import logging
def handler(event, context):
    print("printed", event)
    logging.getLogger().warning("logged %s", event)
"""
    create_function("talks", source)
    tail = base64.b64decode(invoke("talks", 1, LogType="Tail").raw["LogResult"]).decode()
    invoke("talks", 2)
    log = cloud.logs("talks")
    assert re.search(r"START RequestId: \S+ Version: \$LATEST\nprinted 1\n\[WARNING\]\t\S+Z\t\S+\tlogged 1\nEND", tail)
    assert "printed 2" in log
    assert "printed 2" not in tail
    assert "REPORT RequestId" in log


def test_a_handler_reaches_the_cloud_it_runs_in(create_function: Create, invoke: Invoke, cloud: LocalCloud) -> None:
    cloud.client("s3").create_bucket(Bucket="results")
    source = """
import boto3
def handler(event, context):
    boto3.client("s3").put_object(Bucket="results", Key="from/lambda", Body=b"hello")
"""
    create_function("writes", source, MemorySize=512)
    answer = invoke("writes")
    assert answer.error is None, json.dumps(answer.payload)
    assert cloud.client("s3").get_object(Bucket="results", Key="from/lambda")["Body"].read() == b"hello"
