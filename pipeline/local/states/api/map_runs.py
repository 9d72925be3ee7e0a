"""Map runs of distributed Map states: describe, list, update."""

from dataclasses import asdict
from functools import partial
from typing import Any

from pipeline.local.states.api.base import Operations, check_arn, page
from pipeline.local.states.records import Counts


class MapRunOperations(Operations):
    """Operations on map runs."""

    def describe_map_run(self, parameters: dict[str, Any]) -> dict[str, Any]:
        run = self.existing_map_run(parameters["mapRunArn"])
        return {
            "mapRunArn": run.arn,
            "executionArn": run.execution_arn,
            "status": run.status,
            "startDate": run.started,
            "stopDate": run.stopped,
            "maxConcurrency": run.max_concurrency,
            "toleratedFailurePercentage": run.tolerated_failure_percentage or 0.0,
            "toleratedFailureCount": run.tolerated_failure_count or 0,
            "itemCounts": _counts(run.items),
            "executionCounts": _counts(run.executions),
            "redriveCount": run.redrive_count,
            "redriveDate": run.redriven,
        }

    def list_map_runs(self, parameters: dict[str, Any]) -> dict[str, Any]:
        check_arn(parameters["executionArn"], "execution")
        of_execution = partial(self.store.map_runs, parameters["executionArn"])
        runs, token = page(parameters, "", of_execution, lambda run: run.arn)
        return {
            "mapRuns": [
                {
                    "executionArn": run.execution_arn,
                    "mapRunArn": run.arn,
                    "stateMachineArn": run.machine_arn,
                    "startDate": run.started,
                    "stopDate": run.stopped,
                }
                for run in runs
            ],
            "nextToken": token,
        }

    def update_map_run(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Change a run that is under way; it looks at its limits whenever a child starts or ends."""
        run = self.existing_map_run(parameters["mapRunArn"])
        run.max_concurrency = parameters.get("maxConcurrency", run.max_concurrency)
        run.tolerated_failure_count = parameters.get("toleratedFailureCount", run.tolerated_failure_count)
        run.tolerated_failure_percentage = parameters.get(
            "toleratedFailurePercentage", run.tolerated_failure_percentage
        )
        return {}


def _counts(counts: Counts) -> dict[str, int]:
    return asdict(counts) | {"failuresNotRedrivable": counts.failed, "pendingRedrive": 0}
