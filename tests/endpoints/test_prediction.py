"""One image and one endpoint: what is sent, what is said of it, and who is named when it goes wrong."""

import dataclasses
import io
from collections.abc import Callable

import pytest
from PIL import Image as Pillow

from pipeline import errors
from pipeline.contract import ModelContract, Task
from pipeline.endpoints import CODECS, Image, predict
from pipeline.errors import (
    ContractMismatch,
    EndpointRefused,
    ImageBatchError,
    ImageTooLarge,
    UnexpectedAnswer,
)
from pipeline.inference.predictions import Ranked

Answering = Callable[..., "object"]
LABELS = ("cat", "dog", "bird", "eel", "fox", "gnu")
RANKED = b'{"top": [{"label": "dog", "index": 1, "score": 0.5}]}'
FILE = CODECS["image"]


@pytest.fixture
def image(photo: Callable[..., bytes]) -> Image:
    return Image.of(photo(400, 300), "caf\u00e9\n.jpg")


def test_scores_become_labels(answering: Answering, image: Image, contract: ModelContract) -> None:
    found = predict(answering(b"[1, 3, 2, 0, 0, 0]"), FILE, image, contract, LABELS)
    assert [each.label for each in found.top] == ["dog", "bird", "cat"]
    assert (found.image, found.endpoint, found.resized) == (image.name, "photos", False)


def test_without_a_contract_five_labels_are_told(answering: Answering, image: Image) -> None:
    assert len(predict(answering(b"[1, 3, 2, 0, 0, 0]"), FILE, image).top) == 5


def test_as_many_labels_are_told_as_are_asked_for(answering: Answering, image: Image, contract: ModelContract) -> None:
    assert len(predict(answering(b"[1, 3, 2, 0, 0, 0]"), FILE, image, contract, LABELS, 1).top) == 1


def test_scores_of_an_embedding_are_its_values(answering: Answering, image: Image, contract: ModelContract) -> None:
    found = predict(answering(b"[0.5, 1]"), FILE, image, dataclasses.replace(contract, task=Task.EMBEDDING))
    assert (found.values, found.top) == ((0.5, 1.0), ())


def test_numbers_of_a_detector_are_not_taken_for_labels(
    answering: Answering, image: Image, contract: ModelContract
) -> None:
    with pytest.raises(UnexpectedAnswer, match="boxes"):
        predict(answering(b"[0.5, 1]"), FILE, image, dataclasses.replace(contract, task=Task.DETECTION))


@pytest.mark.parametrize("codec", ["image", "json", "multipart"])
def test_an_image_over_the_limit_is_not_sent(
    answering: Answering, image: Image, contract: ModelContract, codec: str
) -> None:
    endpoint = answering(RANKED, limit=10_000)
    size = len(CODECS[codec].encode(image, None).body)
    with pytest.raises(ImageTooLarge) as refused:
        predict(endpoint, CODECS[codec], image, contract, LABELS)
    assert endpoint.asked == []
    for told in (r"'caf\xe9\n.jpg'", f"{size:,} bytes", "photos takes 10,000", "Nothing was sent", "--fit", "8 x 8"):
        assert told in str(refused.value)


def test_without_a_contract_it_says_what_is_missing(answering: Answering, image: Image) -> None:
    with pytest.raises(ImageTooLarge, match="package"):
        predict(answering(RANKED, limit=10_000), FILE, image, fit=True)


@pytest.mark.parametrize("codec", ["image", "json", "multipart"])
def test_it_is_resized_where_that_is_asked_for(
    answering: Answering, image: Image, contract: ModelContract, codec: str
) -> None:
    endpoint = answering(RANKED, limit=10_000)
    found = predict(endpoint, CODECS[codec], image, contract, LABELS, fit=True)
    assert found.resized
    assert [len(request.body) < 10_000 for request in endpoint.asked] == [True]


def test_boxes_are_told_in_pixels_of_the_image_that_was_given(
    answering: Answering, image: Image, contract: ModelContract
) -> None:
    boxes = b'{"boxes": [{"label": "dog", "index": 1, "score": 0.5, "box": [0, 2, 4, 8]}]}'
    contract = dataclasses.replace(contract, task=Task.DETECTION)
    found = predict(answering(boxes, limit=10_000), FILE, image, contract, LABELS, fit=True)
    # The image of 400 x 300 was squashed to 8 x 8.
    assert found.boxes == ((0, 75, 200, 300),)


def test_what_fits_is_sent_as_it_is(answering: Answering, image: Image, contract: ModelContract) -> None:
    endpoint = answering(RANKED, limit=len(image.data))
    assert not predict(endpoint, FILE, image, contract, LABELS, fit=True).resized
    assert endpoint.asked[0].body == image.data


def test_a_file_of_40_mb_fits_an_endpoint_of_sagemakers(answering: Answering, contract: ModelContract) -> None:
    file = io.BytesIO()
    Pillow.effect_noise((3652, 3652), 60).convert("RGB").save(file, "BMP")
    assert file.tell() > 40_000_000
    endpoint = answering(RANKED, limit=6_291_456)
    assert predict(endpoint, FILE, Image.of(file.getvalue(), "a.bmp"), contract, LABELS, fit=True).resized
    assert len(endpoint.asked[0].body) < 6_291_456


def test_what_stays_too_large_is_not_sent(answering: Answering, image: Image, contract: ModelContract) -> None:
    endpoint = answering(RANKED, limit=50)
    with pytest.raises(ImageTooLarge, match="Resized for the contract, it still is"):
        predict(endpoint, FILE, image, contract, LABELS, fit=True)
    assert endpoint.asked == []


def test_a_tensor_over_the_limit_is_the_contracts(answering: Answering, image: Image, contract: ModelContract) -> None:
    with pytest.raises(ImageTooLarge, match="The contract's input is too large"):
        predict(answering(RANKED, limit=50), CODECS["npy"], image, contract, LABELS, fit=True)


@pytest.mark.parametrize("name", ["EndpointNotFound", "EndpointFailed", "EndpointTimeout", "EndpointUnavailable"])
def test_an_error_of_the_endpoint_keeps_its_name_and_names_the_image(
    answering: Answering, image: Image, name: str
) -> None:
    error: ImageBatchError = getattr(errors, name)("photos answered 500")
    with pytest.raises(type(error)) as raised:
        predict(answering(error), FILE, image)
    assert str(raised.value) == r"'caf\xe9\n.jpg': photos answered 500"
    assert raised.value.worth_a_retry == error.worth_a_retry


def test_an_answer_that_is_none_is_told_with_its_type_and_first_bytes(answering: Answering, image: Image) -> None:
    page = b"<!DOCTYPE html><html><body>\xf0\x9f\x90\xb1 Service is busy" + b" " * 1000
    with pytest.raises(UnexpectedAnswer) as refused:
        predict(answering(page, "text/html"), FILE, image)
    for told in (r"'caf\xe9\n.jpg'", "photos", "1,047 bytes", "'text/html'", r"'<!DOCTYPE html><html><body>\xf0\x9f"):
        assert told in str(refused.value)
    assert len(str(refused.value)) < 500


def test_what_the_endpoint_says_against_the_image_is_told(answering: Answering, image: Image) -> None:
    body = b'{"image": 0, "reason": "truncated", "detail": "it ends early"}'
    with pytest.raises(EndpointRefused, match="photos answers: truncated: it ends early"):
        predict(answering(body), CODECS["multipart"], image)


def line(digest: str) -> bytes:
    return b'{"contract": "%b", "top": [{"label": "dog", "index": 1, "score": 0.5}]}' % digest.encode()


def test_pixels_made_for_another_contract_are_no_prediction(
    answering: Answering, image: Image, contract: ModelContract
) -> None:
    with pytest.raises(ContractMismatch, match=rf"'caf.*photos.*0000.*{contract.digest}"):
        predict(answering(line("0000")), CODECS["npy"], image, contract, LABELS)


def test_a_file_that_the_server_prepares_needs_no_contract_of_ours(
    answering: Answering, image: Image, contract: ModelContract
) -> None:
    assert predict(answering(line("0000")), FILE, image, contract, LABELS).top == (Ranked("dog", 1, 0.5),)


def test_an_image_is_not_resized_where_the_contract_leaves_that_to_the_container(
    answering: Answering, image: Image, foreign: ModelContract
) -> None:
    endpoint = answering(RANKED, limit=10_000)
    with pytest.raises(ImageTooLarge, match="theirs leaves it to the container"):
        predict(endpoint, FILE, image, foreign, LABELS, fit=True)
    assert endpoint.asked == []
