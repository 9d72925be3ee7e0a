"""What a workload takes: quantities, which prices make a bill of, and seconds. No service is asked.

It counts what the state machine does when nothing goes wrong: retries, redrives and walks over batches that died come
on top. docs/costs.md says what else is left out.
"""

import math
from dataclasses import dataclass
from typing import Any

from pipeline.costs.prices import Prices
from pipeline.costs.quantities import Bill, Quantities
from pipeline.costs.rates import MS_COLD_START, MS_PER_INVOCATION, Rates
from pipeline.costs.workload import Job, Workload, most_images

# Memory of functions, in GB, as infra/template.yaml has it.
VALIDATION_GB = 1769 / 1024
_START_GB = _PLAN_GB = 1.0
_GATHERING_GB = 3008 / 1024

# Of the distributed map (MaxConcurrency, in state_machines/batch.py), and of the inline one around it.
_FUNCTIONS = 200
_SOURCES_AT_ONCE = 4
_BATCHES_PER_SECOND = 100
"""STANDARD executions that Step Functions starts for one map ("Quotas related to accounts")."""
_VOLUME_GB = 30
_SHARD_DAYS = 7
_HOURS_PER_MONTH = 730.0

LONGEST_GATHERING_SECONDS = 900.0
"""A function ends after 15 minutes: images above some millions are for several runs (docs/operations.md)."""

# From one state to the next, and what each step takes besides images: docs/performance.md, "Where a run's time goes".
_FIXED_SECONDS = 10.0
_START_SECONDS = 1.0
_PLAN_SECONDS, _PLAN_SECONDS_PER_ITEM = 1.0, 54e-6
# Verdicts and predictions of a batch are two objects, read eight at a time, 40 ms away.
_GATHER_SECONDS, _GATHER_SECONDS_PER_IMAGE, _SECONDS_PER_OBJECT = 2.0, 33e-6, 0.005
# A new table takes 4,000 items a second, and is written to for five minutes at most (pipeline/ledger/writing.py).
_LEDGER_ITEMS_PER_SECOND, _LONGEST_LEDGER_SECONDS = 4000, 300.0
_REPORT_SECONDS = 20.0

_LIST_PAGE = 1000
# States of the main line; of each source; of each child execution, which costs a transition to start, too (Step
# Functions Developer Guide, "Transitions in Distributed Map state"); of each partition.
_STATES, _STATES_PER_SOURCE, _STATES_PER_BATCH, _STATES_PER_JOB = 11, 2, 2, 2
_RESULT_FILES = 8


@dataclass(frozen=True)
class Estimate:
    """What a run would take. `seconds` is None where the speed of a type is not known, and `bill.usd` then is, too."""

    quantities: Quantities
    bill: Bill
    seconds_by_part: dict[str, float | None]
    basis: tuple[str, ...]
    """Where the rates are from, a sentence each."""

    @property
    def seconds(self) -> float | None:
        parts = list(self.seconds_by_part.values())
        return None if None in parts else sum(part for part in parts if part is not None)

    @property
    def usd(self) -> float | None:
        return self.bill.usd if self.seconds is not None else None


def estimate(work: Workload, rates: Rates, prices: Prices) -> Estimate:
    """What this work takes at these rates, and costs at these prices."""
    validation = validation_seconds(work, rates)
    jobs, wall, basis = _jobs(work, rates)
    gathering = gathering_seconds(work)
    gb_seconds = validation * VALIDATION_GB + other_gb_seconds(work, gathering)
    quantities = fixed_quantities(work) + jobs + Quantities({"lambda_gb_second_arm64": gb_seconds})
    parts: dict[str, float | None] = {
        "validation": max(validation / max(min(work.batches, _FUNCTIONS), 1), _dispatch_seconds(work)),
        "jobs": wall,
        "all else": _FIXED_SECONDS + _START_SECONDS + _planning_seconds(work) + gathering + _REPORT_SECONDS,
    }
    return Estimate(quantities, quantities.bill(prices), parts, (rates.validation_basis, *basis))


def validation_seconds(work: Workload, rates: Rates) -> float:
    """Of all functions together, those that start cold included."""
    per_image = rates.ms_per_image * work.read + rates.ms_per_mb * _read_megabytes(work)
    return (per_image + invocation_ms(work.batches)) / 1000


def _dispatch_seconds(work: Workload) -> float:
    """Until all batches have been started, of sources that are about as large."""
    return work.batches / (_BATCHES_PER_SECOND * max(min(work.sources, _SOURCES_AT_ONCE), 1))


def gathering_seconds(work: Workload) -> float:
    """Of AggregatePredictions, which has LONGEST_GATHERING_SECONDS."""
    seconds = _GATHER_SECONDS + _GATHER_SECONDS_PER_IMAGE * work.images
    seconds += _SECONDS_PER_OBJECT * (work.batches + _answers(work))
    if work.has_ledger:
        seconds += min(work.accepted / _LEDGER_ITEMS_PER_SECOND, _LONGEST_LEDGER_SECONDS)
    return seconds


def invocation_ms(batches: int) -> float:
    """What invocations take besides their images."""
    return MS_PER_INVOCATION * batches + MS_COLD_START * min(batches, _FUNCTIONS)


def other_gb_seconds(work: Workload, gathering_seconds: float) -> float:
    """Of the functions that are called once in a run; `gathering_seconds` are those of AggregatePredictions."""
    once = _START_SECONDS * _START_GB + _planning_seconds(work) * _PLAN_GB
    return once + (gathering_seconds + _REPORT_SECONDS) * _GATHERING_GB


def _planning_seconds(work: Workload) -> float:
    return _PLAN_SECONDS + _PLAN_SECONDS_PER_ITEM * work.images


def fixed_quantities(work: Workload) -> Quantities:
    """What follows from counts alone, however long things take."""
    batches, answers = work.batches, _answers(work)
    pages = math.ceil(work.images / _LIST_PAGE) + math.ceil(answers / _LIST_PAGE) + work.sources
    written = 2 * batches + answers + len(work.jobs) + _RESULT_FILES + work.sources
    # A shard has its thumbnails beside it.
    written += 0 if work.sends_originals else 2 * work.shards
    arrays = work.shards if work.arrays else 0
    # A job reads its inputs; a photo that is sent as it is, is read twice.
    taken = work.accepted if work.sends_originals else work.shards
    read = work.read + batches + taken + 3 * len(work.jobs) + batches + answers
    units = {
        "lambda_request": float(batches + 4),
        "states_transition": float(
            _STATES + _STATES_PER_SOURCE * work.sources + _STATES_PER_BATCH * batches + _STATES_PER_JOB * len(work.jobs)
        ),
        "s3_put_request": float(pages + written + 2 * arrays),
        "s3_get_request": float(read),
        "s3_gb_month": work.shard_bytes / 1e9 * _SHARD_DAYS * 24 / _HOURS_PER_MONTH,
        "sns_request": 1.0,
        "sns_email": 1.0,
        "events_event": 1.0,
    }
    if work.has_ledger:
        # Half a unit for an item that need not be the newest: read by validation, and again before it is written.
        units["dynamodb_read_request_unit"] = 0.5 * (work.images + work.accepted)
        units["dynamodb_write_request_unit"] = float(work.accepted)
    return Quantities(units)


def job_quantities(engine: str, instance_hours: dict[str, float]) -> Quantities:
    """Hours of instances, and the volumes that Processing jobs have on theirs."""
    if engine != "processing":
        return Quantities({}, instance_hours)
    return Quantities(
        {"processing_volume_gb_month": sum(instance_hours.values()) * _VOLUME_GB / _HOURS_PER_MONTH}, instance_hours
    )


def _jobs(work: Workload, rates: Rates) -> tuple[Quantities, float | None, list[str]]:
    """What the jobs use, how long they take, and what both rest on."""
    hours: dict[str, float] = {}
    basis: list[str] = []
    slowest = 0.0
    for instance_type in work.types:
        rate, why = rates.of_instance(instance_type, originals=work.sends_originals)
        basis.append(why)
        jobs = [job for job in work.jobs if job.instance_type == instance_type]
        if rate is None:
            hours[instance_type] = sum(job.instances for job in jobs) * rates.job_start_seconds / 3600
            slowest = math.nan
            continue
        hours[instance_type] = sum(_instance_seconds(job, rate, rates) for job in jobs) / 3600
        slowest = max(slowest, rates.job_start_seconds + most_images(jobs) / rate)
    rounds = math.ceil(len(work.jobs) / work.jobs_at_once)
    wall = None if math.isnan(slowest) else rounds * slowest
    return job_quantities(work.engine, hours), wall, basis


def _instance_seconds(job: Job, rate: float, rates: Rates) -> float:
    return rates.job_start_seconds * job.instances + job.images / rate


def _answers(work: Workload) -> int:
    """Objects that jobs write."""
    return work.accepted if work.sends_originals else work.shards


def _read_megabytes(work: Workload) -> float:
    return work.image_bytes / 1e6 * (work.read / work.images if work.images else 0.0)


def to_json(found: Estimate) -> dict[str, Any]:
    """As plan.json has it."""
    return {
        "usd": None if found.usd is None else round(found.usd, 6),
        "seconds": None if found.seconds is None else round(found.seconds, 1),
        "seconds_by_part": {
            name: None if part is None else round(part, 1) for name, part in found.seconds_by_part.items()
        },
        "lines": found.bill.to_json(),
        "basis": list(found.basis),
    }
