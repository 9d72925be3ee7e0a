"""SageMaker's own lines in the log of a transform job, among those that the container prints.

2026-11-20T04:08:19.163:[sagemaker logs]: MaxConcurrentTransforms=4, MaxPayloadInMB=24, BatchStrategy=SINGLE_RECORD
2026-11-20T04:08:19.666:[sagemaker logs]: bucket/input/a.jpg: ClientError: 400
"""

import threading
from pathlib import Path

from pipeline.given import printable
from pipeline.local.sagemaker.jobs import now


class TransformLog:
    """Adds lines to a file that processes append to as well. Safe to use from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def write(self, text: str, source: str = "") -> None:
        """Add a line, about one object where `source` is its bucket and key."""
        moment = now().replace(tzinfo=None).isoformat(timespec="milliseconds")
        about = f"{printable(source)}: " if source else ""
        with self._lock, self._path.open("ab") as file:
            file.write(f"{moment}:[sagemaker logs]: {about}{printable(text)}\n".encode(errors="replace"))
