"""Which instances the jobs of a run may have: the types of the list, in its order, as far as the account's quotas go.

    quotas of the account ──► offers, the preferred type first ──► how many instances a job has, how many jobs at once

A type of which the account may run none is left out. Where that leaves nothing, the run cannot be planned, and the
error says which quota it takes. An unknown quota limits nothing: SageMaker refuses what is too much, and the state
machine waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline import quotas
from pipeline.errors import NoInstanceQuota
from pipeline.quotas import Quotas
from pipeline.runs.run import Run
from pipeline.runs.run_input import TRANSFORM
from pipeline.settings import PlanInferenceSettings

# Of one transform job: as many as an account may have of most types until it asks for more.
_MOST_OF_A_JOB = 20


@dataclass(frozen=True)
class Offer:
    """A type of instance that there is a quota for, or of which it is not known."""

    instance_type: str
    most: int | None
    """How many instances may run at once; None where nobody knows."""

    @property
    def most_of_a_job(self) -> int:
        return _MOST_OF_A_JOB if self.most is None else min(self.most, _MOST_OF_A_JOB)


def types(run: Run, settings: PlanInferenceSettings) -> list[str]:
    """The types that a run's jobs may have, the preferred one first. One that the run's input names is the only one."""
    if run.instance_type:
        return [run.instance_type]
    listed = settings.transform_instance_type if run.engine == TRANSFORM else settings.default_instance_type
    return listed.replace(" ", "").split(",")


def quota_names(run: Run, settings: PlanInferenceSettings) -> list[str]:
    """The names of the quotas that limit a run's jobs."""
    of_types = [quotas.of_type(instance_type, run.engine) for instance_type in types(run, settings)]
    return [*of_types, quotas.of_all_types(run.engine)]


def offers(run: Run, settings: PlanInferenceSettings, known: Quotas) -> list[Offer]:
    """What is left of the types, in their order. Raises NoInstanceQuota where that is nothing."""
    across = known.known.get(quotas.of_all_types(run.engine))
    found = []
    for instance_type in types(run, settings):
        own = known.known.get(quotas.of_type(instance_type, run.engine))
        values = [quota.value for quota in (own, across) if quota is not None]
        offer = Offer(instance_type, min(values) if values else None)
        if offer.most != 0:
            found.append(offer)
    if not found:
        raise NoInstanceQuota(_no_quota(run, known))
    return found


def jobs_at_once(offer: Offer, largest: int, settings: PlanInferenceSettings) -> int:
    """How many jobs may run at once on instances of one type, where the largest of them has `largest`."""
    if offer.most is None:
        return settings.max_concurrent_jobs
    return max(1, min(settings.max_concurrent_jobs, offer.most // largest))


def noted(known: Quotas, offers: Sequence[Offer], at_once: Sequence[int], jobs: int) -> Quotas:
    """The quotas, whose note says which type slows a run of so many jobs down, where that is not the preferred one.

    `at_once` is how many jobs may run at once on each of `offers`.
    """
    least = min(at_once, default=0)
    if not offers or least >= min(at_once[0], jobs):
        return known
    type_of_least = offers[at_once.index(least)].instance_type
    slowed = (
        f"As many jobs run at once as fit into every type of the list: {least} of {type_of_least}, and"
        f" {at_once[0]} of {offers[0].instance_type}. Ask for more of {type_of_least}, or take it off the list."
    )
    return replace(known, note=f"{known.note} {slowed}".lstrip())


def _no_quota(run: Run, known: Quotas) -> str:
    empty = [quota for quota in known.known.values() if quota.value == 0]
    told = " and ".join(f"{quota.name!r}" for quota in empty)
    commands = "; ".join(
        f"aws service-quotas request-service-quota-increase --service-code {quotas.SERVICE} --quota-code {quota.code}"
        " --desired-value 1"
        for quota in empty
    )
    parameter = "TransformInstanceType" if run.engine == TRANSFORM else "InstanceType"
    other = "`instance_type` in the run's input" if run.instance_type else f"{parameter} of the stack"
    return (
        f"The account's quota {told} is 0: it may run no instance for {run.engine} jobs. Ask for more ({commands}), or "
        f"name another type ({other}). `imagebatch resume {run.run_id}` then goes on: what was validated is kept."
    )
