from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

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


@pytest.fixture(scope="module")
def shared_cloud() -> Iterator[LocalCloud]:
    """One cloud for many small examples."""
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def moto_s3(shared_cloud: LocalCloud) -> Iterator[Any]:
    """moto's own S3 through a server of moto's own, to compare answers with.

    moto's buckets belong to the process: those of the shared cloud are among them, without their objects.
    """
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    session: Any = boto3.Session("key", "secret", region_name=shared_cloud.region)
    client = session.client(
        "s3", endpoint_url=f"http://{host}:{port}", config=Config(retries={"total_max_attempts": 1})
    )
    yield client
    client.close()
    server.stop()
