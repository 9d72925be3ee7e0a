"""The stack in a local cloud: infra/template.yaml deployed, with model packages in its results bucket.

`imagebatch run` makes one for a single run, `imagebatch up` one that stays.
"""

import logging
import logging.handlers
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.contract.packages import ARCHIVE_SUFFIX, ModelPackage, load_package, pack
from pipeline.deploying.uploading import Uploads
from pipeline.errors import ImageBatchError
from pipeline.interrupts import checkpoint
from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import Stack, deploy
from pipeline.local.deploy.resources import Target
from pipeline.local.deploy.resources.s3 import bucket_name
from pipeline.local.sources import UsageError
from pipeline.names import slug
from pipeline.objects import s3_uri
from pipeline.runs.keys import MODELS_PREFIX, model_prefix

TEMPLATE = Path(__file__).resolve().parents[2] / "infra" / "template.yaml"
STACK = "imagebatch"
CLOUD_LOG = "cloud.log"
_RESULTS_BUCKET = "ResultsBucket"
_LARGEST_LOG = 10_000_000


@dataclass(frozen=True)
class Model:
    """A model package, and what it is called in S3."""

    name: str
    package: ModelPackage


def open_model(folder: Path) -> Model:
    """The model package in a folder, called as the folder is, as far as S3 keys and job names can have it.

    Raises UsageError where the folder holds none.
    """
    try:
        return Model(slug(folder.resolve().name, longest=63) or "model", load_package(folder))
    except ImageBatchError as error:
        raise UsageError(str(error)) from error


def deploy_stack(
    cloud: LocalCloud,
    models: Sequence[Model],
    parameters: Mapping[str, str],
    *,
    for_sagemaker: bool,
    warm_functions: bool = False,
    name: str = STACK,
) -> Stack:
    """Deploy the template with model packages; the first is the one that runs take by default.

    `for_sagemaker` packs that one, too, as the SageMaker model behind transform jobs and endpoints. `parameters` are
    the template's own, and come last.
    """
    first = models[0]
    chosen = {"DefaultModel": first.name}
    if for_sagemaker:
        chosen["ModelDataUrl"] = _upload_packed(cloud, name, first)
    stack = deploy(cloud, TEMPLATE, {**chosen, **parameters}, name, warm_functions=warm_functions)
    for model in models:
        _upload(cloud, model, stack.outputs["ResultsBucket"])
    return stack


def _upload(cloud: LocalCloud, model: Model, bucket: str) -> None:
    uploads = Uploads(cloud.client("s3"), bucket, lambda _: None)
    for path in sorted(path for path in model.package.folder.iterdir() if path.is_file()):
        checkpoint()
        uploads.replace(path, model_prefix(model.name) + path.name)


def _upload_packed(cloud: LocalCloud, stack: str, model: Model) -> str:
    """Upload the package as SageMaker has models. It has to be there before the stack is, which may have an endpoint:
    the bucket is made ahead of it, under the name that the stack will give it."""
    target = Target(_RESULTS_BUCKET, stack, cloud.region, cloud.account_id, cloud.client, cloud.build_image)
    bucket, key = bucket_name(target), f"{MODELS_PREFIX}{model.name}{ARCHIVE_SUFFIX}"
    cloud.create_bucket(bucket)
    with tempfile.TemporaryFile(dir=cloud.state_dir) as file:
        pack(model.package, file)
        file.seek(0)
        cloud.client("s3").upload_fileobj(file, bucket, key)
    return s3_uri(bucket, key)


class _Log(logging.handlers.RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say nothing: what cannot be logged (on a full disk) is not for the terminal either."""


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """What the local cloud logs is for who looks into a failure; the terminal is for runs."""
    handler = _Log(path, maxBytes=_LARGEST_LOG, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        # Closing writes what could not be written before.
        with suppress(OSError):
            handler.close()
