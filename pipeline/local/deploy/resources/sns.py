"""Topics, their policies and their subscriptions."""

import json

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, pick


def create_topic(target: Target, properties: Properties) -> Created:
    name = properties.get("TopicName", target.name(longest=256))
    attributes = pick(properties, "DisplayName", "KmsMasterKeyId")
    topic = target.client("sns").create_topic(Name=name, Attributes=attributes, Tags=properties.get("Tags", []))
    return Created(topic["TopicArn"], {"TopicArn": topic["TopicArn"], "TopicName": name})


def create_topic_policy(target: Target, properties: Properties) -> Created:
    for topic in properties["Topics"]:
        target.client("sns").set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(properties["PolicyDocument"])
        )
    return Created(target.name())


def create_subscription(target: Target, properties: Properties) -> Created:
    subscription = target.client("sns").subscribe(
        **pick(properties, "Endpoint", "Protocol", "TopicArn"), ReturnSubscriptionArn=True
    )
    return Created(subscription["SubscriptionArn"])


TYPES = {
    "AWS::SNS::Topic": ResourceType(
        create_topic,
        properties=frozenset({"DisplayName", "KmsMasterKeyId", "Tags", "TopicName"}),
        attributes=frozenset({"TopicArn", "TopicName"}),
    ),
    "AWS::SNS::TopicPolicy": ResourceType(
        create_topic_policy,
        properties=frozenset({"PolicyDocument", "Topics"}),
        required=frozenset({"PolicyDocument", "Topics"}),
    ),
    "AWS::SNS::Subscription": ResourceType(
        create_subscription, properties=frozenset({"Endpoint", "Protocol", "TopicArn"})
    ),
}
