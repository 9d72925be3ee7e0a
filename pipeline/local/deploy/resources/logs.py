"""Log groups."""

from contextlib import suppress

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target


def create_log_group(target: Target, properties: Properties) -> Created:
    logs = target.client("logs")
    name = properties.get("LogGroupName", target.name(longest=512))
    tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
    key = {"kmsKeyId": properties["KmsKeyId"]} if "KmsKeyId" in properties else {}
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=name, **key, **({"tags": tags} if tags else {}))
    if "RetentionInDays" in properties:
        logs.put_retention_policy(logGroupName=name, retentionInDays=properties["RetentionInDays"])
    return Created(name, {"Arn": f"arn:aws:logs:{target.region}:{target.account_id}:log-group:{name}:*"})


TYPES = {
    "AWS::Logs::LogGroup": ResourceType(
        create_log_group,
        properties=frozenset({"KmsKeyId", "LogGroupName", "RetentionInDays", "Tags"}),
        attributes=frozenset({"Arn"}),
    )
}
