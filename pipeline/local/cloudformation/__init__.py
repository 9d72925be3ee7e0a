"""CloudFormation, as far as it tells what is deployed. What deploys is pipeline/local/deploy."""

from pipeline.local.cloudformation.service import CloudFormationService

__all__ = ["CloudFormationService"]
