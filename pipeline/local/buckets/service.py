"""Whose objects lie where: the buckets of the cloud, and who answers a request for S3.

moto keeps what is known of a bucket (that it exists, its encryption, policy, tags, versioning); the objects of every
bucket are ours. One that is created gets a folder of its own, unless another bucket is mounted under its name.
"""

import re
import threading
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Protocol

from pipeline.local.buckets import notifications, s3api
from pipeline.local.buckets.base import Bucket, BucketError, no_such_bucket
from pipeline.local.buckets.changes import Change
from pipeline.local.buckets.disk import DiskBucket
from pipeline.local.buckets.notifications import Configuration, Notifications
from pipeline.local.buckets.s3api import operations, xml
from pipeline.local.buckets.s3api.descriptions import default_encryption
from pipeline.local.buckets.s3api.payloads import Payload
from pipeline.local.http_messages import Body, Request, Response

# S3 User Guide, "Bucket naming rules". What is no such name is none of a folder either.
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Listener(Protocol):
    """Is told of buckets that are configured to tell of their objects."""

    def changed(self, bucket: str, configuration: Configuration, change: Change) -> None:
        """Something happened to an object."""

    def configured(self, bucket: str, configuration: Configuration) -> None:
        """The bucket is configured like this from now on."""


class BucketService:
    """Answers the requests for S3. The objects of its buckets lie in folders below `folder`.

    `moto` answers what is not about objects.
    """

    def __init__(self, folder: Path, moto: Callable[[Request], Response]) -> None:
        self._folder = folder
        self._moto = moto
        self._buckets: dict[str, Bucket] = {}
        self._notifications = Notifications(folder / ".notifications.json")
        self._listener: Listener | None = None
        self._lock = threading.Lock()

    def stored(self) -> list[str]:
        """The buckets whose objects lie in the folder, from now or from an earlier time."""
        return sorted(path.name for path in self._folder.glob("*") if _NAME.fullmatch(path.name))

    def listen(self, listener: Listener) -> None:
        """Let `listener` be told of the objects of every bucket that is configured to tell of them."""
        self._listener = listener

    def mount(self, name: str, bucket: Bucket) -> None:
        """Let `bucket` answer for the objects of the bucket called `name`; those it had before wait in their folder."""
        with self._lock:
            before = self._buckets.get(name)
            self._buckets[name] = bucket
        if isinstance(before, DiskBucket):
            before.close()

    def close(self) -> None:
        with self._lock:
            for bucket in self._buckets.values():
                if isinstance(bucket, DiskBucket):
                    bucket.close()
            self._buckets.clear()

    def answer(self, request: Request, name: str, key: str) -> Response:
        """Answer a request for the bucket called `name`, or for its object `key`."""
        query = operations.query_of(request)
        if key:
            operation = operations.operation_on_object(request, query)
        else:
            operation = operations.operation_on_bucket(request, query)
            if operation is None and "notification" in query and request.method in ("GET", "PUT"):
                return self._notification(request, name)
            if operation is None and "encryption" in query and request.method in ("PUT", "DELETE"):
                return self._encryption(request, name)
            if operation is None:
                return self._moto(request)
            if operation == "CreateBucket":
                return self._create(request, name)
        bucket = self._bucket(name)
        if bucket is None:
            # moto would answer the same; or keep the object, where none is read, if the bucket is made at this moment.
            return xml.error(no_such_bucket(), key)
        if operation == "DeleteBucket":
            return self._delete(request, name, bucket)
        return s3api.answer(s3api.Call(bucket, name, key, request, query, self._bucket), operation)

    def _bucket(self, name: str) -> Bucket | None:
        """The bucket of that name, also when moto made it by itself; None when there is none."""
        with self._lock:
            if name not in self._buckets and _NAME.fullmatch(name) and self._exists(name):
                self._buckets[name] = DiskBucket(self._folder / name)
                self._set_listener(name)
                self._set_encryption(name)
            return self._buckets.get(name)

    def _exists(self, name: str) -> bool:
        return self._moto(Request("HEAD", f"/{name}", {}, Body(BytesIO(), 0))).status == 200

    def _create(self, request: Request, name: str) -> Response:
        if not _NAME.fullmatch(name):
            return xml.error(BucketError(400, "InvalidBucketName", f"The specified bucket is not valid: {name}"), "")
        response = self._moto(request)
        if response.status == 200:
            self._bucket(name)
        return response

    def _delete(self, request: Request, name: str, bucket: Bucket) -> Response:
        """Delete a bucket: moto's, and with it the folder of one whose objects lay here."""
        if isinstance(bucket, DiskBucket):
            try:
                bucket.retire()
            except BucketError as error:
                return xml.error(error, "")
        # Nobody finds, or makes, a bucket of that name before the folder of this one is gone.
        with self._lock:
            response = self._moto(request)
            self._buckets.pop(name, None)
            self._notifications.save(name, Configuration())
            if isinstance(bucket, DiskBucket):
                bucket.close()
                if response.status == 204:
                    bucket.remove()
        return response

    def _notification(self, request: Request, name: str) -> Response:
        """Tell or take whom a bucket wants to be told of its objects. One that is mounted tells nobody."""
        if self._bucket(name) is None:
            return xml.error(no_such_bucket(), "")
        if request.method == "GET":
            return xml.answer("NotificationConfiguration", self._notifications.of(name).document)
        try:
            configuration = notifications.parse(Payload.of(request).document())
        except BucketError as error:
            return xml.error(error, "")
        with self._lock:
            self._notifications.save(name, configuration)
            self._set_listener(name)
        if self._listener is not None:
            self._listener.configured(name, configuration)
        return Response(200)

    def _encryption(self, request: Request, name: str) -> Response:
        """Take how a bucket encrypts what is written without saying so."""
        response = self._moto(request)
        with self._lock:
            self._set_encryption(name)
        return response

    def _set_encryption(self, name: str) -> None:
        """Let a bucket of ours know the key of KMS that it encrypts with, if there is one."""
        bucket = self._buckets.get(name)
        if not isinstance(bucket, DiskBucket):
            return
        told = self._moto(Request("GET", f"/{name}?encryption", {}, Body(BytesIO(), 0)))
        bucket.encryption = default_encryption(told.content()) if told.status == 200 else {}

    def _set_listener(self, name: str) -> None:
        """Let a bucket of ours tell of its objects, if somebody wants to know."""
        bucket = self._buckets.get(name)
        if isinstance(bucket, DiskBucket):
            bucket.listener = None if self._notifications.of(name).silent else partial(self._changed, name)

    def _changed(self, name: str, change: Change) -> None:
        if self._listener is not None:
            self._listener.changed(name, self._notifications.of(name), change)
