"""The container contract without HTTP: what each path answers, and in which words a request is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.serving import payloads
from pipeline.serving.application import Application
from pipeline.serving.model import ServedModel
from pipeline.serving.replies import RefusedError
from pipeline.serving.settings import ServingSettings


@pytest.fixture
def loading() -> Application:
    return Application(ServingSettings(Path("nowhere"), "127.0.0.1"))


@pytest.fixture
def ready(loading: Application, model: ServedModel) -> Application:
    loading.model = model
    return loading


def test_a_ping_is_answered_with_503_while_the_model_loads(loading: Application) -> None:
    assert loading.get("/ping").status == 503


def test_a_ping_is_answered_with_200_once_the_model_is_loaded(ready: Application) -> None:
    assert ready.get("/ping").status == 200


def test_images_that_come_while_the_model_loads_are_to_come_again(loading: Application) -> None:
    with pytest.raises(RefusedError, match="still loading") as refused:
        loading.check("/invocations", "image/jpeg")
    assert (refused.value.status, refused.value.reply().headers) == (503, {"Retry-After": "1"})


def test_a_path_that_takes_another_method_says_which(ready: Application) -> None:
    reply = ready.get("/invocations")
    assert (reply.status, reply.headers) == (405, {"Allow": "POST"})


def test_an_unknown_path_is_answered_with_those_that_are_known(ready: Application) -> None:
    reply = ready.get("/models")
    assert (reply.status, json.loads(reply.body)) == (
        404,
        {"reason": "NotFound", "detail": "there is no '/models'; there are /ping, /execution-parameters, /invocations"},
    )


def test_an_error_that_nobody_foresaw_is_the_servers_fault_and_stands_in_its_log(
    ready: Application, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(*arguments: Any) -> Any:
        raise OSError("No space left on device")

    monkeypatch.setitem(payloads._READERS, "image/jpeg", break_down)
    reply = ready.invoke("image/jpeg", memoryview(b"body"))
    assert (reply.status, json.loads(reply.body)["reason"]) == (500, "InternalError")
    assert "No space left on device" in caplog.text
