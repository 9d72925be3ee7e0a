"""What goes to an endpoint for one image, and what comes back. A codec is one way of saying it."""

from dataclasses import dataclass, field
from typing import Protocol, Self

from pipeline.contract import ModelContract
from pipeline.endpoints.answers import Answer
from pipeline.images.signatures import recognise
from pipeline.limits import DEFAULT_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class Image:
    """An image to be predicted: the bytes of its file.

    `media_type` is the file's (`image/jpeg`), empty where it is not known; `uri` is where it lies in S3, if it does;
    `limits` say what is decoded of it, where the request is made of its pixels.
    """

    data: bytes = field(repr=False)
    media_type: str
    name: str
    uri: str | None = None
    limits: Limits = DEFAULT_LIMITS

    @classmethod
    def of(cls, data: bytes, name: str, uri: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Self:
        """An image whose media type is told by its first bytes."""
        found = recognise(data)
        return cls(data, f"image/{found.lower()}" if found in limits.formats else "", name, uri, limits)


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: the body and headers of an InvokeEndpoint, or of a POST."""

    body: bytes = field(repr=False)
    content_type: str
    accept: str = "application/json"
    """Most containers know this one name, and refuse a list of several."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a request was answered with, where it was answered with success."""

    body: bytes = field(repr=False)
    content_type: str


class Codec(Protocol):
    """One way of asking for one image."""

    @property
    def name(self) -> str:
        """What people choose it by."""

    @property
    def sends_file(self) -> bool:
        """Whether the image's file is sent, so that a smaller file makes a smaller request."""

    @property
    def obeys_contract(self) -> bool:
        """Whether the request is made by the contract, which has to be the model's."""

    def encode(self, image: Image, contract: ModelContract | None) -> Request:
        """The request for an image.

        Raises UnsuitableCodec where it takes something that is not there, a contract or a place in S3, and
        RejectedImage where the file does not become the contract's pixels.
        """

    def decode(self, body: bytes, content_type: str, contract: ModelContract | None) -> Answer:
        """What the answer says. Raises UnexpectedAnswer where it is no prediction, and EndpointRefused where it says
        why there is none.
        """
