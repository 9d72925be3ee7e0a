"""The end of a presigned URL."""

import io

import pytest

from pipeline.local.buckets.base import BucketError
from pipeline.local.buckets.s3api.signed_urls import check_not_expired
from pipeline.local.http_messages import Body, Request


def check(query: str) -> None:
    check_not_expired(Request("GET", f"/bucket/key?{query}", {}, Body(io.BytesIO(), 0)))


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Date=20200101T000000Z&X-Amz-Expires=3600&X-Amz-Signature=1",
        "AWSAccessKeyId=1&Signature=1&Expires=1577836800",
    ],
)
def test_a_url_whose_time_is_over_is_refused(query: str) -> None:
    with pytest.raises(BucketError, match="expired") as refused:
        check(query)
    assert (refused.value.status, refused.value.code) == (403, "AccessDenied")


@pytest.mark.parametrize(
    "query",
    ["", "Expires=1", "X-Amz-Date=90000101T000000Z&X-Amz-Expires=3600", "Signature=1&Expires=99999999999"],
)
def test_what_has_no_end_or_a_later_one_is_served(query: str) -> None:
    check(query)


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Expires=3600",
        "X-Amz-Date=yesterday&X-Amz-Expires=3600",
        "X-Amz-Date=20200101T000000Z&X-Amz-Expires=soon",
        "X-Amz-Date=20200101T000000Z&X-Amz-Expires=9999999999999999999",
        "Signature=1&Expires=never",
    ],
)
def test_a_time_that_is_none_is_refused(query: str) -> None:
    with pytest.raises(BucketError) as refused:
        check(query)
    assert refused.value.code == "AuthorizationQueryParametersError"
