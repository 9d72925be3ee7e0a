"""A plan reads strictly: what is wrong with it is told with its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.faults import FaultPlan, FaultPlanError, load_plan, refuse_end_of_cloud
from pipeline.local.faults.plan import EVERYWHERE, KINDS


def a_plan(**rule: Any) -> dict[str, Any]:
    return {"faults": [{"on": "function", "fault": "killed", "occurrences": [1], **rule}]}


@pytest.mark.parametrize(("on", "fault"), [(on, fault) for on in KINDS for fault in (*KINDS[on], *EVERYWHERE)])
def test_every_fault_reads(on: str, fault: str) -> None:
    (rule,) = FaultPlan.from_json(a_plan(on=on, fault=fault)).rules
    assert (rule.on, rule.fault) == (on, fault)


@pytest.mark.parametrize("fault", sorted({fault for faults in KINDS.values() for fault in (*faults, *EVERYWHERE)}))
def test_every_fault_is_documented(fault: str) -> None:
    assert f"`{fault}`" in (Path(__file__).resolve().parents[3] / "docs" / "faults.md").read_text()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "the plan: expected an object {...}, got []"),
        ({}, "faults: expected a list of objects, got null"),
        ({"fault": []}, "unknown field 'fault'; did you mean 'faults'?"),
        ({"faults": [], "seed": 1.5}, "seed: expected a whole number, got 1.5"),
        ({"faults": [], "retry_pace": 2}, "retry_pace: expected a number from 0 to 1, got 2"),
        (
            a_plan(on="lambda"),
            'faults[0].on: expected one of function, processing_job, transform_job, request, got "la',
        ),
        (a_plan(fault="kiled"), "faults[0].fault: expected one of killed, out_of_memory"),
        (a_plan(on="request"), "faults[0].fault: expected one of throttled, limit_exceeded"),
        (a_plan(service="s3"), "faults[0].service is for requests"),
        (a_plan(occurrences=[0]), "faults[0].occurrences: expected a list of whole numbers from 1, got [0]"),
        (a_plan(occurrences=[True]), "faults[0].occurrences"),
        (a_plan(probability=0.5), "either occurrences, as in [1, 3], or probability"),
        (a_plan(times=0), "faults[0].times: expected a whole number from 1, got 0"),
        (a_plan(seconds=[2, 1]), "faults[0].seconds: expected the least before the most"),
        (a_plan(seconds=[1, 2, 3]), "faults[0].seconds: expected a number, or two"),
        (a_plan(seconds=-1), "faults[0].seconds: expected a number from 0 to 3600, got -1"),
        (a_plan(name=""), "faults[0].name: expected a pattern"),
        (a_plan(nmae="*"), "faults[0] has an unknown field 'nmae'; did you mean 'name'?"),
        (a_plan(on="request", fault="old_version", service="sns"), "faults[0].service: expected 's3'"),
        (a_plan(on="request", fault="old_version", operation="PutObject"), "expected GetObject or HeadObject"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(document: Any, said: str) -> None:
    with pytest.raises(FaultPlanError) as refused:
        FaultPlan.from_json(document)
    assert said in str(refused.value)


@pytest.mark.parametrize("text", ["{", "\x00", '{"faults": 1}'])
def test_a_file_that_does_not_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(FaultPlanError, match=r"plan\.json' does not read"):
        load_plan(tmp_path / "plan.json")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FaultPlanError, match="cannot be read: No such file"):
        load_plan(tmp_path / "none.json")


def test_the_example_in_the_documentation_reads() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "faults.md").read_text()
    example = text.partition("```json\n")[2].partition("```")[0]
    assert len(FaultPlan.from_json(json.loads(example)).rules) == 3


def test_a_cloud_that_nobody_starts_again_is_not_killed() -> None:
    with pytest.raises(FaultPlanError, match=r"faults\[0\]\.fault: cloud_killed would end the command"):
        refuse_end_of_cloud(FaultPlan.from_json(a_plan(fault="cloud_killed")))
