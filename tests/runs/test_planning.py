"""Planning: every item is accounted for, and the shards are shared out evenly."""

import json
import re
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import objects
from pipeline.contract import ModelContract
from pipeline.errors import CorruptArtifact, RunDoesNotAddUp
from pipeline.runs import keys, planning
from pipeline.runs.planning import Plan
from pipeline.runs.run import Run
from pipeline.runs.sources import Prefix
from pipeline.settings import PlanInferenceSettings
from pipeline.shards import Row
from pipeline.validation import verdicts
from pipeline.validation.batches import Batch, BatchShard, Counts
from pipeline.validation.verdicts import Accepted, Rejected

RESULTS = "example-results"
SETTINGS = PlanInferenceSettings("ml.c7i.xlarge", images_per_job=100)


class MapRuns:
    """Step Functions, as far as planning asks it: how many items each map run was given."""

    def __init__(self, **items: int) -> None:
        self._items = items

    def describe_map_run(self, **request: str) -> dict[str, Any]:
        return {"itemCounts": {"total": self._items[request["mapRunArn"]]}}

    def get_paginator(self, operation: str) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListExecutions")


class Unanswered:
    """Service Quotas, where there is no way to it."""

    def get_paginator(self, operation: str) -> Any:
        raise EndpointConnectionError(endpoint_url="https://servicequotas")


NO_ANSWER = Unanswered()


def batch(name: str, accepted: int, rejected: int = 0, passed_over: int = 0) -> Batch:
    shards = (BatchShard(f"{name}-0", accepted, accepted * 192),) if accepted else ()
    return Batch(name, Counts(accepted + rejected, passed_over, accepted, rejected), shards)


def write_results(s3: Any, run: Run, prefix: int, *files: list[Batch]) -> dict[str, Any]:
    """What a distributed map leaves behind: a manifest, and its files of batch results."""
    folder = f"runs/{run.run_id}/map/{prefix}/uuid/"
    succeeded = []
    for number, batches in enumerate(files):
        key = f"{folder}SUCCEEDED_{number}.jsonl"
        objects.put_bytes(s3, RESULTS, key, objects.dump_lines(each.to_json(run.run_id) for each in batches))
        succeeded.append({"Key": key, "Size": 1})
    manifest = {"DestinationBucket": RESULTS, "ResultFiles": {"SUCCEEDED": succeeded, "FAILED": [], "PENDING": []}}
    objects.put_json(s3, RESULTS, f"{folder}manifest.json", manifest)
    return {"MapRunArn": f"map{prefix}", "ResultWriterDetails": {"Bucket": RESULTS, "Key": f"{folder}manifest.json"}}


def read_plan(s3: Any, run: Run) -> Plan:
    return planning.load_plan(s3, run)


def test_a_plan_has_the_batches_of_a_prefix_in_the_order_of_their_keys(s3: Any, run: Run) -> None:
    run = replace(run, sources=(Prefix("example-images", "b/"), Prefix("example-images", "a/")))
    ended = [
        [replace(batch("x", 1), first="b/2"), replace(batch("y", 1), first="b/1")],
        [replace(batch("z", 1), first="a/9")],
    ]
    validated = [write_results(s3, run, number, batches) for number, batches in enumerate(ended)]
    planning.plan_inference(run, validated, SETTINGS, s3, MapRuns(map0=2, map1=1), NO_ANSWER)

    assert [each.first for each in read_plan(s3, run).batches] == ["b/1", "b/2", "a/9"]


def test_a_plan_counts_what_every_file_of_every_prefix_holds(s3: Any, run: Run) -> None:
    run = replace(run, sources=(Prefix("example-images", "a/"), Prefix("example-images", "b/")))
    validated = [
        write_results(s3, run, 0, [batch("b1", 3, 1, 1)], [batch("b2", 2)]),
        write_results(s3, run, 1, [batch("b3", 0, 4)]),
    ]

    plan = planning.plan_inference(run, validated, SETTINGS, s3, MapRuns(map0=7, map1=4), NO_ANSWER)

    assert plan["counts"] == {"listed": 10, "passed_over": 1, "accepted": 5, "rejected": 5, "skipped": 0}


def test_what_travels_has_the_shape_that_the_architecture_shows(s3: Any, run: Run) -> None:
    plan = planning.plan_inference(
        run, [write_results(s3, run, 0, [batch("b1", 3)])], SETTINGS, s3, MapRuns(map0=3), NO_ANSWER
    )
    here = f"s3://example-results/runs/{run.run_id}"

    assert plan["key"] == f"runs/{run.run_id}/plan.json"
    assert plan["engine"] == "processing"
    assert plan["partitions"] == [
        {
            "id": "p0000",
            "job_name": f"imagebatch-{run.run_id}-p0000",
            "manifest": f"{here}/plan/p0000.manifest",
            "predictions": f"{here}/predictions/p0000/",
            "images": 3,
            "shards": 1,
            "instance_type": "ml.c7i.xlarge",
            "instance_count": 1,
            "max_runtime_seconds": 1801,
            "resources": {"InstanceType": "ml.c7i.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        }
    ]


def test_plan_json_holds_every_shard_with_its_partition(s3: Any, run: Run) -> None:
    planning.plan_inference(
        run, [write_results(s3, run, 0, [batch("b1", 3)])], SETTINGS, s3, MapRuns(map0=3), NO_ANSWER
    )

    (found,) = read_plan(s3, run).batches
    assert found.shards == (BatchShard("b1-0", 3, 576, "p0000"),)


def test_a_manifest_names_the_shards_of_its_partition(s3: Any, run: Run) -> None:
    batches = [batch("b1", 100), batch("b2", 60), batch("b3", 30)]
    planning.plan_inference(run, [write_results(s3, run, 0, batches)], SETTINGS, s3, MapRuns(map0=190), NO_ANSWER)

    manifests = [objects.get_json(s3, RESULTS, keys.manifest_key(run.run_id, id)) for id in ("p0000", "p0001")]

    prefix = {"prefix": f"s3://example-results/runs/{run.run_id}/shards/"}
    assert manifests == [[prefix, "b1-0.safetensors"], [prefix, "b2-0.safetensors", "b3-0.safetensors"]]


def test_a_step_that_is_retried_plans_the_same(s3: Any, run: Run) -> None:
    forwards = write_results(s3, run, 0, [batch("b1", 100), batch("b2", 100)])
    first = planning.plan_inference(run, [forwards], SETTINGS, s3, MapRuns(map0=200), NO_ANSWER)
    backwards = write_results(s3, run, 0, [batch("b2", 100), batch("b1", 100)])

    assert planning.plan_inference(run, [backwards], SETTINGS, s3, MapRuns(map0=200), NO_ANSWER) == first


def test_a_run_of_which_nothing_was_accepted_has_nothing_to_infer(s3: Any, run: Run) -> None:
    validated = [write_results(s3, run, 0, [batch("b1", 0, 2)])]

    plan = planning.plan_inference(run, validated, SETTINGS, s3, MapRuns(map0=2), NO_ANSWER)

    assert (plan["engine"], plan["partitions"]) == ("none", [])


def test_an_empty_prefix_has_nothing_to_infer(s3: Any, run: Run) -> None:
    plan = planning.plan_inference(run, [write_results(s3, run, 0)], SETTINGS, s3, MapRuns(map0=0), NO_ANSWER)

    assert (plan["engine"], plan["counts"]["listed"]) == ("none", 0)


@pytest.mark.parametrize(("given", "difference"), [(5, "2 too few"), (2, "1 too many")])
def test_a_map_run_of_other_items_does_not_add_up(s3: Any, run: Run, given: int, difference: str) -> None:
    validated = [write_results(s3, run, 0, [batch("b1", 3)])]

    with pytest.raises(RunDoesNotAddUp, match=rf"s3://example-images/incoming/: {given} objects .* {difference}"):
        planning.plan_inference(run, validated, SETTINGS, s3, MapRuns(map0=given), NO_ANSWER)


def test_a_listing_that_names_its_images_twice_does_not_add_up(s3: Any, run: Run) -> None:
    validated = [write_results(s3, run, 0, [batch("b1", 3), batch("b1", 3)])]

    with pytest.raises(RunDoesNotAddUp, match="Batch b1 was validated 2 times: a listing names the same images"):
        planning.plan_inference(run, validated, SETTINGS, s3, MapRuns(map0=6), NO_ANSWER)


def test_large_inputs_make_more_jobs_so_that_each_fits_its_volume(run: Run) -> None:
    batches = [Batch(f"b{n}", Counts(50, 0, 50, 0), (BatchShard(f"b{n}-0", 50, 9 * 10**9),)) for n in range(6)]
    plan = planning.make_plan(run, batches, replace(SETTINGS, images_per_job=1000))

    assert len(plan.partitions) == 4


def test_arrays_make_more_jobs_too(run: Run) -> None:
    batches = [Batch(f"b{n}", Counts(50, 0, 50, 0), (BatchShard(f"b{n}-0", 50, 10**9),)) for n in range(6)]
    plan = planning.make_plan(replace(run, array_row_bytes=10**8), batches, replace(SETTINGS, images_per_job=1000))

    assert len(plan.partitions) == 3


def test_where_a_run_has_as_many_jobs_as_it_may_each_gets_a_volume_for_its_part(run: Run) -> None:
    batches = [Batch(f"b{n}", Counts(160, 0, 160, 0), (BatchShard(f"s{n}", 160, 10 * 10**9),)) for n in range(200)]

    (usual,) = planning.make_plan(run, batches[:1], SETTINGS).partitions
    larger = planning.make_plan(run, batches, SETTINGS).partitions

    assert len(larger) == planning.MAX_JOBS
    # 20 GB of shards, where a job usually has 16 at most.
    assert {each.resources["VolumeSizeInGB"] for each in larger} == {usual.resources["VolumeSizeInGB"] + 4}


def test_the_run_may_name_another_instance_type(run: Run) -> None:
    plan = planning.make_plan(replace(run, instance_type="ml.g5.xlarge"), [batch("b1", 1)], SETTINGS)

    assert plan.partitions[0].instance_type == "ml.g5.xlarge"


def test_a_transform_run_deals_its_shards_out_among_the_instances_of_one_job(run: Run) -> None:
    batches = [batch(f"b{number}", 100) for number in range(7)]
    settings = replace(SETTINGS, images_per_instance=250)

    (partition,) = planning.make_plan(replace(run, engine="transform"), batches, settings).partitions

    assert (partition.instance_type, partition.instance_count) == ("ml.g4dn.xlarge", 3)


def test_a_transform_job_has_no_more_instances_than_shards(run: Run) -> None:
    settings = replace(SETTINGS, images_per_instance=1)

    (partition,) = planning.make_plan(replace(run, engine="transform"), [batch("b1", 10)], settings).partitions

    assert partition.instance_count == 1


def test_a_large_transform_run_has_several_jobs_of_at_most_twenty_instances(run: Run) -> None:
    batches = [batch(f"b{number:03}", 100) for number in range(45)]
    settings = replace(SETTINGS, images_per_instance=100)

    plan = planning.make_plan(replace(run, engine="transform"), batches, settings)

    assert (plan.engine, [partition.instance_count for partition in plan.partitions]) == ("transform", [15, 15, 15])


def test_the_time_of_a_transform_job_is_that_of_one_instance(run: Run) -> None:
    batches = [batch(f"b{number}", 100) for number in range(8)]

    def seconds(images_per_instance: int) -> int:
        settings = replace(SETTINGS, images_per_instance=images_per_instance)
        (partition,) = planning.make_plan(replace(run, engine="transform"), batches, settings).partitions
        return partition.max_runtime_seconds - 1800

    assert (seconds(800), seconds(200)) == (200, 50)


def test_no_job_is_planned_for_longer_than_the_state_machine_waits(run: Run) -> None:
    for engine in ("processing", "transform"):
        plan = planning.make_plan(replace(run, engine=engine), [batch("b1", 10**9)], SETTINGS)
        assert plan.partitions[0].max_runtime_seconds < 86_400


@given(sizes=st.lists(st.integers(1, 24_000_000), min_size=1, max_size=60), jobs=st.integers(1, 20))
def test_shards_are_shared_out_once_each_and_no_job_is_far_above_the_best(sizes: list[int], jobs: int) -> None:
    shards = [BatchShard(f"s{number:03}", 1, size) for number, size in enumerate(sizes)]

    shares = planning.balance(shards, jobs)

    assert sorted(shard.id for share in shares for shard in share) == [shard.id for shard in shards]
    heaviest = max(sum(shard.bytes for shard in share) for share in shares)
    at_least = max(sum(sizes) / jobs, max(sizes))
    assert heaviest <= at_least * 4 / 3 + max(sizes)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    accepted=st.lists(st.integers(1, 160), max_size=300),
    images_per_job=st.integers(1, 500),
    engine=st.sampled_from(["processing", "transform"]),
)
def test_a_plan_keeps_every_image_and_stays_small_enough_to_travel(
    run: Run, accepted: list[int], images_per_job: int, engine: str
) -> None:
    batches = [batch(f"b{number:04}", count) for number, count in enumerate(accepted)]
    settings = PlanInferenceSettings("ml.c7i.xlarge", images_per_job=images_per_job, images_per_instance=images_per_job)

    plan = planning.make_plan(replace(run, engine=engine), batches, settings)

    assert sum(partition.images for partition in plan.partitions) == sum(accepted)
    assert all(partition.shards >= partition.instance_count >= 1 for partition in plan.partitions)
    assert len(plan.partitions) <= 100
    assert len(json.dumps(plan.between_states(run.run_id))) < 100_000
    assert Plan.from_json(json.loads(json.dumps(plan.to_json(run.run_id)))) == plan


def test_job_names_are_ones_that_sagemaker_takes_with_a_retry_behind_them(run: Run) -> None:
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("ProcessingJobName")
    long = replace(SETTINGS, job_name_prefix="a-stack-with-quite-a-long-name-of-its-own")

    (partition,) = planning.make_plan(run, [batch("b1", 1)], long).partitions

    name = f"{partition.job_name}-99-99"
    assert re.fullmatch(shape.metadata["pattern"], name)
    assert len(name) <= shape.metadata["max"]


def originals(bucket: str, name: str, sizes: int, count: int = 4) -> Batch:
    """A batch of photos that a container that is not ours is sent as they are."""
    return Batch(name, Counts(count, 0, count, 0), (BatchShard(f"{name}-0", count, sizes, originals=bucket),))


@pytest.fixture
def foreign(run: Run, foreign_contract: ModelContract) -> Run:
    return replace(run, engine="transform", contract=foreign_contract)


def test_originals_of_several_buckets_are_in_jobs_of_their_own(foreign: Run) -> None:
    plan = planning.make_plan(foreign, [originals(f"bucket-{n % 3}", f"b{n}", 100) for n in range(9)], SETTINGS)

    buckets = [
        {shard.originals for batch in plan.batches for shard in batch.shards if shard.partition == each.id}
        for each in plan.partitions
    ]
    assert sorted(map(sorted, buckets)) == [["bucket-0"], ["bucket-1"], ["bucket-2"]]


def test_what_cannot_be_sent_is_in_no_job(foreign: Run) -> None:
    unsent = BatchShard("b1-1", 2, 900, originals="images", is_sent=False)
    mixed = Batch("b1", Counts(6, 0, 6, 0), (*originals("images", "b1", 100).shards, unsent))

    plan = planning.make_plan(foreign, [mixed], SETTINGS)

    assert [partition.images for partition in plan.partitions] == [4]
    assert [shard.partition for shard in plan.batches[0].shards] == ["p0000", ""]


def test_where_nothing_can_be_sent_there_is_nothing_to_infer(foreign: Run) -> None:
    unsent = BatchShard("b1-1", 2, 900, originals="images", is_sent=False)

    plan = planning.make_plan(foreign, [Batch("b1", Counts(2, 0, 2, 0), (unsent,))], SETTINGS)

    assert (plan.engine, plan.partitions) == ("none", ())


def test_photos_that_are_sent_one_by_one_get_an_instance_for_an_hour_s_work(foreign: Run) -> None:
    plan = planning.make_plan(foreign, [originals("images", f"b{n}", 100, 10_000) for n in range(6)], SETTINGS)

    assert [partition.instance_count for partition in plan.partitions] == [3]


def test_a_plan_for_as_many_buckets_as_a_run_may_have_fits_between_states(foreign: Run) -> None:
    foreign = replace(foreign, bucket="b" * 63)
    plan = planning.make_plan(foreign, [originals(f"bucket-{n}", f"b{n}", 100) for n in range(100)], SETTINGS)

    assert len(plan.partitions) == 100
    assert len(json.dumps(plan.between_states(foreign.run_id))) < 100_000


def test_the_manifest_of_originals_names_the_accepted_ones_whatever_their_keys(s3: Any, foreign: Run) -> None:
    photos = ["a b.jpg", 'q"uote.jpg', "line\nend.jpg", "ü/\u2028.jpg", "../up.jpg"]
    rows = [Row("images", key, "e", 10, 4, 3) for key in photos]
    verdicts_of_batch = [
        *(Accepted(row, "JPEG", (), (), "b1-0") for row in rows),
        Rejected("images", "bad.jpg", "e", 10, "corrupt", "words"),
        Accepted(Row("images", "large.jpg", "e", 10**9, 4, 3), "JPEG", (), (), "b1-1"),
    ]
    body = objects.dump_lines(map(verdicts.to_json, verdicts_of_batch))
    objects.put_bytes(s3, RESULTS, keys.verdicts_key(foreign.run_id, "b1"), body)
    unsent = BatchShard("b1-1", 1, 10**9, originals="images", is_sent=False)
    shards = (*originals("images", "b1", 50, 5).shards, unsent)
    validated = [write_results(s3, foreign, 0, [Batch("b1", Counts(7, 0, 6, 1), shards)])]

    plan = planning.plan_inference(foreign, validated, SETTINGS, s3, MapRuns(map0=7), NO_ANSWER)

    (partition,) = plan["partitions"]
    manifest = objects.get_json(s3, *objects.parse_s3_uri(partition["manifest"]))
    assert manifest == [{"prefix": "s3://images/"}, *photos]


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
def test_a_plan_that_is_gone_is_told_so_whatever_s3_calls_it(s3: Any, run: Run, code: str) -> None:
    """S3 calls what is missing forbidden to who may not list the bucket."""
    stubber = Stubber(s3)
    stubber.add_client_error("get_object", code)
    with stubber, pytest.raises(CorruptArtifact, match=r"plan\.json is gone: `imagebatch resume`"):
        read_plan(s3, run)
