"""Assign: the workflow variables that a state sets.

Source: Developer Guide, "Passing data between states with variables", sections "Variable names" and "Limits".
"""

import re

from pipeline.local.states.definition.fields import Fields
from pipeline.local.states.scope import Template
from pipeline.local.states.templates import SUFFIX

MAX_NAME_CHARACTERS = 80
_NAME = re.compile(r"[^\W\d]\w*")


def compile_assign(fields: Fields) -> Template | None:
    """The Assign of a state, rule or catcher: a template that gives an object of variable names and values."""
    template = fields.template("Assign")
    for key in fields.document["Assign"] if template else ():
        name = key.removesuffix(SUFFIX)
        if not _NAME.fullmatch(name) or len(name) > MAX_NAME_CHARACTERS:
            fields.problem(
                f"Assign/{key}",
                f"'{name}' is not a variable name: expected letters, digits and underscores, "
                f"no digit first, at most {MAX_NAME_CHARACTERS}",
            )
        elif name == "states":
            fields.problem(f"Assign/{key}", "the variable name 'states' is reserved")
    return template
