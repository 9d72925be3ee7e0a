"""What every line of a function's log says: which invocation, and which run.

Powertools' Logger is the logger `pipeline`, so that whatever is logged below it comes out as JSON, once: the handler
that Lambda's runtime has put on the root logger passes it over.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger

from pipeline.runs import keys
from pipeline.telemetry.log_lines import JsonLines

Handler = Callable[[Any, Any], Any]

_logger = Logger(service="pipeline", logger_formatter=JsonLines())


def logged(handler: Handler) -> Handler:
    """Have each line that is logged meanwhile name the invocation and the run; an error is a line, too.

    The line says in one sentence what Lambda's runtime then tells with its traceback, and adds the run to it.
    """

    @wraps(handler)
    @_logger.inject_lambda_context(clear_state=True)
    def told(event: Any, context: Any) -> Any:
        if run_id := run_of(event):
            tell(run_id=run_id)
        try:
            return handler(event, context)
        except Exception as error:
            _logger.error("%s: %s", type(error).__name__, error)  # noqa: TRY400 - Lambda's runtime has the traceback
            raise

    return told


def tell(**fields: str) -> None:
    """Have each line from here to the end of the invocation have these fields."""
    _logger.append_keys(**fields)


def run_of(event: Any) -> str | None:
    """The id of the run that an event is about, where it has the run's pointer."""
    pointer = event.get("run") if isinstance(event, dict) else None
    if not isinstance(pointer, dict):
        return None
    return pointer.get("run_id") or keys.run_of(str(pointer.get("key", "")))
