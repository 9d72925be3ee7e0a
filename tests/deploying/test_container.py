"""The container's build: what CodeBuild is asked, what is waited for, and what is said when it fails.

Requests and answers are held to botocore's models of CodeBuild, ECR, CloudWatch Logs and S3.
"""

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pipeline.deploying import container
from pipeline.deploying.building import ROOT
from pipeline.deploying.errors import DeployError
from pipeline.deploying.uploading import Uploads

BUILD = "imagebatch-container:6b9a5a8e-0000-4000-8000-000000000000"
LOG = {"groupName": "/aws/codebuild/imagebatch-container", "streamName": "6b9a5a8e"}
LOG_REQUEST = {
    "logGroupName": LOG["groupName"],
    "logStreamName": LOG["streamName"],
    "limit": 30,
    "startFromHead": False,
}


@pytest.fixture
def stubbed() -> Iterator[Callable[[str], Stubber]]:
    """`stubbed(service)`: a service as far as its answers are put in."""
    stubs: list[Stubber] = []

    def stub(service: str) -> Stubber:
        client = boto3.client(
            service,  # type: ignore[call-overload]
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        stubs.append(Stubber(client))
        stubs[-1].activate()
        return stubs[-1]

    yield stub
    for each in stubs:
        each.assert_no_pending_responses()


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    path = tmp_path / "container.zip"
    path.write_bytes(b"sources")
    return path


def answered(status: str, phase: str, **more: Any) -> dict[str, Any]:
    return {"id": BUILD, "buildStatus": status, "currentPhase": phase, **more}


@pytest.fixture
def build(stubbed: Callable[[str], Stubber], packed: Path) -> Callable[..., list[str]]:
    """`build(logs, *answers)` builds from sources that were uploaded before, as CodeBuild answers; what was said."""

    def run(logs: Stubber, *answers: dict[str, Any]) -> list[str]:
        s3, codebuild = stubbed("s3"), stubbed("codebuild")
        s3.add_response(
            "head_object",
            {"ContentLength": packed.stat().st_size},
            {"Bucket": "results", "Key": "builds/cpu-0123456789abcdef.zip"},
        )
        request = {
            "projectName": "imagebatch-container",
            "sourceTypeOverride": "S3",
            "sourceLocationOverride": "results/builds/cpu-0123456789abcdef.zip",
            "environmentVariablesOverride": [
                {"name": "TAG", "value": "cpu-0123456789abcdef", "type": "PLAINTEXT"},
                {"name": "DEVICE", "value": "cpu", "type": "PLAINTEXT"},
            ],
        }
        codebuild.add_response("start_build", {"build": answers[0]}, request)
        for answer in answers[1:]:
            codebuild.add_response("batch_get_builds", {"builds": [answer]}, {"ids": [BUILD]})
        said: list[str] = []
        uploads = Uploads(s3.client, "results", said.append)
        container.build(
            codebuild.client,
            logs.client,
            "imagebatch-container",
            uploads,
            packed,
            "cpu-0123456789abcdef",
            "cpu",
            said.append,
            0,
        )
        return said

    return run


def test_a_build_is_waited_for_and_each_of_its_phases_is_told_once(
    stubbed: Callable[[str], Stubber], build: Callable[..., list[str]]
) -> None:
    phases = ("QUEUED", "BUILD", "BUILD", "POST_BUILD")
    answers = [answered("IN_PROGRESS", phase) for phase in phases]

    said = build(stubbed("logs"), *answers, answered("SUCCEEDED", "COMPLETED"))

    assert said == ["  QUEUED", "  BUILD", "  POST_BUILD"]


def test_a_build_that_fails_is_told_with_what_failed_and_the_end_of_its_log(
    stubbed: Callable[[str], Stubber], build: Callable[..., list[str]]
) -> None:
    logs = stubbed("logs")
    lines = [{"timestamp": 1, "message": "Step 7/12 : RUN pip install\n"}, {"timestamp": 2, "message": "exit 1\n"}]
    logs.add_response("get_log_events", {"events": lines}, LOG_REQUEST)
    failed = {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"message": "Error while executing docker"}]}
    phases = [{"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED"}, failed, {"phaseType": "COMPLETED"}]

    with pytest.raises(DeployError) as raised:
        build(logs, answered("IN_PROGRESS", "BUILD"), answered("FAILED", "COMPLETED", logs=LOG, phases=phases))

    assert str(raised.value).splitlines() == [
        f"The container could not be built: {BUILD} is FAILED. BUILD: Error while executing docker",
        "The end of its log:",
        "  Step 7/12 : RUN pip install",
        "  exit 1",
    ]


def test_a_build_without_a_log_is_told_all_the_same(
    stubbed: Callable[[str], Stubber], build: Callable[..., list[str]]
) -> None:
    phases = [{"phaseType": "PROVISIONING", "phaseStatus": "FAULT"}]
    with pytest.raises(DeployError, match=r"is FAULT. PROVISIONING: FAULT\nThe end of its log:\n  \(it has none\)"):
        build(stubbed("logs"), answered("FAULT", "COMPLETED", phases=phases))


def test_a_log_that_cannot_be_read_hides_no_failure(
    stubbed: Callable[[str], Stubber], build: Callable[..., list[str]]
) -> None:
    logs = stubbed("logs")
    logs.add_client_error("get_log_events", "ResourceNotFoundException", "The specified log stream does not exist.")
    with pytest.raises(DeployError, match=r"is TIMED_OUT.*\n  \(it cannot be read: .*does not exist"):
        build(logs, answered("TIMED_OUT", "COMPLETED", logs=LOG))


def test_an_image_that_is_there_is_known_by_its_tag(stubbed: Callable[[str], Stubber]) -> None:
    ecr = stubbed("ecr")
    request = {"repositoryName": "imagebatch", "imageIds": [{"imageTag": "cpu-1"}]}
    ecr.add_response("describe_images", {"imageDetails": [{"imageTags": ["cpu-1"]}]}, request)
    assert container.is_built(ecr.client, "imagebatch", "cpu-1")


def test_an_image_that_is_not_there_is_to_be_built(stubbed: Callable[[str], Stubber]) -> None:
    ecr = stubbed("ecr")
    ecr.add_client_error("describe_images", "ImageNotFoundException", "The image does not exist")
    assert not container.is_built(ecr.client, "imagebatch", "cpu-1")


def test_a_repository_that_may_not_be_read_is_no_image_that_is_not_there(stubbed: Callable[[str], Stubber]) -> None:
    ecr = stubbed("ecr")
    ecr.add_client_error("describe_images", "AccessDeniedException", "not authorized")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        container.is_built(ecr.client, "imagebatch", "cpu-1")


@pytest.mark.parametrize(
    ("answer", "is_there"),
    [({"projects": [{"name": "image"}]}, True), ({"projects": [], "projectsNotFound": ["image"]}, False)],
)
def test_a_project_is_there_or_is_not(
    stubbed: Callable[[str], Stubber], answer: dict[str, Any], is_there: bool
) -> None:
    codebuild = stubbed("codebuild")
    codebuild.add_response("batch_get_projects", answer, {"names": ["image"]})
    assert container.has_project(codebuild.client, "image") is is_there


def test_what_the_dockerfile_copies_is_among_the_sources(tmp_path: Path) -> None:
    dockerfile = (ROOT / "processing_scripts" / "Dockerfile").read_text(encoding="utf-8")
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for source in [word for word in line.split() if not word.startswith("--")][:-1]
    ]
    with zipfile.ZipFile(container.pack(tmp_path)) as packed:
        names = packed.namelist()
    assert copied
    for source in copied:
        pattern = re.compile(re.sub(r"\\\$\\\{?\w+\\\}?", r"\\w+", re.escape(source.rstrip("/"))) + "(/|$)")
        assert any(pattern.match(name) for name in names), source


def test_a_tag_says_what_is_in_the_image_and_for_which_device(tmp_path: Path) -> None:
    def packed(content: str) -> Path:
        path = tmp_path / f"{content}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("pipeline/aws.py", content)
        return path

    tags = [
        container.tag_of(packed(content), device) for content, device in (("a", "cpu"), ("a", "cuda"), ("b", "cpu"))
    ]
    assert len(set(tags)) == 3
    assert tags[0] == container.tag_of(packed("a"), "cpu")
    assert all(re.fullmatch(r"(cpu|cuda)-[0-9a-f]{16}", tag) for tag in tags)
