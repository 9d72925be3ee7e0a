"""Watching: lines where there is no terminal, and patience with a network that naps."""

import pytest
from botocore.exceptions import EndpointConnectionError

from pipeline.commands import follow
from pipeline.commands.cloud import Cloud
from pipeline.deployed import executions, progress
from pipeline.deployed.progress import Progress


def shown(*looks: Progress, capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = follow._Lines()
    for look in looks:
        lines.show(look)
    return capsys.readouterr().err.splitlines()


def test_a_state_is_told_when_a_run_first_comes_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = Progress("ForEachSource", "run", 9), Progress("RunProcessingJob", "run", 9, 9, 1)

    assert shown(first, second, first, second, capsys=capsys) == [
        "ForEachSource          9 listed, 0 validated, 0 predicted",
        "RunProcessingJob       9 listed, 9 validated, 1 rejected, 0 predicted",
    ]


def test_counts_that_grow_are_told_every_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_LINE_EVERY", 0.0)
    look, later = Progress("RunProcessingJob", "run", 9, 9), Progress("RunProcessingJob", "run", 9, 9, predicted=5)

    assert len(shown(look, look, later, later, capsys=capsys)) == 2


class Naps:
    """Step Functions behind a network that answers every other time."""

    def __init__(self, answers: int) -> None:
        self.asked, self.answers = 0, answers

    def describe(self, stepfunctions: object, arn: str) -> executions.Execution:
        self.asked += 1
        if self.asked > 1 and self.asked < self.answers:
            raise EndpointConnectionError(endpoint_url="https://states.eu-west-1.amazonaws.com/")
        return execution("SUCCEEDED" if self.asked >= self.answers else "RUNNING")


def execution(status: str) -> executions.Execution:
    from datetime import UTC, datetime

    return executions.Execution("arn", "name", status, datetime.now(UTC), None, "{}", None, None, None)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> Naps:
    naps = Naps(answers=4)
    monkeypatch.setattr(executions, "describe", naps.describe)
    monkeypatch.setattr(progress.RunWatcher, "poll", lambda self: Progress())
    monkeypatch.setattr(Cloud, "client", lambda self, service: None)
    monkeypatch.setattr(follow, "_SHORTEST_POLL", 0.0)
    return naps


def test_a_network_that_naps_ends_no_watching(naps: Naps) -> None:
    ended = follow._until_ended(Cloud("imagebatch", ""), execution("RUNNING"), lambda look: None)

    assert (ended.status, naps.asked) == ("SUCCEEDED", 4)


def test_a_network_that_stays_away_does(naps: Naps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_PATIENCE", -1.0)

    with pytest.raises(EndpointConnectionError):
        follow._until_ended(Cloud("imagebatch", ""), execution("RUNNING"), lambda look: None)
