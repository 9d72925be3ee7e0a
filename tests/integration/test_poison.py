"""One image never costs another, shown through the whole machine with a decoder that does the worst it can.

The decoder is a plug-in, as a user could install one: a module that the function finds on its path, where AWS puts what
a layer brings, and that the stack's parameter Decoders names.
"""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

PLUGIN = '''
import os
import signal
import threading

from PIL import Image


def install():
    """Replaces the decoder of JPEG by one that does what a file's comment says."""
    decoder, accept = Image.OPEN["JPEG"]

    def poisoned(file, name=None):
        image = decoder(file, name)
        {b"kill": _kill, b"hang": _hang, b"devour": _devour}.get(image.info.get("comment"), lambda: None)()
        return image

    Image.register_open("JPEG", poisoned, accept)


def _kill():
    os.kill(os.getpid(), signal.SIGKILL)


def _hang():
    while True:
        try:
            threading.Event().wait()
        except BaseException:
            pass


def _devour():
    devoured = []
    while True:
        # Memory that is reserved, and not touched: how long it takes is not the machine's business.
        devoured.append(bytes(1 << 26))
'''
GOOD = [f"good-{index}.jpg" for index in range(6)]
# Among the good ones, as the listing has them.
POISONED = {"good-0-kill.jpg": b"kill", "good-2-hang.jpg": b"hang", "good-4-devour.jpg": b"devour"}


def jpeg(comment: bytes = b"") -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "JPEG", comment=comment)
    return file.getvalue()


@pytest.fixture(scope="module")
def ended(deployed: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run over one batch of six good images and three poisoned ones."""
    layer = tmp_path_factory.mktemp("layer")
    (layer / "poison.py").write_text(PLUGIN)
    deployment = deployed(ValidateTimeout="4", Decoders="poison:install")
    # What a layer does to a function in AWS, whose /opt/python is on Python's path.
    deployment.change("ValidateImagesFunction", {"PYTHONPATH": str(layer)})
    deployment.put({f"incoming/{key}": jpeg() for key in GOOD})
    deployment.put({f"incoming/{key}": jpeg(comment) for key, comment in POISONED.items()})
    return deployment.run()


def test_the_run_succeeds(ended: Any) -> None:
    assert ended.status == "SUCCEEDED", ended.description


def test_every_other_image_of_the_batch_is_predicted(ended: Any) -> None:
    assert sorted(ended.predicted) == sorted(f"incoming/{key}" for key in GOOD)


@pytest.mark.parametrize(
    ("key", "reason", "words"),
    [
        ("good-0-kill.jpg", "crashes_decoder", "signal: killed"),
        ("good-2-hang.jpg", "decode_timeout", "Task timed out after 4.00 seconds"),
        ("good-4-devour.jpg", "crashes_decoder", "MemoryError"),
    ],
)
def test_a_poisoned_image_is_rejected_for_what_it_did(ended: Any, key: str, reason: str, words: str) -> None:
    row = ended.rejected[f"incoming/{key}"]
    assert (row["reason"], words in row["detail"]) == (reason, True), row


def test_nothing_else_is_rejected(ended: Any) -> None:
    assert len(ended.rejected) == len(POISONED)
