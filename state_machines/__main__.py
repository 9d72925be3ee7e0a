"""`python -m state_machines`: render every machine into the JSON file beside its source."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from state_machines import batch, single_image

MACHINES: dict[str, Callable[[], dict[str, Any]]] = {
    "batch": batch.definition,
    "single_image": single_image.definition,
}


def path(name: str) -> Path:
    """Where the rendering of machine `name` is committed."""
    return Path(__file__).with_name(f"{name}.asl.json")


def render(name: str) -> str:
    """Machine `name` as JSON text, the same text for the same source on every machine."""
    return json.dumps(MACHINES[name](), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    for name in MACHINES:
        path(name).write_text(render(name), encoding="utf-8")
        print(f"rendered {path(name).name}")


if __name__ == "__main__":
    main()
