import base64
import hashlib
import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.buckets import BucketError
from pipeline.local.buckets.checksums import checksum_of, hasher, pump

EXPECTED = {
    "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "SHA1": lambda data: hashlib.sha1(data).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
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


def test_chunks_add_up() -> None:
    data = bytes(range(256)) * 4000
    assert pump(io.BytesIO(data), lambda _: None, "CRC32").checksum == checksum_of("CRC32", data)


def test_a_checksum_that_is_not_served_is_refused_by_name() -> None:
    with pytest.raises(BucketError, match="XXHASH3 is not computed here"):
        hasher("XXHASH3")
