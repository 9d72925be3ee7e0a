"""What the server is told by its environment: SageMaker's variables, and ours, which a run's transform job sets.

    SAGEMAKER_BIND_TO_PORT         where to listen; 8080 without it, any free port for 0
    SAGEMAKER_MAX_PAYLOAD_IN_MB    the largest body of a transform job; 0, "any size", is what the API takes at most
    IMAGEBATCH_RUN_ID              the run that predictions are of; empty at an endpoint
    IMAGEBATCH_CONTRACT            the digest of the contract that the run was started with
    IMAGEBATCH_TOP_K               how many answers each image has; without it, as many as the contract says
    IMAGEBATCH_ROOT                what lies above /opt/ml/model; set outside a container

An empty variable is one that is not set.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.errors import InvalidSetting
from pipeline.shards import sending

MEBIBYTE = 1024 * 1024
DEFAULT_PORT = 8080
MOST_PAYLOAD_MB = 100
"""SageMaker API reference, CreateTransformJob: MaxPayloadInMB."""


@dataclass(frozen=True)
class ServingSettings:
    """What to serve, to whom, and where."""

    model: Path
    """The folder of the model package."""
    host: str
    port: int = DEFAULT_PORT
    max_payload_mb: int = sending.PAYLOAD_MB
    run_id: str = ""
    contract: str | None = None
    top_k: int | None = None

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidSetting where a variable is no number, or none that can be."""
        root = environment.get("IMAGEBATCH_ROOT", "")
        port = _number(environment, "SAGEMAKER_BIND_TO_PORT", 0, 65_535)
        payload = _number(environment, "SAGEMAKER_MAX_PAYLOAD_IN_MB", 0, MOST_PAYLOAD_MB)
        return cls(
            model=Path(root or "/") / "opt/ml/model",
            # Outside a container, what is served is for this machine alone.
            host="127.0.0.1" if root else "0.0.0.0",  # noqa: S104
            port=DEFAULT_PORT if port is None else port,
            max_payload_mb=sending.PAYLOAD_MB if payload is None else payload or MOST_PAYLOAD_MB,
            run_id=environment.get("IMAGEBATCH_RUN_ID", ""),
            contract=environment.get("IMAGEBATCH_CONTRACT") or None,
            top_k=_number(environment, "IMAGEBATCH_TOP_K", 1, 2**31),
        )

    @property
    def max_payload(self) -> int:
        """The largest body, in bytes."""
        return self.max_payload_mb * MEBIBYTE


def _number(environment: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    text = environment.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and least <= int(text) <= most):
        raise InvalidSetting(
            f"The environment variable {name} must be a whole number from {least} to {most}, not {text!r:.80}."
        )
    return int(text)
