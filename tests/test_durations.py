"""How long something took, in words."""

import pytest

from pipeline.durations import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.4, "59.4 s"), (59.97, "1 min 00 s"), (3599.6, "1 h 00 min"), (90_000, "1 d 1 h")],
)
def test_a_duration_is_told_as_exactly_as_it_matters(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_an_estimate_is_told_in_whole_seconds() -> None:
    assert duration(34.4, digits=0) == "34 s"
