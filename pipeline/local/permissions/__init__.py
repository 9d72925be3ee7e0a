"""Functions may do what their roles allow, and nothing else.

    callers     whose request it is: a worker signs with a key that names its function's role
    calls       what a request asks for: IAM's actions, their resources, and what conditions look at
    policies    whether the statements of a role allow it
    guard       stands before the services, and refuses

Whoever else asks (people, the services themselves) is trusted: there is one user. So is a function whose role was never
made, as in a test that only needs its ARN.
"""

from pipeline.local.permissions.callers import access_key
from pipeline.local.permissions.guard import Guard

__all__ = ["Guard", "access_key"]
