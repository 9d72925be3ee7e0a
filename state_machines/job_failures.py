"""Why a partition failed, in few words: the states behind a SageMaker job, of whichever engine.

    the job   timed out         FindTimedOut{}Job, StopTimedOut{}Jobs, {}JobTimedOut
              failed otherwise  Why{}PartitionFailed   the cause is a sentence: {}JobNotStarted
                                Read{}JobDescription   it is the job's description
                                Why{}JobFailed         may lead to a retry; else {}JobFailedWith<field>, or {}JobStopped

    there is no instance to be had
        the account's quota is used up    the task is tried again (JOB_RETRIES), then Next{}Instance
        the region has none free          Draw{}Wait, WaitFor{}Capacity, and the job again; then Next{}Instance

All of them end with the partition as `Failed`, a value: a job that fails costs its own partition, and
AggregatePredictions decides about the run. `{}` tells the states of the engines apart, whose names are unique in the
whole machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from state_machines.sdk import Catch, Choice, ChoiceRule, Map, Pass, State, Task, Wait
from state_machines.tasks import ALL, SAGEMAKER_OVER_QUOTA, SAGEMAKER_SDK_FAULTS, backoff

# Seconds that a job waits at most for the region to have an instance free, the first time, the second, the third.
LONGEST_WAITS = (120, 600, 1800)


@dataclass(frozen=True)
class Engine:
    """What the states behind the jobs of an engine differ in.

    Args:
        kind: tells their names apart, which are unique in the whole machine.
        api: what SageMaker calls the jobs: `ProcessingJob`.
        shared: the field that all jobs of a run get, beside `run` and `partition`.
        said_in: the fields of a job's description, `$.error.job`, that say why it failed, the one that says most first;
            and what is kept of each, a path or an intrinsic.
    """

    kind: str
    api: str
    shared: str
    said_in: Mapping[str, str]

    def entered_with(self, **changed: Any) -> dict[str, Any]:
        """The parameters of a state that leads back to the job: what the job is entered with."""
        return {
            "run.$": "$.run",
            f"{self.shared}.$": f"$.{self.shared}",
            **({} if "partition.$" in changed else {"partition.$": "$.partition"}),
            **changed,
        }


def keep_why_it_failed(job: Task, engine: Engine, *, retry: tuple[ChoiceRule, State] | None = None) -> None:
    """Catch whatever ends `job`, a `.sync` task over `$.partition`. Where the rule of `retry` holds, that is next."""
    job.add_catch(Catch(error_equals=["States.Timeout"], result_path="$.error", next_step=_stop_job(engine)))
    other = _other_instance(engine, job)
    why = _why_partition_failed(engine, other, _why_job_failed(engine, _wait_for_capacity(engine, job), other, retry))
    job.add_catch(Catch(error_equals=ALL, result_path="$.error", next_step=why))


def _stop_job(engine: Engine) -> Task:
    """A task that times out leaves its job running: Step Functions stops the job of a task that is aborted, and does
    not say that it stops one whose time is over (Developer Guide, "Run a Job (.sync)"). What the job is called in the
    end, only the task knew; SageMaker knows it by how its name begins.
    """
    kind, name = engine.kind, f"{engine.api}Name"
    timed_out = partition_failed(
        f"{kind}JobTimedOut", {"cause": "The job did not end in the time that it was given, and was stopped."}
    )
    find = Task(
        f"FindTimedOut{kind}Job",
        resource=f"arn:aws:states:::aws-sdk:sagemaker:list{engine.api}s",
        timeout_seconds=60,
        parameters={"NameContains.$": "$.partition.job_name", "StatusEquals": "InProgress"},
        result_selector={"names.$": f"$.{engine.api}Summaries[*].{name}"},
        result_path="$.running",
        retry=[backoff(SAGEMAKER_SDK_FAULTS)],
    )
    stop = Task(
        f"StopTimedOut{kind}Job",
        resource=f"arn:aws:states:::aws-sdk:sagemaker:stop{engine.api}",
        timeout_seconds=60,
        parameters={f"{name}.$": "$.name"},
        retry=[backoff(SAGEMAKER_SDK_FAULTS, max_attempts=3)],
    )
    stop_all = Map(
        f"StopTimedOut{kind}Jobs",
        items_path="$.running.names",
        item_selector={"name.$": "$$.Map.Item.Value"},
        processor=stop,
        result_path=None,
    )
    # One that has ended meanwhile cannot be stopped, and what cannot be stopped costs no more than its partition.
    for state in (find, stop_all):
        state.add_catch(Catch(error_equals=ALL, result_path="$.stopping", next_step=timed_out))
    find.next(stop_all)
    stop_all.next(timed_out)
    return find


def _wait_for_capacity(engine: Engine, job: Task) -> Pass:
    """Run `job` again after a while, a random part of it, so that jobs which failed together do not return together.

    `$.waited` counts, and is in the job's name.
    """
    longest = ", ".join(map(str, LONGEST_WAITS))
    draw = Pass(
        f"Draw{engine.kind}Wait",
        parameters=engine.entered_with(
            **{
                "waited.$": "States.MathAdd($.waited, 1)",
                "seconds.$": f"States.MathRandom(1, States.ArrayGetItem(States.Array({longest}), $.waited))",
            }
        ),
    )
    wait = Wait(f"WaitFor{engine.kind}Capacity", seconds_path="$.seconds")
    draw.next(wait)
    wait.next(job)
    return draw


def _other_instance(engine: Engine, job: Task) -> Pass:
    """Make the partition one of the next type on the plan's list, and run `job` again."""
    other = Pass(
        f"Next{engine.kind}Instance",
        parameters=engine.entered_with(
            **{"partition.$": "States.JsonMerge($.partition, $.partition.next, false)", "waited": 0}
        ),
    )
    other.next(job)
    return other


def partition_failed(name: str, cause: dict[str, str]) -> Pass:
    """The end of a partition whose job failed with the error at `$.error`; `cause` has one field, `cause`."""
    return Pass(name, parameters={"id.$": "$.partition.id", "status": "Failed", "error.$": "$.error.Error", **cause})


# The last partition on a list has no other in it.
_HAS_OTHER = ChoiceRule.IsPresent("$.partition.next.job_name", True)


def _why_partition_failed(engine: Engine, other: State, why_job_failed: Choice) -> Choice:
    """Keep the reason, and drop the rest of the cause.

    The cause of a job that ran is its whole description, some 3 KB of JSON. A hundred of them would not fit into the
    state, and the error of that could not even be caught. The cause of a job that SageMaker refused is a sentence.
    """
    kind = engine.kind
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


def _why_job_failed(engine: Engine, wait: State, other: State, retry: tuple[ChoiceRule, State] | None) -> Choice:
    kind = engine.kind
    choice = Choice(f"Why{kind}JobFailed")
    reason = "$.error.job.FailureReason"
    no_capacity = [ChoiceRule.IsPresent(reason, True), ChoiceRule.StringMatches(reason, "*CapacityError*")]
    may_wait = ChoiceRule.NumericLessThan("$.waited", len(LONGEST_WAITS))
    choice.add_choice(ChoiceRule.And([*no_capacity, may_wait]), wait)
    choice.add_choice(ChoiceRule.And([*no_capacity, _HAS_OTHER]), other)
    failed = {
        field: partition_failed(f"{kind}JobFailedWith{field}", {"cause.$": cause})
        for field, cause in engine.said_in.items()
    }
    # There was no job: no other one would find more.
    choice.add_choice(ChoiceRule.And(no_capacity), failed["FailureReason"])
    if retry is not None:
        choice.add_choice(*retry)
    for field, state in failed.items():
        path = f"$.error.job.{field}"
        is_said = ChoiceRule.And([ChoiceRule.IsPresent(path, True), ChoiceRule.StringGreaterThan(path, "")])
        choice.add_choice(is_said, state)
    choice.default_choice(
        partition_failed(
            f"{kind}JobStopped", {"cause": "The job gave no reason: it was stopped, by hand or at its time limit."}
        )
    )
    return choice
