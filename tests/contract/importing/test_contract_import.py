"""Importing configurations: what is read, what is said, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract import Activation, Colour, Layout, Task, parse_contract
from pipeline.contract.importing import CannotImport, Effect, Imported, complete, from_hf, from_timm
from pipeline.contract.signature import Signature, TensorType

VIT: dict[str, Any] = {"image_processor_type": "ViTImageProcessor", "size": {"height": 224, "width": 224}}
CLIP: dict[str, Any] = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 256}, "crop_size": 224}
RESNET: dict[str, Any] = {
    "architecture": "resnet18",
    "num_classes": 3,
    "pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": 0.875, "interpolation": "bilinear"},
}


def hf(document: Any, config: Any = None, model: Signature | None = None) -> Imported:
    return complete(from_hf(document, config), model)


def timm(document: Any, model: Signature | None = None) -> Imported:
    return complete(from_timm(document), model)


def sentences(imported: Imported, effect: Effect) -> str:
    return "\n".join(note.sentence for note in imported.notes if note.effect is effect)


def model(*inputs: TensorType, outputs: tuple[TensorType, ...] | None = None) -> Signature:
    return Signature(inputs, outputs or (TensorType("probabilities", "float32", ("N", 3)),))


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({**VIT, "do_resize": False}, "do_resize is false"),
        ({**CLIP, "do_center_crop": False}, "nothing crops, so every photo has a size of its own"),
        ({**VIT, "size": {"shortest_edge": 800, "longest_edge": 1333}}, "gives every photo a size of its own"),
        ({**VIT, "size": {"longest_edge": 1024}}, "gives every photo a size of its own"),
        ({**VIT, "size": "large"}, "size should be a number of pixels"),
        ({**VIT, "size": {"height": 224}}, "size should be a number of pixels"),
        ({**VIT, "size": 0}, "size should be a number of pixels"),
        ({**VIT, "size": 4096}, "height should be a whole number from 1 to 2048"),
        ({**VIT, "resample": 6}, "resample should be one of Pillow's filters"),
        ({**VIT, "image_mean": [0.5, 0.5]}, "image_mean should be a number, or a list of 3"),
        ({**VIT, "image_std": 0}, "image_std should be a number"),
        ({**VIT, "do_normalize": "yes"}, "do_normalize should be true or false"),
        ({**VIT, "data_format": "first"}, "data_format should be channels_first or channels_last"),
        ({**VIT, "do_center_crop": True}, "crop_size does not say to what size"),
        ({"image_processor_type": "TimmWrapperImageProcessor"}, "use --from-timm"),
        ({"image_processor_type": "Siglip2ImageProcessor", "patch_size": 16}, "size is not given"),
        ([], "should be a JSON object"),
    ],
)
def test_a_hugging_face_configuration_that_no_contract_can_follow_is_refused_in_words(
    document: Any, sentence: str
) -> None:
    with pytest.raises(CannotImport, match=sentence):
        hf(document)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"input_size": [4, 224, 224]}, "input_size has 4 channels"),
        ({"input_size": 224}, r"input_size should be \[channels, height, width\]"),
        ({"interpolation": "cubic"}, "interpolation should be one of nearest"),
        ({"crop_mode": "centre"}, "crop_mode should be one of center, squash, border"),
        ({"crop_pct": 1.1}, "crop_pct should be a number from 0.01 to 1"),
        ({"pretrained_cfg": "resnet18"}, "pretrained_cfg should be an object"),
        ({"std": [0, 0, 0]}, "std should be a number"),
    ],
)
def test_a_timm_configuration_that_no_contract_can_follow_is_refused_in_words(
    change: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(CannotImport, match=sentence):
        timm({**RESNET, **change})


@pytest.mark.parametrize(
    ("document", "effect", "sentence"),
    [
        ({**VIT, "resample": 5}, Effect.DIFFERS, "hamming"),
        ({**VIT, "do_polish": True}, Effect.DIFFERS, "do_polish"),
        ({**VIT, "do_center_crop": True, "crop_size": 200}, Effect.DIFFERS, "A contract cannot do both"),
        ({**CLIP, "crop_size": 300}, Effect.DIFFERS, "pads with black"),
        ({**CLIP, "crop_size": {"height": 200, "width": 100}}, Effect.DIFFERS, "is not square"),
        ({"size": 224}, Effect.ASSUMED, "image_processor_type is not given"),
        ({**VIT, "image_processor_type": "NewImageProcessor"}, Effect.ASSUMED, "'NewImageProcessor' is not one of"),
        (VIT, Effect.ASSUMED, "resample is not given; 2 is taken, bilinear, as ViT processors do"),
        (VIT, Effect.ASSUMED, "pixels.exif is apply"),
        (VIT, Effect.ASSUMED, "pixels.icc is apply"),
        (VIT, Effect.ASSUMED, "pixels.background"),
        (CLIP, Effect.ROUNDS, "crops whole pixels"),
        ({**VIT, "crop_size": 200}, Effect.IGNORED, 'crop_size ({"height": 200, "width": 200}) has no effect'),
        ({**VIT, "crop_pct": 0.9}, Effect.IGNORED, "crop_pct (0.9): only ConvNext and PoolFormer"),
        ({**VIT, "do_reduce_labels": False}, Effect.IGNORED, "do_reduce_labels (false): it is about segmentation"),
        ({**VIT, "do_convert_rgb": False}, Effect.IGNORED, "do_convert_rgb is false"),
        ({**VIT, "do_normalize": False, "image_mean": 0.5}, Effect.IGNORED, "image_mean and image_std have no effect"),
        ({**VIT, "keep_aspect_ratio": True}, Effect.UNKNOWN, "keep_aspect_ratio (true) is not known here"),
    ],
)
def test_what_has_no_counterpart_is_said_in_a_sentence(document: Any, effect: Effect, sentence: str) -> None:
    assert sentence in sentences(hf(document), effect)


@pytest.mark.parametrize(
    ("change", "effect", "sentence"),
    [
        ({"crop_mode": "squash"}, Effect.DIFFERS, "crop_pct 0.875 with crop_mode 'squash' has no counterpart"),
        ({"interpolation": "random"}, Effect.DIFFERS, "'random' has no counterpart"),
        ({"test_input_size": [3, 288, 288]}, Effect.IGNORED, "test_input_size"),
        ({"license": "mit"}, Effect.IGNORED, "license ('mit'): it says where the weights come from"),
        ({"num_classes": 0}, Effect.ASSUMED, "the task is embedding"),
        ({"label_names": ["a", "b"]}, Effect.IGNORED, "2 names for 3 classes"),
    ],
)
def test_what_timm_says_and_a_contract_does_not_is_said_in_a_sentence(
    change: dict[str, Any], effect: Effect, sentence: str
) -> None:
    nested = {**RESNET["pretrained_cfg"], **change}
    document = {**RESNET, "pretrained_cfg": nested, **{k: v for k, v in change.items() if k in RESNET}}
    assert sentence in sentences(timm(document), effect)


def test_mean_and_std_follow_the_channels_when_they_are_flipped() -> None:
    contract = hf({"size": 224, "image_mean": [0.1, 0.2, 0.3], "do_flip_channel_order": True}).contract
    assert contract.numbers is not None
    assert (contract.input.colour, contract.numbers.mean) == (Colour.BGR, (0.3, 0.2, 0.1))


def test_padding_to_the_longer_side_is_a_letterbox() -> None:
    document = {**VIT, "size": {"longest_edge": 1024}, "do_pad": True, "pad_size": {"height": 1024, "width": 1024}}
    assert hf(document).contract.pixels.resize.method == "letterbox"


def test_labels_and_task_come_from_the_config_beside_it() -> None:
    config = {"architectures": ["ViTForImageClassification"], "id2label": {"1": "dog", "0": "cat"}}
    imported = hf(VIT, config)
    assert (imported.labels, imported.contract.output.labels) == (("cat", "dog"), "labels.txt")


def test_labels_that_skip_a_class_are_not_taken() -> None:
    imported = hf(VIT, {"architectures": ["ViTForImageClassification"], "id2label": {"0": "cat", "2": "dog"}})
    assert imported.labels == ()
    assert "id2label" in sentences(imported, Effect.ASSUMED)


def test_a_model_of_several_labels_has_sigmoids() -> None:
    contract = hf(VIT, {"problem_type": "multi_label_classification"}).contract
    assert (contract.task, contract.output.activation) == (Task.MULTILABEL, Activation.SIGMOID)


def test_a_model_without_a_classifier_is_an_embedding() -> None:
    contract = hf(VIT, {"architectures": ["ViTModel"]}).contract
    assert (contract.task, contract.output.activation) == (Task.EMBEDDING, Activation.NONE)


def test_a_config_of_another_image_size_is_pointed_out() -> None:
    assert "image_size 384" in sentences(hf(VIT, {"image_size": 384}), Effect.DIFFERS)


def test_names_type_and_layout_come_from_the_model() -> None:
    tensor = TensorType("images", "float16", ("batch", 224, 224, 3))
    contract = hf(VIT, model=model(tensor)).contract
    assert (contract.input.name, contract.input.dtype, contract.input.layout) == ("images", "float16", Layout.NHWC)
    assert contract.output.name == "probabilities"


def test_a_model_of_uint8_has_no_numbers_and_a_warning() -> None:
    imported = hf(VIT, model=model(TensorType("images", "uint8", (None, 3, 224, 224))))
    assert imported.contract.numbers is None
    assert "right only where the graph itself does" in sentences(imported, Effect.DIFFERS)


def test_a_model_of_another_size_does_not_fit() -> None:
    imported = hf(VIT, model=model(TensorType("images", "float32", (None, 3, 384, 384))))
    assert "The model does not fit" in sentences(imported, Effect.DIFFERS)


def test_of_several_outputs_the_one_that_exports_call_logits_is_taken() -> None:
    outputs = (TensorType("hidden", "float32", ("N", 9)), TensorType("logits", "float32", ("N", 3)))
    imported = hf(VIT, model=model(TensorType("x", "float32", (None, 3, 224, 224)), outputs=outputs))
    assert imported.contract.output.name == "logits"
    assert "'hidden' left alone" in sentences(imported, Effect.ASSUMED)


@pytest.mark.parametrize(
    "inputs",
    [
        (),
        (TensorType("tokens", "int64", (1, 77)),),
        (TensorType("a", "float32", (1, 3, 8, 8)), TensorType("b", "float32", (1, 3, 8, 8))),
        (TensorType("x", "float64", (1, 3, 8, 8)),),
    ],
    ids=["nothing", "text", "two images", "double precision"],
)
def test_a_model_that_is_fed_otherwise_is_refused(inputs: tuple[TensorType, ...]) -> None:
    with pytest.raises(CannotImport, match="The model takes"):
        hf(VIT, model=model(*inputs))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 400),
    st.floats(0, 2),
    st.sampled_from(["", "bicubic", "center", "squash", "border", "channels_last", "ViTImageProcessor", "nonsense"]),
    st.lists(st.floats(0, 1), max_size=4),
    st.lists(st.integers(0, 300), max_size=4),
    st.dictionaries(st.sampled_from(["height", "width", "shortest_edge", "longest_edge"]), st.integers(0, 400)),
)
HF_FIELDS = [
    *("do_resize", "size", "resample", "do_center_crop", "crop_size", "crop_pct", "do_rescale", "rescale_factor"),
    *("rescale_offset", "do_normalize", "image_mean", "image_std", "do_convert_rgb", "do_flip_channel_order", "do_pad"),
    *("pad_size", "data_format", "include_top", "do_reduce_labels", "input_data_format", "do_something", "other"),
]
FAMILIES = st.sampled_from(["ViT", "CLIP", "ConvNext", "EfficientNet", "MobileViT", "Levit", "PoolFormer", "Unheard"])
TIMM_FIELDS = [
    *("input_size", "crop_pct", "crop_mode", "interpolation", "mean", "std", "num_classes", "label_names", "tag"),
    *("test_input_size", "fixed_input_size", "architecture", "pretrained_cfg", "other"),
]
# What is done anyway, unless the field says false.
SWITCHES = {"do_resize", "do_rescale", "do_convert_rgb"}


@given(FAMILIES, st.dictionaries(st.sampled_from(HF_FIELDS), VALUES))
def test_any_hugging_face_configuration_is_imported_or_refused_in_words(family: str, fields: dict[str, Any]) -> None:
    document = {"image_processor_type": f"{family}ImageProcessor", **fields}
    try:
        imported = hf(document)
    except CannotImport:
        return
    assert parse_contract(json.dumps(imported.contract.to_json())) == imported.contract


@given(st.dictionaries(st.sampled_from(TIMM_FIELDS), VALUES), st.booleans())
def test_any_timm_configuration_is_imported_or_refused_in_words(fields: dict[str, Any], nested: bool) -> None:
    document = {"architecture": "x", "pretrained_cfg": fields} if nested else fields
    try:
        imported = timm(document)
    except CannotImport:
        return
    assert parse_contract(json.dumps(imported.contract.to_json())) == imported.contract


@given(
    FAMILIES,
    st.text(st.characters(categories=["Ll"]), min_size=12, max_size=20),
    VALUES.filter(lambda v: v is not None),
)
def test_a_field_that_is_not_known_is_named(family: str, name: str, value: Any) -> None:
    document = {"image_processor_type": f"{family}ImageProcessor", "size": 224, "crop_size": 224, name: value}
    if family in {"Levit", "PoolFormer", "CLIP", "MobileViT"}:
        document["do_center_crop"] = True
    assert name in " ".join(note.sentence for note in hf(document).notes)


def outcome(document: dict[str, Any]) -> tuple[Any, str]:
    try:
        imported = hf(document)
    except CannotImport as refusal:
        return None, str(refusal)
    return imported.contract, "\n".join(map(str, imported.notes))


@given(FAMILIES, st.dictionaries(st.sampled_from(HF_FIELDS), VALUES, min_size=1))
def test_every_field_is_used_or_named(family: str, fields: dict[str, Any]) -> None:
    document = {"image_processor_type": f"{family}ImageProcessor", **fields}
    contract, said = outcome(document)
    for name, value in fields.items():
        if contract is None or value is None or value is False or name in said or name in SWITCHES:
            continue
        without = {other: each for other, each in document.items() if other != name}
        changed = outcome(without)
        # What the field says may be what is assumed without it; then the sentence that it is assumed is the difference.
        assert (contract, said) != changed, name
