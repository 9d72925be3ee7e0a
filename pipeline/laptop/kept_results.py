"""What one image came to in the runs of this machine, whose results lie in `out/<run_id>/`."""

from pathlib import Path

from pipeline.laptop.run_request import RunRequest
from pipeline.results.image_history import History, Image
from pipeline.runs.files import CopiedFiles
from pipeline.runs.keys import SUMMARY


def on_this_machine(out: Path, asked: str, most: int) -> History:
    """What the `most` latest runs in `out` know of an image: an address, a key, or a file as a run had it.

    Raises ValueError where an `s3://` address names no image.
    """
    image = Image.parse(asked)
    folders = sorted((path.parent for path in out.glob(f"*/{SUMMARY}")), key=lambda path: path.name, reverse=True)
    file = Path(asked).resolve() if image.bucket is None and Path(asked).is_file() else None
    history = History(f"the folder {out}", older=max(len(folders) - most, 0))
    history.look_through(
        {path.name: (CopiedFiles(path), (file and _as_served(file, path)) or image) for path in folders[:most]}
    )
    return history


def _as_served(file: Path, folder: Path) -> Image | None:
    """A file's key in the run of a folder is its path below what that run was over; None where it was not."""
    try:
        source = Path(RunRequest.load(folder, folder.parent).source)
        return Image(None, file.relative_to(source).as_posix())
    except (OSError, ValueError):
        return None
