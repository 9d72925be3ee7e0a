"""A run that nobody has started: planned as it would be, and as the documents say."""

import json
import re
from pathlib import Path

import pytest

from pipeline.contract import parse_contract
from pipeline.costs import prices
from pipeline.costs.estimate import estimate
from pipeline.costs.prospect import Images, count, prospect, too_large
from pipeline.costs.rates import Rates
from pipeline.settings import PlanInferenceSettings

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = PlanInferenceSettings("ml.c7i.xlarge")


@pytest.fixture
def contract():
    path = ROOT / "examples/models/efficientnet-lite0/contract.json"
    return parse_contract(json.loads(path.read_text(encoding="utf-8")), "contract.json", images=True)


def test_the_example_that_the_document_works_through_is_what_the_code_says(contract) -> None:
    work, _ = prospect(Images(1_000_000, 200_000_000_000), "efficientnet-lite0", contract, SETTINGS, ledger="one")
    made = estimate(work, Rates(), prices.load("us-east-1"))
    text = (ROOT / "docs/costs.md").read_text(encoding="utf-8")
    ((minutes, whole),) = re.findall(r"\| \*\*together\*\* \| \*\*about (\d+) minutes.*\| \*\*([\d.]+)\*\* \|", text)
    parts = [float(usd) for usd in re.findall(r"^\| [^|*]+\|[^|]*\| ([\d.]+) \|$", text, re.MULTILINE)]
    assert f"{made.usd:.2f}" == whole
    assert f"{made.seconds / 60:.0f}" == minutes
    assert sum(parts) == pytest.approx(float(whole), abs=0.01)


def test_every_image_is_in_a_batch_and_a_shard(contract) -> None:
    work, plan = prospect(Images(1_001, 5_005), "example", contract, SETTINGS)
    assert (work.images, work.accepted, work.batches) == (1_001, 1_001, 7)
    assert sum(part.images for part in plan.partitions) == 1_001
    assert work.shard_bytes == 1_001 * contract.input.bytes_per_image


def test_of_more_images_than_one_run_can_gather_a_plan_says_so(contract) -> None:
    def said(images: int) -> list[str]:
        work, _ = prospect(Images(images, images), "example", contract, SETTINGS, ledger="one")
        return too_large(work)

    assert said(5_000_000) == []
    # 2 s, 33 us an image, two objects of 5 ms for each of 50,000 batches, five minutes for the ledger.
    (note,) = said(8_000_000)
    assert "about 18 minutes, and AggregatePredictions has 15" in note


def test_no_images_are_no_jobs(contract) -> None:
    work, plan = prospect(Images(), "example", contract, SETTINGS)
    assert (work.jobs, plan.engine) == ((), "none")


def test_what_is_no_image_by_its_name_is_passed_over() -> None:
    found = count([("a.jpg", 5), ("b/", 0), ("_READY", 0), ("m.manifest.json", 9), ("c.png", None)])
    assert (found.images, found.passed_over, found.untold) == (2, 3, 1)
