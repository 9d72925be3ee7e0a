"""cfn-lint, on the template as it is written and on what SAM makes of it, with the definitions inlined."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.gate.finding import Finding
from infra.gate.stack import Stack

CHECK = "cfn-lint"
_OF_THE_TRANSLATED = ("W1033",)  # as in the template's own Metadata
# The language gives a Succeed state an OutputPath ("Succeed State"); cfn-lint's schema does not.
_MISTAKEN = "Additional properties are not allowed ('OutputPath' was unexpected)"


def check(stack: Stack) -> Iterator[Finding]:
    """What cfn-lint says of a template on disk, and of what SAM makes of it."""
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        translated = Path(folder) / f"{stack.path.stem}-translated.json"
        translated.write_text(json.dumps(stack.translated, indent=1), encoding="utf-8")
        yield from files([stack.path], [])
        yield from files([translated], _OF_THE_TRANSLATED)


def files(templates: Sequence[Path], ignored: Sequence[str]) -> Iterator[Finding]:
    """What cfn-lint says of templates on disk. Raises OSError where it cannot be run."""
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--format", "json", *map(str, templates)]
    options = ["--ignore-checks", *ignored] if ignored else []
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if not done.stdout.strip().startswith("["):
        raise OSError(f"cfn-lint could not be run: {done.stderr.strip() or done.stdout.strip()}")
    for found in json.loads(done.stdout):
        if found["Rule"]["Id"] == "E3601" and found["Message"].startswith(_MISTAKEN):
            continue
        place = "/".join(map(str, found["Location"].get("Path") or [])) or "the template"
        yield Finding(CHECK, f"{Path(found['Filename']).name}: {place}", f"{found['Message']} [{found['Rule']['Id']}]")
