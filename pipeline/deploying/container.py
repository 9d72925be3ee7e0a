"""The container image of jobs, built from the sources by the stack's CodeBuild project: nobody needs Docker.

The image's tag is the hash of what it is built from, so that an image that is there is not built again.
"""

import hashlib
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.deploying.archives import archive
from pipeline.deploying.building import ROOT
from pipeline.deploying.errors import DeployError
from pipeline.deploying.uploading import Uploads

PREFIX = "builds/"
_LINES_TOLD = 30


def sources() -> Iterator[Path]:
    """What processing_scripts/Dockerfile copies, and itself, relative to the repository's root."""
    yield from (Path("processing_scripts/Dockerfile"), Path(".dockerignore"))
    for folder in ("pipeline", "processing_scripts"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc" and path.name != "Dockerfile":
                yield path.relative_to(ROOT)
    for path in sorted((ROOT / "requirements").glob("container-*.lock")):
        yield path.relative_to(ROOT)


def pack(scratch: Path) -> Path:
    """The sources as a zip file in `scratch`."""
    packed = scratch / "container.zip"
    archive(ROOT, sources(), packed)
    return packed


def tag_of(packed: Path, device: str) -> str:
    """The tag of the image that these sources make for a device."""
    with zipfile.ZipFile(packed) as opened:
        entries = "".join(f"{entry.filename} {entry.CRC:08x} {entry.file_size}\n" for entry in opened.infolist())
    return f"{device}-{hashlib.sha256(entries.encode()).hexdigest()[:16]}"


def is_built(ecr: Any, repository: str, tag: str) -> bool:
    """Whether the repository has an image of a tag."""
    try:
        return bool(ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"])
    except ecr.exceptions.ImageNotFoundException:
        return False


def has_project(codebuild: Any, project: str) -> bool:
    """Whether there is a project to build with: a cloud of one machine builds no containers."""
    return bool(codebuild.batch_get_projects(names=[project])["projects"])


def build(
    codebuild: Any,
    logs: Any,
    project: str,
    uploads: Uploads,
    packed: Path,
    tag: str,
    device: str,
    say: Callable[[str], None],
    pause: float,
) -> None:
    """Upload the sources, have them built, and wait. Raises DeployError with the end of the build's log."""
    address = uploads.file_as(packed, f"{PREFIX}{tag}.zip")
    build = codebuild.start_build(
        projectName=project,
        sourceTypeOverride="S3",
        sourceLocationOverride=f"{address['Bucket']}/{address['Key']}",
        environmentVariablesOverride=[
            {"name": "TAG", "value": tag, "type": "PLAINTEXT"},
            {"name": "DEVICE", "value": device, "type": "PLAINTEXT"},
        ],
    )["build"]
    phase = ""
    while build["buildStatus"] == "IN_PROGRESS":
        if build.get("currentPhase", "") != phase:
            phase = build["currentPhase"]
            say(f"  {phase}")
        time.sleep(pause)
        (build,) = codebuild.batch_get_builds(ids=[build["id"]])["builds"]
    if build["buildStatus"] != "SUCCEEDED":
        why = [*_reasons(build.get("phases", ())), "The end of its log:", *_tail(logs, build.get("logs", {}))]
        raise DeployError(
            f"The container could not be built: {build['id']} is {build['buildStatus']}. " + "\n".join(why)
        )


def _reasons(phases: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What CodeBuild says of the phases that failed: a build that never began has no log."""
    for phase in phases:
        if phase.get("phaseStatus") not in (None, "SUCCEEDED"):
            said = " ".join(context.get("message", "") for context in phase.get("contexts", ()))
            yield f"{phase['phaseType']}: {said or phase['phaseStatus']}"


def _tail(logs: Any, where: Mapping[str, Any]) -> list[str]:
    if "groupName" not in where or "streamName" not in where:
        return ["  (it has none)"]
    try:
        events = logs.get_log_events(
            logGroupName=where["groupName"], logStreamName=where["streamName"], limit=_LINES_TOLD, startFromHead=False
        )["events"]
    except ClientError as error:  # that the build failed is what is to be told
        return [f"  (it cannot be read: {error})"]
    return [f"  {event['message'].rstrip()}" for event in events] or ["  (it is empty)"]
