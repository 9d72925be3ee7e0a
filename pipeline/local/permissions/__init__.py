"""Functions, state machines, jobs and whatever else has a role may do what it allows, and nothing else.

    callers     whose request it is: its key names the role
    calls       what a request asks for: IAM's actions, their resources, and what conditions look at
    policies    whether the statements of a role allow it
    guard       stands before the services, and refuses

Whoever else asks (people, the services themselves) is trusted: there is one user. So is who has a role that was
never made, as in a test that only needs its ARN.
"""

from pipeline.local.permissions.callers import access_key, credentials
from pipeline.local.permissions.guard import Guard

__all__ = ["Guard", "access_key", "credentials"]
