"""Between SageMaker and the model's container: requests that are too large, not understood, or not answered."""

from pipeline.doctor.signs import Depth, ailment

_LOGS = (
    "The cause stands in the container's own log: CloudWatch group /aws/sagemaker/TransformJobs,"
    " /aws/sagemaker/Endpoints or /aws/sagemaker/ProcessingJobs, in the streams of this job. Run `imagebatch doctor`"
    " on it."
)

AILMENTS = (
    ailment(
        "payload_too_large",
        "A request is larger than what is allowed (413)",
        # SageMaker
        "ClientError: 413",
        "Received client error (413)",
        "Bad HTTP status received from algorithm: 413",
        "An error occurred (413)",
        "HTTP content length exceeded {} bytes",
        "Too much data for max payload size",
        # nginx, Flask, TorchServe, TensorFlow Serving
        "413 Request Entity Too Large",
        "413 Payload Too Large",
        "Request Entity Too Large",
        "client intended to send too large body",
        "Message size exceed limit:",
        "Received message larger than max ({} vs. {})",
        why="SageMaker allows 6 MB to a request unless MaxPayloadInMB says more (at most 100), and the server inside"
        " the container has a limit of its own. The smaller of the two counts.",
        remedy="Batch Transform: raise MaxPayloadInMB, with MaxConcurrentTransforms x MaxPayloadInMB at most 100, and"
        " the server's limit with it (nginx client_max_body_size, TS_MAX_REQUEST_SIZE, MMS_MAX_REQUEST_SIZE). Or send"
        " less: photos above MaxImageBytes are rejected before any job, and the processing engine sends none.",
    ),
    ailment(
        "unsupported_media_type",
        "The container does not understand the content type (415)",
        "Unsupported Media Type",
        "Received client error (415)",
        "ClientError: 415",
        "Bad HTTP status received from algorithm: 415",
        "Unsupported content-type",
        "unsupported content type",
        "Content type {} is not supported by this framework",
        "Requested unsupported ContentType",
        "Type [{}] not supported",
        why="A photo is sent as image/jpeg or application/x-image, and the container has no handler for that"
        " encoding: most of them understand JSON, CSV or npy unless they are given an inference script.",
        remedy="Set ContentType of the transform's input to what the container accepts, or give it an input_fn"
        " (input_handler in TensorFlow Serving) that decodes images. imagebatch's own jobs send no encoded photos.",
    ),
    ailment(
        "invocation_timeout",
        "The model takes longer to answer than it is given",
        "Your invocation timed out while waiting for a response from container",
        "upstream timed out",
        "Backend worker did not respond in given time",
        "WORKER TIMEOUT",
        "DEADLINE_EXCEEDED",
        "Deadline Exceeded",
        "504 Gateway Time-out",
        why="An endpoint gives a request 60 seconds, a transform what InvocationsTimeoutInSeconds says, and the"
        " server inside the container its own timeout. The first request may also wait for the model to load.",
        remedy="Batch Transform: ModelClientConfig.InvocationsTimeoutInSeconds, at most 3,600, and the server's own"
        " (SAGEMAKER_MODEL_SERVER_TIMEOUT, SAGEMAKER_TS_RESPONSE_TIMEOUT, gunicorn --timeout). Or smaller requests,"
        " or a larger instance.",
    ),
    ailment(
        "missing_module",
        "A Python module is missing in the container",
        "ModuleNotFoundError: No module named",
        "ImportError: cannot import name",
        "ImportError: {}: cannot open shared object file",
        why="The script imports what the image does not have, or has in another version.",
        remedy="Add it to the image, or to code/requirements.txt in model.tar.gz where the framework's container"
        " installs that.",
    ),
    ailment(
        "wrong_architecture",
        "The container was built for another processor",
        "exec format error",
        why="An image built on an ARM machine (a Mac, a Graviton) does not start on x86 instances, nor the other way"
        " round.",
        remedy="Build it for the instance: docker build --platform linux/amd64.",
    ),
    ailment(
        "no_entry_point",
        "The container has no program to start",
        "executable file not found in $PATH",
        'exec: "serve"',
        why="SageMaker starts a model's container with `serve` (docker run IMAGE serve), a processing container with"
        " its own ENTRYPOINT. There is no such program in the image, or it may not be executed.",
        remedy="Put an executable `serve` on PATH, or set ENTRYPOINT so that it takes `serve` as its argument.",
    ),
    ailment(
        "image_not_pulled",
        "The container's image cannot be pulled",
        "Either the image does not exist or its permissions are incorrect",
        "manifest unknown: Requested image not found",
        "Cannot find repository: {} in registry ID:",
        "Cannot find the requested image",
        "Access denied for repository: {} in registry ID:",
        "CannotPullContainerError",
        "does not grant ecr:GetDownloadUrlForLayer",
        why="There is no such image or tag in ECR, it lies in another region, or the role may not read it.",
        remedy="`imagebatch deploy` builds the stack's own image where it is not there. For an image elsewhere check"
        " account, region and tag of its URI, and ecr:BatchGetImage and ecr:GetDownloadUrlForLayer of the job's role"
        " and of the repository's policy.",
    ),
    ailment(
        "no_ping",
        "The container never became healthy: /ping was not answered with 200",
        "did not pass the ping health check",
        "failed to respond to ping",
        "Please ensure /ping endpoint is implemented",
        "Error handling request /ping",
        "gunicorn.sock failed",
        "Worker failed to boot",
        *(f'"GET /ping HTTP/1.1" {status}' for status in (400, 403, 404, 405, 499, 500, 502, 503, 504)),
        why="SageMaker asks port 8080 for /ping until it answers. Mostly the server did not start, because the model"
        " did not load: a missing file or module, too little memory.",
        remedy=f"{_LOGS} Answer /ping on 0.0.0.0:8080 only once the model is loaded; give a large model more time by"
        " ContainerStartupHealthCheckTimeoutInSeconds.",
        depth=Depth.SYMPTOM,
    ),
    ailment(
        "no_response",
        "The container failed over a request: no response, or an answer of 500",
        "Unable to get response from algorithm",
        "Unable to get response from the algorithm",
        "Received server error (500) from",
        "Received server error (0) from",
        "ClientError: 400",
        "Bad HTTP status received from algorithm: 500",
        "Bad HTTP status received from algorithm: 502",
        "InternalServerError",
        "InternalServerException",
        '"POST /invocations HTTP/1.1" 500',
        "upstream prematurely closed connection",
        "Connection reset by peer",
        "Connection refused",
        "Worker died.",
        why="The code in the container raised an error, or its process died, over this input. SageMaker hears no more"
        " than that, and says no more than that. One such object fails the whole transform job.",
        remedy=f"{_LOGS} imagebatch validates every photo first, so that a damaged one never gets as far as the"
        " container.",
        depth=Depth.SYMPTOM,
    ),
)
