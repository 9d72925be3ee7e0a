"""How a transform job sends its requests: from the job's request or, for what it leaves open, from the container.

Amazon SageMaker Developer Guide, "Custom Inference Code with Batch Transform": a container may answer
`GET /execution-parameters` with `{"MaxConcurrentTransforms": 8, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}`;
without that, the defaults are 1, MULTI_RECORD and 6.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

MEGABYTE = 1 << 20
_STRATEGIES = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": "MULTI_RECORD"}
# SageMaker API reference, ModelClientConfig.
_DEFAULT_TIMEOUT, _DEFAULT_RETRIES = 600, 3


class ExecutionParametersError(Exception):
    """A container's /execution-parameters does not read."""


@dataclass(frozen=True)
class ExecutionParameters:
    """What a job or a container says of the requests; None where it says nothing."""

    max_concurrent_transforms: int | None = None
    max_payload_mb: int | None = None
    batch_strategy: str | None = None

    @classmethod
    def of_request(cls, request: Mapping[str, Any]) -> Self:
        """What CreateTransformJob says. MaxConcurrentTransforms 0 says nothing (API reference)."""
        strategy = request.get("BatchStrategy")
        return cls(
            request.get("MaxConcurrentTransforms") or None,
            request.get("MaxPayloadInMB"),
            _STRATEGIES[strategy] if strategy else None,
        )

    @classmethod
    def of_answer(cls, body: bytes) -> Self:
        """What a container answers. Raises ExecutionParametersError."""
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise ExecutionParametersError(f"/execution-parameters answers no JSON: {body[:200]!r}") from error
        if not isinstance(answer, dict):
            raise ExecutionParametersError(f"/execution-parameters answers no JSON object: {body[:200]!r}")
        strategy = answer.get("BatchStrategy")
        if strategy is not None and strategy not in _STRATEGIES.values():
            raise ExecutionParametersError(
                f"/execution-parameters answers BatchStrategy {strategy!r}: "
                f"expected one of {', '.join(_STRATEGIES.values())}"
            )
        concurrent = _whole_number(answer, "MaxConcurrentTransforms", 1, 100)
        return cls(concurrent, _whole_number(answer, "MaxPayloadInMB", 0), strategy)

    def variables(self) -> dict[str, str]:
        """The container's environment variables for what was said."""
        said = {
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": self.max_concurrent_transforms,
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": self.max_payload_mb,
            "SAGEMAKER_BATCH_STRATEGY": self.batch_strategy,
        }
        return {name: str(value) for name, value in said.items() if value is not None}


@dataclass(frozen=True)
class TransformSettings:
    """How requests are sent: how many at once to one server, how large, how long each may take, how often it is tried
    again. A `max_payload_mb` of 0 is any size, sent in chunks."""

    max_concurrent_transforms: int
    max_payload_mb: int
    batch_strategy: str
    timeout: int
    max_retries: int

    @classmethod
    def settle(cls, request: Mapping[str, Any], answered: ExecutionParameters) -> Self:
        """The settings of a job: the request's, then the container's, then the defaults."""
        asked = ExecutionParameters.of_request(request)
        client = request.get("ModelClientConfig", {})
        payloads = (asked.max_payload_mb, answered.max_payload_mb, 6)
        return cls(
            asked.max_concurrent_transforms or answered.max_concurrent_transforms or 1,
            next(megabytes for megabytes in payloads if megabytes is not None),
            asked.batch_strategy or answered.batch_strategy or "MULTI_RECORD",
            client.get("InvocationsTimeoutInSeconds", _DEFAULT_TIMEOUT),
            client.get("InvocationsMaxRetries", _DEFAULT_RETRIES),
        )

    def allows(self, size: int) -> bool:
        """Whether an object of `size` bytes may be sent in one request."""
        return self.max_payload_mb == 0 or size <= self.max_payload_mb * MEGABYTE

    def __str__(self) -> str:
        """As SageMaker writes them to a job's log."""
        return (
            f"MaxConcurrentTransforms={self.max_concurrent_transforms}, MaxPayloadInMB={self.max_payload_mb}, "
            f"BatchStrategy={self.batch_strategy}"
        )


def _whole_number(answer: Mapping[str, Any], name: str, least: int, most: int | None = None) -> int | None:
    value = answer.get(name)
    if value is None:
        return None
    if type(value) is not int or value < least or (most is not None and value > most):
        allowed = f"{least} to {most}" if most is not None else f"at least {least}"
        raise ExecutionParametersError(f"/execution-parameters answers {name} {value!r}: expected {allowed}")
    return value
