"""timm's config.json, as it lies on the Hugging Face hub: `pretrained_cfg` nested in it, or its fields at the top.

What timm does with it is `timm.data.create_transform(**resolve_data_config(...))`, for evaluation:

    crop_mode center   the shorter side to side / crop_pct, then a crop of the middle    centre_crop
              squash   both sides to side / crop_pct, then a crop of the middle          squash, where crop_pct is 1
              border   the longer side to side / crop_pct, then crop, or pad with mean   letterbox, where crop_pct is 1
    then               x / 255, minus mean, divided by std; RGB; no EXIF

Source: timm/data/config.py (what is assumed of fields left out), timm/data/transforms_factory.py.
"""

import math
from collections.abc import Mapping
from typing import Any

from pipeline.contract import LARGEST_SIDE, Interpolation, Layout, Task
from pipeline.contract.importing.foreign import Effect, Foreign, anything
from pipeline.contract.importing.recipe import Recipe
from pipeline.contract.reader import UnexpectedError, number, numbers_per_channel, whole

_DEFAULT = "timm's own default"
_INPUT_SIZE = (3, 224, 224)
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CROP_MODES = ("center", "squash", "border")
_INTERPOLATIONS = {
    **{str(each): each for each in Interpolation},
    "lanczos": Interpolation.LANCZOS,
    "hamming": Interpolation.BILINEAR,
    "random": Interpolation.BILINEAR,
}
_OF_THE_MODEL = (
    *("tag", "first_conv", "classifier", "num_features", "global_pool", "pool_size", "model_args"),
    *("fixed_input_size", "min_input_size", "feature_info", "notes"),
)
_OF_ITS_ORIGIN = (
    *("custom_load", "hf_hub_id", "hf_hub_filename", "url", "file", "source", "state_dict", "license"),
    *("origin_url", "paper_name", "paper_ids", "description"),
)


def from_timm(document: Any, source: str = "config.json") -> Recipe:
    """What a timm configuration says. Raises CannotImport where no contract can do that."""
    outer = Foreign(document, source)
    inner = outer.take("pretrained_cfg", _object) or {}
    # The outer fields are the model's as it is, the inner ones the weights' as they were published.
    own = {name: value for name, value in document.items() if name != "pretrained_cfg" and value is not None}
    fields = Foreign({**inner, **own}, source)
    name = fields.take("architecture", anything)

    channels, height, width = _input_size(fields)
    fraction = fields.take_or("crop_pct", number(0.01, 1), 0.875, _DEFAULT)
    mode = fields.take("crop_mode", _crop_mode) or "center"
    mean = fields.take_or("mean", numbers_per_channel(channels, -1e6, 1e6), _MEAN[:channels], _DEFAULT)
    std = fields.take_or("std", numbers_per_channel(channels, 1e-6, 1e6), _STD[:channels], _DEFAULT)
    resize = _resize(fields, mode, fraction, (height, width), mean, _interpolation(fields))
    _test_fields(fields)
    task, labels = _classes(fields)
    fields.ignore(_OF_THE_MODEL, "it says how the model is built, not what it is fed")
    fields.ignore(_OF_ITS_ORIGIN, "it says where the weights come from, not what the model is fed")
    return Recipe(
        name=str(name or "model"),
        task=task,
        height=height,
        width=width,
        colour="GREY" if channels == 1 else "RGB",
        resize=resize,
        scale=1 / 255,
        mean=mean,
        std=std,
        layout=Layout.NCHW,
        input_name="input0",
        output_name="output0",
        labels=labels,
        notes=fields.close(),
    )


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UnexpectedError("an object {...}")
    return value


def _input_size(fields: Foreign) -> tuple[int, int, int]:
    def read(value: Any) -> tuple[int, int, int]:
        side = whole(1, LARGEST_SIDE)
        try:
            channels, height, width = (side(each) for each in value)
        except (TypeError, ValueError):
            raise UnexpectedError(f"[channels, height, width], sides of 1 to {LARGEST_SIDE} pixels") from None
        return channels, height, width

    size = fields.take_or("input_size", read, _INPUT_SIZE, _DEFAULT)
    if size[0] not in {1, 3}:
        fields.refuse(f"input_size has {size[0]} channels; a contract has 3, or 1 for grey.")
    return size


def _crop_mode(value: Any) -> str:
    if value not in _CROP_MODES:
        raise UnexpectedError(f"one of {', '.join(_CROP_MODES)}")
    return str(value)


def _interpolation(fields: Foreign) -> Interpolation:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in _INTERPOLATIONS:
            raise UnexpectedError(f"one of {', '.join(_INTERPOLATIONS)}")
        return value

    name = fields.take_or("interpolation", read, "bicubic", _DEFAULT)
    if name not in set(Interpolation):
        fields.note(Effect.DIFFERS, f"interpolation {name!r} has no counterpart; bilinear is the nearest to it.")
    return _INTERPOLATIONS[name]


def _resize(
    fields: Foreign,
    mode: str,
    fraction: float,
    size: tuple[int, int],
    mean: tuple[float, ...],
    interpolation: Interpolation,
) -> dict[str, Any]:
    scaled = tuple(math.floor(side / fraction) for side in size)
    if mode == "center":
        # The whole-number side that timm resizes to, not crop_pct itself, decides what is cut off.
        exact = min(1.0, max(side / large for side, large in zip(size, scaled, strict=True)))
        _note_rounding(fields, size, scaled)
        return {"method": "centre_crop", "crop_fraction": exact, "interpolation": interpolation}
    if fraction < 1:
        lost = f"crop_pct {fraction} with crop_mode {mode!r} has no counterpart"
        fields.note(
            Effect.DIFFERS,
            f"{lost}: timm resizes to {list(scaled)} and cuts off the outer {1 - fraction:.1%}; the contract keeps it.",
        )
    if mode == "squash":
        return {"method": "squash", "interpolation": interpolation}
    fill = [min(255, max(0, round(255 * value))) for value in (mean * 3)[:3]]
    return {"method": "letterbox", "fill": fill, "anchor": "centre", "interpolation": interpolation}


def _note_rounding(fields: Foreign, size: tuple[int, int], scaled: tuple[int, ...]) -> None:
    fields.note(
        Effect.ROUNDS,
        f"timm resizes to whole pixels ({min(scaled)} on the shorter side) and then crops {size[0]}x{size[1]}; the"
        " contract does both in one pass. The two differ by up to half a pixel of the resized photo.",
    )


def _test_fields(fields: Foreign) -> None:
    used = "timm itself uses it only when asked to evaluate at the test size; edit the contract to do so"
    fields.ignore(("test_input_size", "test_crop_pct", "test_crop_mode"), used)


def _classes(fields: Foreign) -> tuple[Task, tuple[str, ...]]:
    classes = fields.take("num_classes", whole(0, 10_000_000))
    names = fields.take("label_names", anything)
    fields.ignore(("label_descriptions",), "labels are taken from label_names")
    if classes == 0:
        fields.note(Effect.ASSUMED, "num_classes is 0, so the model has no classifier: the task is embedding.")
        return Task.EMBEDDING, ()
    if classes is None:
        fields.note(Effect.ASSUMED, "num_classes is not given; the task is taken to be classification.")
    if names is None:
        return Task.CLASSIFICATION, ()
    labels = tuple(names) if isinstance(names, list) else ()
    if not labels or not all(isinstance(label, str) and label.strip() and label.isprintable() for label in labels):
        fields.note(Effect.IGNORED, "label_names is not a list of printable names, one for each class: no labels.")
        return Task.CLASSIFICATION, ()
    if classes not in {None, len(labels)}:
        fields.note(Effect.IGNORED, f"label_names has {len(labels)} names for {classes} classes: no labels.")
        return Task.CLASSIFICATION, ()
    return Task.CLASSIFICATION, labels
