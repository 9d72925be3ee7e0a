"""infra/template.yaml as CloudFormation sees it, SAM translated."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.deploy.template import load, package, translate

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra" / "template.yaml"


@pytest.fixture(scope="session")
def template_path() -> Path:
    return TEMPLATE


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    return translate(package(load(TEMPLATE), TEMPLATE.parent), {}, "us-east-1")


@pytest.fixture(scope="session")
def of_type(template: dict[str, Any]) -> Callable[[str], dict[str, dict[str, Any]]]:
    """The properties of each resource of a type, by logical id."""

    def select(kind: str) -> dict[str, dict[str, Any]]:
        return {name: entry["Properties"] for name, entry in template["Resources"].items() if entry["Type"] == kind}

    return select
