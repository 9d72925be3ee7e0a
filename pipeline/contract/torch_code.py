"""What the graph of a model.pt2 may name: operators, and arithmetic on sizes.

A graph names what it calls, which torch looks up in its Python modules; a size that is no number it evaluates as
Python (torch/_export/serde/serialize.py). Whoever wrote the file could name anything there.
"""

import re
from typing import Any

from pipeline.errors import InvalidModelPackage

_OPERATOR = re.compile(r"torch\.ops\.\w+\.\w+(\.\w+)?|torch\.sym_\w+|_operator\.\w+|math\.\w+")

_ARITHMETIC = re.compile(r"([\w\s+*/%(),=<>&|~!-]|(?<=\d)\.(?=\d))*")
_FUNCTIONS = {
    *("Symbol", "Integer", "Rational", "Float", "Add", "Mul", "Pow", "Max", "Min", "ceiling", "floor"),
    *("Eq", "Ne", "Gt", "Ge", "Lt", "Le", "And", "Or", "Not", "Where", "Identity"),
    *("FloorDiv", "CeilDiv", "CleanDiv", "IntTrueDiv", "FloatTrueDiv", "Mod", "PythonMod", "ModularIndexing"),
    *("PowByNatural", "FloatPow", "LShift", "RShift", "ToFloat", "TruncToInt", "TruncToFloat"),
    *("CeilToInt", "FloorToInt", "RoundToInt", "RoundDecimal"),
}
"""Sympy's, and those of torch.utils._sympy.functions."""


def refuse_foreign_code(program: Any, source: str) -> None:
    """Raises InvalidModelPackage, naming `source`, where a graph, or one inside it, names anything else."""
    waiting = [program]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
            target, size = part.get("target"), part.get("expr_str")
            if isinstance(target, str) and "inputs" in part and not _OPERATOR.fullmatch(target):
                raise InvalidModelPackage(f"{source} calls {target!r:.100}, which is no operator of torch.")
            if isinstance(size, str) and not _is_arithmetic(size):
                raise InvalidModelPackage(f"{source} has {size!r:.100} as a size, which is no arithmetic.")


def _is_arithmetic(expression: str) -> bool:
    """`Add(Symbol('s0', integer=True), Integer(-1))`, say, whose quotes hold nothing but names."""
    bare = re.sub(r"'\w+'", "0", expression)
    called = set(re.findall(r"([A-Za-z_]\w*)\s*\(", bare))
    return bool(_ARITHMETIC.fullmatch(bare)) and "__" not in expression and called <= _FUNCTIONS
