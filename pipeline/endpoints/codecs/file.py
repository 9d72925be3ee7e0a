"""The file as it is, which is what most containers for images take."""

from pipeline.contract import ModelContract
from pipeline.endpoints.codec import Image, Request
from pipeline.endpoints.codecs.base import BaseCodec

ANY_IMAGE = "application/x-image"
_KNOWN = frozenset({"image/jpeg", "image/png", "image/webp"})
"""Types that containers know by name; any other file goes as SageMaker's type for all of them."""


class FileCodec(BaseCodec):
    name = "image"

    def encode(self, image: Image, contract: ModelContract | None) -> Request:
        if contract and contract.payload and contract.output.answer:
            # A container that is not ours takes and gives what its contract says, and may know no other type.
            return Request(image.data, contract.payload.content_type, contract.output.answer.format.media_type)
        return Request(image.data, image.media_type if image.media_type in _KNOWN else ANY_IMAGE)
