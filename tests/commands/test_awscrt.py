"""awscrt, which botocore loads wherever it is installed: for who calls AWS, and not for a run over a folder."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("awscrt")


def python(script: str) -> subprocess.CompletedProcess[str]:
    """A script in an interpreter of its own: what botocore has found out stays in this one."""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)


def test_botocore_is_loaded_without_awscrt_which_others_have_still() -> None:
    ended = python(
        "from pipeline.commands.local import load_botocore_without_awscrt\n"
        "load_botocore_without_awscrt()\n"
        "import sys, botocore.auth, botocore.compat, botocore.httpchecksum\n"
        "assert not botocore.compat.HAS_CRT and 'awscrt' not in sys.modules\n"
        "from pipeline.local.buckets.checksums import checksum_of\n"
        "print(checksum_of('CRC64NVME', b'123456789').value)"
    )
    assert (ended.stdout, ended.stderr) == ("rosUhgp5mIg=\n", "")


def test_the_credentials_of_aws_login_are_not_missing_awscrt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are signed by awscrt alone, and botocore would say to install it."""
    config = tmp_path / "config"
    config.write_text("[profile me]\nlogin_session = arn:aws:iam::123456789012:user/me\nregion = us-east-1\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "me")
    monkeypatch.setenv("HOME", str(tmp_path))
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "status", "2026-11-20T0200-incoming-7f3a9c"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode != 0
    assert "login" in ended.stderr
    assert "botocore[crt]" not in ended.stderr
