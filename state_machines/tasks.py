"""Tasks that machines are made of, and when each of them is tried again.

Retry is for throttling and for faults of a service. An error of our own is about the input, and the input does not get
better by waiting.

Resource ARNs are written out: the SDK's own service steps would put the partition of the author's AWS region into the
rendering.
"""

from typing import Any

from state_machines.sdk import Retry, Task

ALL = ["States.ALL"]

# What Lambda answers when it is busy or broken itself.
# Source: "Handle transient Lambda service exceptions" in the Step Functions Developer Guide, best practices.
LAMBDA_FAULTS = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]

# What boto3 raises inside a function when S3 throttles or does not answer, after the client's own retries. A request
# that is denied has the same name: two needless tries are the price.
CALL_FAULTS = [
    "ClientError",
    "ConnectionClosedError",
    "ConnectTimeoutError",
    "EndpointConnectionError",
    "FlexibleChecksumError",
    "IncompleteReadError",
    "ReadTimeoutError",
    "ResponseStreamingError",
]

# The function died, without saying why: out of memory, killed by its decoder, out of time.
DIED = ["Lambda.Unknown", "Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout", "States.Timeout"]

SAGEMAKER_OVER_QUOTA = "SageMaker.ResourceLimitExceededException"
SAGEMAKER_BUSY = ["ThrottlingException", SAGEMAKER_OVER_QUOTA]
# The optimised integration's name for every other refusal: throttled calls, and calls that are refused for good.
SAGEMAKER_REFUSED = ["SageMaker.AmazonSageMakerException"]
SNS_FAULTS = [
    "SNS.InternalErrorException",
    "SNS.ThrottledException",
    "SNS.KMSThrottlingException",
    "SNS.SdkClientException",
]
EVENTS_FAULTS = ["EventBridge.InternalException", "EventBridge.FailedEntry", "EventBridge.SdkClientException"]


def invoke(name: str, function: str, payload: dict[str, Any] | str, **fields: Any) -> Task:
    """A Lambda invocation; `function` is its logical id in the template, `payload` a template or a path.

    A function that died is tried once more, whichever it is: every step overwrites its own output and nothing else's.
    A task waits ten seconds longer than its function may run, so that Lambda's own report arrives first; a single image
    gets less time than a batch.
    """
    return Task(
        name,
        resource="arn:aws:states:::lambda:invoke",
        parameters={
            "FunctionName": f"${{{function}Arn}}",
            **({"Payload.$": payload} if isinstance(payload, str) else {"Payload": payload}),
        },
        retry=[
            backoff(LAMBDA_FAULTS),
            backoff(CALL_FAULTS, max_attempts=2),
            Retry(error_equals=DIED, interval_seconds=2, max_attempts=1),
        ],
        **fields,
    )


def publish(name: str, message: str, **fields: Any) -> Task:
    """Publish the message at path `message`: its subject, and its body, the JSON of a text for each protocol."""
    return Task(
        name,
        resource="arn:aws:states:::sns:publish",
        timeout_seconds=30,
        parameters={
            "TopicArn": "${TopicArn}",
            "Subject.$": f"{message}.subject",
            "MessageStructure": "json",
            "Message.$": f"{message}.body",
        },
        result_path=None,
        retry=[backoff(SNS_FAULTS)],
        **fields,
    )


def backoff(
    errors: list[str], *, interval_seconds: int = 1, max_attempts: int = 6, max_delay_seconds: int = 60
) -> Retry:
    """Wait longer each time, and a random part of it, so that what was throttled together does not return together."""
    return Retry(
        error_equals=errors,
        interval_seconds=interval_seconds,
        max_attempts=max_attempts,
        backoff_rate=2,
        max_delay_seconds=max_delay_seconds,
        jitter_strategy="FULL",
    )


# What Step Functions' AWS SDK integration calls whatever SageMaker refuses, and a call that found no answer.
SAGEMAKER_SDK_FAULTS = ["SageMaker.SageMakerException", "SageMaker.SdkClientException"]

# A job's name is used up for ever, by a failed job too: a retry needs another one, and so do a job that waited for
# capacity and a redrive, where the count of retries begins anew.
JOB_NAME = (
    "States.Format('{}-{}-{}-{}', $.partition.job_name, $$.Execution.RedriveCount, $.waited, $$.State.RetryCount)"
)

# An account's quota of instances is free again when other jobs have ended.
JOB_RETRIES = [
    backoff(SAGEMAKER_BUSY, interval_seconds=20, max_attempts=8, max_delay_seconds=300),
    backoff(SAGEMAKER_REFUSED, max_attempts=3),
]
