"""`imagebatch lookup`: what is told of an image, and of one that nobody knows."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from pipeline import cli
from pipeline.deployed import stack
from pipeline.deployed.stack import Deployment
from pipeline.ledger import Entry, remember

DAISY = "s3://photos/incoming/daisy.jpg"
PREDICTED = Entry(
    DAISY, "flowers", "9b2c", "c1", "m1", "2026-11-20T0200-incoming-7f3a9c", datetime(2026, 11, 20, 2, 13, tzinfo=UTC),
    "daisy", 0.93,
)  # fmt: skip


@pytest.fixture
def cloud(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack whose ledger is the table `ledger`, which is not there yet."""
    monkeypatch.delenv("IMAGEBATCH_STACK", raising=False)
    monkeypatch.setattr(stack, "find_deployment", lambda *_: Deployment("arn:machine", "results", "ledger"))


@pytest.fixture
def table(cloud: None) -> Any:
    """The stack's table, empty."""
    client: Any = boto3.client("dynamodb")
    keys = {"image": "HASH", "model": "RANGE"}
    client.create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
    )
    return client


def test_what_was_predicted_is_told_with_its_time_model_and_run(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    remember(table, "ledger", [PREDICTED])

    assert cli.main(["lookup", DAISY]) == 0
    assert capsys.readouterr().out.splitlines() == [
        DAISY,
        "  flowers: daisy (0.93)",
        "    predicted  2026-11-20 02:13:00 UTC, in the run 2026-11-20T0200-incoming-7f3a9c",
        "    of         the object with the ETag 9b2c",
        "    results    s3://results/runs/2026-11-20T0200-incoming-7f3a9c/results/",
    ]


def test_a_program_gets_one_document(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    remember(table, "ledger", [PREDICTED])

    assert cli.main(["lookup", DAISY, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["image"], document["problems"]) == (DAISY, [])
    assert document["predictions"] == [
        {
            "model": "flowers",
            "label": "daisy",
            "score": 0.93,
            "predicted_at": "2026-11-20T02:13:00+00:00",
            "run_id": PREDICTED.run_id,
            "etag": "9b2c",
            "contract": "c1",
            "model_digest": "m1",
            "results": f"s3://results/runs/{PREDICTED.run_id}/results/",
        }
    ]


@pytest.mark.usefixtures("table")
def test_an_image_that_nobody_knows_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lookup", "s3://photos/other.jpg"]) == 1
    assert "does not know this image" in capsys.readouterr().out


def test_an_item_that_is_no_entry_is_named(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    table.put_item(TableName="ledger", Item={"image": {"S": DAISY}, "model": {"S": "flowers"}, "label": {"S": "cat"}})

    assert cli.main(["lookup", DAISY]) == 1
    told = capsys.readouterr()
    assert f"CorruptLedger: The ledger's item for {DAISY}" in told.err
    assert "cat" not in told.out


def test_a_key_cannot_pass_for_a_line_of_the_answer(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["lookup", "s3://photos/a\n  flowers: daisy (1)"])

    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.usefixtures("cloud")
def test_a_stack_without_a_ledger_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "find_deployment", lambda *_: Deployment("arn:machine", "results"))

    assert cli.main(["lookup", DAISY]) == 2
    assert "keeps no ledger: it has no output LedgerTable" in capsys.readouterr().err


@pytest.mark.parametrize("image", ["daisy.jpg", "s3://photos", "s3://photos/", "https://photos/daisy.jpg"])
def test_what_names_no_image_is_wrong_usage(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["lookup", image])
    assert "s3://bucket/" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["daisy.jpg", "s3://photos", "s3://photos/", "https://photos/daisy.jpg"])
def test_what_names_no_image_is_refused_with_what_does(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["lookup", given])
    assert ended.value.code == 2
    assert f"'{given}' names no image; expected s3://bucket/key, the key as it is in S3" in capsys.readouterr().err
