"""What is uploaded of a folder that its job goes on changing."""

from pathlib import Path

from pipeline.local.sagemaker.transfers import OutputUpload


def test_a_file_that_is_renamed_during_a_sweep_is_uploaded_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b.partial").touch()
    uploaded = []

    class Bucket:
        """An S3 that is so slow that the job renames a file meanwhile."""

        def upload_file(self, path: str, bucket: str, key: str, **_: object) -> None:
            if key == "out/a":
                (tmp_path / "b.partial").rename(tmp_path / "b")
            uploaded.append(key)

    upload = OutputUpload(Bucket(), tmp_path, "s3://bucket/out/")
    upload.sweep(final=True)
    upload.sweep(final=True)
    assert uploaded == ["out/a", "out/b"]
