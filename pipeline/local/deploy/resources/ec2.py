"""What a VPC consists of. One machine has none: these resources are taken note of, and nothing is made."""

from collections.abc import Iterable

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target

_WHY = "functions, jobs and endpoints are processes of this machine, in no VPC"


def _noted(prefix: str, properties: Iterable[str], attributes: Iterable[str] = ()) -> ResourceType:
    """A resource that is only named: an id that begins as EC2's do, and attributes that are the id."""

    def create(target: Target, _: Properties) -> Created:
        made = f"{prefix}-{target.name().rpartition('-')[2]}"
        return Created(made, dict.fromkeys(attributes, made))

    return ResourceType(
        create,
        properties=frozenset(properties),
        attributes=frozenset(attributes),
        noted=_WHY,
    )


_RULE = ("CidrIp", "Description", "FromPort", "GroupId", "IpProtocol", "ToPort")

TYPES = {
    "AWS::EC2::SecurityGroup": _noted(
        "sg",
        ("GroupDescription", "GroupName", "SecurityGroupEgress", "SecurityGroupIngress", "Tags", "VpcId"),
        ("GroupId", "VpcId"),
    ),
    "AWS::EC2::SecurityGroupEgress": _noted("sgr", (*_RULE, "DestinationPrefixListId", "DestinationSecurityGroupId")),
    "AWS::EC2::SecurityGroupIngress": _noted("sgr", (*_RULE, "SourcePrefixListId", "SourceSecurityGroupId")),
    "AWS::EC2::VPCEndpoint": _noted(
        "vpce",
        (
            "PolicyDocument",
            "PrivateDnsEnabled",
            "RouteTableIds",
            "SecurityGroupIds",
            "ServiceName",
            "SubnetIds",
            "Tags",
            "VpcEndpointType",
            "VpcId",
        ),
    ),
}
