"""One state: which fields each type has, and what they compile to.

Source: Amazon States Language, the table of state types and fields in "States", and the section of each type.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pipeline.local.states.choice import OPERATORS, compile_rule
from pipeline.local.states.definition.fields import MAX_SECONDS, Fields
from pipeline.local.states.definition.handlers import compile_catch, compile_retry
from pipeline.local.states.definition.maps import map_members
from pipeline.local.states.definition.model import (
    Branch,
    Choice,
    Fail,
    Map,
    Parallel,
    Pass,
    Rule,
    State,
    Succeed,
    Task,
    Wait,
)
from pipeline.local.states.definition.variables import compile_assign
from pipeline.local.states.errors import MemberError
from pipeline.local.states.jsonpath import PathNotFound
from pipeline.local.states.references import Complaint, not_found_for
from pipeline.local.states.scope import Scope
from pipeline.local.states.timestamps import parse_timestamp

CompileBranch = Callable[[Fields], Branch]
"""Compiles StartAt and States of a branch or item processor; its other fields are the caller's."""

Members = dict[str, Any]
"""Keyword arguments of a state's class."""


def compile_state(name: str, fields: Fields, branch: CompileBranch) -> State | None:
    """Compile the state `name`; None where its type is not one, which is noted."""
    fields.required("Type")
    kind = fields.option("Type", tuple(_TYPES), "")
    if not kind:
        return None
    fields.query_language()
    members = {"name": name, "type": kind, "comment": fields.text("Comment")}
    state = _TYPES[kind](fields, members, branch)
    fields.close()
    return state


def _paths(fields: Fields) -> Members:
    return {"input_path": fields.document_path("InputPath"), "output_path": fields.document_path("OutputPath")}


def _flow(fields: Fields) -> Members:
    """The members of a state that goes on to another one or ends, and may assign variables."""
    fields.exactly_one("Next", "End")
    end = fields.flag("End")
    if fields.has("End") and not end:
        fields.problem("End", "End must be true where it is given")
    next_state = fields.required_text("Next") if fields.has("Next") else None
    return {**_paths(fields), "assign": compile_assign(fields), "next": next_state, "end": end}


def _work(fields: Fields) -> Members:
    """The members that Task, Parallel and Map share, Parameters left out."""
    return {
        **_flow(fields),
        "result_selector": fields.template("ResultSelector"),
        "result_path": fields.result_path(),
        "retry": compile_retry(fields),
        "catch": compile_catch(fields),
    }


def _pass(fields: Fields, members: Members, branch: CompileBranch) -> State:
    return Pass(
        **members,
        **_flow(fields),
        parameters=fields.template("Parameters"),
        has_result=fields.has("Result"),
        result=fields.raw("Result"),
        result_path=fields.result_path(),
    )


def _task(fields: Fields, members: Members, branch: CompileBranch) -> State:
    fields.at_most_one("TimeoutSeconds", "TimeoutSecondsPath")
    fields.at_most_one("HeartbeatSeconds", "HeartbeatSecondsPath")
    task = Task(
        **members,
        **_work(fields),
        resource=_task_resource(fields),
        parameters=fields.template("Parameters"),
        timeout_seconds=fields.integer("TimeoutSeconds", 1),
        timeout_seconds_path=fields.expression("TimeoutSecondsPath"),
        heartbeat_seconds=fields.integer("HeartbeatSeconds", 1),
        heartbeat_seconds_path=fields.expression("HeartbeatSecondsPath"),
        credentials=fields.template("Credentials"),
    )
    if task.timeout_seconds and task.heartbeat_seconds and task.heartbeat_seconds >= task.timeout_seconds:
        fields.problem("HeartbeatSeconds", "HeartbeatSeconds must be smaller than TimeoutSeconds")
    return task


def _task_resource(fields: Fields) -> str:
    resource = fields.required_text("Resource")
    arn = resource.split(":")
    if resource and (len(arn) < 6 or arn[0] != "arn" or not arn[1] or not arn[2] or not arn[-1]):
        fields.problem(
            "Resource", f"'{resource}' is not a valid resource ARN, expected such as arn:aws:states:::sns:publish"
        )
    return resource


def _choice(fields: Fields, members: Members, branch: CompileBranch) -> State:
    fields.required("Choices")
    rules = [_rule(rule) for rule in fields.children("Choices")]
    if fields.raw("Choices") == []:
        fields.problem("Choices", "Choices must have at least one rule")
    default = fields.required_text("Default") if fields.has("Default") else None
    return Choice(**members, **_paths(fields), assign=compile_assign(fields), rules=tuple(rules), default=default)


def _rule(fields: Fields) -> Rule:
    for name in OPERATORS | {"Variable"}:
        fields.raw(name)
    try:
        test = compile_rule(fields.document)
    except MemberError as error:
        fields.problem(error.path.removeprefix("/"), error.problem)
        test = _never
    rule = Rule(test, fields.required_text("Next"), compile_assign(fields))
    fields.text("Comment")
    fields.close()
    return rule


def _never(scope: Scope) -> bool:
    return False


def _wait(fields: Fields, members: Members, branch: CompileBranch) -> State:
    fields.exactly_one("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
    return Wait(
        **members,
        **_flow(fields),
        seconds=fields.integer("Seconds", 0, MAX_SECONDS),
        seconds_path=fields.expression("SecondsPath", _no_input_value("SecondsPath")),
        timestamp=_timestamp(fields),
        timestamp_path=fields.expression("TimestampPath", _no_input_value("TimestampPath")),
    )


def _no_input_value(field: str) -> Complaint:
    def complain(missing: PathNotFound, scope: Scope) -> str:
        return f"The {field} parameter does not reference an input value: {missing.text}"

    return complain


def _timestamp(fields: Fields) -> datetime | None:
    text = fields.text("Timestamp")
    timestamp = parse_timestamp(text) if text is not None else None
    if text is not None and timestamp is None:
        fields.problem("Timestamp", f"'{text}' is not a timestamp, expected such as 2016-08-18T17:33:00Z")
    return timestamp


def _succeed(fields: Fields, members: Members, branch: CompileBranch) -> State:
    return Succeed(**members, **_paths(fields))


def _fail(fields: Fields, members: Members, branch: CompileBranch) -> State:
    fields.at_most_one("Error", "ErrorPath")
    fields.at_most_one("Cause", "CausePath")
    return Fail(
        **members,
        error=fields.text("Error"),
        error_path=fields.expression("ErrorPath", not_found_for("ErrorPath"), functions=True),
        cause=fields.text("Cause"),
        cause_path=fields.expression("CausePath", not_found_for("CausePath"), functions=True),
    )


def _parallel(fields: Fields, members: Members, branch: CompileBranch) -> State:
    fields.required("Branches")
    branches = []
    for branch_fields in fields.children("Branches"):
        branches.append(branch(branch_fields))
        branch_fields.close()
    if fields.raw("Branches") == []:
        fields.problem("Branches", "Branches must have at least one branch")
    return Parallel(**members, **_work(fields), parameters=fields.template("Parameters"), branches=tuple(branches))


def _map(fields: Fields, members: Members, branch: CompileBranch) -> State:
    fields.exactly_one("ItemProcessor", "Iterator")
    modern, legacy = fields.child("ItemProcessor"), fields.child("Iterator")
    processor = modern or legacy
    states = branch(processor) if processor else Branch("", {})
    state = Map(**members, **_work(fields), parameters=None, **map_members(fields, processor, states))
    if processor:
        processor.close()
    return state


_TYPES: Mapping[str, Callable[[Fields, Members, CompileBranch], State]] = {
    "Task": _task,
    "Pass": _pass,
    "Choice": _choice,
    "Wait": _wait,
    "Succeed": _succeed,
    "Fail": _fail,
    "Parallel": _parallel,
    "Map": _map,
}
