"""What people and programs are told about a single image: an SNS message, in a form for each protocol.

    [single/a.jpg] is a: daisy (0.93)                       at the certainty threshold, and above it
    [single/a.jpg] may be a: daisy (0.41), or tulip (0.38)  below
    [single/a.jpg] was rejected: truncated                  the image is no good

Text goes to people and ends with a signed URL of the image; SMS gets the first line only, in 140 characters; queues,
functions and web hooks get JSON. A subject is less than 100 characters of printable ASCII (SNS API, Publish,
`Subject`). Keys and labels are other people's text, and are shown as pipeline/message_text.py says.

The `id` is the same for the same image: events are delivered at least once, and a receiver that minds knows a second
message by it. It is in the JSON, and an attribute of the message.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.inference.predictions import Ranked
from pipeline.message_text import LONGEST_SMS, PROGRAMS, in_sms, plain, shown
from pipeline.names import fingerprint
from pipeline.results.messages import LONGEST_SUBJECT
from pipeline.single.images import Image
from pipeline.single.signing import Link

MOST_LABELS = 10
"""Of a message: it is five texts, which together may have 256 KB (SNS API, Publish, `Message`)."""

_LONGEST_KEY, _LONGEST_LABEL, _LONGEST_DETAIL = 300, 100, 500
_PLAIN_LABEL, _LABELS_IN_SHORT = 30, 2


@dataclass(frozen=True, slots=True)
class Message:
    """An SNS message. `body` is JSON with a text for each protocol (SNS API, Publish, `MessageStructure`)."""

    subject: str
    body: str
    outcome: str
    """`predicted` or `rejected`."""
    id: str
    document: Mapping[str, Any]
    """What programs get."""

    def to_json(self) -> dict[str, str]:
        """What a state machine publishes."""
        return {"subject": self.subject, "body": self.body, "outcome": self.outcome, "id": self.id}


def predicted(image: Image, top: Sequence[Ranked], threshold: float, link: Link, facts: Mapping[str, Any]) -> Message:
    """The message about an answer, the best label first; `facts` is what programs are told beside."""
    is_certain = bool(top) and top[0].score >= threshold
    paragraphs = [shown(image.uri, _LONGEST_KEY), f"{link.sentence}\n{link.url}"]
    document = {
        "certain": is_certain,
        "threshold": threshold,
        "labels": [asdict(each) for each in top],
        **facts,
        "url": link.url,
        "url_expires": link.expires.isoformat(timespec="seconds"),
    }

    def words(labels: Sequence[str]) -> str:
        if not top:
            return "shows nothing that the model knows"
        scored = [f"{label} ({each.score:.2f})" for label, each in zip(labels, top, strict=False)]
        return f"is a: {scored[0]}" if is_certain else f"may be a: {_alternatives(scored)}"

    said = words([shown(each.label, _LONGEST_LABEL) for each in top])
    short = words([plain(each.label, _PLAIN_LABEL) for each in top[:_LABELS_IN_SHORT]])
    return _message("predicted", image, said, short, paragraphs, document)


def rejected(image: Image, reason: str, detail: str) -> Message:
    """The message about an image that is no good. It has no link: what is broken on purpose is not to be opened."""
    paragraphs = [shown(detail, _LONGEST_DETAIL), shown(image.uri, _LONGEST_KEY)]
    words = f"was rejected: {reason}"
    return _message("rejected", image, words, words, paragraphs, {"reason": reason, "detail": detail})


def identity(image: Image) -> str:
    """What is the same in every message about the same bytes under the same key."""
    return fingerprint(image.bucket, image.key, image.etag)


def _message(
    outcome: str, image: Image, said: str, short: str, paragraphs: Sequence[str], document: Mapping[str, Any]
) -> Message:
    text = "\n\n".join([f"[{shown(image.key, _LONGEST_KEY)}] {said}", *paragraphs])
    known = identity(image)
    document = {"id": known, "outcome": outcome, "image": image.to_json(), **document}
    # In ASCII: a queue refuses some characters that a key may have, U+FFFE for one.
    data = json.dumps(document, allow_nan=False)
    forms = {"default": text, "email": text, "sms": _sms(image.key, short), **dict.fromkeys(PROGRAMS, data)}
    name = plain(image.key.rpartition("/")[2], 40)
    subject = plain(f"imagebatch: [{name}] {short}", LONGEST_SUBJECT)
    return Message(subject, json.dumps(forms, ensure_ascii=False), outcome, known, document)


def _sms(key: str, short: str) -> str:
    """The key gets the room that the answer leaves it; a bracket is two characters of an SMS."""
    answer = in_sms(short, 95)
    return f"[{in_sms(key, LONGEST_SMS - len(answer) - len('[[]] '))}] {answer}"


def _alternatives(scored: Sequence[str]) -> str:
    """`A`; `A, or B`; `A, B, or C`."""
    return ", or ".join([", ".join(scored[:-1]), scored[-1]] if len(scored) > 1 else scored)
