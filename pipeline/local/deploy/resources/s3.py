"""Buckets and bucket policies."""

from contextlib import suppress
from typing import Any

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, inside, pick


def create_bucket(target: Target, properties: Properties) -> Created:
    s3 = target.client("s3")
    name = properties.get("BucketName", bucket_name(target))
    # us-east-1 is the one region that S3 does not take as a location (CreateBucket, LocationConstraint).
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": target.region}}
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=name, **({} if target.region == "us-east-1" else elsewhere))
    if "VersioningConfiguration" in properties:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])
    if "BucketEncryption" in properties:
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=_encryption(target, properties))
    if "PublicAccessBlockConfiguration" in properties:
        # CloudFormation takes a truth as text, too; the API does not.
        blocked = {
            key: str(value).lower() == "true" for key, value in properties["PublicAccessBlockConfiguration"].items()
        }
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=blocked)
    if "LifecycleConfiguration" in properties:
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=_lifecycle(target, properties))
    if "NotificationConfiguration" in properties:
        s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration=_notifications(target, properties)
        )
    if "Tags" in properties:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": properties["Tags"]})
    return Created(
        name,
        {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{target.region}.amazonaws.com",
        },
    )


def bucket_name(target: Target) -> str:
    """What a bucket is called that the template gives no name."""
    return target.name(longest=63).lower()


def create_bucket_policy(target: Target, properties: Properties) -> Created:
    return Created(properties["Bucket"])


def _notifications(target: Target, properties: Properties) -> dict[str, Any]:
    """CloudFormation has one event where S3 has several, and calls some things otherwise."""
    path = "NotificationConfiguration"
    kinds = {"QueueConfigurations": "Queue", "TopicConfigurations": "Topic", "LambdaConfigurations": "Function"}
    given = inside(target, properties[path], path, "EventBridgeConfiguration", *kinds)
    api: dict[str, Any] = {}
    enabled = given.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled", True)
    if "EventBridgeConfiguration" in given and str(enabled).lower() == "true":
        api["EventBridgeConfiguration"] = {}
    for kind, member in kinds.items():
        for index, each in enumerate(given.get(kind, ())):
            inside(target, each, f"{path}.{kind}[{index}]", "Event", "Filter", member)
            rules = each.get("Filter", {}).get("S3Key", {}).get("Rules", [])
            api_kind = kind.replace("LambdaConfigurations", "LambdaFunctionConfigurations")
            told = {"Events": [each["Event"]], "Filter": {"Key": {"FilterRules": rules}}}
            api.setdefault(api_kind, []).append(
                {member.replace("Function", "LambdaFunction") + "Arn": each[member], **told}
            )
    return api


def _encryption(target: Target, properties: Properties) -> dict[str, Any]:
    """CloudFormation and S3 agree on everything in a rule except the name of its first field."""
    path, field = "BucketEncryption", "ServerSideEncryptionConfiguration"
    rules = inside(target, properties[path], path, field)[field]
    renamed = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    return {"Rules": [{renamed.get(name, name): value for name, value in rule.items()} for rule in rules]}


def _lifecycle(target: Target, properties: Properties) -> dict[str, Any]:
    path = "LifecycleConfiguration"
    rules = inside(target, properties[path], path, "Rules")["Rules"]
    return {"Rules": [_lifecycle_rule(target, rule, f"{path}.Rules[{index}]") for index, rule in enumerate(rules)]}


def _lifecycle_rule(target: Target, rule: Properties, path: str) -> dict[str, Any]:
    """A rule as PutBucketLifecycleConfiguration takes it: conditions in a Filter, days in an Expiration."""
    as_they_are = ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration", "Status")
    expiration = {"ExpirationInDays": "Days", "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker"}
    inside(target, rule, path, *as_they_are, *expiration, "Id", "Prefix", "TagFilters")
    api = pick(rule, *as_they_are) | {"Filter": _filter(rule)}
    if "Id" in rule:
        api["ID"] = rule["Id"]
    ends = {name: rule[ours] for ours, name in expiration.items() if ours in rule}
    return api | ({"Expiration": ends} if ends else {})


def _filter(rule: Properties) -> dict[str, Any]:
    tags = rule.get("TagFilters", [])
    if len(tags) + ("Prefix" in rule) > 1:
        return {"And": pick(rule, "Prefix") | {"Tags": tags}}
    return {"Tag": tags[0]} if tags else {"Prefix": rule.get("Prefix", "")}


TYPES = {
    "AWS::S3::Bucket": ResourceType(
        create_bucket,
        properties=frozenset(
            {
                "BucketEncryption",
                "BucketName",
                "LifecycleConfiguration",
                "NotificationConfiguration",
                "PublicAccessBlockConfiguration",
                "Tags",
                "VersioningConfiguration",
            }
        ),
        attributes=frozenset({"Arn", "DomainName", "RegionalDomainName"}),
    ),
    "AWS::S3::BucketPolicy": ResourceType(
        create_bucket_policy,
        properties=frozenset({"Bucket", "PolicyDocument"}),
        required=frozenset({"Bucket", "PolicyDocument"}),
        # moto matches a statement without its Condition: "deny what comes without TLS" would deny everything.
        noted="there is one user, and every call comes over loopback, where there is no TLS",
    ),
}
