"""What a refusal means: errors as botocore raises them, made into what to do next."""

import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.commands.refusals import explained


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeExecution")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refusal("ExpiredTokenException"), "The credentials have expired"),
        (refusal("ExpiredToken"), "The credentials have expired"),
        (refusal("UnrecognizedClientException"), "AWS does not know these credentials"),
        (refusal("InvalidClientTokenId"), "AWS does not know these credentials"),
        (refusal("AccessDeniedException", "not authorized to perform: states:StopExecution"), "states:StopExecution"),
        (refusal("403", "Forbidden"), "docs/commands.md lists what each command has to be allowed to do"),
        (refusal("ThrottlingException"), "Repeat the command in a minute"),
        (refusal("SomethingNew"), "AWS refused: An error occurred (SomethingNew)"),
        (exceptions.NoRegionError(), "No region is set. Say which with --region"),
        (exceptions.ProfileNotFound(profile="photos"), "The config profile (photos) could not be found"),
        (exceptions.NoCredentialsError(), "There are no credentials to use"),
        (exceptions.UnauthorizedSSOTokenError(), "There are no credentials to use"),
        (
            exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/"),
            "Nothing answers at http://127.0.0.1:4566/: is `imagebatch up` running?",
        ),
        (
            exceptions.EndpointConnectionError(endpoint_url="https://states.mars-1.amazonaws.com/"),
            "Check the network and --region",
        ),
        (exceptions.ReadTimeoutError(endpoint_url="https://states.eu-west-1.amazonaws.com/"), "AWS could not be asked"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_refusal_says_what_to_do_next(error: BotoCoreError | ClientError, said: str) -> None:
    assert said in explained(error)
