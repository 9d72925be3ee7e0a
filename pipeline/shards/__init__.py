"""Packed shards: pixels as a file (`shard.py`), and how they are sent to a model server (`sending.py`)."""

from pipeline.shards.shard import (
    FORMAT,
    MAX_HEADER_BYTES,
    MAX_PIXEL_BYTES,
    SUFFIX,
    Images,
    Row,
    Shard,
    count_rows,
    id_of,
    pack,
    parse,
    read,
    rows_per_shard,
)

__all__ = [
    "FORMAT",
    "MAX_HEADER_BYTES",
    "MAX_PIXEL_BYTES",
    "SUFFIX",
    "Images",
    "Row",
    "Shard",
    "count_rows",
    "id_of",
    "pack",
    "parse",
    "read",
    "rows_per_shard",
]
