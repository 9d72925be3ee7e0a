"""docs/deployment.md and docs/operations.md, held to the template, the doctor and the estimates."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract import ModelContract, parse_contract
from pipeline.costs import prices
from pipeline.costs.estimate import LONGEST_GATHERING_SECONDS, Estimate, estimate
from pipeline.costs.prospect import Images, prospect, too_large
from pipeline.costs.rates import Rates
from pipeline.costs.workload import Workload
from pipeline.doctor.diagnosis import diagnose
from pipeline.doctor.inputs import Line
from pipeline.quotas import Quota, Quotas, of_type
from pipeline.runs.listings import ListedImage
from pipeline.settings import PlanInferenceSettings

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SETTINGS = PlanInferenceSettings("ml.c7i.xlarge")
FAILURES = re.findall(r"^### (\d+)\. .*?\n(.*?)(?=^##)", OPERATIONS, re.MULTILINE | re.DOTALL)


def section(document: str, heading: str) -> str:
    """What stands below a heading, up to the next of its level."""
    level = heading.split(" ", 1)[0]
    return re.split(rf"^{level} ", document.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(table: str) -> list[list[str]]:
    """The cells of the rows that stand below a table's head."""
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines if not line.startswith("|---")]


def test_every_parameter_is_in_the_document_with_its_default_and_what_it_does(template: dict[str, Any]) -> None:
    told = re.findall(
        r"^\| `(\w+)` \| (?:`(.*?)`)? ?\| (.*) \| (.+) \|$", section(DEPLOYMENT, "## Parameters"), re.MULTILINE
    )

    assert {name: (default, does) for name, default, does, _ in told} == {
        name: (str(each["Default"]), " ".join(each["Description"].split()).rstrip("."))
        for name, each in template["Parameters"].items()
    }


def test_every_alarm_is_in_the_document_in_its_own_words(with_parameters: Any) -> None:
    alarms = with_parameters(ScheduleState="ENABLED", MaxCostUsd="20").of_type("AWS::CloudWatch::Alarm")

    def words(text: Any) -> str:
        return " ".join((text if isinstance(text, str) else text["Fn::Sub"]).split()).replace(
            "${AWS::StackName}", "STACK"
        )

    table = rows(section(OPERATIONS, "## When an alarm rings"))[1:]
    assert {name.strip("`"): says for name, says, *_ in table} == {
        words(each["AlarmName"]).removeprefix("STACK-"): words(each["AlarmDescription"]) for each in alarms.values()
    }
    set_by = {name for *_, cell in table for name in re.findall(r"`([A-Z]\w+)`", cell)}
    assert set_by >= {each["Threshold"]["Ref"] for each in alarms.values() if isinstance(each["Threshold"], dict)}


@pytest.mark.parametrize("number", [number for number, text in FAILURES if "```text" in text])
def test_the_doctor_takes_a_failure_for_what_the_document_says(number: str) -> None:
    text = dict(FAILURES)[number]
    message = text.split("```text\n")[1].split("\n```")[0]
    found = diagnose([Line(message, "docs/operations.md", 1)]).findings

    assert found
    assert f"**{found[0].ailment.title}**" in text


def test_there_are_ten_failures() -> None:
    assert [number for number, _ in FAILURES] == [str(number) for number in range(1, 11)]


@pytest.fixture(scope="module")
def contract() -> ModelContract:
    path = ROOT / "examples/models/efficientnet-lite0/contract.json"
    return parse_contract(json.loads(path.read_text(encoding="utf-8")), "contract.json", images=True)


def planned(contract: ModelContract, images: int, instances: int = 40, **settings: int) -> tuple[Workload, Estimate]:
    name = of_type(SETTINGS.default_instance_type, "processing")
    work, _ = prospect(
        Images(images, images * 200_000),
        "efficientnet-lite0",
        contract,
        replace(SETTINGS, **settings),  # type: ignore[arg-type]
        ledger="one",
        quotas=Quotas({name: Quota(name, "", instances)}),
    )
    return work, estimate(work, Rates(), prices.load("us-east-1"))


def minutes(estimated: Estimate) -> str:
    assert estimated.seconds is not None
    return f"{estimated.seconds / 60:.0f} min"


def test_what_runs_of_each_size_take_is_what_the_code_says(contract: ModelContract) -> None:
    table = section(OPERATIONS, "## What it costs").split("### ")[0]
    for images, runs, jobs, takes, whole, usd in rows(table)[1:]:
        count = int(runs)
        work, made = planned(contract, int(images.replace(",", "")) // count)
        assert made.usd is not None
        assert made.seconds is not None
        assert (jobs, takes, usd) == (str(len(work.jobs)), minutes(made), f"{made.usd * count:,.2f}")
        value, unit = whole.split()
        assert value == (f"{made.seconds * count / 60:.0f}" if unit == "min" else f"{made.seconds * count / 3600:.1f}")
        assert too_large(work) == []


def test_what_fewer_jobs_save_is_what_the_code_says(contract: ModelContract) -> None:
    for instances, per_job, jobs, takes, usd in rows(section(OPERATIONS, "### How many images a job").split("## ")[0])[
        1:
    ]:
        images_per_job = int(per_job.strip("`").replace(",", ""))
        work, made = planned(contract, 1_000_000, int(instances), images_per_job=images_per_job)
        assert (jobs, takes, usd) == (str(len(work.jobs)), minutes(made), f"{made.usd:.2f}")


def test_what_one_run_can_gather_is_what_the_code_says(contract: ModelContract, template: dict[str, Any]) -> None:
    (told,) = re.findall(r"\*\*(\d) million with a ledger, (\d) million without\*\*", OPERATIONS)
    for millions, ledger in zip(told, ("one", None), strict=True):
        for images, fits in ((int(millions) * 1_000_000, True), ((int(millions) + 1) * 1_000_000, False)):
            work, _ = prospect(Images(images, images), "any", contract, SETTINGS, ledger=ledger)
            assert (too_large(work) == []) == fits

    function = template["Resources"]["AggregatePredictionsFunction"]["Properties"]
    assert function["Timeout"] == LONGEST_GATHERING_SECONDS


def test_a_listing_is_made_of_an_inventory_as_the_document_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb = pytest.importorskip("duckdb")
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory").mkdir()
    # The columns of S3 Inventory in Parquet (S3 User Guide, "Querying Amazon S3 Inventory with Amazon Athena").
    keys = [f'incoming/{number:03}/ä "{number}".jpg' for number in range(200)]
    current = [{"key": key, "size": 7, "e_tag": "9b2c", "is_latest": True, "is_delete_marker": False} for key in keys]
    others = [
        {**current[0], "key": "other/a.jpg"},
        {**current[0], "is_latest": False, "e_tag": "0000"},
        {**current[0], "key": "incoming/gone.jpg", "is_delete_marker": True},
    ]
    pq.write_table(pa.Table.from_pylist([*current, *others]), tmp_path / "inventory" / "one.parquet")
    query = section(OPERATIONS, "### A hundred million").split("```sql\n")[1].split("```")[0]

    listed: list[ListedImage] = []
    for part in range(20):
        duckdb.sql(query.replace("% 20 = 0", f"% 20 = {part}").replace("part-00", f"part-{part:02}"))
        lines = (tmp_path / f"part-{part:02}.jsonl").read_text(encoding="utf-8").splitlines()
        listed += [ListedImage.from_json(json.loads(line)) for line in lines]

    assert sorted(listed, key=lambda image: image.key) == [ListedImage(key, "9b2c", 7) for key in sorted(keys)]
