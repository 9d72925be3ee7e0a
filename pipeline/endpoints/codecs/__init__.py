"""The codecs, one a module, by the names that people choose them by.

image         the file, as it is                                                  serve.py, SageMaker's classifiers
json          {"image": "<base64>"}                                               serve.py, many of one's own
multipart     a form with the file                                                serve.py, web frameworks
npy           the contract's pixels, uint8 [1, H, W, C], as .npy                  serve.py
npy-tensor    the contract's input tensor, with its numbers applied, as .npy      SageMaker's PyTorch containers
instances     the same as {"instances": [...]}                                    TensorFlow Serving
triton        the same in Triton's binary protocol                                Triton
triton-path   the place in S3, as a tensor of text                                a Triton ensemble that reads S3
"""

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.endpoints.codec import Codec
from pipeline.endpoints.codecs import file, form, instances, json_base64, npy, triton, triton_path

_ALL: tuple[Codec, ...] = (
    file.FileCodec(),
    json_base64.JsonCodec(),
    form.FormCodec(),
    npy.PixelsCodec(),
    npy.TensorCodec(),
    instances.InstancesCodec(),
    triton.TritonCodec(),
    triton_path.TritonPathCodec(),
)

CODECS: Mapping[str, Codec] = MappingProxyType({codec.name: codec for codec in _ALL})
