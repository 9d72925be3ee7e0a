"""Scripts that run as forks, as the processes of a local cloud's functions do."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local import forks
from pipeline.local.forks import ForkServer, Kind
from pipeline.local.processes import Child, Processes


@pytest.fixture(scope="module")
def server() -> ForkServer:
    with pytest.MonkeyPatch.context() as patch:
        for name in forks.INHERITED:
            patch.delenv(name, raising=False)
        return ForkServer(Kind.FUNCTION)


@pytest.fixture(scope="module")
def processes(server: ForkServer) -> Iterator[Processes]:
    # Closing them closes their forks' server, too.
    processes = Processes({Kind.FUNCTION: server})
    yield processes
    processes.close()


@pytest.fixture
def run(processes: Processes, tmp_path: Path) -> Any:
    """Runs a script as a function's process, and answers the process; what it prints goes to `log`."""
    folder = tmp_path / "folder"
    folder.mkdir()

    def call(source: str, *arguments: str, **variables: str) -> Child:
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(source))
        command = [sys.executable, "-P", str(script), *arguments]
        environment = {**Kind.FUNCTION.variables, **variables}
        with (tmp_path / "log").open("wb") as log:
            return processes.start(command, environment=environment, folder=folder, output=log, kind=Kind.FUNCTION)

    return call


@pytest.fixture
def told(run: Any, tmp_path: Path) -> Any:
    """What a script prints."""

    def call(source: str, *arguments: str, **variables: str) -> str:
        assert run(source, *arguments, **variables).wait() == 0
        return (tmp_path / "log").read_text().strip()

    return call
