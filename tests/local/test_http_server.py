"""The server as a client on the other side of a socket sees it."""

import errno
import http.client
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.local.http_messages import FilePart, Request, Response
from pipeline.local.http_server import Handler, HttpServer

Serve = Callable[[Handler], http.client.HTTPConnection]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server for a handler, and opens a connection to it."""
    opened: list[HttpServer | http.client.HTTPConnection] = []

    def start(handler: Handler) -> http.client.HTTPConnection:
        server = HttpServer(handler)
        server.start()
        connection = http.client.HTTPConnection(str(server.host), server.port, timeout=30)
        opened.extend([connection, server])
        return connection

    yield start
    for each in opened:
        each.close()


def echo(request: Request) -> Response:
    return Response(200, body=request.body.readall())


def test_one_connection_serves_many_requests(serve: Serve) -> None:
    connection = serve(echo)
    for body in (b"one", b"", b"three"):
        connection.request("POST", "/", body)
        assert connection.getresponse().read() == body


def test_a_body_that_nobody_read_does_not_disturb_the_next_request(serve: Serve) -> None:
    connection = serve(lambda request: Response(200, body=request.method.encode()))
    for method in ("POST", "PUT"):
        connection.request(method, "/", b"x" * 300_000)
        assert connection.getresponse().read() == method.encode()


def test_a_body_in_chunks_arrives_joined(serve: Serve) -> None:
    connection = serve(echo)
    for _ in range(2):
        connection.request("POST", "/", iter([b"abc", b"d" * 100_000]), encode_chunked=True)
        assert connection.getresponse().read() == b"abc" + b"d" * 100_000


def test_an_iterable_answer_is_sent_in_chunks(serve: Serve) -> None:
    connection = serve(lambda _: Response(200, body=iter([b"a", b"", b"b"])))
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.getheader("Transfer-Encoding") == "chunked"
    assert answer.read() == b"ab"


def test_a_part_of_a_file_is_sent_and_the_file_closed(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = os.urandom(2_000_000)
    path.write_bytes(content)
    file = path.open("rb")
    answers = iter([Response(200, body=FilePart(file, 10, 1_500_000)), Response(200)])
    connection = serve(lambda _: next(answers))
    connection.request("GET", "/")
    assert connection.getresponse().read() == content[10:1_500_010]
    connection.request("GET", "/next")  # is served when the first is done with
    assert connection.getresponse().status == 200
    assert file.closed


def test_a_file_that_shrinks_breaks_the_connection_rather_than_the_promise(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"short")
    connection = serve(lambda _: Response(200, body=FilePart(path.open("rb"), 0, 1000)))
    connection.request("GET", "/")
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()


def test_a_file_that_the_kernel_cannot_send_is_sent_all_the_same(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EINVAL, "this file system knows no sendfile")

    monkeypatch.setattr(os, "sendfile", refuse)
    path = tmp_path / "file"
    path.write_bytes(content := os.urandom(600_000))
    connection = serve(lambda _: Response(200, body=FilePart(path.open("rb"), 10, 500_000)))
    connection.request("GET", "/")
    assert connection.getresponse().read() == content[10:500_010]


@pytest.mark.parametrize("length", [0, 1, 40_000, 20_000_000])
def test_a_part_of_a_file_is_sent_as_it_is(serve: Serve, tmp_path: Path, length: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(content := os.urandom(length + 20))
    connection = serve(lambda _: Response(200, body=FilePart(path.open("rb"), 10, length)))
    connection.request("GET", "/")
    assert connection.getresponse().read() == content[10 : length + 10]


def test_an_answer_that_fails_half_way_breaks_the_connection_and_is_logged(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def parts() -> Iterator[bytes]:
        yield b"a beginning"
        raise ValueError("no end")

    connection = serve(lambda _: Response(200, body=parts()))
    connection.request("GET", "/")
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    assert "ValueError: no end" in caplog.text


def test_a_connection_that_gets_no_thread_is_cut_off_and_the_next_one_is_served(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = serve(echo)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", out_of_threads)
        assert list(raw(connection, b"")) == [b""]
    connection.request("GET", "/")
    assert connection.getresponse().status == 200


def out_of_threads(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_head_has_the_length_and_no_body(serve: Serve) -> None:
    connection = serve(lambda _: Response(200, [("Content-Length", "5")], b""))
    connection.request("HEAD", "/")
    answer = connection.getresponse()
    assert answer.getheader("Content-Length") == "5"
    assert answer.read() == b""


def test_a_handler_that_raises_is_a_500_and_the_connection_goes_on(serve: Serve) -> None:
    def handler(request: Request) -> Response:
        if request.path == "/bad":
            raise ValueError("broken")
        return Response(200)

    connection = serve(handler)
    connection.request("GET", "/bad")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (500, b"ValueError: broken")
    connection.request("GET", "/good")
    assert connection.getresponse().status == 200


def raw(connection: http.client.HTTPConnection, *sent: bytes) -> Iterator[bytes]:
    """Sends and then receives, piece by piece."""
    with socket.create_connection((connection.host, connection.port), timeout=30) as client:
        for piece in sent:
            client.sendall(piece)
            yield client.recv(65536)


def test_a_client_that_asks_is_told_to_continue_before_it_sends(serve: Serve) -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    first, second = raw(serve(echo), head, b"abc")
    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert second.endswith(b"abc")


def test_a_client_that_is_refused_is_not_told_to_continue(serve: Serve) -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    (answer,) = raw(serve(lambda _: Response(403)), head)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"Connection: close" in answer


@pytest.mark.parametrize(
    "head",
    [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"],
)
def test_what_is_no_http_is_answered_with_400(serve: Serve, head: bytes) -> None:
    (answer,) = raw(serve(echo), head)
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_closing_cuts_connections_that_wait() -> None:
    server = HttpServer(echo)
    server.start()
    with socket.create_connection((str(server.host), server.port), timeout=30) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert client.recv(65536)
        server.close()
        assert client.recv(1) == b""


@pytest.mark.skipif(not hasattr(socket, "TCP_CONGESTION"), reason="Linux alone has a choice")
def test_what_is_sent_is_not_paced_as_bbr_does() -> None:
    server = HttpServer(echo)
    try:
        chosen = server._listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    finally:
        server.close()
    assert chosen.rstrip(b"\0") == b"reno"
