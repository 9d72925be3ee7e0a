"""Packed shards: the accepted images of one batch, brought to the model's input size, in one safetensors file.

    tensor      images      uint8 [N, H, W, C], RGB (or grey), exactly as the contract's `input` and `pixels` say
    metadata    format      "imagebatch-shard/1"
                contract    the digest of that contract
                shard       the shard's id, by which its predictions name it
                rows        JSON: [[bucket, key, etag, size, width, height], ...], one for each image, in order

Sizes: at most 23 MiB of pixels and 2 MiB of header, so that four shards at once fit the 100 MB of a Batch Transform
(CreateTransformJob: `MaxConcurrentTransforms` x `MaxPayloadInMB` <= 100).

numpy is imported by what has pixels: every function knows shards by name, and most start without it.
"""

import json
import math
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, TypeAlias

from pipeline.contract import ModelContract
from pipeline.errors import ContractMismatch, CorruptShard
from pipeline.shards.joined_buffers import JoinedBuffers

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FORMAT = "imagebatch-shard/1"
SUFFIX = ".safetensors"
MEBIBYTE = 1024 * 1024
MAX_PIXEL_BYTES = 23 * MEBIBYTE
MAX_HEADER_BYTES = 2 * MEBIBYTE
_ALIGNMENT = 8  # of the pixels' first byte, so that they can be mapped into memory as they are

Images: TypeAlias = "npt.NDArray[np.uint8]"


@dataclass(frozen=True, slots=True)
class Row:
    """The image that a row of a shard was made of. `width` and `height` are pixels of the original, upright."""

    bucket: str
    key: str
    etag: str
    size: int
    width: int
    height: int

    @property
    def image_uri(self) -> str:
        """`s3://bucket/key`, with the key byte for byte as it is in S3 (not URL-encoded)."""
        return f"s3://{self.bucket}/{self.key}"

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """A row from a document that has at least its fields. Raises KeyError, TypeError or ValueError."""
        bucket, key, etag = document["bucket"], document["key"], document["etag"]
        size, width, height = document["size"], document["width"], document["height"]
        if not (isinstance(bucket, str) and isinstance(key, str) and isinstance(etag, str)):
            raise TypeError(f"bucket, key and etag should be text: {[bucket, key, etag]}")
        # type() and not isinstance(): true and false are no numbers.
        if not (type(size) is type(width) is type(height) is int and size >= 0 and width >= 0 and height >= 0):
            raise TypeError(f"size, width and height should be whole numbers from 0: {[size, width, height]}")
        return cls(bucket, key, etag, size, width, height)


_VALUES = attrgetter(*Row.__slots__)


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that was read: `images` uint8 [N, H, W, C], and one row for each of them."""

    images: Images
    rows: tuple[Row, ...]
    contract: str
    id: str = ""
    """As the shard's own header says it; empty where it says nothing."""


def rows_per_shard(contract: ModelContract) -> int:
    """How many images of a contract fit into one shard. At least 1: the contract's schema bounds height and width."""
    return MAX_PIXEL_BYTES // contract.input.bytes_per_image


def pack(images: Images, rows: Sequence[Row], contract: ModelContract, shard_id: str = "") -> JoinedBuffers:
    """A shard as a file to read from, for as long as `images` stay as they are.

    `images` is uint8 [N, H, W, C] with N = len(rows) >= 1. Raises ValueError where the arguments contradict each other
    or the contract, or where the shard would be too large: those are mistakes of the caller, not of the data.
    """
    import numpy as np

    expected = (len(rows), *contract.input.pixel_shape)
    if images.dtype != np.uint8 or images.shape != expected:
        raise ValueError(f"images are {images.dtype} {list(images.shape)}; the rows and contract say uint8 {expected}")
    if not rows:
        raise ValueError("a shard without rows is not written: leave it out")
    if images.nbytes > MAX_PIXEL_BYTES:
        raise ValueError(f"{len(rows)} rows are too many for one shard: at most {rows_per_shard(contract)}")
    metadata = {
        "format": FORMAT,
        "contract": contract.digest,
        "shard": shard_id,
        "rows": json.dumps([_VALUES(row) for row in rows], ensure_ascii=False, separators=(",", ":")),
    }
    header = _header(images, metadata)
    if len(header) > MAX_HEADER_BYTES:
        raise ValueError(f"the keys of {len(rows)} rows need more than {MAX_HEADER_BYTES} bytes: use fewer rows")
    return JoinedBuffers(header, np.ascontiguousarray(images).data)


def _header(images: Images, metadata: Mapping[str, str]) -> bytes:
    """What stands before the pixels in the file (safetensors, "Format").

    Written here since the library's writers copy the pixels three times, which costs as much as a tenth of decoding.
    """
    tensor = {"dtype": "U8", "shape": images.shape, "data_offsets": [0, images.nbytes]}
    document = json.dumps({"__metadata__": metadata, "images": tensor}, ensure_ascii=False).encode()
    document += b" " * (-len(document) % _ALIGNMENT)
    return struct.pack("<Q", len(document)) + document


def read(path: Path, contract: ModelContract, rows: slice = slice(None)) -> Shard:
    """The shard in a file, or some rows of it, one behind the other: no other pixels are read.

    Raises as `parse` does.
    """
    import numpy as np

    try:
        with path.open("rb") as file:
            described = _Description.of(_read_header(file), contract, path.name)
            described.check_size(path.stat().st_size)
            start, stop, _ = rows.indices(len(described.rows))
            size = contract.input.bytes_per_image
            place, length = described.start + start * size, (stop - start) * size
            file.seek(place)
            pixels = np.fromfile(file, np.uint8, length)
            _give_back(file, place, length)
    except FileNotFoundError as error:
        raise CorruptShard(f"{path.name} is not there") from error
    return described.shard(pixels, contract, slice(start, stop))


def _give_back(file: IO[bytes], place: int, length: int) -> None:
    """Leave the next shard the memory that the system keeps these bytes in: nobody reads them again.

    To find memory that is free costs a processor more than to read into it: 0.4 ms for each image of 150 KB.
    """
    if length and hasattr(os, "posix_fadvise"):  # a length of 0 would be the rest of the file
        os.posix_fadvise(file.fileno(), place, length, os.POSIX_FADV_DONTNEED)


def count_rows(path: Path, contract: ModelContract) -> int:
    """How many rows a shard has, if it is one: as many as its length has room for."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    return max(0, path.stat().st_size - 8 - length) // contract.input.bytes_per_image


def parse(data: bytes | bytearray | memoryview, contract: ModelContract, name: str = "") -> Shard:
    """The shard in a buffer, which its images are a view of.

    `name` is what messages call it; without one, what it calls itself.

    Stricter than safetensors (its "Format"): one tensor, that fills what is left behind the header to its last byte.

    Raises ContractMismatch where it was made for another contract, CorruptShard where it is truncated, foreign, or its
    rows and images contradict each other.
    """
    import numpy as np

    described = _Description.of(data, contract, name)
    described.check_size(len(data))
    return described.shard(np.frombuffer(memoryview(data)[described.start :], np.uint8), contract)


@dataclass(frozen=True, slots=True)
class _Description:
    """What a shard's header says, and that it is one of this contract."""

    name: str
    id: str
    rows: tuple[Row, ...]
    start: int
    """Where the pixels begin."""
    size: int
    """How many bytes of pixels there are."""

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview, contract: ModelContract, name: str) -> Self:
        """As the beginning of a shard describes it. Raises as `parse` does."""
        header, start = _parse_header(data, name or "the shard")
        metadata, shard_id = header.get("__metadata__"), _id(header)
        name = name or f"shard {shard_id}"
        if not isinstance(metadata, dict) or metadata.get("format") != FORMAT or header.keys() - _HEADER_KEYS:
            raise CorruptShard(f"{name} is a safetensors file, but no shard of format {FORMAT}")
        _check_contract(name, metadata, contract)
        rows = _parse_rows(name, metadata)
        shape = (len(rows), *contract.input.pixel_shape)
        size = math.prod(shape)
        if not rows or header.get("images") != {"dtype": "U8", "shape": list(shape), "data_offsets": [0, size]}:
            raise CorruptShard(
                f"{name} holds {header.get('images')!r:.200} and {len(rows)} rows;"
                f" expected U8 {list(shape)} and at least one row. Validate its batch again."
            )
        return cls(name, shard_id, rows, start, size)

    def check_size(self, length: int) -> None:
        """Raises CorruptShard where a shard of so many bytes has not the pixels that it describes."""
        if length - self.start != self.size:
            raise CorruptShard(
                f"{self.name} has {length - self.start} bytes of pixels; expected {self.size}."
                " Validate its batch again."
            )

    def shard(self, pixels: Images, contract: ModelContract, rows: slice = slice(None)) -> Shard:
        """The shard, or those rows of it, with their pixels [bytes]."""
        images = pixels.reshape(-1, *contract.input.pixel_shape)
        return Shard(images, self.rows[rows], contract.digest, self.id)


def id_of(data: bytes | bytearray | memoryview) -> str:
    """What a shard calls itself, of which perhaps only the beginning is there; empty where that does not say."""
    try:
        return _id(_parse_header(data, "")[0])
    except CorruptShard:
        return ""


_HEADER_KEYS = {"__metadata__", "images"}


def _id(header: Mapping[str, Any]) -> str:
    metadata = header.get("__metadata__")
    return str(metadata.get("shard", "")) if isinstance(metadata, dict) else ""


def _read_header(file: IO[bytes]) -> bytes:
    """The beginning of a file, as far as its header goes: `_parse_header` says what is wrong with it."""
    beginning = file.read(8)
    return beginning + file.read(min(int.from_bytes(beginning, "little"), MAX_HEADER_BYTES))


def _parse_header(data: bytes | bytearray | memoryview, name: str) -> tuple[dict[str, Any], int]:
    """The header's document, and where the pixels begin."""
    if len(data) < 8:
        raise CorruptShard(f"{name} has {len(data)} bytes: not even a safetensors header. Validate its batch again.")
    (length,) = struct.unpack_from("<Q", data)
    # Bounded before anything believes it.
    if length > MAX_HEADER_BYTES:
        raise CorruptShard(f"{name} declares a header of {length} bytes; a shard has at most {MAX_HEADER_BYTES}")
    start = 8 + length
    if len(data) < start:
        raise CorruptShard(f"{name} ends within its header, after {len(data)} bytes. Validate its batch again.")
    try:
        header = json.loads(bytes(memoryview(data)[8:start]))
    except (ValueError, RecursionError) as error:
        raise CorruptShard(f"{name} does not read as safetensors: {error!r:.200}. Validate its batch again.") from error
    if not isinstance(header, dict):
        raise CorruptShard(f"{name} does not read as safetensors: its header is no JSON object")
    return header, start


def _check_contract(name: str, metadata: Mapping[str, str], contract: ModelContract) -> None:
    if metadata.get("contract") != contract.digest:
        raise ContractMismatch(
            f"{name} was made for contract {metadata.get('contract')!r:.80}; this model's contract ({contract.name}) is"
            f" {contract.digest}. The model package changed since validation: start a new run."
        )


def _parse_rows(name: str, metadata: Mapping[str, str]) -> tuple[Row, ...]:
    names = Row.__slots__
    try:
        rows: Iterable[Sequence[Any]] = json.loads(metadata["rows"])
        return tuple(Row.from_json(dict(zip(names, row, strict=True))) for row in rows)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptShard(f"{name} has rows that do not read: {error!r:.200}. Validate its batch again.") from error
