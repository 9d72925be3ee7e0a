"""The build folders: every handler runs from its own folder alone, which is small enough for Lambda."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.deploying.archives import archive, digest, files_below
from pipeline.deploying.building import CACHE, build, main
from pipeline.deploying.bundles import BUNDLES, STEPS
from pipeline.deploying.errors import DeployError
from pipeline.deploying.wheels import Installed, Wheels

# What pip says, in its warnings of retries, of a registry that does not answer.
UNREACHABLE = re.compile(r"connection broken by|Failed to establish a new connection|timed out")
LARGEST = {"base": 80e6, "images": 80e6, "tables": 160e6, "report": 160e6}
SETTINGS = (
    "AWS_DEFAULT_REGION",
    *("CONTAINER_IMAGE_URI", "DEAD_LETTER_QUEUE_URL", "DEFAULT_INSTANCE_TYPE", "DEFAULT_MODEL", "ENDPOINT_NAME"),
    *("IMAGES_BUCKET", "INSTANCE_TYPE", "JOB_ROLE_ARN", "MODEL_URI", "PROCESSING_BUCKET", "RESULTS_BUCKET"),
    *("SINGLE_MODEL", "STACK_NAME", "TOPIC_ARN"),
)
# A handler that is imported from a folder by an interpreter that has no packages of its own, and what it took from
# elsewhere: nothing but Python itself.
IMPORT = """
import json, sys
import steps.{step}
lib = {lib!r}
print(json.dumps([m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None)
                  and not m.__file__.startswith((lib, {folder!r}))]))
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every bundle, built as for Lambda, of the packages of this machine."""
    root = tmp_path_factory.mktemp("bundles")
    packages = Installed(root / "cache")
    for bundle in BUNDLES:
        build(bundle, packages, root / bundle)
    return {bundle: root / bundle for bundle in BUNDLES}


@pytest.mark.parametrize("step", STEPS)
def test_a_handler_is_imported_from_its_folder_alone(folders: dict[str, Path], step: str) -> None:
    folder = str(folders[STEPS[step]])
    code = IMPORT.format(step=step, folder=folder, lib=os.path.dirname(os.__file__))  # noqa: PTH120
    environment = {**dict.fromkeys(SETTINGS, "set"), "PYTHONPATH": folder, "PATH": os.environ["PATH"]}

    done = subprocess.run([sys.executable, "-S", "-c", code], env=environment, cwd="/", capture_output=True, text=True)

    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_parquet_is_written_and_read_without_what_is_left_out(folders: dict[str, Path]) -> None:
    # On this thread alone: Arrow aborts, now and then, a process that ends while threads of its begin.
    code = """
import io, pyarrow as pa, pyarrow.parquet as pq, pyarrow.compute as pc
table = pa.table({"key": ["a", "b"], "score": [0.5, 1.0]})
file = io.BytesIO()
pq.write_table(table, file)
read = pq.read_table(io.BytesIO(file.getvalue()), use_threads=False)
assert read.equals(table) and pc.max(read["score"]).as_py() == 1.0
"""
    environment = {"PYTHONPATH": str(folders["tables"]), "PATH": os.environ["PATH"]}

    done = subprocess.run([sys.executable, "-S", "-c", code], env=environment, cwd="/", capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_folder_has_the_product_without_the_local_cloud(folders: dict[str, Path]) -> None:
    names = {path.as_posix() for path in files_below(folders["base"])}

    assert {"steps/start_run.py", "pipeline/aws.py", "pipeline/contract/schema.json"} <= names
    assert not any(name.startswith(("pipeline/local/", "pipeline/commands/")) for name in names)


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_bundle_for_lambda_is_small_and_for_its_processor(tmp_path: Path, bundle: str) -> None:
    try:
        build(bundle, Wheels(CACHE), tmp_path / "out")
    except DeployError as error:
        # Wheels that are missing, or are not those of the lock, are what this test is to find.
        if not UNREACHABLE.search(str(error)):
            raise
        pytest.skip(f"no package registry can be reached: {str(error)[:200]}")
    files = files_below(tmp_path / "out")

    assert sum((tmp_path / "out" / path).stat().st_size for path in files) < LARGEST[bundle]
    compiled = [path.name for path in files if ".cpython-" in path.name]
    assert compiled
    assert all("cpython-313-aarch64-linux" in name for name in compiled)


def test_the_same_content_is_packed_into_the_same_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    digests = []
    for moment in (1_000_000_000, 1_700_000_000):
        (folder / "a.py").write_text("a = 1\n")
        os.utime(folder / "a.py", (moment, moment))
        archive(folder, files_below(folder), tmp_path / "out.zip")
        digests.append(digest(tmp_path / "out.zip"))

    assert digests[0] == digests[1]


def test_an_unknown_function_is_refused_with_the_ones_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--function", "NoSuchFunction", "--out", "nowhere"])
    assert "StartRunFunction" in capsys.readouterr().err
