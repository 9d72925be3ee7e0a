"""A slow machine is not a failing test: properties run without hypothesis's deadline."""

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
