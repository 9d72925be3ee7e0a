"""What a body of each content type holds, and the lines that answer it.

    application/x-imagebatch-shard                 a packed shard (pipeline/shards/shard.py)
    image/jpeg, image/png, image/webp,
    application/x-image                            one image; its bytes say what format it is in
    application/json                               {"image": "<base64>"}, or {"images": ["<base64>", ...]}
    multipart/form-data                            one image a part
    application/x-npy                              uint8 [N, H, W, C], pixels as the contract's input says

A shard is answered with the lines that infer.py writes for it, anything else with those of pipeline/serving/uploads.py.
A request of one image that is bad is refused; of several images, each has its own line.
"""

import base64
import binascii
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from io import BytesIO
from typing import Any

import numpy as np
from numpy.lib import format as npy

from pipeline import shards
from pipeline.contract import ModelContract
from pipeline.serving import multipart, uploads
from pipeline.serving.model import ServedModel, unpacked
from pipeline.serving.multipart import MalformedFormError
from pipeline.serving.replies import RefusedError
from pipeline.serving.uploads import Refused, Upload, line
from pipeline.shards import Images

logger = logging.getLogger(__name__)

SHARD = "application/x-imagebatch-shard"
MOST_IMAGES = 1000
"""In one request. A small PNG can stand for large pixels: bytes alone bound neither the work nor the answer."""

Reader = Callable[[ServedModel, str, memoryview], Iterable[str]]
"""The lines for a body of a content type. Raises RefusedError, and what pipeline/errors.py has."""


def reader(content_type: str) -> Reader:
    """Who reads bodies of a content type. Raises RefusedError where nobody does."""
    found = _READERS.get(content_type.partition(";")[0].strip().lower())
    if found is None:
        was = f"Content-Type {content_type!r:.80}" if content_type else "a body without Content-Type"
        detail = f"{was} is not taken; taken are {', '.join(_READERS)}"
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", detail)
    return found


def subject(content_type: str, body: memoryview) -> str:
    """What the log calls a body of which only the beginning came: the shard's own name where that is in it."""
    shard = shards.id_of(body) if content_type.partition(";")[0].strip().lower() == SHARD else ""
    return f"shard {shard}" if shard else content_type


def _shard(model: ServedModel, content_type: str, body: memoryview) -> Iterable[str]:
    shard = shards.parse(body, model.contract)
    lines = [prediction.to_line() for prediction in model.predict(shard)]
    logger.info("shard %s: %d images", shard.id, len(lines), extra={"shard": shard.id})
    return lines


def _image(model: ServedModel, content_type: str, body: memoryview) -> Iterable[str]:
    return _one(model, Upload(body))


def _json(model: ServedModel, content_type: str, body: memoryview) -> Iterable[str]:
    try:
        document: Any = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise _malformed(f"the body is no JSON: {error}") from error
    match document:
        case {"image": str(text), **rest} if not rest:
            return _one(model, _upload(text))
        case {"images": [*texts], **rest} if not rest and all(isinstance(text, str) for text in texts):
            _check_count(len(texts))
            return _several(model, [_upload(text) for text in texts])
    raise _malformed('the body is JSON, but neither {"image": "<base64>"} nor {"images": ["<base64>", ...]}')


def _form(model: ServedModel, content_type: str, body: memoryview) -> Iterable[str]:
    try:
        parts = list(multipart.parts(content_type, body, MOST_IMAGES))
    except MalformedFormError as error:
        raise _malformed(f"the body is no form: {error}") from error
    _check_count(len(parts))
    return _several(model, [Upload(part.content, part.filename or part.name) for part in parts])


def _npy(model: ServedModel, content_type: str, body: memoryview) -> Iterable[str]:
    shard = unpacked(_array(body, model.contract), model.contract)
    return [line(place, "", answer) for place, answer in enumerate(model.predict(shard))]


def _one(model: ServedModel, upload: Upload) -> Iterable[str]:
    (answer,) = uploads.predict(model, [upload])
    if isinstance(answer, Refused):
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, answer.reason, answer.detail)
    return [line(0, upload.name, answer)]


def _several(model: ServedModel, files: Sequence[Upload]) -> Iterable[str]:
    answers = zip(files, uploads.predict(model, files), strict=True)
    return [line(place, file.name, answer) for place, (file, answer) in enumerate(answers)]


def _upload(text: str) -> Upload:
    try:
        return Upload(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        return Upload(b"", refused=Refused("not_base64", f"the text is no base64: {error}"))


def _array(body: memoryview, contract: ModelContract) -> Images:
    """The array in a .npy file (numpy.lib.format), as a view of the body."""
    file = BytesIO(body[: npy.MAGIC_LEN + 4 + 10_000])
    try:
        version = npy.read_magic(file)
        shape, is_fortran, dtype = _NPY_HEADERS[version](file)
    except KeyError as error:
        raise _malformed(f"the body is a .npy file of version {error}; expected (1, 0) or (2, 0)") from error
    except Exception as error:  # the header is Python, and a broken one raises whatever Python's parser does
        raise _malformed(f"the body is no .npy file: {error}") from error
    expected = contract.input.pixel_shape
    if dtype != np.uint8 or is_fortran or len(shape) != 4 or shape[1:] != expected or shape[0] < 1:
        raise _malformed(
            f"the array is {dtype} {list(shape)}{' in Fortran order' if is_fortran else ''}; the model takes uint8"
            f" [N, {', '.join(map(str, expected))}] in C order, N at least 1"
        )
    _check_count(shape[0])
    data = body[file.tell() :]
    size = shape[0] * contract.input.bytes_per_image
    if len(data) != size:
        raise _malformed(f"the array has {len(data)} bytes; uint8 {list(shape)} has {size}")
    return np.frombuffer(data, np.uint8).reshape(-1, *expected)


_NPY_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
"""Version 3.0 is for names of fields, which an array of pixels does not have."""


def _check_count(images: int) -> None:
    if not 1 <= images <= MOST_IMAGES:
        raise _malformed(f"the request has {images} images; expected 1 to {MOST_IMAGES}")


def _malformed(detail: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, "MalformedRequest", detail)


_READERS: dict[str, Reader] = {
    SHARD: _shard,
    "image/jpeg": _image,
    "image/png": _image,
    "image/webp": _image,
    "application/x-image": _image,
    "application/json": _json,
    "multipart/form-data": _form,
    "application/x-npy": _npy,
}
