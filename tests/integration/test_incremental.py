"""Two nights over the same photos, in a stack that remembers the first."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from pipeline import objects
from pipeline.local.faults import FaultPlan, Faults
from pipeline.runs.keys import verdicts_prefix

KEYS = [f"incoming/{number:02}.png" for number in range(40)]
CHANGED = KEYS[3:7]
LOGGED = re.compile(r"batch \w+: (\d+) accepted, (\d+) rejected, \d+ skipped")
# A delay of nothing, of which the journal tells all the same: it is how the requests are counted.
EVERY_READ = {"on": "request", "service": "s3", "operation": "GetObject", "fault": "slow", "seconds": 0}


def photo(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), (shade, 100, 200)).save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True)
class Night:
    ended: Any
    read: list[str]
    """Keys of the photos that were asked for, each as often as it was."""
    logged: int
    """As many as validation says in its log that it has judged."""

    @property
    def run_id(self) -> str:
        return str(self.ended.output["summary"]["run_id"])

    def count(self, *names: str) -> dict[str, int]:
        return {name: self.ended.counts[name] for name in names}


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    return deployed(Incremental="yes")


@pytest.fixture(scope="module")
def night(deployment: Any, faults: Faults) -> Callable[..., Night]:
    images = deployment.stack.outputs["ImagesBucket"]
    function = deployment.stack.resources["ValidateImagesFunction"]

    def run(**run_input: Any) -> Night:
        before = len(faults.injected)
        faults.use(FaultPlan.from_json({"faults": [{**EVERY_READ, "name": f"{images}/*", "probability": 1}]}))
        ended = deployment.run(**run_input)
        faults.rest()
        assert ended.status == "SUCCEEDED", ended.description
        run_id = ended.output["summary"]["run_id"]
        lines = [line for line in deployment.cloud.logs(function).splitlines() if run_id in line]
        judged = LOGGED.findall("\n".join(lines))
        return Night(
            ended,
            sorted(each.name.removeprefix(f"{images}/") for each in faults.injected[before:]),
            sum(int(accepted) + int(rejected) for accepted, rejected in judged),
        )

    return run


@pytest.fixture(scope="module")
def first(deployment: Any, night: Callable[..., Night]) -> Night:
    deployment.put({key: photo(5 * number) for number, key in enumerate(KEYS)})
    return night()


@pytest.fixture(scope="module")
def second(first: Night, deployment: Any, night: Callable[..., Night]) -> Night:
    """The night after two of the photos were uploaded again, with other bytes."""
    deployment.put({key: photo(200 + number) for number, key in enumerate(CHANGED)})
    return night()


def test_the_first_night_reads_and_predicts_every_photo(first: Night) -> None:
    assert first.read == KEYS
    assert first.count("listed", "predicted", "skipped") == {"listed": 40, "predicted": 40, "skipped": 0}


def test_the_second_night_asks_s3_for_nothing_but_what_has_changed(second: Night) -> None:
    assert second.read == CHANGED


def test_the_second_night_decodes_nothing_but_what_has_changed(first: Night, second: Night, deployment: Any) -> None:
    bucket = deployment.stack.outputs["ResultsBucket"]
    written = objects.list_objects(deployment.s3, bucket, verdicts_prefix(second.run_id))
    found = [verdict for item in written for verdict in objects.get_lines(deployment.s3, bucket, item.key)]

    assert sorted(verdict["key"] for verdict in found if verdict["verdict"] != "skipped") == CHANGED
    assert (len(found), first.logged, second.logged) == (40, 40, 4)


def test_the_second_night_predicts_what_has_changed_and_counts_the_rest_as_skipped(second: Night) -> None:
    assert sorted(second.ended.predicted) == CHANGED
    assert second.count("listed", "predicted", "rejected", "failed", "skipped") == {
        "listed": 40, "predicted": 4, "rejected": 0, "failed": 0, "skipped": 36
    }  # fmt: skip


def test_lookup_names_the_night_that_predicted_a_photo(
    first: Night, second: Night, deployment: Any, imagebatch: Callable[..., Any]
) -> None:
    images = deployment.stack.outputs["ImagesBucket"]
    found = {
        key: imagebatch("lookup", f"s3://{images}/{key}", "--json", **deployment.cloud.environment()).report
        for key in (KEYS[0], CHANGED[0])
    }
    assert {key: [each["run_id"] for each in told["predictions"]] for key, told in found.items()} == {
        KEYS[0]: [first.run_id],
        CHANGED[0]: [second.run_id],
    }


def test_show_names_every_night_that_predicted_a_photo_and_what_the_ledger_remembers(
    first: Night, second: Night, deployment: Any, imagebatch: Callable[..., Any]
) -> None:
    uri = f"s3://{deployment.stack.outputs['ImagesBucket']}/{CHANGED[0]}"
    shown = imagebatch("show", uri, "--stack", "imagebatch", "--json", **deployment.cloud.environment()).report
    assert [(each["run_id"], each["outcome"]) for each in shown["runs"]] == [
        (second.run_id, "predicted"),
        (first.run_id, "predicted"),
    ]
    assert [each["run_id"] for each in shown["ledger"]] == [second.run_id]
    assert all(each["verdict"]["format"] == "PNG" for each in shown["runs"])


def test_reprocess_reads_every_photo_again(second: Night, night: Callable[..., Night]) -> None:
    third = night(reprocess=True)

    assert third.read == KEYS
    assert third.count("predicted", "skipped") == {"predicted": 40, "skipped": 0}
