"""The steps of a path. Each one maps a node to the nodes it selects there; a node that does not fit selects nothing."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pipeline.local.states.scope import Json

Predicate = Callable[[Json, Json], bool]
"""A filter's test of (node, root)."""


class Segment(Protocol):
    """One step: `definite` ones select at most one node."""

    @property
    def definite(self) -> bool: ...

    def select(self, node: Json, root: Json) -> Iterable[Json]: ...

    def __str__(self) -> str: ...


def _quoted(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True, slots=True)
class Name:
    """`.name` or `['name']`."""

    name: str
    definite = True

    def select(self, node: Json, root: Json) -> Iterable[Json]:
        return (node[self.name],) if isinstance(node, dict) and self.name in node else ()

    def __str__(self) -> str:
        return f"[{_quoted(self.name)}]"


@dataclass(frozen=True, slots=True)
class Index:
    """`[2]`; negative ones count from the end."""

    index: int
    definite = True

    def select(self, node: Json, root: Json) -> Iterable[Json]:
        return (node[self.index],) if isinstance(node, list) and -len(node) <= self.index < len(node) else ()

    def __str__(self) -> str:
        return f"[{self.index}]"


@dataclass(frozen=True, slots=True)
class Names:
    """`['a','b']`: the value of each name that is there; at the end of a path, one object of just these members."""

    names: tuple[str, ...]
    last: bool

    @property
    def definite(self) -> bool:
        return self.last

    def select(self, node: Json, root: Json) -> Iterable[Json]:
        if not isinstance(node, dict):
            return ()
        if self.last:
            return ({name: node[name] for name in self.names if name in node},)
        return [node[name] for name in self.names if name in node]

    def __str__(self) -> str:
        return f"[{','.join(map(_quoted, self.names))}]"


@dataclass(frozen=True, slots=True)
class Indexes:
    """`[0,2]`."""

    indexes: tuple[int, ...]
    definite = False

    def select(self, node: Json, root: Json) -> Iterable[Json]:
        if not isinstance(node, list):
            return ()
        return [node[index] for index in self.indexes if -len(node) <= index < len(node)]

    def __str__(self) -> str:
        return f"[{','.join(map(str, self.indexes))}]"


@dataclass(frozen=True, slots=True)
class Slice:
    """`[start:end:step]`, as in Python."""

    start: int | None
    end: int | None
    step: int | None
    definite = False

    def select(self, node: Json, root: Json) -> Iterable[Json]:
        return node[self.start : self.end : self.step] if isinstance(node, list) else ()

    def __str__(self) -> str:
        bounds = [self.start, self.end] if self.step is None else [self.start, self.end, self.step]
        return f"[{':'.join('' if bound is None else str(bound) for bound in bounds)}]"


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*`: the members of an object, the elements of an array."""

    definite = False

    def select(self, node: Json, root: Json) -> Iterable[Json]:
        return children(node)

    def __str__(self) -> str:
        return "[*]"


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(test)]`: the elements of an array that pass, or an object that passes itself."""

    text: str
    test: Predicate
    definite = False

    def select(self, node: Json, root: Json) -> Iterable[Json]:
        candidates = node if isinstance(node, list) else [node] if isinstance(node, dict) else ()
        return [candidate for candidate in candidates if self.test(candidate, root)]

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Descend:
    """`..`: the node and everything below it, parents first."""

    definite = False

    def select(self, node: Json, root: Json) -> Iterable[Json]:
        return _subtree(node)

    def __str__(self) -> str:
        return ".."


def children(node: Json) -> Iterable[Json]:
    """The members of an object or the elements of an array, in order."""
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _subtree(node: Json) -> Iterator[Json]:
    # A stack instead of recursion: documents nest as deep as their author likes.
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(list(children(current))))
