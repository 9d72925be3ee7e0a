"""The log of a container: what it prints, which SageMaker keeps in CloudWatch Logs."""

import logging
import sys

from pipeline.telemetry.log_lines import JsonLines


def log_to_stdout(**fields: str | None) -> None:
    """Print what is logged from INFO on, one JSON object a line, each with those of these fields that have a text."""
    formatter = JsonLines()
    formatter.append_keys(**{name: value for name, value in fields.items() if value})
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
