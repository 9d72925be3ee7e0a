"""One image, sent to one endpoint: the request is measured, sent, and its answer read and ranked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.contract import ModelContract, Task
from pipeline.endpoints.answers import Answer
from pipeline.endpoints.codec import Codec, Image, Request, Response
from pipeline.endpoints.endpoint import Endpoint
from pipeline.endpoints.reducing import Reduced, reduced
from pipeline.errors import ContractMismatch, ImageBatchError, ImageTooLarge, UnexpectedAnswer
from pipeline.inference.predictions import Box, Ranked

DEFAULT_TOP_K = 5
"""Where no contract says how many."""
_EXCERPT = 60


@dataclass(frozen=True, slots=True)
class Prediction:
    """What an endpoint says about one image.

    `top` are its labels, the best first, with `boxes` where each has one, in pixels of the image as it was given. An
    embedding is `values`, with both of these empty. `resized` says whether the image was too large, and was sent as the
    contract allows it to be resized.
    """

    image: str
    endpoint: str
    top: tuple[Ranked, ...] = ()
    boxes: tuple[Box, ...] | None = None
    values: tuple[float, ...] = ()
    resized: bool = False


def predict(
    endpoint: Endpoint,
    codec: Codec,
    image: Image,
    contract: ModelContract | None = None,
    labels: Sequence[str] = (),
    top_k: int | None = None,
    *,
    fit: bool = False,
) -> Prediction:
    """What the endpoint says about an image.

    `contract` and `labels` are the endpoint's model's; a server that ranks by itself needs neither. With `fit`, an
    image that is too large for the endpoint is resized as the contract allows; without, it is refused.

    Raises what pipeline/errors.py has: ImageTooLarge, RejectedImage and UnsuitableCodec before anything is sent,
    EndpointError, ImageTooLarge and ContractMismatch afterwards. Every message names the image, and those that come
    from the endpoint name it too.
    """
    request, smaller = _request(endpoint, codec, image, contract, fit)
    try:
        response = endpoint.invoke(request)
    except ImageBatchError as error:
        raise type(error)(f"{image.name!a}: {error}") from error
    try:
        answer = codec.decode(response.body, response.content_type, contract)
        _check_contract(answer, contract, codec.obeys_contract or smaller is not None)
        prediction = _prediction(answer, contract, labels, top_k or _default_top_k(contract))
    except UnexpectedAnswer as error:
        raise UnexpectedAnswer(
            f"{image.name!a}: what {endpoint.name} answers is no prediction: {error}. It is {_shown(response)}."
        ) from error
    except ImageBatchError as error:
        raise type(error)(f"{image.name!a}: {endpoint.name} answers: {error}") from error
    if smaller and prediction.boxes:
        prediction = replace(prediction, boxes=tuple(map(smaller.on_original, prediction.boxes)))
    return replace(prediction, image=image.name, endpoint=endpoint.name, resized=smaller is not None)


def _request(
    endpoint: Endpoint, codec: Codec, image: Image, contract: ModelContract | None, fit: bool
) -> tuple[Request, Reduced | None]:
    """The request, no larger than the endpoint takes, and the smaller image where it took one."""
    request = codec.encode(image, contract)
    if len(request.body) <= endpoint.limit:
        return request, None
    too_large = (
        f"{image.name!a} is {len(request.body):,} bytes as {request.content_type.partition(';')[0]}; {endpoint.name}"
        f" takes {endpoint.limit:,}. Nothing was sent"
    )
    if not codec.sends_file:
        raise ImageTooLarge(f"{too_large}. The contract's input is too large for an endpoint: run a batch instead.")
    if contract is None:
        raise ImageTooLarge(
            f"{too_large}. The contract in the model's package says how to make it smaller (predict --model DIR --fit)."
        )
    if contract.payload:
        raise ImageTooLarge(
            f"{too_large}. The contract {contract.name} leaves it to the container what becomes of an image, so nobody"
            " here knows how small it may be: make it smaller yourself."
        )
    if not fit:
        size = f"{contract.input.width} x {contract.input.height}"
        raise ImageTooLarge(
            f"{too_large}. The model reads {size} pixels: ask for the image to be resized (predict --fit,"
            " FIT_LARGE_IMAGES), or make it smaller."
        )
    smaller = reduced(image, contract)
    request = codec.encode(smaller.image, contract)
    if len(request.body) > endpoint.limit:
        raise ImageTooLarge(f"{too_large}. Resized for the contract, it still is {len(request.body):,} bytes.")
    return request, smaller


def _prediction(answer: Answer, contract: ModelContract | None, labels: Sequence[str], k: int) -> Prediction:
    task = contract.task if contract else None
    if answer.values:
        return Prediction("", "", values=answer.values)
    if answer.scores is not None and task is Task.EMBEDDING:
        return Prediction("", "", values=tuple(answer.scores.tolist()))
    if answer.scores is not None and task is Task.DETECTION:
        raise UnexpectedAnswer("it is numbers, of which no boxes are made here; expected boxes, as serve.py answers")
    return Prediction("", "", top=answer.top(contract, labels, k), boxes=answer.boxes)


def _check_contract(answer: Answer, contract: ModelContract | None, has_shaped_request: bool) -> None:
    if has_shaped_request and contract and answer.contract not in ("", contract.digest):
        raise ContractMismatch(
            f"its contract is {answer.contract}, and the image was prepared for {contract.digest} ({contract.name})."
            " Give the package that the endpoint serves."
        )


def _default_top_k(contract: ModelContract | None) -> int:
    return contract.output.top_k if contract and contract.task.is_ranked else DEFAULT_TOP_K


def _shown(response: Response) -> str:
    start = ascii(bytes(response.body[:_EXCERPT]))[1:]
    return f"{len(response.body):,} bytes of {response.content_type or 'no content type'!a:.120}, beginning {start}"
