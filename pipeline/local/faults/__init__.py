"""Faults on purpose: what a plan says goes wrong in the local cloud, where and when (docs/faults.md).

One hook in each layer asks `Faults.strike` whether this call is to go wrong. A cloud without a plan has none.
"""

from pipeline.local.faults.injection import Faults, Injected, Strike
from pipeline.local.faults.plan import FaultPlan, FaultPlanError, load_plan, refuse_end_of_cloud

__all__ = ["FaultPlan", "FaultPlanError", "Faults", "Injected", "Strike", "load_plan", "refuse_end_of_cloud"]
