"""What a failed transform job left out is found by looking, and becomes a job of its own."""

import re
from typing import Any

import botocore.session
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import names, objects
from pipeline.runs import keys
from pipeline.runs.retrying import plan_retry
from pipeline.runs.run import Run
from pipeline.settings import PlanRetrySettings

RESULTS = "example-results"


def partition(run: Run, **changes: Any) -> dict[str, Any]:
    return {
        "id": "p0003",
        "job_name": names.job_name("imagebatch", run.run_id, "p0003"),
        "manifest": f"s3://{RESULTS}/{keys.manifest_key(run.run_id, 'p0003')}",
        "predictions": f"s3://{RESULTS}/{keys.predictions_prefix(run.run_id, 'p0003')}",
        "images": 600,
        "shards": 4,
        "instance_type": "ml.g4dn.xlarge",
        "instance_count": 3,
        "max_runtime_seconds": 1850,
        "resources": {"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 3},
        **changes,
    }


def plan(s3: Any, run: Run, shards: list[str]) -> None:
    manifest = [{"prefix": f"s3://{RESULTS}/{keys.shards_prefix(run.run_id)}"}, *(f"{id}.safetensors" for id in shards)]
    objects.put_json(s3, RESULTS, keys.manifest_key(run.run_id, "p0003"), manifest)


def transform_key(run_id: str, partition: str, shard: str) -> str:
    """Where Batch Transform puts its answer for a shard."""
    return f"runs/{run_id}/predictions/{partition}/{shard}.safetensors.out"


def predict(s3: Any, run: Run, *shards: str, partition: str = "p0003") -> None:
    for shard in shards:
        objects.put_bytes(s3, RESULTS, transform_key(run.run_id, partition, shard), b"{}\n")


def retry(s3: Any, run: Run, prefix: str = "imagebatch", **changes: Any) -> dict[str, Any]:
    return plan_retry(run.pointer, partition(run, **changes), PlanRetrySettings(prefix), s3)


def listed(s3: Any, retried: dict[str, Any]) -> list[Any]:
    found: list[Any] = objects.get_json(s3, *objects.parse_s3_uri(retried["manifest"]))
    return found


def test_only_shards_without_predictions_are_tried_again(s3: Any, run: Run) -> None:
    plan(s3, run, ["a-0", "b-0", "c-0"])
    predict(s3, run, "a-0", "c-0")

    retried = retry(s3, run)

    assert listed(s3, retried) == [{"prefix": f"s3://{RESULTS}/runs/{run.run_id}/shards/"}, "b-0.safetensors"]
    assert retried["missing"] == 1


def test_predictions_of_another_partition_do_not_count(s3: Any, run: Run) -> None:
    plan(s3, run, ["a-0"])
    predict(s3, run, "a-0", partition="p0004")

    assert retry(s3, run)["missing"] == 1


@pytest.mark.parametrize("folders", ["/", "shards/", "runs/r/shards/"])
def test_an_answer_counts_in_whichever_folder_of_its_partition_it_lies(s3: Any, run: Run, folders: str) -> None:
    plan(s3, run, ["a-0"])
    predict(s3, run, f"{folders}a-0")

    assert retry(s3, run)["missing"] == 0


def test_where_nothing_is_missing_no_shard_is_left(s3: Any, run: Run) -> None:
    plan(s3, run, ["a-0", "b-0"])
    predict(s3, run, "a-0", "b-0")

    assert retry(s3, run)["missing"] == 0


def test_a_retry_is_the_same_partition_with_another_job(s3: Any, run: Run) -> None:
    plan(s3, run, ["a-0", "b-0", "c-0", "d-0"])

    retried = retry(s3, run)

    first = partition(run)
    assert retried.pop("missing") == 4
    assert {name: retried[name] for name in retried if retried[name] != first.get(name)} == {
        "job_name": f"imagebatch-{run.run_id}-p0003-retry",
        "retry_of": first["job_name"],
        "manifest": f"s3://{RESULTS}/runs/{run.run_id}/plan/p0003-retry.manifest",
    }


@pytest.mark.parametrize(("missing", "instances"), [(0, 1), (1, 1), (2, 2), (9, 3)])
def test_there_are_no_more_instances_than_shards(s3: Any, run: Run, missing: int, instances: int) -> None:
    plan(s3, run, [f"{number}-0" for number in range(missing)])

    retried = retry(s3, run)

    assert retried["instance_count"] == instances
    assert retried["resources"]["InstanceCount"] == instances


def test_a_step_that_is_retried_answers_the_same(s3: Any, run: Run) -> None:
    plan(s3, run, ["a-0", "b-0"])
    predict(s3, run, "a-0")

    assert retry(s3, run) == retry(s3, run)


@pytest.mark.parametrize("prefix", ["imagebatch", "a-stack-with-quite-a-long-name-of-its-own"])
def test_the_other_job_s_name_is_one_that_sagemaker_takes_with_a_retry_behind_it(
    s3: Any, run: Run, prefix: str
) -> None:
    plan(s3, run, ["a-0"])
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("TransformJobName")

    retried = retry(s3, run, prefix, job_name=names.job_name(prefix, run.run_id, "p0003"))

    assert re.fullmatch(shape.metadata["pattern"], f"{retried['job_name']}-99-99")
    assert len(retried["job_name"]) + len("-99-99") <= shape.metadata["max"]
    assert retried["job_name"] != retried["retry_of"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(planned=st.sets(st.integers(0, 99), max_size=8), written=st.sets(st.integers(0, 99), max_size=8))
def test_what_is_there_and_what_is_tried_again_make_the_partition(
    s3: Any, run: Run, planned: set[int], written: set[int]
) -> None:
    s3.delete_objects(
        Bucket=RESULTS,
        Delete={"Objects": [{"Key": transform_key(run.run_id, "p0003", f"{n}-0")} for n in range(100)]},
    )
    plan(s3, run, [f"{number}-0" for number in sorted(planned)])
    predict(s3, run, *(f"{number}-0" for number in written))

    _, *again = listed(s3, retry(s3, run))

    assert {int(name.partition("-")[0]) for name in again} == planned - written


def test_of_originals_those_without_an_answer_under_their_whole_key_are_tried_again(s3: Any, run: Run) -> None:
    keys_of_photos = ["a.jpg", "b/a.jpg", 'c "quoted".jpg', "line\nend.jpg", "ü.jpg"]
    manifest = [{"prefix": "s3://example-images/"}, *keys_of_photos]
    objects.put_json(s3, RESULTS, keys.manifest_key(run.run_id, "p0003"), manifest)
    for key in ("b/a.jpg", "ü.jpg"):
        objects.put_bytes(s3, RESULTS, f"runs/{run.run_id}/predictions/p0003/{key}.out", b"[1]")

    retried = retry(s3, run)

    assert listed(s3, retried) == [manifest[0], "a.jpg", 'c "quoted".jpg', "line\nend.jpg"]
    assert retried["missing"] == 3
