"""ResNet-50 with random weights as a model package: the model that published figures of Batch Transform use.

Speed does not depend on weights, and random ones need no download. It is exported as `model.pt2` (torch.export).
"""

import json
from importlib.util import find_spec
from pathlib import Path

from bench.model_floor import TOP_K, TorchFloor

SIDE = 224
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def is_possible() -> bool:
    """Whether this machine has torch, torchvision and a GPU."""
    if not (find_spec("torch") and find_spec("torchvision")):
        return False
    import torch

    return bool(torch.cuda.is_available())


def make(folder: Path) -> tuple[Path, TorchFloor]:
    """The package, written into `folder`, and the same model alone on the GPU."""
    import torch
    import torchvision

    torch.manual_seed(0)
    model = torchvision.models.resnet50(weights=None).eval()
    folder.mkdir(parents=True)
    batch = torch.export.Dim("batch", min=1, max=1024)
    exported = torch.export.export(model, (torch.zeros(2, 3, SIDE, SIDE),), dynamic_shapes=({0: batch},))
    torch.export.save(exported, folder / "model.pt2")
    (folder / "contract.json").write_text(json.dumps(_contract(), indent=2))
    return folder, TorchFloor(model, MEAN, STD, SIDE)


def _contract() -> dict[str, object]:
    return {
        "version": 1,
        "name": "resnet-50",
        "task": "classification",
        "input": {
            "name": "x",
            "dtype": "float32",
            "layout": "NCHW",
            "height": SIDE,
            "width": SIDE,
            "colour": "RGB",
        },
        "pixels": {"resize": {"method": "centre_crop", "crop_fraction": 0.875, "interpolation": "bilinear"}},
        # (x / 255 - mean) / std
        "numbers": {"scale": 1 / 255, "mean": MEAN, "std": STD},
        "precision": "bfloat16",
        "output": {"name": "output", "activation": "softmax", "top_k": TOP_K},
    }
