"""`imagebatch deploy`: the stack of infra/template.yaml in an AWS account, from the sources."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, arguments, cloud
from pipeline.interrupts import EXIT_INTERRUPTED, exit_now, interrupt, on_interrupt

if TYPE_CHECKING:
    from pipeline.deploying.change_sets import ChangeSet

_EXIT_DECLINED = EXIT_FAILED


def add_to(commands: Any) -> None:
    deploy = commands.add_parser(
        "deploy",
        help="deploy the stack into an AWS account",
        description="Build the functions, show what would change in the account, and change it. No Docker is needed: "
        "CodeBuild makes the container. Of a stack that is there, what no --param names stays as it is.",
    )
    arguments.add_parameters_option(deploy, "NotificationEmail=me@example.com")
    deploy.add_argument(
        "--model", type=Path, metavar="DIR", help="a model package to upload, and to be the one that runs take"
    )
    deploy.add_argument("-y", "--yes", action="store_true", help="change without asking")
    deploy.add_argument(
        "--replace",
        action="append",
        default=[],
        metavar="LOGICALID",
        help="a bucket, table or key that may be replaced by an empty one; may be given more than once",
    )
    cloud.add_options(deploy)
    deploy.set_defaults(command=lambda options: cloud.carry_out(options, lambda where: _deploy(where, options)))


def _deploy(where: cloud.Cloud, options: argparse.Namespace) -> int:
    if not _can_read_templates():
        return EXIT_USAGE
    from pipeline.contract.packages import load_package
    from pipeline.deploying.deployment import Declined, Request, Terminal, deploy
    from pipeline.deploying.errors import DeployError, TemplateError
    from pipeline.errors import ImageBatchError
    from pipeline.names import slug

    # Not before: what is raised while modules load may be swallowed by the import system.
    on_interrupt(interrupt)
    try:
        model = None
        if options.model:
            model = (slug(options.model.resolve().name, longest=63) or "model", load_package(options.model))
        parameters = arguments.merged(options.param)
        request = Request(where.stack, parameters, model, options.replace)
        terminal = Terminal(_say, lambda proposed: _confirm(proposed, assume_yes=options.yes), _pause(where))
        stack = deploy(where.client, request, terminal)
        on_interrupt(exit_now)  # nothing is left to be done
    except Declined:
        _say("Nothing was changed.")
        return _EXIT_DECLINED
    except KeyboardInterrupt:
        print(
            f"\nimagebatch: interrupted. What AWS was asked for goes on and is not undone: look at the events of the "
            f"stack {where.stack}, and deploy again when it rests.",
            file=sys.stderr,
        )
        return EXIT_INTERRUPTED
    except (DeployError, TemplateError, ImageBatchError, OSError) as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_FAILED
    for line in next_steps(stack, where.options, where.region):
        _say(line)
    return 0


def _pause(where: cloud.Cloud) -> float:
    """Seconds between two looks: a local cloud is quick, and counts no requests."""
    return 0.2 if where.is_local else 3.0


def _can_read_templates() -> bool:
    try:
        import yaml  # noqa: F401
    except ImportError:
        print('imagebatch: deploy reads a template, for which `pip install "imagebatch[local]"`', file=sys.stderr)
        return False
    return True


def _confirm(proposed: "ChangeSet", *, assume_yes: bool) -> bool:
    for line in table(proposed):
        _say(line)
    if assume_yes:
        return True
    if not sys.stdin.isatty():
        _say("Nobody is there to be asked: --yes changes without a question.")
        return False
    return input(f"Change the stack {proposed.stack}? [y/N] ").strip().lower() in ("y", "yes")


def table(proposed: "ChangeSet") -> list[str]:
    """What would become of each resource, a line each."""
    width = max((len(change.logical_id) for change in proposed.changes), default=0)
    kinds = max((len(change.type) for change in proposed.changes), default=0)
    told = {"True": "replaced", "Conditional": "perhaps replaced"}
    lines = [f"The stack {proposed.stack} would change:"]
    for change in sorted(proposed.changes, key=lambda change: (change.action, change.type, change.logical_id)):
        line = f"  {change.action:<8} {change.logical_id:<{width}}  {change.type:<{kinds}}  "
        lines.append((line + told.get(change.replacement, "")).rstrip())
    counts = dict.fromkeys(("Add", "Modify", "Remove"), 0)
    for change in proposed.changes:
        counts[change.action] = counts.get(change.action, 0) + 1
    lines.append(", ".join(f"{count} to {action.lower()}" for action, count in counts.items() if count))
    return lines


def next_steps(stack: Mapping[str, Any], options: str, region: str) -> list[str]:
    """The outputs, and what to do with them."""
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in stack.get("Outputs", ())}
    parameters = {entry["ParameterKey"]: entry["ParameterValue"] for entry in stack.get("Parameters", ())}
    width = max(map(len, outputs), default=0)
    inbox = f"s3://{outputs['ImagesBucket']}/{parameters.get('DefaultPrefix', '')}"
    lines = [f"The stack {stack['StackName']} is {stack['StackStatus']}.", ""]
    lines += [f"  {name:<{width}}  {value}" for name, value in sorted(outputs.items())]
    lines += ["", "Upload images, and start a run:", f"  aws s3 cp photos {inbox} --recursive"]
    lines += [f"  imagebatch start --wait{options}", "", "The state machine in the console:"]
    lines.append(f"  https://{region}.console.aws.amazon.com/states/home?region={region}#/statemachines/view/")
    lines[-1] += outputs["StateMachineArn"]
    if parameters.get("NotificationEmail"):
        lines += [
            "",
            f"{parameters['NotificationEmail']} gets a mail whose link has to be followed before messages come.",
        ]
    if not parameters.get("ModelDataUrl"):
        lines += ["", "There is no model yet: `imagebatch deploy --model DIR` uploads a package."]
    return lines


def _say(line: str) -> None:
    print(line, flush=True)
