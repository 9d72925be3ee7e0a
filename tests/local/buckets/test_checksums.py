import base64
import hashlib
import io
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.buckets import BucketError
from pipeline.local.buckets.checksums import checksum_of, hasher, pump
from pipeline.local.cloud import LocalCloud

EXPECTED = {
    "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "SHA1": lambda data: hashlib.sha1(data).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
}
# The CRC catalogue's check values, and those that xxHash's specification gives for no bytes at all.
PUBLISHED = {
    "CRC32C": (b"123456789", "e3069283"),
    "CRC64NVME": (b"123456789", "ae8b14860a799888"),
    "XXHASH64": (b"", "ef46db3751d8e999"),
    "XXHASH3": (b"", "2d06800538d394c2"),
    "XXHASH128": (b"", "99aa06d3014798d86001c324468d497f"),
}


@pytest.mark.parametrize("algorithm", EXPECTED)
@given(data=st.binary(max_size=100))
def test_what_is_pumped_is_written_and_hashed(algorithm: str, data: bytes) -> None:
    written = io.BytesIO()
    digests = pump(io.BytesIO(data), written.write, algorithm)
    assert written.getvalue() == data
    assert (digests.size, digests.md5) == (len(data), hashlib.md5(data).digest())
    assert digests.checksum == checksum_of(algorithm, data)
    assert checksum_of(algorithm, data).value == base64.b64encode(EXPECTED[algorithm](data)).decode()


@pytest.mark.parametrize("algorithm", PUBLISHED)
def test_what_awscrt_computes_has_the_published_value(algorithm: str) -> None:
    data, expected = PUBLISHED[algorithm]
    assert base64.b64decode(checksum_of(algorithm, data).value).hex() == expected


@pytest.mark.parametrize("algorithm", ["CRC32", *PUBLISHED])
def test_chunks_add_up(algorithm: str) -> None:
    data = bytes(range(256)) * 4000
    assert pump(io.BytesIO(data), lambda _: None, algorithm).checksum == checksum_of(algorithm, data)


class Dribble(io.BytesIO):
    """A body of which every read brings little, as of a slow client."""

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return super().readinto(buffer[:1000])


def test_what_comes_in_dribbles_is_written_in_large_pieces() -> None:
    sizes: list[int] = []
    pump(Dribble(bytes(2_500_000)), lambda part: sizes.append(len(part)), None)
    assert sizes == [1 << 20, 1 << 20, 2_500_000 - (2 << 20)]


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256", *PUBLISHED])
def test_s3_answers_the_checksum_that_botocore_sent(shared_cloud: LocalCloud, algorithm: str) -> None:
    s3 = shared_cloud.client("s3")
    s3.create_bucket(Bucket="results")
    sent = s3.put_object(Bucket="results", Key="k", Body=b"body", ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket="results", Key="k", ChecksumMode="ENABLED")
    expected = (checksum_of(algorithm, b"body").value, "FULL_OBJECT")
    assert (sent[f"Checksum{algorithm}"], sent["ChecksumType"]) == expected
    assert (head[f"Checksum{algorithm}"], head["ChecksumType"]) == expected
    assert s3.get_object(Bucket="results", Key="k", ChecksumMode="ENABLED")["Body"].read() == b"body"


def test_a_checksum_that_s3_has_not_is_refused_by_name() -> None:
    with pytest.raises(BucketError, match="ADLER32 is not one of S3's"):
        hasher("ADLER32")


def test_without_awscrt_what_it_computes_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "awscrt", None)
    with pytest.raises(BucketError, match="CRC64NVME is computed by awscrt, which is not installed"):
        hasher("CRC64NVME")
    assert hasher("CRC32").digest() == bytes(4)
