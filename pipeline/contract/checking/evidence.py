"""Whether one contract does better than another on the same photos, or only seems to.

Two contracts are compared photo by photo, because photos differ from one another far more than contracts do. A
difference counts where it is larger than chance makes it and large enough to matter.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import comb

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST_PHOTOS = 5
"""Different photos below which nothing is concluded."""


class Verdict(StrEnum):
    """What the photos say of a neighbour, compared with what is declared."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    """The difference is too small to matter, and would have shown."""
    PERHAPS_BETTER = "perhaps better"
    """Too little to rely on, too much to keep quiet about."""
    PERHAPS_WORSE = "perhaps worse"
    UNDECIDED = "not told apart"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A mean difference, positive where the challenger does better, with the half width of its confidence interval."""

    difference: float
    width: float
    photos: int
    margin: float

    @property
    def verdict(self) -> Verdict:
        if self.photos < FEWEST_PHOTOS:
            return Verdict.UNDECIDED
        if abs(self.difference) > max(self.width, self.margin):
            return Verdict.BETTER if self.difference > 0 else Verdict.WORSE
        return Verdict.SAME if abs(self.difference) + self.width < self.margin else Verdict.UNDECIDED


def compare(challenger: Floats, declared: Floats, z: float, margin: float) -> Comparison:
    """Compares two scores of the same photos, float64 [N], by Student's paired test.

    `z` is the quantile of the normal distribution that the interval is made with, `margin` the smallest difference that
    matters.
    """
    differences = challenger - declared
    photos = len(differences)
    if photos < 2:
        return Comparison(float(differences.sum()), np.inf, photos, margin)
    error = float(differences.std(ddof=1)) / photos**0.5
    return Comparison(float(differences.mean()), _student(z, photos - 1) * error, photos, margin)


@dataclass(frozen=True, slots=True)
class Tally:
    """On how many photos only the challenger is right, and on how many only the declared: evidence where it is thin."""

    gained: int
    lost: int

    @property
    def odds(self) -> float:
        """The odds, to 1, that the challenger is the one that is right more often, if neither was likelier before.

        Those of a coin to favour one side, after so many throws and from a uniform prior (Bayes, 1763).
        """
        throws = self.gained + self.lost + 1
        favourable = sum(comb(throws, heads) for heads in range(self.gained + 1))
        return favourable / ((1 << throws) - favourable)


def tally(challenger: Floats, declared: Floats) -> Tally:
    """Counts photos by whether they are right, float64 [N] in 0..1 each."""
    return Tally(int((challenger > declared).sum()), int((challenger < declared).sum()))


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """What several kinds of evidence say: one that is sure decides, unless another is as sure of the opposite."""
    said = set(verdicts)
    sure = said & {Verdict.BETTER, Verdict.WORSE}
    if len(sure) == 1:
        return sure.pop()
    return Verdict.SAME if said == {Verdict.SAME} else Verdict.UNDECIDED


def _student(z: float, freedom: int) -> float:
    """The quantile of Student's t for a normal one (Abramowitz and Stegun, Handbook, 26.7.5)."""
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
