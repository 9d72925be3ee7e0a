"""Codecs against servers that really answer: ours, and one that speaks Triton's protocol through NVIDIA's client."""

import io
import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton

from pipeline.contract import ModelContract
from pipeline.endpoints import CODECS, HttpEndpoint, Image, predict
from pipeline.errors import EndpointRefused
from pipeline.inference.tensors import TensorMaker

LABELS = tuple(f"label {index}" for index in range(5))


@pytest.fixture
def image(photo: Callable[..., bytes]) -> Image:
    return Image.of(photo(format="PNG"), "photo.png", "s3://photos/photo.png")


@pytest.mark.parametrize("codec", ["json", "multipart", "npy"])
def test_our_server_says_the_same_however_it_is_asked(
    served: HttpEndpoint, image: Image, contract: ModelContract, codec: str
) -> None:
    expected = predict(served, CODECS["image"], image, contract).top
    assert len(expected) == 3
    assert predict(served, CODECS[codec], image, contract).top == expected


@pytest.mark.parametrize("codec", ["image", "json", "multipart"])
def test_our_server_says_what_is_wrong_with_an_image(served: HttpEndpoint, codec: str, photo: Any) -> None:
    broken = Image.of(photo()[:-200], "broken.jpg")
    with pytest.raises(EndpointRefused, match=r"'broken\.jpg'.*truncated"):
        predict(served, CODECS[codec], broken)


@pytest.mark.parametrize("codec", ["npy-tensor", "instances", "triton"])
def test_our_server_refuses_what_it_does_not_take(
    served: HttpEndpoint, image: Image, contract: ModelContract, codec: str
) -> None:
    with pytest.raises(EndpointRefused, match=r"photo\.png.* answered 4(00|15)"):
        predict(served, CODECS[codec], image, contract)


@pytest.mark.parametrize("codec", ["image", "json", "multipart"])
def test_an_image_that_was_resized_is_still_what_it_was(
    served: HttpEndpoint, contract: ModelContract, photo: Callable[..., bytes], codec: str
) -> None:
    large = Image.of(photo(300, 200, format="PNG"), "large.png")
    expected = predict(served, CODECS[codec], large, contract)
    served.limit = 10_000
    found = predict(served, CODECS[codec], large, contract, fit=True)
    assert (found.resized, expected.resized) == (True, False)
    # Squashed to the model's size by the same filter, it is the very pixels.
    assert found.top == expected.top


def scores_of(tensor: Any) -> Any:
    """A model that is easy to follow: the channels' means, and two constants."""
    return np.concatenate([tensor.mean(axis=(2, 3)), [[0.25, -1.0]]], axis=1).astype(np.float32)


@pytest.fixture
def triton_server(listen: Callable[..., str]) -> HttpEndpoint:
    """Reads requests and writes answers with tritonclient's own classes, calling inputs outputs and the other way."""

    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        length = re.fullmatch(
            r"application/vnd\.sagemaker-triton\.binary\+json;json-header-size=(\d+)", handler.headers["Content-Type"]
        )
        assert length
        asked = json.loads(body[: int(length[1])])
        asked["outputs"], wanted = asked["inputs"], asked["outputs"]
        head = json.dumps(asked).encode()
        read = triton.InferResult.from_response_body(head + body[int(length[1]) :], header_length=len(head))
        name = asked["inputs"][0]["name"]
        array = read.as_numpy(name)
        if name == "ensemble_image_path":
            array = np.full((1, 3, 8, 8), len(array.item().decode()), np.float32)
        answer = triton.InferInput(wanted[0]["name"], [1, 5], "FP32")
        answer.set_data_from_numpy(scores_of(array))
        made, size = triton.InferenceServerClient.generate_request_body([answer])
        outputs = json.dumps({"model_name": "m", "outputs": json.loads(made[:size])["inputs"]}).encode()
        handler.send_response(200)
        content_type = f"application/vnd.sagemaker-triton.binary+json;json-header-size={len(outputs)}"
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(outputs) + len(made) - size))
        handler.end_headers()
        handler.wfile.write(outputs + bytes(made[size:]))

    return HttpEndpoint(listen(handle))


def softmax(scores: Any) -> Any:
    return np.exp(scores) / np.exp(scores).sum()


def test_triton_gets_the_tensor_and_its_output_is_ranked(
    triton_server: HttpEndpoint, image: Image, contract: ModelContract
) -> None:
    found = predict(triton_server, CODECS["triton"], image, contract, LABELS, 5)
    pixels = np.load(io.BytesIO(CODECS["npy"].encode(image, contract).body))
    expected = softmax(scores_of(TensorMaker(contract, 1)(pixels))[0])
    assert [each.index for each in found.top] == np.argsort(-expected).tolist()
    assert [each.score for each in found.top] == pytest.approx(sorted(expected, reverse=True), rel=1e-5)


def test_an_ensemble_gets_the_place_in_s3(triton_server: HttpEndpoint, image: Image) -> None:
    found = predict(triton_server, CODECS["triton-path"], image, labels=LABELS)
    assert found.top[0].score == len("s3://photos/photo.png")


def test_an_error_of_triton_is_told_in_its_words(
    listen: Callable[..., str], reply: Callable[..., Any], image: Image, contract: ModelContract
) -> None:
    said = b"{\"error\": \"unexpected inference input 'x' for model 'm'\"}"
    endpoint = HttpEndpoint(listen(reply(400, said, Content_Type="application/json")))
    with pytest.raises(EndpointRefused, match=r"answered 400: unexpected inference input .*'x"):
        predict(endpoint, CODECS["triton"], image, contract, LABELS)
