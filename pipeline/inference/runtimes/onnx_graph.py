"""The nodes of an ONNX graph: what they read and make, and how more of them are written (onnx_messages.py)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.inference.runtimes import onnx_messages as messages
from pipeline.inference.runtimes.onnx_messages import Attribute, Field, Graph, Node, Tensor, Value, text, texts

Numbers = npt.NDArray[np.generic]


class Constant(NamedTuple):
    """What DequantizeLinear makes numbers of."""

    integers: Numbers
    by: list[Numbers]
    """Their scale, and maybe their zero point."""
    node: Field

    def is_symmetric(self, dtype: type[np.generic], count: int) -> bool:
        """Whether it is [count, ...] of a type, zero for zero, by one scale or by one for each of `count`."""
        by_one = not any(each.ndim for each in self.by)
        by_each = all(each.shape == (count,) for each in self.by) and _axis_of(self.node) == 0
        is_shifted = any(each.any() for each in self.by[1:])
        kind, counted = self.integers.dtype, self.integers.shape[:1]
        return kind == dtype and counted == (count,) and not is_shifted and (by_one or by_each)


class Nodes:
    """The nodes of a graph, its constants, and who reads what."""

    def __init__(self, members: Iterable[Field]) -> None:
        self._makers: dict[str, Field] = {}
        self._readers: defaultdict[str, list[Field]] = defaultdict(list)
        self._weights: dict[str, Field] = {}
        for member in members:
            if member.number == Graph.NODE:
                self._makers.update(dict.fromkeys(texts(member, Node.OUTPUT), member))
                for name in inputs_of(member):
                    self._readers[name].append(member)
            elif member.number == Graph.INITIALIZER:
                self._weights[text(member, Tensor.NAME)] = member
            elif member.number == Graph.OUTPUT:
                self._readers[text(member, Value.NAME)].append(member)

    def chain(self, name: str, operators: Iterable[str]) -> list[Field] | None:
        """Nodes of ONNX's own operators, one behind the other from `name` on; None where more than they read `name` or
        what is between them.
        """
        found: list[Field] = []
        for operator in operators:
            readers = self._readers[name]
            if len(readers) != 1 or not _is(readers[0], operator) or inputs_of(readers[0])[0] != name:
                return None
            found += readers
            name = output_of(readers[0])
        return found

    def constant(self, name: str) -> Constant | None:
        """What DequantizeLinear makes `name` of, where that is constant."""
        node = self._makers.get(name)
        if node is None or not _is(node, "DequantizeLinear"):
            return None
        read = [self._numbers(each) for each in inputs_of(node)]
        known = [each for each in read if each is not None]
        return Constant(known[0], known[1:], node) if len(known) == len(read) > 1 else None

    def scale(self, node: Field) -> Numbers | None:
        """The scale by which a node makes uint8 of all numbers, or the numbers of uint8; None where it does not."""
        read = [self._numbers(each) for each in inputs_of(node)[1:]]
        known = [each for each in read if each is not None and not each.ndim]
        is_unsigned = all(each.dtype == np.uint8 for each in known[1:])
        return known[0] if len(known) == len(read) > 0 and is_unsigned else None

    def is_read_once(self, name: str) -> bool:
        return len(self._readers[name]) == 1

    def _numbers(self, name: str) -> Numbers | None:
        return messages.array(self._weights[name]) if name in self._weights else None


class NewNodes:
    """Nodes and constants, each by a name of its own that begins with a prefix. `encoded` are fields of a graph."""

    def __init__(self, prefix: str) -> None:
        self.encoded = bytearray()
        self._prefix = prefix
        self._count = 0

    def node(self, operator: str, inputs: Sequence[str], *attributes: bytes | memoryview, output: str = "") -> str:
        """Write a node, and answer the name of its output."""
        self._count += 1
        output = output or f"{self._prefix}{self._count}"
        self.encoded += messages.field(Graph.NODE, messages.node(operator, inputs, output, *attributes))
        return output

    def like(self, node: Field, name: str) -> str:
        """The same node once more, of another first input."""
        return self.node(text(node, Node.OPERATOR), [name, *inputs_of(node)[1:]], *_encoded_attributes(node))

    def transposed(self, name: str, order: list[int], output: str = "") -> str:
        return self.node("Transpose", [name], messages.attribute("perm", order), output=output)

    def reshaped(self, name: str, constant: str, sizes: list[int]) -> str:
        """`constant` is what the sizes are called."""
        return self.node("Reshape", [name, self._constant(constant, np.array(sizes, np.int64))])

    def dequantised(self, name: str, numbers: Sequence[Numbers], like: Constant) -> str:
        constants = [self._constant(f"{name}/{number}", each) for number, each in enumerate(numbers)]
        return self.node("DequantizeLinear", constants, *_encoded_attributes(like.node))

    def _constant(self, name: str, numbers: Numbers) -> str:
        self.encoded += messages.field(Graph.INITIALIZER, messages.constant(self._prefix + name, numbers))
        return self._prefix + name


def inputs_of(node: Field) -> list[str]:
    return texts(node, Node.INPUT)


def output_of(node: Field) -> str:
    """The name of its first output."""
    return text(node, Node.OUTPUT)


def read_attributes(node: Field) -> Iterator[tuple[str, list[int], str]]:
    """The name of each attribute, its integers, and its text."""
    for attribute in _attributes(node):
        parts = [part for part in messages.fields(attribute.bytes) if part.number in (Attribute.INT, Attribute.INTS)]
        integers = [number for part in parts for number in messages.numbers(part)]
        yield text(attribute, Attribute.NAME), integers, text(attribute, Attribute.TEXT)


def _attributes(node: Field) -> Iterator[Field]:
    return (part for part in messages.fields(node.bytes) if part.number == Node.ATTRIBUTE)


def _encoded_attributes(node: Field) -> Iterator[memoryview]:
    return (attribute.bytes for attribute in _attributes(node))


def _axis_of(dequantising: Field) -> int:
    """Along which axis it has several scales (ONNX Operators, "DequantizeLinear")."""
    # An integer that is 0 need not be written.
    return next((sum(numbers[:1]) for name, numbers, _ in read_attributes(dequantising) if name == "axis"), 1)


def _is(member: Field, operator: str) -> bool:
    """Whether it is a node of ONNX's own operator of that name."""
    return member.number == Graph.NODE and text(member, Node.OPERATOR) == operator and not text(member, Node.DOMAIN)
