"""What a container prints: a line for each record, whatever is in it. Keys and ids hold any character."""

import logging
import sys

from pipeline.given import printable


class OneLineFormatter(logging.Formatter):
    """A record's message is one line; the traceback of an error, which is ours, stands below it as it is."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name in logging
        return printable(super().formatMessage(record))


def log_to_stdout() -> None:
    """Logs what a job does to standard output, which SageMaker keeps."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(OneLineFormatter("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
