"""The input tensor in Triton's binary protocol: the contract's input, in its type, for the contract's output."""

from pipeline.contract import DataType, ModelContract
from pipeline.endpoints import triton_protocol
from pipeline.endpoints.codec import Image, Request
from pipeline.endpoints.codecs.base import ContractCodec
from pipeline.endpoints.triton_protocol import Tensor

_DATATYPES = {DataType.FLOAT32: "FP32", DataType.FLOAT16: "FP16", DataType.UINT8: "UINT8"}


class TritonCodec(ContractCodec):
    name = "triton"

    def encode(self, image: Image, contract: ModelContract | None) -> Request:
        array, contract = self.tensor(image, contract)
        tensor = Tensor(contract.input.name, _DATATYPES[contract.input.dtype], array)
        body, header_size = triton_protocol.encode([tensor], [contract.output.name])
        return Request(body, triton_protocol.content_type(header_size), accept="*/*")
