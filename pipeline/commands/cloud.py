"""What the commands that work with a deployed stack have in common: which cloud, which stack, and what goes wrong."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE
from pipeline.deployed.cloud_file import DEFAULT_FOLDER, CloudFile

if TYPE_CHECKING:
    from pipeline.deployed.stack import Deployment

STACK_VARIABLE = "IMAGEBATCH_STACK"
_DEFAULT_STACK = "imagebatch"
_CREDENTIAL_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def add_options(command: argparse.ArgumentParser) -> None:
    """Which stack, and in which cloud."""
    command.add_argument(
        "--stack", metavar="NAME", help="the CloudFormation stack (default: $IMAGEBATCH_STACK, or imagebatch)"
    )
    add_account_options(command)


def add_account_options(command: argparse.ArgumentParser) -> None:
    """In which cloud."""
    add_aws_options(command)
    add_local_option(command)


def add_aws_options(command: argparse.ArgumentParser) -> None:
    """Where in AWS, and as whom."""
    command.add_argument("--profile", metavar="NAME", help="the AWS profile, before any credentials of the environment")
    command.add_argument("--region", metavar="NAME", help="the AWS region")


def add_local_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--local",
        nargs="?",
        const=DEFAULT_FOLDER,
        type=Path,
        metavar="DIR",
        help="work with the local cloud that `imagebatch up` keeps running, whose state lies in DIR (default: "
        ".imagebatch), and not with AWS",
    )


@dataclass(frozen=True)
class Cloud:
    """A stack, and clients of the services that it uses."""

    stack: str
    options: str
    """What a command needs to get to the same stack: "", " --stack photos", " --local"."""

    @cached_property
    def deployment(self) -> "Deployment":
        from pipeline.deployed.stack import find_deployment

        return find_deployment(self.client("cloudformation"), self.stack)

    def client(self, service: str) -> Any:
        from pipeline import aws

        return aws.client(service)

    @property
    def is_local(self) -> bool:
        """Whether clients go elsewhere than to AWS."""
        return "AWS_ENDPOINT_URL" in os.environ

    @property
    def region(self) -> str:
        return str(self.client("cloudformation").meta.region_name)

    @property
    def stepfunctions(self) -> Any:
        return self.client("stepfunctions")

    @property
    def s3(self) -> Any:
        return self.client("s3")


def carry_out(options: argparse.Namespace, work: Callable[[Cloud], int]) -> int:
    """Do `work` with the stack that the options name; the exit code, also where it is not there or refuses."""
    from botocore.exceptions import BotoCoreError, ClientError

    from pipeline.commands.refusals import explained
    from pipeline.errors import InvalidReplay, UnknownDeployment, UnknownRun

    try:
        return work(connect(options))
    except (UnknownDeployment, UnknownRun, InvalidReplay) as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_USAGE
    except (BotoCoreError, ClientError) as error:
        print(f"imagebatch: {explained(error)}", file=sys.stderr)
        return EXIT_FAILED


def connect(options: argparse.Namespace) -> Cloud:
    """Send every client that is made from now on to the cloud that the options name.

    Raises UnknownDeployment where that is a local one and none is running.
    """
    from pipeline import aws
    from pipeline.errors import UnknownDeployment

    stack = options.stack or os.environ.get(STACK_VARIABLE)
    told = f" --stack {options.stack}" if options.stack else ""
    if options.local is not None and (options.profile or options.region):
        raise UnknownDeployment("--profile and --region say where in AWS, and --local that it is not AWS; keep one.")
    if options.local is not None:
        cloud = CloudFile.read(options.local)
        os.environ.update(cloud.environment)
        for variable in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
            os.environ.pop(variable, None)
        stack = options.stack or cloud.stack
        told += " --local" if options.local == DEFAULT_FOLDER else f" --local={options.local}"
    else:
        _use_account(options)
        told += "".join(
            f" --{name} {getattr(options, name)}" for name in ("profile", "region") if getattr(options, name)
        )
    aws.forget_clients()
    return Cloud(stack or _DEFAULT_STACK, told)


def _use_account(options: argparse.Namespace) -> None:
    if options.profile:
        # botocore takes credentials of the environment before those of a profile that the environment names.
        for variable in _CREDENTIAL_VARIABLES:
            os.environ.pop(variable, None)
        os.environ["AWS_PROFILE"] = options.profile
    # botocore reads AWS_DEFAULT_REGION alone; the other SDKs, and Lambda, have AWS_REGION.
    region = options.region or os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")
    if region:
        os.environ["AWS_DEFAULT_REGION"] = region
