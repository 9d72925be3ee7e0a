"""A package in the results bucket whose files cannot fit one another is refused, before much of its model is read."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest

from pipeline.contract import ModelContract, Task
from pipeline.contract.store import read_package
from pipeline.errors import ContractMismatch, InvalidModelPackage

BUCKET = "example-results"
Store = Callable[..., None]


@pytest.fixture
def store(s3: Any, contract: ModelContract, classifier: Callable[..., bytes]) -> Store:
    """Puts a package, `tiny`, into the results bucket."""

    def put(model: bytes | None = None, labels: bytes = b"cat\ndog\n", contract: ModelContract = contract) -> None:
        files = {
            "contract.json": json.dumps(contract.to_json()).encode(),
            "labels.txt": labels,
            "model.onnx": classifier() if model is None else model,
        }
        for name, body in files.items():
            s3.put_object(Bucket=BUCKET, Key=f"models/tiny/{name}", Body=body)

    return put


def test_a_package_whose_files_fit_gives_its_contract(s3: Any, store: Store, contract: ModelContract) -> None:
    store()
    assert read_package(s3, BUCKET, "tiny").contract == contract


def test_of_a_large_model_little_is_read(s3: Any, store: Store, classifier: Callable[..., bytes]) -> None:
    model = onnx.load(io.BytesIO(classifier()))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(3 << 20, np.float32), "large"))
    store(model.SerializeToString())
    received = []
    s3.meta.events.register("after-call.s3.GetObject", lambda parsed, **_: received.append(parsed))
    read_package(s3, BUCKET, "tiny")
    of_the_model = [each["ContentLength"] for each in received if "ContentRange" in each]
    assert of_the_model
    assert sum(of_the_model) < 200_000  # of 12 MB


def test_a_small_model_takes_one_request(s3: Any, store: Store, classifier: Callable[..., bytes]) -> None:
    model = onnx.load(io.BytesIO(classifier()))
    # Large enough to be read in pieces, which would be several.
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(1 << 20, np.float32), "large"))
    store(model.SerializeToString())
    asked = []
    s3.meta.events.register("provide-client-params.s3.GetObject", lambda params, **_: asked.append(params["Key"]))
    read_package(s3, BUCKET, "tiny")
    assert asked.count("models/tiny/model.onnx") == 1


def test_a_contract_without_labels_fits_any_number_of_classes(
    s3: Any, store: Store, contract: ModelContract, classifier: Callable[..., bytes]
) -> None:
    store(classifier(classes=77), contract=replace(contract, output=replace(contract.output, labels=None)))
    assert read_package(s3, BUCKET, "tiny").contract.output.labels is None


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ({"input": "image"}, r"model\.onnx takes 'image'; .* Set input\.name to 'image'"),
        ({"dtype": "float16"}, r"Set input\.dtype to float16"),
        ({"shape": ("batch", 8, 8, 3)}, r"Set input\.layout to NHWC"),
        ({"shape": (1, 3, 16, 16)}, r"Set input\.height and input\.width to 16 and 16"),
        ({"output": "scores"}, r"answers 'scores'; the contract says 'logits'\. Set output\.name"),
        ({"classes": 3}, r"labels\.txt has 2 labels; the model answers 3 classes"),
    ],
    ids=["name", "dtype", "layout", "size", "output", "classes"],
)
def test_a_model_that_cannot_be_the_contracts_is_refused(
    s3: Any, store: Store, classifier: Callable[..., bytes], model: dict[str, Any], sentence: str
) -> None:
    store(classifier(**model))
    with pytest.raises(ContractMismatch, match=f"^s3://example-results/models/tiny/: .*{sentence}"):
        read_package(s3, BUCKET, "tiny")


def test_a_model_of_any_batch_size_fits(s3: Any, store: Store, classifier: Callable[..., bytes]) -> None:
    store(classifier(shape=(16, 3, 8, 8)))
    read_package(s3, BUCKET, "tiny")


def test_a_vector_needs_no_classes(s3: Any, store: Store, contract: ModelContract) -> None:
    output = replace(contract.output, labels=None)
    store(contract=replace(contract, task=Task.EMBEDDING, output=output))
    read_package(s3, BUCKET, "tiny")


@pytest.mark.parametrize(
    ("model", "words"),
    [(b"", "is empty"), (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer")],
    ids=["empty", "pointer"],
)
def test_a_file_that_is_no_model_is_refused_by_its_address(s3: Any, store: Store, model: bytes, words: str) -> None:
    store(model)
    with pytest.raises(InvalidModelPackage, match=rf"^s3://example-results/models/tiny/model\.onnx {words}"):
        read_package(s3, BUCKET, "tiny")


def test_labels_that_are_no_text_are_refused_by_their_address(s3: Any, store: Store) -> None:
    store(labels=b"\xff\xfe")
    with pytest.raises(InvalidModelPackage, match=r"^s3://example-results/models/tiny/labels\.txt is not UTF-8"):
        read_package(s3, BUCKET, "tiny")


def test_weights_that_were_left_behind_are_missed(s3: Any, store: Store, classifier: Callable[..., bytes]) -> None:
    model = onnx.load(io.BytesIO(classifier()))
    onnx.external_data_helper.convert_model_to_external_data(model, location="model.onnx_data", size_threshold=0)
    for weight in model.graph.initializer:
        weight.ClearField("raw_data")
    store(model.SerializeToString())
    with pytest.raises(InvalidModelPackage, match=r"models/tiny/ has no 'model\.onnx_data', which holds weights"):
        read_package(s3, BUCKET, "tiny")
    s3.put_object(Bucket=BUCKET, Key="models/tiny/model.onnx_data", Body=b"weights")
    read_package(s3, BUCKET, "tiny")


def torch_archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m/data/0", bytes(1 << 20))
        for name in names:
            archive.writestr(f"m/{name}", b"x")
    return file.getvalue()


def test_torchscript_says_nothing_of_itself_and_is_left_to_the_job(
    s3: Any, store: Store, contract: ModelContract
) -> None:
    store()
    s3.delete_object(Bucket=BUCKET, Key="models/tiny/model.onnx")
    s3.put_object(Bucket=BUCKET, Key="models/tiny/model.pt", Body=torch_archive("data.pkl", "code/m.py"))
    stored = read_package(s3, BUCKET, "tiny")
    assert (stored.contract, stored.signature) == (contract, None)


def test_weights_without_a_model_are_refused_by_the_names_in_their_archive(s3: Any, store: Store) -> None:
    store()
    s3.delete_object(Bucket=BUCKET, Key="models/tiny/model.onnx")
    s3.put_object(Bucket=BUCKET, Key="models/tiny/model.pt", Body=torch_archive("data.pkl"))
    with pytest.raises(InvalidModelPackage, match=r"models/tiny/model\.pt was written by torch\.save: weights"):
        read_package(s3, BUCKET, "tiny")


def test_two_models_in_a_package_are_refused(s3: Any, store: Store) -> None:
    store()
    s3.put_object(Bucket=BUCKET, Key="models/tiny/model.pt2", Body=b"")
    with pytest.raises(InvalidModelPackage, match=r"has model\.onnx and model\.pt2; a package has one model"):
        read_package(s3, BUCKET, "tiny")


def put_foreign(s3: Any, contract: ModelContract, **files: bytes) -> None:
    for name, body in {"contract.json": json.dumps(contract.to_json()).encode(), **files}.items():
        s3.put_object(Bucket=BUCKET, Key=f"models/foreign/{name}", Body=body)


def test_a_package_for_a_container_that_is_not_ours_needs_no_model(s3: Any, foreign_contract: ModelContract) -> None:
    put_foreign(s3, foreign_contract, **{"labels.txt": b"cat\ndog\n"})
    package = read_package(s3, BUCKET, "foreign")
    assert (package.contract, package.signature) == (foreign_contract, None)


def test_that_the_signature_of_such_a_package_was_not_checked_is_logged(
    s3: Any, foreign_contract: ModelContract, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pipeline")
    put_foreign(s3, foreign_contract, **{"labels.txt": b"cat\ndog\n"})
    read_package(s3, BUCKET, "foreign")
    assert "models/foreign/ is for a container that is not ours: its signature is not known" in caplog.text


@pytest.mark.parametrize(("files", "why"), [({}, "has no labels.txt"), ({"labels.txt": b"a\n\n"}, "line 2 is empty")])
def test_labels_for_a_container_that_is_not_ours_have_to_be_there_and_to_read(
    s3: Any, foreign_contract: ModelContract, files: dict[str, bytes], why: str
) -> None:
    put_foreign(s3, foreign_contract, **files)
    with pytest.raises(InvalidModelPackage, match=why):
        read_package(s3, BUCKET, "foreign")
