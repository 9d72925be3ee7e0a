"""`imagebatch serve`: an endpoint on this machine, the model server that SageMaker runs."""

import argparse
import importlib.util
import logging
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE
from pipeline.interrupts import exit_now, on_interrupt

if TYPE_CHECKING:
    from pipeline.contract import ModelContract


def add_to(commands: Any) -> None:
    serve = commands.add_parser(
        "serve",
        help="serve a model package on this machine, as an endpoint does",
        description="Serve a model package over HTTP until Ctrl-C, with the server that SageMaker's endpoints and"
        " transform jobs run: docs/serving.md says what it takes.",
    )
    serve.add_argument("model", type=Path, metavar="MODEL_DIR", help="the model package to serve, where it lies")
    serve.add_argument(
        "--port",
        type=_port,
        default=8080,
        metavar="N",
        help="the port to listen on; any free one for 0 (default: 8080)",
    )
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="the address to listen on; 0.0.0.0 lets others reach the model, without a password (default: 127.0.0.1)",
    )
    serve.set_defaults(command=_serve)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, a whole number from 0 to 65535")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    from pipeline.contract.model_files import ModelFile
    from pipeline.errors import ImageBatchError
    from pipeline.serving.service import serve
    from pipeline.serving.settings import ServingSettings

    if (options.model / ModelFile.ONNX).is_file() and importlib.util.find_spec("onnxruntime") is None:
        print("imagebatch: a server runs the model: pip install 'imagebatch[inference]'", file=sys.stderr)
        return EXIT_USAGE
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        on_interrupt(exit_now)  # a second one does not wait for what is under way
        stopped.set()

    def ready(contract: "ModelContract", port: int) -> None:
        on_interrupt(stop)
        print(_how_to_ask(contract, options, port), flush=True)

    try:
        serve(ServingSettings(options.model, options.host, options.port), stopped, ready)
    except ImageBatchError as error:
        print(f"imagebatch: {options.model} cannot be served: {error}", file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        print(
            f"imagebatch: {options.host} port {options.port} cannot be listened on: {error}. Another port: --port N",
            file=sys.stderr,
        )
        return EXIT_FAILED
    return 0


def _how_to_ask(contract: "ModelContract", options: argparse.Namespace, port: int) -> str:
    host = "127.0.0.1" if options.host in ("0.0.0.0", "") else options.host  # noqa: S104 - what is said, not bound
    url = f"http://{host}:{port}"
    return "\n".join(
        [
            f"{contract.name} ({contract.task}, contract {contract.digest}) is served at {url}; Ctrl-C ends it.",
            f"  imagebatch predict photo.jpg --endpoint {url}",
            f"  curl -H 'Content-Type: image/jpeg' --data-binary @photo.jpg {url}/invocations",
        ]
    )
