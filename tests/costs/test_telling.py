"""Costs as people read them."""

from typing import Any

import pytest

from pipeline.costs import telling


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0.0, "$0.00"),
        (0.00001, "less than $0.0001"),
        (0.0004, "$0.0004"),
        (0.0287, "$0.029"),
        (0.99, "$0.99"),
        (0.999, "$1.00"),
        (1234.5, "$1,234.50"),
    ],
)
def test_an_amount_has_as_many_digits_as_it_needs(amount: float, words: str) -> None:
    assert telling.usd(amount) == words


@pytest.mark.parametrize(("seconds", "words"), [(None, "not known"), (7.4, "7 s"), (61, "1 min 01 s")])
def test_a_duration_is_told_as_people_do(seconds: float | None, words: str) -> None:
    assert telling.duration_or_unknown(seconds) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "0"),
        (17.0, "17"),
        (1025150.0, "1,025,150"),
        (12934.62, "12,935"),
        (0.125003, "0.125"),
        (1.6e-05, "0.000016"),
        (65.73, "65.73"),
        (9e-09, "0.000000009"),
    ],
)
def test_a_quantity_is_told_in_whole_numbers_where_it_is_large(amount: float, words: str) -> None:
    assert telling.quantity(amount) == words


def cost(**changes: Any) -> dict[str, Any]:
    return {
        "region": "us-east-1",
        "prices_dated": ["2026-09-11", "2026-11-21"],
        "limit_usd": None,
        "estimate_usd": 2.5,
        "used_usd": 2.25,
        "estimate_seconds": 600.0,
        "used_seconds": 540.0,
        "unknown": [],
        **changes,
    }


def test_a_message_has_both_sums_and_the_dates_of_the_prices() -> None:
    assert telling.summary_lines(cost(limit_usd=5.0)) == [
        "Cost (AWS's prices of 2026-09-11 to 2026-11-21, us-east-1)",
        "  used      $2.25, in 9 min 00 s",
        "  estimate  $2.50, in 10 min 00 s",
        "  limit     $5.00",
    ]


def test_what_is_not_known_is_said() -> None:
    lines = telling.summary_lines(cost(used_usd=None, prices_dated=None, unknown=["SageMaker was not asked"]))
    assert lines[0] == "Cost (no prices are known for us-east-1)"
    assert lines[1].startswith("  used      not known")
    assert lines[-1] == "  SageMaker was not asked"


def test_a_run_that_says_nothing_of_costs_has_no_paragraph() -> None:
    assert telling.summary_lines(None) == []
    assert telling.on_a_laptop(None) == []


def test_a_laptop_is_told_what_the_same_costs_in_aws() -> None:
    assert telling.on_a_laptop(cost(estimate_usd=0.0287, estimate_seconds=484.6)) == [
        "Cost:    nothing here; in AWS about $0.029 and 8 min 05 s"
        " (AWS's prices of 2026-09-11 to 2026-11-21, us-east-1)"
    ]
