"""What a request is answered: a status, a content type, a body; and what is refused, and in which words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

JSON = "application/json"
JSON_LINES = "application/jsonlines"
"""SageMaker's name for it (Developer Guide, "Common Data Formats for Inference")."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `headers` are those beside Content-Type and Content-Length."""

    status: HTTPStatus
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, document: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> Self:
        """A JSON document, with a newline at its end for whoever reads it in a terminal."""
        return cls(status, json.dumps(document).encode("ascii") + b"\n")


class RefusedError(Exception):
    """A request that is not answered with predictions: `{"reason": ..., "detail": ...}` and a status.

    `reason` is a name for programs, `detail` a sentence for people. Batch Transform tries again what was answered with
    5xx, so a status of 4xx is for all that the same request would meet again.
    """

    def __init__(self, status: HTTPStatus, reason: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self._headers = headers or {}

    def reply(self) -> Reply:
        body = Reply.json({"reason": self.reason, "detail": self.detail}).body
        return Reply(self.status, body, headers=self._headers)
