"""The only place that makes boto3 clients.

A client costs 20 to 50 ms to make and is thread-safe once made, so each service has one for the life of the process.
Clients follow the environment as every AWS SDK does (`AWS_REGION`, `AWS_ENDPOINT_URL`, the credential chain): nothing
here knows whether the other side is AWS or the local cloud.
"""

from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from pipeline import service_models
from pipeline.validation.s3_reader import S3Reader

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Standard mode retries throttling, 5xx and connection faults with jittered backoff (SDKs and Tools Reference Guide,
# "Retry behavior"). Validation reads ahead on several threads, so the pool is larger than botocore's ten. Bodies are
# guarded by their CRC32, and not hashed once more for the signature: botocore's default over HTTPS, not over HTTP.
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=32,
    s3={"payload_signing_enabled": False},
)

# For `copy`: S3 copies up to 5 GiB in one request (CopyObject, "x-amz-copy-source"), and what is larger in parts.
COPY_IN_ONE_REQUEST = TransferConfig(multipart_threshold=5 * 1024**3 + 1, use_threads=False)

_making = Lock()


@cache
def _session() -> boto3.Session:
    """Not boto3's own, which reads botocore's data as botocore does."""
    return boto3.Session(botocore_session=service_models.session())


@overload
def client(service: Literal["s3"]) -> "S3Client": ...
@overload
def client(service: str) -> Any: ...
def client(service: str) -> Any:
    """The process-wide client of `service`, by boto3's name for it. Safe to call from any thread."""
    with _making:  # a session may not be shared while clients are being made
        return _client(service)


def prepare(*services: str) -> None:
    """Make these clients while a function starts, so that its first invocation need not.

    Lambda gives a function that starts a whole core, and afterwards as much as its memory makes of one (AWS Serverless
    Land, "Utilize initialization phase"; AWS Lambda Developer Guide, "Best practices" and "Configure function memory").
    """
    for service in services:
        client(service)


@cache
def _client(service: str) -> Any:
    return _session().client(service, config=CONFIG)  # type: ignore[call-overload]


def object_reader() -> "S3Client":
    """The S3 client for who reads many objects: its GetObject takes less of a core (validation/s3_reader.py)."""
    with _making:
        return cast("S3Client", _object_reader())


@cache
def _object_reader() -> S3Reader:
    return S3Reader(_client("s3"))


# A presigned URL is of version 4 and of the bucket's own region only where the client says so: botocore falls back to
# version 2, and to the global endpoint unless buckets are addressed by host name (botocore.signers).
SIGNING = Config(
    signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
)


def signing_client(credentials: Mapping[str, str]) -> "S3Client":
    """An S3 client that signs URLs with `credentials`, as STS answers them; with the process's where there are none."""
    with _making:
        return _session().client(
            "s3",
            aws_access_key_id=credentials.get("AccessKeyId"),
            aws_secret_access_key=credentials.get("SecretAccessKey"),
            aws_session_token=credentials.get("SessionToken"),
            config=SIGNING,
        )


@cache
def endpoint_client(timeout: float) -> Any:
    """The client of SageMaker Runtime that waits so many seconds for an answer, and asks once.

    Whether there is time to ask again is for the caller to say, who may have to answer somebody else meanwhile.
    """
    once = Config(retries={"total_max_attempts": 1}, connect_timeout=min(5.0, timeout), read_timeout=timeout)
    with _making:
        return _session().client("sagemaker-runtime", config=CONFIG.merge(once))


def client_in(region: str, service: str) -> Any:
    """A client of `service` in a region, whichever the environment names."""
    with _making:
        return _session().client(service, region_name=region, config=CONFIG)  # type: ignore[call-overload]


def forget_clients() -> None:
    """Drop every client, so that the next call reads the environment again (credentials, region, endpoint)."""
    with _making:
        endpoint_client.cache_clear()
        _object_reader.cache_clear()
        _client.cache_clear()
        # A session keeps the credentials that it found first.
        _session.cache_clear()
