"""What the functions for single images are told by their environment, read once, at cold start.

ValidationSettings   IMAGES_BUCKET, RESULTS_BUCKET, SINGLE_MODEL;
                     ALLOWED_FORMATS, MAX_BYTES, MAX_PIXELS, MIN_SIDE, ANIMATED
EndpointSettings     ENDPOINT_NAME, ENDPOINT_CODEC, ENDPOINT_TIMEOUT, FIT_LARGE_IMAGES
MessageSettings      CERTAINTY_THRESHOLD, SINGLE_TOP_K, SIGNED_URL_SECONDS, SIGNED_URL_ROLE_ARN
DeliverySettings     TOPIC_ARN, DEAD_LETTER_QUEUE_URL
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pipeline.endpoints import CODECS
from pipeline.errors import InvalidSetting
from pipeline.limits import DEFAULT_LIMITS, Limits
from pipeline.settings import fraction, limits_of, positive, required
from pipeline.single.messages import MOST_LABELS
from pipeline.single.signing import LONGEST_LIFE


@dataclass(frozen=True)
class ValidationSettings:
    images_bucket: str
    """Where a key lies that comes without a bucket."""
    results_bucket: str
    model: str
    """The package whose contract and labels the endpoint follows."""
    limits: Limits = DEFAULT_LIMITS

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            images_bucket=required(environment, "IMAGES_BUCKET"),
            results_bucket=required(environment, "RESULTS_BUCKET"),
            model=required(environment, "SINGLE_MODEL"),
            limits=limits_of(environment),
        )


@dataclass(frozen=True)
class EndpointSettings:
    name: str
    codec: str = "image"
    timeout: int = 30
    """Seconds that an answer may take; SageMaker itself gives a model 60."""
    fit: bool = True
    """Whether an image that is too large for a request is sent as the contract resizes it."""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        codec = environment.get("ENDPOINT_CODEC") or cls.codec
        if codec not in CODECS:
            known = ", ".join(CODECS)
            raise InvalidSetting(f"The environment variable ENDPOINT_CODEC must be one of {known}, not {codec!r}.")
        return cls(
            name=required(environment, "ENDPOINT_NAME"),
            codec=codec,
            timeout=positive(environment, "ENDPOINT_TIMEOUT", cls.timeout),
            fit=_yes_or_no(environment, "FIT_LARGE_IMAGES", cls.fit),
        )


@dataclass(frozen=True)
class MessageSettings:
    threshold: float = 0.8
    """The score from which on an answer is told as certain."""
    top_k: int = 2
    """The labels that an answer has, and that an uncertain message names."""
    url_seconds: int = 3600
    url_role: str = ""
    """The ARN of the role that signs URLs; empty for the function's own."""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            threshold=fraction(environment, "CERTAINTY_THRESHOLD", cls.threshold),
            top_k=_at_most(MOST_LABELS, environment, "SINGLE_TOP_K", cls.top_k),
            url_seconds=_at_most(LONGEST_LIFE, environment, "SIGNED_URL_SECONDS", cls.url_seconds),
            url_role=environment.get("SIGNED_URL_ROLE_ARN", ""),
        )


@dataclass(frozen=True)
class DeliverySettings:
    topic: str
    dead_letters: str

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(required(environment, "TOPIC_ARN"), required(environment, "DEAD_LETTER_QUEUE_URL"))


def _at_most(largest: int, environment: Mapping[str, str], name: str, default: int) -> int:
    number = positive(environment, name, default)
    if number > largest:
        raise InvalidSetting(f"The environment variable {name} must be at most {largest}, not {number}.")
    return number


def _yes_or_no(environment: Mapping[str, str], name: str, default: bool) -> bool:
    text = environment.get(name, "")
    if text not in {"", "yes", "no"}:
        raise InvalidSetting(f"The environment variable {name} must be yes or no, not {text!r}.")
    return text == "yes" if text else default
