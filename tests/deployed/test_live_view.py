"""What is drawn of a run on terminals of all kinds, and what lines say elsewhere."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from pipeline.deployed.course import PREDICTS, VALIDATES, Step
from pipeline.deployed.live_lines import LiveLines
from pipeline.deployed.live_view import draw
from pipeline.deployed.pace import Pace
from pipeline.deployed.progress import Progress

BEGAN = datetime(2026, 11, 20, 2, tzinfo=UTC)
NOW = BEGAN + timedelta(seconds=90)
VALIDATING = Progress(
    "ValidateImages", "2026-11-20T0200-incoming-7f3a9c", listed=10_000, validated=4_000, rejected=12,
    batches=63, batches_done=25,
    steps=(
        Step("StartRun", BEGAN, BEGAN + timedelta(seconds=1)),
        Step("ValidateImages", BEGAN + timedelta(seconds=1), does=VALIDATES),
        Step("PlanInference"),
        Step("RunProcessingJobs"),
        Step("RunTransformJobs", is_alternative=True),
    ),
)  # fmt: skip
PREDICTING = replace(
    VALIDATING,
    validated=10_000,
    accepted=9_988,
    predicted=5_120,
    steps=(
        *(replace(step, left=BEGAN + timedelta(seconds=60)) for step in VALIDATING.steps[:2]),
        Step("RunProcessingJobs", BEGAN + timedelta(seconds=60), does=PREDICTS, jobs=5, jobs_ended=2),
    ),
)


def drawn(progress: Progress, width: int = 80, pace: Pace | None = None, encoding: str = "utf-8") -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, width=width, force_terminal=True, no_color=True)
    console.print(draw(progress, pace or Pace(VALIDATES, 4_000, 10_000), console, NOW))
    file.seek(0)
    return [Text.from_ansi(line).plain.rstrip() for line in file.read().splitlines()]


def words(progress: Progress, width: int = 80, pace: Pace | None = None) -> str:
    return " ".join(" ".join(drawn(progress, width, pace)).split())


def test_every_state_has_a_line_with_its_mark() -> None:
    lines = drawn(VALIDATING)
    names = ["StartRun", "ValidateImages", "PlanInference", "RunProcessingJobs", "or RunTransformJobs"]
    found = [next(line for line in lines if name in line) for name in names]
    assert ["✓" in found[0], "●" in found[1]] == [True, True]
    assert all("○" in line for line in found[2:])


def test_what_validates_tells_its_images_and_batches() -> None:
    assert "4,000 of 10,000 images, 25 of 63 batches" in words(VALIDATING, 120)


def test_what_runs_jobs_tells_its_images_and_jobs() -> None:
    assert "30.0 s 5,120 of 9,988 images, 2 of 5 jobs" in words(PREDICTING)


def test_the_pace_stands_under_the_bar() -> None:
    pace = Pace(VALIDATES, 4_000, 10_000, 45.0, 133.0)
    assert "━ 45 images/s, about 2 min left to validate 10,000 listed" in words(VALIDATING, 80, pace)


@pytest.mark.parametrize("width", [20, 40, 59, 60, 80, 120, 200])
@pytest.mark.parametrize("progress", [Progress(), Progress("StartRun"), VALIDATING, PREDICTING])
def test_no_line_is_wider_than_the_terminal(progress: Progress, width: int) -> None:
    lines = drawn(progress, width, Pace(VALIDATES, 4_000, 10_000, 45.0, 133.0))
    assert all(cell_len(line) <= width for line in lines)


def test_on_forty_columns_every_state_is_named() -> None:
    told = words(VALIDATING, 40)
    assert all(step.name in told for step in VALIDATING.steps)


def test_a_terminal_that_is_not_unicode_gets_letters() -> None:
    lines = drawn(VALIDATING, 70, encoding="ascii")
    assert [line.split()[0] for line in lines[1:4]] == ["+", ">", "."]


def lines(*looks: tuple[float, Progress]) -> list[str]:
    said: list[str] = []
    clock = [0.0]
    told = LiveLines(said.append, lambda: clock[0])
    for clock[0], look in looks:
        told.update(look)
    return said


def test_a_state_is_told_when_a_run_first_comes_to_it() -> None:
    first = Progress("ForEachSource", "run", 9)
    second = Progress("RunProcessingJob", "run", 9, 9, 1)
    assert lines((0, first), (1, second), (2, first), (3, second)) == [
        "ForEachSource          9 listed, 0 validated, 0 predicted",
        "RunProcessingJob       9 listed, 9 validated, 1 rejected, 0 predicted",
    ]


def test_counts_that_grow_are_told_every_half_minute_with_the_pace() -> None:
    looks = [(now, replace(PREDICTING, predicted=1_000 + 100 * now)) for now in range(0, 65, 5)]
    assert [line.partition("; ")[2] for line in lines(*looks)] == [
        "",
        "100 images/s, about 60 s left to predict",
        "100 images/s, about 30 s left to predict",
    ]


def test_counts_that_stand_still_are_not_told_again() -> None:
    assert len(lines(*[(now, PREDICTING) for now in range(0, 300, 5)])) == 1
