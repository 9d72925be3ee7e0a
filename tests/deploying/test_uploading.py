"""Uploads: what is there is not written again, and what has changed is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.deploying.uploading import Uploads
from pipeline.local.cloud import LocalCloud

BUCKET = "uploads"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """S3 with a bucket that encrypts with a key of KMS: the same bytes have another ETag each time."""
    with LocalCloud() as cloud:
        client: Any = cloud.client("s3")
        client.create_bucket(Bucket=BUCKET)
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
        client.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
        yield client


def etag(s3: Any, key: str) -> str:
    return str(s3.head_object(Bucket=BUCKET, Key=key)["ETag"])


def test_a_model_that_is_deployed_again_keeps_the_etags_by_which_runs_know_it(s3: Any, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"weights")
    said: list[str] = []
    uploads = Uploads(s3, BUCKET, said.append)
    uploads.replace(file, "models/a/model.onnx")
    before = etag(s3, "models/a/model.onnx")

    uploads.replace(file, "models/a/model.onnx")

    assert (etag(s3, "models/a/model.onnx"), len(said)) == (before, 1)


def test_a_model_that_has_changed_is_replaced(s3: Any, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    uploads = Uploads(s3, BUCKET, lambda _: None)
    for weights in (b"one", b"two"):
        file.write_bytes(weights)
        uploads.replace(file, "models/b/model.onnx")

    assert s3.get_object(Bucket=BUCKET, Key="models/b/model.onnx")["Body"].read() == b"two"


def test_what_lies_there_of_somebody_else_s_is_replaced(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket=BUCKET, Key="models/c/model.onnx", Body=b"weights")
    file = tmp_path / "model.onnx"
    file.write_bytes(b"weights")
    before = etag(s3, "models/c/model.onnx")

    Uploads(s3, BUCKET, lambda _: None).replace(file, "models/c/model.onnx")

    assert etag(s3, "models/c/model.onnx") != before


def test_what_is_named_after_its_content_is_sent_once(s3: Any, tmp_path: Path) -> None:
    file = tmp_path / "code.zip"
    file.write_bytes(b"code")
    said: list[str] = []
    uploads = Uploads(s3, BUCKET, said.append)

    first, second = uploads.file(file, "functions/"), uploads.file(file, "functions/")

    assert first == second
    assert len(said) == 1
