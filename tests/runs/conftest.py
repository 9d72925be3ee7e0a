"""What the tests of starting a run share: a results bucket with a model in it, and events that S3 sent."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import objects
from pipeline.contract import ModelContract
from pipeline.runs import start
from pipeline.settings import StartRunSettings

SETTINGS = StartRunSettings("example-images", "example-results", "tiny", "incoming/")
Start = Callable[..., dict[str, Any]]
EVENTS = Path(__file__).parents[1] / "data" / "events"


def execution(name: str, started_at: str = "2026-11-20T02:00:03.123Z") -> dict[str, str]:
    return {
        "arn": f"arn:aws:states:us-east-1:123456789012:execution:imagebatch:{name}",
        "name": name,
        "started_at": started_at,
    }


@pytest.fixture
def begin(s3: Any, contract: ModelContract, classifier: Callable[..., bytes]) -> Start:
    """Starts a run as the execution of that name, with the model `tiny` in the results bucket."""
    for name, body in {
        "contract.json": json.dumps(contract.to_json()).encode(),
        "labels.txt": b"cat\ndog\n",
        "model.onnx": classifier(classes=2),
    }.items():
        s3.put_object(Bucket="example-results", Key=f"models/tiny/{name}", Body=body)

    def begin(
        document: Any, name: str = "first", started_at: str = "2026-11-20T02:00:03.123Z", **settings: Any
    ) -> dict[str, Any]:
        return start.start_run(document, execution(name, started_at), replace(SETTINGS, **settings), s3)

    return begin


@pytest.fixture
def event() -> Callable[..., Any]:
    """`event(name, time="...", etag="...")`: a recorded event of S3, about an object that is changed."""

    def changed(name: str, **changes: str) -> Any:
        document = json.loads((EVENTS / f"{name}.json").read_text())
        time = changes.pop("time", document["time"])
        created = document["detail"]["object"]
        return {**document, "time": time, "detail": {**document["detail"], "object": {**created, **changes}}}

    return changed


@pytest.fixture
def written(s3: Any) -> Callable[[], list[str]]:
    """What runs have written into the results bucket, claims included."""

    def keys() -> list[str]:
        return [item.key for item in objects.list_objects(s3, "example-results", "") if "models/" not in item.key]

    return keys


@pytest.fixture
def upload_marker(s3: Any) -> Callable[[bytes], object]:
    """`upload_marker(body)` puts the marker that the recorded event is about."""
    return lambda body: s3.put_object(Bucket="example-images", Key="incoming/2026 11/_READY", Body=body)


@pytest.fixture
def upload_manifest(s3: Any) -> Callable[..., object]:
    """`upload_manifest(*entries)` puts the manifest that the recorded event is about."""

    def upload(*entries: str) -> object:
        body = json.dumps(entries).encode()
        return s3.put_object(Bucket="example-images", Key="incoming/spring campaign.manifest.json", Body=body)

    return upload
