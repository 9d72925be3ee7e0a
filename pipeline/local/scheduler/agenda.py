"""Lets schedules fire: each waits for its next moment, and is handed over for delivery then.

A schedule that a cloud missed while it was not running fires once when the cloud is back, for the latest of the moments
that it missed; AWS is never down, so there is nothing to imitate. The event is as old as its moment: one that is older
than MaximumEventAgeInSeconds is passed over, and what was to happen once goes to the dead-letter queue.
"""

import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from pipeline.local.database import Database
from pipeline.local.delivery import Deliveries, Delivery
from pipeline.local.scheduler.schedules import Schedule
from pipeline.local.timers import Timers

_KIND = "schedule"


class Agenda:
    """The schedules, in memory and on disk, and when each fires next."""

    def __init__(
        self, database: Database, deliveries: Deliveries, timers: Timers, account_id: str, region: str
    ) -> None:
        self._database = database
        self._deliveries = deliveries
        self._timers = timers
        self._account_id = account_id
        self._region = region
        self._lock = threading.RLock()
        self._schedules = {key: Schedule(**kept) for key, kept in database.documents(_KIND).items()}
        for schedule in self._schedules.values():
            self._plan(schedule)

    def all(self) -> list[Schedule]:
        """Every schedule, by group and name."""
        with self._lock:
            return [self._schedules[key] for key in sorted(self._schedules)]

    def find(self, key: str) -> Schedule | None:
        with self._lock:
            return self._schedules.get(key)

    def save(self, schedule: Schedule) -> None:
        """Add a schedule, or put it in the place of the one with its key, and let it fire when it says."""
        with self._lock:
            self._keep(schedule)
            self._plan(schedule)

    def delete(self, key: str) -> None:
        with self._lock:
            self._timers.cancel((_KIND, key))
            self._schedules.pop(key, None)
            self._database.delete(_KIND, key)

    def _keep(self, schedule: Schedule) -> None:
        self._schedules[schedule.key] = schedule
        self._database.put(_KIND, schedule.key, schedule.to_json())

    def _plan(self, schedule: Schedule) -> None:
        """Let a schedule fire at its next moment; at once, where it missed some."""
        key = (_KIND, schedule.key)
        self._timers.cancel(key)
        if not schedule.enabled:
            return
        now = self._timers.clock()
        missed: datetime | None = None
        for moment in schedule.moments(now):
            if moment.timestamp() > now:
                if missed is None:
                    # Within its flexible window a schedule fires at any time, each time at another.
                    due = moment.timestamp() + random.uniform(0, schedule.window)  # noqa: S311
                    self._timers.at(key, due, self._firing(schedule, moment))
                    return
                break
            missed = moment
        if missed is not None:
            self._timers.at(key, now, self._firing(schedule, missed))
        elif schedule.settings.get("ActionAfterCompletion") == "DELETE":
            self.delete(schedule.key)

    def _firing(self, schedule: Schedule, moment: datetime) -> Callable[[], None]:
        return partial(self._fire, schedule, moment)

    def _fire(self, schedule: Schedule, moment: datetime) -> None:
        with self._lock:
            if self._schedules.get(schedule.key) is not schedule:
                return  # changed or deleted meanwhile
            # The same moment has the same id, so that an execution is started once whenever this process ends.
            execution_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{schedule.arn}@{moment.timestamp()}").hex[:16]
            target = schedule.target
            self._deliveries.send(
                Delivery(
                    source=schedule.arn,
                    target=target["Arn"],
                    payload=schedule.payload(moment, execution_id, self._account_id, self._region),
                    name=execution_id,
                    created=moment.timestamp(),
                    options={name: value for name, value in target.items() if name.endswith("Parameters")},
                    dead_letters=target.get("DeadLetterConfig", {}).get("Arn"),
                    role=target["RoleArn"],
                    max_retries=schedule.max_retries,
                    max_age=schedule.max_age,
                    scheduled_time=moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                )
            )
            fired = replace(schedule, since=moment.timestamp())
            self._keep(fired)
            self._plan(fired)
