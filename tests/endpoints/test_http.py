"""Endpoints at an address, among them broken ones: each is an error of its own, within its time."""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from pipeline.endpoints import HttpEndpoint, Request, triton_protocol
from pipeline.errors import (
    EndpointFailed,
    EndpointNotFound,
    EndpointRefused,
    EndpointTimeout,
    EndpointUnavailable,
    ImageTooLarge,
)

Listen = Callable[[Any], str]
REQUEST = Request(b"pixels", "image/jpeg")


def test_the_answer_is_what_the_server_says(listen: Listen, reply: Callable[..., Any]) -> None:
    found = HttpEndpoint(listen(reply(200, b"0.5", Content_Type="text/csv; charset=utf-8"))).invoke(REQUEST)
    assert (found.body, found.content_type) == (b"0.5", "text/csv; charset=utf-8")


@pytest.mark.parametrize(
    ("path", "asked"),
    [("", "/invocations"), ("/", "/invocations"), ("/v2/models/m/infer?a=b", "/v2/models/m/infer?a=b")],
)
def test_the_path_is_that_of_containers_unless_there_is_one(listen: Listen, path: str, asked: str) -> None:
    seen = []

    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append((handler.path, handler.headers["Content-Type"], handler.headers["Accept"], body))
        handler.send_response(204)
        handler.end_headers()

    HttpEndpoint(listen(handle) + path).invoke(REQUEST)
    assert seen == [(asked, "image/jpeg", "application/json", b"pixels")]


def test_triton_is_told_the_headers_length_in_its_own_way_and_tells_it(listen: Listen) -> None:
    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        length = handler.headers["Inference-Header-Content-Length"]
        handler.send_response(200)
        handler.send_header("Content-Type", "application/octet-stream")
        handler.send_header("Inference-Header-Content-Length", length)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    found = HttpEndpoint(listen(handle)).invoke(Request(b"{}data", triton_protocol.content_type(2)))
    assert (found.body, found.content_type) == (b"{}data", triton_protocol.content_type(2))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, EndpointRefused),
        (400, EndpointRefused),
        (404, EndpointNotFound),
        (408, EndpointTimeout),
        (413, ImageTooLarge),
        (429, EndpointUnavailable),
        (500, EndpointFailed),
        (503, EndpointUnavailable),
        (504, EndpointTimeout),
    ],
)
def test_a_status_is_an_error_that_names_the_endpoint_and_its_words(
    listen: Listen, reply: Callable[..., Any], status: int, error: type[Exception]
) -> None:
    url = listen(reply(status, b'{"reason": "corrupt", "detail": "bad header"}', Location="http://127.0.0.1:1/"))
    with pytest.raises(error) as raised:
        HttpEndpoint(url).invoke(REQUEST)
    assert str(raised.value) == f"{url} answered {status}: corrupt: bad header"


def test_nobody_listening_is_told_before_anything_is_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EndpointNotFound, match=f"127.0.0.1:{port}.*imagebatch serve"):
        HttpEndpoint(f"http://127.0.0.1:{port}").invoke(REQUEST)


def test_a_host_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(EndpointNotFound, match=r"no-such-host\.invalid"):
        HttpEndpoint("http://no-such-host.invalid").invoke(REQUEST)


def test_a_server_that_does_not_answer_is_not_waited_for(listen: Listen) -> None:
    leave = threading.Event()
    try:
        with pytest.raises(EndpointTimeout, match=r"did not answer within 0\.2 s"):
            HttpEndpoint(listen(lambda handler, body: leave.wait(20)), timeout=0.2).invoke(REQUEST)
    finally:
        leave.set()


def test_a_server_that_answers_in_drops_has_no_more_time(listen: Listen) -> None:
    leave = threading.Event()

    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b" ")
            if leave.wait(0.05):
                return

    began = time.monotonic()
    try:
        with pytest.raises(EndpointTimeout):
            HttpEndpoint(listen(handle), timeout=0.4).invoke(REQUEST)
    finally:
        leave.set()
    assert time.monotonic() - began < 10  # all of it would take 50 s


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"no HTTP at all\r\n\r\n"])
def test_a_connection_that_is_closed_too_early_is_no_answer(listen: Listen, said: bytes) -> None:
    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.wfile.write(said)
        handler.close_connection = True

    with pytest.raises(EndpointUnavailable, match="closed the connection without an answer"):
        HttpEndpoint(listen(handle)).invoke(REQUEST)


def test_a_connection_that_is_reset_is_no_answer(listen: Listen) -> None:
    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True

    with pytest.raises(EndpointUnavailable):
        HttpEndpoint(listen(handle)).invoke(REQUEST)


@pytest.mark.parametrize(
    "url", ["photos", "ftp://host/", "http://", "http://host:port", "http://host:0", "http://host:70000", "http://[::1"]
)
def test_what_is_no_address_is_refused_by_its_name(url: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(repr(url))} is no address of an endpoint"):
        HttpEndpoint(url)
