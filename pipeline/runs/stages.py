"""How far a run has come, by the states of the batch state machine."""

from collections.abc import Iterable
from enum import StrEnum


class Stage(StrEnum):
    """What a run is doing; in order."""

    STARTING = "starting"
    VALIDATING = "validating"
    PLANNING = "planning"
    PREDICTING = "predicting"
    GATHERING = "gathering"
    ANNOUNCING = "announcing"


OF_STATE = {
    "StartRun": Stage.STARTING,
    "ForEachSource": Stage.VALIDATING,
    "PlanInference": Stage.PLANNING,
    "RunProcessingJobs": Stage.PREDICTING,
    "RunTransformJobs": Stage.PREDICTING,
    "AggregatePredictions": Stage.GATHERING,
    "WriteReport": Stage.ANNOUNCING,
    "Notify": Stage.ANNOUNCING,
    "PublishEvent": Stage.ANNOUNCING,
}
"""Those states of the main line that take time or may fail. A run goes through them in this order, also redriven."""


def furthest(states: Iterable[str]) -> Stage:
    """What an execution that has entered these states, in any order, was doing last."""
    order = list(Stage)
    found = [OF_STATE[state] for state in states if state in OF_STATE]
    return max(found, key=order.index, default=Stage.STARTING)
