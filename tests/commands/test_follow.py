"""Watching has patience with a network that naps."""

import pytest
from botocore.exceptions import EndpointConnectionError

from pipeline.commands import follow
from pipeline.commands.cloud import Cloud
from pipeline.deployed import executions, progress
from pipeline.deployed.progress import Progress


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
