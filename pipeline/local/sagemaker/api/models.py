"""Models: an image, the artifacts that it loads, and its variables. What of them runs is decided when one is used."""

from typing import Any

from pipeline.local.protocol import ServiceError
from pipeline.local.sagemaker.api.base import Operations
from pipeline.local.sagemaker.jobs import now
from pipeline.local.sagemaker.listing import is_listed, page


class ModelOperations(Operations):
    """Operations on models."""

    def create_model(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["ModelName"]
        arn = self.arn("model", name)
        if not parameters.get("PrimaryContainer") and not parameters.get("Containers"):
            raise ServiceError("ValidationException", f"The model {name!r} names no container: give PrimaryContainer")
        with self.lock:
            if name in self.models:
                raise ServiceError("ValidationException", f"Cannot create already existing model {arn!r}.")
            described = {key: value for key, value in parameters.items() if key != "Tags"}
            self.models[name] = {**described, "ModelArn": arn, "CreationTime": now()}
        self.tag(arn, parameters)
        return {"ModelArn": arn}

    def describe_model(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self.existing_model(parameters["ModelName"])

    def delete_model(self, parameters: dict[str, Any]) -> dict[str, Any]:
        model = self.existing_model(parameters["ModelName"])
        with self.lock:
            self.models.pop(model["ModelName"], None)
            self.tags.pop(model["ModelArn"], None)
        return {}

    def list_models(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            models = list(self.models.values())
        summaries = [{key: model[key] for key in ("ModelName", "ModelArn", "CreationTime")} for model in models]
        kept, token = page([m for m in summaries if is_listed(m, "Model", parameters)], "Model", parameters)
        return {"Models": kept, "NextToken": token}
