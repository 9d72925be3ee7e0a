"""Records what the libraries themselves make of two photos: `tensors.npz`, beside the configurations that it was for.

    pip install transformers timm torch torchvision
    python tests/data/contract_import/record.py

Needed again only to add a configuration. The configurations are written for this test, with the fields that the
families' published ones have, at sizes that keep the file small. Recorded with transformers 5.23 and timm 1.0.31.
"""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
PHOTOS = {"wide": "garden/daisy.jpg", "square": "cameraman.png"}
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
HF_IMAGENET = {"image_mean": IMAGENET["mean"], "image_std": IMAGENET["std"]}
CLIP = {"image_mean": [0.4815, 0.4578, 0.4082], "image_std": [0.2686, 0.2613, 0.2758]}
USUAL = {"do_resize": True, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True}

HUGGING_FACE: dict[str, dict[str, Any]] = {
    "vit": {"image_processor_type": "ViTImageProcessor", **USUAL, "size": {"height": 32, "width": 32}, "resample": 2}
    | {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]},
    "vit-before-4.26": {"feature_extractor_type": "ViTFeatureExtractor", "do_normalize": True, "do_resize": True}
    | {"size": 32, "resample": 2, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]},
    "vit-not-square": {"image_processor_type": "ViTImageProcessor", "size": {"height": 24, "width": 40}},
    "siglip": {"image_processor_type": "SiglipImageProcessor", **USUAL, "size": {"height": 32, "width": 32}}
    | {"resample": 3, "do_convert_rgb": None, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
    "clip": {"image_processor_type": "CLIPImageProcessor", **USUAL, **CLIP, "size": {"shortest_edge": 32}}
    | {"do_center_crop": True, "crop_size": {"height": 32, "width": 32}, "resample": 3, "do_convert_rgb": True},
    "clip-before-4.26": {"feature_extractor_type": "CLIPFeatureExtractor", "size": 32, "crop_size": 32, **CLIP}
    | {"do_center_crop": True, "do_normalize": True, "do_resize": True, "resample": 3},
    "dinov2": {"image_processor_type": "BitImageProcessor", **USUAL, **HF_IMAGENET, "size": {"shortest_edge": 40}}
    | {"do_center_crop": True, "crop_size": {"height": 35, "width": 35}, "resample": 3, "do_convert_rgb": True},
    "convnext-small": {"image_processor_type": "ConvNextImageProcessor", **USUAL, **HF_IMAGENET, "crop_pct": 0.875}
    | {"size": {"shortest_edge": 35}, "resample": 3},
    "resnet": {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 32}, **HF_IMAGENET},
    "efficientnet": {"image_processor_type": "EfficientNetImageProcessor", **USUAL, "size": {"height": 32, "width": 32}}
    | {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.4785, 0.4733, 0.4743], "resample": 0, "include_top": True}
    | {"rescale_offset": False, "do_center_crop": False, "crop_size": {"height": 28, "width": 28}},
    "efficientnet-offset": {"image_processor_type": "EfficientNetImageProcessor", "rescale_factor": 1 / 127.5}
    | {"rescale_offset": True, "include_top": False, "do_normalize": False, "size": {"height": 32, "width": 32}},
    "mobilenet": {"image_processor_type": "MobileNetV2ImageProcessor", **USUAL, "size": {"shortest_edge": 36}}
    | {"do_center_crop": True, "crop_size": {"height": 32, "width": 32}, "resample": 2}
    | {"image_mean": [0.5] * 3, "image_std": [0.5] * 3},
    "mobilevit": {"image_processor_type": "MobileViTImageProcessor", "do_resize": True, "size": {"shortest_edge": 36}}
    | {"do_center_crop": True, "crop_size": {"height": 32, "width": 32}, "resample": 2, "do_rescale": True}
    | {"rescale_factor": 1 / 255, "do_flip_channel_order": True},
    "mobilevit-normalises-not": {"image_processor_type": "MobileViTImageProcessor", "size": 32, "crop_size": 28}
    | {"do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "do_flip_channel_order": False},
    "convnext-crops-again": {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 28}}
    | {"crop_pct": 0.875, "do_center_crop": True, "crop_size": 24, "resample": 2},
    "poolformer-both-sides": {"image_processor_type": "PoolFormerImageProcessor", "size": {"height": 27, "width": 27}}
    | {"crop_pct": 0.9, "do_center_crop": True, "crop_size": 28},
    "beit": {"image_processor_type": "BeitImageProcessor", **USUAL, "size": {"height": 32, "width": 32}, "resample": 2}
    | {"do_center_crop": False, "crop_size": {"height": 28, "width": 28}, "do_reduce_labels": False}
    | {"image_mean": [0.5] * 3, "image_std": [0.5] * 3},
    "deit": {"image_processor_type": "DeiTImageProcessor", **USUAL, **HF_IMAGENET, "size": {"height": 36, "width": 36}}
    | {"do_center_crop": True, "crop_size": {"height": 32, "width": 32}, "resample": 3},
    "levit": {"image_processor_type": "LevitImageProcessor", **USUAL, **HF_IMAGENET, "size": {"shortest_edge": 28}}
    | {"do_center_crop": True, "crop_size": {"height": 28, "width": 28}, "resample": 3},
    "poolformer": {"image_processor_type": "PoolFormerImageProcessor", **USUAL, **HF_IMAGENET, "crop_pct": 0.9}
    | {"size": {"shortest_edge": 36}, "do_center_crop": True, "crop_size": {"height": 36, "width": 36}, "resample": 3},
}
TIMM: dict[str, dict[str, Any]] = {
    "timm-lite0": {"architecture": "efficientnet_lite0", "num_classes": 1000, "num_features": 1280}
    | {
        "pretrained_cfg": {"tag": "ra_in1k", "input_size": [3, 35, 35], "fixed_input_size": False, "crop_pct": 0.875}
        | {"interpolation": "bicubic", "crop_mode": "center", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
        | {"num_classes": 1000, "pool_size": [7, 7], "first_conv": "conv_stem", "classifier": "classifier"}
    },
    "timm-resnet50": {"architecture": "resnet50", "num_classes": 1000, "pretrained_cfg": {"input_size": [3, 32, 32]}}
    | {"interpolation": "bilinear", "crop_pct": 0.95, "test_input_size": [3, 36, 36], "test_crop_pct": 1.0, **IMAGENET},
    "timm-vit": {"architecture": "vit_base_patch16", "input_size": [3, 32, 32], "fixed_input_size": True}
    | {"interpolation": "bicubic", "crop_pct": 0.9, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    "timm-squash": {"architecture": "eva02", "input_size": [3, 32, 32], "crop_mode": "squash", "crop_pct": 1.0},
    "timm-border": {"architecture": "padded", "input_size": [3, 32, 32], "crop_mode": "border", "crop_pct": 1.0},
    "timm-wide": {"architecture": "wide", "input_size": [3, 24, 40], "crop_pct": 0.8, "interpolation": "bilinear"},
}


def main() -> None:
    photos = {name: Image.open(HERE.parents[2] / "examples/photos" / file) for name, file in PHOTOS.items()}
    tensors = {}
    for name, photo in photos.items():
        for model, document in HUGGING_FACE.items():
            tensors[f"{model}/{name}"] = hugging_face(document, photo.convert("RGB"))
        for model, document in TIMM.items():
            tensors[f"{model}/{name}"] = timm_transform(document, photo.convert("RGB"))
    # Half precision is finer than a level of a photo for every number here.
    np.savez_compressed(HERE / "tensors.npz", **{name: each.astype(np.float16) for name, each in tensors.items()})
    documents = {"photos": PHOTOS, "hf": HUGGING_FACE, "timm": TIMM}
    (HERE / "configurations.json").write_text(json.dumps(documents, indent=1) + "\n", encoding="utf-8")


def hugging_face(document: dict[str, Any], photo: Image.Image) -> Any:
    """[C, H, W] of the processor that computes with Pillow and numpy."""
    named = document.get("image_processor_type") or document["feature_extractor_type"]
    family = named.removesuffix("ImageProcessor").removesuffix("FeatureExtractor")
    modules = {"MobileNetV2": "mobilenet_v2"}
    folder = modules.get(family, family.lower())
    module = importlib.import_module(f"transformers.models.{folder}.image_processing_pil_{folder}")
    processor = getattr(module, f"{family}ImageProcessorPil").from_dict(dict(document))
    return processor(photo, return_tensors="np")["pixel_values"][0]


def timm_transform(document: dict[str, Any], photo: Image.Image) -> Any:
    """[C, H, W] of timm's transform for evaluation."""
    from timm.data import create_transform, resolve_data_config

    configuration = document.get("pretrained_cfg", {}) | {k: v for k, v in document.items() if k != "pretrained_cfg"}
    transform = create_transform(**resolve_data_config(pretrained_cfg=configuration), is_training=False)
    return transform(photo).numpy()


if __name__ == "__main__":
    main()
