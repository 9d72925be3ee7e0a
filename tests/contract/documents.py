"""Contracts that are right, of every kind, and what makes others of them."""

import copy
from typing import Any

CLASSIFIER: dict[str, Any] = {
    "version": 1,
    "name": "classifier",
    "task": "classification",
    "input": {"name": "x", "dtype": "float32", "layout": "NCHW", "height": 224, "width": 224, "colour": "RGB"},
    "pixels": {"resize": {"method": "centre_crop", "crop_fraction": 0.875, "interpolation": "bicubic"}},
    "numbers": {"mean": [127, 127, 127], "std": 128},
    "output": {"name": "y", "activation": "softmax", "top_k": 5, "labels": "labels.txt"},
    "precision": "bfloat16",
}
EMBEDDER: dict[str, Any] = {
    "version": 1,
    "name": "embedder",
    "task": "embedding",
    "input": {
        "name": "x",
        "dtype": "uint8",
        "layout": "NHWC",
        "height": 32,
        "width": 16,
        "channels": 1,
        "colour": "GREY",
    },
    "pixels": {
        "exif": "ignore",
        "icc": "ignore",
        "resize": {"method": "letterbox", "fill": [114, 114, 114], "anchor": "top_left", "interpolation": "nearest"},
        "background": [0, 0, 0],
    },
    "output": {"name": "y", "activation": "none"},
}
DETECTOR: dict[str, Any] = {
    **CLASSIFIER,
    "name": "detector",
    "task": "detection",
    "output": {
        "name": "y",
        "activation": "none",
        "labels": "labels.txt",
        "decode": {"scheme": "yolox", "boxes": "grid", "strides": [8, 16, 32]},
        "score_threshold": 0.3,
        "iou_threshold": 0.45,
    },
}
FOREIGN: dict[str, Any] = {
    "version": 1,
    "name": "foreign",
    "task": "classification",
    "payload": {
        "kind": "image",
        "content_type": "application/x-image",
        "max_payload_mb": 10,
        "max_concurrent_transforms": 4,
    },
    "output": {"format": "json_object", "field": "predictions.0.scores", "activation": "none", "labels": "labels.txt"},
}


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(document)
    *outer, last = path.split(".")
    place = result
    for name in outer:
        place = place.setdefault(name, {})
    place[last] = value
    return result


def without(document: dict[str, Any], path: str) -> dict[str, Any]:
    result = copy.deepcopy(document)
    *outer, last = path.split(".")
    place = result
    for name in outer:
        place = place[name]
    del place[last]
    return result
