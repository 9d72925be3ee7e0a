"""The default event bus: events come in, and go to the targets of every rule that they fit."""

import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.local.database import Database
from pipeline.local.delivery import Deliveries, Delivery
from pipeline.local.delivery.deliveries import MAX_AGE, MAX_RETRIES
from pipeline.local.events.inputs import dumps
from pipeline.local.events.rules import CompiledRule, Rule
from pipeline.local.timers import Timers

_KIND = "rule"


class Bus:
    """The rules, in memory and on disk, and the way from an event to their targets."""

    def __init__(
        self, database: Database, deliveries: Deliveries, timers: Timers, account_id: str, region: str
    ) -> None:
        self._database = database
        self._deliveries = deliveries
        self._clock = timers.clock
        self._account_id = account_id
        self._region = region
        self._lock = threading.Lock()
        self._rules = {name: CompiledRule(Rule(**kept)) for name, kept in database.documents(_KIND).items()}

    def arn(self, resource: str) -> str:
        return f"arn:aws:events:{self._region}:{self._account_id}:{resource}"

    def rules(self) -> list[Rule]:
        """Every rule, by name."""
        with self._lock:
            return [self._rules[name].rule for name in sorted(self._rules)]

    def rule(self, name: str) -> Rule | None:
        with self._lock:
            compiled = self._rules.get(name)
        return compiled.rule if compiled else None

    def save(self, rule: Rule) -> None:
        """Add a rule, or put it in the place of one of its name; raises PatternError or ValueError."""
        compiled = CompiledRule(rule)
        with self._lock:
            self._rules[rule.name] = compiled
            self._database.put(_KIND, rule.name, rule.to_json())

    def delete(self, name: str) -> None:
        with self._lock:
            self._rules.pop(name, None)
            self._database.delete(_KIND, name)

    def event(
        self, source: str, detail_type: str, detail: Any, resources: list[str], time: datetime | None = None
    ) -> dict[str, Any]:
        """An event of now, or of `time`, with an id of its own."""
        moment = time or datetime.fromtimestamp(self._clock(), UTC)
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self._account_id,
            "time": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._region,
            "resources": resources,
            "detail": detail,
        }

    def publish(self, event: Mapping[str, Any]) -> None:
        """Send an event to the targets of the rules that it fits."""
        with self._lock:
            rules = list(self._rules.values())
        for rule in rules:
            if rule.matches(event):
                self.send(rule, event)

    def fire(self, name: str, time: datetime) -> None:
        """Send the targets of a rule with a schedule the event of its firing."""
        with self._lock:
            compiled = self._rules.get(name)
        if compiled is not None and compiled.rule.enabled:
            self.send(compiled, self.event("aws.events", "Scheduled Event", {}, [compiled.rule.arn], time))

    def send(self, compiled: CompiledRule, event: Mapping[str, Any]) -> None:
        now = self._clock()
        came = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for number, target in compiled.rule.targets.items():
            policy = target.get("RetryPolicy", {})
            # An execution is called after its event and the target: what is delivered twice starts it once.
            place = uuid.uuid5(uuid.NAMESPACE_URL, f"{compiled.rule.arn}/{number}")
            self._deliveries.send(
                Delivery(
                    source=compiled.rule.arn,
                    target=target["Arn"],
                    payload=compiled.inputs[number](event, came),
                    name=f"{event['id']}_{place}",
                    created=now,
                    options={name: value for name, value in target.items() if name.endswith("Parameters")},
                    dead_letters=target.get("DeadLetterConfig", {}).get("Arn"),
                    role=target.get("RoleArn", ""),
                    undelivered=dumps(event),
                    max_retries=policy.get("MaximumRetryAttempts", MAX_RETRIES),
                    max_age=policy.get("MaximumEventAgeInSeconds", MAX_AGE),
                )
            )
