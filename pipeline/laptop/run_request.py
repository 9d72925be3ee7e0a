"""What `imagebatch run` was asked to do, and the file beside a run's results that remembers it.

`out/<run_id>/request.json`, which `imagebatch replay` reads:

    {"source": "/photos", "model": "/models/mine", "engine": "processing", "top_k": null,
     "limits": {"max_pixels": 100000000}, "quarantine": "leave", "parameters": {}}

`source` is an absolute path or an `s3://` prefix, `limits` those that were changed, `parameters` the template's own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pipeline.limits import DEFAULT_LIMITS, Quarantine

REQUEST_FILE = "request.json"
EXAMPLE_MODEL = Path(__file__).resolve().parents[2] / "examples" / "models" / "efficientnet-lite0"


@dataclass(frozen=True)
class RunRequest:
    """What to run. `source` is a folder, or `s3://bucket/prefix` read with the credentials of this machine's user."""

    source: str
    model: Path = EXAMPLE_MODEL
    out: Path = Path("out")
    engine: str = "processing"
    top_k: int | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Changes to the limits, as a run's input has them."""
    quarantine: Quarantine = Quarantine.LEAVE
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of infra/template.yaml."""
    max_cost_usd: float | None = None
    """What the run may cost at most, were it in AWS: of this run alone, and not of a replay."""
    faults: Path | None = None
    """The plan of what goes wrong on purpose: of this run alone, and not of a replay."""

    def save(self, folder: Path) -> None:
        is_remote = self.source.startswith("s3:")
        document = {
            "source": self.source if is_remote else str(Path(self.source).expanduser().resolve()),
            "model": str(self.model.resolve()),
            "engine": self.engine,
            "top_k": self.top_k,
            "limits": dict(self.limits),
            "quarantine": self.quarantine,
            "parameters": dict(self.parameters),
        }
        # A path may be no UTF-8, which Python holds as half surrogate pairs and JSON can escape.
        (folder / REQUEST_FILE).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, out: Path) -> Self:
        """The request of the run whose results lie in `folder`, for results in `out`.

        Raises OSError where there is no request.json, ValueError where it is none of ours.
        """
        document = json.loads((folder / REQUEST_FILE).read_text(encoding="utf-8"))
        try:
            DEFAULT_LIMITS.changed(document["limits"])
            return cls(
                source=document["source"],
                model=Path(document["model"]),
                out=out,
                engine=document["engine"],
                top_k=document["top_k"],
                limits=document["limits"],
                quarantine=Quarantine(document["quarantine"]),
                parameters=dict(document["parameters"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
