from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.local.buckets import FolderBucket
from pipeline.local.cloud import LocalCloud

Mount = Callable[[dict[str, bytes]], Path]


@pytest.fixture
def mount(cloud: LocalCloud, tmp_path: Path) -> Mount:
    """Writes files into a folder, mounts it as the bucket `photos`, and returns the folder."""

    def write(files: dict[str, bytes]) -> Path:
        root = tmp_path / "photos"
        root.mkdir()
        for key, body in files.items():
            path = root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        cloud.mount("photos", FolderBucket(root))
        return root

    return write
