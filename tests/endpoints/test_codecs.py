"""What each codec sends, read back by others' parsers."""

import base64
import dataclasses
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from requests_toolbelt.multipart.decoder import MultipartDecoder

from pipeline.contract import Colour, DataType, Layout, ModelContract
from pipeline.endpoints import CODECS, Image
from pipeline.errors import RejectedImage, UnsuitableCodec
from pipeline.images.decode import Decoded, decode
from pipeline.limits import DEFAULT_LIMITS
from pipeline.serving import multipart

PATH = "s3://photos/single/caf\u00e9 1.jpg"


@pytest.fixture
def image(photo: Callable[..., bytes]) -> Image:
    return Image.of(photo(), "photo.jpg", PATH)


def pixels(image: Image, contract: ModelContract) -> Any:
    found = decode(image.data, contract)
    assert isinstance(found, Decoded)
    return found.pixels


def changed(contract: ModelContract, **members: Any) -> ModelContract:
    return dataclasses.replace(contract, input=dataclasses.replace(contract.input, **members))


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_is_found_by_its_own_name(name: str) -> None:
    assert CODECS[name].name == name


@pytest.mark.parametrize(
    ("format", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
)
def test_a_file_goes_as_it_is_under_the_type_that_its_bytes_have(
    photo: Callable[..., bytes], format: str, media_type: str
) -> None:
    data = photo(format=format)
    request = CODECS["image"].encode(Image.of(data, "misnamed.txt"), None)
    assert (request.body, request.content_type) == (data, media_type)


@pytest.mark.parametrize("data", [b"words", b"GIF89a..."])
def test_any_other_file_goes_under_the_type_that_stands_for_all_images(data: bytes) -> None:
    assert CODECS["image"].encode(Image.of(data, "a"), None).content_type == "application/x-image"


def test_json_holds_the_file_in_base64(image: Image) -> None:
    request = CODECS["json"].encode(image, None)
    assert base64.b64decode(json.loads(request.body)["image"]) == image.data
    assert request.content_type == "application/json"


@given(data=st.binary(max_size=200), name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
def test_a_form_reads_as_one_file_whatever_it_is_called(data: bytes, name: str) -> None:
    request = CODECS["multipart"].encode(Image(data, "image/jpeg", name), None)
    (theirs,) = MultipartDecoder(request.body, request.content_type).parts
    assert theirs.content == data
    (ours,) = multipart.parts(request.content_type, memoryview(request.body), 1)
    assert (ours.name, bytes(ours.content)) == ("image", data)
    assert ours.filename == name.replace('"', "%22")


def test_a_form_is_not_broken_by_what_looks_like_its_boundary() -> None:
    plain = CODECS["multipart"].encode(Image(b"", "", "a"), None)
    boundary = plain.content_type.partition("boundary=")[2]
    data = f"\r\n--{boundary}--\r\n".encode()
    request = CODECS["multipart"].encode(Image(data, "", "a"), None)
    (part,) = MultipartDecoder(request.body, request.content_type).parts
    assert part.content == data


def test_a_name_with_line_ends_adds_no_header() -> None:
    request = CODECS["multipart"].encode(Image(b"", "image/png", 'a"\r\nX-Evil: 1'), None)
    (part,) = MultipartDecoder(request.body, request.content_type).parts
    assert set(part.headers) == {b"Content-Disposition", b"Content-Type"}


def test_npy_holds_the_pixels_that_validation_would_pack(image: Image, contract: ModelContract) -> None:
    request = CODECS["npy"].encode(image, contract)
    array = np.load(io.BytesIO(request.body))
    assert (array.dtype, array.shape, request.content_type) == (np.uint8, (1, 8, 8, 3), "application/x-npy")
    assert (array[0] == pixels(image, contract)).all()


@pytest.mark.parametrize("colour", [Colour.RGB, Colour.BGR])
@pytest.mark.parametrize("layout", Layout)
def test_npy_tensor_holds_the_models_input(
    image: Image, contract: ModelContract, colour: Colour, layout: Layout
) -> None:
    contract = changed(contract, colour=colour, layout=layout)
    array = np.load(io.BytesIO(CODECS["npy-tensor"].encode(image, contract).body))
    expected = pixels(image, contract)[..., :: -1 if colour is Colour.BGR else 1] / np.float32(255)
    channels_last = array.transpose(0, 2, 3, 1) if layout is Layout.NCHW else array
    assert array.dtype == np.float32
    np.testing.assert_allclose(channels_last[0], expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", DataType)
def test_instances_read_back_as_the_very_tensor(image: Image, contract: ModelContract, dtype: DataType) -> None:
    numbers = None if dtype is DataType.UINT8 else contract.numbers
    contract = dataclasses.replace(changed(contract, dtype=dtype), numbers=numbers)
    document = json.loads(CODECS["instances"].encode(image, contract).body)
    tensor = np.load(io.BytesIO(CODECS["npy-tensor"].encode(image, contract).body))
    assert tensor.dtype == str(dtype)
    assert (np.array(document["instances"], str(dtype)) == tensor).all()


@pytest.mark.parametrize(("dtype", "datatype"), [("float32", "FP32"), ("float16", "FP16"), ("uint8", "UINT8")])
def test_triton_is_sent_what_tritonclient_sends(
    image: Image, contract: ModelContract, dtype: str, datatype: str
) -> None:
    numbers = None if dtype == "uint8" else contract.numbers
    contract = dataclasses.replace(changed(contract, dtype=DataType(dtype)), numbers=numbers)
    tensor = np.load(io.BytesIO(CODECS["npy-tensor"].encode(image, contract).body))
    given = triton.InferInput("input", [1, 3, 8, 8], datatype)
    given.set_data_from_numpy(tensor)
    body, size = triton.InferenceServerClient.generate_request_body(
        [given], outputs=[triton.InferRequestedOutput("logits")]
    )
    request = CODECS["triton"].encode(image, contract)
    assert request.body == body
    assert request.content_type == f"application/vnd.sagemaker-triton.binary+json;json-header-size={size}"


def test_an_ensemble_is_sent_the_place_in_s3_as_tritonclient_sends_it(image: Image) -> None:
    given = triton.InferInput("ensemble_image_path", [1], "BYTES")
    given.set_data_from_numpy(np.array([PATH], object))
    body, size = triton.InferenceServerClient.generate_request_body(
        [given], outputs=[triton.InferRequestedOutput("ensemble_output")]
    )
    request = CODECS["triton-path"].encode(image, None)
    assert request.body == body
    assert request.content_type == f"application/vnd.sagemaker-triton.binary+json;json-header-size={size}"


def test_an_image_that_does_not_lie_in_s3_has_no_place_to_send() -> None:
    with pytest.raises(UnsuitableCodec, match=r"'a\.jpg'.*triton-path.*S3"):
        CODECS["triton-path"].encode(Image(b"", "", "a.jpg"), None)


@pytest.mark.parametrize("name", [name for name, codec in CODECS.items() if codec.obeys_contract])
def test_what_is_made_by_a_contract_needs_one(image: Image, name: str) -> None:
    with pytest.raises(UnsuitableCodec, match=rf"'photo\.jpg'.*{name}.*--model"):
        CODECS[name].encode(image, None)


@pytest.mark.parametrize("name", [name for name, codec in CODECS.items() if codec.obeys_contract])
def test_what_a_batch_would_reject_is_rejected_for_the_same_reason(contract: ModelContract, name: str) -> None:
    with pytest.raises(RejectedImage, match=r"'notes\.txt'.*not_an_image"):
        CODECS[name].encode(Image.of(b"words", "notes.txt"), contract)


def test_the_limits_of_an_image_decide_what_is_decoded(contract: ModelContract, photo: Callable[..., bytes]) -> None:
    limits = DEFAULT_LIMITS.changed({"max_pixels": 100})
    with pytest.raises(RejectedImage, match="too_many_pixels"):
        CODECS["npy"].encode(Image.of(photo(20, 20), "a.jpg", limits=limits), contract)


def test_a_grey_models_tensor_has_one_channel(contract: ModelContract) -> None:
    file = io.BytesIO()
    Pillow.new("RGB", (9, 9), (10, 20, 30)).save(file, "PNG")
    contract = dataclasses.replace(
        changed(contract, colour=Colour.GREY, channels=1),
        numbers=dataclasses.replace(contract.numbers, mean=(0,), std=(1,)),
    )
    array = np.load(io.BytesIO(CODECS["npy-tensor"].encode(Image.of(file.getvalue(), "a"), contract).body))
    assert array.shape == (1, 1, 8, 8)


def test_a_container_that_is_not_ours_is_sent_what_its_contract_declares(image: Image, foreign: ModelContract) -> None:
    request = CODECS["image"].encode(image, foreign)
    assert (request.body, request.content_type, request.accept) == (image.data, "image/*", "application/json")


@pytest.mark.parametrize("name", [name for name, codec in CODECS.items() if codec.obeys_contract])
def test_a_container_that_prepares_images_itself_is_sent_no_tensor(
    image: Image, foreign: ModelContract, name: str
) -> None:
    with pytest.raises(UnsuitableCodec, match=r"theirs.*Choose the codec image"):
        CODECS[name].encode(image, foreign)
