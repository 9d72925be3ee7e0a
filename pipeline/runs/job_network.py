"""The network of a Processing job: the subnets of the stack's VPC, where it has one.

A container that is isolated reaches no network either way; in a VPC SageMaker also moves the job's files through it.
Source: Amazon SageMaker API reference, NetworkConfig and VpcConfig.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pipeline.errors import InvalidSetting


@dataclass(frozen=True)
class JobNetwork:
    """`JOB_SUBNET_IDS` and `JOB_SECURITY_GROUP_IDS`, each separated by commas; both empty for no VPC."""

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidSetting where one of the two is set without the other."""
        network = cls(_listed(environment, "JOB_SUBNET_IDS"), _listed(environment, "JOB_SECURITY_GROUP_IDS"))
        if bool(network.subnets) != bool(network.security_groups):
            raise InvalidSetting(
                "The environment variables JOB_SUBNET_IDS and JOB_SECURITY_GROUP_IDS belong together: a job in a VPC "
                f"needs both, got {','.join(network.subnets)!r} and {','.join(network.security_groups)!r}."
            )
        return network

    def config(self, *, isolated: bool) -> dict[str, Any]:
        """NetworkConfig of CreateProcessingJob; `isolated` is whether the container reaches no network."""
        config: dict[str, Any] = {"EnableNetworkIsolation": isolated}
        if self.subnets:
            config["VpcConfig"] = {"Subnets": list(self.subnets), "SecurityGroupIds": list(self.security_groups)}
        return config


NO_VPC = JobNetwork()


def _listed(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(text.strip() for text in environment.get(name, "").split(",") if text.strip())
