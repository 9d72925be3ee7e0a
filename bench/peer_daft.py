"""Daft over a folder of photos, as its documentation says to do it: download, a batch method of a class, Parquet.

python -m bench.peer_daft PACKAGE PHOTOS OUT
"""

import sys

import daft

from bench.classify import BATCH, Classifier, photos_below
from pipeline.cores import available_cores


@daft.cls(max_concurrency=available_cores())
class Classify:
    def __init__(self, package: str) -> None:
        self._classifier = Classifier(package)

    @daft.method.batch(return_dtype=daft.DataType.int64(), batch_size=BATCH)  # type: ignore[untyped-decorator]
    def top1(self, photos: daft.Series) -> object:
        return self._classifier.top1(photos.to_pylist())


def main() -> None:
    package, photos, out = sys.argv[1:]
    table = daft.from_pydict({"path": photos_below(photos)})
    labelled = table.with_column("label", Classify(package).top1(table["path"].download()))
    labelled.select("path", "label").write_parquet(out)


if __name__ == "__main__":
    main()
