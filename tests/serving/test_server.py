"""The server's connections: kept, timed out, and closed in good order."""

import http.client
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pipeline.contract import ModelContract
from pipeline.serving.application import Application
from pipeline.serving.connections import Connection
from pipeline.serving.model import ServedModel
from pipeline.serving.server import Server
from pipeline.serving.settings import ServingSettings
from pipeline.shards import Row, pack


@pytest.fixture
def server(model: ServedModel) -> Iterator[Server]:
    application = Application(ServingSettings(Path("nowhere"), "127.0.0.1"))
    application.model = model
    server = Server(("127.0.0.1", 0), application)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.stop(grace=60)
    thread.join()


@pytest.fixture
def plain(server: Server) -> Iterator[socket.socket]:
    """A connection on which anything can be sent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        yield connection


def a_shard(contract: ModelContract, name: str) -> bytes:
    images = np.zeros((1, *contract.input.pixel_shape), np.uint8)
    return pack(images, [Row("bucket", "a.png", "etag", 1, 2, 3)], contract, name).read()


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    with connection.makefile("rb") as file:
        return file.read()


def test_an_image_is_answered_over_http(server: Server, photo: Callable[..., bytes]) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("POST", "/invocations", photo(), {"Content-Type": "image/jpeg"})
        assert connection.getresponse().status == 200


def test_a_client_that_stalls_in_the_middle_of_a_body_is_given_up_on_and_logged(
    server: Server, plain: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Connection, "timeout", 0.05)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as stalling:
        stalling.sendall(b"POST /invocations HTTP/1.1\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\nabc")
        assert everything(stalling) == b""
    assert "timed out" in caplog.text


def test_a_client_that_says_nothing_is_let_go_without_a_word(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Connection, "timeout", 0.05)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as silent:
        assert everything(silent) == b""
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_body_that_nobody_asked_for_is_not_taken_for_the_next_request(plain: socket.socket) -> None:
    plain.sendall(b"GET /ping HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET /ping HTTP/1.1\r\n")
    plain.shutdown(socket.SHUT_WR)
    assert everything(plain).count(b"HTTP/1.1 200") == 1


def test_requests_that_are_sent_ahead_are_answered_in_order(plain: socket.socket) -> None:
    plain.sendall(
        b"GET /ping HTTP/1.1\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\nGET /ping HTTP/1.1\r\nConnection: close\r\n\r\n"
    )
    assert re.findall(rb"HTTP/1.1 (\d+)", everything(plain)) == [b"200", b"404", b"200"]


@pytest.mark.parametrize("path", ["/ping?a=b", "/ping?", "/ping"])
def test_a_query_changes_nothing(plain: socket.socket, path: str) -> None:
    plain.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    assert b" 200 OK" in everything(plain)


@pytest.mark.parametrize("path", ["//[", "http://[/ping", "*", "/%00", "/\xff"])
def test_a_path_that_is_none_is_not_found(plain: socket.socket, path: str) -> None:
    plain.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode("latin-1"))
    assert b" 404 Not Found" in everything(plain)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "BREW"])
def test_another_method_is_refused_and_told_which_to_use(plain: socket.socket, method: str) -> None:
    plain.sendall(f"{method} /invocations HTTP/1.1\r\n\r\n".encode())
    plain.shutdown(socket.SHUT_WR)
    answer = everything(plain)
    assert answer.startswith(b"HTTP/1.1 405")
    assert b"\r\nAllow: POST\r\n" in answer
    assert b'"detail": "/invocations takes POST"' in answer


def test_another_method_for_a_path_that_is_not_there_is_not_found(plain: socket.socket) -> None:
    plain.sendall(b"PUT /models HTTP/1.1\r\n\r\n")
    plain.shutdown(socket.SHUT_WR)
    assert everything(plain).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize("greeting", [b"\x16\x03\x01\x02", b"hello", b"PRI * HTTP/2.0"])
def test_what_is_no_http_is_refused_with_a_status(plain: socket.socket, greeting: bytes) -> None:
    plain.sendall(greeting + b"\r\n\r\n")
    plain.shutdown(socket.SHUT_WR)
    assert re.match(rb"HTTP/1.1 (400|505) ", everything(plain))


@pytest.mark.parametrize("in_chunks", [False, True], ids=["by its length", "in chunks"])
def test_a_shard_that_a_client_stops_in_is_named_in_the_log(
    server: Server, contract: ModelContract, caplog: pytest.LogCaptureFixture, in_chunks: bool
) -> None:
    body = a_shard(contract, "batch-0")
    length = b"Transfer-Encoding: chunked" if in_chunks else b"Content-Length: %d" % len(body)
    head = b"POST /invocations HTTP/1.1\r\nContent-Type: application/x-imagebatch-shard\r\n" + length + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as stopping:
        stopping.sendall(head + (b"%x\r\n" % len(body) if in_chunks else b"") + body[:-10])
        stopping.shutdown(socket.SHUT_WR)
        assert everything(stopping) == b""
    assert "shard batch-0, " in caplog.text
    assert "the client stopped in the middle of the body, 10 bytes short" in caplog.text


def test_a_server_that_stops_does_not_wait_for_a_client_that_says_nothing(server: Server, plain: socket.socket) -> None:
    plain.sendall(b"GET /ping HTTP/1.1\r\n\r\n")
    assert plain.recv(4).startswith(b"HTTP")
    assert server.stop(grace=60)
    assert b"200" in everything(plain)
