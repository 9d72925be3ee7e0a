"""Which keys are missing from an account, or stand in it twice: for the error of a run that does not add up.

    children of the map run    what each was given, and what it answered     against the batches that were read
    verdicts in S3             of batches that were validated                against the batches of a plan

None of this is asked for while a run adds up. A run of many batches is gone through as far as there is time: Step
Functions describes some fifteen executions a second (Service Quotas, "DescribeExecution throttle token refill rate").
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline import objects
from pipeline.read_ahead import read_ahead
from pipeline.runs import keys
from pipeline.runs.control_files import is_image
from pipeline.runs.run import Run
from pipeline.validation.batches import Batch

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MOST_CHILDREN = 1000
_MOST_KEYS = 20
"""Of an error's cause, which holds 32,768 characters, and of a key 1,024 bytes."""
_THREADS = 16


def of_map_run(run: Run, stepfunctions: Any, map_run: str, batches: Iterable[Batch], s3: "S3Client") -> str:
    """What of a map run's items its batches do not account for, and which are not its own; sentences to be appended."""
    try:
        return _compare(run, stepfunctions, map_run, batches, s3)
    except (ClientError, BotoCoreError) as error:
        return f" Which they are could not be found out ({error})."
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return f" Which they are could not be found out: a child answered no batch results ({error!r})."


def _compare(run: Run, stepfunctions: Any, map_run: str, batches: Iterable[Batch], s3: "S3Client") -> str:
    known = {batch.id: batch.counts.items for batch in batches}
    changed: list[str] = []
    pages = stepfunctions.get_paginator("list_executions").paginate(mapRunArn=map_run)
    children = [child["executionArn"] for page in pages for child in page["executions"]]
    missing: list[str] = []
    for child in children[:_MOST_CHILDREN]:
        missing += _of_child(run, stepfunctions.describe_execution(executionArn=child), known, changed, s3)
    told = [f"Without an account: {_listed(missing)}." if missing else ""]
    told.append(f"Batches of which their executions answered otherwise: {_listed(changed)}." if changed else "")
    if known and len(children) <= _MOST_CHILDREN:
        told.append(f"Batches that it did not make: {_listed(sorted(known))}.")
    if len(children) > _MOST_CHILDREN:
        told.append(f"Of its {len(children):,} batches, {_MOST_CHILDREN:,} were looked at.")
    return "".join(f" {sentence}" for sentence in told if sentence)


def of_plan(run: Run, batches: Sequence[Batch], s3: "S3Client") -> str:
    """Images that were validated and are of no batch of a plan, and images of batches that it has twice.

    A batch that was validated anew under another name, since the ledger knew another part of it, is not missed.
    """
    names = Counter(keys.verdicts_key(run.run_id, batch.id) for batch in batches)
    known = set(names)
    twice = [key for name, count in names.items() if count > 1 for key in _keys_in(run, name, s3)]
    there = [item.key for item in objects.list_objects(s3, run.bucket, keys.verdicts_prefix(run.run_id))]
    missing = dict.fromkeys(image for name in there if name not in known for image in _images_in(run, name, s3))
    planned = sorted(known) if missing else []
    for _, found in read_ahead(lambda name: _images_in(run, name, s3), planned, threads=_THREADS, budget=_THREADS):
        for image in found:
            missing.pop(image, None)
    lost = [key for _, key in missing]
    told = [f"validated, and of no batch of the plan: {_listed(lost)}" if lost else ""]
    told.append(f"of a batch that the plan has more than once: {_listed(twice)}" if twice else "")
    return "; ".join(filter(None, told))


def _of_child(
    run: Run, child: Mapping[str, Any], known: dict[str, int], changed: list[str], s3: "S3Client"
) -> Iterator[str]:
    """Keys that a child was given and did not account for.

    The batches that it answered are taken from `known`, which has their items; `changed` gets those of other counts.
    """
    given = [item["Key"] for item in json.loads(child["input"])["Items"]]
    answer = json.loads(child.get("output") or "[]")
    results = answer if isinstance(answer, list) else [answer]
    lost = [result for result in results if result["batch"] not in known]
    items = {result["batch"]: result["listed"] + result["passed_over"] for result in results}
    changed += [batch for batch, count in items.items() if known.pop(batch, count) != count]
    if not lost and sum(items.values()) == len(given):
        return
    accounted = set(_verdict_keys(run, [result["batch"] for result in results if result not in lost], s3))
    yield from (key for key in given if key not in accounted and (lost or is_image(key, run.marker)))


def _verdict_keys(run: Run, batches: Iterable[str], s3: "S3Client") -> list[str]:
    return [key for batch in batches for key in _keys_in(run, keys.verdicts_key(run.run_id, batch), s3)]


def _keys_in(run: Run, name: str, s3: "S3Client") -> list[str]:
    return [key for _, key in _images_in(run, name, s3)]


def _images_in(run: Run, name: str, s3: "S3Client") -> list[tuple[str, str]]:
    """Bucket and key. None of verdicts that are gone, or do not read: that is another error, and this one is first."""
    try:
        return [(str(each["bucket"]), str(each["key"])) for each in objects.get_lines(s3, run.bucket, name)]
    except (ClientError, ValueError, LookupError, TypeError):
        return []


def _listed(found: Sequence[str]) -> str:
    more = f" and {len(found) - _MOST_KEYS:,} more" if len(found) > _MOST_KEYS else ""
    return ", ".join(map(repr, found[:_MOST_KEYS])) + more
