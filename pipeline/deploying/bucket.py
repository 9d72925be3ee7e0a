"""The bucket for what is uploaded, before there is a stack to hold one: a stack of its own, one in each region.

It is encrypted, reached by TLS alone and by nobody from outside. It forgets nothing: a change that fails is rolled back
to the code of the deployment before, however old that is.
"""

from collections.abc import Callable
from typing import Any

from pipeline.deploying import change_sets
from pipeline.deploying.building import ROOT

STACK = "imagebatch-artifacts"
TEMPLATE = ROOT / "infra" / "artifacts.yaml"


def find_bucket(cloudformation: Any) -> str | None:
    """The bucket, where its stack is there."""
    stack = change_sets.find_stack(cloudformation, STACK)
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in (stack or {}).get("Outputs", ())}
    return outputs.get("Bucket")


def make_bucket(cloudformation: Any, say: Callable[[str], None], pause: float) -> str:
    """The bucket, made where it is not there. Raises DeployError."""
    there = find_bucket(cloudformation)
    if there:
        return there
    source = {"TemplateBody": TEMPLATE.read_text(encoding="utf-8")}
    proposed = change_sets.propose(cloudformation, STACK, source, (), {}, pause)
    if proposed is not None:
        change_sets.execute(cloudformation, proposed, say, pause)
    made = find_bucket(cloudformation)
    assert made is not None  # noqa: S101  (the template has the output)
    return made
