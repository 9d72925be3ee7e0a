"""The first convolution of a quantised model, over pixels that stand side by side.

    as it was    [N, H, W, C]      ─► Transpose ─► DequantizeLinear ─► Conv ─► QuantizeLinear ─► [N, O, H', W']
    as it runs   [N, H, W/g, g C]  ─► Transpose ─► DequantizeLinear ─► Conv ─► QuantizeLinear
                                   ─► Transpose ─► [N, H', W', O]   ─► Transpose              ─► [N, O, H', W']

ONNX Runtime convolves 8-bit numbers where they lie if their channels are a multiple of four (mlas, convsym.cpp). Pixels
have three, so it copies together what each output looks at, which takes longer than all the sums. Here g pixels of a
row, as they lie, are one of g C channels, and for each of those there are as many outputs as strides in g: as they lie,
W' in a row. The kernel has its weights once for each of these outputs, at the place where that one looks, and zeros
elsewhere: every sum is what it was. The first convolution takes half its time, and a small network a tenth less. (On
TPUs it is ResNet's, by the name of "space to depth": MLPerf Training.)

Sums are exact where the processor adds up products of 8 bits in 32, by VNNI. Without it x86 adds pairs of them in 16,
and cuts off what is more (ONNX Runtime, "Quantize ONNX models", on U8S8): of other pairs it is something else.
"""

import math
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from pipeline.contract import Layout, ModelContract
from pipeline.inference.runtimes import onnx_messages as messages
from pipeline.inference.runtimes.onnx_graph import (
    Constant,
    NewNodes,
    Nodes,
    Numbers,
    inputs_of,
    output_of,
    read_attributes,
)
from pipeline.inference.runtimes.onnx_messages import Field

_CHANNELS = 4
_MOST_WORK = 3
"""Times the products that there were, with those of zeros."""

_LARGEST = 1_000_000
"""Weights of a first convolution: no network has as many, and they are multiplied."""

_CONV_HAS = {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"}


class Stem(NamedTuple):
    """The nodes that are replaced, and fields of a graph that replace them."""

    replaced: list[Field]
    encoded: bytes


def over_neighbours(members: Sequence[Field], pixels: str, stored: str, contract: ModelContract) -> Stem | None:
    """What replaces the first convolution of a graph; None where there is none that this is for.

    `pixels` is the input, uint8 [N, H, W, C], and `stored` the same as the graph's nodes have it, uint8 [N, C, H, W].
    """
    if contract.input.layout is not Layout.NCHW:
        return None
    nodes = Nodes(members)
    chain = nodes.chain(stored, ("DequantizeLinear", "Conv", "QuantizeLinear"))
    scale = nodes.scale(chain[0]) if chain else None
    if chain is None or scale is None or nodes.scale(chain[2]) is None:
        return None
    convolution = _Convolution.read(nodes, chain[1], contract.input.channels)
    groups = _Groups.of(convolution.along, contract.input.width) if convolution else None
    if convolution is None or groups is None or not convolution.is_of_integers(scale):
        return None
    constants = [each.node for each in (convolution.kernel, convolution.bias) if each]
    unread = [node for node in constants if nodes.is_read_once(output_of(node))]
    return Stem([*chain, *unread], _written(pixels, chain, convolution, groups, contract))


def _written(
    pixels: str, chain: Sequence[Field], convolution: "_Convolution", groups: "_Groups", contract: ModelContract
) -> bytes:
    height, width, channels = contract.input.pixel_shape
    down, along, kernel, bias = convolution
    dequantising, _, quantising = chain
    new = NewNodes("imagebatch/stem/")
    constants = [groups.kernel(kernel.integers, along), *groups.for_each_output(kernel.by)]
    weights = [new.dequantised("kernel", constants, kernel)]
    if bias:
        weights.append(new.dequantised("bias", groups.for_each_output([bias.integers, *bias.by]), bias))
    last = new.reshaped(pixels, "groups", [0, height, width // groups.together, groups.together * channels])
    last = new.transposed(last, [0, 3, 1, 2])
    last = new.like(dequantising, last)
    last = new.node(
        "Conv",
        [last, *weights],
        messages.attribute("kernel_shape", [down.kernel, groups.last - groups.first + 1]),
        messages.attribute("strides", [down.stride, 1]),
        messages.attribute("pads", [down.before, -groups.first, down.after, groups.last]),
    )
    last = new.like(quantising, last)
    last = new.transposed(last, [0, 2, 3, 1])
    last = new.reshaped(last, "outputs", [0, down.outputs(height), along.outputs(width), len(kernel.integers)])
    new.transposed(last, [0, 3, 1, 2], output=output_of(quantising))
    return bytes(new.encoded)


@cache
def sums_are_exact(told: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this machine's processor has VNNI, as far as Linux tells. Others' may be exact, too: Arm's are."""
    try:
        with told.open(encoding="utf-8", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        return False
    return not {"avx512_vnni", "avx_vnni"}.isdisjoint(flags.split())


class _Axis(NamedTuple):
    """How a convolution goes along an axis: the kernel's size, its stride, and what is added before and after."""

    kernel: int
    stride: int
    before: int
    after: int

    def outputs(self, size: int) -> int:
        return (size + self.before + self.after - self.kernel) // self.stride + 1


class _Groups(NamedTuple):
    """Groups of `together` pixels of a row. For each there are `outputs`, which look at groups `first` to `last`,
    counted from it.
    """

    together: int
    outputs: int
    first: int
    last: int

    @classmethod
    def of(cls, along: _Axis, width: int) -> Self | None:
        """None where a row is no number of groups, or its outputs are not, or would be too much work."""
        together = math.lcm(_CHANNELS, along.stride)
        outputs = together // along.stride
        if width % together or along.kernel > width or along.outputs(width) != width // along.stride:
            return None
        first = -along.before // together
        last = (along.stride * (outputs - 1) + along.kernel - 1 - along.before) // together
        if last < 0 or (last - first + 1) * together > _MOST_WORK * along.kernel:
            return None
        return cls(together, outputs, first, last)

    def kernel(self, weights: Numbers, along: _Axis) -> Numbers:
        """Of weights [O, C, h, w] those of groups, [outputs * O, together * C, h, groups]."""
        count, channels, height, width = weights.shape
        wide = np.zeros((self.outputs, count, self.together * channels, height, self.last - self.first + 1), np.int8)
        for output in range(self.outputs):
            for column in range(width):
                group, pixel = divmod(along.stride * output + column - along.before, self.together)
                its_channels = slice(pixel * channels, (pixel + 1) * channels)
                wide[output, :, its_channels, :, group - self.first] = weights[..., column]
        return wide.reshape(self.outputs * count, *wide.shape[2:])

    def for_each_output(self, numbers: Iterable[Numbers]) -> list[Numbers]:
        """What is [O] for the outputs of a group; a single number is for all of them."""
        return [np.tile(each, self.outputs) if each.ndim else each for each in numbers]


class _Convolution(NamedTuple):
    """A convolution by constants."""

    down: _Axis
    along: _Axis
    kernel: Constant
    bias: Constant | None

    @classmethod
    def read(cls, nodes: Nodes, node: Field, channels: int) -> Self | None:
        """None for one that does more than this, or by other types."""
        axes, constants = _axes(node), [nodes.constant(name) for name in inputs_of(node)[1:]]
        kernel, bias = [*constants, None, None][:2]
        if axes is None or kernel is None or len([each for each in constants if each]) != len(constants):
            return None
        if kernel.integers.ndim != 4 or kernel.integers.size > _LARGEST:
            return None
        count = len(kernel.integers)
        if kernel.integers.shape != (count, channels, axes[0].kernel, axes[1].kernel):
            return None
        is_known = kernel.is_symmetric(np.int8, count) and (bias is None or bias.is_symmetric(np.int32, count))
        return cls(*axes, kernel, bias) if is_known else None

    def is_of_integers(self, scale: Numbers) -> bool:
        """Whether ONNX Runtime computes it in integers, of pixels with a scale: it wants the bias to be of the same as
        the products are."""
        if self.bias is None:
            return True
        of_products = scale.astype(np.float64) * self.kernel.by[0].astype(np.float64)
        return np.allclose(self.bias.by[0].astype(np.float64), of_products, rtol=1e-5, atol=0)


def _axes(convolution: Field) -> tuple[_Axis, _Axis] | None:
    """How a convolution goes down and along; None where it is of groups, dilated, or of another number of axes."""
    read: dict[str, list[int]] = {}
    for name, numbers, words in read_attributes(convolution):
        if name not in _CONV_HAS or words not in ("", "NOTSET"):
            return None
        read[name] = numbers
    if {*read.get("group", []), *read.get("dilations", [])} - {1} or 0 in read.get("strides", []):
        return None
    kernel, strides, pads = read.get("kernel_shape", []), read.get("strides", [1, 1]), read.get("pads", [0] * 4)
    # A negative number is read as the 64 bits that it has.
    if (len(kernel), len(strides), len(pads)) != (2, 2, 4) or max(*kernel, *strides, *pads) > _LARGEST:
        return None
    return _Axis(kernel[0], strides[0], pads[0], pads[2]), _Axis(kernel[1], strides[1], pads[1], pads[3])
