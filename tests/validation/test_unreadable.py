"""Why S3 refuses an object: its own words and what to do, and nothing about faults that are not the object's."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import create_parser
from botocore.session import get_session

from pipeline.validation.unreadable import why_unreadable


def refused(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetObject")


def answered(status: int, xml: str) -> ClientError:
    """The error that botocore makes of S3's own answer to a GetObject."""
    operation = get_session().get_service_model("s3").operation_model("GetObject")
    response = {"status_code": status, "headers": {}, "body": xml.encode()}
    assert operation.output_shape is not None
    answer: Any = create_parser("rest-xml").parse(response, operation.output_shape)
    return ClientError(answer, "GetObject")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("NoSuchKey", "deleted after it was listed"),
        ("MethodNotAllowed", "deleted after it was listed"),
        ("AccessDenied", "s3:GetObject, and kms:Decrypt"),
        ("InvalidObjectState", "restore it"),
        ("KMS.DisabledException", "enable or restore the key"),
        ("KMS.KMSInvalidStateException", "enable or restore the key"),
        ("KMS.NotFoundException", "enable or restore the key"),
        ("KeyTooLongError", "write it as S3 does"),
    ],
)
def test_a_refusal_is_told_in_s3s_words_with_advice(code: str, advice: str) -> None:
    why = why_unreadable(refused(code, "Words of S3"))

    assert why is not None
    assert why.startswith(f"{code}: Words of S3. ")
    assert advice in why


def test_an_answer_without_a_body_is_understood_by_its_status() -> None:
    assert (why_unreadable(refused("404")) or "").startswith("404. It was deleted")


def test_an_archived_object_is_told_with_its_class_and_tier() -> None:
    error = answered(
        403,
        "<Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the object's storage class"
        "</Message><StorageClass>INTELLIGENT_TIERING</StorageClass><AccessTier>DEEP_ARCHIVE_ACCESS</AccessTier></Error>",
    )

    assert "storage class (INTELLIGENT_TIERING, DEEP_ARCHIVE_ACCESS). It is archived" in (why_unreadable(error) or "")


def test_an_object_with_a_key_of_its_uploaders_is_unreadable() -> None:
    words = (
        "The object was stored using a form of Server Side Encryption. "
        "The correct parameters must be provided to retrieve the object."
    )
    why = why_unreadable(refused("InvalidRequest", words))

    assert (
        why
        == f"InvalidRequest: {words} It is encrypted with a key of its uploader's (SSE-C), which nobody else "
        + ("has: upload it without.")
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidRequest", "Missing required header for this request: x-amz-content-sha256"),
        ("SlowDown", "Please reduce your request rate."),
        ("InternalError", "We encountered an internal error."),
        ("InternalError", "The encryption parameters could not be looked up."),
        ("ServiceUnavailable", ""),
        ("RequestTimeout", ""),
        ("KMS.ThrottlingException", "You have exceeded the rate at which you may call KMS."),
        ("KMS.KMSInternalException", ""),
        ("KMS.DependencyTimeoutException", ""),
        ("NoSuchBucket", "The specified bucket does not exist"),
        ("ExpiredToken", ""),
        ("PermanentRedirect", ""),
        ("", ""),
    ],
)
def test_a_fault_of_the_service_or_the_deployment_is_nobodys_verdict(code: str, message: str) -> None:
    assert why_unreadable(refused(code, message)) is None
