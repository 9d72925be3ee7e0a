"""How long a Wait state waits (Amazon States Language, "Wait State")."""

from datetime import UTC, datetime

from pipeline.local.states.dataflow import Entry
from pipeline.local.states.definition import Wait
from pipeline.local.states.documents import dump
from pipeline.local.states.errors import StatesRuntimeError
from pipeline.local.states.scope import Json
from pipeline.local.states.timestamps import parse_timestamp


def waiting_time(entry: Entry[Wait], effective: Json) -> float:
    """Seconds from now until the Wait state is over; not positive when it is already.

    Raises:
        StateError: States.Runtime for a path that leads to no number of seconds, or to no timestamp.
    """
    state = entry.state
    if state.seconds is not None:
        return state.seconds
    moment = state.timestamp
    if path := state.seconds_path or state.timestamp_path:
        field = "SecondsPath" if state.seconds_path else "TimestampPath"
        try:
            value = path(entry.scope(effective))
        except StatesRuntimeError:
            raise StatesRuntimeError(f"The {field} parameter does not reference an input value: {path.text}") from None
        shown = f"{path.text} == {value if isinstance(value, str) else dump(value)}"
        if state.seconds_path:
            return _seconds(value, shown)
        moment = parse_timestamp(value) if isinstance(value, str) else None
        if moment is None:
            raise StatesRuntimeError(
                "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format "
                f"string: {shown}"
            )
    assert moment is not None  # noqa: S101  (a Wait state has exactly one of the four)
    return (moment - datetime.now(UTC)).total_seconds()


def _seconds(value: Json, shown: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise StatesRuntimeError(f"The SecondsPath parameter cannot be parsed as a long value: {shown}")
    if value < 0:
        raise StatesRuntimeError(f"The SecondsPath parameter references a negative value: {shown}")
    return value
