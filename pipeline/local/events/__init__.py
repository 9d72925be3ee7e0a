"""EventBridge: rules of the default bus whose targets are really called, and what S3 tells of its objects.

    patterns.py, matchers.py     which events a rule wants
    inputs.py, paths.py          what its targets get of them
    rules.py, bus.py             the rules, and the way of an event to their targets
    objects.py                   what S3 tells the bus, or queues, topics and functions
    service.py, publishing.py    the API

Targets are called by pipeline/local/delivery.
"""

from pipeline.local.events.objects import ObjectEvents
from pipeline.local.events.service import EventsService

__all__ = ["EventsService", "ObjectEvents"]
