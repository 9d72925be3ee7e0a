"""What each function is told by its environment, against what its settings ask for."""

import pytest

from pipeline.settings import (
    PlanInferenceSettings,
    PlanRetrySettings,
    ReportFailureSettings,
    StartRunSettings,
    WriteReportSettings,
)
from pipeline.single.process import ProcessSettings
from pipeline.single.settings import DeliverySettings, EndpointSettings, MessageSettings, ValidationSettings

SETTINGS = {
    "StartRunFunction": [StartRunSettings],
    "PlanInferenceFunction": [PlanInferenceSettings],
    "PlanRetryFunction": [PlanRetrySettings],
    "ReportFailureFunction": [ReportFailureSettings],
    "WriteReportFunction": [WriteReportSettings],
    "ValidateImageFunction": [ValidationSettings],
    "InvokeEndpointFunction": [ValidationSettings, EndpointSettings],
    "RankPredictionFunction": [MessageSettings],
    "PredictImageFunction": [ValidationSettings, EndpointSettings, MessageSettings, DeliverySettings],
    "ProcessImageFunction": [ProcessSettings],
}
# Read by what all functions share, by the decoders, and by glibc.
READ_ELSEWHERE = {"LOG_LEVEL", "STACK_NAME", "DECODERS", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}


class Environment(dict[str, str]):
    """The variables of a function, and which of them were asked for."""

    def __init__(self, variables):
        super().__init__(variables)
        self.asked = set()

    def __getitem__(self, name):
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)


@pytest.fixture(scope="module")
def functions(of_type):
    return of_type("AWS::Lambda::Function")


@pytest.fixture(scope="module")
def environment(with_parameters):
    """The environment of a function in a stack that has them all; names of resources are any text."""
    stack = with_parameters(EndpointName="photos", SingleImages="job")

    def value(node):
        return node if isinstance(node, str) else str(stack.scope.values.get(node.get("Ref", ""), "given"))

    def of(function):
        variables = stack.resources[function]["Properties"]["Environment"]["Variables"]
        return Environment({name: value(node) for name, node in variables.items()})

    return of


@pytest.mark.parametrize("function", SETTINGS)
def test_a_function_is_told_what_its_settings_ask_for_and_nothing_else(environment, function):
    given = environment(function)
    for settings in SETTINGS[function]:
        settings.from_env(given)
    assert set(given) - READ_ELSEWHERE == given.asked - READ_ELSEWHERE


def test_every_other_function_is_told_nothing(functions):
    told = {
        name
        for name, entry in functions.items()
        if name not in SETTINGS and set(entry["Environment"]["Variables"]) - READ_ELSEWHERE
    }
    assert told == set()
