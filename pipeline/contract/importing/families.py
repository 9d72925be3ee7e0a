"""What each family of Hugging Face's image processors takes for granted where a configuration says nothing.

The name of a family is the class without what its variants append: ViTFeatureExtractor (before 4.26),
ViTImageProcessor, ViTImageProcessorFast and ViTImageProcessorPil (since 5) read the same file.

Source: the class attributes in transformers/models/*/image_processing_*.py, version 5.23.
"""

import re
from dataclasses import dataclass
from typing import Any

STANDARD, IMAGENET, CLIP = "standard", "imagenet", "clip"
MEANS = {STANDARD: (0.5,) * 3, IMAGENET: (0.485, 0.456, 0.406), CLIP: (0.48145466, 0.4578275, 0.40821073)}
STDS = {STANDARD: (0.5,) * 3, IMAGENET: (0.229, 0.224, 0.225), CLIP: (0.26862954, 0.26130258, 0.27577711)}
NEAREST, LANCZOS, BILINEAR, BICUBIC = range(4)


@dataclass(frozen=True, slots=True)
class Family:
    """`is_square` says what a size that is one number means: both sides, or the shorter one.

    `crop` is the side of the centre crop, and `crops` whether there is one unless the configuration says otherwise. A
    family that does not normalise does not do so when it is told to, either. `overscan` is how much
    larger than its size the family resizes before it crops, where it has a rule of its own for that; `crop_pct` is the
    same the other way round, where the configuration may say it. From a size of `squashes_from` on it does neither.
    """

    name: str
    size: Any
    is_square: bool
    resample: int
    colours: str = STANDARD
    crop: int | None = None
    crops: bool = True
    normalises: bool = True
    overscan: float = 1.0
    crop_pct: float | None = None
    squashes_from: int | None = None

    @property
    def habit(self) -> str:
        """Why a default of the family is taken, for notes."""
        return f"as {self.name} processors do" if self.name else "as most image processors do"


def _square(side: int) -> dict[str, int]:
    return {"height": side, "width": side}


def _shorter(side: int) -> dict[str, int]:
    return {"shortest_edge": side}


_FAMILIES = (
    Family("ViT", _square(224), True, BILINEAR),
    Family("DeiT", _square(256), True, BICUBIC, crop=224),
    Family("Beit", _square(224), True, BICUBIC, crop=224, crops=False),
    Family("Siglip", _square(224), False, BICUBIC),
    Family("CLIP", _shorter(224), False, BICUBIC, CLIP, crop=224),
    Family("ChineseCLIP", _shorter(224), False, BICUBIC, CLIP, crop=224),
    Family("Bit", _shorter(224), False, BICUBIC, CLIP, crop=224),
    Family("ViTHybrid", _shorter(224), False, BICUBIC, CLIP, crop=224),
    Family("ConvNext", _shorter(384), False, BICUBIC, crop_pct=224 / 256, squashes_from=384),
    Family("EfficientNet", _square(346), True, BICUBIC, crop=289, crops=False),
    Family("MobileNetV1", _shorter(256), False, BILINEAR, crop=224),
    Family("MobileNetV2", _shorter(256), False, BILINEAR, crop=224),
    Family("MobileViT", _shorter(224), False, BICUBIC, crop=256, normalises=False),
    Family("Levit", _shorter(224), False, BICUBIC, IMAGENET, crop=224, overscan=256 / 224),
    Family("PoolFormer", _shorter(224), False, BICUBIC, IMAGENET, crop=224, crop_pct=0.9),
)
UNKNOWN = Family("", None, True, BILINEAR)
"""What is assumed of a processor that is none of these. It is believed to heed every field; it has to give its size."""
_BY_NAME = {family.name.lower(): family for family in _FAMILIES}
KNOWN = ", ".join(family.name for family in _FAMILIES)


def family_of(processor: str) -> Family | None:
    """The family of an `image_processor_type`, or of the older `feature_extractor_type`; None for one not known."""
    name = re.sub(r"(FeatureExtractor|ImageProcessor)(Fast|Pil)?$", "", processor)
    return _BY_NAME.get(name.lower())
