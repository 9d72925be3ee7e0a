"""`imagebatch deploy`, without the terminal: the steps, in order, and what each of them says.

    build and upload ──► change set ──► yes? ──► change the stack ──► container, model ──► change the stack once more

The container and the model go into what the stack makes, so a new stack is changed twice: the second time, without
another question, to use them. Of a stack that is there they come first, and one change set has everything.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.contract.packages import ARCHIVE_SUFFIX, ModelPackage
from pipeline.contract.packages import pack as pack_model
from pipeline.deploying import bucket, change_sets, container
from pipeline.deploying.building import CACHE, TEMPLATE, build
from pipeline.deploying.bundles import BUNDLES
from pipeline.deploying.change_sets import ChangeSet
from pipeline.deploying.errors import DeployError, ParameterError
from pipeline.deploying.templates import Address, load, packaged
from pipeline.deploying.uploading import Uploads
from pipeline.deploying.wheels import Packages, Wheels
from pipeline.objects import s3_uri
from pipeline.runs.keys import MODELS_PREFIX, model_prefix

_BUILD = CACHE.parent / "functions"


@dataclass(frozen=True)
class Request:
    """What is to be deployed."""

    stack: str
    parameters: Mapping[str, str]
    """Those that are given; of a stack that is there, the others stay."""
    model: tuple[str, ModelPackage] | None = None
    """A model package, and what it is called in S3."""
    replace: Sequence[str] = ()
    """Logical ids of what holds data and may be replaced."""
    packages: Packages = field(default_factory=lambda: Wheels(CACHE))


@dataclass(frozen=True)
class Terminal:
    """Who is told, and asked."""

    say: Callable[[str], None]
    confirm: Callable[[ChangeSet], bool]
    pause: float = 3.0
    """Seconds between two looks at what AWS does."""


class Declined(Exception):  # noqa: N818  (nothing went wrong)
    """Whoever was asked said no."""


def deploy(client: Callable[[str], Any], request: Request, terminal: Terminal) -> Mapping[str, Any]:
    """Deploy, and answer the stack as DescribeStacks has it.

    `client` gives the boto3 client of a service. Raises DeployError, TemplateError, ParameterError; Declined.
    """
    template = load(TEMPLATE)
    declared = template["Parameters"]
    unknown = [name for name in request.parameters if name not in declared]
    if unknown:
        raise ParameterError(f"there is no parameter {unknown[0]}; the parameters are {', '.join(declared)}")
    cloudformation = client("cloudformation")
    before = change_sets.find_stack(cloudformation, request.stack)
    with tempfile.TemporaryDirectory(prefix="imagebatch-deploy-") as folder:
        scratch = Path(folder)
        uploads = Uploads(client("s3"), bucket.make_bucket(cloudformation, terminal.say, terminal.pause), terminal.say)
        terminal.say("Functions:")
        code = _functions(request.packages, uploads, scratch)
        given = dict(request.parameters)
        if before:
            given |= _container_and_model(client, request, before, scratch, terminal)
        stack = _change(cloudformation, request, template, code, uploads, given, terminal, ask=True) or before
        if not before and stack:
            added = _container_and_model(client, request, stack, scratch, terminal)
            if added:
                again = {**given, **added}
                stack = _change(cloudformation, request, template, code, uploads, again, terminal, ask=False) or stack
    if stack is None:
        raise DeployError(f"There is nothing in the stack {request.stack}, and nothing to put into it.")
    return stack


def _functions(packages: Packages, uploads: Uploads, scratch: Path) -> dict[str, Address]:
    """Build and upload each bundle."""
    addresses = {}
    for bundle in BUNDLES:
        build(bundle, packages, _BUILD / bundle)
        addresses[bundle] = uploads.folder(_BUILD / bundle, "functions/", scratch)
    return addresses


def _change(
    cloudformation: Any,
    request: Request,
    template: Mapping[str, Any],
    code: Mapping[str, Address],
    uploads: Uploads,
    parameters: Mapping[str, str],
    terminal: Terminal,
    *,
    ask: bool,
) -> Mapping[str, Any] | None:
    """Show and make one change of the stack; None where there was none to make."""

    def upload(path: Path) -> Address:
        return uploads.file(path, "definitions/", ".asl.json")

    there = change_sets.find_stack(cloudformation, request.stack)
    all_values = {**_values(there), **parameters}
    text = packaged(template, TEMPLATE.parent, code, upload)
    release = hashlib.sha256(json.dumps([text, all_values], sort_keys=True).encode()).hexdigest()
    address = uploads.text(packaged(template, TEMPLATE.parent, code, upload, release), "templates/", ".json")
    url = uploads.url_of(address)
    proposed = change_sets.propose(
        cloudformation, request.stack, {"TemplateURL": url}, template["Parameters"], parameters, terminal.pause
    )
    if proposed is None:
        terminal.say(f"Nothing is to change in the stack {request.stack}.")
        return None
    try:
        change_sets.refuse_to_lose_data(proposed, request.replace)
        is_wanted = not ask or terminal.confirm(proposed)
    except DeployError:
        cloudformation.delete_change_set(ChangeSetName=proposed.id)
        raise
    if not is_wanted:
        cloudformation.delete_change_set(ChangeSetName=proposed.id)
        raise Declined
    return change_sets.execute(cloudformation, proposed, terminal.say, terminal.pause)


def _container_and_model(
    client: Callable[[str], Any], request: Request, stack: Mapping[str, Any], scratch: Path, terminal: Terminal
) -> dict[str, str]:
    """Build the container and upload the model, where they are not there yet; the parameters that name them."""
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in stack.get("Outputs", ())}
    results = Uploads(client("s3"), outputs["ResultsBucket"], terminal.say)
    given = {**_values(stack), **request.parameters}
    added = {}
    codebuild, project = client("codebuild"), outputs.get("ContainerProject", "")
    if not given.get("ContainerImageUri") and project and container.has_project(codebuild, project):
        packed, device = container.pack(scratch), given.get("ContainerDevice", "cpu")
        tag = container.tag_of(packed, device)
        if not container.is_built(client("ecr"), request.stack, tag):
            terminal.say("Container image:")
            logs = client("logs")
            container.build(codebuild, logs, project, results, packed, tag, device, terminal.say, terminal.pause)
        added["ContainerTag"] = tag
    if request.model:
        terminal.say("Model:")
        name, package = request.model
        added |= {"DefaultModel": name, "ModelDataUrl": _upload_model(results, name, package, scratch)}
    return {name: value for name, value in added.items() if name not in request.parameters}


def _upload_model(uploads: Uploads, name: str, package: ModelPackage, scratch: Path) -> str:
    """Upload a package, as functions read it and as SageMaker does, whose archive is called after its content."""
    packed = scratch / f"{name}{ARCHIVE_SUFFIX}"
    with packed.open("w+b") as file:
        pack_model(package, file)
    for path in sorted(path for path in package.folder.iterdir() if path.is_file()):
        uploads.replace(path, model_prefix(name) + path.name)
    address = uploads.file(packed, f"{MODELS_PREFIX}{name}-", ARCHIVE_SUFFIX)
    return s3_uri(address["Bucket"], address["Key"])


def _values(stack: Mapping[str, Any] | None) -> dict[str, str]:
    return {entry["ParameterKey"]: entry["ParameterValue"] for entry in (stack or {}).get("Parameters", ())}
