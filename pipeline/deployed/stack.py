"""The stack: which state machine and which bucket are behind a name."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import UnknownDeployment
from pipeline.objects import error_code

_STACKS_TOLD = 5


@dataclass(frozen=True)
class Deployment:
    """What the commands need to know of a stack."""

    state_machine: str
    """ARN of the batch state machine."""
    bucket: str
    """The results bucket."""
    ledger: str | None = None
    """The table that remembers what was predicted; None where the stack keeps none."""
    alias: str | None = None
    """ARN of the state machine's alias; None of a stack from before it had one."""

    @property
    def started(self) -> str:
        """What a run starts: the alias, so that the run keeps the version that was deployed last when it began.

        Executions are listed of the state machine, and called after it, whichever version they have.
        """
        return self.alias or self.state_machine


def find_deployment(cloudformation: Any, stack: str) -> Deployment:
    """Read the outputs of the stack.

    Raises UnknownDeployment where there is no such stack, or it is none of ours; and what botocore raises where
    nobody can be asked.
    """
    try:
        (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error_code(error) != "ValidationError":
            raise
        raise UnknownDeployment(
            f"There is no stack {stack!r} in {cloudformation.meta.region_name}{_others(cloudformation)}. "
            "--stack names another; --profile and --region say where to look."
        ) from error
    outputs = _outputs(described)
    try:
        return Deployment(
            outputs["StateMachineArn"],
            outputs["ResultsBucket"],
            outputs.get("LedgerTable"),
            outputs.get("StateMachineAliasArn"),
        )
    except KeyError as missing:
        raise UnknownDeployment(
            f"The stack {stack!r} ({described['StackStatus']}) has no output {missing}: it is not deployed yet, or was "
            "not made by infra/template.yaml. Wait for it, or name another with --stack."
        ) from missing


def _others(cloudformation: Any) -> str:
    """The stacks of this product that are there, where that can be found out."""
    try:
        pages = cloudformation.get_paginator("describe_stacks").paginate(PaginationConfig={"MaxItems": 200})
        stacks = [stack for page in pages for stack in page["Stacks"]]
    except (ClientError, BotoCoreError):
        return ""
    ours = [stack["StackName"] for stack in stacks if {"StateMachineArn", "ResultsBucket"} <= set(_outputs(stack))]
    return f"; of this product there are {', '.join(ours[:_STACKS_TOLD])}" if ours else ""


def _outputs(stack: Any) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}
