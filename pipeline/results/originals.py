"""What became of photos that a container that is not ours was sent one by one: an answer, or why there is none.

    predictions/<partition>/<key>.out ──► numbers ──► activation ──► top-k, or a vector

Each photo stands for itself: an answer that does not read makes its photo `failed`, and no other.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline import objects
from pipeline.contract import Answer, ImagePayload, Task
from pipeline.contract.store import read_labels
from pipeline.errors import InvalidPrediction
from pipeline.inference.foreign_outputs import read_scores
from pipeline.inference.predictions import Prediction, Ranked, ShardFailure
from pipeline.inference.ranking import Scores, activate, top_k
from pipeline.objects import ListedObject
from pipeline.results.predicted import Predicted
from pipeline.results.reconcile import Answers, Failed
from pipeline.runs import keys
from pipeline.runs.answered import answers
from pipeline.runs.originals import why_not_sent
from pipeline.runs.run import Run
from pipeline.shards import Row
from pipeline.validation.batches import BatchShard

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LARGEST_ANSWER = 16_000_000
"""Bytes. A million numbers are fewer; what is larger is no list of them, and would be in memory as often as threads."""


class OriginalAnswers:
    """The answers of a run's transform jobs. Several threads may read them.

    `written` is what lies below the run's predictions, by key.
    """

    def __init__(
        self, run: Run, payload: ImagePayload, format: Answer, written: Mapping[str, ListedObject], s3: "S3Client"
    ) -> None:
        self._run = run
        self._payload = payload
        self._format = format
        self._written = written
        self._earlier = answers(run, written, s3) if run.resumed else {}
        self._s3 = s3
        self._labels = read_labels(s3, run.bucket, keys.model_prefix(run.model), run.contract)

    def read(self, shard: BatchShard, rows: Iterable[Row], otherwise: ShardFailure) -> Answers:
        """What became of the photos of a shard; where one has no answer, `otherwise` says why."""
        predicted: list[tuple[Prediction, datetime]] = []
        failed: list[Failed] = []
        for row in rows:
            answer = self._written.get(keys.answer_key(self._run.run_id, shard.partition, row.key))
            # What was answered for before the run was taken over was not sent again.
            answer = answer or self._earlier.get((row.bucket, row.key))
            if not shard.is_sent:
                why = why_not_sent(row, self._payload, self._run.run_id)
                error, detail = (why.error, why.detail) if why else (otherwise.error, otherwise.cause)
                failed.append(Failed(row, shard.partition, error, detail))
            elif answer is None:
                failed.append(Failed(row, shard.partition, otherwise.error, otherwise.cause))
            else:
                try:
                    predicted.append(self._prediction(answer, row, shard.id))
                except InvalidPrediction as error:
                    failed.append(Failed(row, shard.partition, type(error).__name__, str(error)))
        predictions = Predicted.of(prediction for prediction, _ in predicted)
        return Answers(predictions, tuple(stored_at for _, stored_at in predicted), tuple(failed))

    def _prediction(self, answer: ListedObject, row: Row, shard: str) -> tuple[Prediction, datetime]:
        """The prediction in an answer, and when it was stored. Raises InvalidPrediction."""
        if answer.size > _LARGEST_ANSWER:
            raise InvalidPrediction(
                f"{row.key}: the container's answer has {answer.size:,} bytes; at most {_LARGEST_ANSWER:,} are read"
            )
        body = objects.get_bytes(self._s3, self._run.bucket, answer.key)
        scores = read_scores(body, self._format, row.key)
        if self._labels and len(scores) != len(self._labels):
            raise InvalidPrediction(
                f"{row.key}: the container answers {len(scores)} numbers, and the package has {len(self._labels)}"
                " labels"
            )
        contract = self._run.contract
        (numbers,) = activate(scores[None], contract.output.activation)
        told = self._told(numbers)
        return Prediction(row, contract.name, contract.digest, self._run.run_id, shard, **told), answer.stored_at

    def _told(self, answer: Scores) -> dict[str, Any]:
        if self._run.contract.task is Task.EMBEDDING:
            return {"values": tuple(answer.tolist())}
        (best,) = top_k(answer[None], self._run.top_k)
        return {"top": tuple(Ranked(self._label(index), index, float(answer[index])) for index in best.tolist())}

    def _label(self, index: int) -> str:
        return self._labels[index] if self._labels else str(index)
