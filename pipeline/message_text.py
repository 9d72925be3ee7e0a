"""Other people's text (keys, labels, details) as a message may show it."""

import unicodedata

from pipeline.given import printable

LONGEST_SMS = 140
"""Characters of ASCII that are one SMS (SNS API, Publish, `Message`)."""
PROGRAMS = ("sqs", "lambda", "http", "https", "firehose")
"""Protocols of SNS whose receivers are programs."""

_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_FROM_THE_RIGHT = {"R", "AL", "AN"}
# What takes two characters in GSM's alphabet, or is not in it (3GPP TS 23.038, 6.2.1).
_IN_SMS = str.maketrans("[]{}\\|^~`", "()()//'-'")


def shown(text: str, longest: int) -> str:
    """`text` on one line of at most `longest` characters and a few, cut in the middle: a key ends in the file's name.

    What does not print is escaped. Writing from the right is isolated, so that it does not turn around what stands
    beside it (Unicode Standard Annex 9, 2.4).
    """
    line = _cut(printable(text), longest)
    if any(unicodedata.bidirectional(letter) in _FROM_THE_RIGHT for letter in line):
        return f"{_FIRST_STRONG_ISOLATE}{line}{_POP_ISOLATE}"
    return line


def plain(text: str, longest: int) -> str:
    """`text` in at most `longest` characters of printable ASCII: accents are dropped, other letters become "?"."""
    letters = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return _cut("".join(letter if " " <= letter <= "~" else "?" for letter in letters), longest)


def in_sms(text: str, longest: int) -> str:
    """`text` as `plain` makes it, of characters that count as one each in an SMS."""
    return plain(text, longest).translate(_IN_SMS)


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    end = (longest - 3) * 2 // 3
    return f"{text[: longest - 3 - end]}...{text[len(text) - end :]}"
