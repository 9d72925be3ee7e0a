"""Ray Data over a folder of photos, as its documentation says to do it: read files, a pool of actors, Parquet.

python -m bench.peer_ray PACKAGE PHOTOS OUT
"""

import sys
from typing import Any

import ray

from bench.classify import BATCH, Classifier
from pipeline.cores import available_cores

# On few cores actors that take a whole one each leave none for who reads the files, and everything waits.
_CPUS_AN_ACTOR = 0.5


class Classify:
    def __init__(self, package: str) -> None:
        self._classifier = Classifier(package)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"path": batch["path"], "label": self._classifier.top1(list(batch["bytes"]))}


def main() -> None:
    package, photos, out = sys.argv[1:]
    ray.init(num_cpus=available_cores(), include_dashboard=False, log_to_driver=False)
    ray.data.read_binary_files(photos, include_paths=True).map_batches(
        Classify,
        fn_constructor_args=(package,),
        batch_size=BATCH,
        num_cpus=_CPUS_AN_ACTOR,
        compute=ray.data.ActorPoolStrategy(size=available_cores()),
    ).write_parquet(out)


if __name__ == "__main__":
    main()
