"""What each role may do, as the table in docs/security.md: `python -m infra.gate.table` prints it.

A test holds the document to the template. Why a role is there is said by the description of its function, or its own.
"""

import re
from collections.abc import Mapping
from typing import Any

from infra.gate.roles import statements
from infra.gate.stack import Stack, listed

# Every function has these, so they stand above the table.
_OF_ALL = ("xray", "logs", "ec2", "kms")
_ARN = re.compile(r"arn:aws:([a-z0-9-]+):[a-z0-9-]*:[0-9]*:")


def table(stack: Stack) -> str:
    """A row for each role, where every condition of the template holds."""
    resources = next(iter(stack.decided()))
    used_by = _functions(resources)
    rows = ["| role | for | may |", "|---|---|---|"]
    for role, owned in sorted(statements(resources).items()):
        why = used_by.get(role) or resources[role]["Properties"].get("Description", "")
        rows.append(f"| {role} | {why} | {'; '.join(_may(owned))} |")
    return "\n".join(rows)


def _functions(resources: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in resources.values():
        if entry["Type"] == "AWS::Lambda::Function":
            role = str(entry["Properties"]["Role"]).rpartition("/")[2]
            found[role] = entry["Properties"]["Description"]
    return {name: found[name.lower()] for name in resources if name.lower() in found}


def _may(owned: list[dict[str, Any]]) -> list[str]:
    """Each action on its resources, shortened to what tells them apart."""
    said: dict[tuple[str, ...], list[str]] = {}
    for statement in owned:
        if statement["Effect"] != "Allow":
            continue
        actions = [action for action in listed(statement["Action"]) if action.partition(":")[0] not in _OF_ALL]
        if actions:
            said.setdefault(tuple(actions), []).extend(map(_short, listed(statement["Resource"])))
    return [
        f"{', '.join(f'`{action}`' for action in actions)} on {', '.join(f'`{name}`' for name in dict.fromkeys(names))}"
        for actions, names in said.items()
    ]


def _short(arn: str) -> str:
    found = _ARN.match(arn)
    return arn[found.end() :] if found else arn


if __name__ == "__main__":
    print(table(Stack.read()))
