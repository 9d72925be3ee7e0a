"""A container that is not ours, as SageMaker runs it: it takes a photo, and answers probabilities in its own words.

It has the example model inside, and a whole preprocessing of its own, so that its answers can be compared. The variable
ANSWER_FORMAT says how it speaks, and some photos, told by the colour of their first pixel, it does not get along with:

    magenta    500, always
    yellow     500, until FLAKY_STATE has as many files as there were tries: a container that is better the next time
    cyan       200, and words instead of numbers
"""

import io
import json
import os
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.contract.packages import load_package
from pipeline.images.decode import Decoded, decode
from pipeline.inference.ranking import activate
from pipeline.inference.runtimes import RuntimeSettings, open_runtime

PACKAGE = load_package(Path(__file__).parents[2] / "examples" / "models" / "efficientnet-lite0")
RUNTIME = open_runtime(PACKAGE, RuntimeSettings.from_env())
FORMAT = os.environ["ANSWER_FORMAT"]
MAGENTA, YELLOW, CYAN = (255, 0, 255), (255, 255, 0), (0, 255, 255)
FAILS_FIRST = 3  # a job tries an object so often: once, and the retries of its ModelClientConfig


def probabilities(photo: bytes) -> list[float]:
    decoded = decode(photo, PACKAGE.contract)
    assert isinstance(decoded, Decoded), decoded
    outputs = RUNTIME.predict(decoded.pixels[None])
    scores: list[float] = activate(np.asarray(outputs), PACKAGE.contract.output.activation)[0].tolist()
    return scores


def answer(photo: bytes) -> tuple[int, bytes]:
    colour = Image.open(io.BytesIO(photo)).convert("RGB").getpixel((0, 0))
    if colour == MAGENTA or (colour == YELLOW and has_failed_less_often()):
        return 500, b"I would rather not"
    if colour == CYAN:
        return 200, b"a lake, probably"
    scores = probabilities(photo)
    if FORMAT == "csv":
        return 200, ",".join(map(repr, scores)).encode()
    return 200, json.dumps({"predictions": [{"scores": scores}]} if FORMAT == "json_object" else scores).encode()


def has_failed_less_often() -> bool:
    """Whether this is one of the first tries, which it then counts. Later jobs have processes of their own."""
    folder = Path(os.environ["FLAKY_STATE"])
    if len(list(folder.iterdir())) >= FAILS_FIRST:
        return False
    tempfile.mkstemp(dir=folder)
    return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        known = {
            "/ping": b"",
            "/execution-parameters": b'{"MaxConcurrentTransforms": 2, "BatchStrategy": "SINGLE_RECORD"}',
        }
        self.reply(200 if self.path in known else 404, known.get(self.path, b""))

    def do_POST(self) -> None:
        photo = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Type"] != "application/x-image":
            self.reply(415, f"no {self.headers['Content-Type']}, please".encode())
        else:
            self.reply(*answer(photo))

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
