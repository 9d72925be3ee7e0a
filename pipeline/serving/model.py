"""The model behind the server: loaded before the first request, and used by all of them at once.

A request's images are spread over the cores in pieces of one pool, so that one request alone keeps every core busy, and
so do four. Requests are worked off in the order in which they came.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Self, TypeVar

import numpy as np

from pipeline.contract import ModelContract, Task
from pipeline.contract.packages import ModelPackage, load_package
from pipeline.cores import available_cores
from pipeline.errors import ContractMismatch, InvalidPrediction, InvalidSetting
from pipeline.inference.predictor import Predictor, open_predictor
from pipeline.serving.settings import ServingSettings
from pipeline.shards import Row, Shard

logger = logging.getLogger(__name__)

T = TypeVar("T")

_WARM_UP_IMAGES = 4


class ServedModel:
    """A model package, with a predictor for each core."""

    def __init__(self, package: ModelPackage, predictors: Sequence[Predictor]) -> None:
        self.contract: ModelContract = package.contract
        self._workers = len(predictors)
        self._pool = ThreadPoolExecutor(self._workers, "model")
        self._free: SimpleQueue[Predictor] = SimpleQueue()
        for predictor in predictors:
            self._free.put(predictor)

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
        k = settings.top_k or contract.output.top_k
        predictors = [open_predictor(package, settings.run_id, k) for _ in range(available_cores())]
        for predictor in predictors:
            _warm_up(predictor, contract)
        return cls(package, predictors)

    def predict_shard(self, shard: Shard) -> list[str]:
        """One line for each row, in order. Raises what Predictor.predict does."""
        size = math.ceil(len(shard.rows) / self._workers)
        pieces = [
            Shard(shard.images[start : start + size], shard.rows[start : start + size], shard.contract, shard.id)
            for start in range(0, len(shard.rows), size)
        ]
        lines = [line for piece in self._each(_lines, pieces) for line in piece]
        logger.info("shard %s: %d images", shard.id, len(lines))
        return lines

    def _each(self, work: Callable[[Predictor, Shard], T], pieces: Iterable[Shard]) -> Iterator[T]:
        """What is made of each piece, in order, once all have ended: pieces are views of memory that is used again."""
        futures: list[Future[T]] = [self._pool.submit(self._with_predictor, work, piece) for piece in pieces]
        errors = [error for future in futures if (error := future.exception())]
        if errors:
            raise errors[0]
        return (future.result() for future in futures)

    def _with_predictor(self, work: Callable[[Predictor, Shard], T], piece: Shard) -> T:
        predictor = self._free.get()
        try:
            return work(predictor, piece)
        finally:
            self._free.put(predictor)


def _lines(predictor: Predictor, piece: Shard) -> list[str]:
    return [prediction.to_line() for prediction in predictor.predict(piece, piece.id)]


def _warm_up(predictor: Predictor, contract: ModelContract) -> None:
    """A first forward pass takes longer, and finds what loading does not: a model that does not do what it says."""
    images = np.zeros((_WARM_UP_IMAGES, *contract.input.pixel_shape), np.uint8)
    row = Row("", "", "", 0, contract.input.width, contract.input.height)
    try:
        for _ in predictor.predict(Shard(images, (row,) * len(images), contract.digest, "warm-up"), "warm-up"):
            pass
    except InvalidPrediction as error:
        # Of black images, which nobody has asked about.
        logger.warning("%s", error)
