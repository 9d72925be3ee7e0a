"""Every error that this product raises on purpose, in one tree.

    ImageBatchError
    ├── InvalidRunInput        the input of a run: an unknown field, a bad prefix, an engine that does not exist
    │   └── UnknownModel       the model package that a run names does not exist
    ├── InvalidEvent           the event about a single image: a field is missing, or no image is what it says
    ├── UnreadableImage        S3 does not give a single image out: deleted, replaced, denied, archived
    ├── EndpointError          an endpoint does not predict one image; the message names both
    │   ├── EndpointNotFound       there is no such endpoint, or it is not in service
    │   ├── EndpointRefused        it answered 4xx: what it was sent is wrong, or may not be sent
    │   ├── EndpointFailed         it answered 5xx                                             worth a retry
    │   ├── EndpointTimeout        it did not answer in time                                   worth a retry
    │   ├── EndpointUnavailable    it is busy, starting, or closed the connection              worth a retry
    │   └── UnexpectedAnswer       it answered something that does not read as a prediction
    ├── ImageTooLarge          an image is larger than an endpoint takes; nothing was sent
    ├── UnknownDeployment      the stack that a command works with is not there, or its local cloud is not running
    ├── UnknownRun             the run that a command names is not there
    ├── RejectedImage          the file of one image does not become the contract's pixels
    ├── UnsuitableCodec        a codec takes something that an image has not: a contract, a place in S3
    ├── InvalidReplay          the run to replay left nothing that could be replayed
    ├── InvalidModelPackage    a file of a model package is missing or does not load
    │   └── InvalidContract    contract.json breaks a rule of its schema
    ├── ContractMismatch       two things that were made for different contracts meet: a model, a shard, a run
    ├── CorruptArtifact        a file that this product wrote does not read back
    │   ├── CorruptShard
    │   ├── CorruptVerdicts
    │   ├── CorruptPredictions
    │   └── CorruptLedger          an item of the ledger is no entry of this product's
    ├── InvalidPrediction      a model answered something that is no prediction: NaN, a wrong shape
    ├── NoInstanceQuota        the account may run no instance of any type that the run may have
    ├── RunTakenOver           an execution was redriven whose run another one has by now
    ├── RunDoesNotAddUp        an image was lost, or counted twice
    ├── TooManyFailed          more images failed than `max_failed_fraction` allows
    ├── OverBudget             a run would cost more than it may; raised before any job is started
    ├── UnknownPrice           a run has a limit, and what it would cost is not known
    ├── InvalidPrices          a file of prices does not read
    ├── UnusablePhotos         the photos, or labels of photos, that a contract is to be checked with
    ├── MissingSetting         an environment variable that a step needs is not set
    └── InvalidSetting         an environment variable of a step says something that cannot be done

The name of a class is part of the interface: an error that leaves a Lambda arrives in Step Functions as `errorType`,
and the state machine matches it in `ErrorEquals` (Step Functions, "Handling errors in workflows"). Most say that the
input is wrong, and it will be as wrong the second time; those that are `worth_a_retry` are faults of an endpoint that
may pass. Faults of a service keep their own names.

A message names the thing, says what was expected, and says what to do next.
"""
# The names are read by people in ErrorEquals and in messages, where an "Error" suffix says nothing.
# ruff: noqa: N818

from typing import ClassVar


class ImageBatchError(Exception):
    """The base of every error that this product raises on purpose."""

    worth_a_retry: ClassVar[bool] = False
    """Whether the same may succeed a little later."""


class InvalidRunInput(ImageBatchError):
    """The input of a run cannot be understood. Raised before anything is listed."""


class UnknownModel(InvalidRunInput):
    """The model package that a run names does not exist in the results bucket."""


class InvalidEvent(ImageBatchError):
    """An event about a single image cannot be understood. The message starts with the field."""


class UnreadableImage(ImageBatchError):
    """S3 does not give a single image out, and no retry changes that: deleted, replaced, no access, archived."""


class EndpointError(ImageBatchError):
    """An endpoint does not predict an image. The message names the image and the endpoint."""


class EndpointNotFound(EndpointError):
    """There is no endpoint of this name in service, or nothing listens at this address."""


class EndpointRefused(EndpointError):
    """The endpoint, or SageMaker before it, refused the request (4xx): as it would the next time."""


class EndpointFailed(EndpointError):
    """The endpoint's model server answered with a fault of its own (5xx)."""

    worth_a_retry = True


class EndpointTimeout(EndpointError):
    """The endpoint did not answer in time."""

    worth_a_retry = True


class EndpointUnavailable(EndpointError):
    """The endpoint is throttled, still starting or restarting, or closed the connection without an answer."""

    worth_a_retry = True


class UnexpectedAnswer(EndpointError):
    """What the endpoint answered does not read as a prediction. The message has its type and its first bytes."""


class ImageTooLarge(ImageBatchError):
    """An image, as it would be sent, is larger than the endpoint takes. Raised before anything is sent."""


class RejectedImage(ImageBatchError):
    """The file of a single image is none that can be predicted. The message has the reason that a verdict would."""


class UnsuitableCodec(ImageBatchError):
    """An endpoint is to be asked in a way that takes more than there is: a contract, or a place in S3."""


class UnknownDeployment(ImageBatchError):
    """The stack that a command works with is not there, is none of ours, or its local cloud is not running."""


class UnknownRun(ImageBatchError):
    """The run that a command names is not there; the message names the ones that are."""


class InvalidReplay(ImageBatchError):
    """The run to replay left no results, or is asked for a reason that does not exist."""


class InvalidModelPackage(ImageBatchError):
    """A file of a model package is missing, or is not what its name says."""


class InvalidContract(InvalidModelPackage):
    """`contract.json` breaks a rule. The message starts with the path of the field."""


class ContractMismatch(ImageBatchError):
    """A model, a shard or a run was made for another contract than the one at hand."""


class CorruptArtifact(ImageBatchError):
    """A file that this product wrote does not read back as it was written."""


class CorruptShard(CorruptArtifact):
    """A packed shard is truncated, foreign, or contradicts itself."""


class CorruptVerdicts(CorruptArtifact):
    """A file of verdicts has a line that is no verdict."""


class CorruptPredictions(CorruptArtifact):
    """A file of predictions has a line that is no prediction."""


class CorruptLedger(CorruptArtifact):
    """An item of the ledger is no entry that this product wrote. The message names the image."""


class InvalidPrediction(ImageBatchError):
    """A model answered something that is no prediction for its task: NaN, or another shape."""


class NoInstanceQuota(ImageBatchError):
    """The account's quotas are 0 for every instance type that a run may have. The message says how to ask for more."""


class RunTakenOver(ImageBatchError):
    """An execution was redriven whose run another one has by now. The message names both."""


class RunDoesNotAddUp(ImageBatchError):
    """`listed = predicted + rejected + failed + skipped` does not hold. The message gives the difference."""


class TooManyFailed(ImageBatchError):
    """More images failed than the run's `max_failed_fraction` allows. The results of the others are kept."""


class OverBudget(ImageBatchError):
    """A run would cost more than it may. Raised when it is planned: verdicts and shards are kept, no job is started."""


class UnknownPrice(ImageBatchError):
    """A run may cost so much at most, and a price is missing to hold against that. Raised where OverBudget is."""


class InvalidPrices(ImageBatchError):
    """A file of prices does not read. The message names the file and the field."""


class UnusablePhotos(ImageBatchError):
    """The photos, or the labels, that a contract is to be checked with cannot be used: no fault of the contract's."""


class MissingSetting(ImageBatchError):
    """An environment variable that a step needs is not set. Raised at cold start, not at the first image."""


class InvalidSetting(ImageBatchError):
    """An environment variable of a step says something that cannot be done. Raised at cold start, too."""
