"""Tags of state machines and activities."""

from typing import Any

from pipeline.local.protocol import ServiceError
from pipeline.local.states.api.base import Operations, check_arn

_LIMIT = 50


class TagOperations(Operations):
    """Operations on tags."""

    def tag_resource(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = self._taggable(parameters["resourceArn"])
        tags = self.store.tags(arn) | {tag["key"]: tag.get("value", "") for tag in parameters["tags"]}
        if len(tags) > _LIMIT:
            raise ServiceError("TooManyTags", f"'{arn}' would have {len(tags)} tags; at most {_LIMIT} are allowed")
        self.store.tag(arn, tags)
        return {}

    def untag_resource(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.store.untag(self._taggable(parameters["resourceArn"]), parameters["tagKeys"])
        return {}

    def list_tags_for_resource(self, parameters: dict[str, Any]) -> dict[str, Any]:
        tags = self.store.tags(self._taggable(parameters["resourceArn"]))
        return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}

    def _taggable(self, arn: str) -> str:
        check_arn(arn, "stateMachine", "activity")
        if self.store.machine(arn) is None and self.store.activity(arn) is None:
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'")
        return arn
