"""Container images, and what a command of one comes to on this machine.

No container runs here: an image stands for a command in a folder. For Processing jobs the request gives the command
(`ContainerEntrypoint`); a model names an image only, and SageMaker runs `docker run IMAGE serve` (Amazon SageMaker
Developer Guide, "Custom Inference Code with Batch Transform" and "... with Hosting Services"). `Images` knows what
`serve` is in which image, by the image's repository:

    images = Images({"imagebatch": Image(("python3", "-m", "processing_scripts.serve"), source_root)})
    images.find("123456789012.dkr.ecr.us-east-1.amazonaws.com/imagebatch:latest").serve
"""

import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.local.protocol import ServiceError

_LOG_LINES = 15
_LONGEST_TAIL = 512  # characters: half of a failure reason

# What of a container's definition cannot be run here, and would be wrong to ignore.
_UNSERVED = ("AdditionalModelDataSources", "ModelDataSource", "ModelPackageName", "MultiModelConfig")


@dataclass(frozen=True)
class Image:
    """What an image comes to: the command behind `serve`, and the folder in which it runs, its PYTHONPATH too."""

    serve: tuple[str, ...]
    folder: Path


class UnknownImageError(Exception):
    """Nobody has said what this image runs."""


class Images:
    """The images that models may name, by repository: without registry, tag and digest."""

    def __init__(self, known: Mapping[str, Image]) -> None:
        self._known = dict(known)

    def add(self, repository: str, image: Image) -> None:
        """Make an image known, or another one from now on."""
        # A new dictionary, so that whoever looks meanwhile needs no lock.
        self._known = {**self._known, repository: image}

    def find(self, uri: str) -> Image:
        """The image that a model's `Image` names. Raises UnknownImageError."""
        image = self._known.get(repository_of(uri))
        if image is None:
            known = ", ".join(sorted(self._known)) or "none"
            raise UnknownImageError(
                f"The image {uri!r} cannot be run: containers do not run here, and what its `serve` command is was "
                f"never said. Known repositories: {known}; LocalCloud.add_image makes another one known"
            )
        return image


def repository_of(uri: str) -> str:
    """The repository of an image: `library/net` of `registry.example.com:5000/library/net:1.2@sha256:...`."""
    path = uri.partition("@")[0]
    host, slash, rest = path.partition("/")
    # Docker's rule: the first part is a registry if it could not be a part of a repository's name.
    if slash and ("." in host or ":" in host or host == "localhost"):
        path = rest
    folder, slash, name = path.rpartition("/")
    return folder + slash + name.partition(":")[0]


def container_of(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one ContainerDefinition of a model.

    Raises:
        ServiceError: the model has several, or one that takes more than an image, model data and variables.
    """
    containers = [model["PrimaryContainer"]] if model.get("PrimaryContainer") else model.get("Containers", [])
    refused = "is not served here: give it a PrimaryContainer with Image, ModelDataUrl and Environment"
    if len(containers) != 1:
        raise ServiceError(
            "ValidationException", f"The model {model['ModelName']!r} of {len(containers)} containers {refused}"
        )
    container: Mapping[str, Any] = containers[0]
    for member in _UNSERVED:
        if container.get(member):
            raise ServiceError("ValidationException", f"The model {model['ModelName']!r} with {member} {refused}")
    if container.get("Mode", "SingleModel") != "SingleModel" or "Image" not in container:
        raise ServiceError("ValidationException", f"The model {model['ModelName']!r} {refused}")
    return container


def command_here(command: Sequence[str]) -> list[str]:
    """A container's command with this interpreter in the place of the container's."""
    program = sys.executable if command[0] in ("python", "python3") else command[0]
    return [program, *command[1:]]


def exit_code(status: int) -> int:
    """An exit status as a shell, and a container, tell it: 128 and the signal for a process that was killed."""
    return status if status >= 0 else 128 - status


def last_lines(log: Path) -> str:
    """What a container said last."""
    try:
        with log.open(errors="replace") as file:
            return "".join(deque(file, _LOG_LINES)).strip()[-_LONGEST_TAIL:]
    except FileNotFoundError:
        return ""
