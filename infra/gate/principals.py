"""Whom a statement speaks of, in a policy that says so: who may assume a role, or use a bucket, a topic or the key.

A condition counts where it names this account, by an operator that compares: one that is there and says nothing
(`"aws:SourceArn": "*"`) is how a door is left open that looks shut.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.gate.stack import ACCOUNT, listed

_COMPARES = re.compile(r"(String(Equals|Like)|Arn(Equals|Like))(IfExists)?")
# Either says which account a service acts for. Logs has a context of its own ("Encrypt log data in CloudWatch Logs").
_OF_A_SERVICE = {"aws:sourceaccount", "aws:sourcearn", "kms:encryptioncontext:aws:logs:arn"}


def conditions(statement: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a statement's conditions, in lower case, with their values."""
    found: dict[str, Any] = {}
    for tests in statement.get("Condition", {}).values():
        found.update({key.lower(): value for key, value in tests.items()})
    return found


def trusts(statement: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with who may assume a role by this statement."""
    yield from _strangers(statement, "assume this role")
    for service in _services(statement):
        # Lambda promises no SourceArn, so it is compared where it is there; the account always is.
        named = _that_name_the_account(statement)
        always = _that_name_the_account(statement, if_exists=False)
        absent = [] if "aws:sourceaccount" in always else ["aws:SourceAccount"]
        absent += [] if "aws:sourcearn" in named else ["aws:SourceArn"]
        if absent:
            yield f"{service} may assume this role for anybody; give {' and '.join(absent)}"


def lets_in(statement: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with whom a resource's own policy lets in by this statement."""
    yield from _strangers(statement, "do this")
    if not _OF_A_SERVICE & _that_name_the_account(statement, if_exists=False):
        yield from (
            f"{service} may do this for any account; give aws:SourceAccount and aws:SourceArn"
            for service in _services(statement)
        )


def _services(statement: Mapping[str, Any]) -> list[str]:
    principal = statement.get("Principal", {})
    return listed(principal.get("Service", [])) if isinstance(principal, dict) else []


def _strangers(statement: Mapping[str, Any], what: str) -> Iterator[str]:
    if "NotPrincipal" in statement:
        yield f"all but a few may {what}; name who"
    principal = statement.get("Principal", {})
    people = listed(principal.get("AWS", [])) if isinstance(principal, dict) else [principal]
    if "*" in people:
        if "aws:principalaccount" not in _that_name_the_account(statement, if_exists=False):
            yield f"everybody may {what}; name who, or the account"
        people = []
    yield from (f"{each} may {what}, and is no part of this account" for each in people if ACCOUNT not in each)
    others = set(principal) - {"AWS", "Service"} if isinstance(principal, dict) else ()
    yield from (f"who signs in by {kind} may {what}" for kind in sorted(others))


def _that_name_the_account(statement: Mapping[str, Any], *, if_exists: bool = True) -> set[str]:
    """The conditions all of whose values name this account, in lower case."""
    return {
        key.lower()
        for operator, tests in statement.get("Condition", {}).items()
        if _COMPARES.fullmatch(operator) and (if_exists or not operator.endswith("IfExists"))
        for key, values in tests.items()
        if all(ACCOUNT in str(value) for value in listed(values))
    }
