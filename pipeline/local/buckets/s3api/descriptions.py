"""What the headers of a write say of the object, and under which conditions it may be written."""

from collections.abc import Mapping

from pipeline.local.buckets.base import ARCHIVES, BucketError, Description, WriteConditions
from pipeline.local.buckets.s3api import xml
from pipeline.local.buckets.s3api.tagging import tags_of_header

ENCRYPTION = "x-amz-server-side-encryption"
_KEPT = (
    "cache-control",
    "content-disposition",
    "content-language",
    "expires",
    "x-amz-website-redirect-location",
    ENCRYPTION,
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
)
_METADATA = "x-amz-meta-"
_MAX_METADATA = 2048  # S3 User Guide, "Working with object metadata"
_READABLE = {"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"}
_NOT_SERVED = (
    "x-amz-server-side-encryption-customer-",
    "x-amz-copy-source-server-side-encryption-customer-",
    "x-amz-object-lock-",
    "x-amz-write-offset-bytes",
)


def description_of(headers: Mapping[str, str], encryption: Mapping[str, str]) -> Description:
    """The description of an object that is written with these headers, into a bucket with that default encryption.

    Raises:
        BucketError: what they ask for is not served, or breaks a rule of S3's.
    """
    for name in headers:
        if name.startswith(_NOT_SERVED):
            raise BucketError(501, "NotImplemented", f"The header {name} asks for something that is not served here")
    # S3 User Guide, "Controlling ownership of objects and disabling ACLs for your bucket": the default since 2023.
    grants = [name for name in headers if name.startswith("x-amz-grant-")]
    if grants or headers.get("x-amz-acl", "bucket-owner-full-control") != "bucket-owner-full-control":
        raise BucketError(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
    metadata = {name: value for name, value in headers.items() if name.startswith(_METADATA)}
    size = sum(len(name) - len(_METADATA) + len(value) for name, value in metadata.items())
    if size > _MAX_METADATA:
        message = f"Your metadata headers exceed the maximum allowed metadata size: {size} bytes of {_MAX_METADATA}"
        raise BucketError(400, "MetadataTooLarge", message)
    kept = {name: headers[name] for name in _KEPT if name in headers}
    if ENCRYPTION not in kept:
        kept |= encryption
    encodings = [name.strip() for name in headers.get("content-encoding", "").split(",")]
    encoding = ",".join(name for name in encodings if name and name != "aws-chunked")
    if encoding:
        kept["content-encoding"] = encoding
    return Description(
        content_type=headers.get("content-type") or Description().content_type,
        storage_class=_storage_class(headers.get("x-amz-storage-class", "STANDARD")),
        headers=kept | metadata,
        tags=tags_of_header(headers.get("x-amz-tagging", "")),
    )


def write_conditions_of(headers: Mapping[str, str]) -> WriteConditions:
    """S3 API reference, PutObject: If-Match takes an ETag, If-None-Match nothing but `*`."""
    if_none_match = headers.get("if-none-match")
    if if_none_match not in (None, "*"):
        raise BucketError(501, "NotImplemented", f"If-None-Match of a write can only be *, not {if_none_match}")
    return WriteConditions(headers.get("if-match"), if_none_match is not None)


def _storage_class(name: str) -> str:
    if name not in _READABLE | ARCHIVES:
        raise BucketError(400, "InvalidStorageClass", f"The storage class you specified is not valid: {name}")
    return name


def default_encryption(document: bytes) -> dict[str, str]:
    """The headers that objects get by a bucket's configuration (GetBucketEncryption), where it names a key of KMS.

    S3 tells of its own encryption, too (AES256): of that nothing is kept here, since it shows nowhere else.
    """
    rule = xml.parse(document, "ServerSideEncryptionConfiguration").find("Rule")
    default = rule.find("ApplyServerSideEncryptionByDefault") if rule is not None else None
    if rule is None or default is None or not default.findtext("SSEAlgorithm", "").startswith("aws:kms"):
        return {}
    headers = {
        ENCRYPTION: default.findtext("SSEAlgorithm", ""),
        f"{ENCRYPTION}-aws-kms-key-id": default.findtext("KMSMasterKeyID", ""),
        f"{ENCRYPTION}-bucket-key-enabled": rule.findtext("BucketKeyEnabled", ""),
    }
    return {name: value for name, value in headers.items() if value}
