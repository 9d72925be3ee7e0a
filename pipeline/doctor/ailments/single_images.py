"""The errors of pipeline/errors.py that a single image may end with, on its way to an endpoint and back."""

from pipeline.doctor.signs import Depth, ailment

AILMENTS = (
    ailment(
        "invalid_event",
        "The event about a single image is not understood",
        "InvalidEvent",
        why="A field is missing or is not what it should be; the message starts with it.",
        remedy="docs/single_image.md shows the events that are taken. Correct what sends this one.",
    ),
    ailment(
        "unreadable_image",
        "S3 does not give the image out",
        "UnreadableImage",
        why="It was deleted or replaced since the event, is archived, or the function has no access to it.",
        remedy="Give access, or restore the object. A new upload in its place has an event of its own.",
    ),
    ailment(
        "rejected_image",
        "The file is no image that can be predicted",
        "RejectedImage",
        why="It is rejected for a reason that a run has, too; the message has it.",
        remedy="docs/results.md says what to do about each reason.",
        depth=Depth.SYMPTOM,
    ),
    ailment(
        "image_too_large",
        "The image is larger than the endpoint takes",
        "ImageTooLarge",
        why="SageMaker's endpoints take requests of 6 MB; nothing was sent.",
        remedy="Let it be reduced as the contract allows: `imagebatch predict --fit`, FitLargeImages of a stack.",
    ),
    ailment(
        "unsuitable_codec",
        "The endpoint cannot be asked in this way",
        "UnsuitableCodec",
        why="The codec takes something that is not there: a contract to make a tensor by, or an image's place in S3.",
        remedy="Name a model package, or choose another codec: docs/endpoints.md lists what each takes.",
    ),
    ailment(
        "endpoint_not_found",
        "There is no such endpoint",
        "EndpointNotFound",
        why="The name is misspelt, the endpoint is in another region or deleted, or nothing listens at the address.",
        remedy="`aws sagemaker list-endpoints --region REGION` lists those in service.",
    ),
    ailment(
        "endpoint_refused",
        "The endpoint refused the request",
        "EndpointRefused",
        why="Its container answered 4xx, or whoever asked may not: it will be as wrong the next time.",
        remedy="The message has the endpoint's words. Ask in a way that it takes: ENDPOINT_CODEC, or `--as`.",
    ),
    ailment(
        "endpoint_failed",
        "The endpoint's model server failed",
        "EndpointFailed",
        why="It answered 5xx, and did so again after retries.",
        remedy="Its log says why: CloudWatch, /aws/sagemaker/Endpoints/NAME.",
        depth=Depth.SYMPTOM,
    ),
    ailment(
        "endpoint_timeout",
        "The endpoint did not answer in time",
        "EndpointTimeout",
        why="SageMaker waits 60 seconds for a container, and whoever asked may wait less (ENDPOINT_TIMEOUT).",
        remedy="Look at the endpoint's ModelLatency. More instances help where many ask, a larger type where not.",
        depth=Depth.SYMPTOM,
    ),
    ailment(
        "endpoint_unavailable",
        "The endpoint is busy, starting, or closed the connection",
        "EndpointUnavailable",
        why="It is throttled or not in service yet, or its container died with the request.",
        remedy="Try again in a minute. If it stays, the endpoint's log shows why its container ends.",
        depth=Depth.PASSING,
    ),
    ailment(
        "unexpected_answer",
        "The endpoint answered something that is no prediction",
        "UnexpectedAnswer",
        why="The message has the answer's type and first bytes: an error page, say, or another format.",
        remedy="docs/endpoints.md lists the formats that are read. Check the contract's output, and the labels.",
    ),
    # Behind those that say more.
    ailment(
        "endpoint_error",
        "An endpoint does not predict the image",
        "EndpointError",
        why="The message names both, and has the endpoint's words.",
        remedy="Do what the message says; the endpoint's log has the rest.",
        depth=Depth.SYMPTOM,
    ),
)
