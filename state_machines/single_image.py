"""The single image state machine (Express): one uploaded image, from event to message, while somebody waits for it.

    ValidateImage          the verdict, as a batch would give it
    ChooseVerdict          rejected: PublishMessage says why; not an image by its name: Ignored
    InvokeEndpoint         the scores of a SageMaker endpoint
    RankPrediction         the best labels, and the message
    PublishMessage         SNS
    Done

    any of them fails: SendToDeadLetters, Failed

An Express execution ends after five minutes, and one that is ended so catches nothing: its event would be lost. So the
longest that each state can take, with every retry, comes to less than that in sum, and a test adds it up. The event is
in `$$.Execution.Input` all the way, so what a state fails with replaces the state: an input that is no object is caught
as any other.
"""

from typing import Any

from state_machines.sdk import Catch, Chain, Choice, ChoiceRule, Fail, Graph, Retry, Succeed, Task
from state_machines.tasks import ALL, CALL_FAULTS, DIED, LAMBDA_FAULTS, SNS_FAULTS

# Faults of the endpoint that pass (pipeline/errors.py). What it refuses, it refuses again.
ENDPOINT_FAULTS = ["EndpointFailed", "EndpointTimeout", "EndpointUnavailable"]
SQS_FAULTS = ["SQS.SdkClientException", "SQS.AmazonSQSException"]


def definition() -> dict[str, Any]:
    """The machine as the dictionary that its JSON holds."""
    publish = publish_message()
    choose = Choice("ChooseVerdict")
    main = Chain(
        [
            validate := validate_image(),
            choose,
        ]
    )
    predict = Chain([invoke_endpoint(), rank_prediction(), publish, Succeed("Done", output_path="$.result")])
    choose.add_choice(ChoiceRule.StringEquals("$.verdict", "accepted"), predict)
    choose.add_choice(ChoiceRule.StringEquals("$.verdict", "rejected"), publish)
    choose.default_choice(Succeed("Ignored", comment="Nobody meant this object to be predicted: its name says so."))
    catch_everything([validate, *(state for state in predict if state.state_type == "Task")])
    machine = Graph(main, comment="imagebatch: the prediction of one image that cannot wait.")
    rendered: dict[str, Any] = machine.to_dict()
    return rendered


def validate_image() -> Task:
    return invoke(
        "ValidateImage",
        "ValidateImageFunction",
        "$",
        comment="Read the event, and judge the image that it names as a batch would.",
        timeout_seconds=15,
    )


def invoke_endpoint() -> Task:
    return invoke(
        "InvokeEndpoint",
        "InvokeEndpointFunction",
        {"image.$": "$.image"},
        comment="Ask the endpoint for the scores of the image.",
        timeout_seconds=45,
        faults=ENDPOINT_FAULTS,
    )


def rank_prediction() -> Task:
    return invoke(
        "RankPrediction",
        "RankPredictionFunction",
        {"image.$": "$.image", "answer.$": "$.answer"},
        comment="Put the best labels into a message, with a link to the image.",
        timeout_seconds=10,
    )


def publish_message() -> Task:
    """One message for a prediction and for a rejection alike; subscriptions may filter by `outcome`."""
    return Task(
        "PublishMessage",
        comment="Tell people and programs.",
        resource="arn:aws:states:::sns:publish",
        timeout_seconds=8,
        parameters={
            "TopicArn": "${TopicArn}",
            "Subject.$": "$.message.subject",
            "MessageStructure": "json",
            "Message.$": "$.message.body",
            "MessageAttributes": {
                "outcome": {"DataType": "String", "StringValue.$": "$.message.outcome"},
                "id": {"DataType": "String", "StringValue.$": "$.message.id"},
            },
        },
        result_path=None,
        retry=[once_or_twice_more(SNS_FAULTS)],
    )


def catch_everything(tasks: list[Task]) -> None:
    """Keep the event of whatever fails, with the reason; whatever happens meanwhile, the execution ends with it."""
    # A caught error has no Cause where nobody gave one.
    failed = Fail("Failed", error_path="$.Error", cause_path="States.JsonToString($)")
    send = Task(
        "SendToDeadLetters",
        comment="Nothing is lost: what could not be served waits in a queue, with its reason.",
        resource="arn:aws:states:::sqs:sendMessage",
        timeout_seconds=8,
        parameters={
            "QueueUrl": "${DeadLetterQueueUrl}",
            "MessageBody": {"event.$": "$$.Execution.Input", "error.$": "$", "execution.$": "$$.Execution.Id"},
            "MessageAttributes": {"ERROR_CODE": {"DataType": "String", "StringValue.$": "$.Error"}},
        },
        result_path=None,
        retry=[once_or_twice_more(SQS_FAULTS)],
    )
    send.add_catch(Catch(error_equals=ALL, result_path=None, next_step=failed))
    send.next(failed)
    for task in tasks:
        task.add_catch(Catch(error_equals=ALL, result_path="$", next_step=send))


def invoke(
    name: str, function: str, payload: dict[str, Any] | str, *, faults: list[str] | None = None, **fields: Any
) -> Task:
    """A Lambda invocation whose answer becomes the state; `faults` are retried beside those of any function.

    One list of errors, since each list counts its attempts by itself.
    """
    return Task(
        name,
        resource="arn:aws:states:::lambda:invoke",
        parameters={
            "FunctionName": f"${{{function}Arn}}",
            **({"Payload.$": payload} if isinstance(payload, str) else {"Payload": payload}),
        },
        output_path="$.Payload",
        retry=[once_or_twice_more([*LAMBDA_FAULTS, *CALL_FAULTS, *DIED, *(faults or [])])],
        **fields,
    )


def once_or_twice_more(errors: list[str]) -> Retry:
    """Soon, since somebody waits, and with a random part, since others may wait, too."""
    return Retry(
        error_equals=errors,
        interval_seconds=1,
        max_attempts=2,
        backoff_rate=2,
        max_delay_seconds=3,
        jitter_strategy="FULL",
    )
