"""The one endpoint of the local cloud: who answers which request.

A request names its service in the credential scope of its signature, in the `Authorization` header or in a presigned
URL (`.../20260101/us-east-1/states/aws4_request`), in `X-Amz-Target`, or by its path. The services of our own answer
theirs; objects of S3 are read and written in their buckets (`buckets/`); moto's WSGI application answers all else.
"""

import re
from collections.abc import Iterable
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from pipeline.local import moto_data, wsgi
from pipeline.local.buckets import Bucket
from pipeline.local.buckets.service import BucketService, Listener
from pipeline.local.faults import Faults
from pipeline.local.faults.requests import RequestFaults
from pipeline.local.http_messages import Request, Response
from pipeline.local.http_server import HttpServer
from pipeline.local.lambdas.urls import PREFIX as FUNCTION_URLS
from pipeline.local.permissions import Guard
from pipeline.local.protocol import JsonService

_SCOPE = re.compile(r"Credential=[^/]+/[0-9]{8}/[^/]+/([^/]+)/aws4_request", re.IGNORECASE)
_LAMBDA_PATH = re.compile(r"/20[0-9]{2}-[0-9]{2}-[0-9]{2}/(functions|tags|layers|account-settings)")
# bucket.s3.amazonaws.com, bucket.s3.us-east-1.amazonaws.com, bucket.localhost, bucket.s3.localhost.localstack.cloud
_VIRTUAL_HOST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.(s3[.-].*|localhost)(:[0-9]+)?")


class Gateway:
    """Serves on a port of 127.0.0.1 until `close`; any free port for 0. Services and buckets may be added meanwhile.

    The objects of buckets lie below `buckets_dir`, those of an earlier gateway among them; `faults` go wrong on
    purpose. Raises OSError for a port that is taken.
    """

    def __init__(self, buckets_dir: Path, port: int = 0, faults: Faults | None = None) -> None:
        self._services: dict[str, JsonService] = {}
        self._buckets = BucketService(buckets_dir, self.moto)
        self._moto = _Moto(create_backend_app)
        self._faults = RequestFaults(faults) if faults else None
        self._guard: Guard | None = None
        self._server = HttpServer(self.answer, port=port)
        self.url = self._server.url
        self._closed = False

    def start(self) -> None:
        self._server.start()

    def hurry(self) -> None:
        """Let no request be late on purpose any more: whoever waits for the answer is to end."""
        if self._faults:
            self._faults.hurry()

    def close(self) -> None:
        self._closed = True
        self._server.close()
        self._buckets.close()

    def add(self, services: Iterable[JsonService]) -> None:
        """Let these services answer the requests that are signed for them."""
        self._services.update({service.signing_name: service for service in services})

    def mount(self, name: str, bucket: Bucket) -> None:
        """Let `bucket` answer for the objects of the bucket called `name`."""
        self._buckets.mount(name, bucket)

    def protect(self, guard: Guard) -> None:
        """Let `guard` refuse what the roles of functions do not allow."""
        self._guard = guard

    def listen(self, listener: Listener) -> None:
        """Let `listener` be told of the objects of buckets that are configured to tell of them."""
        self._buckets.listen(listener)

    def stored_buckets(self) -> list[str]:
        """The names of the buckets that have a folder below `buckets_dir`."""
        return self._buckets.stored()

    def answer(self, request: Request) -> Response:
        """Send one request to whoever answers it. Raises ConnectionRefusedError when the gateway is closed."""
        if self._closed:
            raise ConnectionRefusedError(f"the local cloud at {self.url} is closed")
        service = service_of(request)
        place = bucket_and_key(request) if service in ("s3", "") else ("", "")
        refusal = self._guard.refuse(request, service or "s3", place) if self._guard else None
        if refusal is not None:
            return refusal
        if self._guard is None:
            return self._judged(request, service, place)
        changes_roles = service == "iam" and self._guard.changes_roles(request)
        with self._guard.changing_roles() if changes_roles else nullcontext():
            response = self._judged(request, service, place)
        return self._guard.hide(request, service or "s3", place, response)

    def _judged(self, request: Request, service: str, place: tuple[str, str]) -> Response:
        """The answer to a request that is allowed, if no fault strikes it."""
        if self._faults is None:
            return self._answer(request, service, place)
        return self._faults.answer(request, service, place, lambda asked: self._answer(asked, service, place))

    def _answer(self, request: Request, service: str, place: tuple[str, str]) -> Response:
        ours = self._services.get(service)
        if ours is not None:
            return ours.serve(request)
        name, key = place
        return self._buckets.answer(request, name, key) if name else self.moto(request)

    def moto(self, request: Request) -> Response:
        """Let moto answer."""
        environ = wsgi.environ_of(request, host=self._server.host, port=self._server.port)
        # WSGI cannot tell x-amz-meta-my_key from x-amz-meta-my-key, and S3 can: moto takes the names as sent here.
        environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = {
            wsgi.header_key(name): name for name in request.headers if "_" in name
        }
        return wsgi.call(self._moto, environ)


class _Moto(DomainDispatcherApplication):
    """moto's application. It goes through all folders of moto for the backend of a host, for each request anew: half of
    what an answer took. Here it is looked up once."""

    def __init__(self, create_app: Any) -> None:
        moto_data.adopt()
        super().__init__(create_app)
        self._backend_of = lru_cache(maxsize=256)(super().get_backend_for_host)

    def get_backend_for_host(self, host: str | None) -> Any:
        return self._backend_of(host)


def service_of(request: Request) -> str:
    """The name that the request's signature, target or path gives its service; "" when nothing tells."""
    if request.path.startswith(FUNCTION_URLS):  # whatever a request to a function's URL is signed for
        return "lambda"
    scope = _SCOPE.search(request.headers.get("authorization", "")) or _SCOPE.search(
        unquote(request.query) if "X-Amz-Credential" in request.query else ""
    )
    if scope:
        return scope[1].lower()
    target = request.headers.get("x-amz-target", "").partition(".")[0]
    if target:
        return {"AWSStepFunctions": "states", "SageMaker": "sagemaker", "AWSEvents": "events"}.get(target, target)
    return "lambda" if _LAMBDA_PATH.match(request.path) else ""


def bucket_and_key(request: Request) -> tuple[str, str]:
    """Bucket and key of an S3 request, in path style or virtual-host style; ("", "") where it names no bucket.

    Keys are any UTF-8; bytes that are none are kept as surrogates, and match no object.
    """
    path = request.path.lstrip("/") if not request.path.startswith("//") else request.path[1:]
    host = _VIRTUAL_HOST.fullmatch(request.headers.get("host", ""))
    if host:
        return host["bucket"], unquote(request.path[1:], errors="surrogateescape")
    bucket, _, key = path.partition("/")
    return unquote(bucket), unquote(key, errors="surrogateescape")
