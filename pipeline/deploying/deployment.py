"""`imagebatch deploy`, without the terminal: the steps, in order, and what each of them says.

    build and upload ──► change set ──► yes? ──► container, model ──► change the stack

The container and the model go into what the stack makes, so a new stack is made without them first, and changed once
more, without another question, to use them. What they will be called is known before they are there, so one change set
of an older stack has everything, and nothing that its runs use is touched before somebody has said yes.
"""

import hashlib
import json
import re
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

_NAME = re.compile(r"[a-z][a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 64 - len("-aggregate-predictions")


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
    refuse_name(request.stack)
    template = load(TEMPLATE)
    declared = template["Parameters"]
    unknown = [name for name in request.parameters if name not in declared]
    if unknown:
        raise ParameterError(f"there is no parameter {unknown[0]}; the parameters are {', '.join(declared)}")
    cloudformation = client("cloudformation")
    before = change_sets.find_stack(cloudformation, request.stack)
    change_sets.refuse_unchangeable(before)
    with tempfile.TemporaryDirectory(prefix="imagebatch-deploy-") as folder:
        scratch = Path(folder)
        uploads = Uploads(client("s3"), bucket.make_bucket(cloudformation, terminal.say, terminal.pause), terminal.say)
        terminal.say("Functions:")
        code = _functions(request.packages, uploads, scratch)
        given = dict(request.parameters)
        contents = _contents(client, request, before, scratch, terminal) if before else _Contents()
        given |= contents.parameters
        stack = _change(cloudformation, request, template, code, uploads, given, terminal, contents.put, ask=True)
        if not before and stack:
            contents = _contents(client, request, stack, scratch, terminal)
            again = {**given, **contents.parameters}
            changed = _change(
                cloudformation, request, template, code, uploads, again, terminal, contents.put, ask=False
            )
            stack = changed or stack
    stack = stack or before
    if stack is None:
        raise DeployError(f"There is nothing in the stack {request.stack}, and nothing to put into it.")
    return stack


def refuse_name(stack: str) -> None:
    """Raises DeployError for a name that CloudFormation takes, and what the stack makes does not.

    Functions are called after it (64 characters, of which the longest takes 22), and so is the repository, which has no
    capitals (ECR, CreateRepository) and no two hyphens in a row.
    """
    if not _NAME.fullmatch(stack) or len(stack) > _LONGEST_NAME:
        raise DeployError(
            f"A stack cannot be called {stack}: its functions, its repository and its database are called after it, so "
            f"a name is of small letters, digits and single hyphens, and has at most {_LONGEST_NAME} characters."
        )


def _functions(packages: Packages, uploads: Uploads, scratch: Path) -> dict[str, Address]:
    """Build and upload each bundle."""
    addresses = {}
    # Beside the wheels, which are linked to; and of this process, since another may deploy at the same moment.
    CACHE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="functions-", dir=CACHE.parent) as folder:
        for bundle in BUNDLES:
            built = Path(folder) / bundle
            build(bundle, packages, built)
            addresses[bundle] = uploads.folder(built, "functions/", scratch)
    return addresses


def _change(
    cloudformation: Any,
    request: Request,
    template: Mapping[str, Any],
    code: Mapping[str, Address],
    uploads: Uploads,
    parameters: Mapping[str, str],
    terminal: Terminal,
    put_contents: Callable[[], None],
    *,
    ask: bool,
) -> Mapping[str, Any] | None:
    """Show one change of the stack, put there what it names, and make it; None where there was none to make."""

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
        put_contents()
        terminal.say(f"Nothing is to change in the stack {request.stack}.")
        return None
    try:
        change_sets.refuse_to_lose_data(proposed, request.replace)
        if ask and not terminal.confirm(proposed):
            raise Declined  # noqa: TRY301
        put_contents()
    except BaseException:  # also Ctrl-C: a change set that nobody executes is in the way of whoever looks
        change_sets.discard(cloudformation, proposed, is_new=there is None)
        raise
    return change_sets.execute(cloudformation, proposed, terminal.say, terminal.pause)


@dataclass(frozen=True)
class _Contents:
    """The container and the model of a stack: the parameters that name them, and what puts them there."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    put: Callable[[], None] = lambda: None


def _contents(
    client: Callable[[str], Any], request: Request, stack: Mapping[str, Any], scratch: Path, terminal: Terminal
) -> _Contents:
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in stack.get("Outputs", ())}
    results = Uploads(client("s3"), outputs["ResultsBucket"], terminal.say)
    given = {**_values(stack), **request.parameters}
    added, steps = {}, []
    codebuild, project = client("codebuild"), outputs.get("ContainerProject", "")
    if not given.get("ContainerImageUri") and project and container.has_project(codebuild, project):
        packed, device = container.pack(scratch), given.get("ContainerDevice", "cpu")
        tag = added["ContainerTag"] = container.tag_of(packed, device)

        def build_container() -> None:
            if not container.is_built(client("ecr"), request.stack, tag):
                terminal.say("Container image:")
                logs = client("logs")
                container.build(codebuild, logs, project, results, packed, tag, device, terminal.say, terminal.pause)

        steps.append(build_container)
    if request.model:
        name, package = request.model
        archive = _packed(name, package, scratch)
        address = results.address_of(archive, f"{MODELS_PREFIX}{name}-", ARCHIVE_SUFFIX)
        added |= {"DefaultModel": name, "ModelDataUrl": s3_uri(address["Bucket"], address["Key"])}

        def upload_model() -> None:
            """As functions read it, and as SageMaker does, whose archive is called after its content."""
            terminal.say("Model:")
            for path in sorted(path for path in package.folder.iterdir() if path.is_file()):
                results.replace(path, model_prefix(name) + path.name)
            results.file_as(archive, address["Key"])

        steps.append(upload_model)

    def put() -> None:
        for step in steps:
            step()

    return _Contents({name: value for name, value in added.items() if name not in request.parameters}, put)


def _packed(name: str, package: ModelPackage, scratch: Path) -> Path:
    packed = scratch / f"{name}{ARCHIVE_SUFFIX}"
    with packed.open("w+b") as file:
        pack_model(package, file)
    return packed


def _values(stack: Mapping[str, Any] | None) -> dict[str, str]:
    return {entry["ParameterKey"]: entry["ParameterValue"] for entry in (stack or {}).get("Parameters", ())}
