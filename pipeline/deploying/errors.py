"""What deploying raises, to AWS and to the local cloud."""

from collections.abc import Sequence

from pipeline.errors import ImageBatchError


class DeployError(ImageBatchError):
    """The stack could not be built, changed or deleted; the message says what to do next."""


class TemplateError(ImageBatchError):
    """A template cannot be deployed here. `problems` are sentences, each of which names its place in the template."""

    def __init__(self, *problems: str) -> None:
        self.problems: Sequence[str] = problems
        super().__init__("The template cannot be deployed: " + "; ".join(problems))


class ParameterError(TemplateError):
    """The values that were given for a template's parameters are not what it asks for."""
