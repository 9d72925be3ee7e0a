"""SAM's translator in another process, against the same in this one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.local import sam, translations
from pipeline.local.deploy.template import load, package

TEMPLATE = Path(__file__).resolve().parents[2] / "infra" / "template.yaml"
FUNCTION = {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "a.b"}}
GONE = """
import os
from pipeline.local import translations
translations.available_cores = lambda: 2
translations.prepare()
print(translations._prepared[0].pid, flush=True)
os._exit(0)
"""


def order(template: dict[str, Any]) -> sam.Order:
    return {"template": template, "parameters": {"DefaultModel": "any"}, "region": "eu-west-1"}


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> "Iterator[subprocess.Popen[str]]":
    """The one that is prepared, on however few cores."""
    prepared: list[subprocess.Popen[str]] = []
    monkeypatch.setattr(translations, "_prepared", prepared)
    monkeypatch.setattr(translations, "available_cores", lambda: 2)
    loaded = translations.prepare()
    assert loaded is not None
    (process,) = prepared
    with process, os.fdopen(loaded, "rb"):
        yield process
        process.kill()


def test_a_prepared_process_translates_as_this_one(process: "subprocess.Popen[str]") -> None:
    template = package(load(TEMPLATE), TEMPLATE.parent)

    assert translations.translated(order(template)) == sam.translated(order(template))
    assert process.returncode == 0


@pytest.mark.usefixtures("process")
def test_it_refuses_what_this_one_refuses() -> None:
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": FUNCTION}}

    refused = translations.translated(order(template))

    assert refused == sam.translated(order(template))
    assert "[F]" in refused["problems"][0]


def test_a_pipe_tells_when_it_has_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[subprocess.Popen[str]] = []
    monkeypatch.setattr(translations, "_prepared", prepared)
    monkeypatch.setattr(translations, "available_cores", lambda: 2)
    loaded = translations.prepare()
    assert loaded is not None
    with prepared[0] as process, os.fdopen(loaded, "rb") as until_loaded:
        assert until_loaded.read() == b""
        assert process.poll() is None
        process.kill()


def test_on_one_core_this_process_translates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translations, "_prepared", [])
    monkeypatch.setattr(translations, "available_cores", lambda: 1)
    assert translations.prepare() is None


def test_a_process_that_has_ended_leaves_it_to_this_one(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"T": {"Type": "AWS::SNS::Topic"}}}

    assert translations.translated(order(template))["template"]["Resources"] == template["Resources"]


def test_it_ends_with_whoever_prepared_it() -> None:
    printed = subprocess.run([sys.executable, "-c", GONE], capture_output=True, text=True, check=True, env=os.environ)
    try:
        process = psutil.Process(int(printed.stdout))
    except psutil.NoSuchProcess:
        return
    _, alive = psutil.wait_procs([process], timeout=30)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
