"""Messages: subjects that SNS takes, bodies that a person understands, and keys that cannot pass for either."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.images.decode import Reason
from pipeline.results import messages

DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
RUN = {"run_id": "2026-11-20T0200-incoming-7f3a9c", "bucket": "example-results"}
# SNS API, Publish, `Subject`: "less than 100 characters long".
LONGEST_SUBJECT = 99


def summary(**changes: Any) -> dict[str, Any]:
    counts = {"listed": 1234, "passed_over": 1, "predicted": 1231, "rejected": 3, "failed": 0, "skipped": 0}
    return {
        "run_id": RUN["run_id"],
        "model": "tiny",
        "task": "classification",
        "sources": ["s3://example-images/incoming/"],
        "started_at": datetime(2026, 11, 20, tzinfo=UTC).isoformat(),
        "seconds": 192.4,
        "counts": counts | changes.pop("counts", {}),
        "top_labels": [{"label": "tabby cat", "images": 1000, "mean_score": 0.8}],
        "without_boxes": None,
        "rejected_by_reason": {"truncated": 2, "not_an_image": 1},
        "rejected_examples": [
            {
                "bucket": "example-images",
                "key": "incoming/a.jpg",
                "reason": "truncated",
                "detail": "image file is truncated",
            }
        ],
        "quarantine": {"policy": "leave", "set_apart": 0, "copies": None},
        "failed_by_error": {},
        "failed_examples": [],
        "results": "s3://example-results/runs/r/results/",
        **changes,
    }


def test_a_finished_run_is_told_in_full() -> None:
    message = messages.run_finished(summary())

    assert message == {
        "subject": "imagebatch: 1,231 predicted, 3 rejected (2026-11-20T0200-incoming-7f3a9c)",
        "body": """\
The run 2026-11-20T0200-incoming-7f3a9c has finished after 3 min 12 s.
Model tiny, over s3://example-images/incoming/.

  listed    1,234
  predicted 1,231
  rejected      3  truncated 2, not_an_image 1
  failed        0
  skipped       0

Most frequent labels
    1,000  tabby cat

Rejected images
  s3://example-images/incoming/a.jpg
    truncated: image file is truncated

What to do about rejected images
  truncated     Upload the file again: the upload broke off.
  not_an_image  Look at what writes to this prefix: something that is no image is uploaded there.
  When they are fixed, this predicts them: imagebatch replay 2026-11-20T0200-incoming-7f3a9c
  (with --stack NAME where the run was in AWS)

Results in s3://example-results/runs/r/results/
  predictions.parquet  one row for each predicted image
  rejected.csv         the images that are no good, and why
  summary.json         the counts above, and more
""",
    }


def test_a_run_that_predicted_nothing_says_so() -> None:
    message = messages.run_finished(
        summary(counts={"predicted": 0, "rejected": 0}, top_labels=[], rejected_examples=[])
    )

    assert message["subject"].startswith("imagebatch: 0 predicted (")
    assert "Most frequent labels" not in message["body"]


def test_failed_images_are_told_with_their_file() -> None:
    failed = {"bucket": "b", "key": "k", "error": "InvalidPrediction", "detail": "NaN"}
    message = messages.run_finished(summary(counts={"failed": 1}, failed_examples=[failed]))

    assert "1,231 predicted, 3 rejected, 1 failed" in message["subject"]
    assert "Images that could not be predicted\n  s3://b/k\n    InvalidPrediction: NaN" in message["body"]
    assert "failed.csv" in message["body"]


def test_more_images_than_a_message_shows_are_counted() -> None:
    example = summary()["rejected_examples"][0]
    message = messages.run_finished(summary(counts={"rejected": 312}, rejected_examples=[example] * 20))

    assert message["body"].count("incoming/a.jpg") == 10
    assert "and 302 more, in rejected.csv" in message["body"]


@pytest.mark.parametrize(
    ("policy", "set_apart", "told"),
    [
        ("copy", 3, "  Copied to s3://r/quarantine/: 3 of 3\n"),
        ("copy", 1, "  Copied to s3://r/quarantine/: 1 of 3; rejected.csv says why not the others\n"),
        ("tag", 3, "  Tagged imagebatch-quarantine: 3 of 3\n"),
    ],
)
def test_a_message_says_where_rejected_images_are(policy: str, set_apart: int, told: str) -> None:
    quarantine = {
        "policy": policy,
        "set_apart": set_apart,
        "copies": "s3://r/quarantine/" if policy == "copy" else None,
    }

    assert told in messages.run_finished(summary(quarantine=quarantine))["body"]


def test_there_is_a_hint_for_every_reason_and_the_documentation_gives_it() -> None:
    assert set(messages.HINTS) == set(Reason)
    assert [hint for hint in messages.HINTS.values() if f"| {hint}" not in DOCUMENTATION] == []


@given(key=st.text(), detail=st.text(), label=st.text(min_size=1))
def test_a_key_adds_no_line_to_a_message(key: str, detail: str, label: str) -> None:
    plain, strange = (
        messages.run_finished(
            summary(
                top_labels=[{"label": a_label, "images": 1, "mean_score": 1}],
                rejected_examples=[{"bucket": "b", "key": a_key, "reason": "corrupt", "detail": words}],
            )
        )["body"]
        for a_key, words, a_label in (("k", "d", "l"), (key, detail, label))
    )

    assert len(strange.splitlines()) == len(plain.splitlines())
    # Writing from the right is isolated, by two marks that do not print.
    assert strange.translate({0x2068: None, 0x2069: None, ord("\n"): None}).isprintable()


@given(name=st.text(max_size=200))
def test_a_subject_is_one_that_sns_takes(name: str) -> None:
    subject = messages.run_finished(summary(run_id=name))["subject"]

    assert 0 < len(subject) <= LONGEST_SUBJECT
    assert subject.isascii()
    assert subject.isprintable()
