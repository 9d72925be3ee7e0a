"""Keys and their aliases. The local cloud keeps them, so that they can be named and described; it encrypts nothing."""

import json
from contextlib import suppress

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, pick


def create_key(target: Target, properties: Properties) -> Created:
    kms = target.client("kms")
    key = kms.create_key(
        Policy=json.dumps(properties["KeyPolicy"]), **pick(properties, "Description", "KeySpec", "KeyUsage", "Tags")
    )["KeyMetadata"]
    if str(properties.get("EnableKeyRotation", False)).lower() == "true":
        kms.enable_key_rotation(KeyId=key["KeyId"])
    return Created(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})


def create_alias(target: Target, properties: Properties) -> Created:
    kms = target.client("kms")
    name = properties["AliasName"]
    with suppress(kms.exceptions.NotFoundException):
        kms.delete_alias(AliasName=name)
    kms.create_alias(AliasName=name, TargetKeyId=properties["TargetKeyId"])
    return Created(name)


TYPES = {
    "AWS::KMS::Key": ResourceType(
        create_key,
        properties=frozenset({"Description", "EnableKeyRotation", "KeyPolicy", "KeySpec", "KeyUsage", "Tags"}),
        required=frozenset({"KeyPolicy"}),
        attributes=frozenset({"Arn", "KeyId"}),
        meaningless={"PendingWindowInDays": "a key is gone with the cloud: nothing is encrypted with it"},
    ),
    "AWS::KMS::Alias": ResourceType(
        create_alias,
        properties=frozenset({"AliasName", "TargetKeyId"}),
        required=frozenset({"AliasName", "TargetKeyId"}),
    ),
}
