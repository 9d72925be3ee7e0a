"""One image of S3: its bytes, and why S3 does not give them out."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.errors import UnreadableImage
from pipeline.images.decode import Reason, Rejection
from pipeline.limits import Limits
from pipeline.validation.unreadable import why_unreadable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Image:
    """An image as it lay in S3 when it was judged; `etag` is of those very bytes."""

    bucket: str
    key: str
    etag: str = ""
    size: int = 0
    format: str = ""
    """Pillow's name of the format, once the image is decoded."""

    @property
    def uri(self) -> str:
        return objects.s3_uri(self.bucket, self.key)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "uri": self.uri}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        return cls(**{name: value for name, value in document.items() if name != "uri"})


@dataclass(frozen=True, slots=True)
class Content:
    """An image and its bytes; or why it is rejected."""

    image: Image
    data: bytes = field(repr=False)
    rejection: Rejection | None = None


def read_image(s3: "S3Client", image: Image, limits: Limits) -> Content:
    """The object's bytes, which are not read where they are more than the limit: that is a rejection.

    An image that has an ETag is read only while it is the object's. Raises UnreadableImage where S3 refuses the object
    for good; whatever else S3 answers is a fault that passes, and is raised as it is.
    """
    unchanged: Any = {"IfMatch": f'"{image.etag}"'} if image.etag else {}

    def read() -> Content:
        response = s3.get_object(Bucket=image.bucket, Key=image.key, **unchanged)
        etag, size = response["ETag"].strip('"'), response["ContentLength"]
        found = Image(image.bucket, image.key, etag, size, image.format)
        with closing(response["Body"]) as body:
            if size > limits.max_bytes:
                detail = f"{size:,} bytes; at most {limits.max_bytes:,} are read"
                return Content(found, b"", Rejection(Reason.TOO_MANY_BYTES, detail))
            return Content(found, body.read())

    try:
        return objects.unbroken(read)
    except ClientError as error:
        if objects.error_code(error) in {"PreconditionFailed", "412"}:
            raise UnreadableImage(
                f"{image.uri!a} was replaced while it was being predicted. Its new upload is an event of its own."
            ) from error
        if why := why_refused(error):
            raise UnreadableImage(f"{image.uri!a} cannot be read: {why}") from error
        raise


def why_refused(error: ClientError) -> str | None:
    """Why S3 does not give out what an event names, and never will; None where that may pass."""
    if objects.error_code(error) == "NoSuchBucket":
        return "NoSuchBucket: there is no such bucket. Correct the name in the event."
    return why_unreadable(error)
