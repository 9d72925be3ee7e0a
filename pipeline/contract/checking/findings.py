"""What a check found: one sentence a check, with how it came out."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """`note` is for what a person should know and may well be right."""

    OK = "ok"
    WRONG = "wrong"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """`section` is what was looked at: schema, practice, labels, model, signature, probe, photos, neighbours."""

    section: str
    outcome: Outcome
    sentence: str

    def to_json(self) -> dict[str, str]:
        return asdict(self)


def ok(section: str, sentence: str) -> Finding:
    return Finding(section, Outcome.OK, sentence)


def wrong(section: str, sentence: str) -> Finding:
    return Finding(section, Outcome.WRONG, sentence)


def note(section: str, sentence: str) -> Finding:
    return Finding(section, Outcome.NOTE, sentence)
