"""One endpoint: a model server that keeps running, from Creating to InService, over Updating, to Deleting.

An endpoint has one server, however many instances were asked for. A server that ends while it is in service is started
again, as SageMaker does with a container; one that never gets ready leaves the endpoint Failed, until it is deleted.
While an endpoint is updated the server at work answers, and goes on answering where its successor never gets ready.
"""

import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

from pipeline.local.sagemaker.jobs import MAX_REASON, now
from pipeline.local.sagemaker.serving import ModelServer, ServerFailedError
from pipeline.local.sagemaker.transfers import TransferError

# Seconds; Amazon SageMaker Developer Guide, "Custom Inference Code with Hosting Services", where nothing is asked for.
PING_LIMIT = 480
RESTART_DELAY = 1.0  # seconds until a server that has ended is started again

MakeServer = Callable[[Path, Path], ModelServer]


class Endpoint:
    """An endpoint from its creation on. Everything public may be called at any time, from any thread.

    Args:
        config: the endpoint's configuration, of one production variant.
        make_server: makes a server of the variant's model with this root folder and log; may raise ServerFailedError.
        folder: where the endpoint keeps what is its own.
    """

    def __init__(
        self,
        name: str,
        arn: str,
        config: Mapping[str, Any],
        *,
        make_server: MakeServer,
        folder: Path,
    ) -> None:
        self.name = name
        self.arn = arn
        self.variant: Mapping[str, Any] = config["ProductionVariants"][0]
        self._config = config
        self._make_server = make_server
        self._folder = folder
        self._lock = threading.Lock()
        self._created = now()
        self._state: dict[str, Any] = {"EndpointStatus": "Creating", "LastModifiedTime": self._created}
        self._server: ModelServer | None = None
        self._deleting = threading.Event()
        # The same, for who waits for futures.
        self._delete_asked: Future[None] = Future()
        self._update_asked: Future[tuple[Mapping[str, Any], MakeServer]] = Future()
        self._updates = 0
        self._thread = threading.Thread(target=self._run, name=f"endpoint-{name}", daemon=True)

    @property
    def status(self) -> str:
        """Creating, InService, Updating, Failed or Deleting."""
        with self._lock:
            return str(self._state["EndpointStatus"])

    @property
    def is_gone(self) -> bool:
        """Whether it was deleted, and has ended."""
        return self._deleting.is_set() and not self._thread.is_alive()

    @property
    def server(self) -> ModelServer | None:
        """The server, while it is in service."""
        with self._lock:
            return self._server

    @property
    def log_path(self) -> Path:
        """Where all that the endpoint's servers print goes."""
        return self._folder / "log"

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the endpoint has ended, which it does once it is deleted or Failed."""
        self._thread.join()

    def delete(self) -> None:
        """Take the endpoint out of service; it is Deleting until its server has ended."""
        with self._lock:
            if self._deleting.is_set():
                return
            self._deleting.set()
        self._become("Deleting")
        self._delete_asked.set_result(None)

    def update(self, config: Mapping[str, Any], make_server: MakeServer) -> bool:
        """Serve by another configuration, once a server of it is ready; False where the endpoint is not in service."""
        with self._lock:
            if self._state["EndpointStatus"] != "InService":
                return False
            self._state.update(EndpointStatus="Updating", LastModifiedTime=now())
            self._state.pop("FailureReason", None)
        self._update_asked.set_result((config, make_server))
        return True

    def describe(self) -> dict[str, Any]:
        """What the endpoint is, and how it is."""
        count = self.variant.get("InitialInstanceCount", 1)
        weight = self.variant.get("InitialVariantWeight", 1.0)
        variant = {
            "VariantName": self.variant["VariantName"],
            "CurrentWeight": weight,
            "DesiredWeight": weight,
            "CurrentInstanceCount": count,
            "DesiredInstanceCount": count,
        }
        with self._lock:
            works = self._state["EndpointStatus"] in ("InService", "Updating")
            in_service = {"ProductionVariants": [variant]} if works else {}
            return {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": self._config["EndpointConfigName"],
                "CreationTime": self._created,
                **in_service,
                **self._state,
            }

    def _run(self) -> None:
        try:
            while not self._deleting.is_set():
                self._serve(self._make_server(self._root(), self.log_path))
                self._deleting.wait(RESTART_DELAY)
        except (ServerFailedError, TransferError) as error:
            self._become("Failed", str(error))
        except Exception as error:  # noqa: BLE001 - whatever it was, it has to be told
            self._become("Failed", f"InternalServerError: {type(error).__name__}: {error}")
        finally:
            shutil.rmtree(self._folder / "roots", ignore_errors=True)

    def _root(self) -> Path:
        """What stands for `/` of the containers since the latest update."""
        return self._folder / "roots" / str(self._updates)

    def _serve(self, server: ModelServer) -> None:
        """Run a server until it ends or the endpoint is deleted. Raises what keeps a new endpoint from service."""
        try:
            self._make_ready(server, self.variant)
            with self._lock:
                self._server = server
            self._become("InService")
            while not (server.ended.done() or self._deleting.is_set()):
                any_of: set[Future[Any]] = {server.ended, self._delete_asked, self._update_asked}
                wait(any_of, return_when=FIRST_COMPLETED)
                if self._update_asked.done() and not self._deleting.is_set():
                    server = self._succeed(server, *self._update_asked.result())
        except ServerFailedError as error:
            if self.status == "Creating":
                raise ServerFailedError(
                    f"The primary container for production variant {self.variant['VariantName']} did not pass the ping "
                    f"health check. Please check CloudWatch logs for this endpoint. {error}"
                ) from error
        finally:
            with self._lock:
                self._server = None
            server.stop()

    def _make_ready(self, server: ModelServer, variant: Mapping[str, Any]) -> None:
        server.start()
        server.wait_until_ready(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", PING_LIMIT), self._deleting)

    def _succeed(self, server: ModelServer, config: Mapping[str, Any], make_server: MakeServer) -> ModelServer:
        """The server that is at work after an update: one of the new configuration, or the old where that fails."""
        self._update_asked = Future()
        self._updates += 1
        successor: ModelServer | None = None
        try:
            successor = make_server(self._root(), self.log_path)
            self._make_ready(successor, config["ProductionVariants"][0])
        except (ServerFailedError, TransferError) as error:
            if successor is not None:
                successor.stop()
            self._become("InService", str(error))
            return server
        with self._lock:
            self._config, self._make_server, self._server = config, make_server, successor
            self.variant = config["ProductionVariants"][0]
        self._become("InService")
        server.stop()
        return successor

    def _become(self, status: str, reason: str = "") -> None:
        with self._lock:
            # What is being deleted does not come back, whatever its server does meanwhile.
            if self._deleting.is_set():
                status = "Deleting"
            self._state.update(EndpointStatus=status, LastModifiedTime=now())
            if reason:
                self._state["FailureReason"] = reason[:MAX_REASON]
