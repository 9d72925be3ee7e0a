"""Deploy a SAM template into the local cloud: what `sam deploy` and CloudFormation do, through the same AWS APIs.

    template.py       read the file, point it at the sources on this machine, translate SAM into CloudFormation
    parameters.py     the parameters' values
    rules.py          what the parameters have to be together
    conditions.py     the conditions' truth, and the template without what is false
    check.py          everything that is not understood
    graph.py          what needs what, and the order that follows
    intrinsics.py     Ref, Fn::GetAtt, Fn::Sub and the other functions
    resources/        how each type of resource is made, by its service's API
    stack.py          all of it, one after another

Nothing is skipped without a word. A section, resource type, property, attribute or function that is not understood is
refused by name, with its logical id and before anything is created. A type or property that means nothing on one
machine says why in its type's table, and is reported in `Stack.ignored`, which `imagebatch up -v` and `run -v` print.
"""

from pipeline.local.deploy.errors import ParameterError, TemplateError
from pipeline.local.deploy.stack import Cloud, Made, Prepared, Stack, delete, deploy, make, prepare

__all__ = [
    "Cloud",
    "Made",
    "ParameterError",
    "Prepared",
    "Stack",
    "TemplateError",
    "delete",
    "deploy",
    "make",
    "prepare",
]
