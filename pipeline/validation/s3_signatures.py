"""The signature of a GetObject: Signature Version 4, of which nothing is worked out twice.

IAM User Guide, "Create a signed AWS API request". botocore signs any request, and composes, sorts and parses for that;
the day's key it derives anew each time. That costs a photo 0.1 ms. tests/validation/test_s3_signatures.py compares.
"""

import hmac
from functools import lru_cache
from hashlib import sha256
from time import gmtime, strftime
from typing import Any

_NOTHING = sha256().hexdigest()


def signed(host: str, path: str, region: str, credentials: Any, now: float) -> dict[str, str]:
    """The headers of a GET, its Host among them, that make it one of the credentials' owner.

    `path` is encoded, `credentials` are frozen ones of botocore's (`access_key`, `secret_key`, `token` or None), `now`
    is in seconds since 1970.
    """
    time = strftime("%Y%m%dT%H%M%SZ", gmtime(now))
    headers = {"host": host, "x-amz-content-sha256": _NOTHING, "x-amz-date": time}
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = sha256(f"GET\n{path}\n\n{lines}\n{names}\n{_NOTHING}".encode()).hexdigest()
    scope = f"{time[:8]}/{region}/s3/aws4_request"
    key = _key(credentials.secret_key, time[:8], region)
    signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{canonical}".encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


@lru_cache(maxsize=4)
def _key(secret: str, date: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
