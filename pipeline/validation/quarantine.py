"""Quarantine: rejected objects are set apart, so that somebody can look at them, and nobody takes them for good ones.

    leave    nothing is done
    copy     a copy lies in the results bucket: quarantine/<reason>/<key>
    tag      the object itself has the tags imagebatch-quarantine=<reason> and imagebatch-run=<run id>

The original stays where it is, as it is. What is set apart is what was judged: the copy is made, and the tags are set,
only while the object still has the ETag of its verdict. Nothing here fails a run: what could not be copied or tagged
says why, in the verdict's `quarantined`.

A copy keeps the object's metadata. It has the two tags above in place of the object's own: those may steer somebody's
lifecycle rules or access policies, which mean something else in this bucket. An image that is good by the time of a
later run keeps its old copy, or tags: to look after them would take a request for every good image. Copies expire
(infra/template.yaml, QuarantineDays), and a new upload has no tags.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline import names, objects
from pipeline.limits import Quarantine
from pipeline.runs.run import Run
from pipeline.validation.verdicts import Rejected, Verdict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

PREFIX = "quarantine/"
TAGGED = "tagged"
REASON_TAG, RUN_TAG = "imagebatch-quarantine", "imagebatch-run"

LARGEST_COPY = 1_000_000_000
"""Bytes. One CopyObject takes up to 5 GiB (S3 API reference, CopyObject), and may then outlast the function."""
MOST_TAGS = 10
"""Tags that an object can have (S3 User Guide, "Categorizing your objects using tags")."""
LONGEST_KEY = 1024
"""Bytes of a key (S3 User Guide, "Naming Amazon S3 objects")."""

_THREADS = 8
_MAY_TAG = " The function may tag objects where the parameter Quarantine of the deployment is `tag`."


def set_apart(run: Run, verdicts: Sequence[Verdict], s3: "S3Client") -> list[Verdict]:
    """The verdicts, after their rejected objects were treated as the run's policy says, several at a time."""
    if run.quarantine is Quarantine.LEAVE or not any(isinstance(verdict, Rejected) for verdict in verdicts):
        return list(verdicts)
    treat = _copy if run.quarantine is Quarantine.COPY else _tag

    def treated(verdict: Verdict) -> Verdict:
        if not isinstance(verdict, Rejected):
            return verdict
        return replace(verdict, quarantined=treat(run, verdict, s3))

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="quarantine") as pool:
        return list(pool.map(treated, verdicts))


def is_set_apart(image: Rejected) -> bool:
    """Whether the object was copied or tagged, as the policy wanted."""
    return image.quarantined == TAGGED or image.quarantined.startswith("s3://")


def quarantine_key(run: Run, image: Rejected) -> str:
    """Where the copy of a rejected object lies: `quarantine/<reason>/<key>`.

    A run over several buckets has the bucket before the key, so that none of its copies replaces another. A key that
    would be too long for S3 is cut, and ends in a hash of all of it.
    """
    start = f"{PREFIX}{image.reason}/"
    if len({source.bucket for source in run.sources}) > 1:
        start += f"{image.bucket}/"
    whole = (start + image.key).encode()
    if len(whole) <= LONGEST_KEY:
        return whole.decode()
    end = f"~{names.fingerprint(image.key)}"
    return whole[: LONGEST_KEY - len(end)].decode(errors="ignore") + end


def _copy(run: Run, image: Rejected, s3: "S3Client") -> str:
    if image.size > LARGEST_COPY:
        return f"not copied: it has {image.size:,} bytes, and at most {LARGEST_COPY:,} are copied"
    key = quarantine_key(run, image)
    try:
        s3.copy_object(
            Bucket=run.bucket,
            Key=key,
            CopySource={"Bucket": image.bucket, "Key": image.key},
            CopySourceIfMatch=f'"{image.etag}"',
            TaggingDirective="REPLACE",
            Tagging=f"{REASON_TAG}={image.reason}&{RUN_TAG}={run.run_id}",
        )
    except (ClientError, BotoCoreError) as error:
        return f"not copied: {_why(error)}"
    return objects.s3_uri(run.bucket, key)


def _tag(run: Run, image: Rejected, s3: "S3Client") -> str:
    """Add our two tags to those that the object has; PutObjectTagging replaces them all."""
    try:
        found = s3.head_object(Bucket=image.bucket, Key=image.key, IfMatch=f'"{image.etag}"')
        # No condition goes with tags. The version says which bytes are meant, where the bucket keeps versions.
        version: dict[str, Any] = {"VersionId": found["VersionId"]} if "VersionId" in found else {}
        tagged = s3.get_object_tagging(Bucket=image.bucket, Key=image.key, **version)
        own = [tag for tag in tagged["TagSet"] if tag["Key"] not in (REASON_TAG, RUN_TAG)]
        ours: list[TagTypeDef] = [{"Key": REASON_TAG, "Value": image.reason}, {"Key": RUN_TAG, "Value": run.run_id}]
        if len(own) + len(ours) > MOST_TAGS:
            return f"not tagged: it has {len(own)} tags of its own, and an object can have {MOST_TAGS}"
        s3.put_object_tagging(Bucket=image.bucket, Key=image.key, Tagging={"TagSet": [*own, *ours]}, **version)
    except (ClientError, BotoCoreError) as error:
        denied = isinstance(error, ClientError) and objects.error_code(error) == "AccessDenied"
        return f"not tagged: {_why(error)}{_MAY_TAG if denied else ''}"
    return TAGGED


def _why(error: ClientError | BotoCoreError) -> str:
    if not isinstance(error, ClientError):
        return f"{type(error).__name__}: {error}"
    code = objects.error_code(error)
    if code in {"PreconditionFailed", "412"}:
        return "it was overwritten after it was judged"
    if objects.is_missing(error):
        return "it was deleted"
    return f"{code}: {error.response.get('Error', {}).get('Message', '')}"
