"""How many workers a function has, and when they are used again. Files tell what runs at the same time."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud
from pipeline.local.lambdas.functions import Code, Function
from pipeline.local.lambdas.workers import Worker
from pipeline.local.processes import Processes

Create = Callable[..., Any]
Invoke = Callable[..., Any]

# Says that it runs, and ends when it is told to: both through files in the folder that the event names.
RENDEZVOUS = """
import os, pathlib, time
def handler(event, context):
    folder = pathlib.Path(event)
    (folder / f"running-{context.aws_request_id}").touch()
    while not (folder / "go").exists():
        time.sleep(0.005)
    return os.getpid()
"""


def wait_for(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    while not condition():
        waiting.wait(0.005)


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_worker_is_used_again(create_function: Create, invoke: Invoke) -> None:
    create_function("counts", "n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    return n")
    assert [invoke("counts").payload for _ in range(3)] == [1, 2, 3]


def test_invocations_beyond_the_limit_wait_their_turn(create_function: Create, invoke: Invoke, tmp_path: Path) -> None:
    create_function("meets", RENDEZVOUS, Timeout=60)
    with ThreadPoolExecutor(5) as pool:
        invocations = [pool.submit(invoke, "meets", str(tmp_path)) for _ in range(5)]
        wait_for(lambda: len(list(tmp_path.glob("running-*"))) == 2)
        (tmp_path / "go").touch()
        workers = {invocation.result().payload for invocation in invocations}
    assert len(workers) == 2
    assert len(list(tmp_path.glob("running-*"))) == 5


def test_a_worker_that_died_leaves_no_thread_behind(create_function: Create, invoke: Invoke) -> None:
    create_function("dies", "import os\ndef handler(event, context): os._exit(1)")
    before = set(threading.enumerate())
    invoke("dies")
    wait_for(lambda: not [thread for thread in threading.enumerate() if "dies" in thread.name])
    wait_for(lambda: len(set(threading.enumerate()) - before) <= 1)  # the one of this client's connection


def test_a_warmed_function_has_imported_before_it_is_invoked(
    cloud: LocalCloud, create_function: Create, tmp_path: Path
) -> None:
    create_function("warm", f"import pathlib\npathlib.Path({str(tmp_path / 'imported')!r}).touch()")
    cloud.warm(["warm"])
    wait_for((tmp_path / "imported").exists)


def test_a_warm_worker_serves_the_first_invocation(
    cloud: LocalCloud, create_function: Create, invoke: Invoke, tmp_path: Path
) -> None:
    source = (
        f"import os, pathlib\npathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch()\ndef handler(e, c): return 1"
    )
    create_function("warm", source)
    cloud.warm(["warm"])
    wait_for(lambda: any(tmp_path.iterdir()))
    invoke("warm")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_function_that_has_cooled_down_starts_anew(
    cloud: LocalCloud, create_function: Create, invoke: Invoke
) -> None:
    create_function("cools", "import os\ndef handler(event, context): return os.getpid()")
    first = invoke("cools").payload
    cloud.cool()
    wait_for(lambda: has_ended(first))
    assert invoke("cools").payload != first


def test_what_is_under_way_does_not_cool_down(
    create_function: Create, invoke: Invoke, cloud: LocalCloud, tmp_path: Path
) -> None:
    create_function("meets", RENDEZVOUS, Timeout=60)
    with ThreadPoolExecutor(1) as pool:
        invocation = pool.submit(invoke, "meets", str(tmp_path))
        wait_for(lambda: any(tmp_path.glob("running-*")))
        cloud.cool()
        (tmp_path / "go").touch()
        assert invocation.result().error is None


def test_an_update_takes_effect_with_the_next_invocation(
    cloud: LocalCloud, create_function: Create, invoke: Invoke, zipped: Callable[[str], bytes]
) -> None:
    create_function("changes", "import os\ndef handler(e, c): return os.environ.get('WORD')")
    assert invoke("changes").payload is None
    client = cloud.client("lambda")
    client.update_function_configuration(FunctionName="changes", Environment={"Variables": {"WORD": "new"}})
    assert invoke("changes").payload == "new"
    client.update_function_code(FunctionName="changes", ZipFile=zipped("def handler(e, c): return 'code'"))
    assert invoke("changes").payload == "code"


def test_an_event_invocation_is_accepted_at_once_and_run_in_the_background(
    create_function: Create, invoke: Invoke, tmp_path: Path
) -> None:
    create_function("later", RENDEZVOUS, Timeout=60)
    answer = invoke("later", str(tmp_path), InvocationType="Event")
    assert answer.raw["StatusCode"] == 202
    wait_for(lambda: any(tmp_path.glob("running-*")))
    (tmp_path / "go").touch()


def test_closing_the_cloud_ends_an_invocation_under_way(
    tmp_path: Path, role: str, zipped: Callable[[str], bytes]
) -> None:
    with LocalCloud() as cloud, ThreadPoolExecutor(1) as pool:
        client = cloud.client("lambda")
        client.create_function(
            FunctionName="runs",
            Runtime="python3.12",
            Role=role,
            Handler="handler.handler",
            Code={"ZipFile": zipped(RENDEZVOUS)},
            Timeout=600,
        )
        invocation = pool.submit(client.invoke, FunctionName="runs", Payload=f'"{tmp_path}"')
        wait_for(lambda: any(tmp_path.glob("running-*")))
        cloud.close()
        assert invocation.exception() is not None or invocation.result()["FunctionError"] == "Unhandled"


def test_a_worker_that_cannot_be_started_leaves_no_server_behind(tmp_path: Path) -> None:
    processes = Processes()
    processes.close()
    role = "arn:aws:iam::123456789012:role/late"
    settings = {"Runtime": "python3.12", "Handler": "handler.handler", "Role": role}
    function = Function("late", "arn", settings, Code(tmp_path, str(tmp_path), "", 0))
    before = set(threading.enumerate())
    with pytest.raises(RuntimeError, match="the local cloud is closed"):
        Worker(function, processes, {}, tmp_path)
    assert set(threading.enumerate()) <= before
