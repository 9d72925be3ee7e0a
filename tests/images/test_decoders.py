"""Which decoders there are, and how a deployment brings its own. Each test starts a process: decoders are global."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import features

from pipeline.contract import ModelContract
from pipeline.limits import FORMATS

ROOT = Path(__file__).parents[2]
# Bytes that no decoder wants are where Pillow would look for more decoders.
DECODE_NOTHING = """
import json, sys
from pipeline.images import decoders
from pipeline.contract import parse_contract
from pipeline.images.decode import decode
decode(b"no image at all", parse_contract(json.loads(sys.argv[1])))
print(json.dumps([sorted(decoders.available()), sorted(sys.modules)]))
"""
PLUG_IN = """
from PIL import Image, ImageFile

class NoteFile(ImageFile.ImageFile):
    format = "GIF"

    def _open(self):
        self._size, self._mode = (4, 2), "RGB"
        self.tile = []

    def load(self):
        self.im = Image.new("RGB", self.size, (1, 2, 3)).im

def install():
    Image.register_open("GIF", NoteFile, lambda prefix: prefix.startswith(b"note"))

def fail():
    raise RuntimeError("no licence for this machine")
"""
DECODE_A_NOTE = """
from pipeline.images import decoders
from pipeline.images.decode import decode
from pipeline.contract import parse_contract
import json, sys
decoders.install(sys.argv[1])
outcome = decode(b"note: a picture", parse_contract(json.loads(sys.argv[2])))
print(json.dumps([outcome.format, outcome.width, outcome.pixels[0, 0].tolist()]))
"""


def python(code: str, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    # The extras lie on PYTHONPATH, too, where they are tested.
    path = os.pathsep.join(map(str, filter(None, [ROOT, folder, os.environ.get("PYTHONPATH")])))
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def plug_in(tmp_path: Path) -> Path:
    (tmp_path / "note_decoder.py").write_text(PLUG_IN)
    return tmp_path


@pytest.fixture
def available_and_loaded(contract: ModelContract) -> tuple[set[str], set[str]]:
    """The formats that a fresh process has decoders for, and its modules."""
    available, modules = json.loads(python(DECODE_NOTHING, json.dumps(contract.to_json())).stdout)
    return set(available), set(modules)


def test_the_formats_of_the_limits_have_decoders(available_and_loaded: tuple[set[str], set[str]]) -> None:
    available, _ = available_and_loaded
    optional = {"AVIF": features.check("avif"), "HEIF": find_spec("pillow_heif"), "WEBP": features.check("webp")}
    assert available == FORMATS - {name for name, there in optional.items() if not there}


def test_pillow_loads_none_of_its_other_decoders(available_and_loaded: tuple[set[str], set[str]]) -> None:
    _, modules = available_and_loaded
    assert not {f"PIL.{name}ImagePlugin" for name in ("Eps", "Icns", "Ico", "Jpeg2K", "Psd", "Sgi", "Tga")} & modules


def test_a_plug_in_replaces_a_decoder(plug_in: Path, contract: ModelContract) -> None:
    done = python(DECODE_A_NOTE, " note_decoder:install ,", json.dumps(contract.to_json()), folder=plug_in)
    assert json.loads(done.stdout or done.stderr) == ["GIF", 4, [1, 2, 3]]


@pytest.mark.parametrize(
    ("plugins", "words"),
    [
        ("no_such_module:install", "No module named 'no_such_module'"),
        ("note_decoder:no_such_function", "no attribute 'no_such_function'"),
        ("note_decoder:fail", "no licence for this machine"),
        ("note_decoder", "expected module:callable, got 'note_decoder'"),
    ],
)
def test_a_plug_in_that_does_not_install_is_named_at_cold_start(plug_in: Path, plugins: str, words: str) -> None:
    done = python(f"from pipeline.images import decoders; decoders.install({plugins!r})", folder=plug_in)
    assert "InvalidSetting: DECODERS" in done.stderr
    assert words in done.stderr


def test_the_function_installs_what_its_environment_names(plug_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECODERS", "note_decoder:fail")
    assert "no licence for this machine" in python("import steps.validate_images", folder=plug_in).stderr


def test_no_plug_ins_are_no_error() -> None:
    assert python("from pipeline.images import decoders; decoders.install('')").returncode == 0
