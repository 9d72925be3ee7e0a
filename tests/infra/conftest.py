"""infra/template.yaml as CloudFormation sees it, SAM translated."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.deploy.conditions import apply_conditions, evaluate_conditions
from pipeline.local.deploy.intrinsics import Scope
from pipeline.local.deploy.parameters import resolve_parameters
from pipeline.local.deploy.rules import check_rules
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


@dataclass(frozen=True)
class Chosen:
    """What the template comes to for some parameters; `scope` has their values."""

    resources: dict[str, dict[str, Any]]
    outputs: dict[str, Any]
    scope: Scope

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of each resource of a type, by logical id."""
        return {name: entry["Properties"] for name, entry in self.resources.items() if entry["Type"] == kind}


@pytest.fixture(scope="session")
def with_parameters(template: dict[str, Any]) -> Callable[..., Chosen]:
    """`with_parameters(Name="value")` holds the parameters to the template's rules, and applies its conditions."""

    def choose(**given: str) -> Chosen:
        scope = Scope(values=resolve_parameters(template["Parameters"], given))
        check_rules(template["Rules"], scope)
        chosen = apply_conditions(template, evaluate_conditions(template["Conditions"], scope))
        return Chosen(chosen["Resources"], chosen["Outputs"], scope)

    return choose
