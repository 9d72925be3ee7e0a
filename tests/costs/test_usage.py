"""What a run has used: worked out by hand from jobs as SageMaker describes them, and from what batches wrote down."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pipeline import objects
from pipeline.costs import account, stored, usage
from pipeline.costs.rates import MS_PER_IMAGE, Measured, Rates
from pipeline.costs.workload import Workload
from pipeline.runs import keys
from pipeline.runs.planning import Plan, make_plan
from pipeline.runs.run import Run
from pipeline.settings import PlanInferenceSettings
from pipeline.validation.batches import Batch, BatchShard, Counts, Work

RESULTS = "example-results"
BEGAN = datetime(2026, 11, 20, 2, 5, tzinfo=UTC)
SETTINGS = PlanInferenceSettings("ml.c7i.xlarge")


def batch(number: int, images: int = 100) -> Batch:
    name = f"b{number}"
    shards = (BatchShard(f"{name}-0", images, images * 150_528),)
    return Batch(name, Counts(images, 0, images), shards, Work(1000, 1769, images * 50_000))


@pytest.fixture
def plan(run: Run) -> Plan:
    """600 images in six shards, for one job."""
    return make_plan(run, [batch(number) for number in range(6)], SETTINGS)


@pytest.fixture
def sagemaker() -> Iterator[Stubber]:
    client = boto3.client("sagemaker", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def describe(stubber: Stubber, name: str, **times: datetime) -> None:
    """DescribeProcessingJob as the API reference has it, and botocore holds it to its model."""
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:processing-job/{name}"
    answer = {
        "ProcessingJobName": name,
        "ProcessingJobArn": arn,
        "ProcessingJobStatus": "Completed",
        "CreationTime": BEGAN,
        "AppSpecification": {"ImageUri": "image"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.c7i.xlarge", "VolumeSizeInGB": 30}
        },
        **times,
    }
    stubber.add_response("describe_processing_job", answer, {"ProcessingJobName": name})


def listed(stubber: Stubber, *names: str) -> None:
    rows = [
        {
            "ProcessingJobName": name,
            "ProcessingJobArn": f"arn:aws:sagemaker:us-east-1:123456789012:processing-job/{name}",
            "CreationTime": BEGAN,
            "ProcessingJobStatus": "Completed",
        }
        for name in names
    ]
    stubber.add_response("list_processing_jobs", {"ProcessingJobSummaries": rows})


def test_each_job_counts_for_as_long_as_it_ran_and_one_that_never_ran_does_not(
    run: Run, plan: Plan, sagemaker: Stubber
) -> None:
    name = plan.partitions[0].job_name
    listed(sagemaker, f"{name}-0-0", f"{name}-0-1")
    describe(sagemaker, f"{name}-0-0", ProcessingEndTime=BEGAN)
    times = {"ProcessingStartTime": BEGAN, "ProcessingEndTime": BEGAN + timedelta(minutes=6)}
    describe(sagemaker, f"{name}-0-1", **times)

    assert usage.ran_jobs(sagemaker.client, plan, run) == [usage.Ran(f"{name}-0-1", "ml.c7i.xlarge", 1, 360.0)]


def test_what_was_used_is_what_a_hand_works_out(run: Run, plan: Plan) -> None:
    ran = [usage.Ran("job", "ml.c7i.xlarge", 1, 1800.0), usage.Ran("again", "ml.c7i.xlarge", 1, 1800.0)]
    work = Workload.of_plan(run, plan, 30_000_000)
    found = usage.used(work, plan, ran, gathering_seconds=10.0)

    assert found.instance_hours == {"ml.c7i.xlarge": 1.0}
    assert found.units["processing_volume_gb_month"] == pytest.approx(30 / 730)
    # Six batches of a second, and six cold starts of 0.44 s, at 1,769 MB; StartRun 1 s and PlanInference 1 s + 600 x
    # 54 us, at 1 GB; AggregatePredictions 10 s and WriteReport 20 s, at 3,008 MB.
    by_hand = (6 + 6 * 0.44) * 1769 / 1024 + 1 + 1.0324 + 30 * 3008 / 1024
    assert found.units["lambda_gb_second_arm64"] == pytest.approx(by_hand)


def put_predictions(s3: Any, run: Run, plan: Plan) -> None:
    for each in plan.batches:
        key = keys.predictions_key(run.run_id, plan.partitions[0].id, each.shards[0].id)
        objects.put_bytes(s3, RESULTS, key, b"{}\n")


def test_speed_is_taken_from_the_times_of_the_predictions(
    s3: Any, run: Run, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_predictions(s3, run, plan)
    found = sorted(objects.list_objects(s3, RESULTS, keys.predictions_prefix(run.run_id)), key=lambda item: item.key)
    # One shard of 100 images every four seconds.
    timed = [replace(item, stored_at=BEGAN + timedelta(seconds=4 * number)) for number, item in enumerate(found)]
    monkeypatch.setattr(objects, "list_objects", lambda *_: iter(timed))
    ran = [usage.Ran("job", "ml.c7i.xlarge", 1, 124.0)]

    measured = usage.measure(run, plan, Workload.of_plan(run, plan, 30_000_000), ran, s3, BEGAN)

    assert measured.job_images_per_second == pytest.approx(25.0)
    assert measured.job_start_seconds == pytest.approx(124.0 - 600 / 25)
    assert measured.validation_ms_per_image == pytest.approx(10.0)
    assert measured.image_mb == pytest.approx(0.05)


def test_what_is_too_short_to_tell_is_not_measured(s3: Any, run: Run) -> None:
    small = make_plan(run, [batch(0, images=50)], SETTINGS)
    put_predictions(s3, run, small)
    ran = [usage.Ran("job", "ml.c7i.xlarge", 1, 60.0)]
    measured = usage.measure(run, small, Workload.of_plan(run, small, 1), ran, s3, BEGAN)
    assert (measured.job_images_per_second, measured.validation_ms_per_image) == (None, None)


def test_the_next_run_goes_by_what_the_last_one_measured(s3: Any, run: Run) -> None:
    measured = Measured(run.run_id, BEGAN.isoformat(), "ml.c7i.xlarge", 12.0, 0.5, 40.0, 100.0)
    stored.store_rates(s3, RESULTS, run.model, measured)

    rates = stored.load_rates(s3, RESULTS, run.model, ["ml.c7i.xlarge"])

    assert rates.of_instance("ml.c7i.xlarge") == (40.0, f"ml.c7i.xlarge: measured by the run {run.run_id}")
    assert rates.ms_per_image + 0.5 * rates.ms_per_mb == pytest.approx(12.0)
    assert rates.job_start_seconds == 100.0
    assert stored.load_rates(s3, RESULTS, "another", ["ml.c7i.xlarge"]) == Rates()


def test_a_run_that_was_too_short_to_tell_leaves_what_is_known(s3: Any, run: Run) -> None:
    measured = Measured(run.run_id, BEGAN.isoformat(), "ml.c7i.xlarge", 12.0, 0.5, 40.0, 100.0)
    stored.store_rates(s3, RESULTS, run.model, measured)
    stored.store_rates(s3, RESULTS, run.model, replace(measured, run_id="short", job_images_per_second=None))
    rates = stored.load_rates(s3, RESULTS, run.model, ["ml.c7i.xlarge"])
    assert rates.of_instance("ml.c7i.xlarge")[0] == 40.0


@pytest.mark.parametrize("text", [b"", b"[]", b'{"run_id": "a"}', b"null"])
def test_rates_that_do_not_read_are_passed_over(s3: Any, run: Run, text: bytes) -> None:
    objects.put_bytes(s3, RESULTS, keys.rates_key(run.model, "ml.c7i.xlarge"), text)
    assert stored.load_rates(s3, RESULTS, run.model, ["ml.c7i.xlarge"]).ms_per_image == MS_PER_IMAGE


def test_a_run_whose_jobs_may_not_be_listed_says_why_it_has_no_sum(
    s3: Any, run: Run, plan: Plan, sagemaker: Stubber
) -> None:
    sagemaker.add_client_error("list_processing_jobs", "AccessDeniedException", "no", http_status_code=400)
    with pytest.raises(ClientError):
        usage.ran_jobs(sagemaker.client, plan, run)
    sagemaker.add_client_error("list_processing_jobs", "AccessDeniedException", "no", http_status_code=400)

    cost = account.account_for(run, plan, s3, sagemaker.client, 0.0, BEGAN, 60.0)

    assert cost["used_usd"] is None
    assert cost["unknown"] == ["What was used is not known in full: AccessDeniedException"]
