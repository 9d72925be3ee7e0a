"""`imagebatch up`: a local cloud with the stack deployed, until Ctrl-C."""

import argparse
import shlex
import sqlite3
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, arguments, local
from pipeline.deployed.cloud_file import DEFAULT_FOLDER
from pipeline.interrupts import checkpoint, interrupt, on_interrupt
from pipeline.laptop.run_request import EXAMPLE_MODEL

if TYPE_CHECKING:
    from pipeline.laptop.standing_cloud import CloudRequest
    from pipeline.local.cloud import LocalCloud
    from pipeline.local.deploy import Stack

_DEFAULT_PORT = 4566
_EXAMPLE_PHOTO = Path(__file__).resolve().parents[2] / "examples" / "photos" / "rocket.jpg"
_SECONDS_BETWEEN_LOOKS = 0.5


def add_to(commands: Any) -> None:
    up = commands.add_parser(
        "up",
        help="keep a local cloud running, with the stack deployed, for any AWS client",
        description="Deploy infra/template.yaml into a local cloud that stays until Ctrl-C: uploads, schedules and "
        "`imagebatch start --local` start runs in it. What it keeps is there again when it is started on the same "
        "folder.",
    )
    up.add_argument(
        "--state",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="DIR",
        help="where objects, executions and schedules are kept (default: .imagebatch)",
    )
    up.add_argument(
        "--port",
        type=_port,
        default=_DEFAULT_PORT,
        metavar="N",
        help="where to listen on 127.0.0.1; 0 for any port that is free (default: %(default)s)",
    )
    up.add_argument(
        "--model",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a model package for runs to name by its folder's name; several times for several, the first is the "
        "default (default: the example model)",
    )
    arguments.add_parameters_option(up, "ScheduleState=ENABLED")
    arguments.add_faults_option(up)
    arguments.add_verbose_option(up)
    up.set_defaults(command=_up)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: expected a number from 0 to 65535")
    return int(text)


def _up(options: argparse.Namespace) -> int:
    if not local.is_installed("up"):
        return EXIT_USAGE
    # Imported here: `imagebatch --help` and a wrong option answer at once.
    from pipeline.local import forks

    forks.prepare()
    from botocore.exceptions import BotoCoreError, ClientError

    from pipeline.laptop.standing_cloud import CloudRequest
    from pipeline.local.deploy import ParameterError, TemplateError
    from pipeline.local.faults import FaultPlanError
    from pipeline.local.sources import UsageError

    request = CloudRequest(
        state=options.state,
        port=options.port,
        models=options.model or [EXAMPLE_MODEL],
        parameters=arguments.merged(options.param),
        faults=options.faults,
    )
    on_interrupt(interrupt)
    try:
        _stand(request, verbose=options.verbose)
    except KeyboardInterrupt:
        where = "" if request.state == DEFAULT_FOLDER else f" --state {shlex.quote(str(request.state))}"
        print(f"\nStopped. `imagebatch up{where}` takes up again what is in {request.state}.", file=sys.stderr)
    except (UsageError, ParameterError, FaultPlanError) as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_USAGE
    except (TemplateError, BotoCoreError, ClientError, OSError, sqlite3.OperationalError) as error:
        # The machine's doing (a full disk), or the template's.
        if options.verbose:
            traceback.print_exc()
        print(f"imagebatch: the local cloud could not be kept running: {error} (-v shows where)", file=sys.stderr)
        return EXIT_FAILED
    return 0


def _stand(request: "CloudRequest", *, verbose: bool) -> None:
    from datetime import UTC, datetime

    from pipeline.deployed.stack import Deployment
    from pipeline.laptop.run_log import RunLog
    from pipeline.laptop.standing_cloud import standing_cloud

    since = datetime.now(UTC)
    with standing_cloud(request) as (cloud, stack):
        deployment = Deployment(stack.outputs["StateMachineArn"], stack.outputs["ResultsBucket"])
        runs = RunLog(cloud.client("stepfunctions"), cloud.client("s3"), deployment, _say, since)
        local_option = _local_option(request.state)
        try:
            for line in _greeting(cloud, stack, request.state, local_option):
                _say(line)
            for line in stack.ignored if verbose else ():
                print(f"means nothing on one machine: {line}", file=sys.stderr, flush=True)
            _tell_of_ended(runs.interrupted(), "was under way when the local cloud ended, and is ABORTED", local_option)
            while True:
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                checkpoint()
                runs.poll()
        finally:
            _tell_of_ended(runs.under_way(), "is under way, and is ended with the local cloud", local_option)


def _tell_of_ended(executions: Sequence[str], how: str, local_option: str) -> None:
    for arn in executions:
        name = arn.rpartition(":")[2]
        _say(f"{name} {how}. It goes on, in the local cloud, with")
        _say(f"  imagebatch resume {name} {local_option}")


def _local_option(state: Path) -> str:
    """What other commands need, to find this cloud."""
    return "--local" if state == DEFAULT_FOLDER else f"--local={shlex.quote(str(state))}"


def _greeting(cloud: "LocalCloud", stack: "Stack", state: Path, local_option: str) -> Iterator[str]:
    """Where the cloud is, what to do with it, and what it forgets."""
    environment = cloud.environment()
    images, results = stack.outputs["ImagesBucket"], stack.outputs["ResultsBucket"]
    inbox = f"s3://{images}/{stack.parameters['InboxPrefix']}"
    marker = inbox + stack.parameters["MarkerName"]
    photo = str(_EXAMPLE_PHOTO) if _EXAMPLE_PHOTO.exists() else "photo.jpg"
    yield f"A local cloud with the stack {stack.name} is up at {cloud.endpoint_url}, until Ctrl-C."
    yield ""
    yield "Point the AWS CLI, boto3 or any other client of AWS at it:"
    for names in (
        ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"),
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DISABLE_HOST_PREFIX_INJECTION"),
    ):
        yield "  export " + " ".join(f"{name}={environment[name]}" for name in names)
    yield ""
    yield f"Images go to s3://{images}, results to s3://{results}. Try:"
    yield f"  aws s3 cp {shlex.quote(photo)} {shlex.quote(inbox)}"
    yield f"  date | aws s3 cp - {shlex.quote(marker)}"
    yield f"  imagebatch runs {local_option}"
    yield ""
    yield f"Objects, executions, rules, schedules and tables are kept in {state}, and the log of it all in"
    yield f"{state}/cloud.log."
    yield "Forgotten when it ends: messages in queues, and whatever was made by hand of functions, models, endpoints,"
    yield "topics and subscriptions. docs/local.md says more."
    yield ""


def _say(line: str) -> None:
    print(line, flush=True)
