"""The input tensor as JSON, `{"instances": [...]}`, which TensorFlow Serving and its relatives take.

Source: TensorFlow, "RESTful API", Predict, the row format.
"""

import json

from pipeline.contract import ModelContract
from pipeline.endpoints.codec import Image, Request
from pipeline.endpoints.codecs.base import ContractCodec


class InstancesCodec(ContractCodec):
    name = "instances"

    def encode(self, image: Image, contract: ModelContract | None) -> Request:
        tensor, _ = self.tensor(image, contract)
        # The shortest digits that read back as the same float32 are half of a double's.
        digits = tensor if tensor.dtype.kind == "u" else tensor.astype(str).astype(float)
        return Request(json.dumps({"instances": digits.tolist()}, separators=(",", ":")).encode(), "application/json")
