"""The model server as SageMaker starts it: a process, asked over HTTP."""

import http.client
import json
import os
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import shards
from pipeline.contract.packages import load_package
from pipeline.inference.predictor import open_predictor
from pipeline.shards import Row

SHARD = "application/x-imagebatch-shard"
MEBIBYTE = 1024 * 1024
CONTRACT = json.loads((Path(__file__).resolve().parents[1] / "data" / "tiny" / "contract.json").read_text())


@pytest.fixture(scope="module")
def make_root(tmp_path_factory: pytest.TempPathFactory, classifier: Callable[..., bytes]) -> Callable[..., Path]:
    """A container's root with a model package, whose contract says something else: `make_root(dtype="float16")`."""

    def make(dtype: str = "float32", **changes: Any) -> Path:
        root = tmp_path_factory.mktemp("root")
        package = root / "opt/ml/model"
        package.mkdir(parents=True)
        (package / "contract.json").write_text(
            json.dumps({**CONTRACT, "input": {**CONTRACT["input"], "dtype": dtype}, **changes})
        )
        (package / "labels.txt").write_text("".join(f"label {index}\n" for index in range(5)))
        (package / "model.onnx").write_bytes(classifier(5, dtype=dtype))
        return root

    return make


@pytest.fixture(scope="module")
def root(make_root: Callable[..., Path]) -> Path:
    return make_root()


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Any], root: Path) -> Any:
    return start_server(root, IMAGEBATCH_RUN_ID="a-run", IMAGEBATCH_TOP_K="2").await_ready()


@pytest.fixture
def stoppable(start_server: Callable[..., Any], root: Path) -> Any:
    """A server of the test's own."""
    return start_server(root).await_ready()


@pytest.fixture(scope="module")
def pack(root: Path) -> Callable[..., bytes]:
    """Makes a shard: `pack(rows=3, seed=1, shard_id="b-0", name="other")`, the last for another contract."""
    contract = load_package(root / "opt/ml/model").contract

    def make(rows: int = 3, seed: int = 0, shard_id: str = "b-0", name: str = "tiny") -> bytes:
        images = np.random.default_rng(seed).integers(0, 256, (rows, 8, 8, 3), np.uint8)
        listed = [Row("bucket", f"{index}.jpg", "etag", 1, 2, 3) for index in range(rows)]
        return shards.pack(images, listed, replace(contract, name=name), shard_id).read()

    return make


@pytest.fixture
def connection(server: Any) -> Iterator[http.client.HTTPConnection]:
    opened = server.connect()
    yield opened
    opened.close()


def begin(connection: http.client.HTTPConnection, **headers: str) -> None:
    """Sends the head of a request, and nothing of its body."""
    connection.putrequest("POST", "/invocations")
    for name, value in {"Content-Type": SHARD, **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()


def test_a_ping_is_answered_with_200_once_the_model_is_loaded(server: Any) -> None:
    assert server.ask("GET", "/ping").status == 200


def test_the_execution_parameters_stay_within_the_limits_of_a_transform_job(server: Any) -> None:
    said = server.ask("GET", "/execution-parameters").document
    assert said == {"MaxConcurrentTransforms": 4, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 25}
    assert said["MaxConcurrentTransforms"] * said["MaxPayloadInMB"] <= 100


def test_a_shard_is_answered_with_the_lines_that_the_processing_job_writes(
    server: Any, root: Path, pack: Callable[..., bytes]
) -> None:
    package = load_package(root / "opt/ml/model")
    shard = shards.parse(pack(rows=33), package.contract)
    expected = [each.to_line() for each in open_predictor(package, "a-run", 2).predict(shard, "b-0")]
    answer = server.invoke(pack(rows=33), SHARD)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/jsonlines")
    assert answer.body.decode() == "".join(expected)


def test_a_shard_that_comes_in_chunks_is_answered_like_any_other(server: Any, pack: Callable[..., bytes]) -> None:
    body = pack(rows=50)
    pieces = (body[start : start + 1000] for start in range(0, len(body), 1000))
    answer = server.invoke(pieces, SHARD, Transfer_Encoding="chunked")
    assert answer.body == server.invoke(body, SHARD).body


def test_a_connection_takes_one_request_after_another(
    connection: http.client.HTTPConnection, answer_of: Callable[..., Any], pack: Callable[..., bytes]
) -> None:
    statuses = []
    for body in (pack(rows=5), pack(rows=2)[:-1], pack(rows=3)):
        connection.request("POST", "/invocations", body, {"Content-Type": SHARD})
        statuses.append(answer_of(connection).status)
    assert statuses == [200, 422, 200]


def test_requests_at_the_same_time_get_their_own_answers(server: Any, pack: Callable[..., bytes]) -> None:
    bodies = [pack(rows=1 + seed % 7, seed=seed, shard_id=f"b-{seed}") for seed in range(24)]
    alone = [server.invoke(body, SHARD).body for body in bodies]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda body: server.invoke(body, SHARD).body, bodies))
    assert together == alone


def huge_header(packed: bytes) -> bytes:
    return struct.pack("<Q", 100 * MEBIBYTE) + packed[8:]


def without_rows(packed: bytes) -> bytes:
    length = struct.unpack_from("<Q", packed)[0]
    header = json.loads(packed[8 : 8 + length])
    header["__metadata__"]["rows"] = "[]"
    header["images"] |= {"shape": [0, 8, 8, 3], "data_offsets": [0, 0]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda packed: packed[:-1], "shard b-0 has 575 bytes of pixels; expected 576"),
        (lambda packed: packed[:100], "ends within its header"),
        (lambda packed: b"", "has 0 bytes"),
        (huge_header, "declares a header of 104857600 bytes"),
        (without_rows, "shard b-0 holds .* 0 rows"),
    ],
    ids=["truncated", "cut off in its header", "empty", "a header of 100 MB", "zero rows"],
)
def test_a_bad_shard_is_a_client_error_that_says_what_is_wrong(
    server: Any, pack: Callable[..., bytes], spoil: Callable[[bytes], bytes], words: str
) -> None:
    answer = server.invoke(spoil(pack()), SHARD)
    assert (answer.status, answer.document["reason"]) == (422, "CorruptShard")
    server.await_log(f"refused 422 CorruptShard: .*{words}")
    assert server.ask("GET", "/ping").status == 200


def test_a_shard_of_another_contract_is_a_client_error_that_names_it(server: Any, pack: Callable[..., bytes]) -> None:
    answer = server.invoke(pack(shard_id="b-7", name="other"), SHARD)
    assert (answer.status, answer.document["reason"]) == (422, "ContractMismatch")
    assert answer.document["detail"].startswith("shard b-7 was made for contract")


def test_a_model_that_answers_nan_is_a_client_error_since_no_retry_helps(
    start_server: Callable[..., Any], make_root: Callable[..., Path]
) -> None:
    root = make_root(dtype="float16", numbers={"mean": 0, "std": 1e-6})  # 255 becomes infinite
    contract = load_package(root / "opt/ml/model").contract
    packed = shards.pack(np.full((1, 8, 8, 3), 255, np.uint8), [Row("b", "a.jpg", "e", 1, 2, 3)], contract, "b-9")
    answer = start_server(root).await_ready().invoke(packed.read(), SHARD)
    assert (answer.status, answer.document["reason"]) == (422, "InvalidPrediction")
    assert "shard b-9" in answer.document["detail"]


@pytest.mark.parametrize("content_type", ["text/csv", "application/octet-stream", ""])
def test_another_content_type_is_refused_with_a_list_of_those_that_are_taken(server: Any, content_type: str) -> None:
    answer = server.invoke(b"1,2,3", content_type)
    assert (answer.status, answer.document["reason"]) == (415, "UnsupportedMediaType")
    assert SHARD in answer.document["detail"]


def test_a_body_over_the_limit_is_refused_before_it_is_sent(
    connection: http.client.HTTPConnection, answer_of: Callable[..., Any]
) -> None:
    begin(connection, Content_Length=str(25 * MEBIBYTE + 1), Expect="100-continue")
    answer = answer_of(connection)
    assert (answer.status, answer.document["reason"]) == (413, "BodyTooLarge")
    assert "at most 26214400 bytes (25 MB)" in answer.document["detail"]


def test_a_body_over_the_limit_that_is_sent_all_the_same_does_not_hide_the_answer(server: Any) -> None:
    assert server.invoke(bytes(26 * MEBIBYTE), SHARD).status == 413


def test_a_body_that_grows_over_the_limit_is_refused_while_it_streams(server: Any) -> None:
    pieces = (bytes(MEBIBYTE) for _ in range(26))
    answer = server.invoke(pieces, SHARD, Transfer_Encoding="chunked")
    assert (answer.status, answer.document["reason"]) == (413, "BodyTooLarge")


def test_the_limit_is_what_the_transform_job_says(start_server: Callable[..., Any], root: Path) -> None:
    server = start_server(root, SAGEMAKER_MAX_PAYLOAD_IN_MB="1").await_ready()
    answer = server.invoke(bytes(MEBIBYTE + 1), SHARD)
    assert "at most 1048576 bytes (1 MB)" in answer.document["detail"]


def test_a_client_that_stops_in_the_middle_of_a_body_costs_nothing_but_a_log_line(server: Any) -> None:
    connection = server.connect()
    begin(connection, Content_Length="1000")
    connection.send(bytes(400))
    connection.close()
    server.await_log("the client stopped in the middle of the body, 600 bytes short")
    assert server.ask("GET", "/ping").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/invocations", 405), ("POST", "/ping", 405), ("GET", "/", 404), ("POST", "/models", 404)],
)
def test_a_path_that_is_not_there_is_refused(server: Any, method: str, path: str, status: int) -> None:
    answer = server.ask(method, path)
    assert answer.status == status
    assert answer.document["detail"]


def test_what_is_no_http_is_refused_in_json(server: Any) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as plain:
        plain.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert b'{"reason": "MalformedRequest"' in plain.makefile("rb").read()


def test_a_server_that_is_told_to_stop_answers_what_is_under_way(
    stoppable: Any, answer_of: Callable[..., Any], pack: Callable[..., bytes]
) -> None:
    body = pack()
    with closing(stoppable.connect()) as idle, closing(stoppable.connect()) as busy:
        begin(busy, Content_Length=str(len(body)), Expect="100-continue")
        # Told to go on: the request is under way.
        assert busy.sock.recv(100).startswith(b"HTTP/1.1 100")
        stoppable.process.terminate()
        stoppable.await_log("stopping")
        busy.send(body)
        answer = answer_of(busy)
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert stoppable.process.wait(60) == 0
        assert idle.sock.recv(1) == b""


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"IMAGEBATCH_CONTRACT": "0" * 64}, "ContractMismatch: The model package tiny has contract"),
        ({"IMAGEBATCH_TOP_K": "many"}, "InvalidSetting: The environment variable IMAGEBATCH_TOP_K must be"),
    ],
    ids=["contract", "top_k"],
)
def test_a_server_that_cannot_serve_its_run_ends_and_says_why(
    start_server: Callable[..., Any], root: Path, variables: dict[str, str], words: str
) -> None:
    server = start_server(root, **variables)
    server.await_log(words)
    assert server.process.wait(60) == 1


def test_a_model_that_does_not_load_ends_the_server(
    start_server: Callable[..., Any], make_root: Callable[..., Path]
) -> None:
    root = make_root()
    (root / "opt/ml/model/model.onnx").write_bytes(b"no model")
    server = start_server(root)
    server.await_log("InvalidModelPackage: .*model.onnx does not load")
    assert server.process.wait(60) == 1


def test_a_port_that_is_taken_ends_the_server(start_server: Callable[..., Any], root: Path, server: Any) -> None:
    second = start_server(root, SAGEMAKER_BIND_TO_PORT=str(server.port))
    second.await_log("OSError: .*in use")
    assert second.process.wait(60) == 1


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_number_of_shards(stoppable: Any, pack: Callable[..., bytes]) -> None:
    bodies = [pack(rows=500, seed=seed) for seed in range(4)]

    def send(shards_each: int) -> int:
        """Sends so many shards on each of four connections; the server's memory afterwards, in bytes."""

        def send_all(body: bytes) -> None:
            with closing(stoppable.connect()) as connection:
                for _ in range(shards_each):
                    connection.request("POST", "/invocations", body, {"Content-Type": SHARD})
                    assert connection.getresponse().read()

        with ThreadPoolExecutor(len(bodies)) as pool:
            list(pool.map(send_all, bodies))
        statm = Path(f"/proc/{stoppable.process.pid}/statm").read_text()
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = send(10)
    assert send(40) - before < 8 * MEBIBYTE
