"""GETs over connections that stay open, against servers that answer as S3 does, and otherwise."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from botocore.exceptions import ResponseStreamingError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipeline.validation.s3_connections import Answer, Connections

WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "abc"\r\n\r\nbytes'


class Server:
    """Answers each request with the next of the answers; where none is left for a connection, it closes it."""

    def __init__(self, *connections: list[bytes], security: ssl.SSLContext | None = None) -> None:
        self.asked: list[bytes] = []
        self._answers = connections
        self._security = security
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = f"{'https' if security else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        with suppress(OSError):
            socket.create_connection(self._listener.getsockname(), timeout=1).close()  # who waits in accept() wakes
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        for answers in self._answers:
            connection, _ = self._listener.accept()
            if self._closing:
                connection.close()
                return
            try:
                if self._security:
                    connection = self._security.wrap_socket(connection, server_side=True)
                with connection, connection.makefile("rb") as stream:
                    for answer in answers:
                        lines = []
                        while (line := stream.readline()) != b"\r\n":
                            if not line:
                                raise ConnectionResetError
                            lines.append(line)
                        self.asked.append(b"".join(lines))
                        connection.sendall(answer)
            except OSError:
                pass


def connect(server: Server, cafile: str | None = None) -> Connections:
    return Connections(server.url, cafile, connect_timeout=5, read_timeout=5)


def body(answer: Answer | None) -> bytes:
    assert answer is not None
    with closing(answer.body):
        return answer.body.read()


def test_one_connection_serves_one_get_after_another() -> None:
    with Server([WHOLE, WHOLE]) as server:
        connections = connect(server)
        assert [body(connections.get("/a?b", {"host": connections.host})) for _ in range(2)] == [b"bytes"] * 2
    assert server.asked == [f"GET /a?b HTTP/1.1\r\nhost: {connections.host}\r\n".encode()] * 2


def test_an_answer_tells_its_headers_and_its_length() -> None:
    with Server([WHOLE]) as server:
        answer = connect(server).get("/", {})
        assert answer is not None
        assert (answer.headers["etag"], answer.length) == ('"abc"', 5)
        body(answer)


def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    with Server([WHOLE], [WHOLE]) as server:
        connections = connect(server)
        assert [body(connections.get("/", {})) for _ in range(2)] == [b"bytes"] * 2


def test_a_body_is_read_in_pieces() -> None:
    with Server([WHOLE, WHOLE]) as server:
        connections = connect(server)
        answer = connections.get("/", {})
        assert answer is not None
        assert [answer.body.read(2), answer.body.read(2), answer.body.read(), answer.body.read()] == [
            b"by", b"te", b"s", b"",
        ]  # fmt: skip
        assert body(connections.get("/", {})) == b"bytes"


def test_a_body_that_is_not_read_takes_its_connection_with_it() -> None:
    with Server([WHOLE], [WHOLE.replace(b"bytes", b"other")]) as server:
        connections = connect(server)
        answer = connections.get("/", {})
        assert answer is not None
        answer.body.close()
        assert body(connections.get("/", {})) == b"other"


def test_a_connection_that_the_server_will_close_is_not_kept() -> None:
    last = WHOLE.replace(b"ETag", b"Connection: close\r\nETag")
    with Server([last], [WHOLE]) as server:
        connections = connect(server)
        assert [body(connections.get("/", {})) for _ in range(2)] == [b"bytes"] * 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\n1",
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nno header\r\n\r\nbytes",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
)
def test_nothing_but_a_whole_200_is_an_answer(answer: bytes) -> None:
    with Server([answer]) as server:
        assert connect(server).get("/", {}) is None


def test_who_is_not_there_does_not_answer() -> None:
    with Server() as server:
        pass
    assert connect(server).get("/", {}) is None


def test_a_body_that_ends_early_is_shorter_than_its_length() -> None:
    with Server([WHOLE[:-2]]) as server:
        answer = connect(server).get("/", {})
        assert answer is not None
        assert (answer.length, body(answer)) == (5, b"byt")


def test_a_body_that_does_not_come_is_botocores_error() -> None:
    go_on = threading.Event()

    class Slow(Server):
        def _serve(self) -> None:
            connection, _ = self._listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(WHOLE[:-2])
                go_on.wait(10)

    with Slow() as server:
        answer = Connections(server.url, None, connect_timeout=5, read_timeout=0.05).get("/", {})
        assert answer is not None
        with pytest.raises(ResponseStreamingError):
            answer.body.read()
        go_on.set()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """Makes a certificate of 127.0.0.1 that nobody but itself vouches for, and its key."""

    def make(name: str) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp(name)
        key = ec.generate_private_key(ec.SECP256R1())
        named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(named)
            .issuer_name(named)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .sign(key, hashes.SHA256())
        )
        (folder / "certificate").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return folder / "certificate", folder / "key"

    return make


@pytest.fixture
def secured(certificates: Callable[[str], tuple[Path, Path]]) -> Iterator[tuple[Server, Path]]:
    certificate, key = certificates("server")
    security = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    security.load_cert_chain(certificate, key)
    with Server([WHOLE, WHOLE], security=security) as server:
        yield server, certificate


def test_https_is_spoken_with_who_is_trusted(secured: tuple[Server, Path]) -> None:
    server, certificate = secured
    connections = connect(server, str(certificate))
    assert [body(connections.get("/", {})) for _ in range(2)] == [b"bytes"] * 2


def test_who_is_not_trusted_is_asked_nothing(
    secured: tuple[Server, Path], certificates: Callable[[str], tuple[Path, Path]]
) -> None:
    server, _ = secured
    assert connect(server, str(certificates("stranger")[0])).get("/", {}) is None
    assert not server.asked


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://images.s3.eu-central-1.amazonaws.com/", "images.s3.eu-central-1.amazonaws.com"),
        ("https://images.s3.eu-central-1.amazonaws.com:443/", "images.s3.eu-central-1.amazonaws.com"),
        ("http://localhost:80/images/", "localhost"),
        ("http://localhost:443/images/", "localhost:443"),
        ("http://127.0.0.1:8080/images/", "127.0.0.1:8080"),
    ],
)
def test_a_host_is_named_with_its_port_unless_that_goes_without_saying(url: str, host: str) -> None:
    assert Connections(url, None, 1, 1).host == host
