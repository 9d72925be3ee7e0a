"""The commands of `imagebatch`, one a module.

A module has `add_to(commands)`, which declares the command and its options and sets `command`, the function that is
called with them and answers the exit code. What a command needs is imported when it is called, not when it is declared:
`imagebatch --help` and a wrong option answer at once.
"""

import json
from collections.abc import Mapping
from typing import Any

EXIT_FAILED, EXIT_USAGE = 1, 2


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on standard output. What is no UTF-8 in it, as an argument may be, is escaped."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    print(text.encode(errors="backslashreplace").decode(), flush=True)
