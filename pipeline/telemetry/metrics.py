"""Every metric that there is, and how it gets to CloudWatch: as a line of a log, in the embedded metric format (EMF).

CloudWatch Logs takes the metrics out of such lines by itself, those of functions and those of SageMaker's jobs alike
(CloudWatch User Guide, "Specification: Embedded metric format"; the header that PutLogEvents once needed is optional).
No request is made, and no permission is needed.

A metric has one dimension, the stack: each further value of a dimension is a metric of its own, and costs as one. What
a line is about (the run, the batch) stands beside the metrics, where CloudWatch Logs Insights finds it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from aws_lambda_powertools.metrics import EphemeralMetrics

NAMESPACE = "imagebatch"
STACK = "Stack"
REASON = "Reason"
"""The second dimension of ImagesRejected: one of the dozen reasons of pipeline/images/decode.py."""


@dataclass(frozen=True, slots=True)
class Metric:
    unit: str
    """As CloudWatch calls it (MetricDatum, `Unit`)."""
    meaning: str


METRICS: Mapping[str, Metric] = {
    "RunsSucceeded": Metric("Count", "runs that have their results"),
    "RunsFailed": Metric("Count", "executions that failed, ran out of time or were stopped"),
    "ImagesListed": Metric("Count", "images that runs were given"),
    "ImagesAccepted": Metric("Count", "those that validation accepted"),
    "ImagesRejected": Metric("Count", "those that are no good; by `Reason`, too"),
    "ImagesSkipped": Metric("Count", "those that were predicted before, and have not changed"),
    "ImagesPredicted": Metric("Count", "accepted images that have a prediction"),
    "ImagesFailed": Metric("Count", "accepted images that have none"),
    "RunSeconds": Metric("Seconds", "how long a run took"),
    "CostUsd": Metric("None", "what a run used, in US dollars"),
    "RejectedCount": Metric("Count", "images that a run rejected, for the alarm"),
    "RejectedFraction": Metric("None", "rejected images among those that a run validated, 0 to 1"),
    "FailedFraction": Metric("None", "failed images among those that were accepted, 0 to 1"),
    "BatchSeconds": Metric("Seconds", "how long a batch took to validate"),
    "ValidationImagesPerSecond": Metric("Count/Second", "images that one function validates in a second"),
    "ValidationMillisecondsPerImage": Metric("Milliseconds", "the same the other way round"),
    "JobSeconds": Metric("Seconds", "how long a Processing job predicted"),
    "JobImagesPerSecond": Metric("Count/Second", "images that a Processing job predicts in a second"),
    "SingleImagesPredicted": Metric("Count", "single images that an endpoint gave an answer for"),
    "SingleImagesRejected": Metric("Count", "single images that are no good"),
    "EndpointSeconds": Metric("Seconds", "how long a single image took to be prepared, sent and answered"),
}


def emit(values: Mapping[str, float], about: Mapping[str, str], dimensions: Mapping[str, str] | None = None) -> None:
    """Print a line with these metrics, which METRICS knows; `about` are its properties, as in `{"run_id": ...}`.

    Where STACK_NAME is not set, which the template sets, nothing is measured: what runs belongs to no stack.
    """
    stack = os.environ.get("STACK_NAME")
    if not stack or not values:
        return
    line = EphemeralMetrics(namespace=NAMESPACE)
    for dimension, which in {STACK: stack, **(dimensions or {})}.items():
        line.add_dimension(dimension, which)
    for name, value in values.items():
        line.add_metric(name, METRICS[name].unit, value)
    for property, text in about.items():
        line.add_metadata(property, text)
    line.flush_metrics()
