"""checkov, in an environment of its own: it pins libraries that the product has newer."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from infra.gate.finding import Finding
from infra.gate.stack import ARTIFACTS, TEMPLATE

CHECK = "checkov"
CONFIGURATION = Path(__file__).with_name("checkov.yaml")


def executable() -> Path:
    """Where `make check` installs it: beside this environment's Python, in `security/`."""
    return Path(sys.prefix) / "security" / "bin" / "checkov"


def check(templates: Sequence[Path] = (TEMPLATE, ARTIFACTS)) -> Iterator[Finding]:
    """What checkov says of templates on disk. Raises OSError where it cannot be run."""
    named = [part for template in templates for part in ("--file", str(template))]
    command = [str(executable()), *named, "--config-file", str(CONFIGURATION), "--output", "json"]
    # It would ask for the newest version of itself, and for its guidelines.
    offline = {
        **os.environ,
        "CHECKOV_RUN_SCA_PACKAGE_SCAN_V2": "false",
        "BC_SKIP_MAPPING": "TRUE",
        "LOG_LEVEL": "ERROR",
    }
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=offline)
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise OSError(f"checkov could not be run: {done.stderr.strip()[-500:]}")
    reports: Any = json.loads(done.stdout)
    for report in reports if isinstance(reports, list) else [reports]:
        for failed in report.get("results", {}).get("failed_checks", ()):
            place = f"{Path(failed['file_path']).name}: {failed['resource']}"
            yield Finding(CHECK, place, f"{failed['check_name']} [{failed['check_id']}]")
