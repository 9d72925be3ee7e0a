"""Getting an event to its target: what EventBridge's rules, its Scheduler and S3's notifications have in common."""

from pipeline.local.delivery.deliveries import Deliveries, Delivery
from pipeline.local.delivery.targets import UnknownTargetError, check_target

__all__ = ["Deliveries", "Delivery", "UnknownTargetError", "check_target"]
