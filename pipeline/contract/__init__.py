"""The model contract, and the model package that holds it: what a model expects, and how its output reads.

`definition.py` says what a contract is; every other module here reads, writes, explains or checks one.
"""

from pipeline.contract.definition import (
    CONTRACT_FILE,
    LARGEST_NUMBER,
    LARGEST_SIDE,
    SMALLEST_DIVISOR,
    VERSION,
    Anchor,
    CentreCrop,
    Colour,
    DataType,
    Exif,
    Icc,
    Interpolation,
    Layout,
    Letterbox,
    ModelContract,
    Numbers,
    Pixels,
    Precision,
    Squash,
    parse_contract,
)
from pipeline.contract.output import LARGEST_TOP_K, Activation, Detection, Output, Task
from pipeline.contract.payload import Answer, AnswerFormat, ImagePayload

__all__ = [
    "CONTRACT_FILE",
    "LARGEST_NUMBER",
    "LARGEST_SIDE",
    "LARGEST_TOP_K",
    "SMALLEST_DIVISOR",
    "VERSION",
    "Activation",
    "Anchor",
    "Answer",
    "AnswerFormat",
    "CentreCrop",
    "Colour",
    "DataType",
    "Detection",
    "Exif",
    "Icc",
    "ImagePayload",
    "Interpolation",
    "Layout",
    "Letterbox",
    "ModelContract",
    "Numbers",
    "Output",
    "Pixels",
    "Precision",
    "Squash",
    "Task",
    "parse_contract",
]
