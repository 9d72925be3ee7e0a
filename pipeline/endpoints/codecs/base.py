"""What codecs share: how an answer is read, and what the contract makes of a file."""

import numpy as np
import numpy.typing as npt

from pipeline.contract import ModelContract
from pipeline.endpoints import answers
from pipeline.endpoints.answers import Answer
from pipeline.endpoints.codec import Image
from pipeline.errors import RejectedImage, UnsuitableCodec
from pipeline.images.decode import Decoded, decode
from pipeline.inference.tensors import Tensor, TensorMaker

Pixels = npt.NDArray[np.uint8]


class BaseCodec:
    """A codec that sends the file, and reads any answer; the others change one of these."""

    name: str
    sends_file = True
    obeys_contract = False

    def decode(self, body: bytes, content_type: str, contract: ModelContract | None) -> Answer:
        return answers.read(body, content_type, contract)


class ContractCodec(BaseCodec):
    """A codec that sends what the contract makes of the file."""

    sends_file = False
    obeys_contract = True

    def pixels(self, image: Image, contract: ModelContract | None) -> tuple[Pixels, ModelContract]:
        """The pixels uint8 [1, H, W, C] that validation would pack, and the contract."""
        if contract is None:
            raise UnsuitableCodec(
                f"{image.name!a}: the codec {self.name} sends what the model's contract makes of an image: give the"
                " endpoint's model package (predict --model DIR)."
            )
        if contract.payload:
            raise UnsuitableCodec(
                f"{image.name!a}: the contract {contract.name} says that its container takes images as they are; the"
                f" codec {self.name} sends tensors. Choose the codec image."
            )
        return decoded(image, contract).pixels[np.newaxis], contract

    def tensor(self, image: Image, contract: ModelContract | None) -> tuple[Tensor, ModelContract]:
        """The model's input tensor for a batch of one, numbers applied, and the contract."""
        pixels, contract = self.pixels(image, contract)
        return np.ascontiguousarray(TensorMaker(contract, 1)(pixels)), contract


def decoded(image: Image, contract: ModelContract) -> Decoded:
    """What validation makes of a file. Raises RejectedImage with the reason that it would give."""
    found = decode(image.data, contract, image.limits)
    if isinstance(found, Decoded):
        return found
    raise RejectedImage(f"{image.name!a} is no image that can be predicted: {found.reason}: {found.detail}")
