"""Hugging Face's preprocessor_config.json, and of the config.json beside it what concerns labels and the task.

    convert to RGB, resize, crop, x * rescale_factor, minus image_mean, divided by image_std, flip to BGR

The configuration is of an image processor class, and each family of classes has habits of its own (families.py): what
one number means as a size, whether it crops, what it does twice. Source: transformers 5, image_processing_backends.py.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.contract import LARGEST_NUMBER, SMALLEST_DIVISOR, Interpolation, Layout, Task
from pipeline.contract.importing.families import BICUBIC, BILINEAR, KNOWN, MEANS, STDS, UNKNOWN, Family, family_of
from pipeline.contract.importing.foreign import Effect, Foreign, Note, flag
from pipeline.contract.importing.geometry import read_geometry
from pipeline.contract.importing.recipe import Recipe
from pipeline.contract.reader import UnexpectedError, number, numbers_per_channel, text

Channels = tuple[float, ...]

_FILTERS = {
    0: Interpolation.NEAREST,
    1: Interpolation.LANCZOS,
    BILINEAR: Interpolation.BILINEAR,
    BICUBIC: Interpolation.BICUBIC,
    4: Interpolation.BOX,
    5: Interpolation.BILINEAR,
}
_HAMMING = 5
_CHANNELS = 3
_ABOUT_THE_CLASS = ("processor_class", "auto_map", "_valid_processor_keys", "use_fast", "model_type")
_ABOUT_THE_CALL = (
    *("input_data_format", "return_tensors", "device", "disable_grouping", "default_to_square", "data_type"),
    *("num_channels", "image_seq_length", "patch_size"),
)
_OF_SEGMENTATION = ("do_reduce_labels", "reduce_labels", "ignore_index")


def from_hf(document: Any, config: Any = None, source: str = "preprocessor_config.json") -> Recipe:
    """What a configuration says; `config` is the model's config.json, where there is one.

    Raises CannotImport where no contract can do that.
    """
    fields = Foreign(document, source)
    family = _family(fields)
    geometry = read_geometry(fields, family)
    interpolation = _interpolation(fields, family)
    scale, mean, std = _numbers(fields, family)
    flips = _heeds(fields, family, "MobileViT", "do_flip_channel_order", default=family.name == "MobileViT")
    if fields.take("do_convert_rgb", flag) is False:
        fields.note(Effect.IGNORED, "do_convert_rgb is false; the contract makes every photo RGB, grey ones included.")
    layout = _layout(fields)
    fields.ignore(_ABOUT_THE_CLASS, "it names a class, not what the class does to pixels")
    fields.ignore(_ABOUT_THE_CALL, "it is about how the processor is called, not about the tensor")
    fields.ignore(("crop_pct",), "only ConvNext and PoolFormer processors read it")
    fields.ignore(_OF_SEGMENTATION, "it is about segmentation maps")
    model = _ModelConfig(config)
    if (side := model.image_size) not in {None, geometry.height}:
        fields.note(
            Effect.DIFFERS,
            f"config.json says image_size {side}, and {source} makes {geometry.height}x{geometry.width} of a photo:"
            " one of them is of another model.",
        )
    return Recipe(
        name=model.name,
        task=model.task,
        height=geometry.height,
        width=geometry.width,
        colour="BGR" if flips else "RGB",
        resize={**geometry.resize, "interpolation": interpolation},
        scale=scale,
        # The contract's are in the order of the channels that the model gets.
        mean=mean[::-1] if flips else mean,
        std=std[::-1] if flips else std,
        layout=layout,
        input_name="pixel_values",
        output_name="logits" if model.task.is_ranked else "pooler_output",
        labels=model.labels,
        notes=(*fields.close(), *model.notes),
    )


def _family(fields: Foreign) -> Family:
    processor = fields.take("image_processor_type", text)
    if processor is None:
        processor = fields.take("feature_extractor_type", text)
    fields.ignore(("feature_extractor_type",), "image_processor_type says it already")
    family = family_of(processor) if processor else None
    if family is not None:
        return family
    named = f"image_processor_type {processor!r} is not one of those known here ({KNOWN})"
    what = named if processor else "image_processor_type is not given"
    if processor and "timm" in processor.lower():
        fields.refuse(f"{processor} reads timm's own configuration: use --from-timm with the model's config.json.")
    fields.note(
        Effect.ASSUMED,
        f"{what}; the fields are read as most image processors read them. Compare one photo's tensor with the"
        " original's.",
    )
    return UNKNOWN


def _interpolation(fields: Foreign, family: Family) -> Interpolation:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value not in _FILTERS:
            raise UnexpectedError(
                "one of Pillow's filters: 0 nearest, 1 lanczos, 2 bilinear, 3 bicubic, 4 box, 5 hamming"
            )
        return value

    chosen = fields.take_or("resample", read, family.resample, f"{_FILTERS[family.resample]}, {family.habit}")
    if chosen == _HAMMING:
        fields.note(Effect.DIFFERS, "resample 5 (hamming) has no counterpart; bilinear is the nearest to it.")
    return _FILTERS[chosen]


def _numbers(fields: Foreign, family: Family) -> tuple[float, Channels, Channels]:
    """scale, mean and std, so that `(x * scale - mean) / std` is what the processor computes."""
    scale, offset = _rescaling(fields, family)
    mean, std = _normalising(fields, family)
    return scale, tuple(offset + each for each in mean), std


def _rescaling(fields: Foreign, family: Family) -> tuple[float, float]:
    """What pixels are multiplied with, and what is subtracted afterwards."""
    factor = fields.take("rescale_factor", number(SMALLEST_DIVISOR, LARGEST_NUMBER))
    offset = 1.0 if _heeds(fields, family, "EfficientNet", "rescale_offset", default=False) else 0.0
    if fields.take("do_rescale", flag) is False:
        if factor:
            fields.note(Effect.IGNORED, f"rescale_factor ({factor:.6g}) has no effect, because do_rescale is false.")
        return 1.0, offset
    if factor is None:
        fields.note(Effect.ASSUMED, "rescale_factor is not given; 1/255 is taken, as every processor does.")
    return factor or 1 / 255, offset


def _normalising(fields: Foreign, family: Family) -> tuple[Channels, Channels]:
    """Mean and std after rescaling: 0 and 1 where the processor does not normalise."""
    mean, std = (0.0,) * _CHANNELS, (1.0,) * _CHANNELS
    normalises = fields.take("do_normalize", flag)
    if normalises and not family.normalises:
        normalises = False
        fields.note(Effect.IGNORED, f"do_normalize: {family.name} processors never normalise.")
    if normalises is None:
        normalises = family.normalises
        fields.note(Effect.ASSUMED, f"do_normalize is not given; {str(normalises).lower()} is taken, {family.habit}.")
    given_mean = fields.take("image_mean", numbers_per_channel(_CHANNELS, -LARGEST_NUMBER, LARGEST_NUMBER))
    given_std = fields.take("image_std", numbers_per_channel(_CHANNELS, SMALLEST_DIVISOR, LARGEST_NUMBER))
    divides_again = _heeds(fields, family, "EfficientNet", "include_top", default=family.name == "EfficientNet")
    if not normalises and (given_mean or given_std):
        fields.note(Effect.IGNORED, "image_mean and image_std have no effect, because do_normalize is not set.")

    if normalises and given_mean is None:
        fields.note(Effect.ASSUMED, f"image_mean is not given; {list(MEANS[family.colours])} is taken, {family.habit}.")
    if (normalises or divides_again) and given_std is None:
        fields.note(Effect.ASSUMED, f"image_std is not given; {list(STDS[family.colours])} is taken, {family.habit}.")
    divisor = given_std or STDS[family.colours]
    if normalises:
        mean, std = given_mean or MEANS[family.colours], divisor
    if divides_again:
        fields.note(Effect.IGNORED, "include_top: the processor divides by image_std once more; so does the contract.")
        std = tuple(once * again for once, again in zip(std, divisor, strict=True))
    return mean, std


def _heeds(fields: Foreign, family: Family, owner: str, name: str, *, default: bool) -> bool:
    """The switch `name`, which only processors of the family `owner` heed."""
    value = fields.take(name, flag)
    if value is None:
        return default
    if value and family.name not in {owner, UNKNOWN.name}:
        fields.note(Effect.IGNORED, f"{name}: only {owner} processors heed it, and this is a {family.name} processor.")
        return False
    return value


def _layout(fields: Foreign) -> Layout:
    def read(value: Any) -> Layout:
        layouts = {"channels_first": Layout.NCHW, "channels_last": Layout.NHWC}
        if not isinstance(value, str) or value not in layouts:
            raise UnexpectedError("channels_first or channels_last")
        return layouts[value]

    return fields.take("data_format", read) or Layout.NCHW


class _ModelConfig:
    """Of a config.json, which describes the whole model, the few fields that concern a contract."""

    def __init__(self, document: Any) -> None:
        config = document if isinstance(document, Mapping) else {}
        self._config = config
        architectures = config.get("architectures")
        names = [each for each in architectures if isinstance(each, str)] if isinstance(architectures, list) else []
        self._architecture = names[0] if names else ""
        self.notes: list[Note] = []
        self.name = str(config.get("_name_or_path") or config.get("model_type") or "model").rstrip("/").split("/")[-1]
        size = config.get("image_size")
        self.image_size = size if isinstance(size, int) and not isinstance(size, bool) else None
        self.task = self._task()
        self.labels = self._labels() if self.task.is_ranked else ()

    def _task(self) -> Task:
        if self._config.get("problem_type") == "multi_label_classification":
            return Task.MULTILABEL
        if "ForImageClassification" in self._architecture:
            return Task.CLASSIFICATION
        if not self._architecture:
            self._note("The task is taken to be classification: no config.json lies beside it that says otherwise.")
            return Task.CLASSIFICATION
        self._note(f"{self._architecture} is no classifier: the task is taken to be embedding.")
        return Task.EMBEDDING

    def _labels(self) -> tuple[str, ...]:
        named = self._config.get("id2label")
        if not isinstance(named, Mapping) or not named:
            return ()
        labels = [named.get(str(index)) for index in range(len(named))]
        readable = [label.strip() for label in labels if isinstance(label, str) and label.strip().isprintable()]
        if len(readable) != len(labels) or not all(readable):
            self._note("id2label of config.json does not name the classes 0, 1, 2 ... one by one: no labels.")
            return ()
        return tuple(readable)

    def _note(self, sentence: str) -> None:
        self.notes.append(Note(Effect.ASSUMED, sentence))
