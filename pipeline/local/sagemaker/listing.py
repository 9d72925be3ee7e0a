"""How SageMaker's List operations filter, sort and page what they list.

What is listed is described as its kind says: `ModelName`, `ProcessingJobStatus`, and `CreationTime` for all.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.local.protocol import ServiceError

_PAGE = 10


def is_listed(item: Mapping[str, Any], kind: str, parameters: Mapping[str, Any]) -> bool:
    """Whether an item passes the filters of a request."""
    created = item["CreationTime"]
    modified = item.get("LastModifiedTime", created)
    return (
        parameters.get("NameContains", "").lower() in item[f"{kind}Name"].lower()
        and parameters.get("StatusEquals") in (None, item.get(f"{kind}Status"))
        and ("CreationTimeAfter" not in parameters or created > parameters["CreationTimeAfter"])
        and ("CreationTimeBefore" not in parameters or created < parameters["CreationTimeBefore"])
        and ("LastModifiedTimeAfter" not in parameters or modified > parameters["LastModifiedTimeAfter"])
        and ("LastModifiedTimeBefore" not in parameters or modified < parameters["LastModifiedTimeBefore"])
    )


def page(
    items: list[dict[str, Any]], kind: str, parameters: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], str | None]:
    """One page of a listing in the order that was asked for, newest first by default, and the token of the next."""
    sort_by = {"Name": f"{kind}Name", "Status": f"{kind}Status"}.get(parameters.get("SortBy", ""), "CreationTime")
    descending = parameters.get("SortOrder", "Descending") == "Descending"
    ordered = sorted(items, key=lambda item: item[sort_by], reverse=descending)
    token = parameters.get("NextToken", "0")
    if not token.isdecimal():
        raise ServiceError("ValidationException", "NextToken is none that this service gave")
    start, count = int(token), parameters.get("MaxResults", _PAGE)
    more = start + count < len(ordered)
    return ordered[start : start + count], str(start + count) if more else None
