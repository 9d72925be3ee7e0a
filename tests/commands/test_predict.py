"""`imagebatch predict`, as somebody types it."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline import aws, cli
from pipeline.commands import predict as command
from pipeline.endpoints import CODECS

EXAMPLE = Path(__file__).parents[2] / "examples/models/efficientnet-lite0"
PAGE = b"<html>busy</html>"


@pytest.fixture(autouse=True)
def clients_of_this_test_alone() -> Iterator[None]:
    yield
    aws.forget_clients()


def predict(*arguments: Any) -> int:
    return cli.main(["predict", *map(str, arguments)])


@pytest.fixture
def asked() -> list[bytes]:
    """The bodies that `server` was sent."""
    return []


@pytest.fixture
def server(asked: list[bytes]) -> Iterator[str]:
    """An endpoint that answers three scores, 422 for words, and a web page for nothing at all."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(body)
            status, answer = (422, b"no image") if body == b"words" else (200, b"[0.5, 1, 0]" if body else PAGE)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of three classes, without a model."""
    contract = json.loads((EXAMPLE / "contract.json").read_text())
    contract["output"]["activation"] = "none"
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "contract.json").write_text(json.dumps(contract))
    (folder / "labels.txt").write_text("cat\ndog\x1b[2J\nbird\n")
    return folder


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"pixels")
    (folder / "b.PNG").write_bytes(b"words")
    (folder / "notes.txt").write_bytes(b"none of them")
    return folder


def test_the_codecs_to_choose_from_are_those_that_there_are() -> None:
    assert tuple(CODECS) == command.CODECS


def test_labels_are_printed_the_best_first_and_nothing_in_them_moves_the_cursor(
    server: str, files: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(files / "a.jpg", "--endpoint", server, "--model", package, "--top-k", 2) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(files / "a.jpg"), "    1.0000  dog\\x1b[2J", "    0.5000  cat"]
    assert err == ""


def test_each_file_has_an_outcome_of_its_own(server: str, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = files / "empty.jpg"
    empty.touch()
    given = [files / "b.PNG", files / "missing.jpg", empty, files / "a.jpg"]
    assert predict(*given, "--endpoint", server) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == str(files / "a.jpg")
    refused, missing, unread = err.splitlines()
    assert "b.PNG" in refused
    assert f"{server} answered 422: 'no image'" in refused
    assert "missing.jpg" in missing
    assert "empty.jpg" in unread
    assert "<html>busy" in unread


def test_json_is_a_line_for_each_file_and_nothing_else(
    server: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(files / "a.jpg", files / "b.PNG", "--endpoint", server, "--json") == 1
    out, err = capsys.readouterr()
    assert err == ""
    told, refused = map(json.loads, out.splitlines())
    assert told["top"][0] == {"label": "1", "index": 1, "score": 1.0}
    assert (told["file"], told["endpoint"], told["resized"]) == (str(files / "a.jpg"), server, False)
    assert (refused["file"], refused["error"]) == (str(files / "b.PNG"), "EndpointRefused")
    assert refused["worth_a_retry"] is False


def test_a_folder_stands_for_the_images_in_it(server: str, files: Path, asked: list[bytes]) -> None:
    assert predict(files, "--endpoint", server) == 1
    assert asked == [b"pixels", b"words"]


def test_a_folder_without_images_is_wrong_usage(
    server: str, tmp_path: Path, asked: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(tmp_path, "--endpoint", server) == 2
    assert "no file named like an image" in capsys.readouterr().err
    assert asked == []


def test_where_nobody_listens_is_said_once(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(files / "a.jpg", files / "a.jpg", files / "a.jpg", "--endpoint", "http://127.0.0.1:9") == 1
    refused, rest = capsys.readouterr().err.splitlines()
    assert "Nothing answers at http://127.0.0.1:9" in refused
    assert "imagebatch serve" in refused
    assert rest == "imagebatch: 2 more files were not sent"


def test_an_image_that_is_too_large_names_the_option(
    server: str, package: Path, tmp_path: Path, asked: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        os.truncate(file.fileno(), 40_000_000)
    assert predict(large, "--endpoint", server, "--model", package) == 1
    assert "40,000,000 bytes" in (told := capsys.readouterr().err)
    assert "--fit" in told
    assert asked == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--endpoint", "ftp://host"], "no address of an endpoint"),
        (["--endpoint", "http://h", "--model", "nowhere"], "nowhere"),
        (["--endpoint", "photos", "--local", "nowhere"], "No local cloud is running"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_read(
    wrong: list[str], told: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(files / "a.jpg", *wrong) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--timeout", "0"], ["--timeout", "soon"], ["--top-k", "0"], ["--as", "pickle"]])
def test_an_option_that_cannot_be_is_wrong_usage(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        predict("a.jpg", "--endpoint", "http://h", *wrong)
    assert left.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_an_object_of_s3_is_read_and_sent(
    s3: Any, server: str, asked: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(Bucket="example-images", Key="single/a b.jpg", Body=b"pixels")
    assert predict("s3://example-images/single/a b.jpg", "--endpoint", server) == 0
    assert asked == [b"pixels"]
    assert capsys.readouterr().out.startswith("s3://example-images/single/a b.jpg\n")


def test_an_object_that_is_not_there_is_named(s3: Any, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("s3://example-images/none.jpg", "--endpoint", server) == 1
    assert "s3://example-images/none.jpg" in capsys.readouterr().err


def test_for_an_ensemble_only_the_place_is_sent(
    s3: Any, server: str, asked: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("s3://example-images/none.jpg", "--endpoint", server, "--as", "triton-path") == 0
    assert asked[0].endswith(b"s3://example-images/none.jpg")


def test_without_credentials_it_says_how_to_get_some(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    aws.forget_clients()
    assert predict(files / "a.jpg", files / "a.jpg", "--endpoint", "photos") == 1
    assert "There are no credentials to use" in capsys.readouterr().err
