"""Endpoints and their configurations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.local.protocol import ServiceError
from pipeline.local.sagemaker.api.base import Operations
from pipeline.local.sagemaker.containers import UnknownImageError, container_of
from pipeline.local.sagemaker.endpoints import Endpoint, MakeServer
from pipeline.local.sagemaker.jobs import now
from pipeline.local.sagemaker.listing import is_listed, page
from pipeline.local.sagemaker.serving import ModelServer, ServerFailedError

_UNSERVED = ("AsyncInferenceConfig", "DataCaptureConfig", "ExplainerConfig", "ShadowProductionVariants")


class EndpointOperations(Operations):
    """Operations on endpoints and endpoint configurations."""

    def create_endpoint_config(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["EndpointConfigName"]
        arn = self.arn("endpoint-config", name)
        _check(parameters)
        container_of(self.existing_model(parameters["ProductionVariants"][0]["ModelName"]))
        described = {key: value for key, value in parameters.items() if key != "Tags"}
        with self.lock:
            if name in self.endpoint_configs:
                raise ServiceError(
                    "ValidationException", f'Cannot create already existing endpoint configuration "{arn}".'
                )
            self.endpoint_configs[name] = {**described, "EndpointConfigArn": arn, "CreationTime": now()}
        self.tag(arn, parameters)
        return {"EndpointConfigArn": arn}

    def describe_endpoint_config(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._config(parameters["EndpointConfigName"])

    def delete_endpoint_config(self, parameters: dict[str, Any]) -> dict[str, Any]:
        config = self._config(parameters["EndpointConfigName"])
        with self.lock:
            self.endpoint_configs.pop(config["EndpointConfigName"], None)
            self.tags.pop(config["EndpointConfigArn"], None)
        return {}

    def list_endpoint_configs(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            configs = list(self.endpoint_configs.values())
        kind = "EndpointConfig"
        kept, token = page([config for config in configs if is_listed(config, kind, parameters)], kind, parameters)
        members = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
        return {"EndpointConfigs": [{key: config[key] for key in members} for config in kept], "NextToken": token}

    def create_endpoint(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["EndpointName"]
        arn = self.arn("endpoint", name)
        config = self._config(parameters["EndpointConfigName"])
        make_server = self._server_of(config)
        folder = self.state_dir / "endpoints" / name.lower()
        endpoint = Endpoint(name, arn, config, make_server=make_server, folder=folder)
        with self.lock:
            there = self.endpoints.get(name.lower())
            if there is not None and not there.is_gone:
                raise ServiceError("ValidationException", f'Cannot create already existing endpoint "{arn}".')
            endpoint.start()
            self.endpoints[name.lower()] = endpoint
        self.tag(arn, parameters)
        return {"EndpointArn": arn}

    def update_endpoint(self, parameters: dict[str, Any]) -> dict[str, Any]:
        endpoint = self._endpoint(parameters["EndpointName"])
        config = self._config(parameters["EndpointConfigName"])
        if not endpoint.update(config, self._server_of(config)):
            raise ServiceError("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')
        return {"EndpointArn": endpoint.arn}

    def describe_endpoint(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._endpoint(parameters["EndpointName"]).describe()

    def delete_endpoint(self, parameters: dict[str, Any]) -> dict[str, Any]:
        endpoint = self._endpoint(parameters["EndpointName"])
        endpoint.delete()
        with self.lock:
            self.tags.pop(endpoint.arn, None)
        return {}

    def list_endpoints(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            described = [endpoint.describe() for endpoint in self.endpoints.values() if not endpoint.is_gone]
        kept, token = page(
            [item for item in described if is_listed(item, "Endpoint", parameters)], "Endpoint", parameters
        )
        members = ("EndpointName", "EndpointArn", "EndpointStatus", "CreationTime", "LastModifiedTime")
        return {"Endpoints": [{key: item[key] for key in members} for item in kept], "NextToken": token}

    def find_endpoint(self, name: str) -> Endpoint | None:
        """The endpoint of this name, if there is one."""
        with self.lock:
            endpoint = self.endpoints.get(name.lower())
        return None if endpoint is None or endpoint.is_gone else endpoint

    def _server_of(self, config: Mapping[str, Any]) -> MakeServer:
        """What makes a server of the configuration's model."""
        model = self.existing_model(config["ProductionVariants"][0]["ModelName"])
        container = container_of(model)

        def make_server(root: Path, log: Path) -> ModelServer:
            try:
                image = self.images.find(container["Image"])
            except UnknownImageError as error:
                raise ServerFailedError(str(error)) from error
            return ModelServer(
                container,
                image,
                environment=self.environment_of(
                    model["ExecutionRoleArn"], isolated=model.get("EnableNetworkIsolation", False)
                ),
                variables={},
                root=root,
                log=log,
                processes=self.processes,
                s3=self.clients("s3", model["ExecutionRoleArn"]),
            )

        return make_server

    def _endpoint(self, name: str) -> Endpoint:
        endpoint = self.find_endpoint(name)
        if endpoint is None:
            raise ServiceError("ValidationException", f'Could not find endpoint "{self.arn("endpoint", name)}".')
        return endpoint

    def _config(self, name: str) -> dict[str, Any]:
        with self.lock:
            config = self.endpoint_configs.get(name)
        if config is None:
            arn = self.arn("endpoint-config", name)
            raise ServiceError("ValidationException", f'Could not find endpoint configuration "{arn}".')
        return config


def _check(request: Mapping[str, Any]) -> None:
    """What does not run here."""
    variants = request["ProductionVariants"]
    for member in _UNSERVED:
        if request.get(member):
            raise ServiceError("ValidationException", f"{member} is not served: leave it out")
    if len(variants) != 1 or "ServerlessConfig" in variants[0] or "ModelName" not in variants[0]:
        raise ServiceError(
            "ValidationException",
            "ProductionVariants has to hold one variant, with ModelName and InstanceType: traffic is not split here, "
            "and nothing is serverless",
        )
