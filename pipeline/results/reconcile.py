"""Reconcile one batch: every image that validation listed becomes one outcome, and whatever does not fit is a problem.

    verdicts     what validation decided: one for each listed image      the truth about which images there are
    predictions  what the jobs wrote, shard by shard                     must hold each accepted image exactly once
    failures     why a shard has no predictions                          makes its accepted images `failed`
    answers      for photos that were sent one by one: predictions, and failures of single images

A problem means that an image was lost, or counted twice, and by somebody who should not have been able to. It is never
repaired here: the run's results are written, and then the run fails, naming the keys.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.inference.predictions import ShardFailure
from pipeline.results.predicted import Predicted
from pipeline.shards import Row
from pipeline.validation.batches import Batch, Counts
from pipeline.validation.verdicts import Accepted, Rejected, Verdict


@dataclass(frozen=True, slots=True)
class Failed:
    """An image that was accepted and could not be predicted."""

    row: Row
    partition: str
    error: str
    detail: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of photos that were sent one by one, and when each prediction was stored."""

    predicted: Predicted
    stored_at: tuple[datetime, ...]
    failed: tuple[Failed, ...]


@dataclass(frozen=True)
class Outcomes:
    predicted: tuple[Predicted, ...]
    rejected: tuple[Rejected, ...]
    failed: tuple[Failed, ...]
    skipped: int
    problems: tuple[str, ...]


def reconcile(
    batch: Batch, verdicts: Sequence[Verdict], shards: Mapping[str, Predicted | ShardFailure | Answers]
) -> Outcomes:
    """Match the verdicts of a batch with what became of its shards.

    `shards` has an entry for each of the batch's shards: its predictions, why there are none, or what became of each of
    its photos.
    """
    accepted = [verdict for verdict in verdicts if isinstance(verdict, Accepted)]
    rejected = tuple(verdict for verdict in verdicts if isinstance(verdict, Rejected))
    skipped = len(verdicts) - len(accepted) - len(rejected)
    found = Counts(len(verdicts), batch.counts.passed_over, len(accepted), len(rejected), skipped)
    problems = [*_miscounted(batch, found), *_listed_twice(verdicts)]
    predicted: list[Predicted] = []
    failed: list[Failed] = []
    for shard in batch.shards:
        rows = [verdict.row for verdict in accepted if verdict.shard == shard.id]
        result = shards[shard.id]
        if len(rows) != shard.rows:
            problems.append(f"shard {shard.id} packs {shard.rows} images, and {len(rows)} verdicts name it")
        if isinstance(result, ShardFailure):
            failed.extend(Failed(row, shard.partition, result.error, result.cause) for row in rows)
            continue
        predictions, failures = (result.predicted, result.failed) if isinstance(result, Answers) else (result, ())
        predicted.append(predictions)
        failed.extend(failures)
        ended = [*predictions.images, *((each.row.key, each.row.etag) for each in failures)]
        problems.extend(_mismatched(shard.id, [(row.key, row.etag) for row in rows], ended))
    return Outcomes(tuple(predicted), rejected, tuple(failed), skipped, tuple(problems))


def _miscounted(batch: Batch, found: Counts) -> Iterable[str]:
    counted = batch.counts
    if found != counted:
        yield (
            f"batch {batch.id} counted {counted.accepted} accepted, {counted.rejected} rejected and {counted.skipped} "
            f"skipped, and its verdicts are {found.accepted}, {found.rejected} and {found.skipped}"
        )


def _listed_twice(verdicts: Iterable[Verdict]) -> Iterable[str]:
    keys = [verdict.row.key if isinstance(verdict, Accepted) else verdict.key for verdict in verdicts]
    if len(set(keys)) < len(keys):
        yield from (f"{key!r} has {count} verdicts" for key, count in Counter(keys).items() if count > 1)


def _mismatched(shard: str, rows: Sequence[tuple[str, str]], ended: Sequence[tuple[str, str]]) -> Iterable[str]:
    """An image is named by its key and ETag: the same key with other bytes is another image."""
    if rows == ended:  # as it nearly always is, and told at a fraction of the cost
        return
    expected, found = Counter(rows), Counter(ended)
    yield from (f"{key!r} was accepted and shard {shard} does not predict it" for key, _ in expected - found)
    yield from (f"{key!r} is predicted by shard {shard} more often than it was accepted" for key, _ in found - expected)
