"""What validation still accepts, and what becomes of the objects it rejects. Needs no decoder.

A run takes its deployment's limits and policy (infra/template.yaml), and may change each of them by its input's
`limits` and `quarantine`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

from pipeline.given import shown

FORMATS = frozenset({"AVIF", "BMP", "GIF", "HEIF", "JPEG", "PNG", "TIFF", "WEBP"})
"""Pillow's names of the formats there are decoders for. HEIF's has to be installed: pipeline/images/decoders.py."""

OTHER_NAMES = {"HEIC": "HEIF", "JPG": "JPEG", "TIF": "TIFF"}


class Animation(StrEnum):
    """What to do with a file of several frames."""

    FIRST_FRAME = "first_frame"
    REJECT = "reject"


class Quarantine(StrEnum):
    """What to do with an object whose image is rejected. The original stays where it is, whatever the policy."""

    LEAVE = "leave"
    COPY = "copy"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds are inclusive. A 50-megapixel limit keeps real 8K photos and stops decompression bombs."""

    formats: frozenset[str] = FORMATS
    max_bytes: int = 200_000_000
    max_pixels: int = 50_000_000
    min_side: int = 1
    animated: Animation = Animation.FIRST_FRAME

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "formats": sorted(self.formats)}

    def changed(self, fields: Mapping[str, Any]) -> Self:
        """These limits with some of them changed, as a run's input may.

        Raises ValueError, whose text begins with the field and says what was expected and what was there.
        """
        unknown = sorted(set(fields) - set(_READERS), key=str)
        if unknown:
            raise ValueError(f"{unknown[0]}: there is no such limit; the limits are {', '.join(_READERS)}")
        changes: dict[str, Any] = {name: _READERS[name](name, value) for name, value in fields.items()}
        return replace(self, **changes)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        return cls().changed(document)


DEFAULT_LIMITS = Limits()


def from_text(fields: Mapping[str, str]) -> dict[str, Any]:
    """Limits written as text, in the environment or on a command line, as `Limits.changed` takes them.

    Formats are separated by commas. Text that is none of what is expected stays as it is, for `changed` to refuse.
    """
    return {
        name: text.split(",") if name == "formats" else int(text) if text.isdecimal() else text
        for name, text in fields.items()
    }


def _formats(name: str, value: Any) -> frozenset[str]:
    known = ", ".join(sorted(FORMATS))
    if not isinstance(value, list | tuple) or not value or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name}: expected a list of formats out of {known}, got {shown(value)}")
    formats = frozenset(OTHER_NAMES.get(item.strip().upper(), item.strip().upper()) for item in value)
    if foreign := sorted(formats - FORMATS):
        raise ValueError(f"{name}: {foreign[0]!r} is not decoded here; the formats are {known}")
    return formats


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1, got {shown(value)}")
    return value


def _animation(name: str, value: Any) -> Animation:
    if not isinstance(value, str) or value not in set(Animation):
        raise ValueError(f"{name}: expected one of {', '.join(Animation)}, got {shown(value)}")
    return Animation(value)


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "formats": _formats,
    "max_bytes": _count,
    "max_pixels": _count,
    "min_side": _count,
    "animated": _animation,
}
