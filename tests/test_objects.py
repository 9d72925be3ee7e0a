"""S3 objects: JSON Lines survive any text, conditional writes have one winner, addresses read back."""

import base64
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, FlexibleChecksumError, IncompleteReadError, ResponseStreamingError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from urllib3 import HTTPResponse

from pipeline import objects
from pipeline.shards.joined_buffers import JoinedBuffers

BUCKET = "example-results"
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


# The bucket is the same for every example, and each example overwrites the object of the one before.
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=st.lists(documents, max_size=20))
def test_lines_read_back_as_they_were_written(s3: Any, values: list[Any]) -> None:
    objects.put_bytes(s3, BUCKET, "lines.jsonl", objects.dump_lines(values))

    assert list(objects.get_lines(s3, BUCKET, "lines.jsonl")) == values


def test_line_separators_of_unicode_do_not_end_a_line() -> None:
    assert objects.dump_lines(["a\u2028b\u0085c\nd"]).count(b"\n") == 1


def test_the_last_line_needs_no_line_end(s3: Any) -> None:
    objects.put_bytes(s3, BUCKET, "lines.jsonl", b"1\n\n2")

    assert list(objects.get_lines(s3, BUCKET, "lines.jsonl")) == [1, 2]


def test_more_lines_than_are_read_at_once_read_back_in_their_order(s3: Any) -> None:
    objects.put_bytes(s3, BUCKET, "lines.jsonl", objects.dump_lines(range(1_001)))

    assert list(objects.get_lines(s3, BUCKET, "lines.jsonl")) == list(range(1_001))


def test_over_tls_a_body_is_sent_as_it_is_with_its_checksum_before_it() -> None:
    s3: Any = boto3.client("s3", "us-east-1", aws_access_key_id="key", aws_secret_access_key="secret")
    sent = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), HTTPResponse(BytesIO(), preload_content=False))

    s3.meta.events.register("before-send.s3.PutObject", answer)
    body = JoinedBuffers(b"header", b"pixels")
    objects.put_bytes(s3, BUCKET, "shard", body)

    assert sent[0].url.startswith("https://")
    assert sent[0].body is body
    assert base64.b64decode(sent[0].headers["x-amz-checksum-crc32"]) == zlib.crc32(b"headerpixels").to_bytes(4, "big")


@pytest.mark.parametrize("lines", [b"1,2\n3\n", b'{"a": 1}{"b": 2}\n', b"[1\n2]\n", b'1\n{"a": ', b'"\xff"\n'])
def test_a_line_that_is_not_one_document_is_refused(s3: Any, lines: bytes) -> None:
    objects.put_bytes(s3, BUCKET, "lines.jsonl", lines)

    with pytest.raises(ValueError):  # noqa: PT011  (the words are those of json)
        list(objects.get_lines(s3, BUCKET, "lines.jsonl"))


BROKEN = (
    IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ResponseStreamingError(error="connection reset"),
    FlexibleChecksumError(error_msg="damaged"),
)


class Breaking:
    """An S3 whose bodies break off, each in its way, before one is whole."""

    def __init__(self, *errors: Exception) -> None:
        self._bodies: Iterator[Exception | bytes] = iter([*errors, b"1\n2\n"])

    def get_object(self, **request: str) -> dict[str, Any]:
        return {"Body": self}

    def read(self) -> bytes:
        body = next(self._bodies)
        if isinstance(body, Exception):
            raise body
        return body


@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
def test_a_body_that_breaks_off_is_asked_for_again(error: Exception) -> None:
    s3: Any = Breaking(error, error)

    assert list(objects.get_lines(s3, BUCKET, "lines.jsonl")) == [1, 2]


def test_a_body_that_breaks_off_three_times_is_given_up() -> None:
    s3: Any = Breaking(*BROKEN)

    with pytest.raises(FlexibleChecksumError):
        objects.get_bytes(s3, BUCKET, "lines.jsonl")


def test_numbers_that_json_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        objects.dump_json({"score": float("nan")})


def test_an_object_without_tags_asks_for_no_right_to_tag(s3: Any) -> None:
    sent: list[dict[str, Any]] = []
    s3.meta.events.register("before-call.s3.PutObject", lambda params, **_: sent.append(params["headers"]))

    objects.put_json(s3, BUCKET, "plan.json", {})

    assert [header for header in sent[0] if header.lower() == "x-amz-tagging"] == []


def test_the_first_conditional_write_wins(s3: Any) -> None:
    assert objects.put_json_if_absent(s3, BUCKET, "run.json", 1)
    assert not objects.put_json_if_absent(s3, BUCKET, "run.json", 2)
    assert objects.get_json(s3, BUCKET, "run.json") == 1


def test_listing_goes_beyond_one_page(s3: Any) -> None:
    for number in range(1001):
        s3.put_object(Bucket=BUCKET, Key=f"many/{number:04}", Body=b"")

    assert sum(1 for _ in objects.list_objects(s3, BUCKET, "many/")) == 1001


def test_folders_are_named_without_their_prefix(s3: Any) -> None:
    for key in ("models/a/model.onnx", "models/b/model.onnx", "models/stray"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")

    assert objects.list_folders(s3, BUCKET, "models/") == ["a", "b"]


@given(bucket=st.from_regex(r"[a-z0-9-]{3,63}", fullmatch=True), key=st.text())
def test_addresses_read_back(bucket: str, key: str) -> None:
    assert objects.parse_s3_uri(objects.s3_uri(bucket, key)) == (bucket, key)


@pytest.mark.parametrize("address", ["", "incoming/", "https://bucket/key", "s3://", "s3:///key", "s3:bucket"])
def test_an_address_that_is_none_is_refused_and_shown(address: str) -> None:
    with pytest.raises(ValueError, match="expected s3://bucket/prefix, got"):
        objects.parse_s3_uri(address)


GONE = ("NoSuchKey", "404", "NoSuchVersion", "AccessDenied", "403")


@pytest.mark.parametrize("code", [*GONE, "SlowDown", "InternalError", "NoSuchBucket"])
def test_what_is_gone_and_what_may_not_be_read_are_out_of_reach(code: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": ""}}, "GetObject")

    assert objects.is_out_of_reach(error) == (code in GONE)
