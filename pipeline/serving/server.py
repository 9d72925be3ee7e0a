"""A server that listens, gives each connection a thread, and ends in good order.

    server = Server((host, port), application)
    threading.Thread(target=server.serve_forever).start()
    ...
    server.stop(grace=20)

On `stop` no connection is accepted any more, those that wait for a request are closed, and requests that are under way
are answered. SageMaker kills a container 30 s after SIGTERM (Developer Guide, "Custom Inference Code with Hosting
Services").
"""

import logging
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import LifoQueue
from typing import Any

from pipeline.serving.application import Application
from pipeline.serving.bodies import Buffer
from pipeline.serving.connections import Connection

logger = logging.getLogger(__name__)

MOST_BUFFERS = 16
"""Bodies that are in memory at a time. SageMaker sends four at once; more than these wait in their sockets."""


class Server(socketserver.ThreadingTCPServer):
    """HTTP for an application."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], application: Application) -> None:
        self.application = application
        # The last that was used is the next: there are never more in use than requests were under way at once.
        self._buffers: LifoQueue[Buffer] = LifoQueue()
        for _ in range(MOST_BUFFERS):
            self._buffers.put(Buffer())
        self.is_stopping = False
        self._idle: set[socket.socket] = set()
        self._busy = 0
        self._changed = threading.Condition()
        super().__init__(address, Connection)

    @property
    def port(self) -> int:
        """The port that was bound; one that was free, where 0 was asked for."""
        port: int = self.server_address[1]
        return port

    @contextmanager
    def buffer(self) -> Iterator[Buffer]:
        """Memory for a body, until the request is answered. Waits while there is none."""
        buffer = self._buffers.get()
        try:
            yield buffer
        finally:
            self._buffers.put(buffer)

    def may_wait(self, connection: socket.socket) -> bool:
        """Whether a connection may wait for a request. Called before each of them."""
        with self._changed:
            if not self.is_stopping:
                self._idle.add(connection)
            return not self.is_stopping

    def request_began(self, connection: socket.socket) -> None:
        """A request's first line has come. Every call is followed by one of `connection_rests`."""
        with self._changed:
            self._idle.discard(connection)
            self._busy += 1

    def request_ended(self) -> None:
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def connection_ended(self, connection: socket.socket) -> None:
        with self._changed:
            self._idle.discard(connection)

    def stop(self, grace: float) -> bool:
        """Ends `serve_forever`, and waits up to `grace` seconds for what is under way: True when all was answered.

        Not to be called by the thread that serves.
        """
        with self._changed:
            self.is_stopping = True
            for connection in self._idle:
                with suppress(OSError):  # it may have ended meanwhile
                    connection.shutdown(socket.SHUT_RD)
        self.shutdown()
        self.server_close()
        with self._changed:
            return self._changed.wait_for(lambda: self._busy == 0, grace)

    def server_close(self) -> None:
        """Closes the listening socket. Threads are not joined: `stop` has waited for those that matter."""
        self.socket.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, ConnectionError | TimeoutError):
            logger.warning("%s: %s", client_address[0], error or type(error).__name__)
        else:
            logger.error("an error that this server does not know", exc_info=error)
