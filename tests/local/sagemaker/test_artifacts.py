"""Model archives, good and hostile."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.sagemaker.artifacts import unpack_model
from pipeline.local.sagemaker.transfers import TransferError

Pack = Callable[..., bytes]


class OneObject:
    """An S3 that holds one object."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def get_object(self, **asked: str) -> dict[str, Any]:
        if asked != {"Bucket": "b", "Key": "model.tar.gz"}:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "The key does not exist."}}, "GetObject")
        return {"Body": io.BytesIO(self._content)}


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_files_and_folders_are_unpacked(packed: Pack, tmp_path: Path) -> None:
    archive = packed(special("./", tarfile.DIRTYPE), ("./net.onnx", b"1"), ("code/é.py", b"2"))
    unpack_model(OneObject(archive), "s3://b/model.tar.gz", tmp_path / "model")
    found = {str(path.relative_to(tmp_path / "model")): path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert found == {"net.onnx": b"1", "code/é.py": b"2"}


@pytest.mark.parametrize("name", ["../outside", "code/../../outside", "/etc/outside"])
def test_a_name_that_leads_out_of_the_folder_is_refused(packed: Pack, tmp_path: Path, name: str) -> None:
    with pytest.raises(TransferError, match=f"holds '{name}', which leads out of the model's folder"):
        unpack_model(OneObject(packed((name, b"1"))), "s3://b/model.tar.gz", tmp_path / "model")
    assert not list(tmp_path.rglob("outside"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_neither_a_file_nor_a_folder_is_refused(packed: Pack, tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(TransferError, match="holds 'odd', which is neither a file nor a folder"):
        unpack_model(OneObject(packed(special("odd", kind, "/etc/passwd"))), "s3://b/model.tar.gz", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("broken", ["empty", "text", "truncated", "flipped"])
def test_what_is_no_archive_is_told_so(packed: Pack, tmp_path: Path, broken: str) -> None:
    good = packed(("net.onnx", bytes(range(256)) * 100))
    content = {
        "empty": b"",
        "text": b"version https://git-lfs.github.com/spec/v1",
        "truncated": good[: len(good) // 2],
        "flipped": good[:40] + bytes([good[40] ^ 0xFF]) + good[41:],
    }[broken]
    with pytest.raises(TransferError, match=r"Failed to unpack model data from 's3://b/model.tar.gz'.*gzip-compressed"):
        unpack_model(OneObject(content), "s3://b/model.tar.gz", tmp_path)


def test_an_archive_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="Failed to download model data from 's3://b/nix': The key does not exist"):
        unpack_model(OneObject(b""), "s3://b/nix", tmp_path)
