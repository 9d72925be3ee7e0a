"""The course of a run: which of a machine's states are shown, and what they have come to."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.deployed.course import PREDICTS, VALIDATES, Step, steps
from pipeline.deployed.history import Stage

BATCH: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "state_machines" / "batch.asl.json").read_text(encoding="utf-8")
)
BEGAN = datetime(2026, 11, 20, 2, tzinfo=UTC)
TYPES = {"Map": ["ForEachSource", "ValidateImages", "RunProcessingJobs"], "Choice": ["ChooseStart", "ChooseEngine"]}


def stages(*states: str | tuple[str, int, int]) -> list[Stage]:
    """Stages a second apart: a name for what was entered and left, or (name, entered, left)."""
    found = []
    for number, state in enumerate(states):
        name, entered, left = (state, 1, 1) if isinstance(state, str) else state
        kind = next((kind for kind, names in TYPES.items() if name in names), "Task")
        moment = BEGAN + timedelta(seconds=number)
        found.append(Stage(name, kind, entered, left, moment, moment + timedelta(seconds=1)))
    return found


def marks(found: Sequence[Step]) -> list[str]:
    def mark(step: Step) -> str:
        return "." if step.entered is None else ">" if step.left is None else "+"

    return [f"{mark(step)} {'or ' if step.is_alternative else ''}{step.name}" for step in found]


AFTER = [". AggregatePredictions", ". WriteReport", ". Notify", ". PublishEvent"]
VALIDATED = ("StartRun", "ChooseStart", "ForEachSource", "ValidateImages")


def test_before_a_run_has_begun_everything_is_to_come() -> None:
    assert marks(steps(BATCH, [])) == [
        ". StartRun", ". ForEachSource", ". PlanInference", ". RunProcessingJobs", ". or RunTransformJobs", *AFTER,
    ]  # fmt: skip


def test_a_map_around_a_distributed_map_is_shown_as_that() -> None:
    found = steps(BATCH, stages("StartRun", "ChooseStart", ("ForEachSource", 1, 0), ("ValidateImages", 1, 0)))
    assert marks(found)[:3] == ["+ StartRun", "> ValidateImages", ". PlanInference"]
    assert found[1].does == VALIDATES


def test_the_way_that_was_not_taken_is_left_out() -> None:
    found = steps(BATCH, stages(*VALIDATED, "PlanInference", "ChooseEngine", ("RunProcessingJobs", 1, 0)))
    assert marks(found) == [
        "+ StartRun", "+ ValidateImages", "+ PlanInference", "> RunProcessingJobs", *AFTER,
    ]  # fmt: skip


def test_a_run_with_nothing_to_infer_shows_no_jobs() -> None:
    found = steps(BATCH, stages(*VALIDATED, "PlanInference", "ChooseEngine", ("AggregatePredictions", 1, 0)))
    assert marks(found)[2:4] == ["+ PlanInference", "> AggregatePredictions"]


def test_jobs_are_counted_where_they_run() -> None:
    running = (("RunProcessingJobs", 1, 0), ("RunProcessingJob", 5, 2))
    found = steps(BATCH, stages(*VALIDATED, "PlanInference", "ChooseEngine", *running))
    step = next(step for step in found if step.name == "RunProcessingJobs")
    assert (step.does, step.jobs, step.jobs_ended) == (PREDICTS, 5, 2)


def test_every_state_that_works_on_the_usual_way_is_shown_when_it_was_visited() -> None:
    names = [*VALIDATED, "PlanInference", "RunProcessingJobs", "AggregatePredictions", "WriteReport", "Notify"]
    shown = [step.name for step in steps(BATCH, stages(*names, "PublishEvent", "Done"))]
    assert shown == ["StartRun", "ValidateImages", *names[4:], "PublishEvent"]


@pytest.mark.parametrize("machine", [None, {"StartAt": "A", "States": {"A": {"Type": "Pass"}}}])
def test_a_machine_that_is_not_known_or_does_nothing_has_a_course_too(machine: dict[str, Any] | None) -> None:
    assert marks(steps(machine, stages("StartRun"))) == (["+ StartRun"] if machine is None else [])
