"""The message that people get when a run has failed: what it was doing, what is safe, and how to go on."""

from pipeline.message_text import shown
from pipeline.results import causes
from pipeline.results.failures import Failure
from pipeline.results.messages import make
from pipeline.runs.stages import Stage

# What to do before going on about an error of pipeline/errors.py.
_ADVICE = {
    "InvalidRunInput": "Correct the input, and start the state machine again.",
    "UnknownModel": "Upload the model package, or start the state machine again with another model.",
    "InvalidModelPackage": "Correct the model package, and upload it.",
    "InvalidContract": "Correct contract.json, and upload it.",
    "ContractMismatch": "Correct the model package (`imagebatch contract check` tries it on a laptop), and upload it.",
    "RunDoesNotAddUp": "Do not use these results. Keep the run's objects for who looks into it.",
    "RunTakenOver": "Leave this execution as it is: another one has the run.",
    "TooManyFailed": "Remove the cause that failed.csv gives, and predict what failed once more.",
    "OverBudget": "Raise the limit, choose a cheaper instance type, or run over fewer images.",
    "UnknownPrice": "Put the price into prices.json of the results bucket (docs/costs.md), or take the limit away.",
    "InvalidPrices": "Correct prices.json of the results bucket (docs/costs.md), or delete it.",
    "MissingSetting": "Deploy infra/template.yaml again: a function lacks a setting.",
    "InvalidSetting": "Correct the parameter that the message is about, and deploy infra/template.yaml again.",
}
_REMOVE_CAUSE = "Remove the cause, if it was no passing fault of a service."
_NOTHING_TO_RESUME = {"InvalidRunInput", "RunTakenOver"}
_LONGEST_LINE, _LONGEST_NAME = 2000, 100
_VERBS = {"FAILED": "has failed", "TIMED_OUT": "ran out of time", "ABORTED": "was stopped"}


def run_failed(failure: Failure, stack: str) -> dict[str, str]:
    """`{"subject", "body"}`. `stack` is what the command that goes on calls the stack."""
    name = shown(failure.error, _LONGEST_NAME) or ("stopped" if failure.status == "ABORTED" else "an unknown error")
    called = failure.run_id or failure.execution_name
    doing = _DOING[failure.stage]
    paragraphs = [
        [f"The run {called} {_VERBS[failure.status]} while {doing}.", f"Execution {failure.execution_arn}"],
        [
            "What failed" if failure.status != "ABORTED" else "Why",
            f"  {name}",
            *(f"  {shown(line, _LONGEST_LINE)}" for line in causes.readable(failure.cause).splitlines()),
        ],
        ["What is safe", f"  {what_is_safe(failure)}"],
        ["How to go on", *(f"  {line}" for line in _how_to_go_on(failure, stack))],
    ]
    state = "STOPPED" if failure.status == "ABORTED" else f"FAILED: {name}"
    return make(f"imagebatch {state} while {doing} ({called})", paragraphs)


# Redriven with the limit that it has, a run would be refused again.
_ABOUT_MONEY = {"OverBudget", "UnknownPrice"}


def how_to_resume(failure: Failure, stack: str) -> str | None:
    """The command that goes on with the run; None where there is nothing to go on with."""
    if failure.error in _NOTHING_TO_RESUME:
        return None
    limit = " --max-cost USD" if failure.error in _ABOUT_MONEY else ""
    return f"imagebatch resume {failure.run_id or failure.execution_name} --stack {stack}{limit}"


def _how_to_go_on(failure: Failure, stack: str) -> list[str]:
    was_stopped = failure.status == "ABORTED"
    advice = "" if was_stopped else _ADVICE.get(failure.error, _REMOVE_CAUSE)
    lines = [advice] if advice else []
    if command := how_to_resume(failure, stack):
        then = "Then" if advice else "When it may go on"
        lines += [
            f"{then}: {command}",
            "(with --local in place of --stack where it runs in a local cloud). What is done is not done again.",
        ]
    return lines


_DOING = {
    Stage.STARTING: "starting",
    Stage.VALIDATING: "validating images",
    Stage.PLANNING: "planning inference",
    Stage.PREDICTING: "running the model",
    Stage.GATHERING: "gathering results",
    Stage.ANNOUNCING: "announcing the results",
}


def what_is_safe(failure: Failure) -> str:
    """A sentence: what the run has kept, and where."""
    if failure.run is None:
        return "Nothing was listed and nothing was written. The images are as they were."
    here = f"s3://{failure.run['bucket']}/runs/{failure.run['run_id']}/"
    return {
        Stage.STARTING: f"The run is noted in {here}run.json, and nothing was listed. The images are as they were.",
        Stage.VALIDATING: f"The verdicts so far are in {here}verdicts/. The images are as they were.",
        Stage.PLANNING: f"Every image is validated: {here}verdicts/ and {here}shards/.",
        Stage.PREDICTING: f"Every image is validated, and the predictions so far are in {here}predictions/.",
        Stage.GATHERING: f"The predictions are in {here}predictions/, and what was gathered in {here}results/.",
        Stage.ANNOUNCING: f"The run is complete: {here}results/.",
    }[failure.stage]
