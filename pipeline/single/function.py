"""Predict an image without a state machine: one function from event to message.

Whoever calls it directly, or through its URL, gets the answer or the error. Nobody waits for an event of S3 or
EventBridge: what is wrong with such an event for good goes to the dead letters with its reason, in the form that the
state machine uses, and what may pass is raised, so that Lambda calls again (twice, and then the dead letters as well).
"""

import logging
from dataclasses import dataclass
from typing import Any, Self

from pipeline import aws, objects
from pipeline.errors import ImageBatchError
from pipeline.limits import Limits
from pipeline.single import flow, messages
from pipeline.single.events import is_from_a_service, separate
from pipeline.single.images import Content, Image
from pipeline.single.messages import Message
from pipeline.single.package import Package, read_package
from pipeline.single.settings import DeliverySettings, EndpointSettings, MessageSettings, ValidationSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PredictImage:
    """The function, as its environment sets it up."""

    validation: ValidationSettings
    endpoint: EndpointSettings
    message: MessageSettings
    delivery: DeliverySettings

    @classmethod
    def from_env(cls) -> Self:
        return cls(
            ValidationSettings.from_env(),
            EndpointSettings.from_env(),
            MessageSettings.from_env(),
            DeliverySettings.from_env(),
        )

    def answer(self, event: Any) -> dict[str, Any]:
        """What became of the image of a direct call; of the images of S3's events, `{"results": [...]}`.

        Raises ImageBatchError for a direct call, and for an event what a retry may help.
        """
        if not is_from_a_service(event):
            return self._predict(event)
        results: list[dict[str, Any]] = []
        may_pass: ImageBatchError | None = None
        for part in separate(event):
            try:
                results.append(self._predict(part))
            except ImageBatchError as error:
                if error.worth_a_retry:
                    may_pass = error
                else:
                    results.append(self._give_up(part, error))
        if may_pass:
            raise may_pass
        return {"results": results}

    def answer_posted(self, data: bytes) -> dict[str, Any]:
        """What is in an image that lies in no bucket. It is for who posted it: no message is sent."""
        content = flow.judge(Content(Image("", "the posted image", size=len(data)), data), self._package, self._limits)
        if content.rejection:
            return {"outcome": "rejected", "reason": content.rejection.reason, "detail": content.rejection.detail}
        answer = flow.ask(content, self._package, self.endpoint, self._limits)
        labels = answer["labels"][: self.message.top_k]
        certain = bool(labels) and labels[0]["score"] >= self.message.threshold
        return {"outcome": "predicted", **answer, "labels": labels, "certain": certain}

    def _predict(self, event: Any) -> dict[str, Any]:
        content = flow.take_up(event, self.validation, self._package, aws.client("s3"))
        if content is None:
            return {"outcome": "ignored"}
        if content.rejection:
            message = messages.rejected(content.image, content.rejection.reason, content.rejection.detail)
        else:
            message = flow.tell(
                content.image, flow.ask(content, self._package, self.endpoint, self._limits), self.message
            )
        self._publish(message)
        return dict(message.document)

    def _publish(self, message: Message) -> None:
        aws.client("sns").publish(
            TopicArn=self.delivery.topic,
            Subject=message.subject,
            MessageStructure="json",
            Message=message.body,
            MessageAttributes={
                "outcome": {"DataType": "String", "StringValue": message.outcome},
                "id": {"DataType": "String", "StringValue": message.id},
            },
        )

    def _give_up(self, event: Any, error: ImageBatchError) -> dict[str, Any]:
        reason = {"Error": type(error).__name__, "Cause": str(error)}
        logger.error("%s: %s", reason["Error"], reason["Cause"])
        aws.client("sqs").send_message(
            QueueUrl=self.delivery.dead_letters,
            MessageBody=objects.dump_json({"event": event, "error": reason}).decode(),
            MessageAttributes={"ERROR_CODE": {"DataType": "String", "StringValue": reason["Error"]}},
        )
        return {"outcome": "failed", "error": reason}

    @property
    def _package(self) -> Package:
        return read_package(aws.client("s3"), self.validation.results_bucket, self.validation.model)

    @property
    def _limits(self) -> Limits:
        return self.validation.limits
