"""Whose request it is."""

import re

from pipeline.local.http_messages import Request

_NOWHERE = "local"  # what is signed with it counts on this machine alone
_PREFIX = "local-role."
_KEY = re.compile(re.escape(_PREFIX) + r"([\w+=,.@-]+)/")


def access_key(role_arn: str) -> str:
    """The access key of whoever has a role: it says which, since nobody checks a signature here."""
    return _PREFIX + role_arn.rpartition("/")[2]


def credentials(role_arn: str) -> dict[str, str]:
    """What whoever has a role finds in its environment: temporary credentials, which nothing may give away."""
    return {
        "AWS_ACCESS_KEY_ID": access_key(role_arn),
        "AWS_SECRET_ACCESS_KEY": f"{_NOWHERE}-secret",
        "AWS_SESSION_TOKEN": f"{_NOWHERE}-token",
    }


def role_of(request: Request) -> str | None:
    """The name of the role that signed a request; None where it was nobody's."""
    found = _KEY.search(request.headers.get("authorization", ""))
    return found[1] if found else None
