"""How long a presigned URL works. Signatures are not recomputed, since there is one user; an end that is over, is.

Sources: S3 API reference, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)"; S3 User Guide,
"REST authentication", query string requests, of version 2.
"""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from pipeline.local.buckets.base import BucketError
from pipeline.local.http_messages import Request


def check_not_expired(request: Request) -> None:
    """Raises BucketError, AccessDenied, for a URL whose time is over; AuthorizationQueryParametersError for no time."""
    if "Expires=" not in request.query:
        return  # as of nearly every request
    query = dict(parse_qsl(request.query, keep_blank_values=True, errors="surrogateescape"))
    try:
        end = _end(query)
    except (ValueError, OverflowError) as error:
        raise BucketError(400, "AuthorizationQueryParametersError", f"The URL's time is none: {error}") from error
    if end is not None and datetime.now(UTC) > end:
        raise BucketError(403, "AccessDenied", "Request has expired")


def _end(query: dict[str, str]) -> datetime | None:
    if "X-Amz-Expires" in query:
        start = datetime.strptime(query.get("X-Amz-Date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return start + timedelta(seconds=int(query["X-Amz-Expires"]))
    if "Expires" in query and "Signature" in query:
        return datetime.fromtimestamp(int(query["Expires"]), UTC)
    return None
