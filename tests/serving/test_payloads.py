"""What bodies of each content type are answered, without a server around."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from urllib3.filepost import encode_multipart_formdata

from pipeline.contract import ModelContract
from pipeline.images.decode import Decoded, decode
from pipeline.serving import payloads
from pipeline.serving.model import ServedModel
from pipeline.serving.replies import RefusedError

fixed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

IMAGE_TYPES = ["image/jpeg", "image/png", "image/webp", "application/x-image"]


def ask(model: ServedModel, content_type: str, body: bytes) -> list[dict[str, Any]]:
    answer = payloads.reader(content_type)(model, content_type, memoryview(body))
    return [json.loads(line) for line in answer]


def encoded(*images: bytes) -> bytes:
    return json.dumps({"images": [base64.b64encode(image).decode() for image in images]}).encode()


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("content_type", [*IMAGE_TYPES, "Image/JPEG; quality=90"])
def test_an_image_is_answered_with_one_line(
    model: ServedModel, photo: Callable[..., bytes], contract: ModelContract, content_type: str
) -> None:
    (line,) = ask(model, content_type, photo(40, 30))
    top = line.pop("top")
    assert line == {"image": 0, "width": 40, "height": 30, "model": "tiny", "contract": contract.digest}
    assert [sorted(each) for each in top] == [["index", "label", "score"]]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_the_bytes_say_which_format_an_image_is_in(
    model: ServedModel, photo: Callable[..., bytes], format: str
) -> None:
    assert "top" in ask(model, "image/jpeg", photo(format=format))[0]


def test_an_image_an_entry_of_json_a_part_of_a_form_and_its_pixels_have_the_same_answer(
    model: ServedModel, photo: Callable[..., bytes], contract: ModelContract
) -> None:
    image = photo(seed=3)
    decoded = decode(image, contract)
    assert isinstance(decoded, Decoded)
    form, form_type = encode_multipart_formdata({"file": ("a.png", image)})
    single = json.dumps({"image": base64.b64encode(image).decode()}).encode()
    answers = [
        *ask(model, "image/png", image),
        *ask(model, "application/json", single),
        *ask(model, "application/json", encoded(image)),
        *ask(model, form_type, form),
        *ask(model, "application/x-npy", saved(decoded.pixels[np.newaxis])),
    ]
    assert [answer["top"] for answer in answers] == [answers[0]["top"]] * 5


@pytest.mark.parametrize("content_type", IMAGE_TYPES)
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(lambda image: b"", "empty"), (lambda image: b"hello", "not_an_image"), (lambda image: image[:-300], "truncated")],
    ids=["empty", "no image", "truncated"],
)
def test_one_bad_image_is_refused_with_its_reason(
    model: ServedModel,
    photo: Callable[..., bytes],
    content_type: str,
    spoil: Callable[[bytes], bytes],
    reason: str,
) -> None:
    with pytest.raises(RefusedError) as refused:
        ask(model, content_type, spoil(photo()))
    assert (refused.value.status, refused.value.reason) == (422, reason)


def test_a_bad_image_among_good_ones_costs_its_own_line(model: ServedModel, photo: Callable[..., bytes]) -> None:
    lines = ask(model, "application/json", encoded(photo(seed=1), b"hello", photo(seed=2)))
    assert [line["image"] for line in lines] == [0, 1, 2]
    assert ["top" in line for line in lines] == [True, False, True]
    assert (lines[1]["reason"], lines[1]["detail"][:15]) == ("not_an_image", "the bytes begin")


def test_what_is_no_base64_costs_its_own_line(model: ServedModel, photo: Callable[..., bytes]) -> None:
    good = base64.b64encode(photo()).decode()
    lines = ask(model, "application/json", json.dumps({"images": ["####", good, "é"]}).encode())
    assert [line.get("reason") for line in lines] == ["not_base64", None, "not_base64"]


def test_a_line_names_the_file_that_a_form_names(model: ServedModel, photo: Callable[..., bytes]) -> None:
    form, form_type = encode_multipart_formdata([("a", ("katze ☃.jpg", photo())), ("b", b"hello")])
    assert [line["name"] for line in ask(model, form_type, form)] == ["katze ☃.jpg", "b"]


def test_more_images_than_a_shard_holds_keep_their_order(
    model: ServedModel, photo: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [photo(seed=seed) for seed in range(11)]
    together = ask(model, "application/json", encoded(*images))
    monkeypatch.setattr("pipeline.serving.uploads.rows_per_shard", lambda contract: 4)
    assert ask(model, "application/json", encoded(*images)) == together
    assert len(together) == 11


def test_an_image_for_which_the_model_has_no_answer_costs_its_own_line(
    model: ServedModel, photo: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = model._predictor._runtime
    predict, bright = runtime.predict, np.full((8, 8, 3), 255, np.uint8)

    def answer_white_with_nan(images: Any) -> Any:
        answers = np.array(predict(images))
        answers[(images == bright).all(axis=(1, 2, 3))] = np.nan
        return answers

    monkeypatch.setattr(runtime, "predict", answer_white_with_nan)
    file = io.BytesIO()
    Image.fromarray(bright).save(file, "PNG")
    lines = ask(model, "application/json", encoded(photo(), file.getvalue(), photo()))
    assert [line.get("reason") for line in lines] == [None, "InvalidPrediction", None]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"image": 1}',
        b'{"images": "a"}',
        b'{"images": [1]}',
        b'{"images": []}',
        b'{"image": "", "images": []}',
        b'{"image": "", "size": 1}',
        b"[" * 100_000,
        b"\xff",
    ],
    ids=lambda body: body[:30].decode(errors="replace"),
)
def test_json_that_holds_no_images_is_refused(model: ServedModel, body: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        ask(model, "application/json", body)
    assert refused.value.status == 400


def test_a_request_of_too_many_images_is_refused(model: ServedModel) -> None:
    with pytest.raises(RefusedError, match="the request has 1001 images; expected 1 to 1000"):
        ask(model, "application/json", encoded(*[b""] * 1001))


def test_a_form_that_is_none_is_refused(model: ServedModel) -> None:
    with pytest.raises(RefusedError, match="the body is no form: the form ends early"):
        ask(model, "multipart/form-data; boundary=b", b"hello")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 8, 8, 3), np.float32), r"float32 \[2, 8, 8, 3\]; the model takes uint8 \[N, 8, 8, 3\]"),
        (np.zeros((8, 8, 3), np.uint8), r"uint8 \[8, 8, 3\]"),
        (np.zeros((2, 3, 8, 8), np.uint8), r"uint8 \[2, 3, 8, 8\]"),
        (np.zeros((0, 8, 8, 3), np.uint8), r"uint8 \[0, 8, 8, 3\]"),
        (np.zeros((2, 8, 8, 3), np.uint8, order="F"), "in Fortran order"),
        (np.zeros((1001, 8, 8, 3), np.uint8), "1001 images"),
    ],
    ids=["type", "no batch", "layout", "no images", "order", "too many"],
)
def test_an_array_that_the_model_does_not_take_is_refused(model: ServedModel, array: Any, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        ask(model, "application/x-npy", saved(array))


def test_a_truth_value_among_the_dimensions_is_the_number_that_it_is_to_python(model: ServedModel) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (True, 8, 8, 3)}".ljust(118)
    body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(8 * 8 * 3)
    assert len(ask(model, "application/x-npy", body)) == 1


def test_an_array_of_another_version_is_refused_by_its_version(model: ServedModel) -> None:
    with pytest.raises(RefusedError, match=r"version \(3, 0\)"):
        ask(model, "application/x-npy", b"\x93NUMPY\x03\x00" + saved(np.zeros((1, 8, 8, 3), np.uint8))[8:])


def test_an_array_of_objects_is_not_unpickled(model: ServedModel) -> None:
    file = io.BytesIO()
    np.save(file, np.array([{}]), allow_pickle=True)
    with pytest.raises(RefusedError, match="the array is object"):
        ask(model, "application/x-npy", file.getvalue())


@fixed
@given(
    fraction=st.floats(0, 1, exclude_max=True), changes=st.lists(st.tuples(st.integers(0, 127), st.integers(0, 255)))
)
def test_a_broken_array_is_refused(model: ServedModel, fraction: float, changes: list[tuple[int, int]]) -> None:
    data = bytearray(saved(np.zeros((2, 8, 8, 3), np.uint8)))
    for place, value in changes:
        data[place] = value
    with pytest.raises(RefusedError) as refused:
        ask(model, "application/x-npy", bytes(data[: int(len(data) * fraction)]))
    assert refused.value.status == 400


@pytest.mark.parametrize("content_type", ["", "text/plain", "image/gif", "application/jsonlines", ";"])
def test_a_content_type_that_nobody_reads_is_refused_with_those_that_are_read(content_type: str) -> None:
    with pytest.raises(RefusedError) as refused:
        payloads.reader(content_type)
    assert refused.value.status == 415
    for taken in [*IMAGE_TYPES, payloads.SHARD, "application/json", "multipart/form-data", "application/x-npy"]:
        assert taken in refused.value.detail
