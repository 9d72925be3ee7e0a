"""How the world answers: task tokens and activities."""

from typing import Any

from pipeline.local.protocol import ServiceError
from pipeline.local.states.activities import ActivityTask
from pipeline.local.states.api.base import Operations, check_arn, check_name, page
from pipeline.local.states.records import ActivityRecord


class CallbackOperations(Operations):
    """Operations on task tokens and activities."""

    def send_task_success(self, parameters: dict[str, Any]) -> dict[str, Any]:
        async def succeed() -> None:
            self.engine.tokens.succeed(parameters["taskToken"], parameters["output"])

        self.engine.call(succeed())
        return {}

    def send_task_failure(self, parameters: dict[str, Any]) -> dict[str, Any]:
        async def fail() -> None:
            self.engine.tokens.fail(parameters["taskToken"], parameters.get("error"), parameters.get("cause"))

        self.engine.call(fail())
        return {}

    def send_task_heartbeat(self, parameters: dict[str, Any]) -> dict[str, Any]:
        async def beat() -> None:
            self.engine.tokens.heartbeat(parameters["taskToken"])

        self.engine.call(beat())
        return {}

    def create_activity(self, parameters: dict[str, Any]) -> dict[str, Any]:
        check_name(parameters["name"])
        arn = self.engine.arn("activity", parameters["name"])
        activity = self.store.activity(arn)
        if activity is None:
            activity = ActivityRecord(arn, parameters["name"], self.engine.clock())
            self.store.save_activity(activity)
            self.store.tag(arn, {tag["key"]: tag.get("value", "") for tag in parameters.get("tags", ())})
        return {"activityArn": arn, "creationDate": activity.created}

    def describe_activity(self, parameters: dict[str, Any]) -> dict[str, Any]:
        activity = self._existing_activity(parameters["activityArn"])
        return {"activityArn": activity.arn, "name": activity.name, "creationDate": activity.created}

    def list_activities(self, parameters: dict[str, Any]) -> dict[str, Any]:
        activities, token = page(parameters, "", self.store.activities, lambda activity: activity.arn)
        return {
            "activities": [
                {"activityArn": activity.arn, "name": activity.name, "creationDate": activity.created}
                for activity in activities
            ],
            "nextToken": token,
        }

    def delete_activity(self, parameters: dict[str, Any]) -> dict[str, Any]:
        check_arn(parameters["activityArn"], "activity")
        self.store.delete_activity(parameters["activityArn"])
        return {}

    def get_activity_task(self, parameters: dict[str, Any]) -> dict[str, Any]:
        activity = self._existing_activity(parameters["activityArn"])
        task: ActivityTask | None = self.engine.call(
            self.engine.activities.fetch(activity.arn, parameters.get("workerName"))
        )
        return {"taskToken": task.waiting.token, "input": task.input} if task else {}

    def _existing_activity(self, arn: str) -> ActivityRecord:
        check_arn(arn, "activity")
        activity = self.store.activity(arn)
        if activity is None:
            raise ServiceError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")
        return activity
