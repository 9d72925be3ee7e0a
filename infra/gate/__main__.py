"""`python -m infra.gate`: every check, a line for each finding, and 1 where there is one."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from infra.gate import definitions, lint, policies, roles, rules, scan
from infra.gate.finding import Finding
from infra.gate.stack import ARTIFACTS, Stack


def main() -> int:
    stacks = [Stack.read(), Stack.read(ARTIFACTS)]
    of_a_stack: dict[str, Callable[[Stack], Iterator[Finding]]] = {
        "definitions": definitions.check,
        "policies": policies.check,
        "roles": roles.check,
        "rules": rules.check,
        "cfn-lint": lint.check,
    }
    checks = {name: partial(_of_each, check, stacks) for name, check in of_a_stack.items()} | {"checkov": scan.check}
    findings = 0
    for name, check in checks.items():
        started = time.monotonic()
        found = list(check())
        for finding in found:
            print(finding)
        findings += len(found)
        print(f"{name}: {len(found) or 'nothing'} found, {time.monotonic() - started:.1f} s")
    return 1 if findings else 0


def _of_each(check: Callable[[Stack], Iterator[Finding]], stacks: Sequence[Stack]) -> Iterator[Finding]:
    for stack in stacks:
        yield from check(stack)


if __name__ == "__main__":
    sys.exit(main())
