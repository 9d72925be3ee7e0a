"""What is an image by its name, and what is not."""

import pytest

from pipeline.runs.control_files import is_image, is_manifest, is_marker


@pytest.mark.parametrize("key", ["a.jpg", "no-suffix", "_READY.jpg", "not_READY", "_READY/a.jpg", "a.jsonl.jpg", "é\n"])
def test_most_names_are_of_images(key: str) -> None:
    assert is_image(key, "_READY")


@pytest.mark.parametrize("key", ["a/", "/", "_READY", "a/_READY", "//_READY", "a.manifest.json", "a/b.jsonl"])
def test_folders_and_what_steers_runs_are_none(key: str) -> None:
    assert not is_image(key, "_READY")


def test_a_marker_has_the_whole_name_and_another_name_is_none() -> None:
    assert [is_marker(key, "done") for key in ("done", "a/done", "a/undone", "done/", "_READY")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_manifest_is_told_by_its_whole_suffix() -> None:
    assert [is_manifest(key) for key in ("a.manifest.json", "manifest.json", "a.manifest.JSON")] == [True, False, False]
