"""EventBridge: rules of the default bus whose targets are really called, and what services tell it of their own.

    patterns.py, matchers.py     which events a rule wants
    inputs.py, paths.py          what its targets get of them
    rules.py, bus.py             the rules, and the way of an event to their targets
    objects.py                   what S3 tells the bus, or queues, topics and functions
    executions.py                what Step Functions tells the bus
    executions.py                what Step Functions tells the bus
    service.py, publishing.py    the API

Targets are called by pipeline/local/delivery.
"""

from pipeline.local.events.executions import ExecutionEvents
from pipeline.local.events.objects import ObjectEvents
from pipeline.local.events.service import EventsService

__all__ = ["EventsService", "ExecutionEvents", "ObjectEvents"]
