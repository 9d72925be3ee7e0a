"""Buckets and bucket policies."""

from typing import Any

from pipeline.local.deploy.errors import TemplateError
from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target


def create_bucket(target: Target, properties: Properties) -> Created:
    s3 = target.client("s3")
    name = properties.get("BucketName", target.name(longest=63).lower())
    # us-east-1 is the one region that S3 does not take as a location (CreateBucket, LocationConstraint).
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": target.region}}
    s3.create_bucket(Bucket=name, **({} if target.region == "us-east-1" else elsewhere))
    if "VersioningConfiguration" in properties:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])
    if "BucketEncryption" in properties:
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=_encryption(properties))
    if "PublicAccessBlockConfiguration" in properties:
        s3.put_public_access_block(
            Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
        )
    if "LifecycleConfiguration" in properties:
        rules = [_lifecycle_rule(rule, target) for rule in properties["LifecycleConfiguration"]["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
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


def create_bucket_policy(target: Target, properties: Properties) -> Created:
    return Created(properties["Bucket"])


def _encryption(properties: Properties) -> dict[str, Any]:
    """CloudFormation and S3 agree on everything in a rule except the name of its first field."""
    rules = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    renamed = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    return {"Rules": [{renamed.get(name, name): value for name, value in rule.items()} for rule in rules]}


def _lifecycle_rule(rule: Properties, target: Target) -> dict[str, Any]:
    """A rule as PutBucketLifecycleConfiguration takes it: conditions in a Filter, days in an Expiration."""
    conditions: dict[str, Any] = {}
    api: dict[str, Any] = {}
    for name, value in rule.items():
        match name:
            case "Id":
                api["ID"] = value
            case "Prefix":
                conditions["Prefix"] = value
            case "TagFilters":
                conditions["Tags"] = value
            case "ExpirationInDays":
                api["Expiration"] = {"Days": value}
            case "Status" | "NoncurrentVersionExpiration" | "AbortIncompleteMultipartUpload":
                api[name] = value
            case _:
                raise TemplateError(
                    f"Resources.{target.logical_id}.Properties.LifecycleConfiguration: {name} is not understood"
                )
    return api | {"Filter": _filter(conditions)}


def _filter(conditions: dict[str, Any]) -> dict[str, Any]:
    tags = conditions.get("Tags", [])
    if len(tags) + ("Prefix" in conditions) > 1:
        return {"And": conditions}
    return {"Tag": tags[0]} if tags else {"Prefix": conditions.get("Prefix", "")}


TYPES = {
    "AWS::S3::Bucket": ResourceType(
        create_bucket,
        properties=frozenset(
            {
                "BucketEncryption",
                "BucketName",
                "LifecycleConfiguration",
                "PublicAccessBlockConfiguration",
                "Tags",
                "VersioningConfiguration",
            }
        ),
        attributes=frozenset({"Arn", "DomainName", "RegionalDomainName"}),
    ),
    "AWS::S3::BucketPolicy": ResourceType(
        create_bucket_policy,
        properties=frozenset({"Bucket"}),
        # moto matches a statement without its Condition: "deny what comes without TLS" would deny everything.
        meaningless={"PolicyDocument": "there is one user, and every call comes over loopback, where there is no TLS"},
    ),
}
