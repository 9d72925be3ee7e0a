"""What becomes of rejected images in a whole run: copies, tags, and objects that S3 itself refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PHOTO = (ROOT / "examples" / "photos" / "garden" / "daisy.jpg").read_bytes()
WORDS = b"404: there is no such photo"
HOSTILE = "\n\u202egpj.../'\"%2F+<b>"


@pytest.fixture(scope="module")
def stack(deployed: Callable[..., Any]) -> Any:
    """A stack whose policy is to tag, with one good image and three that are none."""
    deployment = deployed(Quarantine="tag", DefaultPrefix="")
    deployment.put({"good.png": PHOTO, "words.jpg": WORDS, HOSTILE: PHOTO[:2000]})
    images = deployment.stack.outputs["ImagesBucket"]
    deployment.s3.put_object(Bucket=images, Key="archived.jpg", Body=PHOTO, StorageClass="DEEP_ARCHIVE")
    return deployment


@pytest.fixture(scope="module")
def copied(stack: Any) -> Any:
    """A run whose input asks for copies."""
    return stack.run(quarantine="copy")


def tags_of(stack: Any, key: str) -> dict[str, str]:
    images = stack.stack.outputs["ImagesBucket"]
    return {tag["Key"]: tag["Value"] for tag in stack.s3.get_object_tagging(Bucket=images, Key=key)["TagSet"]}


def test_each_rejected_image_has_its_reason(copied: Any) -> None:
    assert {key: row["reason"] for key, row in copied.rejected.items()} == {
        "words.jpg": "not_an_image",
        HOSTILE: "truncated",
        "archived.jpg": "unreadable",
    }


def test_a_copy_holds_what_was_rejected(stack: Any, copied: Any) -> None:
    results = stack.stack.outputs["ResultsBucket"]
    for key, body in {"words.jpg": WORDS, HOSTILE: PHOTO[:2000]}.items():
        row = copied.rejected[key]
        assert row["quarantined"] == f"s3://{results}/quarantine/{row['reason']}/{key}"
        assert stack.s3.get_object(Bucket=results, Key=f"quarantine/{row['reason']}/{key}")["Body"].read() == body


def test_an_archived_image_is_told_with_its_class_and_why_there_is_no_copy(copied: Any) -> None:
    row = copied.rejected["archived.jpg"]

    assert row["detail"].startswith("InvalidObjectState: ")
    assert "(DEEP_ARCHIVE). It is archived: restore it" in row["detail"]
    assert row["quarantined"].startswith("not copied: ObjectNotInActiveTierError: ")


def test_a_name_that_lies_costs_an_image_nothing(copied: Any) -> None:
    assert copied.predicted.keys() == {"good.png"}


def test_rejected_images_are_tagged_and_the_good_one_is_not(stack: Any) -> None:
    ended = stack.run()

    run_id = ended.predicted["good.png"]["run_id"]
    assert tags_of(stack, HOSTILE) == {"imagebatch-quarantine": "truncated", "imagebatch-run": run_id}
    assert tags_of(stack, "good.png") == {}
    # Also one that cannot be read: tags are no part of its archived bytes.
    assert {row["quarantined"] for row in ended.rejected.values()} == {"tagged"}


def test_copies_come_out_as_files_that_stay_in_their_folder(imagebatch: Callable[..., Any], tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "in").mkdir(parents=True)
    (photos / "in" / "words\n\u202egpj.jpg").write_bytes(WORDS)
    (photos / "in" / "good.jpg").write_bytes(PHOTO)

    finished = imagebatch("run", photos, "--quarantine", "copy", "--out", tmp_path / "out", "--json")

    assert finished.code == 0, finished.stderr
    (copy,) = (path for path in (finished.results / "quarantine").rglob("*") if path.is_file())
    assert copy.relative_to(finished.results).as_posix() == "quarantine/not_an_image/in/words%0A%E2%80%AEgpj.jpg"
    assert copy.read_bytes() == WORDS
