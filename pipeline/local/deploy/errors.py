"""What the deployer raises."""

from pipeline.deploying.errors import ParameterError, TemplateError

__all__ = ["ParameterError", "TemplateError"]
