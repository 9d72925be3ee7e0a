"""A Python process that has loaded libraries, and forks: each child begins with them, as another program.

Run as a script: `python -P fork_server.py MODULE...`, with one end of a Unix socket as standard input. The modules that
are there are loaded first. Each message on the socket is then an order, in JSON (`Order`), with two file descriptors:
the child's output, and a pipe that it waits at until a byte comes. Answers: `{"loaded": [top-level modules]}` once,
`{"pid"}` for each order, or `{"error"}` where there can be no process, and `{"pid", "status"}` when a child has ended.

Nothing but the standard library, nothing of the product, and no threads: a fork has only the thread that forks. Of the
libraries that have threads once they are loaded, those of numpy and pyarrow are made for it (OpenBLAS and jemalloc stop
theirs before a fork, by pthread_atfork); ONNX Runtime is not, and not loaded here.
"""

import gc
import importlib
import importlib.util
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
from typing import TypedDict

LARGEST_ORDER = 1 << 17
NEVER_BEGAN = 125
"""The exit status of a child whose cloud was gone before it began."""


class Order(TypedDict):
    """What a child becomes: `-P SCRIPT ARGUMENT...` or `-m MODULE ARGUMENT...`, as one gives them to Python."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str


def load(modules: list[str]) -> None:
    """Import what is installed of `modules`, and let children share the memory of it."""
    gc.disable()
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError:
            continue  # whoever needs it says so
    if "botocore" in sys.modules:
        _read_models()
    gc.freeze()
    gc.enable()


def _read_models() -> None:
    """boto3's default session, which has read of botocore's data what clients are made of: half of a worker's
    start. Everything that it takes from the environment, it takes when a client is made."""
    import boto3
    import botocore.session

    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    for data in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        loader.load_data(data)
    for service in ("s3", "stepfunctions", "sagemaker"):
        for part in ("service-2", "endpoint-rule-set-1"):
            loader.load_service_model(service, part)
    boto3.setup_default_session(botocore_session=session)


def serve(connection: socket.socket) -> Order | None:
    """Fork for each order. Returns in each child, with its order; in the server None, when the cloud is gone."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    while True:
        ready, _, _ = select.select([connection, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _tell_ended(connection)
        if connection not in ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(connection, LARGEST_ORDER, 2)
        if not message:
            return None
        try:
            pid = os.fork()
        except OSError as error:
            _send(connection, {"error": str(error)})
            pid = -1
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for inherited in (connection, woken, waker):
                inherited.close()
            return _begin(json.loads(message), *descriptors)
        if pid > 0:
            # Before anybody knows the process, so that whoever kills its group finds one.
            os.setpgid(pid, pid)
            _send(connection, {"pid": pid})
        for descriptor in descriptors:
            os.close(descriptor)


def _tell_ended(connection: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _send(connection, {"pid": pid, "status": os.waitstatus_to_exitcode(status)})


def _send(connection: socket.socket, answer: object) -> None:
    try:
        connection.send(json.dumps(answer).encode())
    except ConnectionError:
        pass  # the cloud is gone, which the next reading tells


def _begin(order: Order, output: int, gate: int) -> Order:
    """Make this child the process that was ordered, once it may begin."""
    if not os.read(gate, 1):
        os._exit(NEVER_BEGAN)
    os.close(gate)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(order["folder"])
    # In place: what the libraries hold is this very mapping.
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    return order


def become(arguments: list[str]) -> None:
    """Run a script or a module as the interpreter does that is given these arguments."""
    option, program, *rest = arguments
    sys.argv = [program, *rest]
    _call_this_process(program.rpartition(".")[2] if option == "-m" else os.path.basename(program))  # noqa: PTH119
    if option == "-m":
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as the interpreter has it
        runpy.run_module(program, run_name="__main__", alter_sys=True)
        return
    # By its compiled file, which runpy.run_path does not look for.
    spec = importlib.util.spec_from_file_location("__main__", program)
    if spec is None or spec.loader is None:
        raise ImportError(f"{program} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["__main__"] = module
    spec.loader.exec_module(module)


def _call_this_process(name: str) -> None:
    """What `ps -o comm` and `top` show: all forks have the server's command line."""
    try:
        with open("/proc/self/comm", "w") as comm:  # noqa: PTH123 - a fork loads nothing that its program does not
            comm.write(name)
    except OSError:
        pass


def main() -> None:
    connection = socket.socket(fileno=os.dup(0))
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - the interpreter that starts this is to load little
        os.dup2(nothing.fileno(), 0)
    if "boto3" in sys.argv[1:]:
        # As AWS's runtime has boto3: local/lambdas/runtime.py.
        sys.modules["awscrt"] = None  # type: ignore[assignment]
    load(sys.argv[1:])
    _send(connection, {"loaded": sorted({name.partition(".")[0] for name in sys.modules})})
    order = serve(connection)
    if order is None:
        os._exit(0)  # nothing to put away: Python would go through all that was loaded once more
    become(order["arguments"])


if __name__ == "__main__":
    main()
