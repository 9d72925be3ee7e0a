"""`imagebatch deploy` and `imagebatch destroy`, as they are for AWS, against a local cloud."""

import io
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.contract.packages import load_package
from pipeline.deploying import destroying
from pipeline.deploying.bucket import find_bucket
from pipeline.deploying.bundles import BUNDLES
from pipeline.deploying.change_sets import ChangeSet
from pipeline.deploying.deployment import Declined, Request, Terminal, deploy
from pipeline.deploying.errors import DeployError, ParameterError
from pipeline.local.cloud import LocalCloud

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples" / "models" / "efficientnet-lite0"
STACK = "deployed"


class Asked:
    """A terminal whose user says yes, or no; it keeps what was said and shown."""

    def __init__(self, answer: bool = True) -> None:
        self.said: list[str] = []
        self.shown: list[ChangeSet] = []
        self._answer = answer

    @property
    def terminal(self) -> Terminal:
        return Terminal(self.said.append, self._confirm, 0.05)

    def _confirm(self, proposed: ChangeSet) -> bool:
        self.shown.append(proposed)
        return self._answer

    @property
    def changes(self) -> dict[str, str]:
        return {change.logical_id: change.action for proposed in self.shown for change in proposed.changes}


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


class NoPackages:
    """Functions without packages: here they take those of this machine in any case."""

    def __init__(self, empty: Path) -> None:
        self._empty = empty

    def folder(self, package: str) -> Path:
        return self._empty


@dataclass
class InStep:
    """Packages of somebody who deploys while another does, package by package; `owner` is written into each."""

    owner: Path
    barrier: threading.Barrier

    def folder(self, package: str) -> Path:
        self.barrier.wait()
        folder = self.owner / package
        (folder / f"of_{self.owner.name}").mkdir(parents=True, exist_ok=True)
        (folder / f"of_{self.owner.name}" / f"{package}.py").touch()
        return folder


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> NoPackages:
    return NoPackages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def stack(cloud: LocalCloud, packages: NoPackages) -> dict[str, str]:
    """The outputs of a stack that was deployed with the example's model."""
    request = Request(STACK, {}, ("efficientnet-lite0", load_package(MODEL)), packages=packages)
    stack = deploy(cloud.client, request, Asked().terminal)
    return {entry["OutputKey"]: entry["OutputValue"] for entry in stack["Outputs"]}


def code_of(cloud: LocalCloud, function: str) -> tuple[str, str]:
    """Where the code of a function lies, and its version, by an ARN."""
    found = cloud.client("lambda").get_function(FunctionName=function)
    return found["Code"]["Location"], found["Configuration"]["Version"]


def versions_in(definition: str) -> set[str]:
    """The versions of StartRun's function that a definition names."""
    return set(re.findall(rf"{STACK}-start-run:(\d+)", definition))


def test_functions_run_from_what_was_uploaded(cloud: LocalCloud, stack: dict[str, str]) -> None:
    location, _ = code_of(cloud, f"{STACK}-start-run")
    folder = Path(location.removeprefix("file://"))
    assert (folder / "steps" / "start_run.py").exists()
    assert not folder.is_relative_to(ROOT)


def test_the_model_is_where_functions_and_sagemaker_look_for_it(cloud: LocalCloud, stack: dict[str, str]) -> None:
    bucket = stack["ResultsBucket"]
    assert cloud.client("s3").head_object(Bucket=bucket, Key="models/efficientnet-lite0/contract.json")
    (described,) = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    given = {entry["ParameterKey"]: entry["ParameterValue"] for entry in described["Parameters"]}
    assert given["ModelDataUrl"].startswith(f"s3://{bucket}/models/efficientnet-lite0-")
    assert given["DefaultModel"] == "efficientnet-lite0"


def test_a_parameter_that_changes_keeps_buckets_and_table_and_makes_new_versions(
    cloud: LocalCloud, stack: dict[str, str], packages: NoPackages
) -> None:
    before = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=stack["StateMachineAliasArn"])
    asked = Asked()

    changed = deploy(cloud.client, Request(STACK, {"LogLevel": "DEBUG"}, packages=packages), asked.terminal)

    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in changed["Outputs"]}
    kept = ("ImagesBucket", "ResultsBucket", "LedgerTable", "StateMachineArn")
    assert {name: outputs[name] for name in kept} == {name: stack[name] for name in kept}
    assert not {"ImagesBucket", "ResultsBucket", "LedgerTable"} & asked.changes.keys()
    after = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=stack["StateMachineAliasArn"])
    assert versions_in(before["definition"]).isdisjoint(versions_in(after["definition"]))
    # What was started with the version before can still call it.
    assert all(
        code_of(cloud, f"{STACK}-start-run:{number}")[1] == number for number in versions_in(before["definition"])
    )


def test_what_is_as_it_should_be_is_not_changed(cloud: LocalCloud, stack: dict[str, str], packages: NoPackages) -> None:
    asked = Asked()
    deploy(cloud.client, Request(STACK, {}, packages=packages), asked.terminal)
    assert (asked.shown, asked.said[-1]) == ([], f"Nothing is to change in the stack {STACK}.")


def test_who_says_no_changes_nothing(cloud: LocalCloud, stack: dict[str, str], packages: NoPackages) -> None:
    asked = Asked(answer=False)
    with pytest.raises(Declined):
        deploy(cloud.client, Request(STACK, {"LogLevel": "ERROR"}, packages=packages), asked.terminal)
    variables = cloud.client("lambda").get_function_configuration(FunctionName=f"{STACK}-start-run")["Environment"]
    assert variables["Variables"]["LOG_LEVEL"] != "ERROR"


def test_two_who_deploy_at_once_upload_what_each_has_built(
    cloud: LocalCloud, stack: dict[str, str], tmp_path: Path
) -> None:
    barrier = threading.Barrier(2, timeout=60)

    def try_to_deploy(name: str) -> None:
        request = Request(name, {}, packages=InStep(tmp_path / name, barrier))
        with pytest.raises(Declined):
            deploy(cloud.client, request, Asked(answer=False).terminal)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(try_to_deploy, ["one", "other"]))

    bucket, s3 = find_bucket(cloud.client("cloudformation")) or "", cloud.client("s3")
    owners = []
    for uploaded in s3.list_objects_v2(Bucket=bucket, Prefix="functions/")["Contents"]:
        archive = zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket=bucket, Key=uploaded["Key"])["Body"].read()))
        owners.append({name.partition("/")[0] for name in archive.namelist() if name.startswith("of_")})
    assert sorted(map(sorted, filter(None, owners))) == [["of_one"]] * len(BUNDLES) + [["of_other"]] * len(BUNDLES)


def test_what_runs_use_is_as_it_was_until_somebody_has_said_yes(
    cloud: LocalCloud, stack: dict[str, str], packages: NoPackages, tmp_path: Path
) -> None:
    other = tmp_path / "efficientnet-lite0"
    shutil.copytree(MODEL, other)
    (other / "NOTICE").write_text("another\n")

    def notice() -> bytes:
        found = cloud.client("s3").get_object(Bucket=stack["ResultsBucket"], Key="models/efficientnet-lite0/NOTICE")
        text: bytes = found["Body"].read()
        return text

    before, model = notice(), ("efficientnet-lite0", load_package(other))
    with pytest.raises(Declined):
        deploy(cloud.client, Request(STACK, {}, model, packages=packages), Asked(answer=False).terminal)
    assert notice() == before
    deploy(cloud.client, Request(STACK, {}, model, packages=packages), Asked().terminal)
    assert notice() == b"another\n"


def test_a_run_under_way_finds_the_model_that_it_began_with(
    cloud: LocalCloud, stack: dict[str, str], packages: NoPackages, tmp_path: Path
) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(MODEL, newer)
    (newer / "NOTICE").write_text("newer\n")

    def models() -> set[str]:
        return {entry["ModelName"] for entry in cloud.client("sagemaker").list_models()["Models"]}

    before = models()
    deploy(cloud.client, Request(STACK, {}, ("newer", load_package(newer)), packages=packages), Asked().terminal)
    assert before < models()


def test_of_a_new_stack_that_nobody_wanted_nothing_is_left(cloud: LocalCloud, packages: NoPackages) -> None:
    with pytest.raises(Declined):
        deploy(cloud.client, Request("unwanted", {}, packages=packages), Asked(answer=False).terminal)
    with pytest.raises(ClientError, match="does not exist"):
        cloud.client("cloudformation").describe_stacks(StackName="unwanted")


@pytest.mark.parametrize("name", ["Photos", "photos--night", "photos-", "p" * 43])
def test_a_name_that_what_the_stack_makes_could_not_have_is_refused(
    cloud: LocalCloud, packages: NoPackages, name: str
) -> None:
    with pytest.raises(DeployError, match="at most 42 characters"):
        deploy(cloud.client, Request(name, {}, packages=packages), Asked().terminal)


def test_a_table_is_not_given_up_unless_it_is_named(
    cloud: LocalCloud, stack: dict[str, str], packages: NoPackages
) -> None:
    with pytest.raises(DeployError, match="--replace LedgerTable"):
        deploy(cloud.client, Request(STACK, {"Incremental": "no"}, packages=packages), Asked().terminal)


def test_a_misspelt_parameter_is_refused_before_anything_is_built(cloud: LocalCloud, packages: NoPackages) -> None:
    with pytest.raises(ParameterError, match="there is no parameter LogLevl"):
        deploy(cloud.client, Request("other", {"LogLevl": "DEBUG"}, packages=packages), Asked().terminal)


def test_destroying_leaves_the_data_and_then_takes_it(cloud: LocalCloud, stack: dict[str, str]) -> None:
    said: list[str] = []
    client: Any = cloud.client("cloudformation")
    kept = destroying.kept_by(client, STACK)

    destroying.delete_stack(client, STACK, said.append, 0.05)

    assert cloud.client("s3").head_bucket(Bucket=stack["ResultsBucket"])
    with pytest.raises(ClientError, match="does not exist"):
        client.describe_stacks(StackName=STACK)

    (key,) = destroying.delete_data(cloud.client, kept, said.append)

    assert str(key).startswith("key ")
    with pytest.raises(ClientError):
        cloud.client("s3").head_bucket(Bucket=stack["ResultsBucket"])
