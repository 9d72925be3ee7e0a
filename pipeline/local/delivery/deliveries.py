"""Deliveries: each is tried until its target takes it or its retry policy is exhausted; then dead letters get it.

Source: EventBridge User Guide, "How EventBridge retries delivering events" and "Using dead-letter queues to process
undelivered events": 185 retries in 24 hours, exponential backoff with jitter, no retry where the target is not there;
EventBridge Scheduler User Guide, "Configuring a schedule's dead-letter queue".
"""

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.database import Database
from pipeline.local.delivery.targets import Failure, UnknownTargetError, call_of, failure_of
from pipeline.local.queues import Again, DurableQueue
from pipeline.local.timers import Timers

MAX_RETRIES, MAX_AGE = 185, 86_400
_LONGEST_PAUSE = 300.0
_TOO_OLD, _TOO_OFTEN = "MaximumEventAgeInSeconds", "MaximumRetryAttempts"
_ATTEMPT = "<aws.scheduler.attempt-number>"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """Something on its way to a target.

    Args:
        source: the ARN of the rule, schedule or bucket that sends it.
        target: the target's ARN.
        payload: what the target gets. For a schedule, `<aws.scheduler.attempt-number>` becomes the attempt's number.
        role: the ARN of the role in which the target is called; empty where the target's own policy says who may.
        name: the same at each attempt, and of no other delivery; at most 80 characters.
        created: when it came into being, in seconds since 1970: its age counts from here.
        options: what the target's kind needs, such as SqsParameters.
        dead_letters: the ARN of the queue for what cannot be delivered.
        undelivered: what the dead-letter queue gets; the payload where None.
        max_retries, max_age: the retry policy; seconds.
        scheduled_time: when a schedule was to fire, as text; it makes of the delivery one of the Scheduler's.
        attempts: how many have been made.
    """

    source: str
    target: str
    payload: str
    name: str
    created: float
    options: Mapping[str, Any] = field(default_factory=dict)
    dead_letters: str | None = None
    undelivered: str | None = None
    max_retries: int = MAX_RETRIES
    max_age: int = MAX_AGE
    scheduled_time: str | None = None
    role: str = ""
    attempts: int = 0


class Deliveries:
    """Delivers, on threads of its own. What is not delivered yet is on disk.

    `clients` gives the boto3 client of a service in the role with an ARN; without one, that of who may everything.
    """

    def __init__(self, database: Database, timers: Timers, clients: Callable[[str, str], Any]) -> None:
        self._clients = clients
        self._clock = timers.clock
        self._queue = DurableQueue(database, "deliveries", timers, self._work)

    def send(self, delivery: Delivery) -> None:
        """Deliver, in the background."""
        self._queue.put(asdict(delivery))

    def close(self) -> None:
        self._queue.close()

    def _work(self, item: Mapping[str, Any]) -> Again | None:
        delivery = Delivery(**item)
        if self._clock() - delivery.created > delivery.max_age:
            self._give_up(delivery, Failure("TIMEOUT", "The event was too old to be delivered"), _TOO_OLD)
            return None
        failure = self._attempt(delivery)
        if failure is None:
            return None
        if self._queue.closed:
            return Again(delivery.created, item)  # the services are being closed: the next cloud's are tried
        delivery = replace(delivery, attempts=delivery.attempts + 1)
        due = self._clock() + _pause(delivery.attempts)
        if failure.lasting:
            self._give_up(delivery, failure)
        elif delivery.attempts > delivery.max_retries:
            self._give_up(delivery, failure, _TOO_OFTEN)
        elif due - delivery.created > delivery.max_age:
            self._give_up(delivery, failure, _TOO_OLD)
        else:
            return Again(due, asdict(delivery))
        return None

    def _attempt(self, delivery: Delivery) -> Failure | None:
        try:
            payload = delivery.payload.replace(_ATTEMPT, str(delivery.attempts + 1))
            call = call_of(delivery.target, payload, delivery.name, delivery.options, self._trusted)
            call.make(lambda service: self._clients(service, delivery.role))
        except UnknownTargetError as error:
            return Failure("ResourceNotFound", str(error), gone=True, lasting=True)
        except (ClientError, BotoCoreError) as error:
            return failure_of(error)
        return None

    def _give_up(self, delivery: Delivery, failure: Failure, exhausted: str | None = None) -> None:
        said = f"{delivery.source} to {delivery.target}: {failure.code}: {failure.message}"
        if delivery.dead_letters is None:
            _log.warning("An event was dropped, since there is no dead-letter queue. %s", said)
            return
        attributes = _attributes(delivery, failure, exhausted)
        body = delivery.payload if delivery.undelivered is None else delivery.undelivered
        try:
            if delivery.scheduled_time is not None:
                body = self._request(delivery)
            url = self._trusted("sqs").get_queue_url(QueueName=delivery.dead_letters.rpartition(":")[2])["QueueUrl"]
            # A rule's queue says in its policy who may send; a schedule has its role for this, too.
            role = delivery.role if delivery.scheduled_time is not None else ""
            self._clients("sqs", role).send_message(
                QueueUrl=url,
                MessageBody=body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
                },
            )
        except (ClientError, BotoCoreError) as error:
            _log.warning("An event was dropped: its dead-letter queue does not take it (%s). %s", error, said)

    def _trusted(self, service: str) -> Any:
        return self._clients(service, "")

    def _request(self, delivery: Delivery) -> str:
        """The call that the Scheduler could not make; without the URL of a queue that is not there."""
        try:
            return call_of(delivery.target, delivery.payload, delivery.name, delivery.options, self._trusted).request
        except (ClientError, BotoCoreError, UnknownTargetError):
            return delivery.payload


def _pause(attempts: int) -> float:
    """Seconds before another attempt."""
    return min(2.0 ** min(attempts - 1, 20), _LONGEST_PAUSE) * random.uniform(0.5, 1)  # noqa: S311


def _attributes(delivery: Delivery, failure: Failure, exhausted: str | None) -> dict[str, str]:
    """The message attributes of a dead-letter message, as the two services write them."""
    retries = str(max(delivery.attempts - 1, 0))
    common = {"TARGET_ARN": delivery.target, "ERROR_MESSAGE": failure.message, "RETRY_ATTEMPTS": retries}
    if exhausted is not None:
        common["EXHAUSTED_RETRY_CONDITION"] = exhausted
    if delivery.scheduled_time is None:
        return {**common, "RULE_ARN": delivery.source, "ERROR_CODE": _rule_code(failure)}
    return {
        **common,
        "SCHEDULE_ARN": delivery.source,
        "ERROR_CODE": failure.code,
        "EXECUTION_ID": delivery.name,
        "SCHEDULED_TIME": delivery.scheduled_time,
        "IS_PAYLOAD_TRUNCATED": "false",
    }


def _rule_code(failure: Failure) -> str:
    """The error codes of EventBridge's dead-letter messages."""
    if failure.gone:
        return "NO_RESOURCE"
    if failure.refused:
        return "NO_PERMISSIONS"
    if failure.throttled:
        return "THROTTLING"
    if failure.code == "TIMEOUT":
        return "TIMEOUT"
    return "INVALID_PARAMETER" if failure.lasting else "ERROR_FROM_TARGET"
