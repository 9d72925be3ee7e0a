"""What a refusal of AWS, or the lack of an answer, means for who typed a command, and what to do about it."""

from urllib.parse import urlsplit

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.objects import error_code

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN_KEY = {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "InvalidSignatureException",
    "IncompleteSignature",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedOperation"}
_THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "SlowDown", "RequestLimitExceeded"}
_NO_LOGIN = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.SSOTokenLoadError,
    exceptions.UnauthorizedSSOTokenError,
)
_PERMISSIONS = "docs/commands.md lists what each command has to be allowed to do"


def explained(error: BotoCoreError | ClientError) -> str:
    """One or two sentences: what happened, and what to do next."""
    said = " ".join(str(error).split())
    if isinstance(error, ClientError):
        return _refused(error_code(error), said)
    if isinstance(error, exceptions.NoRegionError):
        return "No region is set. Say which with --region, AWS_REGION, or `aws configure`."
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{said}. `aws configure list-profiles` lists the ones there are."
    if isinstance(error, _NO_LOGIN):
        return (
            f"There are no credentials to use: {said}. Log in (`aws sso login`, `aws configure`) or name a --profile."
        )
    if isinstance(error, (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError)):
        return _unreachable(str(error.kwargs.get("endpoint_url", "")), said)
    return f"AWS could not be asked: {said}"


def _refused(code: str, said: str) -> str:
    if code in _EXPIRED:
        return f"The credentials have expired: {said}. Log in again (`aws sso login`), and repeat the command."
    if code in _UNKNOWN_KEY:
        return f"AWS does not know these credentials: {said}. Check AWS_ACCESS_KEY_ID, or name another --profile."
    if code in _DENIED:
        return f"AWS does not allow it: {said}. {_PERMISSIONS}."
    if code in _THROTTLED:
        return f"AWS answers too many requests just now: {said}. Repeat the command in a minute."
    return f"AWS refused: {said}"


def _unreachable(url: str, said: str) -> str:
    host = urlsplit(url).hostname or ""
    if host in ("localhost", "127.0.0.1", "::1"):
        return f"Nothing answers at {url}: is `imagebatch up` running? Else unset AWS_ENDPOINT_URL to work with AWS."
    return f"{said}. Check the network and --region."
