"""The log of a container: what it prints, which SageMaker keeps in CloudWatch Logs."""

import logging
import sys

from pipeline.telemetry.log_lines import JsonLines


def log_to_stdout(**fields: str | None) -> None:
    """Print what is logged from INFO on, one JSON object a line, each with these fields, but for those that are None."""
    formatter = JsonLines()
    formatter.append_keys(**{name: value for name, value in fields.items() if value})
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
