"""One object of a transform job: sent to a model server, and what it answers written back to S3.

SageMaker API reference, TransformOutput: the answer for `s3://bucket/input/a/b.jpg` of the input `s3://bucket/input/`
is `<S3OutputPath>/a/b.jpg.out`. An answer other than 200 is a failure of that object: nothing is written, and the job's
log tells it in SageMaker's words. What may not fail again is tried again: no answer, and status 5xx.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.sagemaker.jobs import JobFailedError
from pipeline.local.sagemaker.serving import ModelServer, NoReplyError, Reply
from pipeline.local.sagemaker.transfers import InputObject, split_uri
from pipeline.local.sagemaker.transform_log import TransformLog
from pipeline.local.sagemaker.transform_settings import TransformSettings

_LONGEST_MESSAGE = 4096  # bytes of an error's body that are kept in the log
_RETRY_DELAY = 0.1  # seconds before the first retry; each further one waits twice as long

CLIENT_ERROR, ALGORITHM_ERROR = "ClientError", "AlgorithmError"


@dataclass(frozen=True)
class Invocations:
    """How the objects of one job are sent and answered. `transform` may be called by many threads."""

    s3: Any
    request: Mapping[str, Any]
    settings: TransformSettings
    log: TransformLog
    stopping: threading.Event

    def transform(self, item: InputObject, server: ModelServer) -> str | None:
        """Send an object, and write the answer. Returns whose error it was that there is none: CLIENT_ERROR,
        ALGORITHM_ERROR, or None for success.

        Raises:
            ServerFailedError: the server has ended.
            JobFailedError: no answer can be written.
        """
        source = f"{item.bucket}/{item.key}"
        try:
            stored = self.s3.get_object(Bucket=item.bucket, Key=item.key)
            size = stored["ContentLength"]
            if not self.settings.allows(size):
                self.log.write(
                    f"Too much data for max payload size: {size} bytes, MaxPayloadInMB={self.settings.max_payload_mb}",
                    source,
                )
                stored["Body"].close()
                return CLIENT_ERROR
            body = stored["Body"].read()
        except (ClientError, BotoCoreError) as error:
            self.log.write(f"Data download failed: {_reason(error)}", source)
            return CLIENT_ERROR
        reply = self._send(body, server)
        if reply is None:
            self.log.write("Unable to get response from algorithm", source)
            return ALGORITHM_ERROR
        if reply.status != 200:
            return self._refused(reply, source)
        return self._store(reply, item, source)

    def _send(self, body: bytes, server: ModelServer) -> Reply | None:
        """The answer to the last try; None when it had none."""
        reply = None
        for retries in range(self.settings.max_retries + 1):
            if retries:
                self.stopping.wait(_RETRY_DELAY * 2 ** (retries - 1))
            if self.stopping.is_set():
                break
            try:
                reply = server.invoke(
                    body,
                    self._headers(),
                    timeout=self.settings.timeout,
                    chunked=self.settings.max_payload_mb == 0,
                )
            except NoReplyError:
                reply = None
                continue
            if reply.status < 500:
                break
        return reply

    def _headers(self) -> dict[str, str]:
        asked = {
            "Content-Type": self.request["TransformInput"].get("ContentType"),
            "Accept": self.request["TransformOutput"].get("Accept"),
        }
        return {name: value for name, value in asked.items() if value}

    def _refused(self, reply: Reply, source: str) -> str:
        blamed = CLIENT_ERROR if 400 <= reply.status < 500 else ALGORITHM_ERROR
        said = "ClientError:" if blamed == CLIENT_ERROR else "Bad HTTP status received from algorithm:"
        message = reply.body[:_LONGEST_MESSAGE].decode(errors="replace")
        for line in (f"{said} {reply.status}", "", "Message:", *message.splitlines()):
            self.log.write(line, source)
        return blamed

    def _store(self, reply: Reply, item: InputObject, source: str) -> str | None:
        output = self.request["TransformOutput"]
        bucket, key = split_uri(output_uri(output["S3OutputPath"], item.path))
        ending = b"\n" if output.get("AssembleWith") == "Line" else b""
        try:
            self.s3.put_object(Bucket=bucket, Key=key, Body=reply.body + ending)
        except (ClientError, BotoCoreError) as error:
            message = f"Failed to upload s3://{bucket}/{key}: {_reason(error)}"
            # A key that is too long, say, is this object's own trouble; a bucket that is not there is everyone's.
            if isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] == 400:
                self.log.write(message, source)
                return CLIENT_ERROR
            raise JobFailedError(f"ClientError: {message}") from error
        return None


def output_uri(output_path: str, path: str) -> str:
    """Where the answer for an object goes whose path below the input's prefix, or a manifest's, is `path`."""
    return f"{output_path.rstrip('/')}/{path}.out"


def _reason(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"].get("Message", error))
    return str(error)
