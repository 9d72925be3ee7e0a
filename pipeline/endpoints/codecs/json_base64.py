"""The file in JSON: `{"image": "<base64>"}`."""

import base64

from pipeline.contract import ModelContract
from pipeline.endpoints.codec import Image, Request
from pipeline.endpoints.codecs.base import BaseCodec


class JsonCodec(BaseCodec):
    name = "json"

    def encode(self, image: Image, contract: ModelContract | None) -> Request:
        # base64 has no character that JSON escapes.
        return Request(b'{"image": "%b"}' % base64.b64encode(image.data), "application/json")
