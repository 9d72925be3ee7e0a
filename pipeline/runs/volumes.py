"""The key that a job's volumes are encrypted with."""

import re

# Families without disks of their own. Where an instance has one, its hardware encrypts it, and a request that names a
# key is refused (TransformResources and ProcessingClusterConfig, `VolumeKmsKeyId`): so a family that is not known here
# gets no key, and its volumes AWS's.
_WITHOUT_DISKS = re.compile(r"ml\.([cmrt][0-9]+[a-ce-z]*|p[23]|inf[0-9])\.")


def encryption(instance_type: str, key_arn: str) -> dict[str, str]:
    """`VolumeKmsKeyId` for the instances of a job; nothing where they take none, or where there is no key."""
    return {"VolumeKmsKeyId": key_arn} if key_arn and _WITHOUT_DISKS.match(instance_type) else {}
