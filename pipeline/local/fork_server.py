"""A Python process that has loaded modules, and forks: each child begins with them, as another program.

Run as a script: `python -P fork_server.py AFTER LOADS SOURCES MODULE...`, with one end of a Unix socket as standard
input. The modules that are there are loaded first, the product's from the folder SOURCES: once the pipe whose file
descriptor AFTER is has ended, and then LOADS is closed; `-` is neither. Each message on the socket is then an
order, in JSON (`Order`), with two file descriptors: the child's output, and a pipe that it waits at until a byte comes.
Answers: `{"pid"}` for each order, `{"refused"}` where a program may not begin with what is loaded (`Loaded`), or
`{"error"}` where there can be no process; and `{"pid", "status"}` when a child has ended.

Nothing but the standard library by itself, and no threads: a fork has only the thread that forks. Of the libraries that
have threads once they are loaded, those of numpy and pyarrow are made for it (OpenBLAS and jemalloc stop theirs before
a fork, by pthread_atfork); ONNX Runtime is not, and not loaded here.
"""

import atexit
import contextlib
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
import threading
import time
from typing import TypedDict

LARGEST_ORDER = 1 << 17
NEVER_BEGAN = 125
"""The exit status of a child whose cloud was gone before it began."""
_REALTIME_COARSE = 5
"""Linux's clock of that name (clock_gettime(2)). Python has none for it."""
ALLOCATOR = {"MALLOC_TRIM_THRESHOLD_": -1, "MALLOC_MMAP_THRESHOLD_": -3}
"""Variables that glibc's allocator reads when a program starts, and by what they are set later (mallopt(3))."""


class Order(TypedDict):
    """What a child becomes: `-P SCRIPT ARGUMENT...` or `-m MODULE ARGUMENT...`, as one gives them to Python."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str


class Loaded:
    """The modules that children begin with, and the files of the product's: as they were from `began` on, in ns."""

    def __init__(self, sources: str, began: int) -> None:
        files = {name: str(getattr(module, "__file__", None) or "") for name, module in list(sys.modules.items())}
        self._folders = {name: _folder_of(file) for name, file in files.items() if "." not in name}
        self._files = [file for file in files.values() if file.startswith(sources + os.sep)]
        self._began = began

    def refuses(self, folder: str) -> str | None:
        """Why a program whose own modules lie in `folder` may not begin with these; None where it may."""
        for name in _modules_in(folder):
            if self._folders.get(name, folder) != folder:
                return f"{folder} has a {name} of its own"
        for file in self._files:
            if not self._is_unchanged(file):
                return f"{file} is another since it was loaded"
        return None

    def _is_unchanged(self, file: str) -> bool:
        try:
            # Of whatever is written, renamed or linked, the system changes this time, which nobody can set.
            return os.stat(file).st_ctime_ns < self._began  # noqa: PTH116
        except OSError:
            return False


def time_of_files() -> int:
    """The time, in ns, that what is written now has at least: the last tick of the system's clock, which may be 10 ms
    ago. By a finer clock, what is written in the same tick would be older than this."""
    return time.clock_gettime_ns(_REALTIME_COARSE)


def _folder_of(file: str) -> str:
    """Where a top-level module is from."""
    folder, name = os.path.split(file)
    return os.path.dirname(folder) if name.startswith("__init__.") else folder  # noqa: PTH120


def _modules_in(folder: str) -> set[str]:
    """The names that modules at the root of a folder may have."""
    try:
        return {name.partition(".")[0] for name in os.listdir(folder)}  # noqa: PTH208 - names are all it takes
    except OSError:
        return set()


def load(modules: list[str], sources: str) -> Loaded:
    """Import what is installed, or lies in `sources`, of `modules`, and let children share the memory of it."""
    began = time_of_files()
    gc.disable()
    sys.path.insert(0, sources)
    for module in modules:
        # Whoever needs what is missing says so.
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    sys.path.remove(sources)
    if "pipeline.service_models" in sys.modules:
        _read_models()
    if "pyarrow" in sys.modules:
        _pass_over_pandas()
    gc.freeze()
    gc.enable()
    return Loaded(sources, began)


def _read_models() -> None:
    """What clients are made of: half of a worker's start. boto3's own session has it, too, for functions that are not
    the product's: everything that it takes from the environment, it takes when a client is made."""
    import boto3

    from pipeline.service_models import LOADER, session

    for data in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        LOADER.load_data(data)
    for service in ("s3", "stepfunctions", "sagemaker", "service-quotas"):
        for part in ("service-2", "endpoint-rule-set-1", "paginators-1"):
            LOADER.load_service_model(service, part)
    boto3.setup_default_session(botocore_session=session())


def _pass_over_pandas() -> None:
    """Let Arrow have looked for pandas in vain, as in AWS. Where it is installed, the first array that is made of a
    list loads it, for the case that the list is a pandas one: a quarter of a second. `to_pandas` looks once more."""
    import pyarrow

    class Nowhere:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "pandas":
                raise ModuleNotFoundError(name)

    nowhere = Nowhere()
    sys.meta_path.insert(0, nowhere)
    # Memory of the system: a pool of its own reserves a gigabyte at once, which each fork would have.
    pyarrow.array([0], memory_pool=pyarrow.system_memory_pool())
    sys.meta_path.remove(nowhere)


def serve(connection: socket.socket, loaded: Loaded) -> Order | None:
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
        order: Order = json.loads(message)
        pid = -1
        if refusal := loaded.refuses(order["folder"]):
            _send(connection, {"refused": refusal})
        else:
            try:
                pid = os.fork()
            except OSError as error:
                _send(connection, {"error": str(error)})
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for inherited in (connection, woken, waker):
                inherited.close()
            return _begin(order, *descriptors)
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
    if (pillow := sys.modules.get("PIL.Image")) is not None:
        # How Pillow keeps memory, which it has asked the environment when it was loaded.
        getattr(pillow, "_apply_env_variables", lambda: None)()
    _set_allocator(order["environment"])
    return order


def _set_allocator(environment: dict[str, str]) -> None:
    """What `ALLOCATOR` names, of glibc; another C library has neither the variables nor, mostly, the call."""
    asked = {ALLOCATOR[name]: value for name, value in environment.items() if name in ALLOCATOR and value.isdecimal()}
    if asked:
        import ctypes

        set_option = getattr(ctypes.CDLL(None), "mallopt", lambda parameter, value: 0)
        for parameter, value in asked.items():
            set_option(parameter, ctypes.c_int(int(value)))


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
    _, after, loads, sources, *modules = sys.argv
    if after != "-":
        os.read(int(after), 1)
        os.close(int(after))
    if "boto3" in modules:
        # As AWS's runtime has boto3: local/lambdas/runtime.py.
        sys.modules["awscrt"] = None  # type: ignore[assignment]
    loaded = load(modules, sources)
    if loads != "-":
        os.close(int(loads))
    order = serve(connection, loaded)
    if order is None:
        os._exit(0)  # nothing to put away: Python would go through all that was loaded once more
    status: object = None
    try:
        become(order["arguments"])
    except SystemExit as end:
        status = end.code
    if status is None or isinstance(status, int):
        _end(status or 0)
    sys.exit(status)  # type: ignore[arg-type]


def _end(status: int) -> None:
    """End this process as an interpreter does, but for putting away what is loaded: it is the server's as well, so all
    that is touched would be copied first, for a tenth of a second that somebody waits.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    os._exit(status & 0xFF)


if __name__ == "__main__":
    main()
