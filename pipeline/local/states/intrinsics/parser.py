"""The grammar of intrinsic function calls.

    call     = "States." name "(" [ argument ("," argument)* ] ")"
    argument = string | number | "true" | "false" | "null" | reference | call

A string stands in single quotes. A backslash escapes `'`, `{`, `}` and itself; before anything else it stays. In the
template of Format, `{}` is a gap and `\\{\\}` is not. At most ten calls nest, as documented.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.local.states.documents import load
from pipeline.local.states.errors import IntrinsicError
from pipeline.local.states.intrinsics.functions import FUNCTIONS, ArgumentError, Function, format_pieces
from pipeline.local.states.jsonpath.parser import PathParser
from pipeline.local.states.references import Complaint, parse_reference
from pipeline.local.states.scope import Expression, Json, Scope

MAX_NESTING = 10

_NAME_OF_FUNCTION = re.compile(r"States\.\w+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_WORD = re.compile(r"(true|false|null)\b")
_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(['{}\\])")
_FORMAT_PART = re.compile(r"\\.|\{\}|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Argument:
    evaluate: Callable[[Scope], Json]
    literal: str | None = None  # the raw text of a string literal


def compile(text: str, complain: Complaint) -> Expression:
    """Compile a call; raises ExpressionSyntaxError. `complain` words paths that find nothing."""
    parser = IntrinsicParser(text, complain)
    evaluate = parser.call(1)
    parser.expect_end()
    return Expression(text, evaluate)


class IntrinsicParser(PathParser):
    """Reads a call from the scanner's position on."""

    # Among arguments a name also ends at a comma.
    name = re.compile(r"[^\s.\[\]()'\"*,]+(\(\))?")

    def __init__(self, text: str, complain: Complaint) -> None:
        super().__init__(text)
        self.complain = complain

    def call(self, depth: int) -> Callable[[Scope], Json]:
        """A function call and everything nested in it."""
        if depth > MAX_NESTING:
            raise self.fail(f"more than {MAX_NESTING} intrinsic functions are nested")
        name = self.match(_NAME_OF_FUNCTION)
        if not name or name.group() not in FUNCTIONS:
            raise self.fail(f"unknown intrinsic function, expected one of {', '.join(FUNCTIONS)}")
        function, arguments = FUNCTIONS[name.group()], self._arguments(depth)
        if not function.takes(len(arguments)):
            raise self.fail(f"{name.group()} does not take {len(arguments)} arguments")
        if name.group() == "States.Format" and arguments[0].literal is not None:
            return self._format(arguments[0].literal, arguments[1:])
        return _bind(name.group(), function, tuple(argument.evaluate for argument in arguments))

    def _format(self, template: str, arguments: list[_Argument]) -> Callable[[Scope], Json]:
        pieces, evaluators = _pieces(template), tuple(argument.evaluate for argument in arguments)
        if len(pieces) - 1 != len(evaluators):
            raise self.fail(f"the template has {len(pieces) - 1} '{{}}', but {len(evaluators)} values follow it")
        return lambda scope: format_pieces(pieces, tuple(evaluate(scope) for evaluate in evaluators))

    def _arguments(self, depth: int) -> list[_Argument]:
        arguments: list[_Argument] = []
        self.expect("(")
        self.skip_space()
        while not self.take(")"):
            if arguments:
                self.expect(",")
                self.skip_space()
            arguments.append(self._argument(depth))
            self.skip_space()
        return arguments

    def _argument(self, depth: int) -> _Argument:
        if self.peek("$"):
            return _Argument(parse_reference(self).expression(self.complain).evaluate)
        if self.peek("States."):
            return _Argument(self.call(depth + 1))
        if string := self.match(_STRING):
            return _Argument(_constant(_unescape(string.group(1))), literal=string.group(1))
        if literal := self.match(_NUMBER) or self.match(_WORD):
            return _Argument(_constant(self._value(literal.group())))
        raise self.fail("expected a path, a string in single quotes, a number, true, false, null or a function")

    def _value(self, literal: str) -> Json:
        try:
            return load(literal)
        except ValueError as error:
            raise self.fail(str(error)) from None


def _bind(name: str, function: Function, arguments: tuple[Callable[[Scope], Json], ...]) -> Callable[[Scope], Json]:
    def evaluate(scope: Scope) -> Json:
        values = [argument(scope) for argument in arguments]
        try:
            return function.call(*values)
        except ArgumentError as error:
            raise IntrinsicError(f"Invalid arguments in {name}: {error}") from None

    return evaluate


def _constant(value: Json) -> Callable[[Scope], Json]:
    return lambda scope: value


def _pieces(template: str) -> list[str]:
    """What stands between the gaps of a raw template, unescaped."""
    pieces = [""]
    for part in _FORMAT_PART.findall(template):
        if part == "{}":
            pieces.append("")
        else:
            pieces[-1] += _unescape(part)
    return pieces


def _unescape(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)
