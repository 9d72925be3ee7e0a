"""Queues and queue policies."""

import json
from collections.abc import Mapping

from pipeline.local.deploy.intrinsics import as_text
from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target

_ATTRIBUTES = frozenset(
    {
        "ContentBasedDeduplication",
        "DeduplicationScope",
        "DelaySeconds",
        "FifoQueue",
        "FifoThroughputLimit",
        "KmsDataKeyReusePeriodSeconds",
        "KmsMasterKeyId",
        "MaximumMessageSize",
        "MessageRetentionPeriod",
        "ReceiveMessageWaitTimeSeconds",
        "RedriveAllowPolicy",
        "RedrivePolicy",
        "SqsManagedSseEnabled",
        "VisibilityTimeout",
    }
)


def create_queue(target: Target, properties: Properties) -> Created:
    fifo = ".fifo" if str(properties.get("FifoQueue", False)).lower() == "true" else ""
    name = properties.get("QueueName", target.name(longest=80 - len(fifo)) + fifo)
    url = target.client("sqs").create_queue(
        QueueName=name,
        Attributes={
            attribute: json.dumps(value) if isinstance(value, Mapping) else as_text(value)
            for attribute, value in properties.items()
            if attribute in _ATTRIBUTES
        },
        tags={tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])},
    )["QueueUrl"]
    arn = f"arn:aws:sqs:{target.region}:{target.account_id}:{name}"
    return Created(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


def create_queue_policy(target: Target, properties: Properties) -> Created:
    for queue in properties["Queues"]:
        target.client("sqs").set_queue_attributes(
            QueueUrl=queue, Attributes={"Policy": json.dumps(properties["PolicyDocument"])}
        )
    return Created(target.name())


TYPES = {
    "AWS::SQS::Queue": ResourceType(
        create_queue,
        properties=_ATTRIBUTES | {"QueueName", "Tags"},
        attributes=frozenset({"Arn", "QueueName", "QueueUrl"}),
    ),
    "AWS::SQS::QueuePolicy": ResourceType(
        create_queue_policy,
        properties=frozenset({"PolicyDocument", "Queues"}),
        required=frozenset({"PolicyDocument", "Queues"}),
    ),
}
