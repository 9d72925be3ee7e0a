"""Retry and Catch: which errors a state handles, and how.

Source: Amazon States Language, "Errors"; Developer Guide, "Handling errors in Step Functions workflows".
"""

from pipeline.local.states.definition.fields import MAX_SECONDS, Fields
from pipeline.local.states.definition.model import Catcher, Retrier
from pipeline.local.states.definition.variables import compile_assign
from pipeline.local.states.errors import ALL

MAX_DELAY_SECONDS = 31_622_400


def compile_retry(state: Fields) -> tuple[Retrier, ...]:
    """The retriers of a state."""
    retriers = [_retrier(fields) for fields in state.children("Retry")]
    _check_all_is_last(state, "Retry", [retrier.errors for retrier in retriers])
    return tuple(retriers)


def compile_catch(state: Fields) -> tuple[Catcher, ...]:
    """The catchers of a state."""
    catchers = [_catcher(fields) for fields in state.children("Catch")]
    _check_all_is_last(state, "Catch", [catcher.errors for catcher in catchers])
    return tuple(catchers)


def _retrier(fields: Fields) -> Retrier:
    defaults = Retrier(errors=())
    interval = fields.integer("IntervalSeconds", 1)
    attempts = fields.integer("MaxAttempts", 0)
    rate = fields.number("BackoffRate", 1.0, MAX_SECONDS)
    retrier = Retrier(
        errors=_errors(fields),
        interval_seconds=defaults.interval_seconds if interval is None else interval,
        max_attempts=defaults.max_attempts if attempts is None else attempts,
        backoff_rate=defaults.backoff_rate if rate is None else rate,
        max_delay_seconds=fields.integer("MaxDelaySeconds", 1, MAX_DELAY_SECONDS),
        full_jitter=fields.option("JitterStrategy", ("FULL", "NONE"), "NONE") == "FULL",
    )
    fields.text("Comment")
    fields.close()
    return retrier


def _catcher(fields: Fields) -> Catcher:
    catcher = Catcher(
        errors=_errors(fields),
        next=fields.required_text("Next"),
        result_path=fields.result_path(),
        assign=compile_assign(fields),
    )
    fields.text("Comment")
    fields.close()
    return catcher


def _errors(fields: Fields) -> tuple[str, ...]:
    fields.required("ErrorEquals")
    errors = fields.texts("ErrorEquals") or ()
    if ALL in errors and len(errors) > 1:
        fields.problem("ErrorEquals", f"{ALL} must stand alone")
    return errors


def _check_all_is_last(state: Fields, name: str, handlers: list[tuple[str, ...]]) -> None:
    for index, errors in enumerate(handlers[:-1]):
        if ALL in errors:
            state.problem(f"{name}[{index}]/ErrorEquals", f"{ALL} must stand in the last entry of {name}")
