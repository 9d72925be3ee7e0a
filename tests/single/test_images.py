"""Reading one image: every refusal of S3's that is for good, and those that pass."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pipeline.errors import UnreadableImage
from pipeline.images.decode import Reason, Rejection
from pipeline.limits import Limits
from pipeline.single.images import Content, Image, read_image

BUCKET = "example-images"


def test_the_etag_is_that_of_the_bytes(s3: Any) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"hello")["ETag"].strip('"')
    assert read_image(s3, Image(BUCKET, "a.jpg"), Limits()) == Content(Image(BUCKET, "a.jpg", etag, 5), b"hello")


def test_an_image_that_is_not_there_is_named(s3: Any) -> None:
    with pytest.raises(UnreadableImage, match=r"^'s3://example-images/none.jpg' cannot be read: NoSuchKey"):
        read_image(s3, Image(BUCKET, "none.jpg"), Limits())


def test_an_image_that_was_replaced_since_it_was_judged_is_not_read(s3: Any) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"before")["ETag"].strip('"')
    s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"after")
    with pytest.raises(UnreadableImage, match="was replaced while it was being predicted"):
        read_image(s3, Image(BUCKET, "a.jpg", etag), Limits())


def test_an_image_that_is_too_large_is_rejected_unread(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"hello")
    found = read_image(s3, Image(BUCKET, "a.jpg"), Limits(max_bytes=4))
    assert found.data == b""
    assert found.rejection == Rejection(Reason.TOO_MANY_BYTES, "5 bytes; at most 4 are read")


def test_a_bucket_that_is_not_there_is_named(s3: Any) -> None:
    with pytest.raises(UnreadableImage, match=r"^'s3://no-such-bucket/a.jpg' cannot be read: NoSuchBucket"):
        read_image(s3, Image("no-such-bucket", "a.jpg"), Limits())


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState", "KMS.DisabledException"])
def test_what_s3_refuses_for_good_is_unreadable(s3: Any, code: str) -> None:
    stubber = Stubber(s3)
    stubber.add_client_error("get_object", service_error_code=code, http_status_code=403)
    with stubber, pytest.raises(UnreadableImage, match=code):
        read_image(s3, Image(BUCKET, "a.jpg"), Limits())


def test_a_fault_that_passes_is_raised_as_it_is(s3: Any) -> None:
    stubber = Stubber(s3)
    stubber.add_client_error("get_object", service_error_code="SlowDown", http_status_code=503)
    with stubber, pytest.raises(ClientError, match="SlowDown"):
        read_image(s3, Image(BUCKET, "a.jpg"), Limits())


def test_an_image_survives_its_way_through_a_state_machine() -> None:
    image = Image(BUCKET, "a\n\u202e.jpg", "etag", 5, "JPEG")
    assert Image.from_json(image.to_json()) == image
