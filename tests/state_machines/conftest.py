"""The committed state machine, and the states in it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Place(NamedTuple):
    """A state, its name, the states beside it, and the Map states around it from the outside in."""

    name: str
    state: dict[str, Any]
    siblings: dict[str, Any]
    around: tuple[dict[str, Any], ...]


def _places(branch: dict[str, Any], around: tuple[dict[str, Any], ...] = ()) -> Iterator[Place]:
    for name, state in branch["States"].items():
        yield Place(name, state, branch["States"], around)
        if state["Type"] == "Map":
            yield from _places(state["ItemProcessor"], (*around, state))


@pytest.fixture(scope="session")
def asl() -> dict[str, Any]:
    """state_machines/batch.asl.json."""
    definition: dict[str, Any] = json.loads((ROOT / "state_machines" / "batch.asl.json").read_text(encoding="utf-8"))
    return definition


@pytest.fixture(scope="session")
def places(asl: dict[str, Any]) -> list[Place]:
    """Every state of the machine, at any depth."""
    return list(_places(asl))


@pytest.fixture(scope="session")
def state(places: list[Place]) -> Callable[[str], dict[str, Any]]:
    """A state by its name."""
    return {place.name: place.state for place in places}.__getitem__
