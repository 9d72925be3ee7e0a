"""Where the packages of functions come from."""

import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.deploying.wheels import Wheels


def test_two_who_unpack_the_same_wheel_at_once_both_have_it(tmp_path: Path) -> None:
    wheel = tmp_path / "little-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("little/__init__.py", "small = True\n")
    both_want_it = threading.Barrier(2, timeout=60)

    class Downloaded(Wheels):
        def _wheels(self) -> dict[str, Path]:
            both_want_it.wait()
            return {"little": wheel}

    packages = Downloaded(tmp_path / "cache")
    with ThreadPoolExecutor(2) as threads:
        folders = list(threads.map(packages.folder, ["little", "little"]))

    assert folders[0] == folders[1]
    assert (folders[0] / "little" / "__init__.py").read_text() == "small = True\n"
    assert [path.name for path in folders[0].parent.iterdir()] == ["little"]
