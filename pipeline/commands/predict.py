"""`imagebatch predict`: files of this machine, or of S3, sent to an endpoint one by one."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, cloud
from pipeline.commands.arguments import top_k
from pipeline.errors import ImageBatchError

if TYPE_CHECKING:
    from pipeline.contract import ModelContract
    from pipeline.endpoints import Endpoint, Image

CODECS = ("image", "json", "multipart", "npy", "npy-tensor", "instances", "triton", "triton-path")
"""Those of pipeline/endpoints, which are not loaded for `--help`; a test compares the two."""

_ENDINGS = frozenset((".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"))
_LONGEST_TIMEOUT = 3600


def add_to(commands: Any) -> None:
    predict = commands.add_parser(
        "predict",
        help="ask an endpoint what is on a few images",
        description="Send images to an endpoint, one by one, and print what it says of each: labels, the best first."
        " The exit code is 1 if any of them was not predicted. For many images, `imagebatch run`.",
    )
    predict.add_argument("files", nargs="+", metavar="FILE", help="an image, a folder of images, or s3://bucket/key")
    predict.add_argument(
        "--endpoint",
        required=True,
        metavar="ENDPOINT",
        help="the name of a SageMaker endpoint, or an address such as http://127.0.0.1:8080",
    )
    predict.add_argument(
        "--as", dest="codec", choices=CODECS, default="image", help="what is sent (default: image, the file as it is)"
    )
    predict.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        help="the endpoint's model package: its contract.json and labels, for endpoints that answer bare scores, and"
        " for what is sent as tensors",
    )
    predict.add_argument(
        "--top-k", type=top_k, metavar="K", help="labels of each image (default: the contract's, or 5)"
    )
    predict.add_argument(
        "--fit",
        action="store_true",
        help="resize an image that is too large for the endpoint, as the contract of --model allows",
    )
    predict.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="S", help="seconds that an answer may take (default: 60)"
    )
    predict.add_argument("--json", action="store_true", help="print a line of JSON for each image, and nothing else")
    cloud.add_account_options(predict)
    predict.set_defaults(command=_predict, stack=None)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= _LONGEST_TIMEOUT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, at most {_LONGEST_TIMEOUT}")
    return number


def _predict(options: argparse.Namespace) -> int:
    from botocore.exceptions import BotoCoreError

    from pipeline.commands.refusals import explained

    try:
        contract, labels = _package(options.model)
        files = list(_expanded(options.files))
        endpoint = _endpoint(options)
    except (ImageBatchError, OSError, ValueError) as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_USAGE
    except BotoCoreError as error:
        print(f"imagebatch: {explained(error)}", file=sys.stderr)
        return EXIT_FAILED
    return _send_all(options, files, endpoint, contract, labels)


def _send_all(
    options: argparse.Namespace,
    files: list[str],
    endpoint: "Endpoint",
    contract: "ModelContract | None",
    labels: tuple[str, ...],
) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    from pipeline.commands.refusals import explained
    from pipeline.endpoints import CODECS, predict
    from pipeline.endpoints.telling import failed, predicted
    from pipeline.errors import EndpointNotFound, UnsuitableCodec

    codec = CODECS[options.codec]
    failures = 0
    for place, file in enumerate(files, 1):
        try:
            image = _image(file, needs_data=codec.name != "triton-path")
            prediction = predict(endpoint, codec, image, contract, labels, options.top_k, fit=options.fit)
            print(predicted(prediction, as_json=options.json), flush=True)
        except (ImageBatchError, OSError, BotoCoreError, ClientError) as error:
            failures += 1
            text = explained(error) if isinstance(error, (BotoCoreError, ClientError)) else str(error)
            print(failed(file, error, text, as_json=options.json), file=sys.stdout if options.json else sys.stderr)
            # What is true of every file is said once.
            if isinstance(error, (EndpointNotFound, UnsuitableCodec, BotoCoreError)) and place < len(files):
                print(f"imagebatch: {len(files) - place} more files were not sent", file=sys.stderr)
                break
    return EXIT_FAILED if failures else 0


def _endpoint(options: argparse.Namespace) -> "Endpoint":
    """Raises UnknownDeployment, ValueError for an address that is none, and what a client that is made may raise."""
    from pipeline import aws
    from pipeline.endpoints import HttpEndpoint, SageMakerEndpoint

    if any(file.startswith("s3://") for file in options.files) or "://" not in options.endpoint:
        cloud.connect(options)
    if "://" in options.endpoint:
        return HttpEndpoint(options.endpoint, options.timeout)
    return SageMakerEndpoint(aws.endpoint_client(options.timeout), options.endpoint)


def _package(folder: Path | None) -> tuple["ModelContract | None", tuple[str, ...]]:
    """The contract and the labels in a package, whose model itself may lack. Raises InvalidModelPackage, OSError."""
    from pipeline.contract import CONTRACT_FILE, parse_contract
    from pipeline.contract.packages import parse_labels

    if folder is None:
        return None, ()
    contract = parse_contract((folder / CONTRACT_FILE).read_bytes(), source=str(folder / CONTRACT_FILE), images=True)
    if contract.output.labels is None:
        return contract, ()
    path = folder / contract.output.labels
    return contract, parse_labels(path.read_bytes(), source=str(path))


def _expanded(files: Iterable[str]) -> Iterator[str]:
    """Every file, and the images in every folder. Raises ValueError where a folder has none."""
    for file in files:
        folder = Path(file)
        if file.startswith("s3://") or not folder.is_dir():
            yield file
            continue
        found = sorted(str(path) for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS and path.is_file())
        if not found:
            raise ValueError(f"{file!r} is a folder with no file named like an image: {', '.join(sorted(_ENDINGS))}")
        yield from found


def _image(file: str, *, needs_data: bool) -> "Image":
    from pipeline import aws, objects
    from pipeline.endpoints import Image

    if not file.startswith("s3://"):
        return Image.of(Path(file).read_bytes(), file)
    data = b""
    if needs_data:
        data = objects.get_bytes(aws.client("s3"), *objects.parse_s3_uri(file))
    return Image.of(data, file, file)
