"""One image, one prediction: the job that steps/process_image.py starts for an upload unless it is told another.

    /opt/ml/processing/input/image/image.*         the image
    /opt/ml/processing/input/image/source.json     where it was uploaded: {"image_uri": ..., "etag": ...}
    /opt/ml/processing/input/model/                the model package
    /opt/ml/processing/output/prediction/          prediction.jsonl: one line, as serve.py answers it, with the source
    /opt/ml/output/message                         why the job failed, in at most 1 KB

All of it lies under the folder that IMAGEBATCH_ROOT names, "/" when it is not set. The job fails (exit code 1) where
the image is rejected or the model does not load.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import ImageBatchError
from pipeline.serving import uploads
from pipeline.serving.model import ServedModel
from pipeline.serving.settings import ServingSettings
from pipeline.serving.uploads import Refused, Upload
from pipeline.telemetry.jobs import log_to_stdout

LONGEST_MESSAGE = 1024

logger = logging.getLogger("predict")


class ImageRejectedError(Exception):
    """The image is no good; the text says why."""


def main(environment: Mapping[str, str] = os.environ) -> int:
    log_to_stdout()
    root = Path(environment.get("IMAGEBATCH_ROOT", "/"))
    try:
        predict(root / "opt/ml/processing")
    except (ImageBatchError, ImageRejectedError, OSError, ValueError) as error:
        message = f"{type(error).__name__}: {error}"
        logger.error("%s", message)  # noqa: TRY400 - the sentence says it all
        file = root / "opt/ml/output/message"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(message.encode(errors="replace")[:LONGEST_MESSAGE].decode(errors="ignore"), encoding="utf-8")
        return 1
    return 0


def predict(folder: Path) -> None:
    """Write the prediction of the image below `folder`. Raises what the model's loading does, or ImageRejectedError."""
    source = json.loads((folder / "input/image/source.json").read_bytes())
    (path,) = (folder / "input/image").glob("image*")
    model = ServedModel.load(ServingSettings(model=folder / "input/model", host="127.0.0.1"))
    (answer,) = uploads.predict(model, [Upload(path.read_bytes())])
    if isinstance(answer, Refused):
        raise ImageRejectedError(f"{source['image_uri']!a} is rejected: {answer.reason}: {answer.detail}")
    output = folder / "output/prediction"
    output.mkdir(parents=True, exist_ok=True)
    line = {**source, **json.loads(uploads.line(0, "", answer))}
    (output / "prediction.jsonl").write_text(json.dumps(line) + "\n", encoding="ascii")
    logger.info("predicted %a", source["image_uri"])


if __name__ == "__main__":
    sys.exit(main())
