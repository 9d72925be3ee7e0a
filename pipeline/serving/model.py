"""The model behind the server: loaded before the first request, and used by all of them at once.

Work is spread over the cores in pieces of one pool, so that one request alone keeps every core busy, and so do four.
Requests are worked off in the order in which they came. Both runtimes compute without the interpreter's lock.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Self, TypeVar

import numpy as np

from pipeline.contract import ModelContract, Task
from pipeline.contract.packages import load_package
from pipeline.cores import available_cores
from pipeline.errors import ContractMismatch, InvalidPrediction, InvalidSetting
from pipeline.inference.predictions import Prediction
from pipeline.inference.predictor import Predictor, open_predictor
from pipeline.serving.settings import ServingSettings
from pipeline.shards import Images, Row, Shard

logger = logging.getLogger(__name__)

T = TypeVar("T")
S = TypeVar("S")


class ServedModel:
    """A model that predicts for requests, from any number of threads."""

    def __init__(self, contract: ModelContract, predictor: Predictor, workers: int) -> None:
        self.contract = contract
        self._predictor = predictor
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, "model")

    @classmethod
    def load(cls, settings: ServingSettings) -> Self:
        """The model of the settings' folder, when it has run once.

        Raises InvalidModelPackage where the model does not load, ContractMismatch where it is not the one that the run
        was started with or does not do what its contract says, InvalidSetting where its task has no answer here.
        """
        package = load_package(settings.model)
        contract = package.contract
        if settings.contract not in {None, contract.digest}:
            raise ContractMismatch(
                f"The model package {contract.name} has contract {contract.digest}; the run was started with"
                f" {settings.contract}. The package was replaced in between: start a new run."
            )
        if contract.task is Task.RAW:
            raise InvalidSetting(
                f"The model package {contract.name} is for the task raw, whose answers are arrays: JSON Lines hold"
                " none. Run it with the engine processing."
            )
        predictor = open_predictor(package, settings.run_id, settings.top_k or contract.output.top_k)
        model = cls(contract, predictor, available_cores())
        model._warm_up()
        return model

    def predict(self, shard: Shard) -> list[Prediction]:
        """One prediction for each row, in order. Raises what Predictor.predict does."""

        def predict(rows: range) -> list[Prediction]:
            part = slice(rows.start, rows.stop)
            piece = Shard(shard.images[part], shard.rows[part], shard.contract, shard.id)
            return list(self._predictor.predict(piece, shard.id))

        return self._spread(predict, range(len(shard.rows)), self._predictor.batch_size)

    def map(self, work: Callable[[S], T], items: Sequence[S]) -> list[T]:
        """What `work` makes of each item, in order, on all cores."""
        return self._spread(lambda places: [work(items[place]) for place in places], range(len(items)))

    def _spread(self, work: Callable[[range], list[T]], places: range, together: int = 1) -> list[T]:
        """What `work` makes of all places, in as many pieces as there are cores, of a multiple of `together` places.

        Returns or raises once every piece has ended: they look at memory that is used again.
        """
        size = max(1, -(-len(places) // (self._workers * together))) * together
        pieces = [places[start : start + size] for start in range(0, len(places), size)]
        futures = [self._pool.submit(work, piece) for piece in pieces]
        wait(futures)
        return [result for future in futures for result in future.result()]

    def _warm_up(self) -> None:
        """A first forward pass takes longer, and finds what loading does not: a model that does not do what it says."""
        size = self._predictor.batch_size
        images: Images = np.zeros((size * self._workers, *self.contract.input.pixel_shape), np.uint8)
        try:
            self.predict(unpacked(images, self.contract))
        except InvalidPrediction as error:
            # Of black images, which nobody has asked about.
            logger.warning("%s", error)


def unpacked(images: Images, contract: ModelContract) -> Shard:
    """Images uint8 [N, H, W, C] of no bucket, as a shard that nobody packed."""
    row = Row("", "", "", 0, contract.input.width, contract.input.height)
    return Shard(images, (row,) * len(images), contract.digest, "of a request")
