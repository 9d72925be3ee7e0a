"""Imports point one way, as docs/architecture.md says, and a Lambda loads no more than it needs."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STEPS = sorted(path.stem for path in (ROOT / "steps").glob("*.py") if path.stem != "__init__")
# What may import the local cloud, besides itself.
TERMINAL = {("pipeline", "cli.py"), ("pipeline", "commands"), ("pipeline", "laptop"), ("pipeline", "local")}
HEAVY = {"onnxruntime", "sagemaker", "stepfunctions", "moto", "flask", "rich", "samtranslator", "pipeline.local"}
SETTINGS = (
    "AWS_DEFAULT_REGION",
    "CONTAINER_IMAGE_URI",
    "DEAD_LETTER_QUEUE_URL",
    "DEFAULT_INSTANCE_TYPE",
    "DEFAULT_MODEL",
    "ENDPOINT_NAME",
    "IMAGES_BUCKET",
    "INSTANCE_TYPE",
    "JOB_ROLE_ARN",
    "MODEL_URI",
    "PROCESSING_BUCKET",
    "RESULTS_BUCKET",
    "SINGLE_MODEL",
    "STACK_NAME",
    "TOPIC_ARN",
)


def sources(*folders: str) -> Iterator[Path]:
    """Python files of these folders, without the local cloud and the terminal, which may import it."""
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            relative = path.relative_to(ROOT)
            if relative.parts[:2] not in TERMINAL:
                yield path


def imported(path: Path) -> set[str]:
    """Every module that a file names in an import, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return names


def offenders(forbidden: str, *folders: str) -> set[str]:
    """Files that import a module, or anything inside it."""
    return {
        str(path.relative_to(ROOT))
        for path in sources(*folders)
        if any(name == forbidden or name.startswith(f"{forbidden}.") for name in imported(path))
    }


def loaded_by(module: str) -> set[str]:
    """What a fresh interpreter has loaded once it has imported a module, as a cold start would."""
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    environment = {**os.environ, **dict.fromkeys(SETTINGS, "set"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_nothing_but_the_terminal_imports_the_local_cloud() -> None:
    assert offenders("pipeline.local", "pipeline", "steps", "processing_scripts", "state_machines") == set()


@pytest.mark.parametrize("folder", ["steps", "processing_scripts", "state_machines", "infra"])
def test_the_pipeline_imports_nothing_that_is_built_on_it(folder: str) -> None:
    assert offenders(folder, "pipeline") == set()


def test_steps_and_scripts_do_not_import_each_other() -> None:
    assert offenders("steps", "processing_scripts") | offenders("processing_scripts", "steps") == set()


def test_one_module_makes_clients() -> None:
    assert offenders("boto3", "pipeline", "steps", "processing_scripts") == {"pipeline/aws.py"}


@pytest.mark.parametrize("step", STEPS)
def test_a_lambda_loads_no_model_runtime_no_sdk_and_no_local_cloud(step: str) -> None:
    assert loaded_by(f"steps.{step}") & HEAVY == set()


@pytest.mark.parametrize("step", [step for step in STEPS if step not in ("aggregate_predictions", "write_report")])
def test_only_the_last_steps_load_parquet(step: str) -> None:
    assert "pyarrow" not in loaded_by(f"steps.{step}")


@pytest.mark.parametrize("step", ["start_run", "plan_inference", "plan_retry", "report_failure"])
def test_steps_that_see_no_pixels_start_without_numpy(step: str) -> None:
    assert "numpy" not in loaded_by(f"steps.{step}")


def test_the_report_starts_without_arrows_functions() -> None:
    assert "pyarrow.compute" not in loaded_by("steps.write_report")


def test_the_job_loads_no_client_of_aws() -> None:
    assert "boto3" not in loaded_by("processing_scripts.infer")
