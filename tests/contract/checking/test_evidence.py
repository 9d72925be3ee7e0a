"""A difference counts where chance does not make it and where it matters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract.checking.evidence import Comparison, Tally, Verdict, compare, tally, together

BETTER, WORSE, SAME, UNDECIDED = Verdict.BETTER, Verdict.WORSE, Verdict.SAME, Verdict.UNDECIDED


@pytest.mark.parametrize(("photos", "quantile"), [(6, 2.571), (11, 2.228), (23, 2.074), (201, 1.972)])
def test_few_photos_need_a_larger_difference_as_in_students_table(photos: int, quantile: float) -> None:
    values = np.arange(photos, dtype=float)
    error = values.std(ddof=1) / photos**0.5
    assert compare(values, np.zeros(photos), z=1.96, margin=0).width / error == pytest.approx(quantile, abs=0.01)


@pytest.mark.parametrize(
    ("difference", "width", "verdict"),
    [(0.5, 0.1, BETTER), (-0.5, 0.1, WORSE), (0.5, 0.6, UNDECIDED), (0.02, 0.01, SAME), (0.0, 0.0, SAME)],
)
def test_a_difference_is_judged_by_its_interval_and_by_what_matters(
    difference: float, width: float, verdict: Verdict
) -> None:
    assert Comparison(difference, width, photos=20, margin=0.1).verdict is verdict


@pytest.mark.parametrize("photos", [0, 1, 4])
def test_very_few_photos_decide_nothing(photos: int) -> None:
    assert compare(np.ones(photos), np.zeros(photos), z=1.96, margin=0.1).verdict is UNDECIDED


@given(st.lists(st.floats(-10, 0), min_size=5, max_size=30))
def test_the_challenger_and_the_declared_are_judged_alike(scores: list[float]) -> None:
    values = np.array(scores)
    other = values[::-1]
    opposite = {BETTER: WORSE, WORSE: BETTER, SAME: SAME, UNDECIDED: UNDECIDED}
    assert compare(other, values, 2, 0.1).verdict is opposite[compare(values, other, 2, 0.1).verdict]


def test_photos_are_compared_with_themselves() -> None:
    """However much photos differ from one another."""
    hard = np.linspace(-9, 0, 12)
    assert compare(hard + 0.3 + 0.01 * np.cos(range(12)), hard, z=1.96, margin=0.1).verdict is BETTER


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        ([BETTER, UNDECIDED], BETTER),
        ([UNDECIDED, WORSE], WORSE),
        ([BETTER, WORSE], UNDECIDED),
        ([SAME, SAME], SAME),
        ([SAME, UNDECIDED], UNDECIDED),
        ([SAME, BETTER], BETTER),
    ],
)
def test_evidence_that_is_sure_decides_unless_other_evidence_contradicts(
    verdicts: list[Verdict], verdict: Verdict
) -> None:
    assert together(verdicts) is verdict


counts = st.integers(0, 30)


@given(counts, counts)
def test_odds_are_those_of_a_coin_of_which_nothing_was_known_before(gained: int, lost: int) -> None:
    heads = np.linspace(0.5, 1, 20_001)
    likelihood = heads**gained * (1 - heads) ** lost
    opposite = heads**lost * (1 - heads) ** gained
    expected = np.trapezoid(likelihood, heads) / np.trapezoid(opposite, heads)
    assert Tally(gained, lost).odds == pytest.approx(expected, rel=1e-3)


def test_a_photo_that_both_get_right_or_both_get_wrong_does_not_count() -> None:
    challenger, declared = np.array([1.0, 0.0, 1.0, 0.5, 0.0]), np.array([1.0, 0.0, 0.0, 0.25, 1.0])
    assert tally(challenger, declared) == Tally(gained=2, lost=1)
