"""The sentence in a `Cause`: Step Functions hands over what the failed service said, which is often a JSON document.

Lambda                              {"errorMessage": "...", "errorType": "...", "stackTrace": [...]}
a SageMaker job that ran (.sync)    the job's description: {"ExitMessage": "...", "FailureReason": "...", ...}
"""

import json

_SENTENCES = ("ExitMessage", "FailureReason", "errorMessage")
_LONGEST = 2000


def readable(cause: str | None) -> str:
    """What a person needs of a `Cause`: one sentence or a few, at most 2,000 characters."""
    text = cause or ""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        found = [str(document[name]) for name in _SENTENCES if document.get(name)]
        text = "; ".join(dict.fromkeys(found)) or text
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
