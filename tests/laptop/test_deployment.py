import logging
from pathlib import Path

import pytest

from pipeline.laptop.deployment import logging_to

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="Linux has a device that is always full")
def test_a_log_that_cannot_be_written_leaves_the_terminal_alone(capfd: pytest.CaptureFixture[str]) -> None:
    with logging_to(FULL):
        logging.getLogger("pipeline.local").error("a long story")

    assert capfd.readouterr() == ("", "")
