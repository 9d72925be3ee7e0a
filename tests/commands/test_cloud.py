"""Which cloud a command works with, told by options and environment."""

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline import aws
from pipeline.commands import cloud
from pipeline.deployed.cloud_file import CloudFile
from pipeline.errors import UnknownDeployment


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No account; what a command does to the environment is undone."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "IMAGEBATCH_"))]:
        monkeypatch.delenv(name)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
    aws.forget_clients()


@pytest.fixture
def connect() -> Callable[..., cloud.Cloud]:
    """`connect(*arguments)` does what a command with these options does first."""

    def parse(*arguments: str) -> cloud.Cloud:
        parser = argparse.ArgumentParser()
        cloud.add_options(parser)
        return cloud.connect(parser.parse_args(arguments))

    return parse


def write(folder: Path) -> None:
    CloudFile("http://127.0.0.1:4566", "eu-west-1", "123456789012", "photos", os.getpid()).write(folder)


def test_the_stack_is_called_imagebatch_unless_something_else_is_said(connect: Callable[..., cloud.Cloud]) -> None:
    assert connect().stack == "imagebatch"
    os.environ["IMAGEBATCH_STACK"] = "of-the-environment"
    assert connect().stack == "of-the-environment"
    assert connect("--stack", "of-the-option").stack == "of-the-option"


def test_a_profile_comes_before_credentials_of_the_environment(
    connect: Callable[..., cloud.Cloud], tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text("[named]\naws_access_key_id = NAMED\naws_secret_access_key = x\n")
    os.environ |= {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_ACCESS_KEY_ID": "OTHER",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_SESSION_TOKEN": "z",
    }

    import boto3

    connect("--profile", "named", "--region", "eu-west-1")

    credentials = boto3.Session().get_credentials()
    assert credentials is not None
    assert (credentials.access_key, credentials.token) == ("NAMED", None)


@pytest.mark.parametrize(
    ("variables", "arguments", "region"),
    [
        ({"AWS_REGION": "eu-west-1"}, (), "eu-west-1"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, (), "eu-west-2"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, ("--region", "eu-west-3"), "eu-west-3"),
    ],
)
def test_the_region_is_the_one_that_was_said(
    connect: Callable[..., cloud.Cloud], variables: dict[str, str], arguments: tuple[str, ...], region: str
) -> None:
    os.environ |= variables

    assert connect(*arguments).client("sqs").meta.region_name == region


def test_a_local_cloud_is_worked_with_whatever_account_its_user_has(
    connect: Callable[..., cloud.Cloud], tmp_path: Path
) -> None:
    write(tmp_path)
    os.environ |= {"AWS_PROFILE": "of-the-user", "AWS_REGION": "us-west-2", "AWS_ENDPOINT_URL": "http://elsewhere"}

    connected = connect(f"--local={tmp_path}")

    meta = connected.client("sqs").meta
    assert (connected.stack, meta.endpoint_url, meta.region_name) == ("photos", "http://127.0.0.1:4566", "eu-west-1")


@pytest.mark.parametrize(("arguments", "told"), [(("--local",), " --local"), (("--stack", "x"), " --stack x")])
def test_what_is_suggested_leads_to_the_same_stack(
    connect: Callable[..., cloud.Cloud],
    arguments: tuple[str, ...],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".imagebatch").mkdir()
    write(Path(".imagebatch"))

    assert connect(*arguments).options == told


@pytest.mark.parametrize("option", ["--profile", "--region"])
def test_a_local_cloud_has_no_account_to_choose(connect: Callable[..., cloud.Cloud], option: str) -> None:
    with pytest.raises(UnknownDeployment, match="keep one"):
        connect("--local", option, "x")
