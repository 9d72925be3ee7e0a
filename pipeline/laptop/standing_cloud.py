"""A local cloud that stays: the stack deployed on a state folder that a later one takes up again.

.imagebatch/cloud.json      where it is, while it runs: pipeline/deployed/cloud_file.py
.imagebatch/lock            held by the process that runs it, and by the system given back however that ends
.imagebatch/cloud.log       what its services have logged
.imagebatch/faults.jsonl     what has gone wrong on purpose, with --faults
.imagebatch/stacks.json, states.sqlite, events.sqlite, dynamodb.sqlite, s3/, sagemaker/, lambda/
                            what the services keep
"""

import errno
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.deployed import cloud_file
from pipeline.deployed.cloud_file import CloudFile
from pipeline.errors import UnknownDeployment
from pipeline.interrupts import held
from pipeline.laptop.deployment import CLOUD_LOG, STACK, deploy_stack, logging_to, open_model
from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import Stack
from pipeline.local.faults import Faults, load_plan
from pipeline.local.sources import UsageError

FAULTS_JOURNAL = "faults.jsonl"


@dataclass(frozen=True)
class CloudRequest:
    """What `imagebatch up` was asked for."""

    state: Path
    port: int
    """0 for any that is free."""
    models: Sequence[Path]
    """Model packages; the first is the one that runs take by default."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of infra/template.yaml."""
    faults: Path | None = None
    """The plan of what goes wrong on purpose."""


@contextmanager
def standing_cloud(request: CloudRequest) -> Iterator[tuple[LocalCloud, Stack]]:
    """A local cloud with the stack deployed. Events are delivered, and others find it, from when this yields.

    Raises UsageError where the folder or the port cannot be had, or a model is none; FaultPlanError.
    """
    models = [open_model(folder) for folder in request.models]
    plan = load_plan(request.faults) if request.faults else None
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise UsageError(f"Two models have the same name, which is their folder's: {', '.join(sorted(names))}")
    with held(), locked(request.state) as state, logging_to(state / CLOUD_LOG):
        faults = Faults(state / FAULTS_JOURNAL) if plan else None
        with _cloud(state, request.port, faults) as cloud:
            stack = deploy_stack(cloud, models, request.parameters, for_sagemaker=True)
            if faults is not None and plan is not None:
                faults.use(plan)
            cloud.deliver()
            CloudFile(cloud.endpoint_url, cloud.region, cloud.account_id, STACK, os.getpid()).write(state)
            try:
                yield cloud, stack
            finally:
                (state / cloud_file.FILE).unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """The state folder, made where it is not there, for this process alone. Raises UsageError where it cannot be."""
    try:
        str(folder.resolve()).encode()
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"The path of {str(folder)!r} is not UTF-8, and models load from no such path: name another with --state"
        ) from error
    except OSError as error:
        raise UsageError(
            f"State cannot be kept in {str(folder)!r}: {error.strerror}. Name another folder with --state"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise UsageError(
            f"A local cloud runs on {str(folder)!r} already{_where(folder)}: end it, or name another with --state"
        ) from error
    try:
        # What a cloud that was killed has left: it is nowhere any more.
        (folder / cloud_file.FILE).unlink(missing_ok=True)
        yield folder.resolve()
    finally:
        os.close(lock)


def _where(folder: Path) -> str:
    try:
        running = CloudFile.read(folder)
    except UnknownDeployment:
        return ""  # it is starting, or ending
    return f", at {running.endpoint_url}, as process {running.pid}"


@contextmanager
def _cloud(state: Path, port: int, faults: Faults | None) -> Iterator[LocalCloud]:
    try:
        cloud = LocalCloud(state, port=port, faults=faults, hold_events=True)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise UsageError(
            f"Port {port} cannot be had: {error.strerror}. Name another with --port, or 0 for any that is free"
        ) from error
    with cloud:
        yield cloud
