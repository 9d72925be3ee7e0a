"""How a message is recognised, and what is known about it.

A sign is the message as its service writes it, with `{}` where it differs from case to case:

    Unexpected input data type. Actual: (tensor({})) , expected: (tensor({}))

Case does not count, nor does how much white space there is: a message may be broken over lines. A sign that starts or
ends with a letter or a digit matches whole words only, so that `Expected: 3` is not found in `Expected: 384`.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

_GAP = "{}"
_LONGEST_GAP = 200


class Depth(IntEnum):
    """How near a failure is to the root of things; what is nearer is told first."""

    CAUSE = 0
    PASSING = 1
    """A state of the account or the region, which retries or waiting may resolve."""
    SYMPTOM = 2
    """What follows from a cause that is told elsewhere, in the log of the container above all."""


@dataclass(frozen=True)
class Sign:
    """One wording of a message."""

    text: str

    @cached_property
    def anchor(self) -> str:
        """What a line has to hold for a match to begin in it: the first literal piece, squeezed."""
        return squeezed(self.text.split(_GAP)[0])

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        pieces = [r"\s*".join(map(re.escape, piece.split())) for piece in self.text.split(_GAP)]
        expression = rf"\s*.{{0,{_LONGEST_GAP}}}?\s*".join(pieces)
        before = r"(?<![\w-])" if re.match(r"\w", self.text) else ""
        after = r"(?![\w-])" if re.search(r"\w$", self.text) else ""
        return re.compile(f"{before}{expression}{after}", re.IGNORECASE)


@dataclass(frozen=True)
class Ailment:
    """A failure that is known: why it happens, and what settles it."""

    name: str
    title: str
    signs: tuple[Sign, ...]
    why: str
    remedy: str
    depth: Depth = Depth.CAUSE


def ailment(name: str, title: str, *wordings: str, why: str, remedy: str, depth: Depth = Depth.CAUSE) -> Ailment:
    return Ailment(name, title, tuple(Sign(wording) for wording in wordings), why, remedy, depth)


def squeezed(text: str) -> str:
    """Lower case, without white space: what anchors are looked up in."""
    return "".join(text.lower().split())
