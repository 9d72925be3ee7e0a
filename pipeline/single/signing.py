"""Signed URLs of images, and how long they really live.

A URL dies with the session whose credentials signed it, whatever life it was signed for, and a function does not know
what is left of its own session. So a role that may read single images and do nothing else is assumed for each URL; its
session lasts as long as the URL. A role that is assumed by a role has an hour at most: a URL with a longer life is
signed with the credentials at hand, and is said to end sooner where those are a session's.

Sources: S3 User Guide, "Sharing objects with presigned URLs", on temporary credentials; IAM User Guide, "Roles terms
and concepts", on role chaining; S3 API reference, "Authenticating Requests: Using Query Parameters".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline import aws
from pipeline.names import slug

if TYPE_CHECKING:
    from pipeline.single.images import Image

LONGEST_LIFE = 7 * 24 * 3600
"""Seconds that a URL may be signed for."""
LONGEST_CHAINED_SESSION, SHORTEST_SESSION = 3600, 900
"""Seconds of a session that a role gets of another (STS API, AssumeRole, `DurationSeconds`)."""


@dataclass(frozen=True, slots=True)
class Link:
    """A signed URL; `may_end_sooner` where its credentials may expire before it does."""

    url: str
    expires: datetime
    may_end_sooner: bool = False

    @property
    def sentence(self) -> str:
        """Until when the link works, for people."""
        until = f"{self.expires:%Y-%m-%d %H:%M} UTC"
        if self.may_end_sooner:
            return f"The image, until {until} at the latest (the link ends with the session that signed it):"
        return f"The image, until {until}:"


def sign(image: "Image", seconds: int, role_arn: str = "") -> Link:
    """A link to an image that works for `seconds`, with the session of `role_arn` where it can last as long."""
    credentials: Mapping[str, str] = {}
    if role_arn and seconds <= LONGEST_CHAINED_SESSION:
        credentials = _session(role_arn, image, max(seconds, SHORTEST_SESSION))
    s3 = aws.signing_client(credentials)
    asked: dict[str, Any] = {"Bucket": image.bucket, "Key": image.key}
    if image.format:
        # An upload may call itself HTML: a browser is told what the bytes were found to be.
        asked["ResponseContentType"] = f"image/{image.format.lower()}"
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    url = s3.generate_presigned_url("get_object", Params=asked, ExpiresIn=seconds)
    return Link(url, expires, may_end_sooner=not credentials and "X-Amz-Security-Token=" in url)


def _session(role_arn: str, image: "Image", seconds: int) -> Mapping[str, str]:
    """The credentials of a session, whose name says in CloudTrail what it was for."""
    answer = aws.client("sts").assume_role(
        RoleArn=role_arn, RoleSessionName=f"link-{slug(image.key, 40) or 'image'}", DurationSeconds=seconds
    )
    credentials: Mapping[str, str] = answer["Credentials"]
    return credentials
