"""The input of an execution, made into one shape.

Whatever starts the batch state machine (pipeline/runs/triggers.py), its input becomes a RunInput: every field checked,
every default filled in. A person's or a schedule's input has the fields below, down to {} from the console: all is
optional. An event has none, and says itself what the run is over: the folder of a marker, or what a manifest lists.

    {"prefixes": ["incoming/{date:%Y/%m/%d}/"], "top_k": 3}
    {"images": [{"listing": "s3://...", "bucket": "..."}]}      objects that somebody chose
    {"resume": "<run_id>"}                                      a run that there is (pipeline/runs/resuming.py)
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.contract import LARGEST_TOP_K
from pipeline.errors import InvalidRunInput
from pipeline.given import shown
from pipeline.limits import Limits, Quarantine
from pipeline.runs import source_fields, triggers
from pipeline.runs.fields import matching, refuse
from pipeline.runs.sources import Source
from pipeline.runs.triggers import Trigger
from pipeline.runs.uploads import Manifest, Marker
from pipeline.settings import StartRunSettings

PROCESSING, TRANSFORM = ENGINES = ("processing", "transform")
DEFAULT_MAX_FAILED_FRACTION = 0.05

_FIELDS = (
    "name",
    "prefixes",
    "images",
    "model",
    "engine",
    "top_k",
    "max_failed_fraction",
    "max_cost_usd",
    "instance_type",
    "limits",
    "quarantine",
    "replays",
    "reprocess",
    "schedule",
    "resume",
)
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_RUN_ID = re.compile(r"[0-9A-Za-z-]{1,120}")
_INSTANCE_TYPE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9-]+")


@dataclass(frozen=True)
class RunInput:
    """A checked execution input. None is for the contract's own `engine` and `top_k`, the stack's `instance_type`."""

    trigger: Trigger
    name: str | None
    """What the run id calls the run; None for the name of its first source."""
    sources: tuple[Source, ...]
    upload: Marker | Manifest | None
    """What was uploaded to start the run, and is read when everything else is in order. A manifest lists the sources in
    their place."""
    model: str
    engine: str | None
    top_k: int | None
    max_failed_fraction: float
    instance_type: str | None
    limits: Limits
    quarantine: Quarantine
    replays: str | None
    """The run whose rejected images this one takes up again (pipeline/runs/replay.py)."""
    max_cost_usd: float | None
    """None for no limit but the stack's."""
    reprocess: bool
    """Whether images are predicted that were predicted before and have not changed (pipeline/ledger)."""


def parse(document: Any, execution: Mapping[str, str], settings: StartRunSettings) -> RunInput:
    """Read the input of the execution `{"arn", "name", "started_at"}`.

    Raises InvalidRunInput, which names the field, says what was expected, and shows what was there.
    """
    if not isinstance(document, Mapping):
        refuse("the input", 'a JSON object such as {} or {"prefixes": ["incoming/"]}', document)
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # JSON may escape half of a surrogate pair, and nothing can be named so
        refuse("the input", "text that can be written as UTF-8", document)
    fields: Mapping[str, Any] = document
    brought = None
    if "detail-type" in document:
        fields = {}
        trigger, brought = triggers.of_event(document, settings.marker)
    else:
        trigger = triggers.of_fields(document, execution)
    unknown = sorted(set(fields) - set(_FIELDS))
    if unknown:
        raise InvalidRunInput(f"The input has no field {shown(unknown[0])}; the fields are {', '.join(_FIELDS)}.")
    return RunInput(
        trigger=trigger,
        name=brought.name if isinstance(brought, Manifest) else _name(fields.get("name")),
        sources=_sources(brought, fields, trigger, settings),
        upload=brought,
        model=matching(
            "model", fields.get("model", settings.default_model), _MODEL, "a name such as efficientnet-lite0"
        ),
        engine=_engine(fields["engine"]) if "engine" in fields else None,
        top_k=_top_k(fields.get("top_k")),
        max_failed_fraction=_fraction(fields.get("max_failed_fraction", DEFAULT_MAX_FAILED_FRACTION)),
        instance_type=_instance_type(fields.get("instance_type")),
        limits=_limits(fields.get("limits", {}), settings.limits),
        quarantine=_quarantine(fields.get("quarantine", settings.quarantine)),
        replays=_replays(fields.get("replays")),
        max_cost_usd=max_cost(fields.get("max_cost_usd")),
        reprocess=_reprocess(fields.get("reprocess", False)),
    )


def _sources(
    brought: Marker | Manifest | None, fields: Mapping[str, Any], trigger: Trigger, settings: StartRunSettings
) -> tuple[Source, ...]:
    """What the trigger brings with it is what the run is over, literally: its keys are S3's, and no templates."""
    if brought is None:
        return source_fields.sources(fields, trigger.time, settings)
    if isinstance(brought, Manifest):
        return ()
    source_fields.check_prefix(f"the folder of the marker {trigger.uri}", brought.folder, settings)
    return (brought.folder,)


def _name(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        refuse("name", "a few words such as spring-campaign", value)
    return value


def _engine(value: Any) -> str:
    if value not in ENGINES:
        refuse("engine", f"one of {', '.join(ENGINES)}", value)
    return str(value)


def _top_k(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_TOP_K:
        refuse("top_k", f"a whole number from 1 to {LARGEST_TOP_K}", value)
    return int(value)


def _fraction(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        refuse("max_failed_fraction", "a number from 0 to 1", value)
    return float(value)


def max_cost(value: Any) -> float | None:
    """A limit in US dollars, None and 0 for none. Raises InvalidRunInput."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        refuse("max_cost_usd", "US dollars, a number of at least 0", value)
    return float(value) or None


def _instance_type(value: Any) -> str | None:
    return None if value is None else matching("instance_type", value, _INSTANCE_TYPE, "a type such as ml.c7i.xlarge")


def _limits(value: Any, defaults: Limits) -> Limits:
    if not isinstance(value, Mapping):
        refuse("limits", 'an object such as {"max_pixels": 100000000}', value)
    try:
        return defaults.changed(value)
    except ValueError as error:
        raise InvalidRunInput(f"limits.{error}.") from error


def _quarantine(value: Any) -> Quarantine:
    if not isinstance(value, str) or value not in set(Quarantine):
        refuse("quarantine", f"one of {', '.join(Quarantine)}", value)
    return Quarantine(value)


def _reprocess(value: Any) -> bool:
    if not isinstance(value, bool):
        refuse("reprocess", "true or false", value)
    return value


def _replays(value: Any) -> str | None:
    return None if value is None else matching("replays", value, _RUN_ID, "the id of an earlier run")
