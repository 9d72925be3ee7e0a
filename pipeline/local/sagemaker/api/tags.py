"""Tags of jobs, models and endpoints."""

from typing import Any

from pipeline.local.protocol import ServiceError
from pipeline.local.sagemaker.api.base import Operations


class TagOperations(Operations):
    """Operations on tags."""

    def add_tags(self, parameters: dict[str, Any]) -> dict[str, Any]:
        tags = self._tags_of(parameters["ResourceArn"])
        with self.lock:
            tags.update({tag["Key"]: tag["Value"] for tag in parameters["Tags"]})
            return {"Tags": _as_list(tags)}

    def delete_tags(self, parameters: dict[str, Any]) -> dict[str, Any]:
        tags = self._tags_of(parameters["ResourceArn"])
        with self.lock:
            for key in parameters["TagKeys"]:
                tags.pop(key, None)
        return {}

    def list_tags(self, parameters: dict[str, Any]) -> dict[str, Any]:
        tags = self._tags_of(parameters["ResourceArn"])
        with self.lock:
            return {"Tags": _as_list(tags)}

    def _tags_of(self, arn: str) -> dict[str, str]:
        with self.lock:
            tags = self.tags.get(arn)
        if tags is None:
            raise ServiceError("ValidationException", f"There is no resource {arn} that could have tags")
        return tags


def _as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
