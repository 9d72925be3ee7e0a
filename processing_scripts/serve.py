"""The model server: Batch Transform and endpoints start it as `docker run IMAGE serve`.

    /opt/ml/model/      the model package, unpacked from model.tar.gz
    port 8080           /ping, /execution-parameters, /invocations: docs/serving.md

/opt/ml lies under the folder that IMAGEBATCH_ROOT names, "/" when it is not set. pipeline/serving/settings.py has the
other variables.

The server listens from the beginning, and answers /ping with 503 until the model has run once. A model that does not
load ends it (exit code 1): a job that fails at once says more than one whose pings go unanswered for half an hour. On
SIGTERM it answers what is under way, and ends with exit code 0; SageMaker kills it 30 s later.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from types import FrameType

from pipeline.errors import ImageBatchError
from pipeline.serving.service import serve
from pipeline.serving.settings import ServingSettings
from pipeline.telemetry.jobs import log_to_stdout

logger = logging.getLogger("serve")


def main(environment: Mapping[str, str] = os.environ) -> int:
    log_to_stdout(run_id=environment.get("IMAGEBATCH_RUN_ID"))
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    try:
        serve(ServingSettings.from_env(environment), stopped)
    except (ImageBatchError, OSError) as error:
        logger.error("%s: %s", type(error).__name__, error)  # noqa: TRY400 - the sentence says it all
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
