"""The signature of a GetObject, against botocore's."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from pipeline.validation.s3_reader import encode_key
from pipeline.validation.s3_signatures import signed

words = st.text("abcXYZ019+/=", min_size=1, max_size=40)


def signed_by_botocore(url: str, region: str, credentials: ReadOnlyCredentials, now: float) -> Any:
    request = AWSRequest("GET", url)
    at = datetime.fromtimestamp(now, UTC)
    with patch("botocore.auth.get_current_datetime", lambda *_, **__: at):
        S3SigV4Auth(credentials, "s3", region).add_auth(request)
    return request.headers["Authorization"]


@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60) | st.text("/.%+ ~?#", min_size=1),
    host=st.sampled_from(["images.s3.eu-central-1.amazonaws.com", "127.0.0.1:8080"]),
    region=st.sampled_from(["eu-central-1", "us-east-1"]),
    access_key=words,
    secret=words,
    token=st.none() | words,
    now=st.integers(946_684_800, 4_102_444_800),
)
def test_a_signature_is_botocores(
    key: str, host: str, region: str, access_key: str, secret: str, token: str | None, now: int
) -> None:
    credentials = ReadOnlyCredentials(access_key, secret, token)
    path = "/images/" + encode_key(key)

    headers = signed(host, path, region, credentials, now)

    assert headers["authorization"] == signed_by_botocore(f"http://{host}{path}", region, credentials, now)
