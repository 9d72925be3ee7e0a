"""What each path answers: the container contract of SageMaker's, without HTTP.

    GET  /ping                   200 once the model is loaded and has run; 503 before
    GET  /execution-parameters   what a transform job may send at once
    POST /invocations            predictions, in JSON Lines: pipeline/serving/payloads.py says of what

Amazon SageMaker Developer Guide, "Custom Inference Code with Batch Transform" and "... with Hosting Services".
"""

import logging
from collections.abc import Callable
from http import HTTPStatus

from pipeline.errors import ImageBatchError
from pipeline.serving import payloads
from pipeline.serving.model import ServedModel
from pipeline.serving.replies import JSON_LINES, RefusedError, Reply
from pipeline.serving.settings import ServingSettings
from pipeline.shards import sending

logger = logging.getLogger(__name__)

_INVOCATIONS = "/invocations"


class Application:
    """Answers for one model, from any number of threads. Until `model` is set, it is loading."""

    def __init__(self, settings: ServingSettings) -> None:
        self.model: ServedModel | None = None
        self.max_payload = settings.max_payload
        self._get: dict[str, Callable[[], Reply]] = {
            "/ping": self._ping,
            "/execution-parameters": _execution_parameters,
        }

    def get(self, path: str) -> Reply:
        """What `GET path` answers."""
        try:
            return self._get.get(path, self.refusal(path).reply)()
        except RefusedError as error:
            return error.reply()

    def check(self, path: str, content_type: str) -> None:
        """Raises RefusedError where `POST path` is refused whatever its body is."""
        if path != _INVOCATIONS:
            raise self.refusal(path)
        payloads.reader(content_type)
        self._loaded()

    def refusal(self, path: str) -> RefusedError:
        """What a request for a path is told that is not there, or takes another method."""
        methods = {**dict.fromkeys(self._get, "GET"), _INVOCATIONS: "POST"}
        if method := methods.get(path):
            detail = f"{path} takes {method}"
            return RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", detail, {"Allow": method})
        detail = f"there is no {path!r:.200}; there are {', '.join(methods)}"
        return RefusedError(HTTPStatus.NOT_FOUND, "NotFound", detail)

    def invoke(self, content_type: str, body: memoryview) -> Reply:
        """What `POST /invocations` answers. `body` is not kept."""
        try:
            lines = payloads.reader(content_type)(self._loaded(), content_type, body)
            return Reply(HTTPStatus.OK, "".join(lines).encode("ascii"), JSON_LINES)
        except RefusedError as error:
            refused = error
        except ImageBatchError as error:
            # What our own errors say is as true the second time: 5xx would have Batch Transform send it again.
            refused = RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, type(error).__name__, str(error))
        except Exception as error:
            logger.exception("a request of %s and %d bytes failed", content_type, len(body))
            detail = f"{type(error).__name__}: {error}; the server's log says where"
            return RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", detail).reply()
        logger.warning("refused %d %s: %s", refused.status, refused.reason, refused.detail)
        return refused.reply()

    def _loaded(self) -> ServedModel:
        if self.model is None:
            detail = "the model is still loading"
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "Loading", detail, {"Retry-After": "1"})
        return self.model

    def _ping(self) -> Reply:
        self._loaded()
        return Reply.json({"status": "ready"})


def _execution_parameters() -> Reply:
    return Reply.json(
        {
            "MaxConcurrentTransforms": sending.AT_ONCE,
            "BatchStrategy": "SINGLE_RECORD",
            "MaxPayloadInMB": sending.PAYLOAD_MB,
        }
    )
