"""What a check has to say."""

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong: which check says so, of what, and why."""

    check: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text} ({self.check})"
