"""Channels of Slack and Teams. One machine publishes to none: they are taken note of, and nothing is made."""

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target

_WHY = "messages of this machine reach no channel"
_SHARED = (
    "ConfigurationName",
    "GuardrailPolicies",
    "IamRoleArn",
    "LoggingLevel",
    "SnsTopicArns",
    "Tags",
    "UserRoleRequired",
)


def _noted(*properties: str) -> ResourceType:
    def create(target: Target, _: Properties) -> Created:
        arn = f"arn:aws:chatbot::{target.account_id}:chat-configuration/{target.name()}"
        return Created(arn, {"Arn": arn})

    return ResourceType(
        create,
        properties=frozenset((*_SHARED, *properties)),
        attributes=frozenset({"Arn"}),
        noted=_WHY,
    )


TYPES = {
    "AWS::Chatbot::MicrosoftTeamsChannelConfiguration": _noted(
        "TeamId", "TeamsChannelId", "TeamsChannelName", "TeamsTenantId"
    ),
    "AWS::Chatbot::SlackChannelConfiguration": _noted("SlackChannelId", "SlackWorkspaceId"),
}
