"""What becomes of the accepted images of a batch: pixels in shards, and thumbnails of them for the report; or, for a
container that is not ours, nothing.

A `Packer` gives the decoder a place for an image's pixels, and takes the images whose pixels are to stay. Both kinds
answer with the batch's shards, of which the verdicts name one for each accepted image.
"""

from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from pipeline import names, objects, shards
from pipeline.contract import ImagePayload
from pipeline.images import thumbnails
from pipeline.runs import keys
from pipeline.runs.originals import why_not_sent
from pipeline.runs.run import Run
from pipeline.shards import Images, Row
from pipeline.validation.batches import BatchShard

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Packer(Protocol):
    shards: list[BatchShard]
    """Complete after `close`."""

    def next_row(self) -> Images:
        """Where the next image's pixels go, uint8 [H, W, C]; they are kept by `take`, and written over otherwise."""

    def take(self, row: Row, picture: Image.Image) -> str:
        """Keep the image whose pixels, those of `picture`, were written last. Returns the id of its shard."""

    def close(self) -> None: ...


def open_packer(run: Run, bucket: str, batch: str, images: int, s3: "S3Client") -> Packer:
    """The packer for a batch of at most `images` images of `bucket`, as the run's contract needs it."""
    if run.contract.payload is not None:
        return _OriginalPacker(run, run.contract.payload, bucket, batch)
    return _ShardPacker(run, batch, images, s3)


class _ShardPacker:
    """Fills one shard after another; each is written when it is full, and the last one on `close`."""

    def __init__(self, run: Run, batch: str, images: int, s3: "S3Client") -> None:
        self.shards: list[BatchShard] = []
        self._run = run
        self._batch = batch
        self._s3 = s3
        self._rows: list[Row] = []
        capacity = min(shards.rows_per_shard(run.contract), images)
        self._pixels = np.empty((capacity, *run.contract.input.pixel_shape), np.uint8)
        self._sheet = thumbnails.Sheet(capacity)

    @property
    def _shard(self) -> str:
        """The id of the shard that is being filled."""
        return names.shard_id(self._batch, len(self.shards))

    def next_row(self) -> Images:
        if len(self._rows) == len(self._pixels):
            self._write()
        row: Images = self._pixels[len(self._rows)]
        return row

    def take(self, row: Row, picture: Image.Image) -> str:
        self._rows.append(row)
        self._sheet.add(thumbnails.reduced(picture))
        return self._shard

    def close(self) -> None:
        if self._rows:
            self._write()

    def _write(self) -> None:
        run, shard = self._run, self._shard
        data = shards.pack(self._pixels[: len(self._rows)], self._rows, run.contract, shard)
        key = keys.shard_key(run.run_id, shard)
        objects.put_bytes(self._s3, run.bucket, key, data, tags=keys.SHARD_TAGS)
        sheet, key = self._sheet.encode(), keys.thumbnails_key(run.run_id, shard)
        objects.put_bytes(self._s3, run.bucket, key, sheet, thumbnails.MEDIA_TYPE, tags=keys.SHARD_TAGS)
        self.shards.append(BatchShard(shard, len(self._rows), len(data)))
        self._rows = []
        self._sheet = thumbnails.Sheet(len(self._pixels))


class _OriginalPacker:
    """Counts the originals of a batch: those that a job is sent, and those that none can be. Nothing is written."""

    def __init__(self, run: Run, payload: ImagePayload, bucket: str, batch: str) -> None:
        self.shards: list[BatchShard] = []
        self._run_id = run.run_id
        self._payload = payload
        self._bucket = bucket
        self._ids = {is_sent: names.shard_id(batch, number) for number, is_sent in enumerate((True, False))}
        self._sizes: dict[bool, list[int]] = {True: [], False: []}
        self._pixels = np.empty(run.contract.input.pixel_shape, np.uint8)

    def next_row(self) -> Images:
        return self._pixels

    def take(self, row: Row, picture: Image.Image) -> str:
        is_sent = why_not_sent(row, self._payload, self._run_id) is None
        self._sizes[is_sent].append(row.size)
        return self._ids[is_sent]

    def close(self) -> None:
        self.shards = [
            BatchShard(self._ids[is_sent], len(sizes), sum(sizes), originals=self._bucket, is_sent=is_sent)
            for is_sent, sizes in self._sizes.items()
            if sizes
        ]
