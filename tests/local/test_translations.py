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
    monkeypatch.setattr(translations, "_prepared", prepared := [])
    monkeypatch.setattr(translations, "available_cores", lambda: 2)
    translations.prepare()
    (process,) = prepared
    with process:
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
