"""`imagebatch deploy`, where it is interrupted."""

import signal

import pytest

from pipeline import cli
from pipeline.deploying import deployment
from pipeline.interrupts import EXIT_INTERRUPTED


@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_says_what_goes_on_in_aws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    undone = []

    def interrupted(*_: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            undone.append("the change set")

    monkeypatch.setattr(deployment, "deploy", interrupted)
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    assert cli.main(["deploy", "--stack", "ours"]) == EXIT_INTERRUPTED
    assert undone
    assert "What AWS was asked for goes on and is not undone: look at the events of the stack ours" in (
        capsys.readouterr().err
    )
