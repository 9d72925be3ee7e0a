"""Reading one object of a definition: typed fields, and a problem with its path for everything that is wrong.

Reading never stops at the first problem: a field that is wrong is noted and read as absent, so that an author sees
every problem at once. `parse` refuses the definition if any was noted; what was read in its place is never run.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pipeline.local.states.errors import ExpressionSyntaxError, MemberError, Problem
from pipeline.local.states.jsonpath import ReferencePath
from pipeline.local.states.references import WHOLE_INPUT, Complaint, compile_reference, invalid_path
from pipeline.local.states.scope import Expression, Json, Template
from pipeline.local.states.templates import compile_expression, compile_template

SCHEMA = "SCHEMA_VALIDATION_FAILED"
MAX_SECONDS = 99_999_999
"""The largest value of every count and duration in the language."""

_JSONATA_FIELDS = frozenset({"Arguments", "Condition", "Items", "Output"})
_JSONATA_REFUSAL = "JSONata is not supported here yet: use JSONPath"

_NOTHING = Expression("null", lambda scope: {})
_ROOT = ReferencePath.compile("$")

T = TypeVar("T")


@dataclass
class Fields:
    """The object `document` at `path` of a definition; `problems` is shared by the whole definition."""

    document: dict[str, Json]
    path: str
    problems: list[Problem]
    _read: set[str] = field(default_factory=set)

    def problem(self, name: str, message: str, code: str = SCHEMA) -> None:
        """Note a problem with the field `name`, or with the object itself where `name` is empty."""
        path = f"{self.path}/{name}" if name else self.path
        self.problems.append(Problem(path, code, message))

    def has(self, name: str) -> bool:
        """Whether the author wrote the field."""
        return name in self.document

    def raw(self, name: str) -> Json:
        """The field as written, None where it is absent."""
        self._read.add(name)
        return self.document.get(name)

    def _checked(self, name: str, valid: Callable[[Json], bool], expected: str) -> Any:
        value = self.raw(name)
        if name in self.document and not valid(value):
            self.problem(name, f"{name} must be {expected}")
            return None
        return value

    def required(self, name: str) -> bool:
        """Whether the field is there; noted where it is not."""
        if name not in self.document:
            self.problem("", f"These fields are required: [{name}]")
        return name in self.document

    def text(self, name: str) -> str | None:
        """A string."""
        value: str | None = self._checked(name, lambda value: isinstance(value, str), "a string")
        return value

    def required_text(self, name: str) -> str:
        """A string that is not empty."""
        self.required(name)
        value = self._checked(name, lambda value: isinstance(value, str) and value != "", "a string that is not empty")
        return value or ""

    def integer(self, name: str, least: int, most: int = MAX_SECONDS) -> int | None:
        """An integer from `least` to `most`."""
        value: int | None = self._checked(
            name,
            lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
            f"an integer from {least} to {most}",
        )
        return value

    def number(self, name: str, least: float, most: float) -> float | None:
        """A number from `least` to `most`."""
        value: float | None = self._checked(
            name,
            lambda value: isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most,
            f"a number from {least:g} to {most:g}",
        )
        return value

    def flag(self, name: str) -> bool:
        """True or false; absent is false."""
        return bool(self._checked(name, lambda value: isinstance(value, bool), "true or false"))

    def option(self, name: str, options: Sequence[T], default: T) -> T:
        """One of `options`."""
        value = self._checked(name, lambda value: value in options, "one of " + ", ".join(map(str, options)))
        return default if value is None else value

    def texts(self, name: str) -> tuple[str, ...] | None:
        """A list of at least one string."""
        value = self._checked(
            name,
            lambda value: isinstance(value, list) and value != [] and all(isinstance(item, str) for item in value),
            "a list of at least one string",
        )
        return None if value is None else tuple(value)

    def expression(
        self, name: str, complain: Complaint = invalid_path, *, functions: bool = False
    ) -> Expression | None:
        """A path, or with `functions` also a call of an intrinsic function; `complain` words a path that misses."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return compile_expression(text, complain) if functions else compile_reference(text).expression(complain)
        except ExpressionSyntaxError as error:
            self.problem(name, str(error))
            return None

    def number_path(self, name: str) -> Expression | None:
        """A path to a number in the input or a variable; AWS refuses the context object here."""
        expression = self.expression(name)
        if expression and expression.text.startswith("$$"):
            self.problem(name, "Value is not a Reference Path: the context object cannot be read here")
        return expression

    def document_path(self, name: str) -> Expression:
        """InputPath or OutputPath: the whole document where absent, `{}` where null."""
        if name in self.document and self.raw(name) is None:
            return _NOTHING
        return self.expression(name) or WHOLE_INPUT

    def result_path(self) -> ReferencePath | None:
        """ResultPath: the whole document where absent, None (discard the result) where null."""
        if "ResultPath" in self.document and self.raw("ResultPath") is None:
            return None
        text = self.text("ResultPath")
        if text is None:
            return _ROOT
        try:
            return ReferencePath.compile(text)
        except ExpressionSyntaxError as error:
            self.problem("ResultPath", str(error))
            return _ROOT

    def template(self, name: str) -> Template | None:
        """A payload template, which is an object."""
        payload = self._checked(name, lambda value: isinstance(value, dict), "an object")
        if payload is None:
            return None
        try:
            return compile_template(payload)
        except MemberError as error:
            self.problem(name + error.path, error.problem)
            return None

    def child(self, name: str) -> "Fields | None":
        """The fields of an object."""
        value = self._checked(name, lambda value: isinstance(value, dict), "an object")
        return None if value is None else Fields(value, f"{self.path}/{name}", self.problems)

    def children(self, name: str) -> Iterator["Fields"]:
        """The fields of every object in a list."""
        items = self._checked(name, lambda value: isinstance(value, list), "a list of objects")
        for index, item in enumerate(items or []):
            if isinstance(item, dict):
                yield Fields(item, f"{self.path}/{name}[{index}]", self.problems)
            else:
                self.problem(f"{name}[{index}]", f"an entry of {name} must be an object")

    def at_most_one(self, *names: str) -> None:
        """Note where the author wrote several fields that exclude each other."""
        present = [name for name in names if name in self.document]
        if len(present) > 1:
            self.problem(present[1], f"There should only be one of the following fields: [{', '.join(present)}]")

    def exactly_one(self, *names: str) -> None:
        """Note where the author did not write just one of the fields."""
        if not any(name in self.document for name in names):
            self.problem("", f"There should be one of the following fields: [{', '.join(names)}]")
        self.at_most_one(*names)

    def query_language(self) -> None:
        """Check QueryLanguage. A second query language would be chosen here, and read its fields in its own way."""
        if self.option("QueryLanguage", ("JSONPath", "JSONata"), "JSONPath") == "JSONata":
            self.problem("QueryLanguage", _JSONATA_REFUSAL)

    def close(self) -> None:
        """Note every field that nobody read."""
        for name in self.document:
            if name in self._read:
                continue
            if name in _JSONATA_FIELDS:
                self.problem(name, f"Field '{name}' is only supported for JSONata. {_JSONATA_REFUSAL}")
            else:
                self.problem(name, f"Field '{name}' is not supported")
