"""Tables. One that is there already keeps its items, unless the template has another key for it."""

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, pick

_CREATE = ("AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput", "Tags")
_KEY = ("KeySchema", "AttributeDefinitions")


def create_table(target: Target, properties: Properties) -> Created:
    name = properties.get("TableName", target.name(longest=255))
    client = target.client("dynamodb")
    definition = pick(properties, *_CREATE)
    try:
        made = client.create_table(TableName=name, **definition)["TableDescription"]
    except client.exceptions.ResourceInUseException:
        made = client.describe_table(TableName=name)["Table"]
        if any(made[part] != definition[part] for part in _KEY):  # CloudFormation replaces such a table
            client.delete_table(TableName=name)
            made = client.create_table(TableName=name, **definition)["TableDescription"]
    recovery = properties.get("PointInTimeRecoverySpecification")
    if recovery is not None:
        client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    return Created(name, {"Arn": made["TableArn"]})


TYPES = {
    "AWS::DynamoDB::Table": ResourceType(
        create_table,
        properties=frozenset({*_CREATE, "TableName", "PointInTimeRecoverySpecification"}),
        required=frozenset({"KeySchema", "AttributeDefinitions"}),
        attributes=frozenset({"Arn"}),
        meaningless={"SSESpecification": "nothing is encrypted on one machine"},
    )
}
