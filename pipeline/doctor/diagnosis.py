"""Lines in, findings out: each failure once, with how often it was seen, where first, and on which objects.

Memory does not grow with the log: of a failure seen ten thousand times the first line, a count and a few keys are kept.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipeline.doctor.ailments import AILMENTS
from pipeline.doctor.inputs import Line
from pipeline.doctor.signs import Ailment, Depth, squeezed

MOST_OBJECTS = 3
_BEFORE, _AFTER = 100, 300
# A message that was broken over lines continues in the next ones: ONNX Runtime's takes four.
_WINDOW = 5
_LOOKS_LIKE_AN_ERROR = re.compile(
    r"(error|exception)\b|\b(fatal|fail(ed|ure)?|critical|refused|denied|panic|abort(ed)?)\b", re.IGNORECASE
)
# Looked through for every line of a log: as flat as can be.
_SIGNS = [(sign.anchor, known, sign) for known in AILMENTS for sign in known.signs]
_TRACEBACK = "Traceback (most recent call last)"
_OBJECTS = (
    re.compile(r"""["'](s3://[^"']{3,1100})["']"""),
    re.compile(r"(s3://[^\s\"'<>]{3,1100})"),
    # A batch transform's data log: `<time>:[sagemaker logs]: bucket/key: message`.
    re.compile(r"\[sagemaker logs\]: ([a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1024}?): "),
)


@dataclass
class Finding:
    """A failure that was recognised. `objects` are the first few that its lines name."""

    ailment: Ailment
    first: Line
    example: str
    position: int
    count: int = 0
    objects: list[str] = field(default_factory=list)

    def add(self, line: Line) -> None:
        self.count += 1
        for found in _objects_in(line):
            if found not in self.objects and len(self.objects) < MOST_OBJECTS:
                self.objects.append(found)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`findings`, the likeliest cause first; where there is none, the first line that looks like an error."""

    findings: tuple[Finding, ...]
    unexplained: Line | None
    lines: int


def diagnose(lines: Iterable[Line]) -> Diagnosis:
    """What is known about the failures in these lines, which are read once and not kept."""
    findings: dict[str, Finding] = {}
    suspicious = _FirstError()
    position = 0
    for position, window in enumerate(_windows(lines), start=1):
        suspicious.see(window[0])
        for known, example in _recognised(window):
            finding = findings.setdefault(known.name, Finding(known, window[0], example, position))
            finding.add(window[0])
    ordered = sorted(findings.values(), key=lambda finding: (finding.ailment.depth, finding.position))
    return Diagnosis(tuple(ordered), None if ordered else suspicious.line, position)


def _windows(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Each line with the few that follow it in the same source."""
    held: deque[Line] = deque()
    for line in lines:
        held.append(line)
        if len(held) == _WINDOW:
            yield list(held)
            held.popleft()
    while held:
        yield list(held)
        held.popleft()


def _recognised(window: list[Line]) -> list[tuple[Ailment, str]]:
    """The failures whose message begins in the window's first line, and their words.

    Where two lay claim to the same words, the one that stands first in AILMENTS has them: it is the more specific. A
    line that tells a cause is no mere symptom of another, and of several symptoms it is the first.
    """
    first = window[0]
    haystack = squeezed(first.text)
    candidates = [(known, sign) for anchor, known, sign in _SIGNS if anchor in haystack]
    if not candidates:
        return []
    text = " ".join(_cleaned(line.text) for line in window if line.source == first.source)
    length = len(_cleaned(first.text))
    taken: list[tuple[int, int]] = []
    told: dict[str, tuple[Ailment, str]] = {}
    for known, sign in candidates:
        match = sign.pattern.search(text)
        if match and match.start() <= length and known.name not in told and not _overlaps(match.span(), taken):
            taken.append(match.span())
            # A line that ends with the name of an error is explained by the next.
            told[known.name] = known, _surroundings(text[:length] if match.end() < length else text, *match.span())
    causes = [each for each in told.values() if each[0].depth is not Depth.SYMPTOM]
    return causes or list(told.values())[:1]


def _surroundings(text: str, start: int, end: int) -> str:
    """A message with a little of what stands around it: it often names the limit, the role, the file."""
    first, last = max(0, start - _BEFORE), end + _AFTER
    before, after = "..." if first else "", "..." if last < len(text) else ""
    return f"{before}{text[first:last].strip()}{after}"


def _overlaps(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in taken)


def _cleaned(text: str) -> str:
    """Without what JSON and syslog make of quotes, tabs and line breaks."""
    for escaped, plain in (('\\"', '"'), ("\\n", " "), ("\\t", " "), ("#011", " "), ("#012", " ")):
        text = text.replace(escaped, plain)
    return text


def _objects_in(line: Line) -> Iterator[str]:
    if line.object_uri:
        yield line.object_uri
        return
    text = _cleaned(line.text)
    for pattern in _OBJECTS:
        if found := pattern.search(text):
            uri = found[1] if found[1].startswith("s3://") else f"s3://{found[1]}"
            yield uri.rstrip(".,;:)]}")
            return


class _FirstError:
    """The first line that looks like an error; of a traceback, the line in which it ends."""

    def __init__(self) -> None:
        self.line: Line | None = None
        self._in_traceback = False

    def see(self, line: Line) -> None:
        if self.line is not None:
            return
        if _TRACEBACK in line.text:
            self._in_traceback = True
        elif self._in_traceback:
            # The lines of a traceback are indented; the error is not.
            if line.text[:1].strip():
                self.line = line
        elif _LOOKS_LIKE_AN_ERROR.search(line.text):
            self.line = line
