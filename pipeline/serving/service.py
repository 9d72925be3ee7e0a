"""A model served until it is told to stop: the server listens first, and has a model once that is loaded."""

import logging
import threading
from collections.abc import Callable

from pipeline.contract import ModelContract
from pipeline.images.decode import pillow_under
from pipeline.limits import DEFAULT_LIMITS
from pipeline.serving.application import Application
from pipeline.serving.model import ServedModel
from pipeline.serving.server import Server
from pipeline.serving.settings import ServingSettings

GRACE = 25.0
"""Seconds for what is under way when the server is stopped: within the 30 after which SageMaker kills it."""

logger = logging.getLogger(__name__)


def serve(
    settings: ServingSettings,
    stopped: threading.Event,
    on_ready: Callable[[ModelContract, int], None] = lambda contract, port: None,
) -> None:
    """Serves until `stopped` is set; calls `on_ready` with the contract and the port once the model has run.

    Raises what ServedModel.load does, and OSError where the port is taken.
    """
    application = Application(settings)
    server = Server((settings.host, settings.port), application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    logger.info("listening on %s port %d", settings.host, server.port)
    try:
        with pillow_under(DEFAULT_LIMITS):
            model = application.model = ServedModel.load(settings)
            logger.info("ready: %s", model.contract.name)
            on_ready(model.contract, server.port)
            stopped.wait()
            logger.info("stopping")
    finally:
        if not server.stop(GRACE):
            logger.warning("requests were still under way after %d s", GRACE)
