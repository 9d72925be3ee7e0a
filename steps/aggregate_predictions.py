"""AggregatePredictions: the tables, the summary, and the message about them."""

from typing import Any

from pipeline import aws
from pipeline.results.aggregate import aggregate_predictions
from pipeline.runs.run import load_own_run
from pipeline.telemetry.functions import logged

aws.prepare("s3", "sagemaker", "stepfunctions")


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"run", "plan", "partitions"?}` -> counts, where the results lie, and the message. No jobs, no `partitions`."""
    s3 = aws.object_reader()
    run = load_own_run(s3, event["run"])
    dynamodb = aws.client("dynamodb") if run.ledger else None
    partitions, counts = event.get("partitions") or [], event["plan"]["counts"]
    services = aws.client("sagemaker"), aws.client("stepfunctions")
    return aggregate_predictions(run, partitions, s3, dynamodb, counts, *services)
