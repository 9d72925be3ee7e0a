"""The image's place in S3, for a Triton ensemble that reads and prepares it itself.

The ensemble has the input `ensemble_image_path`, BYTES [1], and the output `ensemble_output`. Its role has to read the
bucket; nothing of the image is sent, so no limit applies to it.
"""

import numpy as np

from pipeline.contract import ModelContract
from pipeline.endpoints import answers, triton_protocol
from pipeline.endpoints.answers import ENSEMBLE_OUTPUT, Answer
from pipeline.endpoints.codec import Image, Request
from pipeline.endpoints.codecs.base import BaseCodec
from pipeline.endpoints.triton_protocol import Tensor
from pipeline.errors import UnsuitableCodec

INPUT = "ensemble_image_path"


class TritonPathCodec(BaseCodec):
    name = "triton-path"
    sends_file = False

    def encode(self, image: Image, contract: ModelContract | None) -> Request:
        if image.uri is None:
            raise UnsuitableCodec(
                f"{image.name!a}: the codec {self.name} sends where an image lies in S3, and this one does not lie"
                " there. Choose another codec, or upload the image first."
            )
        path = Tensor(INPUT, "BYTES", np.array([image.uri.encode()], object))
        body, header_size = triton_protocol.encode([path], [ENSEMBLE_OUTPUT])
        return Request(body, triton_protocol.content_type(header_size), accept="*/*")

    def decode(self, body: bytes, content_type: str, contract: ModelContract | None) -> Answer:
        return answers.read(body, content_type, contract, ENSEMBLE_OUTPUT)
