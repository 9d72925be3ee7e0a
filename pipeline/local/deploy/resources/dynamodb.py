"""Tables. moto keeps their items in memory: a cloud that is started again has an empty one."""

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, pick

_CREATE = ("AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput", "Tags")


def create_table(target: Target, properties: Properties) -> Created:
    name = properties.get("TableName", target.name(longest=255))
    client = target.client("dynamodb")
    made = client.create_table(TableName=name, **pick(properties, *_CREATE))
    recovery = properties.get("PointInTimeRecoverySpecification")
    if recovery is not None:
        client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    return Created(name, {"Arn": made["TableDescription"]["TableArn"]})


TYPES = {
    "AWS::DynamoDB::Table": ResourceType(
        create_table,
        properties=frozenset({*_CREATE, "TableName", "PointInTimeRecoverySpecification"}),
        required=frozenset({"KeySchema"}),
        attributes=frozenset({"Arn"}),
        meaningless={"SSESpecification": "nothing is encrypted in memory"},
    )
}
