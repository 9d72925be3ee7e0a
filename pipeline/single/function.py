"""Predict an image without a state machine: one function from event to message."""

from dataclasses import dataclass
from typing import Any, Self

from pipeline import aws
from pipeline.limits import Limits
from pipeline.single import flow, messages
from pipeline.single.delivery import deliver
from pipeline.single.images import Content, Image
from pipeline.single.messages import Message
from pipeline.single.package import Package, read_package
from pipeline.single.settings import DeliverySettings, EndpointSettings, MessageSettings, ValidationSettings


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

        Raises what `deliver` does.
        """
        return deliver(event, self._predict, self.delivery.dead_letters)

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

    @property
    def _package(self) -> Package:
        return read_package(aws.client("s3"), self.validation.results_bucket, self.validation.model)

    @property
    def _limits(self) -> Limits:
        return self.validation.limits
