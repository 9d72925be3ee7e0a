"""EventBridge Scheduler: schedules that fire.

    cron.py, expressions.py   when
    schedules.py              what a schedule is
    agenda.py                 lets each fire when it has to
    service.py                the API

Targets are called by pipeline/local/delivery.
"""

from pipeline.local.scheduler.service import SchedulerService

__all__ = ["SchedulerService"]
