"""Paths that a state can write: `$` into its input, `$$` into the context object, `$name` into a variable.

A path that finds nothing is a States.Runtime whose wording depends on the field, as on AWS: InputPath, OutputPath and
the other paths of a state say why the path stopped, fields of a template say where they stand.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.local.states.documents import dump
from pipeline.local.states.errors import StatesRuntimeError
from pipeline.local.states.jsonpath import Path, PathNotFound
from pipeline.local.states.jsonpath.parser import PathParser
from pipeline.local.states.scope import Expression, Json, Scope

Complaint = Callable[[PathNotFound, Scope], str]
"""The cause of the States.Runtime that a missing value becomes."""

WHOLE_INPUT = Expression("$", lambda scope: scope.input)

_VARIABLE = re.compile(r"\$([^\W\d]\w*)")


@dataclass(frozen=True, slots=True)
class Reference:
    """A path and the document it reads; `find` raises PathNotFound, and calling it raises States.Runtime."""

    text: str
    path: Path
    document: Callable[[Scope], Json]

    def find(self, scope: Scope) -> Json:
        """The value in this scope."""
        return self.path.read(self.document(scope))

    def expression(self, complain: Complaint) -> Expression:
        """The reference as an expression, whose failure is worded by `complain`."""

        def evaluate(scope: Scope) -> Json:
            try:
                return self.find(scope)
            except PathNotFound as missing:
                raise StatesRuntimeError(complain(missing, scope)) from None

        return Expression(self.text, evaluate)


def parse_reference(parser: PathParser) -> Reference:
    """Read a reference from the parser's position on."""
    begin = parser.position
    document: Callable[[Scope], Json]
    if parser.peek("$$"):
        segments = parser.path("$$")
        document = _context
    elif variable := parser.match(_VARIABLE):
        segments = parser.path()
        document = _variable(variable.group(1), variable.group())
    else:
        segments = parser.path("$")
        document = _input
    text = parser.text[begin : parser.position]
    return Reference(text, Path(text, segments), document)


def compile_reference(text: str) -> Reference:
    """Compile a whole text as a reference; raises ExpressionSyntaxError."""
    parser = PathParser(text)
    reference = parse_reference(parser)
    parser.expect_end()
    return reference


def invalid_path(missing: PathNotFound, scope: Scope) -> str:
    """The wording for paths of a state, such as InputPath."""
    return f"Invalid path '{missing.text}' : {missing.reason}"


def not_found_for(field: str) -> Complaint:
    """The wording for the field `field` of a template, and for ErrorPath and CausePath."""

    def complain(missing: PathNotFound, scope: Scope) -> str:
        return (
            f"The JSONPath '{missing.text}' specified for the field '{field}' "
            f"could not be found in the input '{dump(scope.input)}'"
        )

    return complain


def _input(scope: Scope) -> Json:
    return scope.input


def _context(scope: Scope) -> Json:
    return scope.context


def _variable(name: str, text: str) -> Callable[[Scope], Json]:
    def read(scope: Scope) -> Json:
        try:
            return scope.variables[name]
        except KeyError:
            raise PathNotFound(text, f"the variable {text} has no value") from None

    return read
