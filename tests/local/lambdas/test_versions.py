"""What is published of a function stays what it was."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud
from pipeline.local.lambdas.workers import WorkerPool

Create = Callable[..., Any]
WORD = """
import os
def handler(event, context): return [os.environ["WORD"], context.function_version, context.invoked_function_arn]
"""
ARN = "arn:aws:lambda:us-east-1:123456789012:function:says"


@pytest.fixture
def lambdas(cloud: LocalCloud, create_function: Create) -> Any:
    """The client, where the function `says` has been published as version 1 and changed since."""
    create_function("says", WORD, Environment={"Variables": {"WORD": "old"}})
    client = cloud.client("lambda")
    assert client.publish_version(FunctionName="says")["Version"] == "1"
    client.update_function_configuration(FunctionName="says", Environment={"Variables": {"WORD": "new"}})
    return client


def test_a_version_answers_as_when_it_was_published(lambdas: Any, invoke: Callable[..., Any]) -> None:
    assert invoke(f"{ARN}:1").payload == ["old", "1", f"{ARN}:1"]
    assert invoke("says").payload == ["new", "$LATEST", ARN]
    assert invoke("says", Qualifier="1").raw["ExecutedVersion"] == "1"


def test_an_alias_is_moved_from_version_to_version(lambdas: Any, invoke: Callable[..., Any]) -> None:
    lambdas.create_alias(FunctionName="says", Name="live", FunctionVersion="1")
    assert invoke(f"{ARN}:live").payload[0] == "old"

    lambdas.publish_version(FunctionName="says")
    lambdas.update_alias(FunctionName="says", Name="live", FunctionVersion="2")

    assert invoke(f"{ARN}:live").payload[0] == "new"
    assert lambdas.get_alias(FunctionName="says", Name="live")["FunctionVersion"] == "2"


def test_nothing_new_is_published_where_nothing_has_changed(lambdas: Any) -> None:
    assert lambdas.publish_version(FunctionName="says")["Version"] == "2"
    assert lambdas.publish_version(FunctionName="says")["Version"] == "2"
    versions = lambdas.list_versions_by_function(FunctionName="says")["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]


def test_a_version_that_was_deleted_is_gone(lambdas: Any) -> None:
    lambdas.delete_function(FunctionName="says", Qualifier="1")

    with pytest.raises(ClientError, match=r"Function not found: .*:says:1"):
        lambdas.invoke(FunctionName=f"{ARN}:1")


def test_an_alias_of_a_version_that_is_not_there_is_refused(lambdas: Any) -> None:
    with pytest.raises(ClientError, match=r"Function not found: .*:says:7"):
        lambdas.create_alias(FunctionName="says", Name="live", FunctionVersion="7")


def test_a_version_is_there_after_a_restart_once_its_function_is(tmp_path: Path) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", WORD)

    def start(word: str) -> LocalCloud:
        cloud = LocalCloud(tmp_path / "state")
        cloud.client("lambda").create_function(
            FunctionName="says",
            Runtime="python3.13",
            Role="arn:aws:iam::123456789012:role/local",
            Handler="index.handler",
            Environment={"Variables": {"WORD": word}},
            Code={"ZipFile": code.getvalue()},
            Publish=True,
        )
        return cloud

    with start("old"):
        pass
    with start("new") as cloud:
        client = cloud.client("lambda")
        versions = client.list_versions_by_function(FunctionName="says")["Versions"]
        assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]
        answers = [json.load(client.invoke(FunctionName=f"{ARN}:{number}")["Payload"])[0] for number in (1, 2)]
        assert answers == ["old", "new"]
    with start("new") as cloud:
        assert cloud.client("lambda").publish_version(FunctionName="says")["Version"] == "2"
        cloud.client("lambda").delete_function(FunctionName="says")
    with start("newest") as cloud:
        versions = cloud.client("lambda").list_versions_by_function(FunctionName="says")["Versions"]
        assert [version["Version"] for version in versions] == ["$LATEST", "1"]


def test_a_cloud_is_closed_also_while_a_version_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    really_close = WorkerPool.close
    published: list[str] = []
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", WORD)

    def close(pool: WorkerPool) -> None:
        if not published:
            published.append("soon")
            client.update_function_configuration(FunctionName="says", Description="another")
            published.append(client.publish_version(FunctionName="says")["Version"])
        really_close(pool)

    with LocalCloud() as cloud:
        client = cloud.client("lambda")
        client.create_function(
            FunctionName="says",
            Runtime="python3.13",
            Role="arn:aws:iam::123456789012:role/local",
            Handler="index.handler",
            Code={"ZipFile": code.getvalue()},
            Publish=True,
        )
        monkeypatch.setattr(WorkerPool, "close", close)
    assert published == ["soon", "2"]
