"""Runs: what run.json says reads back, and every key lies where docs/architecture.md says."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import objects
from pipeline.errors import RunTakenOver
from pipeline.limits import Animation, Quarantine
from pipeline.runs import keys
from pipeline.runs.run import Run, load_own_run
from pipeline.runs.sources import Listing

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"


def test_a_run_reads_back_from_its_json(run: Run) -> None:
    assert Run.from_json(json.loads(json.dumps(run.to_json()))) == run


def test_a_run_reads_back_with_its_instance_type(run: Run) -> None:
    run = replace(run, instance_type="ml.c7i.xlarge")

    assert Run.from_json(run.to_json()).instance_type == "ml.c7i.xlarge"


def test_a_run_over_a_listing_reads_back(run: Run) -> None:
    run = replace(run, sources=(Listing("example-images", "example-results", "replays/a.jsonl"),), replays="earlier")

    assert Run.from_json(json.loads(json.dumps(run.to_json()))) == run


def test_a_run_reads_back_with_its_limits_and_its_quarantine(run: Run) -> None:
    limits = replace(run.limits, formats=frozenset({"PNG"}), min_side=32, animated=Animation.REJECT)
    run = replace(run, limits=limits, quarantine=Quarantine.TAG)

    assert Run.from_json(json.loads(json.dumps(run.to_json()))) == run


def test_a_run_is_that_of_the_execution_that_has_it(run: Run, s3: Any) -> None:
    objects.put_json(s3, run.bucket, keys.run_key(run.run_id), run.to_json())

    assert load_own_run(s3, run.pointer) == run


def test_a_run_that_was_taken_over_is_its_former_executions_no_more(run: Run, s3: Any) -> None:
    taken = replace(run, execution_arn="arn:aws:states:us-east-1:123456789012:execution:imagebatch:later")
    objects.put_json(s3, run.bucket, keys.run_key(run.run_id), taken.to_json())

    with pytest.raises(RunTakenOver, match="imagebatch:later"):
        load_own_run(s3, run.pointer)


def test_run_json_names_the_contract_that_shards_must_have(run: Run) -> None:
    assert run.to_json()["contract_digest"] == run.contract.digest


def test_every_key_is_one_that_the_architecture_shows() -> None:
    shown = ARCHITECTURE.read_text()
    made = {
        keys.model_prefix("<model>") + "contract.json",
        keys.run_key("<run_id>"),
        keys.verdicts_key("<run_id>", "<batch>"),
        keys.shard_key("<run_id>", "<batch>-<n>"),
        keys.thumbnails_key("<run_id>", "<batch>-<n>"),
        keys.plan_key("<run_id>"),
        keys.manifest_key("<run_id>", "<partition>"),
        keys.predictions_key("<run_id>", "<partition>", "<shard>"),
        keys.result_key("<run_id>", "predictions.parquet"),
        keys.replay_key("<run_id>", "<hash>"),
    }

    assert {key for key in made if not re.search(f"`{re.escape(key)}`", shown)} == set()


def test_the_keys_of_a_run_lie_under_its_prefixes() -> None:
    assert keys.verdicts_key("r", "b").startswith(keys.verdicts_prefix("r"))
    assert keys.shard_key("r", "b-0").startswith(keys.shards_prefix("r"))
    assert keys.failed_shard_key("r", "p0000", "b-0").startswith(keys.predictions_prefix("r", "p0000"))
    assert keys.predictions_prefix("r", "p0000").startswith(keys.predictions_prefix("r"))
