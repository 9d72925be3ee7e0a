"""`python -m infra.gate`: every check, a line for each finding, and 1 where there is one."""

import sys
import time
from collections.abc import Callable, Iterator

from infra.gate import definitions, lint, policies, roles, rules, scan
from infra.gate.finding import Finding
from infra.gate.stack import Stack


def main() -> int:
    stack = Stack.read()
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "definitions": lambda: definitions.check(stack),
        "policies": lambda: policies.check(stack),
        "roles": lambda: roles.check(stack),
        "rules": lambda: rules.check(stack),
        "cfn-lint": lambda: lint.check(stack),
        "checkov": scan.check,
    }
    findings = 0
    for name, check in checks.items():
        started = time.monotonic()
        found = list(check())
        for finding in found:
            print(finding)
        findings += len(found)
        print(f"{name}: {len(found) or 'nothing'} found, {time.monotonic() - started:.1f} s")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
