"""A compiled path and how it is read."""

from dataclasses import dataclass, field

from pipeline.local.states.jsonpath.segments import Name, Segment
from pipeline.local.states.scope import Json


class PathNotFound(LookupError):  # noqa: N818 - what it is called everywhere
    """A definite path leads nowhere; `reason` says where it stopped, in the words of Jayway JsonPath."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{text}: {reason}")
        self.text = text
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path: `definite` ones give a value or raise PathNotFound, others give a list and never raise."""

    text: str
    segments: tuple[Segment, ...]
    definite: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "definite", all(segment.definite for segment in self.segments))

    def read(self, document: Json, root: Json = None) -> Json:
        """What the path finds in `document`. Filters see `root` as `$` (the document itself unless given)."""
        root = document if root is None else root
        return self._read_one(document, root) if self.definite else self._read_all(document, root)

    def _read_one(self, node: Json, root: Json) -> Json:
        for position, segment in enumerate(self.segments):
            for selected in segment.select(node, root):
                node = selected
                break
            else:
                raise PathNotFound(self.text, self._why_missing(position, node))
        return node

    def _read_all(self, document: Json, root: Json) -> list[Json]:
        nodes = [document]
        for segment in self.segments:
            nodes = [selected for node in nodes for selected in segment.select(node, root)]
        return nodes

    def _why_missing(self, position: int, node: Json) -> str:
        segment, last = self.segments[position], position == len(self.segments) - 1
        parent = "$" + "".join(map(str, self.segments[:position]))
        if isinstance(segment, Name) and not isinstance(node, dict):
            return f"Expected to find an object with property {segment} in path {parent} but found {_kind(node)}"
        if isinstance(segment, Name):
            return f"No results for path: {parent}{segment}" if last else f"Missing property in path {parent}{segment}"
        if isinstance(node, list):
            return f"Index out of bounds when evaluating path {parent}{segment}"
        return f"Filter: {segment} can only be applied to arrays. Current context is: {_kind(node)}"


def _kind(node: Json) -> str:
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(node), "a number")
