"""A workload, rates and prices with round numbers."""

import pytest

from pipeline.costs.prices import Price, Prices
from pipeline.costs.rates import Rates
from pipeline.costs.workload import Job, Workload


@pytest.fixture
def work() -> Workload:
    """320 images of 50 KB, in two batches and two shards, for one job."""
    return Workload(
        engine="processing",
        model="example",
        images=320,
        image_bytes=16_000_000,
        read=320,
        accepted=320,
        sources=1,
        batches=2,
        shards=2,
        shard_bytes=48_000_000,
        jobs=(Job("ml.c7i.xlarge", 1, 320),),
        has_ledger=False,
    )


@pytest.fixture
def rates() -> Rates:
    return Rates(
        ms_per_image=5.0,
        ms_per_mb=10.0,
        job_start_seconds=360.0,
        images_per_second={"ml.c7i.xlarge": 8.0},
        inference_basis={"ml.c7i.xlarge": "ml.c7i.xlarge: measured"},
    )


@pytest.fixture
def cheap() -> Prices:
    """What is easily multiplied by head; requests cost nothing."""
    free = dict.fromkeys(
        (
            "lambda_request",
            "s3_put_request",
            "s3_get_request",
            "s3_gb_month",
            "dynamodb_read_request_unit",
            "dynamodb_write_request_unit",
            "sns_request",
            "sns_email",
            "events_event",
            "processing_volume_gb_month",
        ),
        Price(0.0, "2026-11-01"),
    )
    units = {
        **free,
        "lambda_gb_second_arm64": Price(0.01, "2026-11-01"),
        "states_transition": Price(0.1, "2026-11-03"),
    }
    return Prices("test-1", units, {"ml.c7i.xlarge": Price(9.0, "2026-11-02")})
