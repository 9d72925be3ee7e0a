"""What runs leave behind gives no credentials away: logs of functions and jobs, histories, results, messages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PHOTO = (Path(__file__).resolve().parents[2] / "examples" / "photos" / "garden" / "daisy.jpg").read_bytes()
# A function's access key, its secret and its session token in this cloud, and what a signed URL or request consists of.
SECRETS = (b"local-role.", b"local-secret", b"local-token", b"X-Amz-Signature", b"X-Amz-Security-Token", b"AWS4-HMAC")
LEAK = """
import os, boto3
from botocore.config import Config

def handler(event, context):
    print(dict(os.environ))
    s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
    print(s3.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "a.jpg"}))
"""


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    return deployed(LogLevel="DEBUG")


def given_away(folder: Path) -> set[tuple[str, bytes]]:
    """The files below a folder that have a secret in them, each with the secret."""
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {(str(path.relative_to(folder)), each) for path, body in files.items() for each in SECRETS if each in body}


def test_runs_that_end_well_and_badly_give_no_credentials_away(deployment: Any) -> None:
    deployment.put({"incoming/a.jpg": PHOTO, "incoming/half.jpg": PHOTO[:2000]})
    ended = [deployment.run(), deployment.run(model="none"), deployment.run(prefixes=7)]

    assert [each.status for each in ended] == ["SUCCEEDED", "FAILED", "FAILED"]
    assert given_away(deployment.cloud.state_dir) == set()


def test_what_a_function_gives_away_would_be_found(deployment: Any, tmp_path: Path) -> None:
    (tmp_path / "leak.py").write_text(LEAK, encoding="utf-8")
    functions = deployment.cloud.client("lambda")
    functions.create_function(
        FunctionName="leak",
        Runtime="python3.13",
        Role="arn:aws:iam::123456789012:role/leak",
        Handler="leak.handler",
        Timeout=60,
        Code={"S3Bucket": "local-source", "S3Key": str(tmp_path)},
    )
    functions.invoke(FunctionName="leak")

    assert {secret for _, secret in given_away(deployment.cloud.state_dir)} == set(SECRETS)
