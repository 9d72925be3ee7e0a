"""What S3 says about one object and no retry changes: why it cannot be read, and what its owner can do about it.

Everything else that S3 may answer is a fault of the service or of the deployment. That is nobody's verdict on an image,
and is raised, so that the state machine tries again or the run fails.

Sources: S3 API reference, "Error responses"; S3 User Guide, "Working with delete markers", "Restoring an archived
object", "Using server-side encryption with customer-provided keys"; KMS API reference, "Decrypt" (S3 puts `KMS.` before
KMS's names).
"""

import re
from collections.abc import Mapping

from botocore.exceptions import ClientError

from pipeline.objects import error_code

_DELETED = "It was deleted after it was listed, or whoever named it by hand named what is not there."
_DENIED = (
    "The function that validates may not read it: its role needs s3:GetObject, and kms:Decrypt where the object is "
    "encrypted with a KMS key; the bucket's policy and the key's must not deny it."
)
_NO_KEY = "Whoever lists this key by hand has to write it as S3 does."
_KMS = "The KMS key that the object is encrypted with cannot be used: enable or restore the key, or upload again."

_ADVICE: Mapping[str, str] = {
    "NoSuchKey": _DELETED,
    "404": _DELETED,
    # A version was asked for, and it is a delete marker.
    "MethodNotAllowed": _DELETED,
    "AccessDenied": _DENIED,
    "403": _DENIED,
    "InvalidObjectState": "It is archived: restore it (RestoreObject), and run again.",
    "InvalidURI": _NO_KEY,
    "KeyTooLongError": _NO_KEY,
    "KMS.DisabledException": _KMS,
    "KMS.InvalidKeyUsageException": _KMS,
    "KMS.KMSInvalidStateException": _KMS,
    "KMS.NotFoundException": _KMS,
}

_CUSTOMER_KEY = "It is encrypted with a key of its uploader's (SSE-C), which nobody else has: upload it without."
# InvalidRequest says many things; about reading an object without its key it says this.
_NEEDS_CUSTOMER_KEY = re.compile(r"server.side encryption|encryption parameters|customer.provided", re.IGNORECASE)


def why_unreadable(error: ClientError) -> str | None:
    """S3's words about the object that it refused, and advice; None where the error is not about the object."""
    code = error_code(error)
    message = str(error.response.get("Error", {}).get("Message", ""))
    if code == "InvalidRequest" and _NEEDS_CUSTOMER_KEY.search(message):
        advice = _CUSTOMER_KEY
    elif code in _ADVICE:
        advice = _ADVICE[code]
    else:
        return None
    words = ": ".join(part for part in (code, message) if part)
    return f"{words}{_archive(error)}{'' if words.endswith('.') else '.'} {advice}"


def _archive(error: ClientError) -> str:
    """The storage class, and for Intelligent-Tiering the tier: they decide how long a restoration takes."""
    # InvalidObjectState has them as members of its own, beside Error, where a client parses it as modelled.
    answer = {**error.response.get("Error", {}), **error.response}
    told = [str(answer[name]) for name in ("StorageClass", "AccessTier") if answer.get(name)]
    return f" ({', '.join(told)})" if told else ""
