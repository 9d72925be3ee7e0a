"""summary.json: what a run came to, counted while its outcomes stream by. docs/results.md describes its fields."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline import objects
from pipeline.contract import Task
from pipeline.images import claims
from pipeline.limits import Quarantine
from pipeline.results import causes
from pipeline.results.reconcile import Failed, Outcomes
from pipeline.runs import keys
from pipeline.runs.planning import Plan
from pipeline.runs.run import Run
from pipeline.validation import quarantine
from pipeline.validation.verdicts import Accepted, Rejected, Skipped, Verdict

EXAMPLES = 20
"""How many rejected images, failed images, labels and problems a summary shows; the tables have all."""


@dataclass
class Tally:
    """Counts that grow with the number of labels and reasons, never with the number of images."""

    predicted: int = 0
    skipped: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    """Images that a label is the best of; or that have a box with it, where the task is detection."""
    answers: Counter[str] = field(default_factory=Counter)
    """The same of boxes: as many as images, where the task is another."""
    without_boxes: int = 0
    scores: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    conversions: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    set_apart: int = 0
    """Rejected objects that were copied or tagged."""
    reasons: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    rejected_examples: list[Rejected] = field(default_factory=list)
    failed_examples: list[Failed] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0

    @property
    def rejected(self) -> int:
        return self.reasons.total()

    @property
    def failed(self) -> int:
        return self.errors.total()

    def add(self, outcomes: Outcomes) -> None:
        for predicted in outcomes.predicted:
            self.predicted += len(predicted)
            self.without_boxes += predicted.without_boxes
            for answers in predicted.answers:
                for label in {label for label, _ in answers}:
                    self.labels[label] += 1
                for label, score in answers:
                    self.answers[label] += 1
                    self.scores[label] += score
        self.skipped += outcomes.skipped
        for rejected in outcomes.rejected:
            self.reasons[rejected.reason] += 1
            if len(self.rejected_examples) < EXAMPLES:
                self.rejected_examples.append(rejected)
        for failed in outcomes.failed:
            self.errors[failed.error] += 1
            if len(self.failed_examples) < EXAMPLES:
                self.failed_examples.append(failed)
        for problem in outcomes.problems:
            self.add_problem(problem)

    def add_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """Count what outcomes do not tell: how images were converted, what was odd, what became of rejected ones."""
        for verdict in verdicts:
            if isinstance(verdict, Skipped):
                continue
            self.notes.update(map(claims.kind, verdict.notes))
            if isinstance(verdict, Accepted):
                self.conversions.update(verdict.conversions)
            else:
                self.set_apart += quarantine.is_set_apart(verdict)

    def add_problem(self, problem: str, *, first: bool = False) -> None:
        self.problem_count += 1
        self.problems.insert(0 if first else len(self.problems), problem)
        del self.problems[EXAMPLES:]


def summarise(
    run: Run, plan: Plan, tally: Tally, partitions: Sequence[Mapping[str, Any]], finished_at: datetime, seconds: float
) -> dict[str, Any]:
    """The document of summary.json. `partitions` holds how each job ended, as the state machine recorded it; `seconds`
    is how long the run took, without the time in which it stood still.
    """
    return {
        "run_id": run.run_id,
        "model": run.model,
        "contract": run.contract.digest,
        "task": run.contract.task,
        "engine": plan.engine,
        "replays": run.replays,
        "sources": [source.uri for source in run.sources],
        "execution_arn": run.execution_arn,
        "started_at": run.started_at.isoformat(),
        "finished_at": finished_at.isoformat(),
        "seconds": round(seconds, 3),
        "counts": {
            "listed": plan.counts.listed,
            "passed_over": plan.counts.passed_over,
            "predicted": tally.predicted,
            "rejected": tally.rejected,
            "failed": tally.failed,
            "skipped": tally.skipped,
        },
        "ledger": None,
        "cost": None,
        "published": None,
        "adds_up": tally.problem_count == 0,
        "problem_count": tally.problem_count,
        "problems": tally.problems,
        "top_labels": _top_labels(tally, run.contract.task),
        "without_boxes": tally.without_boxes if run.contract.task is Task.DETECTION else None,
        "conversions": dict(tally.conversions.most_common()),
        "notes": dict(tally.notes.most_common()),
        "rejected_by_reason": dict(tally.reasons.most_common()),
        "rejected_examples": [
            {"bucket": image.bucket, "key": image.key, "reason": image.reason, "detail": image.detail}
            for image in tally.rejected_examples
        ],
        "quarantine": _quarantine(run, tally),
        "failed_by_error": dict(tally.errors.most_common()),
        "failed_examples": [
            {"bucket": image.row.bucket, "key": image.row.key, "error": image.error, "detail": image.detail}
            for image in tally.failed_examples
        ],
        "partitions": _partitions(plan, partitions),
        "results": objects.s3_uri(run.bucket, keys.results_prefix(run.run_id)),
    }


def _top_labels(tally: Tally, task: Task) -> list[dict[str, Any]]:
    rows = []
    for label, images in sorted(tally.labels.items(), key=lambda item: (-item[1], item[0]))[:EXAMPLES]:
        answers = tally.answers[label]
        row = {"label": label, "images": images, "mean_score": round(tally.scores[label] / answers, 6)}
        rows.append(row | {"boxes": answers} if task is Task.DETECTION else row)
    return rows


def _quarantine(run: Run, tally: Tally) -> dict[str, Any]:
    copies = objects.s3_uri(run.bucket, quarantine.PREFIX) if run.quarantine is Quarantine.COPY else None
    return {"policy": run.quarantine, "set_apart": tally.set_apart, "copies": copies}


def _partitions(plan: Plan, ended: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    by_id = {partition["id"]: partition for partition in ended}
    return [
        {
            "id": partition.id,
            "job_name": partition.job_name,
            "images": partition.images,
            "shards": partition.shards,
            "instance_type": partition.instance_type,
            "status": by_id.get(partition.id, {}).get("status", "Unknown"),
            "error": by_id.get(partition.id, {}).get("error"),
            "cause": causes.readable(by_id.get(partition.id, {}).get("cause")) or None,
        }
        for partition in plan.partitions
    ]
