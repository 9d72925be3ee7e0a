import base64
import hashlib
import io
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.buckets import BucketError
from pipeline.local.buckets.checksums import pump
from pipeline.local.buckets.s3api.payloads import ChunkedSource, Payload
from pipeline.local.http_messages import Body, Request

STREAMING = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}


def request(content: bytes, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("PUT", "/bucket/key", named, Body(io.BytesIO(content), len(content)))


def crc32(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


def chunked(chunks: list[bytes], extension: bytes = b"", trailer: bytes = b"") -> bytes:
    encoded = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    return encoded + b"0%b\r\n" % extension + trailer + b"\r\n"


def received(sent: Request) -> bytes:
    payload, content = Payload.of(sent), io.BytesIO()
    payload.verify(pump(payload.source, content.write, payload.algorithm))
    return content.getvalue()


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=300), max_size=5),
    extension=st.sampled_from([b"", b";chunk-signature=" + b"0" * 64]),
    step=st.integers(1, 200),
)
def test_chunks_are_joined_whatever_is_read_at_once(chunks: list[bytes], extension: bytes, step: int) -> None:
    encoded = chunked(chunks, extension, b"x-amz-checksum-crc32:AAAA\r\n")
    source = ChunkedSource(Body(io.BytesIO(encoded), len(encoded)))
    content, buffer = b"", memoryview(bytearray(step))
    while count := source.readinto(buffer):
        content += bytes(buffer[:count])
    assert content == b"".join(chunks)
    assert source.trailers == {"x-amz-checksum-crc32": "AAAA"}


@given(encoded=st.binary(max_size=60))
def test_what_is_no_chunks_ends_in_no_other_error(encoded: bytes) -> None:
    payload = Payload.of(Request("PUT", "/b/k", dict(STREAMING), Body(io.BytesIO(encoded), len(encoded))))
    with suppress(BucketError):
        payload.verify(pump(payload.source, lambda _: None, None))


@pytest.mark.parametrize("encoded", [b"", b"5\r\nhel", b"-1\r\nx", b"3\r\nhello\r\n0\r\n\r\n", b"x\r\n\r\n"])
def test_chunks_that_are_cut_or_longer_than_they_say_are_incomplete(encoded: bytes) -> None:
    with pytest.raises(BucketError, match="IncompleteBody"):
        received(request(encoded, **STREAMING))


def test_a_checksum_that_follows_the_body_is_verified() -> None:
    good = chunked([b"hello"], trailer=b"x-amz-checksum-crc32:%b\r\n" % crc32(b"hello").encode())
    bad = chunked([b"hellO"], trailer=b"x-amz-checksum-crc32:%b\r\n" % crc32(b"hello").encode())
    headers: dict[str, Any] = {**STREAMING, "x-amz-trailer": "x-amz-checksum-crc32"}
    assert received(request(good, **headers)) == b"hello"
    with pytest.raises(BucketError, match="BadDigest"):
        received(request(bad, **headers))


def test_a_checksum_that_was_announced_and_never_came_is_missed() -> None:
    with pytest.raises(BucketError, match="announced and missing"):
        received(request(chunked([b"hello"]), **STREAMING, x_amz_trailer="x-amz-checksum-crc32"))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content_md5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}, "BadDigest"),
        ({"content_md5": "none"}, "InvalidDigest"),
        ({"x_amz_checksum_crc32": crc32(b"other")}, "BadDigest"),
        ({"x_amz_checksum_sha256": base64.b64encode(hashlib.sha256(b"other").digest()).decode()}, "BadDigest"),
        ({"x_amz_checksum_crc32": "AAAAAAAA"}, "InvalidRequest"),
        ({"x_amz_checksum_crc32": crc32(b"body"), "x_amz_checksum_sha1": "x"}, "InvalidRequest"),
        ({"x_amz_sdk_checksum_algorithm": "CRC32"}, "InvalidRequest"),
        ({"x_amz_sdk_checksum_algorithm": "SHA1", "x_amz_checksum_crc32": crc32(b"body")}, "InvalidRequest"),
        ({"x_amz_checksum_adler32": "AAAA"}, "NotImplemented"),
        ({"x_amz_decoded_content_length": "3"}, "IncompleteBody"),
    ],
)
def test_a_body_that_is_not_what_its_headers_say_is_refused(headers: dict[str, str], code: str) -> None:
    with pytest.raises(BucketError) as caught:
        received(request(b"body", **headers))
    assert caught.value.code == code


def test_a_body_that_is_what_its_headers_say_is_received() -> None:
    md5 = base64.b64encode(hashlib.md5(b"body").digest()).decode()
    assert received(request(b"body", content_md5=md5, x_amz_checksum_crc32=crc32(b"body"))) == b"body"


def test_a_document_has_an_end() -> None:
    with pytest.raises(BucketError, match="MaxMessageLengthExceeded"):
        Payload.of(request(b" " * (5 << 20))).document()
