"""Packed shards: what is written is read, and nothing else is."""

import contextlib
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import shards
from pipeline.contract import ModelContract, parse_contract
from pipeline.errors import ContractMismatch, CorruptShard
from pipeline.shards import Row

EXAMPLE = Path(__file__).parents[2] / "examples/models/efficientnet-lite0/contract.json"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
counts = st.integers(0, 2**40)
rows = st.builds(Row, bucket=texts, key=texts, etag=texts, size=counts, width=counts, height=counts)
fixed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def pixels(count: int, contract: ModelContract) -> shards.Images:
    return np.random.default_rng(count).integers(0, 256, (count, *contract.input.pixel_shape), np.uint8)


def row(key: str = "a.jpg") -> Row:
    return Row("bucket", key, "etag", 1, 2, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "batch-0.safetensors"


@pytest.fixture
def packed(contract: ModelContract) -> bytes:
    return shards.pack(pixels(3, contract), [row("a"), row("b"), row("c")], contract).read()


@fixed
@given(listed=st.lists(rows, min_size=1, max_size=5))
def test_a_shard_reads_back_as_it_was_packed(contract: ModelContract, path: Path, listed: list[Row]) -> None:
    images = pixels(len(listed), contract)
    path.write_bytes(shards.pack(images, listed, contract).read())
    shard = shards.read(path, contract)
    assert (shard.rows, shard.contract) == (tuple(listed), contract.digest)
    assert np.array_equal(shard.images, images)


@fixed
@given(start=st.integers(0, 4), stop=st.integers(0, 4))
def test_some_rows_of_a_shard_are_read_without_the_others(
    contract: ModelContract, path: Path, packed: bytes, start: int, stop: int
) -> None:
    path.write_bytes(packed)
    shard, some = shards.read(path, contract), shards.read(path, contract, slice(start, max(start, stop)))
    assert some.rows == shard.rows[start:stop]
    assert np.array_equal(some.images, shard.images[start : max(start, stop)])


def test_a_shard_has_as_many_rows_as_were_packed(contract: ModelContract, path: Path, packed: bytes) -> None:
    path.write_bytes(packed)
    assert shards.count_rows(path, contract) == 3


@fixed
@given(data=st.binary(max_size=200))
def test_a_file_that_is_no_shard_has_no_rows_to_speak_of(contract: ModelContract, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert shards.count_rows(path, contract) <= len(data) // contract.input.bytes_per_image


@pytest.mark.parametrize("key", ["k" * length for length in range(8)])
def test_pixels_begin_where_they_can_be_mapped_into_memory(contract: ModelContract, key: str) -> None:
    (header,) = struct.unpack_from("<Q", shards.pack(pixels(1, contract), [row(key)], contract).read())
    assert header % 8 == 0


def test_a_shard_in_memory_is_read_without_copying_its_pixels(contract: ModelContract, packed: bytes) -> None:
    data = bytearray(packed)
    shard = shards.parse(data, contract)
    data[-1] ^= 255
    assert shard.images[-1, -1, -1, -1] == data[-1]


def test_a_shard_says_its_own_name(contract: ModelContract) -> None:
    packed = shards.pack(pixels(1, contract), [row()], contract, "batch-7").read()
    assert shards.parse(packed, contract).id == "batch-7"
    with pytest.raises(CorruptShard, match="shard batch-7 has"):
        shards.parse(packed[:-1], contract)


@pytest.mark.parametrize("surplus", [b"\0", b"more"])
def test_what_follows_the_pixels_makes_a_shard_corrupt(contract: ModelContract, packed: bytes, surplus: bytes) -> None:
    with pytest.raises(CorruptShard):
        shards.parse(packed + surplus, contract)


@fixed
@given(changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3))
def test_nothing_is_a_shard_that_the_safetensors_library_refuses(
    contract: ModelContract, packed: bytes, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(packed)
    for place, value in changes:
        data[place] = value
    try:
        images = shards.parse(data, contract).images
    except (CorruptShard, ContractMismatch):
        return
    assert np.array_equal(safetensors.numpy.load(bytes(data))["images"], images)


def test_any_safetensors_library_reads_the_images(contract: ModelContract, packed: bytes) -> None:
    assert np.array_equal(safetensors.numpy.load(packed)["images"], pixels(3, contract))


@fixed
@given(fraction=st.floats(0, 1, exclude_max=True))
def test_a_truncated_shard_is_corrupt(contract: ModelContract, path: Path, packed: bytes, fraction: float) -> None:
    path.write_bytes(packed[: int(len(packed) * fraction)])
    with pytest.raises(CorruptShard):
        shards.read(path, contract)


@fixed
@given(data=st.binary(max_size=200))
def test_a_foreign_file_is_corrupt(contract: ModelContract, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(CorruptShard):
        shards.read(path, contract)


@fixed
@given(changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_changed_header_reads_or_is_refused_in_our_own_words(
    contract: ModelContract, path: Path, packed: bytes, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(packed)
    for place, value in changes:
        data[place] = value
    path.write_bytes(data)
    with contextlib.suppress(CorruptShard, ContractMismatch):
        shards.read(path, contract)


def test_a_missing_shard_is_corrupt(contract: ModelContract, path: Path) -> None:
    with pytest.raises(CorruptShard, match="is not there"):
        shards.read(path, contract)


def test_a_header_that_claims_to_be_huge_is_not_believed(contract: ModelContract, path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 2**40) + bytes(100))
    with pytest.raises(CorruptShard, match="declares a header of"):
        shards.read(path, contract)


def test_a_safetensors_file_of_someone_else_is_no_shard(contract: ModelContract, path: Path) -> None:
    path.write_bytes(safetensors.numpy.save({"images": pixels(1, contract)}))
    with pytest.raises(CorruptShard, match="no shard of format"):
        shards.read(path, contract)


def test_a_shard_of_another_contract_is_refused(contract: ModelContract, path: Path, packed: bytes) -> None:
    path.write_bytes(packed)
    other = replace(contract, name="other")
    with pytest.raises(ContractMismatch, match=f"made for contract '{contract.digest}'"):
        shards.read(path, other)


@pytest.mark.parametrize("listed", [[], ["a"], ["a", "b", "c"]], ids=len)
def test_rows_that_do_not_match_the_images_are_corrupt(contract: ModelContract, path: Path, listed: list[str]) -> None:
    document = json.dumps([["bucket", key, "etag", 1, 2, 3] for key in listed])
    metadata = {"format": shards.FORMAT, "contract": contract.digest, "rows": document}
    path.write_bytes(safetensors.numpy.save({"images": pixels(2, contract)}, metadata))
    with pytest.raises(CorruptShard, match=f"and {len(listed)} rows"):
        shards.read(path, contract)


@pytest.mark.parametrize("document", ["", "{}", "[[]]", "[1]", '[["b", "k", "e", -1, 2, 3]]', "null", "[" * 50_000])
def test_rows_that_do_not_read_are_corrupt(contract: ModelContract, path: Path, document: str) -> None:
    metadata = {"format": shards.FORMAT, "contract": contract.digest, "rows": document}
    path.write_bytes(safetensors.numpy.save({"images": pixels(1, contract)}, metadata))
    with pytest.raises(CorruptShard):
        shards.read(path, contract)


def test_a_shard_without_rows_is_not_packed(contract: ModelContract) -> None:
    with pytest.raises(ValueError, match="without rows"):
        shards.pack(pixels(0, contract), [], contract)


def test_images_of_another_size_are_not_packed(contract: ModelContract) -> None:
    with pytest.raises(ValueError, match="the rows and contract say"):
        shards.pack(np.zeros((1, 9, 9, 3), np.uint8), [row()], contract)


def test_a_batch_of_160_images_of_224_pixels_fits_one_shard() -> None:
    assert shards.rows_per_shard(parse_contract(EXAMPLE.read_bytes())) == 160


def test_a_full_shard_with_the_longest_keys_of_a_batch_stays_under_25_mib() -> None:
    contract = parse_contract(EXAMPLE.read_bytes())
    # Step Functions hands a batch of at most 256 KB of input to a function; control characters escape the worst.
    longest = [row("\x01" * (256 * 1024 // 160 // 6)) for _ in range(160)]
    assert len(shards.pack(np.zeros((160, 224, 224, 3), np.uint8), longest, contract)) <= 25 * 1024 * 1024


def test_more_images_than_fit_are_not_packed() -> None:
    contract = parse_contract(EXAMPLE.read_bytes())
    with pytest.raises(ValueError, match="at most 160"):
        shards.pack(np.zeros((161, 224, 224, 3), np.uint8), [row()] * 161, contract)


def test_the_uri_of_a_row_has_its_key_byte_for_byte() -> None:
    assert row("a b+%2F\n☃.jpg").image_uri == "s3://bucket/a b+%2F\n☃.jpg"
