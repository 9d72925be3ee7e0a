"""The message that people get when a run has finished: a subject and a body, as plain text.

A subject obeys SNS: less than 100 characters of printable ASCII, no line breaks (SNS API, Publish, `Subject`). Keys of
images are other people's text: in a body, whatever does not print (line breaks, marks that turn the writing direction)
is escaped, so that a key cannot pass for a line of the message.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.costs.telling import summary_lines
from pipeline.durations import duration
from pipeline.given import printable
from pipeline.message_text import shown

LONGEST_SUBJECT = 99
_EXAMPLES = 10
# A message stands in several forms in what is published, which may have 256 KB; escaped, a key may have 10 KB.
_LONGEST_KEY, _LONGEST_LABEL, _LONGEST_DETAIL = 200, 100, 160

_FILES = {
    "predictions.parquet": "one row for each predicted image",
    "arrays/": "the model's whole answers, which its rows name",
    "rejected.csv": "the images that are no good, and why",
    "failed.csv": "the images that could not be predicted, and why",
    "summary.json": "the counts above, and more",
}

_REASONS_TOLD = 5
# What to do about a reason of pipeline/images/decode.py. docs/results.md says the same, and more.
HINTS = {
    "empty": "Upload the file again: the upload made the object and sent nothing.",
    "not_an_image": "Look at what writes to this prefix: something that is no image is uploaded there.",
    "format_not_allowed": "Convert the file, or allow its format.",
    "truncated": "Upload the file again: the upload broke off.",
    "corrupt": "Export the picture again from its source: these bytes are damaged.",
    "too_many_pixels": "Upload it smaller, or raise the limit.",
    "too_many_bytes": "Upload it smaller, or raise the limit.",
    "too_small": "Upload the original in place of a thumbnail, or lower the limit.",
    "animated": "Upload a still picture, or take the first frame.",
    "unreadable": "Give access, enable the key, or restore the object: its detail says which.",
    "crashes_decoder": "Export the picture again from its source, and do not open it on a machine that matters.",
    "decode_timeout": "Export the picture again from its source: this file keeps a decoder busy without end.",
}


def run_finished(summary: Mapping[str, Any]) -> dict[str, str]:
    """The message about a run that succeeded; `summary` is summary.json."""
    paragraphs = [
        [
            f"The run {summary['run_id']} has finished after {duration(summary['seconds'])}.",
            f"Model {summary['model']}, over {_few(summary['sources'])}.",
        ],
        _counts(summary),
        _labels(summary["top_labels"], summary["without_boxes"]),
        _rejected(summary),
        _what_to_do(summary),
        _failed(summary),
        summary_lines(summary.get("cost")),
        _files(summary),
    ]
    return make(counted(summary), paragraphs)


def counted(summary: Mapping[str, Any]) -> str:
    """What the run came to, in one line: a subject."""
    counts = summary["counts"]
    told = ", ".join(
        f"{counts[name]:,} {name}"
        for name in ("predicted", "rejected", "failed", "skipped")
        if counts[name] or name == "predicted"
    )
    return f"imagebatch: {told} ({summary['run_id']})"


def _counts(summary: Mapping[str, Any]) -> list[str]:
    counts = summary["counts"]
    width = len(f"{counts['listed']:,}")
    why = {"rejected": summary["rejected_by_reason"], "failed": summary["failed_by_error"]}
    lines = []
    for name in ("listed", "predicted", "rejected", "failed", "skipped"):
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in why.get(name, {}).items())
        lines.append(f"  {name:<10}{counts[name]:>{width},}  {reasons}".rstrip())
    return lines


def _labels(labels: Sequence[Mapping[str, Any]], without_boxes: int | None) -> list[str]:
    lines = [f"  {row['images']:>7,}  {shown(row['label'], _LONGEST_LABEL)}{_boxes(row)}" for row in labels[:_EXAMPLES]]
    if without_boxes:
        lines.append(f"  {without_boxes:>7,}  without a box")
    return ["Most frequent labels", *lines] if lines else []


def _boxes(row: Mapping[str, Any]) -> str:
    """How often a label was found in how few images: a detector finds several in one."""
    return f", {row['boxes']:,} boxes" if row.get("boxes", 0) > row["images"] else ""


def _rejected(summary: Mapping[str, Any]) -> list[str]:
    examples = [
        (image["bucket"], image["key"], image["reason"], image["detail"]) for image in summary["rejected_examples"]
    ]
    return _images("Rejected images", examples, summary["counts"]["rejected"], "rejected.csv")


def _what_to_do(summary: Mapping[str, Any]) -> list[str]:
    """About the reasons that rejected most images; where those images are; and how to take them up again."""
    reasons = list(summary["rejected_by_reason"])[:_REASONS_TOLD]
    if not reasons:
        return []
    width = max(map(len, reasons))
    return [
        "What to do about rejected images",
        *(f"  {reason:<{width}}  {HINTS[reason]}" for reason in reasons),
        *_set_apart(summary["quarantine"], summary["counts"]["rejected"]),
        f"  When they are fixed, this predicts them: imagebatch replay {summary['run_id']}",
        "  (with --stack NAME where the run was in AWS)",
    ]


def _set_apart(quarantine: Mapping[str, Any], rejected: int) -> list[str]:
    if quarantine["policy"] == "leave":
        return []
    done = f"Copied to {quarantine['copies']}" if quarantine["policy"] == "copy" else "Tagged imagebatch-quarantine"
    told = f"  {done}: {quarantine['set_apart']:,} of {rejected:,}"
    return [told if quarantine["set_apart"] == rejected else f"{told}; rejected.csv says why not the others"]


def _failed(summary: Mapping[str, Any]) -> list[str]:
    examples = [
        (image["bucket"], image["key"], image["error"], image["detail"]) for image in summary["failed_examples"]
    ]
    return _images("Images that could not be predicted", examples, summary["counts"]["failed"], "failed.csv")


def _images(title: str, examples: Sequence[tuple[str, str, str, str]], count: int, file: str) -> list[str]:
    if not examples:
        return []
    lines = [title]
    for bucket, key, reason, detail in examples[:_EXAMPLES]:
        lines.append(f"  s3://{bucket}/{shown(key, _LONGEST_KEY)}")
        lines.append(f"    {reason}: {_shortened(printable(detail))}")
    if count > _EXAMPLES:
        lines.append(f"  and {count - _EXAMPLES:,} more, in {file}")
    return lines


def _files(summary: Mapping[str, Any]) -> list[str]:
    absent = set() if summary["counts"]["failed"] else {"failed.csv"}
    if summary["task"] != "raw":
        absent.add("arrays/")
    names = [name for name in _FILES if name not in absent]
    return [f"Results in {summary['results']}", *(f"  {name:<21}{_FILES[name]}" for name in names)]


def make(subject: str, paragraphs: Sequence[Sequence[str]]) -> dict[str, str]:
    """`{"subject", "body"}` of paragraphs, which are lists of lines; empty ones are left out."""
    ascii_subject = "".join(letter if " " <= letter <= "~" else "?" for letter in subject)
    if len(ascii_subject) > LONGEST_SUBJECT:
        ascii_subject = f"{ascii_subject[: LONGEST_SUBJECT - 3]}..."
    body = "\n\n".join("\n".join(paragraph) for paragraph in paragraphs if paragraph)
    return {"subject": ascii_subject, "body": f"{body}\n"}


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_DETAIL else f"{text[: _LONGEST_DETAIL - 3]}..."


def _few(sources: Sequence[str]) -> str:
    named = ", ".join(shown(source, _LONGEST_KEY) for source in sources[:3])
    return named if len(sources) <= 3 else f"{named} and {len(sources) - 3} more"
