"""What started an execution, told by its input: a word for people."""

from collections.abc import Mapping
from typing import Any

from pipeline.runs.control_files import is_manifest

TOLD = {
    "schedule": "on schedule",
    "marker": "by a marker",
    "manifest": "by a manifest",
    "replay": "as a replay",
    "manual": "by hand",
}
"""How each word is told in a sentence: a run was started ..."""


def of(document: Any) -> str:
    """The word for the input `document` (pipeline/runs/run_input.py); `manual` for a terminal, console or program."""
    if isinstance(document, Mapping):
        if "detail-type" in document:
            return _of_event(document)
        if "schedule" in document:
            return "schedule"
        if "replays" in document:
            return "replay"
    return "manual"


def _of_event(event: Mapping[str, Any]) -> str:
    if event.get("source") != "aws.s3":
        return "schedule"
    try:
        key = str(event["detail"]["object"]["key"])
    except (KeyError, TypeError):
        return "marker"
    return "manifest" if is_manifest(key) else "marker"
