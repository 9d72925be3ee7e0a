"""How little of predictions.parquet a query has to read: by label, by folder, by one key.

    python -m bench.queries
    python -m bench.queries --images 100000 --json

The images are made up: a thousand to a folder, each with a top-5 out of the example model's labels, of which a few are
frequent and most are not (Zipf). A reader looks into a row group unless its statistics rule it out. The file itself
says which those are, and how many bytes the columns have there that a query names; beside it stands the whole file.
"""

import argparse
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from bench import synthetic
from bench.synthetic import BYTES, IMAGES, MODEL
from pipeline.inference.predictions import Prediction, Ranked
from pipeline.results.predicted import Predicted
from pipeline.results.tables import PredictionsTable
from pipeline.shards import Row

SHARD, TOP = 160, 5
NAMED = ("image_uri", "key", "label", "score")
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)

Classes = npt.NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    labels = (MODEL / "labels.txt").read_text().splitlines()
    classes = _classes(arguments.images, len(labels))
    frequent = np.bincount(classes[:, 0], minlength=len(labels)).argsort()[::-1]
    common, middling = labels[frequent[0]], labels[frequent[len(labels) // 10]]
    key = synthetic.key(arguments.images // 2)
    folder = key.rpartition("/")[0]
    queries = {
        "the most frequent label": ("label", common, common),
        "a middling label": ("label", middling, middling),
        "a folder": ("key", f"{folder}/", f"{folder}0"),
        "one key": ("key", key, key),
    }
    metadata = pq.ParquetFile(_write(classes, labels)).metadata
    touched = {name: _touched(metadata, *query) for name, query in queries.items()}
    if arguments.json:
        print(json.dumps(touched, indent=2))
        return
    for name, row in touched.items():
        print(
            f"{name:<24}{row['groups']:>4} of {row['all_groups']} row groups"
            f"{row['bytes'] / 1e6:>8.2f} of {row['all_bytes'] / 1e6:.1f} MB"
        )


def _classes(images: int, count: int) -> Classes:
    """The five best classes of each image [images, 5]; the frequent ones are anywhere in the alphabet."""
    random = np.random.default_rng(7)
    weights = 1 / np.arange(1, count + 1)
    ranks = random.choice(count, size=(images, TOP), p=weights / weights.sum())
    return random.permutation(count)[ranks]


def _write(classes: Classes, labels: Sequence[str]) -> io.BytesIO:
    file = io.BytesIO()
    with PredictionsTable(file) as table:
        for start in range(0, len(classes), SHARD):
            table.add(Predicted.of(_predictions(start, classes[start : start + SHARD], labels)), NOW)
    return file


def _predictions(start: int, classes: Classes, labels: Sequence[str]) -> Iterator[Prediction]:
    for number, best in enumerate(classes.tolist(), start):
        key = synthetic.key(number)
        row = Row(IMAGES, key, synthetic.etag(key), BYTES, 500, 375)
        score = int(row.etag[:8], 16) / 2**32
        top = tuple(Ranked(labels[index], index, score * 0.3**rank) for rank, index in enumerate(best))
        yield Prediction(row, MODEL.name, "0" * 64, "bench", f"{start:020x}-0", top)


def _touched(metadata: Any, column: str, first: str, last: str) -> dict[str, int]:
    """What a reader looks into that asks for values of a column from `first` to `last`, and knows the statistics."""
    places = {metadata.schema.column(place).path: place for place in range(metadata.num_columns)}
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    statistics = [(group, group.column(places[column]).statistics) for group in groups]
    inside = [group for group, known in statistics if known.min <= last and known.max >= first]
    return {
        "groups": len(inside),
        "all_groups": len(groups),
        "bytes": sum(group.column(places[name]).total_compressed_size for group in inside for name in NAMED),
        "all_bytes": sum(group.column(place).total_compressed_size for group in groups for place in places.values()),
    }


if __name__ == "__main__":
    main()
