"""How many cores this process may use: in a container, or under a CPU set, fewer than the machine has."""

import os


def available_cores() -> int:
    """At least 1. macOS knows no affinity: there it is every core."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
