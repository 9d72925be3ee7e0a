"""Tell people that a run has failed: once for each time that an execution has ended so.

EventBridge delivers an event at least once, and Lambda calls a function that fails again. So a message is claimed by a
conditional write before it is published, in the name of the invocation that does: another one leaves it alone, and the
same one, called again because it did not come to its end, publishes it. Lambda's own retries keep the request's id
(Lambda Developer Guide, "Retry behavior in Lambda").
"""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline import objects
from pipeline.deployed.executions import console_url
from pipeline.results import failures, message_forms
from pipeline.runs import keys
from pipeline.settings import ReportFailureSettings
from pipeline.telemetry.run_metrics import tell_failed_run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)


def report_failure(
    detail: Mapping[str, Any],
    request: str,
    settings: ReportFailureSettings,
    s3: "S3Client",
    stepfunctions: Any,
    sns: Any,
) -> dict[str, Any]:
    """Publish the message about an execution, unless it was; `{"published", "key"}`, the key None where it goes on.

    `detail` is that of a "Step Functions Execution Status Change" event, `request` the id of the invocation.
    """
    failure = failures.look(detail["executionArn"], stepfunctions)
    if failure is None:
        return {"published": False, "key": None}
    ending = f"{failure.execution_name}-{failure.redrive_count}-{failure.status}"
    key = keys.message_key(failure.run_id, ending)
    message = message_forms.failed(failure, settings.stack, console_url(stepfunctions, failure.execution_arn))
    published = _publish_once(message, key, request, settings, s3, sns)
    about = {"run_id": failure.run_id or "", "execution": failure.execution_name, "error": failure.error}
    logger.info("%s: %s", message["subject"], "told" if published else "was told before", extra=about)
    if published:
        tell_failed_run(about)
    return {"published": published, "key": key}


def _publish_once(
    message: Mapping[str, str], key: str, request: str, settings: ReportFailureSettings, s3: "S3Client", sns: Any
) -> bool:
    claim = {"request": request, "published": False, **message}
    if not objects.put_json_if_absent(s3, settings.results_bucket, key, claim):
        there = objects.get_json(s3, settings.results_bucket, key)
        if there["published"] or there["request"] != request:
            return False
    sns.publish(
        TopicArn=settings.topic_arn, Subject=message["subject"], MessageStructure="json", Message=message["body"]
    )
    objects.put_json(s3, settings.results_bucket, key, {**claim, "published": True})
    return True
