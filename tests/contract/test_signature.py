"""A model's own signature against the contract: one sentence for each thing that does not fit, and the field to set."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.contract import Colour, DataType, Detection, Layout, ModelContract, Task
from pipeline.contract.signature import Signature, TensorType, array_row_bytes, check_signature, mismatches
from pipeline.errors import ContractMismatch
from pipeline.inference.schemes import BoxUnit, YoloX

IMAGES = TensorType("input", "float32", ("batch", 3, 8, 8))
CLASSES = TensorType("logits", "float32", ("batch", 4))


def signature(output: TensorType = CLASSES, **changes: Any) -> Signature:
    return Signature((replace(IMAGES, **changes),), (output,))


def declaring(contract: ModelContract, **changes: Any) -> ModelContract:
    return replace(contract, input=replace(contract.input, **changes))


def test_a_model_that_is_what_the_contract_says_fits(contract: ModelContract) -> None:
    assert list(mismatches(signature(), contract, labels=4)) == []


@pytest.mark.parametrize(
    "shape",
    [("n", "c", "h", "w"), (None, None, None, None), (1, 3, 8, 8), (16, 3, "h", None), None],
    ids=str,
)
def test_what_a_model_leaves_open_or_fixes_as_declared_fits(contract: ModelContract, shape: Any) -> None:
    assert list(mismatches(signature(shape=shape), contract, labels=None)) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "image"}, "takes 'image'; the contract says one input, 'input'. Set input.name to 'image'."),
        ({"dtype": "float16"}, "as float16; the contract says float32. Set input.dtype to float16."),
        ({"dtype": "float64"}, "as float64; the contract says float32. Export the model for one of float32, "),
        ({"shape": ("n", 8, 8, 3)}, "shape [n, 8, 8, 3]; the contract says [N, 3, 8, 8] (NCHW). Set input.layout to N"),
        ({"shape": (1, 3, 6, 7)}, "shape [1, 3, 6, 7]; the contract says [N, 3, 8, 8] (NCHW). Set input.height and in"),
        ({"shape": (None, 1, 8, 8)}, "shape [?, 1, 8, 8]; the contract says [N, 3, 8, 8] (NCHW). Set input.colour"),
        ({"shape": (None, 5, 8, 8)}, "Set input.layout, height, width and colour."),
        ({"shape": (3, 8, 8)}, "It has no batch dimension: export the model with one"),
        ({"shape": (1, 192)}, "A batch of images has four dimensions"),
        ({"shape": (0, 3, 8, 8)}, "It takes batches of no image"),
        ({"shape": ()}, "A batch of images has four dimensions"),
    ],
    ids=str,
)
def test_an_input_that_does_not_fit_is_one_sentence(
    contract: ModelContract, changes: dict[str, Any], sentence: str
) -> None:
    (problem,) = mismatches(signature(**changes), contract, labels=None)
    assert sentence in problem


def test_sizes_are_read_in_the_order_of_the_layout(contract: ModelContract) -> None:
    (problem,) = mismatches(signature(shape=(None, 6, 7, 3)), declaring(contract, layout=Layout.NHWC), labels=None)
    assert problem.endswith("Set input.height and input.width to 6 and 7.")


def test_a_model_of_grey_images_is_told_from_one_of_colours(contract: ModelContract) -> None:
    (problem,) = mismatches(signature(), declaring(contract, colour=Colour.GREY, channels=1), labels=None)
    assert "Set input.colour and input.channels" in problem


@pytest.mark.parametrize(
    ("inputs", "listing"), [((), "nothing"), ((IMAGES, replace(IMAGES, name="mask")), "'input', 'mask'")]
)
def test_a_model_without_exactly_one_input_cannot_be_fed(
    contract: ModelContract, inputs: tuple[TensorType, ...], listing: str
) -> None:
    (problem,) = mismatches(Signature(inputs, (CLASSES,)), contract, labels=None)
    assert f"takes {listing}; the contract says one input, 'input'" in problem


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (replace(CLASSES, name="scores"), "answers 'scores'; the contract says 'logits'. Set output.name."),
        (replace(CLASSES, dtype="string"), "output 'logits' is string; a prediction is made of numbers."),
        (replace(CLASSES, dtype="sequence", shape=None), "output 'logits' is sequence"),
        (replace(CLASSES, shape=("n", 4, 7, 7)), "has shape [n, 4, 7, 7]; the task classification needs [N, classes]."),
        (replace(CLASSES, shape=("n", 0)), "has shape [n, 0]"),
        (replace(CLASSES, shape=("n", 1000)), "labels.txt has 4 labels; the model answers 1000 classes."),
    ],
    ids=str,
)
def test_an_output_that_does_not_fit_is_one_sentence(
    contract: ModelContract, output: TensorType, sentence: str
) -> None:
    (problem,) = mismatches(signature(output), contract, labels=4)
    assert sentence in problem


@pytest.mark.parametrize("shape", [("n", "classes"), ("n", None), None])
def test_classes_that_the_model_does_not_count_fit_any_labels(contract: ModelContract, shape: Any) -> None:
    assert list(mismatches(signature(replace(CLASSES, shape=shape)), contract, labels=4)) == []


def test_a_softmax_over_a_single_number_is_refused(contract: ModelContract) -> None:
    """It would run over the images of a batch: what one photo is answered would hang on its neighbours."""
    raw = replace(contract, task=Task.RAW)
    (problem,) = mismatches(signature(replace(CLASSES, shape=("n",))), raw, labels=None)
    assert "a number for each image; softmax shares 1 out among several of an image" in problem


def test_a_vector_may_have_any_shape(contract: ModelContract) -> None:
    embedding = replace(contract, task=Task.EMBEDDING)
    assert list(mismatches(signature(replace(CLASSES, shape=("n", 64, 1, 1))), embedding, labels=None)) == []


@pytest.mark.parametrize(
    ("task", "shape", "expected"),
    [
        (Task.RAW, ("n", 3549, 85), 3549 * 85 * 4),
        (Task.RAW, (16,), 4),
        (Task.RAW, ("n", "anchors", 85), 0),
        (Task.RAW, None, 0),
        (Task.EMBEDDING, ("n", 64), 0),
    ],
)
def test_an_array_grows_by_what_the_model_answers_for_an_image(
    contract: ModelContract, task: Task, shape: Any, expected: int
) -> None:
    answering = signature(replace(CLASSES, shape=shape))
    assert array_row_bytes(answering, replace(contract, task=task)) == expected


def detector(contract: ModelContract) -> ModelContract:
    boxes = Detection(YoloX(BoxUnit.GRID, (4, 8)), 0.3, 0.45, 100)
    return replace(contract, task=Task.DETECTION, output=replace(contract.output, detection=boxes))


@pytest.mark.parametrize("shape", [("n", 5, 9), ("n", None, "values"), None])
def test_an_output_that_the_scheme_reads_fits_a_detector(contract: ModelContract, shape: Any) -> None:
    assert list(mismatches(signature(replace(CLASSES, shape=shape)), detector(contract), labels=4)) == []


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (
            ("n", 4),
            "output 'logits' has shape [n, 4]; the scheme yolox needs [N, anchors, 5 + classes]. Set ",
        ),
        (("n", 6, 9), "needs [N, 5, 5 + classes], an anchor for each cell of the strides [4, 8] over 8 x 8 pixels."),
        (("n", 5, 85), "labels.txt has 4 labels; the model answers 80 classes."),
    ],
)
def test_an_output_that_is_no_detectors_is_told_so(contract: ModelContract, shape: Any, sentence: str) -> None:
    (problem,) = mismatches(signature(replace(CLASSES, shape=shape)), detector(contract), labels=4)
    assert sentence in problem


def test_several_outputs_are_searched_for_the_contracts(contract: ModelContract) -> None:
    outputs = (TensorType("features", "float32", ("n", 64, 7, 7)), CLASSES)
    assert list(mismatches(Signature((IMAGES,), outputs), contract, labels=4)) == []


def test_of_very_many_outputs_some_are_named(contract: ModelContract) -> None:
    outputs = tuple(replace(CLASSES, name=f"out{index}") for index in range(1000))
    (problem,) = mismatches(Signature((IMAGES,), outputs), contract, labels=None)
    assert "'out7' and 992 more; the contract says 'logits'" in problem


def test_everything_that_is_wrong_is_said_at_once(contract: ModelContract) -> None:
    other = signature(replace(CLASSES, name="scores"), name="image", dtype="uint8", shape=(1, 8, 8, 3))
    with pytest.raises(ContractMismatch, match=r"input\.name .*input\.dtype .*input\.layout .*output\.name"):
        check_signature(other, contract, labels=None)


def test_a_type_that_a_contract_can_say_is_proposed(contract: ModelContract) -> None:
    (problem,) = mismatches(signature(), declaring(contract, dtype=DataType.FLOAT16), labels=None)
    assert problem.endswith("Set input.dtype to float32.")


@pytest.mark.parametrize(("shape", "batch"), [((16, 3, 8, 8), 16), (("n", 3, 8, 8), None), (None, None), ((), None)])
def test_a_batch_is_fixed_where_the_model_says_a_number(shape: Any, batch: int | None) -> None:
    assert signature(shape=shape).fixed_batch == batch
