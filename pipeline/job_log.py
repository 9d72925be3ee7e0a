"""What a container prints: a line for each record, whatever is in it. Keys and ids hold any character."""

import logging
import sys


def one_line(text: str) -> str:
    """The text with what would end its line, or steer a terminal, escaped."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


class OneLineFormatter(logging.Formatter):
    """A record's message is one line; the traceback of an error, which is ours, stands below it as it is."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name in logging
        return one_line(super().formatMessage(record))


def log_to_stdout() -> None:
    """Logs what a job does to standard output, which SageMaker keeps."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(OneLineFormatter("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
