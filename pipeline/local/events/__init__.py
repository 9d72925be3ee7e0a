"""EventBridge: rules of the default bus whose targets are really called, and the events that S3 sends to it.

patterns.py, matchers.py   which events a rule wants
inputs.py, paths.py        what its targets get of them
rules.py, bus.py           the rules, and the way of an event to their targets (pipeline/local/delivery)
objects.py                 what S3 says of objects
service.py                 the API
"""

from pipeline.local.events.objects import ObjectEvents
from pipeline.local.events.service import EventsService

__all__ = ["EventsService", "ObjectEvents"]
