"""Which calls are struck: by number, by chance and seed, and not again after a restart."""

from pathlib import Path
from typing import Any

from pipeline.local.faults import FaultPlan, Faults

CALLS = 200


def faults(*rules: dict[str, Any], seed: int = 0, journal: Path | None = None) -> Faults:
    made = Faults(journal)
    made.use(FaultPlan.from_json({"seed": seed, "faults": list(rules)}))
    return made


def struck(made: Faults, calls: int = CALLS, name: str = "f") -> list[int]:
    """Which of so many calls of a function are struck, counted from 1."""
    found = []
    for number in range(1, calls + 1):
        if strike := made.strike("function", name):
            strike.record()
            found.append(number)
    return found


def killed(**rule: Any) -> dict[str, Any]:
    return {"on": "function", "fault": "killed", **rule}


def test_nothing_strikes_before_there_is_a_plan() -> None:
    assert struck(Faults()) == []


def test_the_calls_with_these_numbers_are_struck() -> None:
    assert struck(faults(killed(occurrences=[3, 5]))) == [3, 5]


def test_calls_that_a_rule_does_not_fit_are_not_counted() -> None:
    made = faults(killed(name="*-validate", occurrences=[2]))
    assert struck(made, name="a-plan") == []
    assert struck(made, name="a-validate") == [2]


def test_one_seed_makes_one_choice() -> None:
    assert struck(faults(killed(probability=0.1), seed=3)) == struck(faults(killed(probability=0.1), seed=3))


def test_another_seed_makes_another() -> None:
    assert struck(faults(killed(probability=0.1), seed=3)) != struck(faults(killed(probability=0.1), seed=4))


def test_a_rule_strikes_no_more_often_than_it_says() -> None:
    assert len(struck(faults(killed(probability=1, times=4)))) == 4


def test_what_another_rule_counts_does_not_change_a_choice() -> None:
    rules = killed(name="f", probability=0.1), killed(name="g", probability=0.5)
    made = faults(*rules, seed=3)
    struck(made, name="g")
    assert struck(made) == struck(faults(*rules, seed=3))


def test_the_first_rule_that_strikes_wins() -> None:
    made = faults(killed(occurrences=[1]), {"on": "function", "fault": "throttled", "occurrences": [1]})
    strike = made.strike("function", "f")
    assert strike is not None
    assert strike.fault == "killed"


def test_what_has_struck_does_not_strike_again_after_a_restart(tmp_path: Path) -> None:
    journal = tmp_path / "faults.jsonl"
    assert struck(faults(killed(occurrences=[2, 4]), journal=journal), calls=3) == [2]
    assert struck(faults(killed(occurrences=[2, 4]), journal=journal)) == [4]


def test_how_often_it_struck_counts_across_a_restart(tmp_path: Path) -> None:
    journal = tmp_path / "faults.jsonl"
    before = struck(faults(killed(probability=1, times=3), journal=journal), calls=2)
    assert len(before) + len(struck(faults(killed(probability=1, times=3), journal=journal))) == 3


def test_what_is_not_recorded_has_not_struck() -> None:
    made = faults(killed(occurrences=[1]))
    assert made.strike("function", "f")
    assert made.injected == []


def test_a_rule_that_fits_nothing_is_told(tmp_path: Path) -> None:
    made = faults(killed(name="typo", occurrences=[1]))
    struck(made, calls=7)
    assert made.tally() == [{"on": "function typo", "fault": "killed", "fitted": 0, "struck": 0}]


def test_nothing_strikes_any_more_when_it_rests() -> None:
    made = faults(killed(probability=1))
    made.rest()
    assert struck(made) == []
