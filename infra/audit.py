"""Look for known faults in what the lock files pin: `python infra/audit.py LOCK...`, by pip-audit.

Exits with 1 where there is one. Where the advisories cannot be reached it says so, and exits with 0: a machine without
that network can find nothing out.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def main(locks: Sequence[str]) -> int:
    faults = 0
    for lock in locks:
        command = [
            str(Path(sys.executable).with_name("pip-audit")),
            "--requirement",
            lock,
            "--disable-pip",
            "--no-deps",
        ]
        quiet = ["--progress-spinner", "off", "--format", "json"]
        done = subprocess.run([*command, *quiet], capture_output=True, text=True, check=False)
        said = judge(lock, done.stdout, done.stderr)
        print(said[0])
        faults += said[1]
    return 1 if faults else 0


def judge(lock: str, output: str, error: str) -> tuple[str, int]:
    """What to say of a lock file, and how many faults there are, by what pip-audit wrote."""
    try:
        dependencies = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        return f"{lock}: not audited, the advisories cannot be reached: {_last_line(error)}", 0
    skipped = [each["name"] for each in dependencies if "skip_reason" in each]
    faulty = [(each, fault) for each in dependencies for fault in each.get("vulns", ())]
    lines = []
    for each, fault in faulty:
        mended = ", ".join(fault["fix_versions"]) or "no version yet"
        lines.append(f"{lock}: {each['name']} {each['version']} has {fault['id']}, mended in {mended}")
    if len(skipped) == len(dependencies):
        lines.append(f"{lock}: not audited, the advisories know none of its packages: is that the public registry?")
    else:
        lines.append(f"{lock}: {len(dependencies) - len(skipped)} packages, {len(faulty) or 'no'} known faults")
    return "\n".join(lines), len(faulty)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
