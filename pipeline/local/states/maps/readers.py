"""ItemReader: the items of a distributed map, read from S3 as a stream.

    listObjectsV2    one item an object, in any number of pages
                     (LOAD_AND_FLATTEN: the items in those objects, read as getObject reads them)
    getObject        JSON (an array, or the array at ItemsPointer), JSONL, CSV, MANIFEST (an S3 inventory in CSV)

The items come from blocking generators that hold one page, line or row at a time; a thread drains them in chunks.
Source: Developer Guide, "ItemReader (Map)".
"""

import csv
import gzip
import io
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, BinaryIO, TypeAlias, cast

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.states.definition import ItemReader, ReaderConfig
from pipeline.local.states.documents import load
from pipeline.local.states.errors import StateError
from pipeline.local.states.maps.json_arrays import NotAnArrayError, iterate_array
from pipeline.local.states.scope import Json

Items: TypeAlias = Generator[Json, None, None]

_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}


def read_items(reader: ItemReader, parameters: Json, max_items: int, s3: Any) -> Iterator[Json]:
    """The items, at most `max_items` (0: all).

    Args:
        reader: what to read.
        parameters: its evaluated Parameters: Bucket and Key, or Bucket and Prefix.
        max_items: the evaluated MaxItems or MaxItemsPath.
        s3: a boto3 client.

    Raises:
        StateError: States.ItemReaderFailed, on the way as well.
    """
    try:
        if reader.resource.endswith(":listObjectsV2"):
            items = _list_objects(parameters, s3)
            if reader.config.transformation == "LOAD_AND_FLATTEN":
                items = _load(items, parameters["Bucket"], reader.config, s3)
        else:
            items = _parse(reader.config, parameters, s3)
        with closing(items):
            yield from islice(items, max_items) if max_items else items
    except ClientError as error:
        raise _failed(error.response.get("Error", {}).get("Message") or str(error)) from error
    except (BotoCoreError, OSError, EOFError) as error:
        raise _failed(str(error)) from error
    except (ValueError, RecursionError, csv.Error) as error:
        raise _failed(f"The object could not be read as {reader.config.input_type}: {error}") from error


def _failed(cause: str) -> StateError:
    return StateError("States.ItemReaderFailed", cause)


def _list_objects(parameters: Json, s3: Any) -> Items:
    for page in s3.get_paginator("list_objects_v2").paginate(**parameters):
        for entry in page.get("Contents", ()):
            yield {
                "Etag": entry["ETag"],
                "Key": entry["Key"],
                "LastModified": int(entry["LastModified"].timestamp()),
                "Size": entry["Size"],
                "StorageClass": entry.get("StorageClass", "STANDARD"),
            }


def _load(objects: Items, bucket: str, config: ReaderConfig, s3: Any) -> Items:
    """The items in the listed objects, one object after the other."""
    for entry in objects:
        yield from _parse(config, {"Bucket": bucket, "Key": entry["Key"]}, s3)


def _parse(config: ReaderConfig, parameters: Json, s3: Any) -> Items:
    if config.input_type == "PARQUET":
        raise _failed("The local cloud does not read PARQUET. Use CSV, JSON or JSONL.")
    if config.manifest_type == "ATHENA_DATA":
        raise _failed("The local cloud does not read manifests of type ATHENA_DATA, only S3_INVENTORY.")
    with _open(parameters, s3) as body:
        if config.input_type == "CSV":
            yield from _csv_rows(config, body)
        elif config.input_type == "JSONL":
            yield from (load(line) for line in body if line.strip())
        elif config.input_type == "MANIFEST":
            yield from _inventory(load(body.read()), s3)
        else:
            yield from _json_items(config, body)


def _json_items(config: ReaderConfig, body: BinaryIO) -> Items:
    if config.items_pointer:
        items = _at_pointer(load(body.read()), config.items_pointer)
        if not isinstance(items, list):
            raise _failed("Attempting to map over non-iterable node.")
        yield from items
        return
    try:
        yield from iterate_array(io.TextIOWrapper(cast(Any, body), encoding="utf-8-sig"))
    except NotAnArrayError:
        raise _failed("Attempting to map over non-iterable node.") from None


def _at_pointer(document: Json, pointer: str) -> Json:
    """The value that a JSON pointer (RFC 6901) names."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        try:
            document = document[int(name)] if isinstance(document, list) else document[name]
        except (KeyError, IndexError, TypeError, ValueError):
            raise _failed(f"ItemsPointer {pointer!r} does not lead to a value in the object.") from None
    return document


def _csv_rows(config: ReaderConfig, body: BinaryIO) -> Items:
    text = io.TextIOWrapper(cast(Any, body), encoding="utf-8-sig", newline="")
    rows = csv.reader(text, delimiter=_DELIMITERS[config.csv_delimiter])
    headers = config.csv_headers if config.csv_header_location == "GIVEN" else next(rows, None)
    if headers is None:
        return
    if len(set(headers)) < len(headers):
        raise _failed("CSV headers cannot contain duplicates.")
    for row in rows:
        if row:
            # Short rows are padded, further fields dropped.
            yield {header: row[n] if n < len(row) else "" for n, header in enumerate(headers)}


def _inventory(manifest: Json, s3: Any) -> Items:
    """The rows of an S3 inventory, all values text, keys as the inventory writes them (URL-encoded in CSV)."""
    if manifest.get("fileFormat") != "CSV":
        raise _failed(f"The inventory is {manifest.get('fileFormat')}; the local cloud reads inventories in CSV.")
    headers = tuple(name.strip() for name in manifest["fileSchema"].split(","))
    bucket = manifest["destinationBucket"].rpartition(":")[2]
    config = ReaderConfig(input_type="CSV", csv_header_location="GIVEN", csv_headers=headers)
    for file in manifest["files"]:
        yield from _parse(config, {"Bucket": bucket, "Key": file["key"]}, s3)


@contextmanager
def _open(parameters: Json, s3: Any) -> Iterator[BinaryIO]:
    """An object's content, unpacked; closing it ends the download, wherever it stands."""
    response = s3.get_object(**parameters)
    with closing(response["Body"]) as body:
        stream = cast(BinaryIO, io.BufferedReader(_Readable(body)))
        if response.get("ContentEncoding") == "gzip" or parameters["Key"].endswith(".gz"):
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=stream))
        yield stream


class _Readable(io.RawIOBase):
    """boto3's streaming body as a raw file."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def chunks(items: Iterable[Json], size: int) -> Iterator[list[Json]]:
    """Items in lists of `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
