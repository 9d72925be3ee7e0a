"""What a distributed map gives: its state's result, or files in S3 written by a ResultWriter.

    PREFIX/<map run>/manifest.json        which files there are
    PREFIX/<map run>/SUCCEEDED_0.json     what succeeded children gave, FAILED_0.json and PENDING_0.json the others

Transformation NONE gives the description of every child execution, COMPACT only its output, FLATTEN the elements of
outputs that are arrays; the last two shape succeeded children only. Results are read from the store child by child.
Source: Developer Guide, "ResultWriter (Map)".
"""

import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.states.context import iso_time
from pipeline.local.states.definition import WriterConfig
from pipeline.local.states.documents import LIMIT_BYTES, byte_length, dump
from pipeline.local.states.errors import DATA_LIMIT_EXCEEDED, StateError
from pipeline.local.states.records import ExecutionRecord, MapRunRecord
from pipeline.local.states.scope import Json
from pipeline.local.states.store import Store

COMPACT = WriterConfig(transformation="COMPACT")
"""How results are shaped where there is no ResultWriter."""

_IN_MEMORY = 8 * 1024 * 1024
_FILES = {"SUCCEEDED": ("SUCCEEDED",), "FAILED": ("FAILED", "TIMED_OUT", "ABORTED"), "PENDING": ("PENDING",)}


def collect(store: Store, map_run_arn: str, config: WriterConfig, state: str) -> list[Json]:
    """The results of the succeeded children as the result of the Map state called `state`.

    Raises:
        StateError: States.DataLimitExceeded, before more than the limit is in memory.
    """
    texts: list[str] = []
    size = 2
    for text in _entries(store.children(map_run_arn, "SUCCEEDED"), config):
        texts.append(text)
        size += byte_length(text) + 1
        if size - 1 > LIMIT_BYTES:
            raise StateError(
                DATA_LIMIT_EXCEEDED,
                f"The state/task '{state}' returned a result with a size exceeding the maximum number of bytes "
                "service limit.",
            )
    results: list[Json] = json.loads(f"[{','.join(texts)}]")
    return results


def write(store: Store, map_run: MapRunRecord, config: WriterConfig, parameters: Json, s3: Any) -> dict[str, Json]:
    """Write the files and return the Map state's result.

    Args:
        store, map_run: where the children are, and whose.
        config: the WriterConfig.
        parameters: the evaluated Parameters: Bucket and, optionally, Prefix.
        s3: a boto3 client.

    Raises:
        StateError: States.ResultWriterFailed.
    """
    bucket, prefix = parameters.get("Bucket", ""), parameters.get("Prefix", "")
    folder = f"{prefix.rstrip('/')}/" if prefix else ""
    folder += map_run.arn.rpartition(":")[2]
    files: dict[str, list[dict[str, Json]]] = {}
    try:
        for name, statuses in _FILES.items():
            shape = config if name == "SUCCEEDED" else WriterConfig(output_type=config.output_type)
            entries = _entries(store.children(map_run.arn, *statuses), shape)
            key = f"{folder}/{name}_0.{config.output_type.lower()}"
            size = _upload(entries, config.output_type, bucket, key, s3)
            files[name] = [{"Key": key, "Size": size}] if size else []
        manifest = {"DestinationBucket": bucket, "MapRunArn": map_run.arn, "ResultFiles": files}
        key = f"{folder}/manifest.json"
        s3.put_object(Bucket=bucket, Key=key, Body=dump(manifest).encode(), ContentType="application/json")
    except ClientError as error:
        cause = error.response.get("Error", {}).get("Message") or str(error)
        raise StateError("States.ResultWriterFailed", cause) from error
    except BotoCoreError as error:
        raise StateError("States.ResultWriterFailed", str(error)) from error
    map_run.items.resultsWritten = map_run.items.succeeded + map_run.items.failed
    map_run.executions.resultsWritten = map_run.executions.succeeded + map_run.executions.failed
    return {"MapRunArn": map_run.arn, "ResultWriterDetails": {"Bucket": bucket, "Key": key}}


def _entries(children: Iterable[ExecutionRecord], config: WriterConfig) -> Iterator[str]:
    """One JSON text an entry of the result."""
    for child in children:
        if config.transformation == "NONE":
            yield dump(_description(child))
        elif config.transformation == "FLATTEN" and isinstance(output := json.loads(child.output or "null"), list):
            yield from map(dump, output)
        else:
            yield child.output or "null"


def _description(child: ExecutionRecord) -> dict[str, Json]:
    description = {
        "Cause": child.cause,
        "Error": child.error,
        "ExecutionArn": child.arn,
        "Input": child.input,
        "InputDetails": {"Included": True},
        "Name": child.name,
        "Output": child.output,
        "OutputDetails": {"Included": True} if child.output is not None else None,
        "StartDate": iso_time(child.started),
        "StateMachineArn": child.machine_arn,
        "Status": child.status,
        "StopDate": iso_time(child.stopped or child.started),
    }
    return {name: value for name, value in description.items() if value is not None}


def _upload(entries: Iterator[str], output_type: str, bucket: str, key: str, s3: Any) -> int:
    """Upload the entries as one file and return its size in bytes; nothing is uploaded when there are none."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        _write_entries(entries, output_type, file)
        if size := file.tell():
            file.seek(0)
            s3.put_object(Bucket=bucket, Key=key, Body=file)
    return size


def _write_entries(entries: Iterator[str], output_type: str, file: IO[bytes]) -> None:
    lines = output_type == "JSONL"
    for position, text in enumerate(entries):
        before = "" if lines else "[" if position == 0 else ","
        file.write(f"{before}{text}{chr(10) if lines else ''}".encode())
    if file.tell() and not lines:
        file.write(b"]")
