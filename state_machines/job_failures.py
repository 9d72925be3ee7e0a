"""Why a partition failed, in few words: the states behind a SageMaker job, of whichever engine.

    the job   timed out         {}JobTimedOut
              failed otherwise  Why{}PartitionFailed   the cause is a sentence: {}JobNotStarted
                                Read{}JobDescription   it is the job's description
                                Why{}JobFailed         may lead to a retry; else {}JobFailedWith<field>, or {}JobStopped

All of them end with the partition as `Failed`, a value: a job that fails costs its own partition, and
AggregatePredictions decides about the run. `{}` tells the states of the engines apart, whose names are unique in the
whole machine.
"""

from collections.abc import Mapping

from state_machines.sdk import Catch, Choice, ChoiceRule, Pass, State, Task
from state_machines.tasks import ALL, SAGEMAKER_OVER_QUOTA


def keep_why_it_failed(
    job: Task, kind: str, *, said_in: Mapping[str, str], other: State, retry: tuple[ChoiceRule, State] | None = None
) -> None:
    """Catch whatever ends `job`, a `.sync` task over `$.partition`.

    `said_in` are the fields of the job's description, `$.error.job`, that say why it failed, the one that says most
    first; and what is kept of each, a path or an intrinsic. Where the rule of `retry` holds, its state is next; `other`
    is where there is no instance to be had, and another type is planned.
    """
    timed_out = partition_failed(
        f"{kind}JobTimedOut", {"cause": "The job did not end in the time that it was given, and was stopped."}
    )
    job.add_catch(Catch(error_equals=["States.Timeout"], result_path="$.error", next_step=timed_out))
    why = _why_partition_failed(kind, other, _why_job_failed(kind, said_in, other, retry))
    job.add_catch(Catch(error_equals=ALL, result_path="$.error", next_step=why))


def other_instance(name: str, shared: str, job: Task) -> Pass:
    """Make the partition one of the next type on the plan's list, and run `job` again; all jobs get `shared`."""
    other = Pass(
        name,
        parameters={
            "run.$": "$.run",
            f"{shared}.$": f"$.{shared}",
            "partition.$": "States.JsonMerge($.partition, $.partition.next, false)",
        },
    )
    other.next(job)
    return other


def partition_failed(name: str, cause: dict[str, str]) -> Pass:
    """The end of a partition whose job failed with the error at `$.error`; `cause` has one field, `cause`."""
    return Pass(name, parameters={"id.$": "$.partition.id", "status": "Failed", "error.$": "$.error.Error", **cause})


# The last partition on a list has no other in it.
_HAS_OTHER = ChoiceRule.IsPresent("$.partition.next.job_name", True)


def _why_partition_failed(kind: str, other: State, why_job_failed: Choice) -> Choice:
    """Keep the reason, and drop the rest of the cause.

    The cause of a job that ran is its whole description, some 3 KB of JSON. A hundred of them would not fit into the
    state, and the error of that could not even be caught. The cause of a job that SageMaker refused is a sentence.
    """
    choice = Choice(f"Why{kind}PartitionFailed")
    read_job = Pass(
        f"Read{kind}JobDescription",
        parameters={"Error.$": "$.error.Error", "job.$": "States.StringToJson($.error.Cause)"},
        result_path="$.error",
    )
    read_job.next(why_job_failed)
    over_quota = ChoiceRule.StringEquals("$.error.Error", SAGEMAKER_OVER_QUOTA)
    choice.add_choice(ChoiceRule.And([over_quota, _HAS_OTHER]), other)
    choice.add_choice(ChoiceRule.StringMatches("$.error.Cause", "{*"), read_job)
    choice.default_choice(partition_failed(f"{kind}JobNotStarted", {"cause.$": "$.error.Cause"}))
    return choice


def _why_job_failed(
    kind: str, said_in: Mapping[str, str], other: State, retry: tuple[ChoiceRule, State] | None
) -> Choice:
    choice = Choice(f"Why{kind}JobFailed")
    reason = "$.error.job.FailureReason"
    no_capacity = [ChoiceRule.IsPresent(reason, True), ChoiceRule.StringMatches(reason, "*CapacityError*"), _HAS_OTHER]
    choice.add_choice(ChoiceRule.And(no_capacity), other)
    if retry is not None:
        choice.add_choice(*retry)
    for field, cause in said_in.items():
        path = f"$.error.job.{field}"
        is_said = ChoiceRule.And([ChoiceRule.IsPresent(path, True), ChoiceRule.StringGreaterThan(path, "")])
        choice.add_choice(is_said, partition_failed(f"{kind}JobFailedWith{field}", {"cause.$": cause}))
    choice.default_choice(
        partition_failed(
            f"{kind}JobStopped", {"cause": "The job gave no reason: it was stopped, by hand or at its time limit."}
        )
    )
    return choice
