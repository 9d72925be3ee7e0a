"""Packed shards: the accepted images of one batch, brought to the model's input size, in one safetensors file.

    tensor      images      uint8 [N, H, W, C], RGB (or grey), exactly as the contract's `input` and `pixels` say
    metadata    format      "imagebatch-shard/1"
                contract    the digest of that contract
                rows        JSON: [[bucket, key, etag, size, width, height], ...], one for each image, in order

Sizes: at most 23 MiB of pixels and 2 MiB of header, so that four shards at once fit the 100 MB of a Batch Transform
(CreateTransformJob: `MaxConcurrentTransforms` x `MaxPayloadInMB` <= 100).
"""

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import safetensors

from pipeline.contract import ModelContract
from pipeline.errors import ContractMismatch, CorruptShard
from pipeline.joined_buffers import JoinedBuffers

FORMAT = "imagebatch-shard/1"
SUFFIX = ".safetensors"
MEBIBYTE = 1024 * 1024
MAX_PIXEL_BYTES = 23 * MEBIBYTE
MAX_HEADER_BYTES = 2 * MEBIBYTE
_ALIGNMENT = 8  # of the pixels' first byte, so that they can be mapped into memory as they are

Images = npt.NDArray[np.uint8]


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
        texts = [document[name] for name in ("bucket", "key", "etag")]
        counts = [document[name] for name in ("size", "width", "height")]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError(f"bucket, key and etag should be text: {texts}")
        if not all(type(count) is int and count >= 0 for count in counts):
            raise TypeError(f"size, width and height should be whole numbers from 0: {counts}")
        return cls(*texts, *counts)


_VALUES = attrgetter(*Row.__slots__)


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that was read: `images` uint8 [N, H, W, C], and one row for each of them."""

    images: Images
    rows: tuple[Row, ...]
    contract: str


def rows_per_shard(contract: ModelContract) -> int:
    """How many images of a contract fit into one shard. At least 1: the contract's schema bounds height and width."""
    return MAX_PIXEL_BYTES // contract.input.bytes_per_image


def pack(images: Images, rows: Sequence[Row], contract: ModelContract) -> JoinedBuffers:
    """A shard as a file to read from, for as long as `images` stay as they are.

    `images` is uint8 [N, H, W, C] with N = len(rows) >= 1. Raises ValueError where the arguments contradict each other
    or the contract, or where the shard would be too large: those are mistakes of the caller, not of the data.
    """
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


def read(path: Path, contract: ModelContract) -> Shard:
    """The shard in a file.

    Raises ContractMismatch where it was made for another contract, CorruptShard where it is truncated, foreign, or its
    rows and images contradict each other.
    """
    _check_header_size(path)
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            names = list(file.keys())
            if metadata.get("format") != FORMAT or names != ["images"]:
                raise CorruptShard(f"{path.name} is a safetensors file, but no shard of format {FORMAT}")
            _check_contract(path, metadata, contract)
            images = file.get_tensor("images")
    except safetensors.SafetensorError as error:
        raise CorruptShard(f"{path.name} does not read as safetensors: {error}. Validate its batch again.") from error
    rows = _parse_rows(path, metadata)
    expected = (len(rows), *contract.input.pixel_shape)
    if not rows or images.dtype != np.uint8 or images.shape != expected:
        raise CorruptShard(
            f"{path.name} holds {images.dtype} {list(images.shape)} and {len(rows)} rows;"
            f" expected uint8 {list(expected)} and at least one row"
        )
    return Shard(images, rows, metadata["contract"])


def _check_header_size(path: Path) -> None:
    """A header's length stands in the first eight bytes: bound it before anything believes it."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except FileNotFoundError as error:
        raise CorruptShard(f"{path.name} is not there") from error
    if len(start) < 8:
        raise CorruptShard(
            f"{path.name} has {len(start)} bytes: not even a safetensors header. Validate its batch again."
        )
    (length,) = struct.unpack("<Q", start)
    if length > MAX_HEADER_BYTES:
        raise CorruptShard(f"{path.name} declares a header of {length} bytes; a shard has at most {MAX_HEADER_BYTES}")


def _check_contract(path: Path, metadata: Mapping[str, str], contract: ModelContract) -> None:
    if metadata.get("contract") != contract.digest:
        raise ContractMismatch(
            f"{path.name} was made for contract {metadata.get('contract')}; this model's contract ({contract.name}) is"
            f" {contract.digest}. The model package changed since validation: start a new run."
        )


def _parse_rows(path: Path, metadata: Mapping[str, str]) -> tuple[Row, ...]:
    names = Row.__slots__
    try:
        rows: Iterable[Sequence[Any]] = json.loads(metadata["rows"])
        return tuple(Row.from_json(dict(zip(names, row, strict=True))) for row in rows)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptShard(f"{path.name} has rows that do not read: {error!r}. Validate its batch again.") from error
