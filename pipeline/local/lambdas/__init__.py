"""AWS Lambda: functions in Python, run by warm worker processes."""

from pipeline.local.lambdas.service import LambdaService

__all__ = ["LambdaService"]
