"""What a body of each content type holds, and the lines that answer it.

application/x-imagebatch-shard    a packed shard (pipeline/shards.py): a line for each row, as infer.py writes them
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus

from pipeline import shards
from pipeline.serving.model import ServedModel
from pipeline.serving.replies import RefusedError

SHARD = "application/x-imagebatch-shard"

Reader = Callable[[ServedModel, str, memoryview], Iterable[str]]
"""The lines for a body of a content type. Raises RefusedError, and what pipeline/errors.py has."""


def reader(content_type: str) -> Reader:
    """Who reads bodies of a content type. Raises RefusedError where nobody does."""
    found = _READERS.get(media_type(content_type))
    if found is None:
        was = f"Content-Type {content_type!r:.80}" if content_type else "a body without Content-Type"
        detail = f"{was} is not taken; taken are {', '.join(_READERS)}"
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", detail)
    return found


def media_type(content_type: str) -> str:
    """`image/jpeg` of `Image/JPEG; quality=90`."""
    return content_type.partition(";")[0].strip().lower()


def _shard(model: ServedModel, content_type: str, body: memoryview) -> Iterable[str]:
    return model.predict_shard(shards.parse(body, model.contract))


_READERS: dict[str, Reader] = {SHARD: _shard}
