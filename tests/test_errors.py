"""The names of errors are part of the interface: state machines match them, and people search for them."""

import inspect

import pytest

from pipeline import errors
from pipeline.errors import ImageBatchError

NAMES = {
    "ContractMismatch",
    "CorruptArtifact",
    "CorruptLedger",
    "CorruptPredictions",
    "CorruptShard",
    "CorruptVerdicts",
    "EndpointError",
    "EndpointFailed",
    "EndpointNotFound",
    "EndpointRefused",
    "EndpointTimeout",
    "EndpointUnavailable",
    "ImageBatchError",
    "ImageTooLarge",
    "InvalidContract",
    "InvalidEvent",
    "InvalidModelPackage",
    "InvalidPrediction",
    "InvalidPrices",
    "InvalidReplay",
    "InvalidRunInput",
    "InvalidSetting",
    "MissingSetting",
    "NoInstanceQuota",
    "OverBudget",
    "RejectedImage",
    "RunDoesNotAddUp",
    "RunTakenOver",
    "TooManyFailed",
    "UnexpectedAnswer",
    "UnknownDeployment",
    "UnknownModel",
    "UnknownPrice",
    "UnknownRun",
    "UnreadableImage",
    "UnsuitableCodec",
    "UnusablePhotos",
}

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if each.__module__ == errors.__name__]


def test_the_names_are_the_ones_that_state_machines_match() -> None:
    assert {each.__name__ for each in CLASSES} == NAMES


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_is_an_image_batch_error(error: type[Exception]) -> None:
    assert issubclass(error, ImageBatchError)


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_says_when_it_is_raised(error: type[Exception]) -> None:
    assert error.__doc__


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_stands_in_the_tree(error: type[Exception]) -> None:
    assert error.__name__ in (errors.__doc__ or "")


def test_only_faults_of_an_endpoint_are_worth_a_retry() -> None:
    assert {each.__name__ for each in CLASSES if each.worth_a_retry} == {
        "EndpointFailed",
        "EndpointTimeout",
        "EndpointUnavailable",
    }
