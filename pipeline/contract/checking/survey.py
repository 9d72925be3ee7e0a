"""What photos say of a contract: how the model does as declared, and as each neighbouring contract would have it.

There are two kinds of evidence, compared photo by photo (pipeline/contract/checking/evidence.py):

    labels        how probable the model finds what is on a photo, and how many classes it finds more so; judges
                  everything, and needs someone to write them
    recognition   how surely the model knows a photo again in crops of itself (recognition.py); needs no
                  labels, and judges the half of the contract that shapes numbers

Where labels leave it open, the photos are counted that only one of the two contracts gets right: many on one side and
none on the other are worth a look.

Mean confidence and agreement are shown, and decide nothing: a wrong contract may well be the more confident one.
Where a neighbour does better, what is next to that one is looked at as well: two things may be wrong at once.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from pipeline.contract import Exif, ModelContract
from pipeline.contract.checking.evidence import (
    FEWEST_PHOTOS,
    Comparison,
    Floats,
    Tally,
    Verdict,
    compare,
    tally,
    together,
)
from pipeline.contract.checking.neighbours import Neighbour, neighbours
from pipeline.contract.checking.photo_set import PhotoSet
from pipeline.contract.checking.trials import Trial, Trials
from pipeline.contract.signature import Signature
from pipeline.errors import InvalidPrediction
from pipeline.inference.runtimes import TensorRuntime

# Few neighbours are told apart by recognition, and they differ much; many by labels, and most of them differ little.
_RECOGNITION_Z, _RECOGNITION_MARGIN = 1.96, 0.01
_LABELS_Z, _LABELS_MARGIN = 2.58, 0.02
# As one in twenty: where the larger differences say nothing, it is worth a look and no more.
_LEAST_ODDS = 20
_MOST_STEPS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a contract beside the declared one, which is the row without a neighbour.

    `confidence` is the mean score of the best class, None where the task has no classes; `agreement` the share of
    photos whose best class is the declared contract's, or the mean cosine of the vectors; `recognition` in nats;
    `label_probability` the geometric mean of what the model gives the photos' labels; `tally` counts different photos.
    """

    neighbour: Neighbour | None
    confidence: float | None
    agreement: float
    recognition: float | None
    accuracy: float | None
    label_probability: float | None
    tally: Tally | None
    verdict: Verdict | None

    @property
    def name(self) -> str:
        return self.neighbour.name if self.neighbour else "as declared"


@dataclass(frozen=True)
class Survey:
    """The table, and what comes of it.

    `advice` are the changes that make the model do better, each on top of those before it; `equals` the neighbours that
    do better too, and that the photos do not tell from the first of these. `turned` photos would look different were
    their EXIF orientation treated the other way.
    """

    photos: PhotoSet
    turned: int
    rows: tuple[Row, ...]
    advice: tuple[Neighbour, ...]
    equals: tuple[Neighbour, ...]


def survey(runtime: TensorRuntime, signature: Signature | None, contract: ModelContract, photos: PhotoSet) -> Survey:
    """Tries every neighbour of a contract on the photos. Raises InvalidPrediction where the model does not run."""
    trials = Trials(runtime, photos, contract)
    declared = trials.run(contract, with_views=True)
    around = _around(trials, neighbours(contract, signature))
    rows = [_row(neighbour, trial, declared, contract) for neighbour, trial in [(None, declared), *around.items()]]

    advice: list[Neighbour] = []
    equals: tuple[Neighbour, ...] = ()
    base = declared
    while (better := _better(around, base)) and len(advice) < _MOST_STEPS:
        best = max(better, key=lambda neighbour: _score(around[neighbour]))
        if not advice:
            equals = tuple(other for other in better if other is not best and _is_as_good(around[other], around[best]))
        advice.append(best)
        # What shapes pixels leaves recognition as it was.
        base = replace(
            around[best], recognised=around[best].recognised if best.aspect.shapes_numbers else base.recognised
        )
        changed = {step.aspect for step in advice}
        around = _around(trials, (each for each in neighbours(best.contract, signature) if each.aspect not in changed))
    return Survey(photos, _turned(trials, contract), tuple(rows), tuple(advice), equals)


def judge(challenger: Trial, declared: Trial) -> Verdict | None:
    """What the photos say of one contract beside another; None where there is no evidence of either kind."""
    verdicts = [comparison.verdict for comparison in _comparisons(challenger, declared)]
    verdict = together(verdicts) if verdicts else None
    counted = _tally(challenger, declared)
    if verdict is not Verdict.UNDECIDED or counted is None:
        return verdict
    if counted.odds >= _LEAST_ODDS:
        return Verdict.PERHAPS_BETTER
    return Verdict.PERHAPS_WORSE if counted.odds <= 1 / _LEAST_ODDS else verdict


def _tally(challenger: Trial, declared: Trial) -> Tally | None:
    """None where too few different photos have labels to conclude anything."""
    if challenger.correct is None or declared.correct is None or len(declared.correct) < FEWEST_PHOTOS:
        return None
    return tally(challenger.correct, declared.correct)


def _comparisons(challenger: Trial, declared: Trial) -> Iterator[Comparison]:
    for ours, theirs, z, margin in (
        (challenger.recognised, declared.recognised, _RECOGNITION_Z, _RECOGNITION_MARGIN),
        (challenger.likelihood, declared.likelihood, _LABELS_Z, _LABELS_MARGIN),
        (challenger.rank, declared.rank, _LABELS_Z, _LABELS_MARGIN),
    ):
        if ours is not None and theirs is not None:
            yield compare(ours, theirs, z, margin)


def _around(trials: Trials, candidates: Iterable[Neighbour]) -> dict[Neighbour, Trial]:
    found = {}
    for neighbour in candidates:
        # Only a layout that the model's signature leaves open, and its graph does not, makes it fail.
        with suppress(InvalidPrediction):
            found[neighbour] = trials.run(neighbour.contract, with_views=neighbour.aspect.shapes_numbers)
    return found


def _better(around: Mapping[Neighbour, Trial], base: Trial) -> list[Neighbour]:
    return [neighbour for neighbour, trial in around.items() if judge(trial, base) is Verdict.BETTER]


def _is_as_good(trial: Trial, best: Trial) -> bool:
    return judge(trial, best) not in (Verdict.WORSE, Verdict.PERHAPS_WORSE)


def _score(trial: Trial) -> float:
    """Orders neighbours that do better: by the labels, where there are enough of them."""
    if trial.likelihood is not None and len(trial.likelihood) >= FEWEST_PHOTOS:
        return float(trial.likelihood.mean())
    return float(trial.recognised.mean()) if trial.recognised is not None else -np.inf


def _row(neighbour: Neighbour | None, trial: Trial, declared: Trial, contract: ModelContract) -> Row:
    if contract.task.is_labelled:
        confidence: float | None = float(trial.answers.max(axis=1).mean())
        agreement = float((trial.answers.argmax(axis=1) == declared.answers.argmax(axis=1)).mean())
    else:
        confidence, agreement = None, _mean_cosine(trial.answers, declared.answers)
    return Row(
        neighbour=neighbour,
        confidence=confidence,
        agreement=agreement,
        recognition=None if trial.recognised is None else float(trial.recognised.mean()),
        accuracy=None if trial.correct is None else float(trial.correct.mean()),
        label_probability=None if trial.likelihood is None else float(np.exp(trial.likelihood.mean())),
        tally=None if neighbour is None else _tally(trial, declared),
        verdict=None if neighbour is None else judge(trial, declared),
    )


def _mean_cosine(vectors: Floats, others: Floats) -> float:
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(others, axis=1)
    return float(((vectors * others).sum(axis=1) / np.maximum(lengths, np.finfo(np.float64).tiny)).mean())


def _turned(trials: Trials, contract: ModelContract) -> int:
    pixels = [
        trials.pixels(replace(contract, pixels=replace(contract.pixels, exif=exif)))
        for exif in (Exif.APPLY, Exif.IGNORE)
    ]
    return int((pixels[0] != pixels[1]).any(axis=(1, 2, 3)).sum())
