"""awscrt, which botocore signs by wherever it is installed: here for users of `aws login`, and for nobody else."""

import subprocess
import sys
from collections.abc import Callable
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


@pytest.fixture
def status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """What `imagebatch status` says to a user of a profile, who has no credentials that are good."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("BOTO_DISABLE_CRT", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "me")
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(profile: str) -> str:
        (tmp_path / "config").write_text(f"[profile me]\nregion = us-east-1\n{profile}\n")
        script = (
            "import atexit, sys\n"
            "atexit.register(lambda: print('loaded:', __import__('botocore.compat').compat.HAS_CRT, file=sys.stderr))\n"
            "sys.argv = ['imagebatch', 'status', '2026-11-20T0200-incoming-7f3a9c']\n"
            "from pipeline import cli\n"
            "cli.process()"
        )
        return python(script).stderr

    return run


def test_the_credentials_of_aws_login_are_not_missing_awscrt(status: Callable[[str], str]) -> None:
    """They are signed by awscrt alone, and botocore would say to install it."""
    said = status("login_session = arn:aws:iam::123456789012:user/me")
    assert "login" in said
    assert "botocore[crt]" not in said
    assert "loaded: True" in said


def test_nobody_else_has_requests_signed_by_awscrt(status: Callable[[str], str]) -> None:
    assert "loaded: False" in status("credential_process = false")
